package protobuf_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// order is one row, as both formats hold it.
type order struct {
	id         int64
	user, city string
	cents      int
	at         time.Time
	ok         bool
}

const orderText = `syntax = "proto3";
import "google/protobuf/timestamp.proto";
message Order {
  int64 id = 1;
  optional string user = 2;
  double amount = 3;
  string city = 4;
  google.protobuf.Timestamp ts = 5;
  bool ok = 6;
  repeated string tags = 7;
  string note = 8;
}`

func orders(n int) []order {
	r := rand.New(rand.NewPCG(3, 4))
	cities := []string{"Amsterdam", "Berlin", "Copenhagen", "Dublin", "Edinburgh"}
	rows := make([]order, n)
	for i := range rows {
		rows[i] = order{id: 1_000_000_000 + int64(i), user: fmt.Sprintf("user-%06d", r.IntN(1_000_000)), cents: r.IntN(100_000), city: cities[r.IntN(5)],
			at: time.Date(2026, 11, 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000)*1_000_000, time.UTC), ok: r.IntN(2) == 0}
	}
	return rows
}

const note = "lorem ipsum dolor sit amet consec adip"

func (o order) json() []byte {
	return fmt.Appendf(nil, `{"id":%d,"user":"%s","amount":%d.%02d,"city":"%s","ts":"%s","ok":%t,"tags":["a","b"],"note":"%s"}`,
		o.id, o.user, o.cents/100, o.cents%100, o.city, o.at.Format("2006-01-02T15:04:05.000Z07:00"), o.ok, note)
}

func (o order) protobuf() (b []byte) {
	b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.VarintType), uint64(o.id))
	b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), o.user)
	b = protowire.AppendFixed64(protowire.AppendTag(b, 3, protowire.Fixed64Type), bitsOf(float64(o.cents)/100))
	b = protowire.AppendString(protowire.AppendTag(b, 4, protowire.BytesType), o.city)
	at := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(o.at.Unix()))
	at = protowire.AppendVarint(protowire.AppendTag(at, 2, protowire.VarintType), uint64(o.at.Nanosecond()))
	b = protowire.AppendBytes(protowire.AppendTag(b, 5, protowire.BytesType), at)
	if o.ok {
		b = protowire.AppendVarint(protowire.AppendTag(b, 6, protowire.VarintType), 1)
	}
	b = protowire.AppendString(protowire.AppendTag(b, 7, protowire.BytesType), "a")
	b = protowire.AppendString(protowire.AppendTag(b, 7, protowire.BytesType), "b")
	return protowire.AppendString(protowire.AppendTag(b, 8, protowire.BytesType), note)
}

var orderFields = []decode.Field{
	{Column: "id", Type: fencepost.Int},
	{Column: "user", Type: fencepost.Text},
	{Column: "amount", Type: fencepost.Float},
	{Column: "city", Type: fencepost.Text},
	{Column: "ts", Type: fencepost.Timestamp},
}

// BenchmarkOrders decodes the same rows into the same columns out of both formats, by turns. It reports the medians of processor time, not
// of wall time: on a machine that does other things besides, neither says much alone.
func BenchmarkOrders(b *testing.B) {
	rows := orders(1000)
	texts, messages := make([][]byte, len(rows)), make([][]byte, len(rows))
	for i, o := range rows {
		texts[i], messages[i] = o.json(), o.protobuf()
	}
	config := decode.Config{Fields: orderFields}
	json, err := decode.JSON(config)
	if err != nil {
		b.Fatal(err)
	}
	runs := []*run{newRun(json, texts), newRun(bare(b, orderText, "Order", config), messages)}
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range runs {
			r.once(b)
		}
	}
	ns := func(r *run) float64 {
		slices.Sort(r.took)
		return float64(r.took[len(r.took)/2]) / float64(len(rows))
	}
	b.ReportMetric(ns(runs[0]), "json-ns/record")
	b.ReportMetric(ns(runs[1]), "protobuf-ns/record")
	b.ReportMetric(ns(runs[0])/ns(runs[1]), "times")
}

// run is one decoder with its records.
type run struct {
	decoder fencepost.Decoder
	columns []fencepost.Column
	values  [][]byte
	took    []int64
}

func newRun(f decode.Factory, values [][]byte) *run {
	d := f()
	return &run{d, columnsOf(d), values, nil}
}

// once decodes all records.
func (r *run) once(b *testing.B) {
	for k := range r.columns {
		r.columns[k].Truncate(0)
	}
	var record fencepost.Record
	before := cpu(b)
	for _, v := range r.values {
		record.Value = v
		if err := r.decoder.Decode(&record, r.columns); err != nil {
			b.Fatal(err)
		}
	}
	r.took = append(r.took, cpu(b)-before)
}

// cpu is the time that the program had on processors.
func cpu(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
