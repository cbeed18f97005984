//go:build realservers

package mysql

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/fencepost/fencepost"
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

// worker opens a sink and a lane.
func (s *store) worker(t testing.TB, c Config) *worker {
	t.Helper()
	sink, err := s.open(t.Context(), c)
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

// start starts the first n partitions at 0.
func (w *worker) start(n int32) *worker {
	w.t.Helper()
	var moves []ledger.Move
	for p := range n {
		m := ledger.Move{TopicPartition: at(p), Cause: ledger.CauseStart, Partitions: n,
			Next: ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: fence(), TopicID: topicID}}
		w.held[at(p)] = m.Next
		moves = append(moves, m)
	}
	if err := w.sink.Ledger().Move(w.t.Context(), w.as, moves); err != nil {
		w.t.Fatal(err)
	}
	return w
}

// must commits a batch that must be accepted.
func (w *worker) must(b sink.Commit) {
	w.t.Helper()
	if err := w.commit(w.t.Context(), b); err != nil {
		w.t.Fatal(err)
	}
}

// offset is what the ledger holds of a partition.
func (w *worker) offset(p int32) fencepost.Offset {
	w.t.Helper()
	s, err := w.sink.Ledger().Read(w.t.Context(), w.as.Group)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Positions[at(p)].Offset
}

// heir is another worker that holds the same.
func (s *store) heir(t *testing.T, w *worker) *worker {
	t.Helper()
	h := s.worker(t, w.sink.config)
	for tp, p := range w.held {
		h.held[tp] = p
	}
	return h
}

// table makes a batch of one segment of partition 0 from columns of equal length.
func (w *worker) table(columns ...fencepost.Column) sink.Commit {
	held := w.held[at(0)]
	b := &fencepost.Batch{Columns: columns}
	for i := range columns[0].Len() {
		b.Offsets = append(b.Offsets, held.Offset+fencepost.Offset(i))
		b.Times = append(b.Times, 1_000*int64(i))
	}
	return sinktest.One(b, at(0), held, held.Offset+fencepost.Offset(len(b.Offsets)))
}

// column makes a column: nil is null.
func column(name string, typ fencepost.Type, values ...any) fencepost.Column {
	c := fencepost.Column{Name: name, Type: typ}
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			c.AppendNull()
		case int:
			c.AppendInt(int64(v))
		case int64:
			c.AppendInt(v)
		case float64:
			c.AppendFloat(v)
		case bool:
			c.AppendBool(v)
		case string:
			c.AppendText(v)
		case []byte:
			c.AppendBytes(v)
		default:
			panic(fmt.Sprintf("%T", v))
		}
	}
	return c
}
