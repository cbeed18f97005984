package shape

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// orders decodes records of an order.
func orders(t testing.TB) decode.Factory {
	t.Helper()
	factory, err := decode.JSON(decode.Config{Fields: []decode.Field{{Column: "id", Type: fencepost.Int}, {Column: "n", Type: fencepost.Int, Missing: decode.Null()},
		{Column: "price", Type: fencepost.Decimal, Missing: decode.Null()}, {Column: "city", Type: fencepost.Text, Missing: decode.Null()},
		{Column: "at", Type: fencepost.Timestamp, Missing: decode.Null()}}})
	if err != nil {
		t.Fatal(err)
	}
	return factory
}

func column(name string, typ fencepost.Type, expr string) Column {
	return Column{Field: decode.Field{Column: name, Type: typ}, Expr: expr}
}

func columnsOf(d fencepost.Decoder) (columns []fencepost.Column) {
	for _, c := range d.Columns() {
		columns = append(columns, fencepost.Column{Name: c.Name, Type: c.Type})
	}
	return columns
}

// text is row i of a column.
func text(c *fencepost.Column, i int) string {
	switch {
	case c.Null(i):
		return "null"
	case c.Type == fencepost.Int || c.Type == fencepost.Timestamp || c.Type == fencepost.Bool:
		return fmt.Sprint(c.Int(i))
	case c.Type == fencepost.Float:
		return fmt.Sprint(c.Float(i))
	}
	return c.Text(i)
}

// TestWhere: rows that do not hold the condition are no rows, and those that fail are bad records.
func TestWhere(t *testing.T) {
	for _, c := range []struct{ where, value, want string }{
		{"n > 3", `{"id":1,"n":4}`, "row"}, {"n > 3", `{"id":1,"n":3}`, "none"}, {"n > 3", `{"id":1}`, "none"}, {"n == nil or n > 3", `{"id":1}`, "row"},
		{`city in ["Oslo"] and n > 0`, `{"id":1,"n":1,"city":"Oslo"}`, "row"}, {"n + id > 0", `{"id":9223372036854775807,"n":1}`, "where: the value is beyond 64 bits"},
		{`_topic == "orders" and _offset == 7 and _key == "k"`, `{"id":1}`, "row"}, {"n > 3", `{"id":"x"}`, `field id: "x" does not fit int`},
		{"n / 0 > 1", `{"id":1,"n":1}`, "where: division by zero"}, {"true", `{"id":1}`, "row"}, {"false", `{"id":1}`, "none"},
	} {
		factory, err := New(orders(t), Config{Where: c.where})
		if err != nil {
			t.Errorf("%s: %v", c.where, err)
			continue
		}
		d := factory()
		columns := columnsOf(d)
		err = d.Decode(&fencepost.Record{TopicPartition: fencepost.TopicPartition{Topic: "orders"}, Offset: 7, Key: []byte("k"), Value: []byte(c.value)}, columns)
		got := "row"
		if b, bad := errors.AsType[*fencepost.BadRecord](err); bad {
			if got = b.Reason; b.Code != decode.Undecodable {
				t.Errorf("%s: code %s", c.where, b.Code)
			}
		} else if errors.Is(err, fencepost.ErrNoRow) {
			got = "none"
		} else if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s of %s: got %s, want %s", c.where, c.value, got, c.want)
		}
	}
}

