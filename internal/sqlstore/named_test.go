package sqlstore

import (
	"testing"

	"github.com/fencepost/fencepost"
)

// The row that a message is about: counted over the segments, by a null, by a key, or by all of its values.
func TestRowsOfMessages(t *testing.T) {
	b := &fencepost.Batch{Offsets: make([]fencepost.Offset, 5), Segments: []fencepost.Segment{{Lo: 0, Hi: 2}, {Lo: 3, Hi: 5}}, // row 2 is of no segment
		Columns: []fencepost.Column{{Name: "k", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}, {Name: "x", Type: fencepost.Float}}}
	for i, k := range []string{"a", "b", "c", "d, e", "a"} {
		b.Columns[0].AppendText(k)
		b.Columns[2].AppendFloat(1.5)
		if i == 2 || i == 4 {
			b.Columns[1].AppendNull()
		} else {
			b.Columns[1].AppendInt(int64(-i))
		}
	}
	for what, c := range map[string][2]int{
		"a null":                       {FirstNull(b, "n"), 4},
		"no null":                      {FirstNull(b, "k"), 0},
		"no column":                    {FirstNull(b, "none"), 0},
		"a key":                        {FirstHolding(b, []string{"b"}), 2},
		"a key of two":                 {FirstHolding(b, []string{"-3", "d, e"}), 3},
		"a key of a row in no segment": {FirstHolding(b, []string{"c"}), 0},
		"no key":                       {FirstHolding(b, nil), 0},
		"all values":                   {FirstAmong(b, "b, -1, 1.5, null"), 2},
		"a row without n":              {FirstAmong(b, "null, a"), 4},
		"values of no row":             {FirstAmong(b, "b, -7"), 0},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: got row %d, want %d", what, c[0], c[1])
		}
	}
}
