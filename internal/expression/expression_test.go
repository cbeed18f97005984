package expression

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
)

var columns = []fencepost.ColumnSpec{{Name: "origin", Type: fencepost.Text}, {Name: "delay", Type: fencepost.Int}, {Name: "speed", Type: fencepost.Float},
	{Name: "cancelled", Type: fencepost.Bool}, {Name: "date", Type: fencepost.Timestamp}, {Name: "price", Type: fencepost.Decimal},
	{Name: "doc", Type: fencepost.JSON}, {Name: "flight-no", Type: fencepost.Text}}

var noon = time.Date(2001, 1, 2, 12, 30, 0, 0, time.UTC)

// rows is a batch of two rows of flights:3, the second all null.
func rows() *fencepost.Batch {
	b := &fencepost.Batch{Offsets: []fencepost.Offset{100, 107}, Times: []int64{noon.UnixMilli(), noon.UnixMilli()}}
	for _, c := range slices.Backward(columns) { // another order than the schema's
		b.Columns = append(b.Columns, fencepost.Column{Name: c.Name, Type: c.Type})
	}
	b.Column("origin").AppendText("ATL")
	b.Column("delay").AppendInt(20)
	b.Column("speed").AppendFloat(2.5)
	b.Column("cancelled").AppendBool(true)
	b.Column("date").AppendInt(noon.UnixMicro())
	b.Column("price").AppendText("12.50")
	b.Column("doc").AppendText(`{"seats": 1500000, "tags": ["a"]}`)
	b.Column("flight-no").AppendText("DL 7")
	for i := range b.Columns {
		b.Columns[i].AppendNull()
	}
	tp := fencepost.TopicPartition{Topic: "flights", Partition: 3}
	b.Segments = []fencepost.Segment{{Lo: 0, Hi: 2, TopicPartition: tp}}
	return b
}

// TestValues: what a text gives for a row of values, and for one of nulls.
func TestValues(t *testing.T) {
	b := rows()
	micros := fmt.Sprint(noon.UnixMicro())
	for _, c := range []struct{ text, want, ofNulls string }{
		{"origin", "ATL", "null"},
		{" delay ", "20", "null"},
		{"speed", "2.5", "null"},
		{"cancelled", "1", "null"},
		{"date", micros, "null"},
		{"price", "12.50", "null"},
		{"flight-no", "DL 7", "null"},
		{`$env["flight-no"] + "!"`, "DL 7!", "null"},
		{"delay + 1", "21", "null"},
		{"delay / 8", "2.5", "null"},
		{"delay * 1000000", "20000000", "null"},
		{"speed * 1000000", "2500000", "null"},
		{"float(price) * 2", "25", "null"},
		{"delay > 15", "1", "null"},
		{`delay > 15 ? "late" : "on time"`, "late", "null"},
		{"delay ?? 7", "20", "7"},
		{"(delay ?? 7) + 1", "21", "8"},
		{"(delay ?? 7) + len(origin)", "23", "null"},
		{"delay == nil", "0", "1"},
		{"nil != delay && delay > 3", "1", "0"},
		{`lower(origin) + ":" + date.Format("2006-01")`, "atl:2001-01", "null"},
		{"date.Hour()", "12", "null"},
		{"fromJSON(doc).seats", "1500000", "null"},
		{`_topic + "/" + string(_partition) + "/" + string(_offset)`, "flights/3/100", "flights/3/107"},
		{"_timestamp == date", "1", "null"},
		{"1 + 2", "3", "3"},
		{`"{"`, "{", "{"},
		{"let d = delay; d * d", "400", "null"},
	} {
		p, err := Compile(c.text, columns, Any)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		for row, want := range []string{c.want, c.ofNulls} {
			got, err := p.Append([]byte("<"), b, row)
			if errors.Is(err, ErrNull) {
				got, err = []byte("<null"), nil
			}
			if err != nil || string(got) != "<"+want {
				t.Errorf("%s of row %d: got %s, %v, want <%s", c.text, row, got, err, want)
			}
		}
	}
}

// TestConditions: one over null does not hold, unless it looks.
func TestConditions(t *testing.T) {
	b := rows()
	for _, c := range []struct {
		text       string
		is, ofNull bool
	}{{"delay > 15", true, false}, {"delay <= 15", false, false}, {"cancelled", true, false}, {"not cancelled", false, false},
		{"delay == nil or delay > 15", true, true}, {`_topic == "flights"`, true, true}, {"true", true, true}} {
		p, err := Compile(c.text, columns, Bool)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		for row, want := range []bool{c.is, c.ofNull} {
			if got, err := p.Is(b, row); got != want || err != nil {
				t.Errorf("%s of row %d: got %t, %v, want %t", c.text, row, got, err, want)
			}
		}
	}
}

// TestFastPaths: an expression that needs no program has none, and a program names only what it reads.
func TestFastPaths(t *testing.T) {
	for _, c := range []struct{ text, column, constant, reads string }{
		{"delay", "delay", "", "delay"}, {"_offset", "_offset", "", "_offset"}, {"2 * 3", "", "6", ""}, {"delay + 1", "", "", "delay"},
		{`len(_key) + delay + len(origin) + delay`, "", "", "_key delay origin"}, {`$env["delay"]`, "", "", "delay"},
	} {
		p, err := Compile(c.text, columns, Any)
		if err != nil {
			t.Fatal(err)
		}
		column, _ := p.Column()
		constant, _ := p.Constant()
		reads := p.Columns()
		slices.Sort(reads)
		if column != c.column || constant != c.constant || !sameWords(reads, c.reads) {
			t.Errorf("%s: got column %q, constant %q, reads %q, want %q, %q, %q", c.text, column, constant, reads, c.column, c.constant, c.reads)
		}
	}
}

