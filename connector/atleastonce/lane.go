package atleastonce

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// fresh is how long a lane goes on without asking the ledger first. No group replaces a worker within it.
const fresh = time.Second

// lane applies a batch, then moves the ledger.
//
//	           ask          effect         move
//	idle ------------> ok --------> stood --------> idle      stood: what has been applied and not yet moved
//	  |  refused, no   |  failed     |  lost, down: the same batch again goes from here to the move
//	  |  answer        |             |  refused: these partitions are forgotten, their effects may be applied
//	  v                v             v
//	 (nothing happened)             (Forget: the batch is over)
type lane struct {
	ledger ledger.Ledger
	apply  func(context.Context, *fencepost.Batch) error
	close  func() error

	stood map[fencepost.TopicPartition]stretch // effects that are applied, and whose move has no known outcome yet
	heard time.Time                            // when the ledger was last known to hold what this lane holds; zero: ask
	moves []ledger.Move
	todo  fencepost.Batch // the segments whose effects are not applied yet
	due   []stretch       // :: index of a segment in todo -> what it will have applied
}

var (
	_ sink.Lane      = (*lane)(nil)
	_ sink.Forgetter = (*lane)(nil)
)

// stretch is a range of one partition under one Fence: what it stands for is the same as long as the Fence is.
type stretch struct {
	fence ledger.Fence
	fencepost.OffsetRange
}

// stretchOf is what a commit applies of a partition.
func stretchOf(m ledger.Move) stretch {
	return stretch{m.Held.Fence, fencepost.OffsetRange{From: m.Held.Offset, Until: m.Next.Offset}}
}

// covers reports whether everything of o is in s.
func (s stretch) covers(o stretch) bool {
	return s.fence == o.fence && s.From <= o.From && o.Until <= s.Until
}

func newLane(ledger ledger.Ledger, apply func(context.Context, *fencepost.Batch) error, close func() error) *lane {
	return &lane{ledger: ledger, apply: apply, close: close, stood: map[fencepost.TopicPartition]stretch{}}
}

// Commit makes the effects of the batch, then its moves. Of *Refused and every other error of the ledger the effects may
// be applied all the same; ErrNewer and ErrOtherCluster are returned before the first effect of a lane.
func (l *lane) Commit(ctx context.Context, w ledger.Actor, c sink.Commit) error {
	if l.moves = c.Moves; len(l.moves) == 0 {
		return nil
	}
	l.plan(c)
	if l.todo.Rows() > 0 {
		if err := l.ask(ctx, w); err != nil {
			return err
		}
		if err := l.apply(ctx, &l.todo); err != nil {
			return err
		}
	}
	for i, s := range l.todo.Segments {
		l.stood[s.TopicPartition] = l.due[i]
	}
	return l.move(ctx, w)
}

// plan leaves in l.todo the segments that have to be applied. One that lies beside what is remembered of its partition
// ends the memory: it is no part of the batch that was tried before.
func (l *lane) plan(c sink.Commit) {
	l.todo = fencepost.Batch{Segments: l.todo.Segments[:0], Columns: c.Columns, Offsets: c.Offsets, Times: c.Times}
	l.due = l.due[:0]
	for i, s := range c.Segments {
		due := stretchOf(c.Moves[i])
		if l.stood[s.TopicPartition].covers(due) {
			continue
		}
		delete(l.stood, s.TopicPartition)
		l.todo.Segments, l.due = append(l.todo.Segments, s), append(l.due, due)
	}
}

// ask reads the ledger unless it answered lately, so that what it would refuse is not applied. It is a hint: the
// move decides.
func (l *lane) ask(ctx context.Context, w ledger.Actor) error {
	now := time.Now()
	if !l.heard.IsZero() && now.Sub(l.heard) < fresh {
		return nil
	}
	held, err := l.ledger.Read(ctx, w.Group)
	if err != nil {
		return fmt.Errorf("ask ledger before effects: %w", err)
	}
	if held.ClusterID != "" && w.ClusterID != "" && held.ClusterID != w.ClusterID {
		return fmt.Errorf("%w: the ledger's is %s, these brokers' is %s", ledger.ErrOtherCluster, held.ClusterID, w.ClusterID)
	}
	if err := ledger.Compare(held.Positions, l.moves); err != nil {
		l.forget(err)
		return err
	}
	l.heard = now
	return nil
}

// move moves the ledger. What is remembered stays until the outcome of the moves is known.
func (l *lane) move(ctx context.Context, w ledger.Actor) error {
	now := time.Now()
	err := l.ledger.Move(ctx, w, l.moves)
	if err == nil {
		l.heard = now
		for _, m := range l.moves {
			if l.stood[m.TopicPartition].Until <= m.Next.Offset { // else the first half of it was moved
				delete(l.stood, m.TopicPartition)
			}
		}
		return nil
	}
	l.heard = time.Time{}
	l.forget(err)
	return fmt.Errorf("effects stand, move ledger: %w", err)
}

// forget drops what is remembered of refused partitions: whatever the ledger holds, they go on from there.
func (l *lane) forget(err error) {
	if refused, ok := errors.AsType[*ledger.Refused](err); ok {
		for tp := range refused.Held {
			delete(l.stood, tp)
		}
	}
}

// Forget ends the memory of a batch that is not tried again. Without it a store of effects that was taken back together
// with the ledger could meet a lane that passes over a range because it had applied it, once.
func (l *lane) Forget() { clear(l.stood) }

// Close closes what the effects hold; the ledger is not the lane's.
func (l *lane) Close() error { return l.close() }
