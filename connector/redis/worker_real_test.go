//go:build realservers

package redis

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

var topicID = fencepost.TopicID{1}

// fence makes a fresh one.
func fence() ledger.Fence {
	var b [8]byte
	rand.Read(b[:])
	return ledger.NewFence(binary.BigEndian.Uint64(b[:]))
}

// worker is one process: a sink, a lane, and the positions it holds.
type worker struct {
	t    testing.TB
	sink *Sink
	lane sink.Lane
	as   ledger.Actor
	held map[fencepost.TopicPartition]ledger.Position
}

// worker opens a sink and a lane.
func (s *store) worker(t testing.TB, effects ...Effect) *worker {
	t.Helper()
	sink, err := s.open(ledger.KeepMerged, effects...)
	if err != nil {
		t.Fatal(err)
	}
	lane, err := sink.Lane(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(lane.Close(), sink.Close()); err != nil {
			t.Error(err)
		}
	})
	return &worker{t: t, sink: sink, lane: lane, as: ledger.Actor{Group: "g", ClusterID: "c", Who: "w"},
		held: map[fencepost.TopicPartition]ledger.Position{}}
}

// heir is another worker that holds the same.
func (s *store) heir(w *worker) *worker {
	w.t.Helper()
	h := s.worker(w.t, w.sink.cfg.Effects...)
	maps.Copy(h.held, w.held)
	return h
}

func at(p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: "flights", Partition: p}
}

// starts are the moves that start the first n partitions at 0.
func starts(n int32) (moves []ledger.Move) {
	for p := range n {
		moves = append(moves, ledger.Move{TopicPartition: at(p), Cause: ledger.CauseStart, Partitions: n,
			Next: ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: fence(), TopicID: topicID}})
	}
	return moves
}

// start starts the first n partitions at 0.
func (w *worker) start(n int32) *worker {
	w.t.Helper()
	moves := starts(n)
	for _, m := range moves {
		w.held[m.TopicPartition] = m.Next
	}
	if err := w.sink.Ledger().Move(w.t.Context(), w.as, moves); err != nil {
		w.t.Fatal(err)
	}
	return w
}

// batch is the next n rows of a partition, in the suite's columns: value "topic:partition@offset", n = offset.
func (w *worker) batch(p int32, n fencepost.Offset) sink.Commit {
	held := w.held[at(p)]
	return sinktest.Commit(sinktest.Span{TopicPartition: at(p), Held: held, Until: held.Offset + n})
}

// counts is a batch of one segment of partition 0 with these keys and numbers.
func (w *worker) counts(pairs ...any) sink.Commit {
	held := w.held[at(0)]
	key, n := fencepost.Column{Name: "key", Type: fencepost.Text}, fencepost.Column{Name: "n", Type: fencepost.Int}
	b := &fencepost.Batch{}
	for i := 0; i < len(pairs); i += 2 {
		if s, ok := pairs[i].(string); ok {
			key.AppendText(s)
		} else {
			key.AppendNull()
		}
		switch v := pairs[i+1].(type) {
		case int:
			n.AppendInt(int64(v))
		case int64:
			n.AppendInt(v)
		}
		b.Offsets = append(b.Offsets, held.Offset+fencepost.Offset(i/2))
		b.Times = append(b.Times, int64(i))
	}
	b.Columns = []fencepost.Column{key, n}
	return sinktest.One(b, at(0), held, held.Offset+fencepost.Offset(len(b.Offsets)))
}

// commit commits a batch.
func (w *worker) commit(ctx context.Context, b sink.Commit) error {
	err := w.lane.Commit(ctx, w.as, b)
	if err == nil {
		for _, m := range b.Moves {
			w.held[m.TopicPartition] = m.Next
		}
	}
	return err
}

// must commits a batch that must be accepted.
func (w *worker) must(b sink.Commit) {
	w.t.Helper()
	if err := w.commit(w.t.Context(), b); err != nil {
		w.t.Fatal(err)
	}
}

// read reads the group.
func (w *worker) read() ledger.Snapshot {
	w.t.Helper()
	s, err := w.sink.Ledger().Read(w.t.Context(), w.as.Group)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// sum is the mapping of most tests: n added up by key in one hash.
func (s *store) sum() Effect {
	return Effect{Op: HIncrBy, Key: Text(s.out + ":{group}:sum"), Name: Column("key"), Value: Column("n")}
}

// sums are the content of that hash.
func (s *store) sums(t *testing.T) map[string]string {
	t.Helper()
	m, err := s.beside(t).HGetAll(context.Background(), s.out+":{g}:sum").Result()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// wantFault fails unless err is a UserError of that code.
func wantFault(t *testing.T, what string, err error, code string, passing bool) {
	t.Helper()
	f, ok := errors.AsType[*fencepost.UserError](err)
	if !ok || f.Code != code || f.Passing != passing {
		t.Errorf("%s: got %v, want a Fault %s, passing %t", what, describe(err), code, passing)
	} else if codes.Remedy(f) == "" {
		t.Errorf("%s: the Fault %s has no remedy", what, code)
	}
}

// wantRejected fails unless err is a Rejected of that code.
func wantRejected(t *testing.T, what string, err error, code string) {
	t.Helper()
	r, ok := errors.AsType[*sink.Rejected](err)
	if !ok || r.Code != code || r.Reason == "" {
		t.Errorf("%s: got %v, want a Rejected %s", what, describe(err), code)
	}
}

func describe(err error) string {
	if f, ok := errors.AsType[*fencepost.UserError](err); ok {
		return fmt.Sprintf("Fault %s, passing %t: %v", f.Code, f.Passing, err)
	}
	return fmt.Sprintf("%T: %v", err, err)
}
