package redis

import (
	"strconv"
	"testing"
)

// BenchmarkPlan is the client's own part of a sink: the effects of 5,000 rows, summed over 300 keys or over as many as
// rows.
func BenchmarkPlan(b *testing.B) {
	const rows = 5_000
	cfg, err := Config{Addr: "h", Effects: []Effect{{Op: HIncrBy, Key: Text("out:{group}"), Name: Column("key"), Value: Column("n")}}}.validate()
	if err != nil {
		b.Fatal(err)
	}
	for _, distinct := range []int{300, rows} {
		keys, ns := make([]string, rows), make([]int64, rows)
		for i := range keys {
			keys[i], ns[i] = "k"+strconv.Itoa(i*7919%distinct), 3
		}
		batch := some(keys, ns)
		b.Run(strconv.Itoa(distinct)+"-keys", func(b *testing.B) {
			b.ReportAllocs()
			var l list
			for b.Loop() {
				p, err := planned(cfg, "g", batch)
				if err != nil {
					b.Fatal(err)
				}
				l.reset()
				p.append(&l, 4)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows)/float64(b.N), "ns/row")
		})
	}
}
