package sqlstore

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// All moves of a call are one transaction: those that are no commits under the group's lock first. The tables are looked
// for once, and again after one was not found.
func TestMoveIsOneTransaction(t *testing.T) {
	f := &fake{answer: standing("5")}
	l := NewLedger(fakeDialect(), f, ledger.KeepMerged)
	moves := []ledger.Move{oneCommit(), {TopicPartition: fencepost.TopicPartition{Topic: "flights", Partition: 1}, Cause: ledger.CauseStart,
		Next: ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: 9}}}
	const find, flush = "locate", "begin; move 1; compare 1 (); commit"
	version := "select version, ledger_id from g where group_name = '' and topic = ''"
	f.flushes = []error{nil, errFake, &fencepost.UserError{Code: "table-not-found", Err: errFake}, nil}
	for range f.flushes {
		_ = l.Move(t.Context(), someone, moves)
	}
	if want := []string{find, version, flush, flush, flush, find, version, flush}; !slices.Equal(f.asked, want) {
		t.Errorf("asked\n%q, want\n%q", f.asked, want)
	}
	moves[0].Partition = 1
	if err := l.Move(t.Context(), someone, moves); err == nil || !strings.Contains(err.Error(), "twice in one call") {
		t.Errorf("a partition that moves twice: %v", err)
	}
}

// A ledger that a newer program wrote is reported, whatever is asked of it first.
func TestNewerLedger(t *testing.T) {
	newer := func(statements string) ([]Rows, error) {
		if strings.HasPrefix(statements, "select version, ledger_id") {
			return []Rows{{{[]byte("2"), []byte("00")}}}, nil
		}
		return standing("5")(statements)
	}
	l := NewLedger(fakeDialect(), &fake{answer: newer}, ledger.KeepMerged)
	_, read := l.Read(t.Context(), "group")
	_, exists := l.Exists(t.Context(), "group")
	for _, err := range []error{read, exists, l.Move(t.Context(), someone, []ledger.Move{oneCommit()})} {
		if !errors.Is(err, ledger.ErrNewer) {
			t.Errorf("got %v, want ErrNewer", err)
		}
	}
}
