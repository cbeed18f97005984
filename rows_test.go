package fencepost

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

type flight struct {
	Origin  string `json:"origin"`
	Delay   *int64 `json:"delay,omitempty"`
	At      time.Time
	Weight  float64
	Late    bool
	Seats   int
	Raw     []byte
	More    json.RawMessage
	Ignored chan int `json:"-"`
	hidden  int
}

// flights is a batch of two rows in two segments, with a row between them that no segment names.
func flights() *Batch {
	col := func(name string, typ Type, fill func(*Column)) Column {
		c := Column{Name: name, Type: typ}
		fill(&c)
		return c
	}
	return &Batch{
		Segments: []Segment{{TopicPartition: TopicPartition{"f", 0}, Hi: 1}, {TopicPartition: TopicPartition{"f", 1}, Lo: 2, Hi: 3}},
		Offsets:  []Offset{7, 8, 40}, Times: []int64{1000, 2000, 3000},
		Columns: []Column{
			col("origin", Text, func(c *Column) { c.AppendText("ATL"); c.AppendText("cut"); c.AppendText("ORD") }),
			col("delay", Int, func(c *Column) { c.AppendInt(-3); c.AppendNull(); c.AppendNull() }),
			col("At", Timestamp, func(c *Column) { c.AppendInt(1_000_001); c.AppendNull(); c.AppendInt(2) }),
			col("Weight", Float, func(c *Column) { c.AppendFloat(0.5); c.AppendFloat(1); c.AppendFloat(2) }),
			col("Late", Bool, func(c *Column) { c.AppendBool(true); c.AppendBool(true); c.AppendBool(false) }),
			col("Seats", Int, func(c *Column) { c.AppendInt(1 << 40); c.AppendInt(1); c.AppendInt(2) }),
			col("Raw", Bytes, func(c *Column) { c.AppendBytes([]byte{0, 1}); c.AppendBytes(nil); c.AppendBytes(nil) }),
			col("More", JSON, func(c *Column) { c.AppendText(`{"a":1}`); c.AppendText("1"); c.AppendText("null") }),
			col("extra", Text, func(c *Column) { c.AppendNull(); c.AppendNull(); c.AppendNull() }),
		},
	}
}

// Each row is a struct with its record's place, in order, without the rows that no segment names; values are copies.
func TestReadRows(t *testing.T) {
	b := flights()
	b.Columns[2].Truncate(0) // its second row is null, and no part of the batch
	for _, micros := range []int64{1_000_001, 0, 2} {
		b.Columns[2].AppendInt(micros)
	}
	rows, err := ReadRows[flight](b)
	if err != nil {
		t.Fatal(err)
	}
	var at []At
	var got []flight
	for a, f := range rows.All() {
		at, got = append(at, a), append(got, f)
	}
	b.Reset()
	b.Columns[0].AppendText("XXXXXXXXX")
	delay := int64(-3)
	want := []flight{
		{Origin: "ATL", Delay: &delay, At: time.UnixMicro(1_000_001).UTC(), Weight: 0.5, Late: true, Seats: 1 << 40, Raw: []byte{0, 1}, More: json.RawMessage(`{"a":1}`)},
		{Origin: "ORD", At: time.UnixMicro(2).UTC(), Weight: 2, Seats: 2, Raw: []byte{}, More: json.RawMessage("null")},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("rows are\n%+v, want\n%+v", got, want)
	}
	places := []At{{TopicPartition{"f", 0}, 7, time.UnixMilli(1000).UTC()}, {TopicPartition{"f", 1}, 40, time.UnixMilli(3000).UTC()}}
	if !slices.Equal(at, places) {
		t.Errorf("the rows came from %v, want %v", at, places)
	}
}

// A null that a field cannot hold is named with its record, wherever it is in the batch; one in a row that no segment
// names is none.
func TestReadRowsRefusesANull(t *testing.T) {
	b := flights()
	if _, err := ReadRows[flight](b); err != nil {
		t.Errorf("a null in a row of no segment: %v, want none", err)
	}
	type strict struct {
		Delay int64 `json:"delay"`
	}
	_, err := ReadRows[strict](b)
	if err == nil || err.Error() != "column delay is null at f:1, offset 40, and the field strict.Delay is no pointer" {
		t.Errorf("a null for a field that is no pointer: %v", err)
	}
}

// The columns of a struct are those of its fields; what cannot be read is refused before anything is.
func TestStructColumns(t *testing.T) {
	required, optional, err := StructColumns[flight]()
	if err != nil || len(optional) != 1 || optional[0] != (ColumnSpec{Name: "delay", Type: Int}) {
		t.Errorf("optional columns %v, error %v, want delay alone", optional, err)
	}
	want := []ColumnSpec{{Name: "origin", Type: Text}, {Name: "At", Type: Timestamp}, {Name: "Weight", Type: Float}, {Name: "Late", Type: Bool}, {Name: "Seats", Type: Int}, {Name: "Raw", Type: Bytes}, {Name: "More", Type: JSON}}
	if !slices.Equal(required, want) {
		t.Errorf("required columns are %v, want %v", required, want)
	}
	for _, c := range []struct {
		of   func() ([]ColumnSpec, []ColumnSpec, error)
		want string
	}{
		{StructColumns[int], "rows are read into a struct, and int is none"},
		{StructColumns[struct{ hidden int }], "has no exported field"},
		{StructColumns[struct{ A int32 }], "the field .A is a int32, which no column type fits"},
		{StructColumns[struct{ A, B map[string]int }], "the field .B is a map[string]int"},
		{StructColumns[struct {
			A int64
			B int64 `json:"A"`
		}], "the fields .A and .B both take the column A"},
		{StructColumns[struct {
			A int64 `json:"a,string"`
		}], "the field .A has the json option string"},
		{StructColumns[struct{ Batch }], "the field .Batch is a fencepost.Batch, which no column type fits"},
	} {
		if _, _, err := c.of(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// A batch that lacks what a struct takes is refused.
func TestReadRowsOfAnotherBatch(t *testing.T) {
	if _, err := ReadRows[struct{ Fare int64 }](flights()); err == nil || err.Error() != "the batch has no column Fare for the field .Fare" {
		t.Errorf("error %v", err)
	}
	if _, err := ReadRows[struct{ Late int64 }](flights()); err == nil || err.Error() != "column Late is bool, and the field .Late takes int" {
		t.Errorf("error %v", err)
	}
}
