package avro

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	twmb "github.com/twmb/avro"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/registry"
)

const ordersSchema = `{"type":"record","name":"Order","fields":[
	{"name":"id","type":"long"},{"name":"user","type":["null","string"]},{"name":"amount","type":"double"},{"name":"city","type":"string"},
	{"name":"ts","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"ok","type":"boolean"},
	{"name":"tags","type":{"type":"array","items":"string"}},{"name":"note","type":"string"}]}`

// orderFields takes 5 of the 8 fields of an order.
var orderFields = []decode.Field{
	{Column: "id", Type: fencepost.Int},
	{Column: "user", Type: fencepost.Text},
	{Column: "amount", Type: fencepost.Float},
	{Column: "city", Type: fencepost.Text},
	{Column: "ts", Type: fencepost.Timestamp},
}

// orders are the same records as JSON of about 180 bytes, and as Avro of about 90 behind Confluent's prefix.
func orders(t testing.TB, n int) (asJSON, asAvro [][]byte) {
	r := rand.New(rand.NewPCG(3, 4))
	s := twmb.MustParse(ordersSchema)
	cities := []string{"Amsterdam", "Berlin", "Copenhagen", "Dublin", "Edinburgh"}
	for i := range n {
		user, amount, city := fmt.Sprintf("user-%06d", r.IntN(1_000_000)), float64(r.IntN(100_000))/100, cities[r.IntN(5)]
		ts := time.Date(2026, 11, 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000)*1_000_000, time.UTC)
		ok, note := r.IntN(2) == 0, "lorem ipsum dolor sit amet consec adip"
		asJSON = append(asJSON, fmt.Appendf(nil, `{"id":%d,"user":"%s","amount":%.2f,"city":"%s","ts":"%s","ok":%t,"tags":["a","b"],"note":"%s"}`,
			1_000_000_000+i, user, amount, city, ts.Format("2006-01-02T15:04:05.000Z"), ok, note))
		b, err := s.AppendEncode([]byte{0, 0, 0, 0, 7}, map[string]any{"id": int64(1_000_000_000 + i), "user": user, "amount": amount, "city": city,
			"ts": ts, "ok": ok, "tags": []string{"a", "b"}, "note": note})
		if err != nil {
			t.Fatal(err)
		}
		asAvro = append(asAvro, b)
	}
	return asJSON, asAvro
}

// one answers every id with the same schema.
type one string

func (s one) Schema(_ context.Context, id registry.ID) (*registry.Schema, error) {
	return schema(id, string(s)), nil
}

func columnsOf(d fencepost.Decoder) []fencepost.Column {
	columns := make([]fencepost.Column, len(d.Columns()))
	for i, c := range d.Columns() {
		columns[i] = fencepost.Column{Name: c.Name, Type: c.Type, Default: c.Default}
	}
	return columns
}

// batchRows is how many records a benchmark's batch takes before it is emptied.
const batchRows = 10_000

func benchmark(b *testing.B, make decode.Factory, values [][]byte) {
	d := make()
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

// BenchmarkOrders has the same rows as JSON, with all checks of both.
func BenchmarkOrders(b *testing.B) {
	asJSON, asAvro := orders(b, 1000)
	config := decode.Config{Fields: orderFields}
	makeJSON, err := decode.JSON(config)
	if err != nil {
		b.Fatal(err)
	}
	makeAvro, err := New(Config{Config: config, Schemas: one(ordersSchema)})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("json", func(b *testing.B) { benchmark(b, makeJSON, asJSON) })
	b.Run("avro", func(b *testing.B) { benchmark(b, makeAvro, asAvro) })
}
