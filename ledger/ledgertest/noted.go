package ledgertest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// noted is a sinktest.Store of a ledger, with rows in memory that count as soon as their move does.
type noted struct {
	Store
	mu struct {
		sync.Mutex
		rows map[post][]sinktest.Row // of moves that the ledger took
		open map[post]pending        // of those whose outcome is not known
	}
}

// post is one place of one partition's chain, where one commit begins.
type post struct {
	group fencepost.Group
	tp    fencepost.TopicPartition
	fence ledger.Fence
	from  fencepost.Offset
}

type pending struct {
	move ledger.Move
	rows []sinktest.Row
}

// Open opens a ledger with the noting sink around it.
func (s *noted) Open(ctx context.Context, keep ledger.KeepCommits) (sink.Sink, error) {
	l, closed, err := s.Store.Open(ctx, keep)
	if err != nil {
		return nil, err
	}
	return &notingSink{store: s, ledger: l, closed: closed}, nil
}

// Rows are those of the moves that count.
func (s *noted) Rows(t *testing.T) (all []sinktest.Row) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.open) > 0 {
		s.settle(t)
	}
	for _, rows := range s.mu.rows {
		all = append(all, rows...)
	}
	return all
}

// settle asks the ledger about the moves whose outcome is not known. REQUIRES: s.mu is held.
func (s *noted) settle(t *testing.T) {
	t.Helper()
	l, closed, err := s.Store.Open(t.Context(), ledger.KeepMerged)
	if err != nil {
		t.Fatalf("open ledger to settle %d lost answers: %v", len(s.mu.open), err)
	}
	defer func() { _ = closed() }() // it only read
	for at, p := range s.mu.open {
		snap, err := l.Read(t.Context(), at.group)
		if err != nil {
			t.Fatalf("read ledger to settle %d lost answers: %v", len(s.mu.open), err)
		}
		if held := snap.Positions[at.tp]; held.Fence == at.fence && held.Offset >= p.move.Next.Offset {
			s.mu.rows[at] = p.rows
		}
		delete(s.mu.open, at)
	}
}

// obey takes a refusal as the answer to a lost one. REQUIRES: s.mu is held.
func (s *noted) obey(g fencepost.Group, err error) {
	refused, ok := errors.AsType[*ledger.Refused](err)
	if !ok {
		return
	}
	for at, p := range s.mu.open {
		held, named := refused.Held[at.tp]
		if named && at.group == g && ledger.Relate(held, p.move) == ledger.RelationDone {
			s.mu.rows[at] = p.rows
			delete(s.mu.open, at)
		}
	}
}

// notingSink notes the rows of the batches whose moves its ledger took.
type notingSink struct {
	store  *noted
	ledger ledger.Ledger
	closed func() error
}

func (k *notingSink) Capabilities() sink.Capabilities { return sink.Capabilities{Name: "noted"} }
func (k *notingSink) Ledger() ledger.Ledger           { return k.ledger }
func (k *notingSink) Columns(context.Context, []fencepost.ColumnSpec) ([]string, error) {
	return nil, nil
}
func (k *notingSink) Lane(context.Context, int) (sink.Lane, error) { return k, nil }

// Close is called for the lane and for the sink; the ledger ends once.
func (k *notingSink) Close() error {
	if k.closed == nil {
		return nil
	}
	closed := k.closed
	k.closed = nil
	return closed()
}

// Commit moves, and notes the rows of what was taken.
func (k *notingSink) Commit(ctx context.Context, w ledger.Actor, b sink.Commit) error {
	err := k.ledger.Move(ctx, w, b.Moves)
	unknown := errors.Is(err, ledger.ErrUnknown)
	k.store.mu.Lock()
	defer k.store.mu.Unlock()
	if err != nil && !unknown {
		k.store.obey(w.Group, err)
		return err
	}
	for i, s := range b.Segments {
		m := b.Moves[i]
		at := post{w.Group, m.TopicPartition, m.Held.Fence, m.Held.Offset}
		var rows []sinktest.Row
		for row := s.Lo; row < s.Hi; row++ {
			rows = append(rows, sinktest.Row{TopicPartition: m.TopicPartition, Offset: b.Offsets[row], Value: string(b.Columns[0].Bytes(row)), N: b.Columns[1].Int(row)})
		}
		if unknown {
			k.store.mu.open[at] = pending{m, rows}
			continue
		}
		k.store.mu.rows[at] = append(k.store.mu.rows[at], rows...) // twice, if the ledger took it twice
		delete(k.store.mu.open, at)
	}
	return err
}
