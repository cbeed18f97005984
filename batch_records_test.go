package fencepost

import (
	"fmt"
	"testing"
)

// TestRowsOfARecord: rows with one offset in one segment are those of one record, and no others.
func TestRowsOfARecord(t *testing.T) {
	b := Batch{Offsets: []Offset{4, 7, 7, 7, 9, 9, 9}, Segments: []Segment{{Lo: 0, Hi: 5}, {Lo: 5, Hi: 7}}}
	for row, want := range [][2]int{{0, 1}, {1, 4}, {1, 4}, {1, 4}, {4, 5}, {5, 7}, {5, 7}} {
		s := b.Segments[0]
		if row >= s.Hi {
			s = b.Segments[1]
		}
		if lo, hi := b.RecordAt(s, row); [2]int{lo, hi} != want {
			t.Errorf("row %d is of the record of rows %d to %d, want %v", row, lo, hi, want)
		}
	}
	if n := b.Records(); n != 4 {
		t.Errorf("the batch has %d records, want 4: offsets 4, 7 and 9, and 9 of another partition", n)
	}
}

// TestRepeat: a row is repeated as it is: a value, a null, and one that is left to the sink.
func TestRepeat(t *testing.T) {
	for _, typ := range []Type{Int, Float, Text} {
		c := Column{Type: typ, Default: true}
		put := func() {
			switch typ {
			case Int:
				c.AppendInt(7)
			case Float:
				c.AppendFloat(0.5)
			default:
				c.AppendText("seven")
			}
		}
		put()
		c.Repeat(2)
		c.AppendNull()
		c.Repeat(1)
		c.AppendAbsent()
		c.Repeat(70)
		c.Repeat(0)
		got := ""
		for i := range c.Len() {
			got += map[bool]string{true: "n", false: "v"}[c.Null(i)] + map[bool]string{true: "a", false: ""}[c.Absent(i)]
		}
		want := "vvvnn"
		for range 71 {
			want += "na"
		}
		if got != want || typ == Text && fmt.Sprint(c.Text(0), c.Text(1), c.Text(2)) != "sevensevenseven" {
			t.Errorf("%s: got %s, want %s", typ, got, want)
		}
	}
}
