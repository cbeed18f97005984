package fencepost_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// cell is row i of a column as the reader of its type gives it, nil for null.
func cell(c *fencepost.Column, i int) any {
	if c.Null(i) {
		return nil
	}
	switch c.Type {
	case fencepost.Int:
		return c.Int(i)
	case fencepost.Timestamp:
		return c.Micros(i)
	case fencepost.Bool:
		return c.Bool(i)
	case fencepost.Float:
		return c.Float(i)
	case fencepost.Text, fencepost.Decimal, fencepost.JSON, fencepost.Bytes:
	}
	return c.Text(i)
}

// drawCell draws a value and appends it, and returns it as cell would.
func drawCell(t *rapid.T, c *fencepost.Column) any {
	if rapid.IntRange(0, 3).Draw(t, "null") == 0 {
		c.AppendNull()
		return nil
	}
	switch c.Type {
	case fencepost.Int, fencepost.Timestamp:
		v := rapid.Int64().Draw(t, "int")
		c.AppendInt(v)
		return v
	case fencepost.Bool:
		v := rapid.Bool().Draw(t, "bool")
		c.AppendBool(v)
		return v
	case fencepost.Float:
		v := rapid.Float64().Draw(t, "float")
		c.AppendFloat(v)
		return v
	case fencepost.Text, fencepost.Decimal, fencepost.JSON, fencepost.Bytes:
	}
	v := rapid.StringN(0, 8, -1).Draw(t, "text")
	switch rapid.IntRange(0, 2).Draw(t, "by") {
	case 0:
		c.AppendText(v)
	case 1:
		c.AppendBytes([]byte(v))
	default:
		c.Extend(func(data []byte) []byte { return append(data, v...) })
	}
	return v
}

// A Column is a slice of values that may be null: its twin is one.
func TestColumnAgreesWithTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind, _ := fencepost.ParseType(rapid.SampledFrom(fencepost.Types()).Draw(t, "type"))
		c := fencepost.Column{Name: "c", Type: kind}
		var twin []any
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) { twin = append(twin, drawCell(t, &c)) },
			"append many": func(t *rapid.T) {
				for range rapid.IntRange(0, 150).Draw(t, "n") {
					twin = append(twin, drawCell(t, &c))
				}
			},
			"truncate": func(t *rapid.T) {
				n := rapid.IntRange(0, len(twin)+2).Draw(t, "n")
				c.Truncate(n)
				twin = twin[:min(n, len(twin))]
			},
			"": func(t *rapid.T) {
				if c.Len() != len(twin) {
					t.Fatalf("length: got %d, want %d", c.Len(), len(twin))
				}
				nulls := false
				for i, want := range twin {
					nulls = nulls || want == nil
					if got := cell(&c, i); got != want {
						t.Fatalf("row %d of %d: got %#v, want %#v", i, len(twin), got, want)
					}
				}
				if c.HasNulls() != nulls {
					t.Fatalf("has nulls: got %t, want %t", c.HasNulls(), nulls)
				}
			},
		})
	})
}

// A null row reads as the zero value where a reader does not ask whether it is null.
func TestNullReadsAsZero(t *testing.T) {
	for _, word := range fencepost.Types() {
		kind, ok := fencepost.ParseType(word)
		if !ok || kind.String() != word {
			t.Errorf("type %q does not come back from its word", word)
		}
		c := fencepost.Column{Type: kind}
		c.AppendNull()
		switch kind {
		case fencepost.Int, fencepost.Timestamp, fencepost.Bool:
			if c.Int(0) != 0 {
				t.Errorf("null %s: got %d, want 0", word, c.Int(0))
			}
		case fencepost.Float:
			if c.Float(0) != 0 {
				t.Errorf("null %s: got %g, want 0", word, c.Float(0))
			}
		default:
			if len(c.Bytes(0)) != 0 {
				t.Errorf("null %s: got %q, want nothing", word, c.Bytes(0))
			}
		}
	}
	if _, ok := fencepost.ParseType("integer"); ok {
		t.Error("the word integer is a type, want none")
	}
}

// A value that a caller appends to is not the batch's any more: the next row stays what it is.
func TestBytesCanNotGrowIntoTheNextRow(t *testing.T) {
	c := fencepost.Column{Type: fencepost.Bytes}
	c.AppendText("first")
	c.AppendText("second")
	_ = append(c.Bytes(0), "XXX"...)
	if got := c.Text(1); got != "second" {
		t.Errorf("the row behind one that was appended to: got %q, want second", got)
	}
}

// twoPartitions is a batch of 3 rows of one partition and 2 of another.
func twoPartitions() *fencepost.Batch {
	b := &fencepost.Batch{Columns: []fencepost.Column{{Name: "origin", Type: fencepost.Text}, {Name: "delay", Type: fencepost.Int}}}
	for i, origin := range []string{"ATL", "ORD", "LAX", "SEA", "SEA"} {
		b.Columns[0].AppendText(origin)
		b.Columns[1].AppendInt(int64(i))
		b.Offsets, b.Times = append(b.Offsets, fencepost.Offset(100+i)), append(b.Times, int64(i))
	}
	b.Segments = []fencepost.Segment{{Lo: 0, Hi: 3, TopicPartition: fencepost.TopicPartition{Topic: "flights"}},
		{Lo: 3, Hi: 5, TopicPartition: fencepost.TopicPartition{Topic: "flights", Partition: 2}}}
	return b
}

