package quickstart

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// chain is what a ledger's history shows.
type chain struct {
	commits int64
	broken  []string // what is wrong with it; empty: no hole, no overlap
}

// readChain follows the recorded moves of each partition from 0 to its end: every From is the Until before it, under one
// fence, and the positions are where the moves lead.
func readChain(ctx context.Context, l ledger.Ledger, g fencepost.Group, ends map[int32]int64) (chain, error) {
	history, ok := ledger.As[ledger.History](l)
	if !ok {
		return chain{}, errors.New("read chain: the ledger keeps no history")
	}
	var c chain
	stands := map[fencepost.TopicPartition]ledger.Position{}
	for m, err := range history.Moves(ctx, g) {
		if err != nil {
			return c, fmt.Errorf("read chain: %w", err)
		}
		held := stands[m.TopicPartition]
		stands[m.TopicPartition] = m.Next
		switch {
		case m.Cause == ledger.CauseStart && held.Absent() && m.Held.Absent() && m.Next.Offset == 0:
		case m.Cause != ledger.CauseCommit:
			c.breaks("%s: a %s from %s to %s", m.TopicPartition, m.Cause, text.Count(m.Held.Offset), text.Count(m.Next.Offset))
		case m.Held.Offset > held.Offset:
			c.breaks("%s: hole: a commit ends at %s, the next begins at %s", m.TopicPartition,
				text.Count(held.Offset), text.Count(m.Held.Offset))
		case m.Held.Offset < held.Offset:
			c.breaks("%s: overlap: a commit ends at %s, the next begins at %s", m.TopicPartition,
				text.Count(held.Offset), text.Count(m.Held.Offset))
		case m.Held.Fence != held.Fence || m.Next.Fence != held.Fence:
			c.breaks("%s: another fence at %s", m.TopicPartition, text.Count(m.Held.Offset))
		default:
			c.commits += m.Commits
		}
	}
	return c, c.compare(ctx, l, g, stands, ends)
}

// compare holds where the moves lead against the ledger's positions and the topic's ends.
func (c *chain) compare(ctx context.Context, l ledger.Ledger, g fencepost.Group,
	stands map[fencepost.TopicPartition]ledger.Position, ends map[int32]int64) error {
	snapshot, err := l.Read(ctx, g)
	if err != nil {
		return fmt.Errorf("read chain: %w", err)
	}
	for _, p := range slices.Sorted(maps.Keys(ends)) {
		tp := fencepost.TopicPartition{Topic: topic, Partition: p}
		if at := stands[tp]; int64(at.Offset) != ends[p] {
			c.breaks("%s: its moves lead to %s, the end is %s", tp, text.Count(at.Offset), text.Count(ends[p]))
		}
		if at := snapshot.Positions[tp]; !at.Holds(stands[tp]) {
			c.breaks("%s: holds %s, its moves lead to %s", tp, text.Count(at.Offset), text.Count(stands[tp].Offset))
		}
	}
	for tp := range snapshot.Positions {
		if _, known := ends[tp.Partition]; tp.Topic != topic || !known {
			c.breaks("%s: a position of no partition", tp)
		}
	}
	return nil
}

func (c *chain) breaks(format string, args ...any) {
	c.broken = append(c.broken, fmt.Sprintf(format, args...))
}
