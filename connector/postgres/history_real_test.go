//go:build realservers

package postgres

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// manyMoves is 40,000 commits of partition 1 behind the only commit of partition 0: a walk from the end passes them all.
const manyMoves = `insert into fencepost_moves (group_name, topic, partition, cause, held_until, held_epoch, held_fence,
  next_until, next_epoch, next_fence, commits, at, who, why)
select 'g', 'flights', least(n, 1), 'commit', n, -1, 7, n + 1, -1, 7, 1, now(), 'w', '' from generate_series(0, 40000) n`

// The last moves are found by the index, with and without the server's statistics; and without the index they are the
// same.
func TestLastMovesByIndex(t *testing.T) {
	s := newStore(t)
	l, err := OpenLedger(s.dsn, ledger.KeepAll)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	start := func(p int32) ledger.Move {
		return ledger.Move{TopicPartition: fencepost.TopicPartition{Topic: "flights", Partition: p}, Cause: ledger.CauseStart,
			Next: ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: 7}}
	}
	if err := l.Move(t.Context(), ledger.Actor{Group: "g"}, []ledger.Move{start(0), start(1)}); err != nil {
		t.Fatal(err)
	}
	s.exec(t, manyMoves)
	tables := s.tables(t)
	want, err := ledger.LastMovesOf(l.Moves(t.Context(), "g"))
	if err != nil {
		t.Fatal(err)
	}
	same := func(when string) {
		t.Helper()
		got, err := l.LastMoves(t.Context(), "g")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-history +last moves):\n%s", when, diff)
		}
	}
	indexed := func(when string) {
		t.Helper()
		same(when)
		plan := s.plan(t, dialect().History(lastSQL, tables, "g"))
		if !strings.Contains(plan, "fencepost_moves_last") || strings.Contains(plan, "fencepost_moves_pkey") || strings.Contains(plan, "Seq Scan on fencepost_moves") {
			t.Errorf("%s the plan is not by the index fencepost_moves_last alone:\n%s", when, plan)
		}
	}
	indexed("without statistics")
	for range 20 { // each ANALYZE has a sample of its own
		s.exec(t, "analyze fencepost_moves, fencepost_groups, fencepost_ledger")
		indexed("with statistics")
	}
	s.exec(t, "drop index fencepost_moves_last")
	same("without the index")
	if n := one[int](t, s, "select count(*) from pg_class where relname = 'fencepost_moves_last'"); n != 0 {
		t.Error("to look made the index: every commit waits meanwhile")
	}
}

// tables finds the ledger's tables.
func (s *store) tables(t *testing.T) sqlstore.Tables {
	t.Helper()
	c, err := parseDSN(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	own := &session{config: c}
	defer own.Drop()
	if _, err := own.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, err := dialect().Find(t.Context(), own)
	if err != nil || !f.Complete() {
		t.Fatalf("found %+v, %v; want a ledger", f, err)
	}
	return f.Tables
}

// plan is what the server would do for the last of some statements.
func (s *store) plan(t *testing.T, sql string) string {
	t.Helper()
	rows, err := s.connect(t).Query(t.Context(), "explain "+sql[strings.LastIndex(sql, ";")+1:])
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// S15: check sends what a start and a commit send to the ledger, and leaves nothing of it.
func TestS15CheckTriesTheLedgersStatements(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	found := func() fencepost.Finding {
		for _, f := range w.sink.Check(t.Context(), nil) {
			if f.Subject == "ledger" {
				return f
			}
		}
		return fencepost.Finding{}
	}
	if f := found(); !f.OK {
		t.Errorf("check of a ledger as it should be: got %+v", f)
	}
	if got := one[int](t, s, "select (select count(*) from fencepost_groups) * 100 + (select count(*) from fencepost_ledger) * 10 + (select count(*) from fencepost_moves)"); got != 311 {
		t.Errorf("check left rows: got %d, want 3 in groups, 1 in ledger, 1 in moves", got)
	}
	s.exec(t, "alter table fencepost_moves drop column why")
	if f := found(); f.OK || f.Code != "column-missing" {
		t.Errorf("check of a ledger that lacks a column: got %+v, want column-missing", f)
	}
}
