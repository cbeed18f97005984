package decode

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
)

func TestRaw(t *testing.T) {
	cases := []struct {
		typ   fencepost.Type
		value []byte
		want  string
	}{
		{fencepost.Bytes, []byte("\x00\xff"), "00ff"},
		{fencepost.Bytes, []byte{}, ""},
		{fencepost.Bytes, nil, "null"},
		{fencepost.Text, []byte("Zoë\n"), `"Zoë\n"`},
		{fencepost.Text, nil, "null"},
		{fencepost.Text, []byte("ab\x00"), `bad: value is not text at byte 2: ab\x00`},
		{fencepost.Text, []byte("é\xff\x00"), `bad: value is not text at byte 2: é\xff\x00`},
		{fencepost.Text, []byte("\x00\xff"), `bad: value is not text at byte 0: \x00\xff`},
		{fencepost.JSON, []byte(" [1] "), " [1] "},
		{fencepost.JSON, []byte("null"), "null"},
		{fencepost.JSON, []byte("[1"), "bad: value is not JSON at byte 2: it ends there"},
		{fencepost.JSON, []byte("1 2"), "bad: value is not JSON at byte 2: 1 2"},
		{fencepost.JSON, []byte(nest(MaxDepth)), nest(MaxDepth)},
		{fencepost.JSON, []byte(nest(MaxDepth + 1)), "bad: value is nested deeper than 1000, at byte 1000"},
	}
	for _, c := range cases {
		make, err := Raw(fencepost.ColumnSpec{Name: "value", Type: c.typ})
		if err != nil {
			t.Fatal(err)
		}
		d := make()
		columns := columnsOf(d)
		row, err := decodeRow(d, columns, &fencepost.Record{Value: c.value})
		got := strings.Join(row, " | ")
		if err != nil {
			got = "bad: " + err.Error()
		} else if columns[0].Null(0) != (c.value == nil) {
			t.Errorf("%s of %q: null is %v", c.typ, c.value, columns[0].Null(0))
		}
		if got != c.want {
			t.Errorf("%s of %q: got %s, want %s", c.typ, c.value, got, c.want)
		}
	}
	if got := RawColumn(); got != (fencepost.ColumnSpec{Name: "value", Type: fencepost.Bytes}) {
		t.Errorf("the default column is %v, want value of bytes", got)
	}
}

func nest(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// The object counts as a level, in wanted fields and in others.
func TestJSONDepth(t *testing.T) {
	c := Config{Fields: []Field{{Column: "a", Type: fencepost.JSON, Missing: Null()}}}
	make, err := JSON(c)
	if err != nil {
		t.Fatal(err)
	}
	d := make()
	columns := columnsOf(d)
	for _, name := range []string{"a", "other"} {
		for depth := MaxDepth - 2; depth <= MaxDepth+1; depth++ {
			value := fmt.Sprintf(`{"%s":%s}`, name, nest(depth))
			compare(t, c, d, columns, []byte(value))
			if _, err := twin(c, []byte(value)); (err == nil) != (depth < MaxDepth) {
				t.Errorf("depth %d in field %s: the twin says %v", depth+1, name, err)
			}
		}
	}
}

// The bound of decimals counts digits as written out, however the record spells them.
func TestDecimalBound(t *testing.T) {
	c := Config{Fields: []Field{{Column: "a", Type: fencepost.Decimal}}}
	make, err := JSON(c)
	if err != nil {
		t.Fatal(err)
	}
	d := make()
	columns := columnsOf(d)
	for extra := range 2 {
		n := MaxDigits + extra
		for _, num := range []string{
			strings.Repeat("7", n),
			"-" + strings.Repeat("7", n),
			strings.Repeat("7", n-5) + ".12345",
			"1e" + strconv.Itoa(n-1),
			"1.5e" + strconv.Itoa(n-1),
			"1e-" + strconv.Itoa(n-1),
			"-0.5e-" + strconv.Itoa(n-2),
		} {
			value := `{"a":` + num + `}`
			compare(t, c, d, columns, []byte(value))
			if _, err := twin(c, []byte(value)); (err == nil) != (extra == 0) {
				t.Errorf("%s: the twin says %v", num, err)
			}
		}
	}
}

func TestJSONTombstone(t *testing.T) {
	make, err := JSON(Config{Fields: []Field{{Column: "a", Type: fencepost.Int, Missing: Null(), Mismatch: Null()}}})
	if err != nil {
		t.Fatal(err)
	}
	d := make()
	_, err = decodeRow(d, columnsOf(d), &fencepost.Record{})
	want := &fencepost.BadRecord{Code: "record-undecodable", Reason: "record has no value (a tombstone)"}
	var got *fencepost.BadRecord
	if !errors.As(err, &got) || *got != *want {
		t.Errorf("a record without a value: got %v, want %v", err, want)
	}
}

func TestV17Tombstones(t *testing.T) {
	fields := []Field{{Column: "a", Type: fencepost.Int, Missing: Default("7")}, {Column: "b", Type: fencepost.JSON}}
	for rule, want := range map[Tombstone]string{SkipTombstone: "no row", NullsTombstone: "null | null"} {
		make, err := JSON(Config{Fields: fields, Tombstone: rule})
		if err != nil {
			t.Fatal(err)
		}
		d := make()
		got, err := decodeRow(d, columnsOf(d), &fencepost.Record{})
		if errors.Is(err, fencepost.ErrNoRow) {
			got, err = []string{"no row"}, nil
		}
		if strings.Join(got, " | ") != want || err != nil {
			t.Errorf("rule %d: got %s, %v; want %s", rule, got, err, want)
		}
		if _, err := decodeRow(d, columnsOf(d), &fencepost.Record{Value: []byte{}}); errors.Is(err, fencepost.ErrNoRow) || err == nil {
			t.Errorf("rule %d: an empty value is none of JSON, got %v", rule, err)
		}
	}
}

// Each unknown name is reported once, over all decoders, however often and however spelled it comes.
func TestUnknownNamesAreToldOnce(t *testing.T) {
	var names []string
	long := strings.Repeat("é", 200) // 400 bytes
	make, err := JSON(Config{
		Fields: []Field{{Column: "a", Type: fencepost.Int}, {Column: "b", Type: fencepost.Int, From: long[:maxName]}},
		Unknown: func(n string, tp fencepost.TopicPartition, at fencepost.Offset) {
			names = append(names, fmt.Sprintf("%s %s %d", n, tp, at))
		}, // one call at a time: -race says if not
	})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			d := make()
			columns := columnsOf(d)
			for range 3 {
				row, err := decodeRow(d, columns, &fencepost.Record{TopicPartition: fencepost.TopicPartition{Topic: "t", Partition: 3}, Offset: 7, Value: fmt.Appendf(nil,
					`{"x":1,"a":2,"\u0078":3,"y\"":4,"%s":5,"%s":6,"z%s":7,"z%s1":8}`, long[:maxName], long, long, long)})
				if diff := cmp.Diff([]string{"2", "5"}, row); err != nil || diff != "" {
					t.Errorf("row differs: %v (-want +got):\n%s", err, diff)
				}
			}
		})
	}
	wg.Wait()
	// The name that begins with a wanted one is not reported: what is remembered of it is not its own.
	want := []string{"x t:3 7", `y" t:3 7`, "z" + long[:254] + " t:3 7"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names told (-want +got):\n%s", diff)
	}
}

