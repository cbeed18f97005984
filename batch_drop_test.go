package fencepost_test

import (
	"slices"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// A batch with rows taken out is the batch that never had them: in every type, with nulls and absent values, whatever rows go,
// and also for what is appended behind.
func TestDropAgreesWithNeverAppended(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := fencepost.Types()
		var got fencepost.Batch
		for _, name := range kinds {
			kind, _ := fencepost.ParseType(name)
			got.Columns = append(got.Columns, fencepost.Column{Name: name, Type: kind, Default: rapid.Bool().Draw(t, "default"), Partial: rapid.Bool().Draw(t, "partial")})
		}
		want := make([][]any, len(kinds)) // :: column -> its values
		var offsets []fencepost.Offset
		add := func(o fencepost.Offset, kept bool) {
			got.Offsets, got.Times = append(got.Offsets, o), append(got.Times, int64(o)*7)
			for i := range got.Columns {
				c := &got.Columns[i]
				var v any
				if c.Default && rapid.IntRange(0, 4).Draw(t, "absent") == 0 {
					c.AppendAbsent()
					v = "absent"
				} else if c.Partial && rapid.IntRange(0, 4).Draw(t, "unchanged") == 0 {
					c.AppendUnchanged()
					v = "unchanged"
				} else {
					v = drawCell(t, c)
				}
				if kept {
					want[i] = append(want[i], v)
				}
			}
			if kept {
				offsets = append(offsets, o)
			}
		}
		check := func() {
			t.Helper()
			if diff := cmp.Diff(offsets, got.Offsets, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("offsets (-want +got):\n%s", diff)
			}
			for i := range got.Columns {
				c := &got.Columns[i]
				var cells []any
				nulls := false
				for row := range c.Len() {
					v := cell(c, row)
					if nulls = nulls || v == nil; c.Absent(row) {
						v = "absent"
					}
					if c.Unchanged(row) {
						v = "unchanged"
					}
					cells = append(cells, v)
				}
				if diff := cmp.Diff(want[i], cells); diff != "" || c.HasNulls() != nulls {
					t.Fatalf("column %s, has nulls %t (-want +got):\n%s", c.Name, c.HasNulls(), diff)
				}
			}
			for row, o := range got.Offsets {
				if got.Times[row] != int64(o)*7 {
					t.Fatalf("time of the row at %d: %d", o, got.Times[row])
				}
			}
		}

		var dropped []int
		n := rapid.SampledFrom([]int{1, 5, 63, 64, 65, 130}).Draw(t, "rows")
		often := rapid.IntRange(1, 9).Draw(t, "one in")
		for row := range n {
			drop := rapid.IntRange(1, often).Draw(t, "drop") == 1
			if add(fencepost.Offset(10*row), !drop); drop {
				dropped = append(dropped, row)
			}
		}
		mid := rapid.IntRange(0, n).Draw(t, "second segment")
		got.Segments = []fencepost.Segment{{Lo: 0, Hi: mid, Range: fencepost.OffsetRange{Until: 1000}}, {Lo: mid, Hi: n}}
		got.Drop(dropped...)
		check()
		first := mid - len(slices.DeleteFunc(slices.Clone(dropped), func(row int) bool { return row >= mid }))
		whole := []fencepost.Segment{{Lo: 0, Hi: first, Range: fencepost.OffsetRange{Until: 1000}}, {Lo: first, Hi: n - len(dropped)}}
		if diff := cmp.Diff(whole, got.Segments); diff != "" {
			t.Fatalf("segments (-want +got):\n%s", diff)
		}
		for row := range rapid.IntRange(0, 70).Draw(t, "more") {
			add(fencepost.Offset(10*(n+row)), true)
		}
		check()
	})
}
