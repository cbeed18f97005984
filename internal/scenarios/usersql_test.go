//go:build realservers

package scenarios

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/sink"
	"github.com/twmb/franz-go/pkg/kgo"
)

// SQL that ends its transaction is refused before anything is applied; and mended, everything is applied once.
func TestC14SQLWithCommitIsRefused(t *testing.T) {
	for _, sql := range []string{insertSQL + "; commit", insertSQL + "; COMMIT; begin", "rollback; " + insertSQL, insertSQL + "; end"} {
		t.Run(sql, func(t *testing.T) {
			onEachStore(t, func(t *testing.T, s *scene) {
				name := s.topic(1)
				tp := at(name, 0)
				s.fill(tp, 5)
				for range 2 { // it stays refused
					s.run([]string{name}, func(set *setup) { set.engine.Sink = s.store.sink(t, "", sql) }).fault("sql-ended-transaction")
				}
				s.wantRows(tp)
				if !s.snapshot().Empty() {
					t.Error("the refused run wrote to the ledger")
				}
				s.toEnd([]string{name}, func(set *setup) { set.engine.Sink = s.store.sink(t, "", insertSQL) })
				s.wantRows(tp, span(0, 5)...)
			})
		})
	}
}

// A COMMIT that no reading of the text finds: it is in a procedure, and only the server sees it. Nothing is applied
// and the position does not move.
func TestC14HiddenCommitIsRefused(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	tp := at(name, 0)
	s.fill(tp, 5)
	s.store.exec(t, "create procedure sneak() language plpgsql as $$ begin commit; end $$")
	wk := s.run([]string{name}, func(set *setup) { set.engine.Sink = s.store.sink(t, "", insertSQL+"; call sneak()") })
	if err := wk.wait(); err == nil || !strings.Contains(err.Error(), "invalid transaction termination") {
		t.Errorf("the run ended with %v, want the server's refusal", err)
	}
	s.wantRows(tp)
	if p := s.position(tp); p.Offset != 0 {
		t.Errorf("the ledger is at %d, want 0", p.Offset)
	}
	s.toEnd([]string{name}, nil)
	s.wantRows(tp, span(0, 5)...)
}

// totalsDDL and upsertSQL are the aggregate of the first page: counted exactly once, in the database's own SQL.
const (
	totalsDDL = `create table totals (key text primary key, n bigint not null)`
	upsertSQL = `INSERT INTO totals (key, n) SELECT value, count(*) FROM batch WHERE true GROUP BY value ORDER BY value
ON CONFLICT (key) DO UPDATE SET n = totals.n + excluded.n`
)

// Four lanes on Postgres, or four workers on SQLite's one lane each, aggregate eight partitions with the same hundred
// keys: no deadlock surfaces, and every record is counted once.
func TestC14FourLanesAggregate(t *testing.T) {
	const partitions, keys, each = 8, 100, 4000
	for store, open := range map[string]func(t *testing.T) (store, int, func() sink.Sink){
		"postgres": func(t *testing.T) (store, int, func() sink.Sink) {
			s := newPostgresStore(t, totalsDDL)
			return s, 1, func() sink.Sink { return s.open(t, postgres.Config{SQL: upsertSQL, Lanes: 4}) }
		},
		"sqlite": func(t *testing.T) (store, int, func() sink.Sink) {
			s := newSQLiteStore(t, totalsDDL)
			return s, 4, func() sink.Sink { return s.sink(t, "", upsertSQL) }
		},
	} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			st, workers, sink := open(t)
			s := newScene(t, servers.Kafka(t), st)
			name := s.topic(partitions)
			var rs []*kgo.Record
			for i := range partitions * each {
				rs = append(rs, &kgo.Record{Topic: name, Partition: int32(i % partitions), Value: fmt.Appendf(nil, "key-%d", (i*7+i/partitions)%keys)})
			}
			s.write(s.cl, rs...)
			var all sync.WaitGroup
			var list []*worker
			for range workers {
				wk := s.run([]string{name}, func(set *setup) {
					set.engine.Sink = sink()
					set.engine.Lanes = 4
					set.engine.Batch.Records = 100
					set.engine.Until.End = true
				})
				list = append(list, wk)
				all.Go(func() { <-wk.done })
			}
			all.Wait()
			for _, wk := range list {
				if wk.err != nil {
					t.Errorf("run: %v", wk.err)
				}
				for _, r := range heard[engine.Retrying](wk) {
					t.Errorf("it surfaced: %s: %v", r.What, r.Err)
				}
			}
			if n, k := st.number(t, "select sum(n) from totals"), st.number(t, "select count(*) from totals"); n != partitions*each || k != keys {
				t.Errorf("%d records of %d keys are counted, want %d of %d", n, k, partitions*each, keys)
			}
			for p := range int32(partitions) {
				s.reached(at(name, p), each)
			}
		})
	}
}