// TestComputed: a value for each column, or a bad record; behind the rows that the batch has.
func TestComputed(t *testing.T) {
	null := func(c Column) Column { c.Mismatch = decode.Null(); return c }
	ms := column("ms", fencepost.Timestamp, "n * 1000")
	ms.Unit = decode.Millis
	for _, c := range []struct {
		columns []Column
		value   string
		want    string
	}{
		{[]Column{column("double", fencepost.Int, "n * 2"), column("four", fencepost.Int, "double * 2")}, `{"id":1,"n":4}`, "8 16"},
		{[]Column{column("double", fencepost.Int, "n * 2")}, `{"id":1}`, "null"},
		{[]Column{column("half", fencepost.Float, "n / 2")}, `{"id":1,"n":5}`, "2.5"},
		{[]Column{column("double", fencepost.Int, "n * 2")}, `{"id":1,"n":9223372036854775807}`, "bad: field double: the value is beyond 64 bits"},
		{[]Column{null(column("double", fencepost.Int, "n * 2"))}, `{"id":1,"n":9223372036854775807}`, "null"},
		{[]Column{column("late", fencepost.Bool, "n > 3 or id == 1")}, `{"id":1}`, "1"},
		{[]Column{column("same", fencepost.Decimal, "price")}, `{"id":1,"price":12.50}`, "12.50"},
		{[]Column{column("upper", fencepost.Text, `upper(city) + "!"`)}, `{"id":1,"city":"Oslo"}`, "OSLO!"},
		{[]Column{column("day", fencepost.Date, `at.Format("2006-01-02")`)}, `{"id":1,"at":"2001-02-03T04:05:06Z"}`, "2001-02-03"},
		{[]Column{column("next", fencepost.Timestamp, `at + duration("1s")`)}, `{"id":1,"at":"1970-01-01T00:00:00Z"}`, "1000000"},
		{[]Column{ms}, `{"id":1,"n":2}`, "2000000"},
		{[]Column{column("doc", fencepost.JSON, `"{\"a\": " + string(n) + "}"`)}, `{"id":1,"n":2}`, `{"a": 2}`},
		{[]Column{column("doc", fencepost.JSON, "city")}, `{"id":1,"city":"Oslo"}`, `bad: field doc: "Oslo" does not fit json`},
		{[]Column{column("raw", fencepost.Bytes, "_key")}, `{"id":1}`, "k\xff"},
		{[]Column{column("key", fencepost.Text, "_key")}, `{"id":1}`, `bad: field key: "k\xff" does not fit text`},
		{[]Column{column("one", fencepost.Int, "1")}, `{"id":1}`, "1"},
		{[]Column{column("id", fencepost.UUID, "city")}, `{"id":1,"city":"x"}`, "refused"},
	} {
		factory, err := New(orders(t), Config{Columns: c.columns})
		if err != nil {
			if c.want != "refused" {
				t.Errorf("%s: %v", c.columns[0].Expr, err)
			}
			continue
		}
		d := factory()
		columns := columnsOf(d)
		if d.Decode(&fencepost.Record{Value: []byte(`{"id":0,"n":0,"price":0,"city":"[]","at":"1970-01-01T00:00:00Z"}`), Key: []byte("x")}, columns) != nil {
			for k := range columns { // a row before it, which is not looked at
				columns[k].Truncate(0)
			}
		}
		at := columns[0].Len()
		err = d.Decode(&fencepost.Record{Value: []byte(c.value), Key: []byte("k\xff")}, columns)
		var got []string
		if err != nil {
			got = []string{"bad: " + err.Error()}
		} else {
			for k := range c.columns {
				got = append(got, text(&columns[5+k], at))
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.columns[0].Expr, c.value, got, c.want)
		}
	}
}

