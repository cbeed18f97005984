package decode

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
)

// H3: a column that no record fills is reported once, over all decoders, also where a value stands in; one that some decoder's records
// fill is not. Few records are looked at when it ends.
func TestH3ColumnsThatNothingFills(t *testing.T) {
	for _, n := range []int{3, fillWindow, 3 * fillWindow} {
		var got []string
		fill := NewFill(func(column string, records int64) { got = append(got, fmt.Sprint(column, " ", records)) })
		factory, err := JSON(Config{Fill: fill, Fields: []Field{{Column: "a", Type: fencepost.Int}, {Column: "typo", Type: fencepost.Int, Missing: Default("0")},
			{Column: "deep", Type: fencepost.Int, From: "o.x", Missing: Null()}, {Column: "rare", Type: fencepost.Int, Missing: Null()}, {Column: "k", Type: fencepost.Text, From: "_key"}}})
		if err != nil {
			t.Fatal(err)
		}
		for d, value := range []string{`{"a":1}`, `{"a":1,"rare":2,"o":{"y":1}}`} {
			decoder := factory()
			columns := columnsOf(decoder)
			for range []int{n, 1}[1-d] {
				if err := decoder.Decode(&fencepost.Record{Value: []byte(value)}, columns); err != nil {
					t.Fatal(err)
				}
			}
		}
		fill.Close()
		fill.Close()
		records := min(n, fillWindow) + 1
		if d := cmp.Diff([]string{fmt.Sprint("typo ", records), fmt.Sprint("deep ", records), fmt.Sprint("k ", records)}, got); d != "" {
			t.Errorf("%d records (-want +got):\n%s", n, d)
		}
	}
}
