package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// The last moves are found by the index and the primary key alone; and without the index they are the same.
func TestLastMovesByIndex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := OpenLedger(path, ledger.KeepAll)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	moves := startsOf(3)
	if err := l.Move(t.Context(), ledger.Actor{Group: "g"}, moves); err != nil {
		t.Fatal(err)
	}
	for _, m := range moves[1:] {
		commit := ledger.Move{TopicPartition: m.TopicPartition, Held: m.Next, Next: m.Next.Advance(5, 0), Cause: ledger.CauseCommit}
		if err := l.Move(t.Context(), ledger.Actor{Group: "g"}, []ledger.Move{commit}); err != nil {
			t.Fatal(err)
		}
	}
	want, err := ledger.LastMovesOf(l.Moves(t.Context(), "g"))
	if err != nil || len(want) != 3 {
		t.Fatalf("history of %d partitions, %v; want 3", len(want), err)
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
	plan := planOf(t, path, lastSQL, "g")
	for _, step := range []string{"SEARCH m USING INTEGER PRIMARY KEY (rowid=?)",
		"SEARCH l USING COVERING INDEX fencepost_moves_last (group_name=? AND topic=? AND partition=? AND cause=?)"} {
		if !strings.Contains(plan, step) || strings.Contains(plan, "SCAN m") || strings.Contains(plan, "SCAN l") {
			t.Errorf("the plan has no step %q, or reads all moves:\n%s", step, plan)
		}
	}
	if plan := planOf(t, path, pageSQL, "g", 0, page); !strings.Contains(plan, "USING INTEGER PRIMARY KEY (rowid>?)") || strings.Contains(plan, "TEMP B-TREE") {
		t.Errorf("a page of the history is not read where it stands:\n%s", plan)
	}
	execute(t, path, "DROP INDEX fencepost_moves_last")
	same("without the index")
	if n := answer(t, path, "SELECT count(*) FROM sqlite_schema WHERE name = 'fencepost_moves_last'"); n != "0" {
		t.Error("to look made the index: every commit waits meanwhile")
	}
}

// A moment reads back to the microsecond, also in the last millisecond of a second: SQLite's own functions count in those.
func TestMomentsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := OpenLedger(path, ledger.KeepMerged)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	start := startsOf(1)[0]
	commit := ledger.Move{TopicPartition: start.TopicPartition, Held: start.Next, Next: start.Next.Advance(5, 0), Cause: ledger.CauseCommit}
	for _, m := range []ledger.Move{start, commit} {
		if err := l.Move(t.Context(), ledger.Actor{Group: "g"}, []ledger.Move{m}); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []string{"2026-11-30 07:00:00.000000", "2026-11-30 07:59:59.999999", "1999-12-31 23:59:59.999500", "1969-12-31 23:59:59.000001", "0000-01-01 00:00:00.000001"} {
		execute(t, path, "UPDATE fencepost_moves SET at = ?1", at)
		execute(t, path, "UPDATE fencepost_ledger SET run_at = ?1", at)
		n := 0
		for m, err := range l.Moves(t.Context(), "g") {
			if err != nil {
				t.Fatal(err)
			}
			if n++; m.At.Format(timeLayout) != at {
				t.Errorf("%s of %s reads back as %s", m.Cause, at, m.At.Format(timeLayout))
			}
		}
		if n != 2 {
			t.Errorf("%d moves, want the start and the open run", n)
		}
	}
}

// startsOf is the starts of partitions of a topic.
func startsOf(n int32) (moves []ledger.Move) {
	for p := range n {
		moves = append(moves, ledger.Move{TopicPartition: fencepost.TopicPartition{Topic: "flights", Partition: p}, Cause: ledger.CauseStart,
			Partitions: n, Next: ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: 7}})
	}
	return moves
}

// planOf is how SQLite would answer a query.
func planOf(t *testing.T, path, query string, args ...any) string {
	t.Helper()
	var plan []string
	err := sqlitex.Execute(plain(t, path), "EXPLAIN QUERY PLAN "+query, &sqlitex.ExecOptions{Args: args,
		ResultFunc: func(st *sqlite.Stmt) error { plan = append(plan, st.ColumnText(3)); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}
