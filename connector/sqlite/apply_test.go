package sqlite

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
	"zombiezen.com/go/sqlite/sqlitex"
)

// applied is a batch of rows [from, until) of one partition.
func applied(from, until fencepost.Offset) sink.Commit {
	return sinktest.Commit(sinktest.Span{TopicPartition: fencepost.TopicPartition{Topic: "flights"},
		Held: ledger.Position{Offset: from, LeaderEpoch: fencepost.NoEpoch, Fence: 1}, Until: until})
}

// Apply makes rows visible, all or none, whatever the sink does with them, and neither it nor anything else of the sink
// makes a table of the ledger.
func TestApply(t *testing.T) {
	for what, c := range map[string]Config{"append": {Table: "suite"}, "upsert": {Table: "keyed", Key: []string{"n"}},
		"sql": {SQL: "insert into suite (n) select n from batch"},
		"handle": {Handle: func(_ context.Context, conn *Conn, b *fencepost.Batch) error {
			for row := range b.All() {
				if err := sqlitex.Execute(conn, "insert into suite (n) values (?)", &sqlitex.ExecOptions{Args: []any{b.Column("n").Int(row)}}); err != nil {
					return err
				}
			}
			return nil
		}}} {
		t.Run(what, func(t *testing.T) {
			s := newStore(t)
			execute(t, s.path, "create table keyed (value text, n integer primary key check (n >= 0))")
			c.NoLedger = true
			opened, err := s.open(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range opened.(*Sink).Check(t.Context(), sinktest.Columns()) {
				if f.Subject == "ledger" || !f.OK {
					t.Errorf("check: %+v", f)
				}
			}
			if _, err := opened.Columns(t.Context(), sinktest.Columns()); err != nil {
				t.Errorf("needs: %v", err)
			}
			l, err := opened.Lane(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := errors.Join(l.Close(), opened.Close()); err != nil {
					t.Error(err)
				}
			}()
			lane, table := l.(sink.Applier), "suite"
			if c.Table != "" {
				table = c.Table
			}
			rows := func() string { return answer(t, s.path, "select count(*) from "+table) }
			if err := lane.Apply(t.Context(), applied(0, 3).Batch); err != nil || rows() != "3" {
				t.Fatalf("apply: %v, %s rows stand, want 3", err, rows())
			}
			bad := applied(3, 5)
			bad.Columns[1] = fencepost.Column{Name: "n", Type: fencepost.Int}
			bad.Columns[1].AppendInt(3)
			bad.Columns[1].AppendInt(-1)
			if err := lane.Apply(t.Context(), bad.Batch); rows() != "3" {
				t.Errorf("a bad row: %v, %s rows stand, want 3", err, rows())
			} else if rejected, ok := errors.AsType[*sink.Rejected](err); !ok {
				t.Errorf("a bad row: %v, %v, want rejected", err, rejected)
			}
			want := "3" // a key takes the same rows again
			if c.Key == nil {
				want = "6"
			}
			if err := lane.Apply(t.Context(), applied(0, 3).Batch); err != nil || rows() != want {
				t.Errorf("again: %v, %s rows stand, want %s", err, rows(), want)
			}
			if err := l.Commit(t.Context(), ledger.Actor{Group: "g"}, applied(0, 3)); err == nil {
				t.Error("a sink without a ledger committed moves")
			}
			if got := answer(t, s.path, "select name from sqlite_schema where name like 'fencepost%'"); got != "" {
				t.Errorf("the sink made tables of a ledger: %s", got)
			}
			if ddl := DDL(opened.(*Sink).cfg, sinktest.Columns()); strings.Contains(ddl, "fencepost_") {
				t.Errorf("the DDL of a sink without a ledger makes one:\n%s", ddl)
			}
		})
	}
}

// A lost answer leaves all rows or none, and its error is ErrUnknown.
func TestApplyLosesItsAnswer(t *testing.T) {
	for what, c := range map[string]struct {
		lose int32
		rows string
	}{"before COMMIT": {loseUnapplied, "2"}, "behind COMMIT": {loseApplied, "5"}} {
		t.Run(what, func(t *testing.T) {
			s := newStore(t)
			opened, err := s.open(t.Context(), Config{Table: "suite", NoLedger: true})
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			l, err := opened.Lane(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			lane := l.(sink.Applier)
			if err := lane.Apply(t.Context(), applied(0, 2).Batch); err != nil {
				t.Fatal(err)
			}
			s.lose.Store(c.lose)
			if err := lane.Apply(t.Context(), applied(2, 5).Batch); !errors.Is(err, ledger.ErrUnknown) {
				t.Errorf("got %v, want unknown", err)
			}
			if got := answer(t, s.path, "select count(*) from suite"); got != c.rows {
				t.Errorf("%s rows stand, want %s", got, c.rows)
			}
			if err := lane.Apply(t.Context(), applied(5, 6).Batch); err != nil {
				t.Errorf("the next batch: %v", err)
			}
		})
	}
}

// The ledger alone is the one that a sink of the same file has.
func TestLedgerAlone(t *testing.T) {
	s := newStore(t)
	l, err := OpenLedger(s.path, ledger.KeepAll)
	if err != nil {
		t.Fatal(err)
	}
	to := applied(3, 4).Moves[0].Held
	move := ledger.Move{TopicPartition: fencepost.TopicPartition{Topic: "flights"}, Next: to, Cause: ledger.CauseImport}
	if err := l.Move(t.Context(), ledger.Actor{Group: "g"}, []ledger.Move{move}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	opened, err := s.Open(t.Context(), ledger.KeepAll)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	snap, err := opened.Ledger().Read(t.Context(), "g")
	if got := snap.Positions[move.TopicPartition]; err != nil || got != to {
		t.Errorf("the file's sink reads %+v, %v; want %+v", got, err, to)
	}
}
