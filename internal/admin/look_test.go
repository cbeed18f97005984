package admin_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// Each verdict, as a look at the group shows it: state, lag in records and in time, and what needs a person.
func TestLookTellsEachVerdict(t *testing.T) {
	w := newWorld(t, 7)
	w.resources.Try = func(r *fencepost.Record) error {
		if r.Partition == 6 {
			return errors.New("value is not JSON")
		}
		return nil
	}
	w.bounds(1, func(b *fencepost.LogOffsets) { b.HighWatermark, b.LastStableOffset = 1300, 1300 })
	w.bounds(2, func(b *fencepost.LogOffsets) { b.Earliest, b.LastStableOffset, b.HighWatermark = 1200, 1500, 1500 })
	w.bounds(3, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 900, 900 })
	w.bounds(4, func(b *fencepost.LogOffsets) { b.Err = fencepost.ErrNoAnswer })
	w.bounds(5, func(b *fencepost.LogOffsets) { b.HighWatermark = 1400 })
	w.bounds(6, func(b *fencepost.LogOffsets) { b.HighWatermark, b.LastStableOffset = 1001, 1001 })
	for p, want := range []struct {
		verdict ledger.Verdict
		state   admin.State
		lag     int64
		age     time.Duration
		lost    int64
	}{
		{ledger.OK, admin.Idle, 0, 0, 0},
		{ledger.OK, admin.StateUnknown, 300, time.Hour, 0},
		{ledger.AgedOut, admin.Parked, 500, time.Hour, 200},
		{ledger.Truncated, admin.Parked, -1, -1, 0},
		{ledger.Unknown, admin.Waiting, -1, -1, 0},
		{ledger.OK, admin.Blocked, 400, -1, 0},
		{ledger.OK, admin.Parked, 1, time.Hour, 0},
	} {
		s := w.standing(int32(p))
		if s.Decision.Verdict != want.verdict || s.State != want.state || s.Lag != want.lag || s.LagTime != want.age || s.Decision.Lost != want.lost {
			t.Errorf("%s: got %s, %s, lag %d, %s old, %d lost; want %s, %s, lag %d, %s old, %d lost", s.TopicPartition,
				s.Decision.Verdict, s.State, s.Lag, s.LagTime, s.Decision.Lost, want.verdict, want.state, want.lag, want.age, want.lost)
		}
	}
	v := w.look()
	odd := 0
	for _, s := range v.Standings {
		if s.Odd() {
			odd++
		}
	}
	if odd != 5 {
		t.Errorf("partitions that need an explanation: got %d, want 5: 3 parked, 1 waiting, 1 blocked", odd)
	}
	if s := w.standing(6); s.Bad == nil || s.NextAt != 1000 {
		t.Errorf("the record that can not be decoded: got %v at %d, want one at 1000", s.Bad, s.NextAt)
	}
}

// A record whose schema cannot be had says nothing of its partition: a look from another machine than the workers' may not reach the
// registry that they reach.
func TestALookThatReachesNoRegistry(t *testing.T) {
	w := newWorld(t, 1)
	w.bounds(0, func(b *fencepost.LogOffsets) { b.HighWatermark, b.LastStableOffset = 1001, 1001 })
	w.resources.Try = func(*fencepost.Record) error {
		return &fencepost.Unready{Code: "registry-silent", Reason: "it refuses connections"}
	}
	v := w.look()
	if s := v.Standings[0]; s.Bad != nil || s.State == admin.Parked {
		t.Errorf("the partition is %s, for %v", s.State, s.Bad)
	}
	if want := "Whether the next records can be decoded is not known here: it refuses connections"; !slices.Contains(v.Notes, want) {
		t.Errorf("notes: %q", v.Notes)
	}
}

// One stale answer is no verdict of loss: the brokers are asked again (law 5).
func TestLookAsksTwice(t *testing.T) {
	w := newWorld(t, 2)
	good := w.cluster.bounds[tp(0)]
	w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 900, 900 })
	w.cluster.second = map[fencepost.TopicPartition]fencepost.LogOffsets{tp(0): good}
	if s := w.standing(0); s.Decision.Verdict != ledger.StaleMetadata || !s.Settled() {
		t.Errorf("verdict is %s, state %s; want stale metadata, and the position good as it stands", s.Decision.Verdict, s.State)
	}
}

// Who moved a position last is shown, with the reason.
func TestLookTellsTheLastMove(t *testing.T) {
	w := newWorld(t, 1)
	if s := w.standing(0); s.Last == nil || s.Last.Cause != ledger.CauseCommit || s.Last.Who != "w1@node3" {
		t.Errorf("last move is %+v, want a commit by w1@node3", s.Last)
	}
}

// transactions is a cluster that says which transactions are open.
type transactions struct {
	*cluster
	open map[fencepost.TopicPartition]source.Transaction
	err  error
}

func (c transactions) OpenTransactions(context.Context, []fencepost.TopicPartition) (map[fencepost.TopicPartition]source.Transaction, error) {
	return c.open, c.err
}

// TestE11BlockedOnlyByATransaction: a last stable offset below the high watermark may be an answer of another moment. Blocked
// is where the brokers know of an open transaction, and it is named; where they do not report it, the log offsets decide.
func TestE11BlockedOnlyByATransaction(t *testing.T) {
	for _, c := range []struct {
		about  string
		open   map[fencepost.TopicPartition]source.Transaction
		err    error
		state  admin.State
		reason string
	}{
		{"none is open", nil, nil, admin.StateUnknown, ""},
		{"one is open", map[fencepost.TopicPartition]source.Transaction{tp(0): {ProducerID: 4001, TransactionalID: "billing-7"}}, nil,
			admin.Blocked, "billing-7's transaction (producer 4001) holds 400 offsets back from 1000 on"},
		{"nobody says", nil, fencepost.ErrNoAnswer, admin.Blocked, "an open transaction holds the rest back"},
	} {
		w := newWorld(t, 1)
		w.bounds(0, func(b *fencepost.LogOffsets) { b.HighWatermark = 1400 })
		w.resources.Cluster = transactions{w.cluster, c.open, c.err}
		if s := w.standing(0); s.State != c.state || s.Reason != c.reason || s.Lag != 400 {
			t.Errorf("%s: %s, %q, lag %d; want %s, %q, 400", c.about, s.State, s.Reason, s.Lag, c.state, c.reason)
		}
	}
}

// unwritten is a ledger that cannot be read: its server, or what is left of it, is not one that a worker could commit to.
type unwritten struct {
	ledger.Ledger
	code string
}

func (b unwritten) Exists(context.Context, fencepost.Group) (bool, error) { return true, nil }

func (b unwritten) Read(context.Context, fencepost.Group) (ledger.Snapshot, error) {
	return ledger.Snapshot{}, &fencepost.UserError{Code: b.code, Err: errors.New("db1:5432"), Passing: true}
}

// O1, S17: a server that takes no writes, or that was promoted away, lets no worker commit, nor report it: a look that meets it ends
// with 3, as one that finds every partition standing still. One that only does not answer is an error.
func TestO1AServerThatTakesNoWrites(t *testing.T) {
	for code, exit := range map[string]int{"database-read-only": 3, "old-primary": 3, "database-silent": 0} {
		w := newWorld(t, 1)
		r := w.resources
		r.Ledger, r.History = unwritten{r.Ledger, code}, nil
		_, err := admin.Look(t.Context(), r)
		f, ok := errors.AsType[*fencepost.UserError](err)
		if !ok || f.Code != code || f.Exit != exit || !f.Passing {
			t.Errorf("%s: got %v (%+v), want exit %d", code, err, f, exit)
		}
	}
}