func sameWords(got []string, want string) bool {
	for _, w := range strings.Fields(want) {
		if !slices.Contains(got, w) {
			return false
		}
	}
	return len(got) == len(strings.Fields(want))
}

// TestCompileErrors: what is wrong is known before the first record, with its place.
func TestCompileErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		want Want
		code string
		says string
		at   int
	}{
		{"dealy + 1", Any, "unknown-column", "dealy is not a column", 0},
		{"1 + dealy", Any, "unknown-column", "dealy", 4},
		{"origin + delay", Any, "bad-expression", "mismatched types string and int", 7},
		{"price + 1", Any, "bad-expression", "mismatched types", 6},
		{"delay +", Any, "bad-expression", "too early", 6},
		{"", Any, "bad-expression", "no expression", 0},
		{"  ", Any, "bad-expression", "no expression", 0},
		{"now()", Any, "bad-expression", "tried again", 0},
		{`date("2001-01-01")`, Any, "bad-expression", "not callable", 0},
		{"delay / 2", Integer, "bad-expression", "whole number", 0},
		{"speed", Integer, "bad-expression", "whole number", 0},
		{"origin", Integer, "bad-expression", "number is needed", 0},
		{"price", Integer, "bad-expression", "number is needed", 0},
		{"origin", Number, "bad-expression", "number is needed", 0},
		{"delay", Bool, "bad-expression", "condition is needed", 0},
		{"{a: delay}", Any, "bad-expression", "a map", 0},
		{"[delay]", Any, "bad-expression", "a list", 0},
		{"date - date", Any, "bad-expression", "a duration", 0},
		{"nil", Any, "bad-expression", "null, always", 0},
		{"1 % 0", Any, "bad-expression", "division by zero", 0},
		{"1 + sum([1, 2])", Any, "bad-expression", "beyond 64 bits", 4},
		{"mean(1, 2)", Any, "bad-expression", "rounds", 0},
	} {
		_, err := Compile(c.text, columns, c.want)
		var e *Error
		if !errors.As(err, &e) || e.Code != c.code || !strings.Contains(e.Text, c.says) || e.From != c.at || e.To <= e.From {
			t.Errorf("%q: got %+v, want %s with %q at %d", c.text, err, c.code, c.says, c.at)
		}
	}
	for _, ok := range []struct {
		text string
		want Want
	}{{"price", Number}, {"fromJSON(doc).seats", Integer}, {"int(delay / 2)", Integer}, {"cancelled", Integer}, {"date", Integer}} {
		if _, err := Compile(ok.text, columns, ok.want); err != nil {
			t.Errorf("%q: %v", ok.text, err)
		}
	}
}

// TestFailingRow: a program that fails says what, in one line, and the next row is computed all the same.
func TestFailingRow(t *testing.T) {
	b := rows()
	p, err := Compile(`[1, 2][delay]`, columns, Any)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Append(nil, b, 0); err == nil || strings.Contains(err.Error(), "\n") || errors.Is(err, ErrNull) {
		t.Errorf("got %v, want one line", err)
	}
	p, err = Compile("fromJSON(doc).tags", columns, Any)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Append(nil, b, 0); err == nil || !strings.Contains(err.Error(), "a list") {
		t.Errorf("got %v, want a list refused", err)
	}
	if _, err := p.Append(nil, &fencepost.Batch{Offsets: []fencepost.Offset{1}}, 0); err == nil || !strings.Contains(err.Error(), "no column doc") {
		t.Errorf("got %v, want the missing column named", err)
	}
}

// V14: a time is given to the store as it is, or its row is refused.
func TestV14TimestampsAreWholeOrRefused(t *testing.T) {
	p, err := Compile("_timestamp", columns, Any)
	if err != nil {
		t.Fatal(err)
	}
	for ms, want := range map[int64]string{253_402_300_800_000: "253402300800000000", 1_709_208_000_000_000_000: "", math.MaxInt64: "", math.MinInt64: ""} {
		b := rows()
		b.Times[0] = ms
		got, err := p.Append(nil, b, 0)
		if string(got) != want || (err != nil) != (want == "") {
			t.Errorf("%d ms: got %q, %v; want %q", ms, got, err, want)
		}
	}
}

// TestManyGoroutines: lanes share a program.
func TestManyGoroutines(t *testing.T) {
	p, err := Compile("delay + _offset", columns, Any)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			b := rows()
			for range 1000 {
				if got, err := p.Append(nil, b, 0); string(got) != "120" || err != nil {
					t.Errorf("got %s, %v, want 120", got, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// FuzzCompile: no text makes the compiler panic, and an error is within the text.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{"delay + 1", "origin[", "{a: 1}", "delay ?? ", "#", "let x = ", "\x00", "größe + ünknown"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Compile(text, columns, Any)
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.From < 0 || e.To <= e.From || e.Text == "") {
			t.Fatalf("%q: got %+v", text, err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	batch := rows()
	for _, text := range []string{"delay", "delay * 2", "delay > 15", `origin + ":x"`} {
		p, err := Compile(text, columns, Any)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			var dst []byte
			for b.Loop() {
				dst, _ = p.Append(dst[:0], batch, 0)
			}
		})
	}
}
