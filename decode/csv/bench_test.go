package csv

import (
	"bytes"
	stdcsv "encoding/csv"
	"fmt"
	"math/rand/v2"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// orderFields takes 5 of the 8 fields of an order, as the benchmarks of JSON do.
var orderFields = []decode.Field{
	{Column: "id", Type: fencepost.Int},
	{Column: "user", Type: fencepost.Text},
	{Column: "amount", Type: fencepost.Float},
	{Column: "city", Type: fencepost.Text},
	{Column: "ts", Type: fencepost.Timestamp},
}

// orderHeader are the fields of an order.
var orderHeader = []string{"id", "user", "amount", "city", "ts", "ok", "tags", "note"}

// orders are the same 1,000 records as CSV and as JSON.
func orders(n int) (csv, json [][]byte) {
	r := rand.New(rand.NewPCG(3, 4))
	cities := []string{"Amsterdam", "Berlin", "Copenhagen", "Dublin", "Edinburgh"}
	for i := range n {
		id, user, amount := 1_000_000_000+i, fmt.Sprintf("user-%06d", r.IntN(1_000_000)), fmt.Sprintf("%d.%02d", r.IntN(1000), r.IntN(100))
		city := cities[r.IntN(5)]
		ts := fmt.Sprintf("2026-11-%02dT%02d:%02d:%02d.%03dZ", 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000))
		ok := r.IntN(2) == 0
		csv = append(csv, fmt.Appendf(nil, "%d,%s,%s,%s,%s,%t,\"a,b\",lorem ipsum dolor sit amet consec adip", id, user, amount, city, ts, ok))
		json = append(json, fmt.Appendf(nil, `{"id":%d,"user":"%s","amount":%s,"city":"%s","ts":"%s","ok":%t,"tags":["a","b"],"note":"lorem ipsum dolor sit amet consec adip"}`,
			id, user, amount, city, ts, ok))
	}
	return csv, json
}

// batchRows is how many records a benchmark's batch takes before it is emptied.
const batchRows = 10_000

func benchmark(b *testing.B, d fencepost.Decoder, values [][]byte) {
	columns := columnsOf(d)
	b.SetBytes(int64(len(values[0])))
	b.ReportAllocs()
	var r fencepost.Record
	begun := cpu(b)
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
	b.ReportMetric(float64(cpu(b)-begun)/float64(b.N), "cpu-ns/op")
}

// cpu is the time that the process has run: on a machine with other work, the wall says little.
func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkOrders: the same orders by this decoder, by that of JSON, and by one reader of encoding/csv that is used again, with
// strconv and time, into the same columns.
func BenchmarkOrders(b *testing.B) {
	ours, err := New(Config{Config: decode.Config{Fields: orderFields}, Header: orderHeader})
	if err != nil {
		b.Fatal(err)
	}
	json, err := decode.JSON(decode.Config{Fields: orderFields})
	if err != nil {
		b.Fatal(err)
	}
	asCSV, asJSON := orders(1000)
	b.Run("csv", func(b *testing.B) { benchmark(b, ours(), asCSV) })
	b.Run("json", func(b *testing.B) { benchmark(b, json(), asJSON) })
	b.Run("encoding-csv", func(b *testing.B) { benchmark(b, newStandard(), asCSV) })
}

// standard is a decoder of orders by encoding/csv.
type standard struct {
	fencepost.Decoder // for its Columns
	in                bytes.Reader
	line              []byte
	reader            *stdcsv.Reader
}

func newStandard() *standard {
	json, _ := decode.JSON(decode.Config{Fields: orderFields}) // the same columns
	s := &standard{Decoder: json()}
	s.reader = stdcsv.NewReader(&s.in)
	s.reader.ReuseRecord = true
	return s
}

func (s *standard) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	s.line = append(append(s.line[:0], r.Value...), '\n')
	s.in.Reset(s.line)
	fields, err := s.reader.Read()
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return err
	}
	amount, err := strconv.ParseFloat(fields[2], 64)
	if err != nil {
		return err
	}
	ts, err := time.Parse(time.RFC3339, fields[4])
	if err != nil {
		return err
	}
	columns[0].AppendInt(id)
	columns[1].AppendText(fields[1])
	columns[2].AppendFloat(amount)
	columns[3].AppendText(fields[3])
	columns[4].AppendInt(ts.UnixMicro())
	return nil
}

// Steady state means that batch memory has grown: not one allocation per record.
func TestDecodeAllocatesNothing(t *testing.T) {
	fields := append([]decode.Field{{Column: "note", Type: fencepost.Text}, {Column: "ok", Type: fencepost.Bool}, {Column: "tags", Type: fencepost.Text},
		{Column: "cents", Type: fencepost.Decimal, From: "amount"}}, orderFields...)
	factory, err := New(Config{Config: decode.Config{Fields: fields}, Header: orderHeader})
	if err != nil {
		t.Fatal(err)
	}
	d := factory()
	columns := columnsOf(d)
	values, _ := orders(100)
	for i := range values {
		if i%3 == 0 {
			values[i] = []byte(`"+007","a ""b""",.5,,2026-11-01 00:00:00,t,"x` + "\r\n" + `y",` + "\r\n")
		}
	}
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
