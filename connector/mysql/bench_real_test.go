//go:build realservers

package mysql

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// flightRows are five columns, as the user's guide has them.
func flightRows(n int) []fencepost.Column {
	cols := []fencepost.Column{{Name: "date", Type: fencepost.Timestamp}, {Name: "delay", Type: fencepost.Int}, {Name: "distance", Type: fencepost.Int},
		{Name: "origin", Type: fencepost.Text}, {Name: "destination", Type: fencepost.Text}}
	airports := []string{"ATL", "ORD", "LAX", "SEA", "DFW", "JFK", "SFO"}
	for i := range n {
		cols[0].AppendInt(978_307_260_000_000 + int64(i)*60_000_000)
		cols[1].AppendInt(int64(i%300 - 50))
		cols[2].AppendInt(int64(i))
		cols[3].AppendText(airports[i%7])
		cols[4].AppendText(airports[i%5])
	}
	return cols
}

const benchDDL = "create table t (date datetime(6), delay bigint, distance bigint, origin varchar(8), destination varchar(8)) character set utf8mb4"

// BenchmarkAppend and BenchmarkUpsert commit batches of five columns over 12 partitions, each with its bare statement
// beside it in the same loop: one prepared INSERT text in a transaction of its own, without a ledger, sent by the
// driver. "of-limit" is the bare time over ours.
func BenchmarkAppend(b *testing.B) { benchSizes(b, nil, "") }

func BenchmarkUpsert(b *testing.B) {
	benchSizes(b, []string{"distance"}, onDuplicate([]string{"distance"}, []string{"date", "delay", "distance", "origin", "destination"}))
}

func benchSizes(b *testing.B, key []string, conflict string) {
	for _, n := range []int{2_000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchCommit(b, n, key, conflict) })
	}
}

func benchCommit(b *testing.B, n int, key []string, conflict string) {
	s := storeOf(b, servers.MariaDB(b).Database(b))
	for _, name := range []string{"t", "bare"} {
		s.exec(b, strings.Replace(benchDDL, " t ", " "+name+" ", 1))
		if key != nil {
			s.exec(b, "alter table "+name+" add primary key (distance)")
		}
	}
	opened, err := Open(b.Context(), Config{DSN: s.dsn, Table: "t", Key: key})
	if err != nil {
		b.Fatal(err)
	}
	defer opened.Close()
	ln, err := opened.Lane(b.Context(), 0)
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	w := ledger.Actor{Group: "g", ClusterID: "c", Who: "w"}
	batch := sink.Commit{Batch: &fencepost.Batch{Columns: flightRows(n), Offsets: make([]fencepost.Offset, n), Times: make([]int64, n)}}
	var starts []ledger.Move
	for p := range int32(12) {
		m := ledger.Move{TopicPartition: at(p), Cause: ledger.CauseStart, Next: ledger.Position{Fence: fence()}}
		starts = append(starts, m)
		batch.Segments = append(batch.Segments, fencepost.Segment{TopicPartition: at(p), Lo: int(p) * n / 12, Hi: int(p+1) * n / 12})
		batch.Moves = append(batch.Moves, ledger.Move{TopicPartition: at(p), Cause: ledger.CauseCommit, Held: m.Next})
	}
	if err := opened.Ledger().Move(b.Context(), w, starts); err != nil {
		b.Fatal(err)
	}
	bare := bareInsert(b, batch.Batch, conflict)
	conn := storeOf(b, s.dsn).db
	var ours, theirs []time.Duration
	for b.Loop() {
		for i := range batch.Segments {
			m := &batch.Moves[i]
			if m.Next.Fence != 0 {
				m.Held = m.Next
			}
			m.Next = m.Held.Advance(m.Held.Offset+fencepost.Offset(n), fencepost.NoEpoch)
		}
		began := time.Now()
		if err := ln.Commit(b.Context(), w, batch); err != nil {
			b.Fatal(err)
		}
		ours = append(ours, time.Since(began))
		began = time.Now()
		if _, err := conn.ExecContext(b.Context(), bare); err != nil {
			b.Fatal(err)
		}
		theirs = append(theirs, time.Since(began))
	}
	b.ReportMetric(float64(n)/median(ours).Seconds(), "rows/s")
	b.ReportMetric(median(theirs).Seconds()/median(ours).Seconds(), "of-limit")
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// bareInsert is the batch as one INSERT.
func bareInsert(b *testing.B, batch *fencepost.Batch, conflict string) string {
	e := encoder{most: 1 << 30}
	for _, c := range batch.Columns {
		_, kind := natural(c.Type)
		e.fields = append(e.fields, field{Name: c.Name, Kind: kind})
	}
	if err := e.encode(batch); err != nil {
		b.Fatal(err)
	}
	return begin + "insert into bare (date, delay, distance, origin, destination) values " + string(e.piece(0)) + conflict + "; commit"
}

// BenchmarkWays compares the ways to send 2,000 rows: text, a prepared INSERT of as many rows, LOAD DATA LOCAL.
func BenchmarkWays(b *testing.B) {
	const n = 2_000
	s := storeOf(b, servers.MariaDB(b).Database(b))
	s.exec(b, strings.Replace(benchDDL, " t ", " bare ", 1))
	batch := &fencepost.Batch{Columns: flightRows(n), Offsets: make([]fencepost.Offset, n), Segments: []fencepost.Segment{{Hi: n}}}
	text := bareInsert(b, batch, "")
	b.Run("text", func(b *testing.B) {
		for b.Loop() {
			s.exec(b, text)
		}
	})
	var args []any
	var file bytes.Buffer
	for i := range n {
		c := batch.Columns
		date := time.UnixMicro(c[0].Micros(i)).UTC().Format("2006-01-02 15:04:05.000000")
		args = append(args, date, c[1].Int(i), c[2].Int(i), c[3].Text(i), c[4].Text(i))
		fmt.Fprintf(&file, "%s\t%d\t%d\t%s\t%s\n", date, c[1].Int(i), c[2].Int(i), c[3].Text(i), c[4].Text(i))
	}
	b.Run("prepared", func(b *testing.B) {
		st, err := s.db.PrepareContext(b.Context(), "insert into bare values "+strings.TrimSuffix(strings.Repeat("(?,?,?,?,?),", n), ","))
		if err != nil {
			b.Fatal(err)
		}
		defer st.Close()
		for b.Loop() {
			if _, err := st.ExecContext(b.Context(), args...); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("load-data", func(b *testing.B) {
		mysql.RegisterReaderHandler("rows", func() io.Reader { return bytes.NewReader(file.Bytes()) })
		for b.Loop() {
			s.exec(b, "load data local infile 'Reader::rows' into table bare")
		}
	})
}
