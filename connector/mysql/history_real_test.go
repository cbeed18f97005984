//go:build realservers

package mysql

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// manyMoves is 900 commits of partition 1 behind the only commit of partition 0: a walk from the end passes them all.
const manyMoves = "insert into fencepost_moves (group_name, topic, `partition`, cause, held_until, held_epoch, held_fence, " +
	"next_until, next_epoch, next_fence, commits, at, who, why) " +
	"with recursive n (n) as (select 0 union all select n + 1 from n where n < 900) " +
	"select 'g', 'flights', least(n, 1), 'commit', n, -1, 7, n + 1, -1, 7, 1, utc_timestamp(6), 'w', '' from n"

// The last moves are found by the index, group by group; and without the index they are the same.
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
	for range 5 {
		s.exec(t, manyMoves)
	}
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
	same("with the index")
	if plan := s.plan(t, dialect().History(lastSQL, tables, "g")); !strings.Contains(plan, s.either("skip scan for grouping", "Using index for group-by")) {
		t.Errorf("the plan is not by the groups of the index:\n%s", plan)
	}
	s.exec(t, "alter table fencepost_moves drop key fencepost_moves_last")
	same("without the index")
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
func (s *store) plan(t *testing.T, query string) string {
	t.Helper()
	rows, err := s.db.QueryContext(t.Context(), "explain "+query[strings.LastIndex(query, ";")+1:])
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, into := make([][]byte, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	var plan strings.Builder
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			plan.Write(v)
			plan.WriteString(" | ")
		}
		plan.WriteString("\n")
	}
	return plan.String()
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