func TestBatch(t *testing.T) {
	b := twoPartitions()
	if b.Rows() != 5 || b.Segments[0].Rows() != 3 {
		t.Errorf("rows: got %d with %d in the first segment, want 5 with 3", b.Rows(), b.Segments[0].Rows())
	}
	if b.Column("delay").Int(4) != 4 || b.Column("none") != nil {
		t.Error("columns are not found by their names")
	}
	// 16 bytes a row of Offsets and Times; 5 ints; 15 bytes of text with 5 ends of 4.
	if got, want := b.Size(), 5*16+5*8+15+5*4; got != want {
		t.Errorf("size: got %d bytes, want %d", got, want)
	}
	b.Segments = b.Segments[1:]
	if b.Rows() != 2 {
		t.Errorf("rows with the first segment cut out: got %d, want 2", b.Rows())
	}
	b.Truncate(4)
	if b.Column("origin").Len() != 4 || len(b.Offsets) != 4 || len(b.Times) != 4 {
		t.Errorf("truncated to 4: %d values, %d offsets, %d times", b.Column("origin").Len(), len(b.Offsets), len(b.Times))
	}
	b.Reset()
	if b.Rows() != 0 || b.Size() != 0 || b.Column("origin").Len() != 0 || len(b.Segments) != 0 {
		t.Errorf("reset: %d rows, %d bytes, %d values", b.Rows(), b.Size(), b.Column("origin").Len())
	}
}

// A decoder that began a row and could not finish it drops it whole, whichever columns it had reached.
// All passes what was cut out, and stops when the loop does.
func TestAllYieldsTheRowsOfSegments(t *testing.T) {
	segment := func(partition int32, lo, hi int) fencepost.Segment {
		return fencepost.Segment{Lo: lo, Hi: hi, TopicPartition: fencepost.TopicPartition{Topic: "t", Partition: partition}}
	}
	b := fencepost.Batch{Segments: []fencepost.Segment{segment(0, 0, 2), segment(1, 2, 2), segment(3, 4, 6)}}
	var got []string
	for row, tp := range b.All() {
		got = append(got, fmt.Sprintf("%d of %s", row, tp))
	}
	if diff := cmp.Diff([]string{"0 of t:0", "1 of t:0", "4 of t:3", "5 of t:3"}, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	for row := range b.All() {
		if row > 0 {
			t.Fatalf("row %d came after break", row)
		}
		break
	}
}

func TestTruncateDropsABegunRow(t *testing.T) {
	for reached := range 3 {
		b := twoPartitions()
		b.Offsets, b.Times = append(b.Offsets, 105), append(b.Times, 5)
		for i := range reached {
			b.Columns[i].AppendNull()
		}
		b.Truncate(5)
		for i := range b.Columns {
			if c := &b.Columns[i]; c.Len() != 5 || c.HasNulls() {
				t.Errorf("with %d columns reached, %s has %d rows, nulls %t, want 5 and none", reached, c.Name, c.Len(), c.HasNulls())
			}
		}
	}
}

// A batch that is filled again and again allocates nothing once it has grown.
func TestAppendAllocatesNothing(t *testing.T) {
	const rows = 1000
	var columns []fencepost.Column
	for _, word := range fencepost.Types() {
		kind, _ := fencepost.ParseType(word)
		columns = append(columns, fencepost.Column{Name: word, Type: kind})
	}
	b := fencepost.Batch{Columns: columns}
	value := bytes.Repeat([]byte("x"), 20)
	extend := func(data []byte) []byte { return append(data, value...) }
	fill := func() {
		b.Reset()
		for i := range rows {
			for j := range b.Columns {
				c := &b.Columns[j]
				switch {
				case i%7 == j:
					c.AppendNull()
				case c.Type == fencepost.Float:
					c.AppendFloat(float64(i))
				case c.Type == fencepost.Bool:
					c.AppendBool(i%2 == 0)
				case c.Type == fencepost.Int || c.Type == fencepost.Timestamp:
					c.AppendInt(int64(i))
				case c.Type == fencepost.JSON:
					c.Extend(extend)
				default:
					c.AppendBytes(value)
				}
			}
			b.Offsets, b.Times = append(b.Offsets, fencepost.Offset(i)), append(b.Times, int64(i))
		}
	}
	fill()
	if got := testing.AllocsPerRun(20, fill); got != 0 {
		t.Errorf("allocations per %d rows of %d columns: got %g, want 0", rows, len(b.Columns), got)
	}
}

func ExampleBatch() {
	b := fencepost.Batch{Columns: []fencepost.Column{{Name: "origin", Type: fencepost.Text}, {Name: "delay", Type: fencepost.Int}}}
	b.Column("origin").AppendText("ATL")
	b.Column("delay").AppendInt(4)
	b.Offsets, b.Times = append(b.Offsets, 100), append(b.Times, 978_307_200_000)
	b.Column("origin").AppendText("ORD")
	b.Column("delay").AppendNull()
	b.Offsets, b.Times = append(b.Offsets, 102), append(b.Times, 978_307_201_000)
	// 101 was a marker: it has no row, and the range passes it all the same.
	b.Segments = append(b.Segments, fencepost.Segment{TopicPartition: fencepost.TopicPartition{Topic: "flights"},
		Range: fencepost.OffsetRange{From: 100, Until: 103}, Lo: 0, Hi: 2})

	for _, s := range b.Segments {
		fmt.Println(s.TopicPartition, s.Range, "in", s.Rows(), "rows")
	}
	// Output: flights:0 [100 .. 103) in 2 rows
}

func ExampleColumn() {
	delay := fencepost.Column{Name: "delay", Type: fencepost.Int}
	delay.AppendInt(11)
	delay.AppendNull()
	delay.AppendInt(-2)
	for i := range delay.Len() {
		if delay.Null(i) {
			fmt.Println("null")
			continue
		}
		fmt.Println(delay.Int(i))
	}
	// Output:
	// 11
	// null
	// -2
}
