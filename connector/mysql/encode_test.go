package mysql

import (
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

// A timestamp is written as package time writes it, over all years that DATETIME has, and on both sides of midnight.
func TestMoment(t *testing.T) {
	const day = 86_400_000_000
	random := rand.New(rand.NewPCG(1, 2))
	all := []int64{minTimestamp, maxTimestamp, 0, -1, 1, day - 1, day, -day, -day - 1, 951_782_400_000_000, 951_868_799_999_999}
	for range 10_000 {
		all = append(all, minTimestamp+random.Int64N(maxTimestamp-minTimestamp), random.Int64N(3*day)-day)
	}
	e := &encoder{}
	for _, micros := range all {
		for kind, form := range map[kind]string{kindDatetime: "'2006-01-02 15:04:05.000000'", kindDate: "'2006-01-02'"} {
			e.buf = e.buf[:0]
			if err := e.moment(&field{Kind: kind}, micros); err != nil {
				t.Fatal(err)
			}
			if got, want := string(e.buf), time.UnixMicro(micros).UTC().Format(form); got != want {
				t.Fatalf("%d: got %s, want %s", micros, got, want)
			}
		}
	}
}

// A record's timestamp is written as it is, or refused: never as what is left of it in 64 bits of microseconds.
func TestV14TimestampsAreWholeOrRefused(t *testing.T) {
	for _, ms := range []int64{253_402_300_800_000, 1_709_208_000_000_000, 1_709_208_000_000_000_000, math.MaxInt64, math.MinInt64} {
		e := encoder{most: 1 << 30, fields: []field{{Name: fencepost.MetaTimestamp, From: sqlstore.FromTime, Kind: kindDatetime}}, columns: []*fencepost.Column{nil}}
		b := &fencepost.Batch{Offsets: []fencepost.Offset{0}, Times: []int64{ms}, Segments: []fencepost.Segment{{Hi: 1}}}
		if r, ok := errors.AsType[*sink.Rejected](e.encode(b)); !ok || !strings.Contains(r.Reason, strconv.FormatInt(ms, 10)) {
			t.Errorf("%d ms: got %v and %s, want the row refused with its timestamp", ms, r, e.buf)
		}
	}
}

// BenchmarkEncode is the client's part of a commit.
func BenchmarkEncode(b *testing.B) {
	const n = 2_000
	cols := []fencepost.Column{{Name: "date", Type: fencepost.Timestamp}, {Name: "delay", Type: fencepost.Int}, {Name: "origin", Type: fencepost.Text}}
	e := encoder{most: 1 << 30}
	for i := range n {
		cols[0].AppendInt(978_307_260_000_000 + int64(i)*60_000_000)
		cols[1].AppendInt(int64(i))
		cols[2].AppendText("ATL")
	}
	for _, c := range cols {
		_, kind := natural(c.Type)
		e.fields = append(e.fields, field{Name: c.Name, Kind: kind})
	}
	batch := &fencepost.Batch{Columns: cols, Offsets: make([]fencepost.Offset, n), Segments: []fencepost.Segment{{Hi: n}}}
	for b.Loop() {
		if err := e.encode(batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
}

func TestFraction(t *testing.T) {
	for decimal, want := range map[string]bool{"0": false, "-12": false, "-12.00": false, "12.5": true, "-0.5": true, "1e3": false, "1.5e1": false, "1.55e1": true, "1E-5": true, "100e-2": false,
		"-100e-3": true, "0e-9": false, "0.000e-9": false, "12.50e-1": true, "1e-99999999999999999999": true, "1e99999999999999999999": false, "+7": false} {
		if got := fraction([]byte(decimal)); got != want {
			t.Errorf("%s: got %v, want %v", decimal, got, want)
		}
	}
}
