package decode

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// shown is row 0 of a column as the table of TestCells writes it.
func shown(c *fencepost.Column) string {
	switch c.Type {
	case fencepost.Int, fencepost.Timestamp:
		return fmt.Sprint(c.Int(0))
	case fencepost.Float:
		return fmt.Sprint(c.Float(0))
	case fencepost.Bool:
		return fmt.Sprint(c.Bool(0))
	}
	return c.Text(0)
}

// Each verb of a Cell fits the types of its row in the table above Cell, with these values, and no other type.
func TestCells(t *testing.T) {
	type fits map[fencepost.Type]string
	text := func(s string) func(*Cell, *fencepost.Column) bool {
		return func(c *Cell, col *fencepost.Column) bool { return c.Text(col, []byte(s)) }
	}
	const second = 1_000_000_000 // in nanoseconds
	for what, c := range map[string]struct {
		put  func(*Cell, *fencepost.Column) bool
		unit Unit
		want fits
	}{
		"Int 11": {func(c *Cell, col *fencepost.Column) bool { return c.Int(col, 11) }, NoUnit,
			fits{fencepost.Int: "11", fencepost.Float: "11", fencepost.Decimal: "11", fencepost.JSON: "11"}},
		"Int in seconds": {func(c *Cell, col *fencepost.Column) bool { return c.Int(col, 61) }, Seconds,
			fits{fencepost.Int: "61", fencepost.Float: "61", fencepost.Decimal: "61", fencepost.JSON: "61", fencepost.Timestamp: "61000000", fencepost.Time: "00:01:01"}},
		"Int in days": {func(c *Cell, col *fencepost.Column) bool { return c.Int(col, 31) }, Days,
			fits{fencepost.Int: "31", fencepost.Float: "31", fencepost.Decimal: "31", fencepost.JSON: "31", fencepost.Timestamp: fmt.Sprint(31 * microsPerDay), fencepost.Date: "1970-02-01"}},
		"Uint of 64 bits": {func(c *Cell, col *fencepost.Column) bool { return c.Uint(col, math.MaxUint64) }, NoUnit,
			fits{fencepost.Float: "1.8446744073709552e+19", fencepost.Decimal: "18446744073709551615", fencepost.JSON: "18446744073709551615"}},
		"Uint small": {func(c *Cell, col *fencepost.Column) bool { return c.Uint(col, 7) }, NoUnit,
			fits{fencepost.Int: "7", fencepost.Float: "7", fencepost.Decimal: "7", fencepost.JSON: "7"}},
		"Float of 64 bits": {func(c *Cell, col *fencepost.Column) bool { return c.Float(col, 0.1, 64) }, NoUnit,
			fits{fencepost.Float: "0.1", fencepost.Decimal: "0.1", fencepost.JSON: "0.1"}},
		"Float of 32 bits": {func(c *Cell, col *fencepost.Column) bool { return c.Float(col, float64(float32(0.1)), 32) }, NoUnit,
			fits{fencepost.Float: "0.10000000149011612", fencepost.Decimal: "0.1", fencepost.JSON: "0.1"}},
		"Float large": {func(c *Cell, col *fencepost.Column) bool { return c.Float(col, -1e21, 64) }, NoUnit,
			fits{fencepost.Float: "-1e+21", fencepost.Decimal: "-1" + strings.Repeat("0", 21), fencepost.JSON: "-1e+21"}},
		"Float in seconds": {func(c *Cell, col *fencepost.Column) bool { return c.Float(col, 1.5, 64) }, Seconds,
			fits{fencepost.Float: "1.5", fencepost.Decimal: "1.5", fencepost.JSON: "1.5", fencepost.Timestamp: "1500000", fencepost.Time: "00:00:01.5"}},
		"NaN":      {func(c *Cell, col *fencepost.Column) bool { return c.Float(col, math.NaN(), 64) }, NoUnit, fits{}},
		"infinity": {func(c *Cell, col *fencepost.Column) bool { return c.Float(col, math.Inf(-1), 32) }, NoUnit, fits{}},
		"Bool": {func(c *Cell, col *fencepost.Column) bool { return c.Bool(col, true) }, NoUnit,
			fits{fencepost.Bool: "true", fencepost.JSON: "true"}},
		"Text":          {text("a\"\\\x01\tü"), NoUnit, fits{fencepost.Text: "a\"\\\x01\tü", fencepost.JSON: `"a\"\\\u0001\tü"`}},
		"Text with NUL": {text("a\x00"), NoUnit, fits{fencepost.JSON: `"a\u0000"`}},
		"Text of a moment": {text("1970-01-01T00:01:01Z"), NoUnit,
			fits{fencepost.Text: "1970-01-01T00:01:01Z", fencepost.JSON: `"1970-01-01T00:01:01Z"`, fencepost.Timestamp: "61000000"}},
		"Text of a number": {text("12.50"), NoUnit,
			fits{fencepost.Text: "12.50", fencepost.JSON: `"12.50"`, fencepost.Decimal: "12.50"}},
		"Text of a date":  {text("2001-02-03"), NoUnit, fits{fencepost.Text: "2001-02-03", fencepost.JSON: `"2001-02-03"`, fencepost.Date: "2001-02-03"}},
		"Text of a clock": {text("12:34"), NoUnit, fits{fencepost.Text: "12:34", fencepost.JSON: `"12:34"`, fencepost.Time: "12:34:00"}},
		"Text of base64":  {text("AQI="), NoUnit, fits{fencepost.Text: "AQI=", fencepost.JSON: `"AQI="`, fencepost.Bytes: "\x01\x02"}},
		"Raw":             {func(c *Cell, col *fencepost.Column) bool { return c.Raw(col, []byte{1, 2}) }, NoUnit, fits{fencepost.Bytes: "\x01\x02", fencepost.JSON: `"AQI="`}},
		"Decimal":         {func(c *Cell, col *fencepost.Column) bool { return c.Decimal(col, []byte("-1.20")) }, NoUnit, fits{fencepost.Decimal: "-1.20", fencepost.Float: "-1.2", fencepost.JSON: "-1.20"}},
		"Decimal, whole":  {func(c *Cell, col *fencepost.Column) bool { return c.Decimal(col, []byte("12")) }, Seconds, fits{fencepost.Int: "12", fencepost.Decimal: "12", fencepost.Float: "12", fencepost.JSON: "12"}},
		"Number":          {func(c *Cell, col *fencepost.Column) bool { return c.Number(col, []byte("5e-1")) }, NoUnit, fits{fencepost.Decimal: "0.5", fencepost.Float: "0.5", fencepost.JSON: "5e-1"}},
		"Number that is none": {func(c *Cell, col *fencepost.Column) bool {
			return c.Number(col, []byte(" 5")) || c.Number(col, []byte("")) || c.Number(col, []byte("05")) || c.Number(col, []byte("null"))
		},
			NoUnit, fits{}},
		"Instant": {func(c *Cell, col *fencepost.Column) bool { return c.Instant(col, second+1_999, Nanos) }, NoUnit,
			fits{fencepost.Timestamp: "1000001", fencepost.Int: "1000001999", fencepost.JSON: `"1970-01-01T00:00:01.000001Z"`}},
		"Instant before 1970": {func(c *Cell, col *fencepost.Column) bool { return c.Instant(col, -1, Nanos) }, NoUnit,
			fits{fencepost.Timestamp: "-1", fencepost.Int: "-1", fencepost.JSON: `"1969-12-31T23:59:59.999999Z"`}},
		"Instant of no year": {func(c *Cell, col *fencepost.Column) bool { return c.Instant(col, math.MaxInt64, Micros) }, NoUnit,
			fits{fencepost.Timestamp: "9223372036854775807", fencepost.Int: "9223372036854775807"}},
		"Instant that overflows": {func(c *Cell, col *fencepost.Column) bool { return c.Instant(col, math.MaxInt64, Millis) }, NoUnit, fits{fencepost.Int: "9223372036854775807"}},
		"Day": {func(c *Cell, col *fencepost.Column) bool { return c.Day(col, -1) }, NoUnit,
			fits{fencepost.Date: "1969-12-31", fencepost.Timestamp: fmt.Sprint(-microsPerDay), fencepost.Int: "-1", fencepost.JSON: `"1969-12-31"`}},
		"Day of no year": {func(c *Cell, col *fencepost.Column) bool { return c.Day(col, lastDay+1) }, NoUnit, fits{fencepost.Int: fmt.Sprint(lastDay + 1)}},
		"Clock": {func(c *Cell, col *fencepost.Column) bool { return c.Clock(col, 86_400_000, Millis) }, NoUnit,
			fits{fencepost.Time: "24:00:00", fencepost.Int: "86400000", fencepost.JSON: `"24:00:00"`}},
		"Clock beyond the day": {func(c *Cell, col *fencepost.Column) bool { return c.Clock(col, -1, Micros) }, NoUnit, fits{fencepost.Int: "-1"}},
		"UUID": {func(c *Cell, col *fencepost.Column) bool { return c.UUID(col, [16]byte{0x6b, 15: 0xc8}) }, NoUnit,
			fits{fencepost.UUID: "6b000000-0000-0000-0000-0000000000c8", fencepost.Text: "6b000000-0000-0000-0000-0000000000c8",
				fencepost.JSON: `"6b000000-0000-0000-0000-0000000000c8"`, fencepost.Bytes: "k" + strings.Repeat("\x00", 14) + "\xc8"}},
	} {
		got := fits{}
		for i := range fencepost.Types() {
			cell := Cell{Field: Field{Column: "c", Type: fencepost.Type(i), Unit: c.unit}}
			col := fencepost.Column{Name: "c", Type: cell.Type}
			if c.unit != NoUnit && c.unit != Days && cell.Type == fencepost.Date {
				continue // NewLayout refuses it
			}
			for range 2 { // the second meets what the first left in the cell
				col.Truncate(0)
				if ok := c.put(&cell, &col); ok != (col.Len() == 1) {
					t.Errorf("%s into %s: said %t, and appended %d rows", what, cell.Type, ok, col.Len())
				} else if ok {
					got[cell.Type] = shown(&col)
				}
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
}

// A text in a json column reads back as it was.
func TestQuotedTextReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.OneOf(rapid.String(), rapid.StringMatching(`[\x00-\x1f"\\a]*`)).Draw(t, "text")
		var s scanner
		var tok token
		quoted := AppendQuoted([]byte("x"), []byte(want))[1:]
		if i := s.whole(quoted, &tok); i < 0 {
			t.Fatalf("%s is not JSON at byte %d", quoted, ^i)
		}
		got := quoted[tok.lo:tok.hi]
		if tok.kind == escaped {
			got = unescape(nil, got)
		}
		if string(got) != want {
			t.Fatalf("%q came back as %q", want, got)
		}
	})
}