// A topic whose names have no end costs bounded memory, and its records still decode, or are refused.
func TestUnknownNamesAreBounded(t *testing.T) {
	for _, policy := range []UnknownFields{IgnoreUnknown, RefuseUnknown} {
		count := 0
		make, err := JSON(Config{
			Fields:        []Field{{Column: "a", Type: fencepost.Int}},
			UnknownFields: policy,
			Unknown:       func(string, fencepost.TopicPartition, fencepost.Offset) { count++ },
		})
		if err != nil {
			t.Fatal(err)
		}
		d := make()
		columns := columnsOf(d)
		for i := range 3 * maxNames {
			_, err := decodeRow(d, columns, &fencepost.Record{Value: fmt.Appendf(nil, `{"n%d":1,"a":2,"a":3}`, i)})
			if (err != nil) != (policy == RefuseUnknown) {
				t.Fatalf("record %d: got error %v", i, err)
			}
		}
		if p := d.(*projector); count != maxNames || len(p.names) != maxNames+2 {
			t.Errorf("%d names told and %d remembered, want %d and 2 more", count, len(p.names), maxNames)
		}
	}
}

func TestSchemaFaults(t *testing.T) {
	field := func(f Field) []Field { return []Field{f} }
	cases := []struct {
		fields []Field
		want   string
	}{
		{nil, "the schema has no columns: name at least one, or use raw"},
		{field(Field{}), "column 1 has no name: give it one"},
		{field(Field{Column: "_key"}), "_key: names with _ in front are kept for the metadata columns: call it key and set from: _key"},
		{[]Field{{Column: "a"}, {Column: "a"}}, "a: is there twice: rename one of them, and set from to the field's name"},
		{field(Field{Column: "a", Type: 99}), "a: 99 is not a column type: text int float bool timestamp decimal json bytes date time uuid"},
		{field(Field{Column: "a\x00"}), "a\x00: is not text: UTF-8 without NUL"},
		{field(Field{Column: "a", From: "\xff"}), "a: is not UTF-8: a JSON name always is"},
		{field(Field{Column: "a", Unit: Seconds}), "a: only a timestamp, a date or a time has a unit, this is text: drop unit, or make it a timestamp"},
		{field(Field{Column: "a", Type: fencepost.Date, Unit: Seconds}), "a: a date counts days: unit: days; or make it a timestamp"},
		{field(Field{Column: "a", Type: fencepost.Time, Unit: Days}), "a: a time of day is less than a day: s, ms, us or ns since midnight"},
		{field(Field{Column: "a", Type: fencepost.Timestamp, Unit: 9}), "a: is not a unit: s ms us ns days"},
		{field(Field{Column: "a", Type: fencepost.Int, Missing: Default("x")}), "a: the value x is not JSON: error, null, default, or a value that fits"},
		{field(Field{Column: "a", Type: fencepost.Int, Mismatch: Default(`"7"`)}),
			`a: "7" does not fit int: it is a string: error, null, or a value that fits`},
		{field(Field{Column: "a", Missing: Default("null")}), "a: null as a value is the rule null: error, null, default, or a value that fits"},
	}
	for _, c := range cases {
		_, err := JSON(Config{Fields: c.fields})
		var f *FieldError
		if !errors.As(err, &f) || err.Error() != c.want {
			t.Errorf("%+v\n got %v\nwant %s", c.fields, err, c.want)
		}
	}
	if _, err := Raw(fencepost.ColumnSpec{Name: "value", Type: fencepost.Int}); err == nil ||
		err.Error() != "value: raw can not give int: bytes, text or json; or decode: json" {
		t.Errorf("raw of int: got %v", err)
	}
}

