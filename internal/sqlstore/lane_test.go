package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// batchOf is a batch of n rows of one column, and its move.
func batchOf(n int) sink.Commit {
	c := fencepost.Column{Name: "n", Type: fencepost.Int}
	b := &fencepost.Batch{Segments: []fencepost.Segment{{TopicPartition: flights, Hi: n}}}
	for i := range n {
		c.AppendInt(int64(i))
		b.Offsets, b.Times = append(b.Offsets, 5), append(b.Times, 0)
	}
	b.Columns = []fencepost.Column{c}
	return sink.Commit{Batch: b, Moves: []ledger.Move{oneCommit()}}
}

// A batch is one flush. The columns are planned for once, the group's cluster is recorded once, and a batch without rows
// leaves the connector's flush alone.
func TestCommitIsOneFlush(t *testing.T) {
	l, f := fakeLane(t, Job{SQL: "select 1"}, "5")
	for _, n := range []int{1, 2, 0} {
		if err := l.Commit(t.Context(), someone, batchOf(n)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"rows; compare 1 (); commit", "rows; compare 1 (group); commit", "begin; compare 1 (group); commit"}
	if !slices.Equal(f.asked, want) || f.planned != 1 {
		t.Errorf("asked %q and planned %d times, want %q, planned once", f.asked, f.planned, want)
	}
	if err := l.Apply(t.Context(), batchOf(1).Batch); err != nil || f.asked[3] != "rows; commit" {
		t.Errorf("apply asked %q, %v, want the rows without a compare-and-set", f.asked[3], err)
	}
}

// An error about rows is a refusal where the ledger does not hold what the batch holds, and stays what it is where it does.
func TestRejectedIsLookedBehind(t *testing.T) {
	for at, want := range map[string]any{"5": new(*sink.Rejected), "6": new(*ledger.Refused)} {
		l, f := fakeLane(t, Job{SQL: "select 1"}, at)
		f.flushes = []error{&sink.Rejected{Reason: "the row is there"}}
		if err := l.Commit(t.Context(), someone, batchOf(1)); !errors.As(err, want) {
			t.Errorf("the ledger is at %s: got %v, want a %T", at, err, want)
		}
	}
}

// What another client changed is looked for again by the next commit, and by none before.
func TestTablesAreLookedForAgain(t *testing.T) {
	l, f := fakeLane(t, Job{SQL: "select 1"}, "5")
	for _, c := range []struct {
		says    error
		planned int // by then
	}{{nil, 1}, {errFake, 1}, {&fencepost.UserError{Code: "column-missing", Err: errFake}, 1}, {nil, 2}, {&fencepost.UserError{Code: "table-not-found", Err: errFake}, 2}, {nil, 3}} {
		f.flushes = []error{c.says}
		err := l.Commit(t.Context(), someone, batchOf(1))
		if (err == nil) != (c.says == nil) || f.planned != c.planned {
			t.Errorf("the flush answers %v: got %v, planned %d times, want %d", c.says, err, f.planned, c.planned)
		}
	}
}

// A flush that fails is sent again at once with a new plan if the table is another one by then, and only then: three times at
// most, and never where the outcome is unknown.
func TestAChangedTableIsPlannedAnew(t *testing.T) {
	rejected, refused := &sink.Rejected{Reason: "out of range"}, &fencepost.UserError{Code: "sql-refused", Err: errFake}
	for name, c := range map[string]struct {
		says  []error // of the flushes
		stays bool    // the table
		plans int
		want  error
	}{
		"the flush says so":            {[]error{errChanged}, true, 2, nil},
		"twice":                        {[]error{errChanged, errChanged}, true, 3, nil},
		"each time":                    {[]error{errChanged, errChanged, errChanged}, true, 3, errChanged},
		"rows for another table":       {[]error{rejected}, false, 2, nil},
		"rows for this one":            {[]error{rejected}, true, 1, rejected},
		"statements for another":       {[]error{refused}, false, 2, nil},
		"statements for this one":      {[]error{refused}, true, 1, refused},
		"unknown, and another table":   {[]error{ledger.ErrUnknown}, false, 1, ledger.ErrUnknown},
		"any error, and another table": {[]error{errFake}, false, 1, errFake},
	} {
		t.Run(name, func(t *testing.T) {
			l, f := fakeLane(t, Job{Table: "t"}, "5")
			reads := 0
			d := l.sink.dialect
			d.Target.Pairs = Pairs[int]{{From: fencepost.Int, To: "int"}}
			d.Target.Read = func(*fake, context.Context, Job) (*Target, error) {
				if !c.stays {
					reads++
				}
				return &Target{SQL: "t", Shape: fmt.Sprint("shape ", reads), Columns: []Column{{Name: "n", Type: "int"}}}, nil
			}
			f.flushes = c.says
			if err := l.Commit(t.Context(), someone, batchOf(1)); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if f.planned != c.plans {
				t.Errorf("planned %d times, want %d", f.planned, c.plans)
			}
		})
	}
}

// A lane takes commits of a ledger only.
func TestLaneRefusesOtherMoves(t *testing.T) {
	l, f := fakeLane(t, Job{SQL: "select 1"}, "5")
	c := batchOf(1)
	c.Moves[0].Cause = ledger.CauseRewind
	if err := l.Commit(t.Context(), someone, c); err == nil || !strings.Contains(err.Error(), "cause is rewind") {
		t.Errorf("a rewind: %v", err)
	}
	if err := l.Commit(t.Context(), ledger.Actor{}, batchOf(1)); err == nil || !strings.Contains(err.Error(), "no group") {
		t.Errorf("no group: %v", err)
	}
	l.sink.job.NoLedger = true
	if err := l.Commit(t.Context(), someone, batchOf(1)); err == nil || !strings.Contains(err.Error(), "without a ledger") {
		t.Errorf("no ledger: %v", err)
	}
	if len(f.asked) != 0 {
		t.Errorf("asked %q, want nothing", f.asked)
	}
}
