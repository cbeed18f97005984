package decode

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
)

// flightFields is the schema of the flights, in the order in which their records hold it.
var flightFields = []Field{
	{Column: "date", Type: fencepost.Timestamp},
	{Column: "delay", Type: fencepost.Int},
	{Column: "distance", Type: fencepost.Int},
	{Column: "origin", Type: fencepost.Text},
	{Column: "destination", Type: fencepost.Text},
}

// orderFields takes 5 of the 8 fields of an order.
var orderFields = []Field{
	{Column: "id", Type: fencepost.Int},
	{Column: "user", Type: fencepost.Text},
	{Column: "amount", Type: fencepost.Float},
	{Column: "city", Type: fencepost.Text},
	{Column: "ts", Type: fencepost.Timestamp},
}

func flights(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	ports := []string{"ATL", "ORD", "LAX", "SEA", "DFW"}
	values := make([][]byte, n)
	for i := range values {
		values[i] = fmt.Appendf(nil, `{"date":"2001-01-%02dT%02d:%02d:00","delay":%d,"distance":%d,"origin":"%s","destination":"%s"}`,
			1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(400)-50, 50+r.IntN(2600), ports[r.IntN(5)], ports[r.IntN(5)])
	}
	return values
}

// orders are records of about 180 bytes and 8 fields.
func orders(n int) [][]byte {
	r := rand.New(rand.NewPCG(3, 4))
	cities := []string{"Amsterdam", "Berlin", "Copenhagen", "Dublin", "Edinburgh"}
	values := make([][]byte, n)
	for i := range values {
		values[i] = fmt.Appendf(nil, `{"id":%d,"user":"user-%06d","amount":%d.%02d,"city":"%s","ts":"2026-11-%02dT%02d:%02d:%02d.%03dZ",`+
			`"ok":%t,"tags":["a","b"],"note":"lorem ipsum dolor sit amet consec adip"}`,
			1_000_000_000+i, r.IntN(1_000_000), r.IntN(1000), r.IntN(100), cities[r.IntN(5)],
			1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000), r.IntN(2) == 0)
	}
	return values
}

func columnsOf(d fencepost.Decoder) []fencepost.Column {
	columns := make([]fencepost.Column, len(d.Columns()))
	for i, c := range d.Columns() {
		columns[i] = fencepost.Column{Name: c.Name, Type: c.Type}
	}
	return columns
}

// batchRows is how many records a benchmark's batch takes before it is emptied.
const batchRows = 10_000

func benchmark(b *testing.B, fields []Field, values [][]byte) {
	make, err := JSON(Config{Fields: fields})
	if err != nil {
		b.Fatal(err)
	}
	d := make()
	columns := columnsOf(d)
	b.SetBytes(int64(len(values[0])))
	b.ReportAllocs()
	var r fencepost.Record
	for i := 0; b.Loop(); i++ {
		if columns[0].Len() == batchRows {
			for k := range columns {
				columns[k].Truncate(0)
			}
		}
		r.Value = values[i%len(values)]
		if err := d.Decode(&r, columns); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFlights(b *testing.B) { benchmark(b, flightFields, flights(1000)) }
func BenchmarkOrders(b *testing.B)  { benchmark(b, orderFields, orders(1000)) }

// The same with encoding/json, into columns too: what a first program would do.

type flight struct {
	Date        string `json:"date"`
	Delay       int64  `json:"delay"`
	Distance    int64  `json:"distance"`
	Origin      string `json:"origin"`
	Destination string `json:"destination"`
}

func BenchmarkFlightsStruct(b *testing.B) {
	values := flights(1000)
	b.SetBytes(int64(len(values[0])))
	b.ReportAllocs()
	sum := int64(0)
	for i := 0; b.Loop(); i++ {
		var f flight
		if err := json.Unmarshal(values[i%len(values)], &f); err != nil {
			b.Fatal(err)
		}
		t, err := time.Parse("2006-01-02T15:04:05", f.Date)
		if err != nil {
			b.Fatal(err)
		}
		sum += t.UnixMicro()
	}
}

type order struct {
	ID     int64     `json:"id"`
	User   string    `json:"user"`
	Amount float64   `json:"amount"`
	City   string    `json:"city"`
	TS     time.Time `json:"ts"`
}

func BenchmarkOrdersStruct(b *testing.B) {
	values := orders(1000)
	b.SetBytes(int64(len(values[0])))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var o order
		if err := json.Unmarshal(values[i%len(values)], &o); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkMap(b *testing.B, values [][]byte) {
	b.SetBytes(int64(len(values[0])))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var m map[string]any
		if err := json.Unmarshal(values[i%len(values)], &m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFlightsMap(b *testing.B) { benchmarkMap(b, flights(1000)) }
func BenchmarkOrdersMap(b *testing.B)  { benchmarkMap(b, orders(1000)) }

// Steady state means that batch memory has grown: not one allocation per record.
func TestDecodeAllocatesNothing(t *testing.T) {
	fields := append([]Field{
		{Column: "tags", Type: fencepost.JSON},
		{Column: "cents", Type: fencepost.Decimal, From: "amount"},
		{Column: "blob", Type: fencepost.Bytes, Missing: Default(`"AQI="`)},
		{Column: "dec", Type: fencepost.Decimal, Missing: Default(`"1\u0030e2"`)},
		{Column: "ok", Type: fencepost.Bool},
	}, orderFields...)
	values := orders(100)
	for i := range values { // some with escapes and white space, some in another order
		switch i % 3 {
		case 1:
			values[i] = []byte(`{ "ts" : "2026-11-01T00:00:00Z", "n\u006fte":"x", "city":"K\u00f8benhavn", "user":null,` +
				`"id":7, "ok":true, "tags":[[{"a":[]}]], "amount":-1.50e1}`)
		case 2:
			values[i] = []byte(`{"id":9223372036854775807,"user":"Zoë","amount":5,"city":"x","ok":false,"tags":null,"ts":"2026-11-01T00:00:00+01:00"}`)
		}
	}
	make, err := JSON(Config{Fields: fields})
	if err != nil {
		t.Fatal(err)
	}
	d := make()
	columns := columnsOf(d)
	var r fencepost.Record
	allocs := testing.AllocsPerRun(100, func() {
		for k := range columns {
			columns[k].Truncate(0)
		}
		for _, v := range values {
			r.Value = v
			if err := d.Decode(&r, columns); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("decoding %d records allocated %v times, want 0", len(values), allocs)
	}
}