// TestDeletesAreKept: the columns of a delete are null, and it deletes what was kept before, unless the condition looks for it.
func TestDeletesAreKept(t *testing.T) {
	of, err := decode.JSON(decode.Config{Tombstone: decode.DeleteTombstone, Fields: []decode.Field{{Column: "id", Type: fencepost.Int, From: "_key"}, {Column: "n", Type: fencepost.Int}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		where string
		want  []error // of n 5, of n 1, of a delete
	}{{"n > 3", []error{nil, fencepost.ErrNoRow, nil}}, {"twice > 6", []error{nil, fencepost.ErrNoRow, nil}}, {`n > 3 and _op != "d"`, []error{nil, fencepost.ErrNoRow, fencepost.ErrNoRow}}} {
		factory, err := New(of, Config{Where: c.where, Columns: []Column{column("twice", fencepost.Int, "n * 2")}})
		if err != nil {
			t.Fatal(err)
		}
		for i, value := range [][]byte{[]byte(`{"n":5}`), []byte(`{"n":1}`), nil} {
			d := factory()
			columns := columnsOf(d)
			if err := d.Decode(&fencepost.Record{Key: []byte("1"), Value: value}, columns); !errors.Is(err, c.want[i]) || c.want[i] == nil && text(&columns[0], 0) != "1" {
				t.Errorf("%s of %s: got %v, want %v", c.where, value, err, c.want[i])
			}
		}
	}
}

// TestWhereComesFirst: a condition guards the columns that it does not name.
func TestWhereComesFirst(t *testing.T) {
	for where, want := range map[string]error{"n != 0": fencepost.ErrNoRow, "per > 1": nil} {
		factory, err := New(orders(t), Config{Where: where, Columns: []Column{column("per", fencepost.Float, "id / n")}})
		if err != nil {
			t.Fatal(err)
		}
		d := factory()
		err = d.Decode(&fencepost.Record{Value: []byte(`{"id":1,"n":0}`)}, columnsOf(d))
		if _, bad := errors.AsType[*fencepost.BadRecord](err); want != nil && !errors.Is(err, want) || want == nil && !bad {
			t.Errorf("%s: got %v", where, err)
		}
	}
}

// TestRefused: what no row can mend is refused beforehand, with its place.
func TestRefused(t *testing.T) {
	from := column("x", fencepost.Int, "n")
	from.From = "a"
	missing := column("x", fencepost.Int, "n")
	missing.Missing = decode.Null()
	for _, c := range []struct {
		config Config
		want   string
		at     int // of an *Error; -1: a *decode.FieldError
	}{
		{Config{Where: "n > m"}, "where: m is not a column", 4},
		{Config{Where: "n"}, "where: the value is an int, and a condition is needed", 0},
		{Config{Where: "city > 1"}, "mismatched types", 5},
		{Config{Columns: []Column{column("x", fencepost.Int, "city")}}, "x: the value is a text, and the column is int", 0},
		{Config{Columns: []Column{column("x", fencepost.Int, "n / 2")}}, "x: the value is a float, and the column is int", 0},
		{Config{Columns: []Column{column("x", fencepost.Text, "n")}}, "x: the value is an int, and the column is text", 0},
		{Config{Columns: []Column{column("x", fencepost.Int, "at")}}, "x: the value is a time, and the column is int", 0},
		{Config{Columns: []Column{column("x", fencepost.Text, "n > 1")}}, "x: the value is a bool, and the column is text", 0},
		{Config{Columns: []Column{column("x", fencepost.Int, "y"), column("y", fencepost.Int, "n")}}, "x: y is not a column", 0},
		{Config{Columns: []Column{from}}, "x: a computed column is of no field", -1},
		{Config{Columns: []Column{missing}}, "x: a computed column is of no field", -1},
		{Config{Columns: []Column{column("n", fencepost.Int, "id")}}, "n: is there twice", -1},
		{Config{Columns: []Column{column("_x", fencepost.Int, "id")}}, "_x: names with _", -1},
	} {
		_, err := New(orders(t), c.config)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
			continue
		}
		e, is := errors.AsType[*Error](err)
		if is != (c.at >= 0) || is && (e.From != c.at || e.To <= e.From) {
			t.Errorf("%v: got the place %+v, want %d", err, e, c.at)
		}
	}
}

// benchmark decodes orders, with a condition or without.
func BenchmarkWhere(b *testing.B) {
	for _, where := range []string{"", "n > 3", `n > 3 and city == "Oslo"`} {
		b.Run(where, func(b *testing.B) {
			factory := orders(b)
			if where != "" {
				var err error
				if factory, err = New(factory, Config{Where: where}); err != nil {
					b.Fatal(err)
				}
			}
			d := factory()
			columns := columnsOf(d)
			r := fencepost.Record{Value: []byte(`{"id":1,"n":4,"price":12.50,"city":"Oslo","at":"2001-02-03T04:05:06Z"}`)}
			b.ReportAllocs()
			begun := cpu(b)
			for b.Loop() {
				if columns[0].Len() == 10_000 {
					for k := range columns {
						columns[k].Truncate(0)
					}
				}
				if err := d.Decode(&r, columns); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpu(b)-begun)/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpu is the time that the process has run: on a machine with other work, the wall says little.
func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// A value that was not sent is no null to an expression: a row of which one is read is bad, and others go on.
func TestWhatWasNotSentIsNotRead(t *testing.T) {
	inner, err := decode.JSON(decode.Config{Fields: []decode.Field{{Column: "id", Type: fencepost.Int}, {Column: "n", Type: fencepost.Int, Missing: decode.Unchanged()},
		{Column: "city", Type: fencepost.Text, Missing: decode.Unchanged()}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config Config
		value  string
		reads  string // the column; empty: the row is good
	}{
		{Config{Where: "n == nil"}, `{"id":1}`, "n"},
		{Config{Where: "n > 0"}, `{"id":1,"n":1}`, ""},
		{Config{Columns: []Column{column("twice", fencepost.Int, "2 * n")}}, `{"id":1,"city":"x"}`, "n"},
		{Config{Columns: []Column{column("twice", fencepost.Int, "2 * id")}}, `{"id":1}`, ""},
		{Config{Columns: []Column{column("twice", fencepost.Int, "2 * n")}, Where: "twice > 0"}, `{"id":1,"n":1}`, ""},
	} {
		factory, err := New(inner, c.config)
		if err != nil {
			t.Fatal(err)
		}
		d, columns := factory(), []fencepost.Column{}
		for _, spec := range d.Columns() {
			columns = append(columns, spec.Column())
		}
		err = d.Decode(&fencepost.Record{Value: []byte(c.value)}, columns)
		want := "column " + c.reads + " was not sent, since it did not change, and an expression reads it"
		if b, ok := errors.AsType[*fencepost.BadRecord](err); ok != (c.reads != "") || ok && b.Reason != want {
			t.Errorf("%+v, %s: got %v, want one that reads %q", c.config, c.value, err, c.reads)
		}
	}
}