func TestFunc(t *testing.T) {
	columns := []fencepost.ColumnSpec{{Name: "k", Type: fencepost.Bytes}, {Name: "n", Type: fencepost.Int}}
	make, err := Func(columns, func(r *fencepost.Record, c []fencepost.Column) error {
		switch string(r.Value) {
		case "plain":
			return errors.New("no")
		case "own":
			return fmt.Errorf("wrapped: %w", &fencepost.BadRecord{Code: "own", Reason: "mine"})
		case "short":
			c[0].AppendBytes(r.Key)
			return nil
		case "none":
			c[0].AppendBytes(r.Key)
			return fmt.Errorf("wrapped: %w", fencepost.ErrNoRow)
		}
		c[0].AppendBytes(r.Key)
		c[1].AppendInt(int64(len(r.Value)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	d := make()
	batch := columnsOf(d)
	cases := []struct{ value, want string }{
		{"four", "6b | 4"},
		{"plain", "record-undecodable: no"},
		{"own", "own: mine"},
		{"short", "record-undecodable: the decode function appended 0 values to column n, not 1"},
		{"none", "no row"},
		{"", "6b | 0"},
	}
	for _, c := range cases {
		row, err := decodeRow(d, batch, &fencepost.Record{Key: []byte("k"), Value: []byte(c.value)})
		got := strings.Join(row, " | ")
		var b *fencepost.BadRecord
		if errors.As(err, &b) {
			got = b.Code + ": " + b.Reason
		}
		if errors.Is(err, fencepost.ErrNoRow) {
			got = "no row"
		}
		if got != c.want {
			t.Errorf("value %q: got %s, want %s", c.value, got, c.want)
		}
	}
	if _, err := Func([]fencepost.ColumnSpec{{Name: "_k"}}, nil); err == nil {
		t.Error("a column _k was taken, want it refused")
	}
}

// Every day of every year that the form can hold, against package time.
func TestDaysAgreeWithTime(t *testing.T) {
	day := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := days(0, 1, 1); day.Year() < 10_000; n++ {
		if got := days(day.Year(), int(day.Month()), day.Day()); got != n || day.Unix() != int64(n)*86_400 {
			t.Fatalf("%s is day %d by the calendar, got %d", day.Format(time.DateOnly), day.Unix()/86_400, got)
		}
		day = day.AddDate(0, 0, 1)
	}
}

// Every byte at every place of eight: the mask's first hit is the byte that ends the plain part.
func TestMaskFindsTheFirst(t *testing.T) {
	ends := func(c byte) bool { return c < ' ' || c == '"' || c == '\\' || c >= 0x80 }
	var s scanner
	for place := range 8 {
		for c := range 256 {
			for _, after := range []byte{' ', '!', '#', '[', ']', 0x7f, '"', 0x1f, 0x80, 0, 0xff} {
				text := []byte("abcdefghij\"")
				text[place], text[place+1] = byte(c), after
				want := 0
				for !ends(text[want]) {
					want++
				}
				got := 0
				for i := range 8 {
					if mask(le64(text))>>(8*i)&0x80 != 0 {
						break
					}
					got++
				}
				if got != min(want, 8) {
					t.Fatalf("%q: the mask's first hit is byte %d, want %d", text, got, want)
				}
				if end, _ := s.text(text, 0); text[want] == '"' && end != want {
					t.Fatalf("%q: the string ends at %d, want %d", text, end, want)
				}
			}
		}
	}
}

func le64(b []byte) uint64 {
	x := uint64(0)
	for i := range 8 {
		x |= uint64(b[i]) << (8 * i)
	}
	return x
}

func TestWords(t *testing.T) {
	for _, u := range []Unit{Seconds, Millis, Micros, Nanos, Days} {
		if got, ok := ParseUnit(u.String()); got != u || !ok {
			t.Errorf("unit %s reads back as %s", u, got)
		}
	}
	for _, s := range []string{"", "sec", "d"} {
		if u, ok := ParseUnit(s); ok {
			t.Errorf("unit %q is taken as %s", s, u)
		}
	}
	for want, r := range map[string]Rule{"error": {}, "null": Null(), `"x"`: Default(`"x"`)} {
		if r.String() != want {
			t.Errorf("rule reads %s, want %s", r, want)
		}
	}
}