// The rules of a field say what stands in the place of a value, and a Fill counts a value that does not fit as one.
func TestRulesOfACell(t *testing.T) {
	var empty []string
	fill := NewFill(func(column string, _ int64) { empty = append(empty, column) })
	l, err := NewLayout(Config{Fill: fill, Fields: []Field{{Column: "bad", Type: fencepost.Int}, {Column: "gone", Type: fencepost.Int, Missing: Default("7")},
		{Column: "odd", Type: fencepost.Int, Mismatch: Null()}}})
	if err != nil {
		t.Fatal(err)
	}
	row := l.Row()
	columns := make([]fencepost.Column, 3)
	for i, c := range row.Columns() {
		columns[i] = fencepost.Column{Name: c.Name, Type: c.Type}
	}
	for what, err := range map[string]error{"field bad is missing": row.Cells[0].Missing(&columns[0]), "field bad: 1.5 is odd": row.Cells[0].Mismatch(&columns[0], "%g is odd", 1.5)} {
		if err == nil || err.Error() != what || columns[0].Len() != 0 {
			t.Errorf("got %v with %d rows, want %s", err, columns[0].Len(), what)
		}
	}
	columns[0].AppendInt(1)
	if err := row.Cells[1].Missing(&columns[1]); err != nil || columns[1].Int(0) != 7 {
		t.Errorf("missing: %v, %d, want 7", err, columns[1].Int(0))
	}
	if err := row.Cells[2].Mismatch(&columns[2], "%s", "odd"); err != nil || !columns[2].Null(0) {
		t.Errorf("mismatch: %v, null %t, want a null", err, columns[2].Null(0))
	}
	row.Observe(columns)
	fill.Close()
	if d := cmp.Diff([]string{"gone"}, empty); d != "" {
		t.Errorf("columns that nothing fills (-want +got):\n%s", d)
	}
}

