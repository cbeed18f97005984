package decode_test

import (
	"fmt"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// columnsOf are empty columns for a decoder, as a batch has them.
func columnsOf(d fencepost.Decoder) []fencepost.Column {
	var columns []fencepost.Column
	for _, c := range d.Columns() {
		columns = append(columns, fencepost.Column{Name: c.Name, Type: c.Type})
	}
	return columns
}

func ExampleJSON() {
	newDecoder, err := decode.JSON(decode.Config{
		Fields: []decode.Field{
			{Column: "origin", Type: fencepost.Text},
			{Column: "minutes", Type: fencepost.Int, From: "delay", Missing: decode.Default("0")},
		},
		Unknown: func(name string, tp fencepost.TopicPartition, at fencepost.Offset) {
			fmt.Println("unknown field", name)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	d := newDecoder() // one for each lane
	columns := columnsOf(d)
	for _, value := range []string{`{"origin":"ATL","delay":12,"tail":"N34"}`, `{"origin":"ORD"}`, `{"origin":7}`} {
		if err := d.Decode(&fencepost.Record{Value: []byte(value)}, columns); err != nil {
			fmt.Println(err)
			continue
		}
		row := columns[0].Len() - 1
		fmt.Println(columns[0].Text(row), columns[1].Int(row))
	}
	// Output:
	// unknown field tail
	// ATL 12
	// ORD 0
	// field origin: 7 does not fit text: it is an integer
}

func ExampleFunc() {
	newDecoder, err := decode.Func([]fencepost.ColumnSpec{{Name: "line", Type: fencepost.Text}},
		func(r *fencepost.Record, columns []fencepost.Column) error {
			columns[0].AppendText(fmt.Sprintf("%s=%s", r.Key, r.Value))
			return nil
		})
	if err != nil {
		fmt.Println(err)
		return
	}
	d := newDecoder()
	columns := columnsOf(d)
	if err := d.Decode(&fencepost.Record{Key: []byte("k"), Value: []byte("v")}, columns); err != nil {
		fmt.Println(err)
	}
	fmt.Println(columns[0].Text(0))
	// Output: k=v
}

func ExampleInfer() {
	in := decode.Infer(slices.Values([][]byte{
		[]byte(`{"date":"2001-01-01T00:01:00","delay":-51}`),
		[]byte(`{"date":"2001-01-01T00:02:00","delay":573}`),
	}))
	for _, c := range in.Columns {
		fmt.Printf("%s: %s  # %s\n", c.Column, c.Type, c.Comment)
	}
	// Output:
	// date: timestamp  # 2001-01-01T00:01:00 in the sample: no zone, read as UTC
	// delay: int  # -51 .. 573
}
