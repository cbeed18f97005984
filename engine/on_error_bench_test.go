package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
)

// valued is a fetch whose records have a JSON value.
type valued struct{ *entries }

func (v valued) Read(i int, r *fencepost.Record) {
	v.entries.Read(i, r)
	r.Value = flight
}

var flight = []byte(`{"date":"2001-01-01T00:01:00","delay":14,"distance":405,"origin":"MCI","destination":"MDW"}`)

// BenchmarkDeadLettersUnused is what dead letters cost where no record is bad: batches of 20,000 records of JSON through the
// engine, by turns with on_error: park and with dead letters for every kind, into a sink that does nothing. The ratio is that of
// the median speeds; 1 is no cost.
func BenchmarkDeadLettersUnused(b *testing.B) {
	const partitions, each = 4, 5_000
	fields := []decode.Field{{Column: "date", Type: fencepost.Text}, {Column: "delay", Type: fencepost.Int}, {Column: "distance", Type: fencepost.Int},
		{Column: "origin", Type: fencepost.Text}, {Column: "destination", Type: fencepost.Text}}
	factory, err := decode.JSON(decode.Config{Fields: fields})
	if err != nil {
		b.Fatal(err)
	}
	var runs [2]*many
	for i, on := range []engine.OnError{{}, {Undecodable: engine.DeadLetter, Refused: engine.DeadLetter, TooLarge: engine.DeadLetter}} {
		m := newMany(partitions, each)
		for j := range m.chunks {
			m.chunks[j].Records = valued{&m.entries[j]}
		}
		m.change = func(c *engine.Config) { c.Decoder, c.OnError, c.Batch.MinRows = factory, on, partitions*each }
		defer m.run(b, partitions*each, engine.Until{})()
		m.holder.Assigned(b.Context(), m.names(0, partitions))
		for range 5 {
			m.round(1)
		}
		runs[i] = m
	}
	var took [2][]time.Duration
	for n := 0; b.Loop(); n++ {
		for i := range runs { // each begins every other time
			k := (i + n) % 2
			took[k] = append(took[k], timed(func() { runs[k].round(1) }))
		}
	}
	for i := range took {
		slices.Sort(took[i])
	}
	median := func(i int) float64 { return took[i][len(took[i])/2].Seconds() }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(0)*1e9/partitions/each, "parked-ns/record")
	b.ReportMetric(median(1)*1e9/partitions/each, "letters-ns/record")
	b.ReportMetric(median(0)/median(1), "ratio")
}
