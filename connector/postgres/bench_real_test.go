//go:build realservers

package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// flightRows are rows of five columns, as the user's guide has them.
func flightRows(n int) []fencepost.Column {
	cols := []fencepost.Column{{Name: "date", Type: fencepost.Timestamp}, {Name: "delay", Type: fencepost.Int}, {Name: "distance", Type: fencepost.Int},
		{Name: "origin", Type: fencepost.Text}, {Name: "destination", Type: fencepost.Text}}
	airports := []string{"ATL", "ORD", "LAX", "SEA", "DFW", "JFK", "SFO"}
	for i := range n {
		cols[0].AppendInt(978_307_260_000_000 + int64(i)*60_000_000)
		cols[1].AppendInt(int64(i%300 - 50))
		cols[2].AppendInt(int64(100 + i%2600))
		cols[3].AppendText(airports[i%7])
		cols[4].AppendText(airports[i%5])
	}
	return cols
}

const flightsDDL = "create table t (date timestamptz, delay bigint, distance bigint, origin text, destination text)"

// BenchmarkAppend commits batches of five columns over 12 partitions, each with its bare limit beside it in the same
// loop: the same bytes, encoded beforehand, and the same compare-and-set, sent by the driver alone. "of-limit" is the
// bare time over ours.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{200, 2_000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchAppend(b, n) })
	}
}

func benchAppend(b *testing.B, n int) {
	s := &store{dsn: servers.Postgres(b).Database(b)}
	opened, err := Open(b.Context(), Config{DSN: s.dsn, Table: "t"})
	if err != nil {
		b.Fatal(err)
	}
	defer opened.Close()
	ln, err := opened.Lane(b.Context(), 0)
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	l := ln.(*lane)
	if _, err := l.session.exec(b.Context(), flightsDDL); err != nil {
		b.Fatal(err)
	}
	w := ledger.Actor{Group: "g", ClusterID: "c", Who: "w"}
	batch := sink.Commit{Batch: &fencepost.Batch{Columns: flightRows(n), Offsets: make([]fencepost.Offset, n), Times: make([]int64, n)}}
	var starts []ledger.Move
	for p := range int32(12) {
		m := ledger.Move{TopicPartition: at(p), Cause: ledger.CauseStart, Next: ledger.Position{Fence: fence()}}
		starts = append(starts, m)
		lo, hi := int(p)*n/12, int(p+1)*n/12
		batch.Segments = append(batch.Segments, fencepost.Segment{TopicPartition: at(p), Lo: lo, Hi: hi})
		batch.Moves = append(batch.Moves, ledger.Move{TopicPartition: at(p), Cause: ledger.CauseCommit, Held: m.Next})
	}
	if err := opened.Ledger().Move(b.Context(), w, starts); err != nil {
		b.Fatal(err)
	}
	advance := func() {
		for i := range batch.Segments {
			m := &batch.Moves[i]
			if m.Next.Fence != 0 {
				m.Held = m.Next
			}
			m.Next = m.Held.Advance(m.Held.Offset+fencepost.Offset(n), fencepost.NoEpoch)
		}
	}
	commit := func() {
		advance()
		if err := l.Commit(b.Context(), w, batch); err != nil {
			b.Fatal(err)
		}
	}
	commit()
	e := newEncoder(l.plan.fields, batch.Batch, nil)
	data, err := io.ReadAll(e)
	if err != nil {
		b.Fatal(err)
	}
	bare := func() {
		advance()
		sql := begin + l.plan.copy + "; " + l.session.compare(l.Tables, sqlstore.Commits{Writer: w, Moves: batch.Moves}) + "commit"
		if tag, err := l.session.conn.PgConn().CopyFrom(b.Context(), bytes.NewReader(data), sql); err != nil || tag.String() != "COMMIT" {
			b.Fatal(errors.Join(err, fmt.Errorf("%s", tag)))
		}
	}
	var ours, limit time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		t0 := time.Now()
		commit()
		t1 := time.Now()
		bare()
		ours, limit = ours+t1.Sub(t0), limit+time.Since(t1)
	}
	b.ReportMetric(float64(limit)/float64(ours), "of-limit(goal>=0.85)")
	b.ReportMetric(float64(n)*float64(b.N)/ours.Seconds(), "rows/s")
	b.ReportMetric(0, "ns/op")
	allocs := testing.AllocsPerRun(5, commit)
	b.ReportMetric(allocs/float64(n), "allocs/row(goal<=0.05)")
	b.ReportMetric(allocs, "allocs/commit")
}

// BenchmarkEncode is the client's part alone.
func BenchmarkEncode(b *testing.B) {
	const n = 20_000
	batch := &fencepost.Batch{Columns: flightRows(n), Offsets: make([]fencepost.Offset, n), Times: make([]int64, n), Segments: []fencepost.Segment{{Hi: n}}}
	var specs []fencepost.ColumnSpec
	for _, c := range batch.Columns {
		specs = append(specs, fencepost.ColumnSpec{Name: c.Name, Type: c.Type})
	}
	fields := planSQL(sqlstore.Job{SQL: "select 1"}, specs).fields
	var buf []byte
	chunk := make([]byte, copyChunk)
	b.ReportAllocs()
	for b.Loop() {
		e := newEncoder(fields, batch, buf)
		for {
			if _, err := e.Read(chunk); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
		buf = e.buf
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
}
