package sqlstore

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// row is one row of a batch of the columns k, a (text), b (int) and _op; nil is what it leaves unchanged.
type row struct {
	k       string
	a, b    any
	deletes bool
}

// TestWholeRows: what is put into rows is what earlier rows of their keys hold, as a slow twin finds it: one map of each key's values.
func TestWholeRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) row {
			r := row{k: rapid.SampledFrom([]string{"x", "y", ""}).Draw(t, "k"), deletes: rapid.IntRange(0, 4).Draw(t, "deletes") == 0}
			if rapid.Bool().Draw(t, "has a") {
				r.a = rapid.SampledFrom([]string{"", "1", "long"}).Draw(t, "a")
			}
			if rapid.Bool().Draw(t, "has b") {
				r.b = rapid.Int64Range(0, 3).Draw(t, "b")
			}
			return r
		}), 1, 12).Draw(t, "rows")
		lo := rapid.IntRange(0, len(rows)-1).Draw(t, "rows of no segment")
		got, err := whole(changesOf(rows, lo), []string{"k"})
		want, refused := twinOf(rows[lo:])
		if r, ok := errors.AsType[*sink.Rejected](err); ok != refused || err != nil && !ok {
			t.Fatalf("%v: got %v, refused is %t", rows[lo:], r, refused)
		}
		if refused {
			return
		}
		var is []string
		for i := range got.All() {
			is = append(is, shown(&got.Columns[1], i)+" "+shown(&got.Columns[2], i))
		}
		if d := cmp.Diff(want, is); d != "" {
			t.Fatalf("%v (-want +got):\n%s", rows[lo:], d)
		}
	})
}

// changesOf is the rows as a batch, whose segments leave out the first lo.
func changesOf(rows []row, lo int) *fencepost.Batch {
	b := &fencepost.Batch{Columns: []fencepost.Column{{Name: "k", Type: fencepost.Text}, {Name: "a", Type: fencepost.Text, Partial: true},
		{Name: "b", Type: fencepost.Int, Partial: true}, {Name: fencepost.MetaOp, Type: fencepost.Text}}}
	for i, r := range rows {
		b.Offsets, b.Times = append(b.Offsets, fencepost.Offset(i)), append(b.Times, 0)
		b.Columns[0].AppendText(r.k)
		switch {
		case r.deletes:
			b.Columns[1].AppendNull()
		case r.a == nil:
			b.Columns[1].AppendUnchanged()
		default:
			b.Columns[1].AppendText(r.a.(string))
		}
		switch {
		case r.deletes:
			b.Columns[2].AppendNull()
		case r.b == nil:
			b.Columns[2].AppendUnchanged()
		default:
			b.Columns[2].AppendInt(r.b.(int64))
		}
		b.Columns[3].AppendText(map[bool]string{true: fencepost.OpDelete, false: "u"}[r.deletes])
	}
	b.Segments = []fencepost.Segment{{Lo: lo, Hi: len(rows)}}
	return b
}

// twinOf is what rows hold of a and b, one after the other, and whether one lacks what a deleted row had.
func twinOf(rows []row) (want []string, refused bool) {
	held := map[string]*[2]string{} // :: key -> a and b; nil: it was deleted
	for _, r := range rows {
		if r.deletes {
			held[r.k], want = nil, append(want, "null null")
			continue
		}
		h, known := held[r.k]
		if h == nil {
			if known && (r.a == nil || r.b == nil) {
				return nil, true
			}
			h = &[2]string{"unchanged", "unchanged"}
			held[r.k] = h
		}
		if r.a != nil {
			h[0] = fmt.Sprintf("%q", r.a)
		}
		if r.b != nil {
			h[1] = fmt.Sprint(r.b)
		}
		want = append(want, h[0]+" "+h[1])
	}
	return want, false
}

// shown is a value of a column.
func shown(c *fencepost.Column, i int) string {
	switch {
	case c.Unchanged(i):
		return "unchanged"
	case c.Null(i):
		return "null"
	case c.Type == fencepost.Int:
		return fmt.Sprint(c.Int(i))
	}
	return fmt.Sprintf("%q", c.Text(i))
}