// A tombstone is a delete: a row of nulls but for what is of the record itself, with d for what it does to its key.
func TestATombstoneIsADelete(t *testing.T) {
	make, err := JSON(Config{Tombstone: DeleteTombstone, Fields: []Field{{Column: "id", Type: fencepost.Int, From: "_key"}, {Column: "n", Type: fencepost.Int}}})
	if err != nil {
		t.Fatal(err)
	}
	d := make()
	var columns []fencepost.Column
	for _, c := range d.Columns() {
		columns = append(columns, fencepost.Column{Name: c.Name, Type: c.Type})
	}
	for _, r := range []fencepost.Record{{Key: []byte("1"), Value: []byte(`{"n":5}`)}, {Key: []byte("1")}} {
		if err := d.Decode(&r, columns); err != nil {
			t.Fatal(err)
		}
	}
	if len(columns) != 3 || columns[2].Name != fencepost.MetaOp || columns[2].Text(0) != "u" || columns[2].Text(1) != fencepost.OpDelete {
		t.Fatalf("what the records do: %+v", columns[2])
	}
	if columns[0].Int(1) != 1 || !columns[1].Null(1) || columns[1].Int(0) != 5 {
		t.Errorf("got %d and null %t, want the key and a null", columns[0].Int(1), columns[1].Null(1))
	}
}
