package zookeeper

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// page is how many nodes of moves are read at once.
const page = 1000

// Moves yields the recorded moves in the order in which they were made, and the open runs behind them, the one that was
// quiet longest first.
func (l *Ledger) Moves(ctx context.Context, g fencepost.Group) iter.Seq2[ledger.Recorded, error] {
	return func(yield func(ledger.Recorded, error) bool) {
		if err := l.tell(ctx, g, func(r ledger.Recorded) bool { return yield(r, nil) }); err != nil {
			yield(ledger.Recorded{}, fmt.Errorf("read moves of group %s: %w", g, l.cfg.fault(err, false)))
		}
	}
}

// tell reads the open runs first: a run that ends in between is then yielded twice, not never, and the later one counts.
func (l *Ledger) tell(ctx context.Context, g fencepost.Group, yield func(ledger.Recorded) bool) error {
	p := pathsOf(l.cfg.Root, g)
	if _, err := l.identity(ctx); err != nil {
		return err
	}
	v, _, err := l.pass(ctx, g)
	if err != nil || !v.head.here {
		return err
	}
	open := map[start]ledger.Recorded{}
	for i, tp := range v.tps {
		if r := v.rows[i]; r.run != nil {
			open[start{tp, r.Fence, r.run.from}] = r.recorded(tp)
		}
	}
	parent := p.moves(v.head.life)
	lists, err := l.zk.lists(ctx, []string{parent})
	if err != nil {
		return err
	}
	for names := range slices.Chunk(inOrder(parent, lists[0]), page) {
		nodes, err := l.zk.gets(ctx, names)
		if err != nil {
			return err
		}
		for _, n := range nodes {
			moves, err := parseMoves(n.data, instant(n.stat.Ctime))
			if err != nil {
				return damaged(n.path, err)
			}
			for _, m := range moves {
				at := start{m.TopicPartition, m.Held.Fence, m.Held.Offset}
				if run, ok := open[at]; ok && m.Cause == ledger.CauseCommit && m.Commits >= run.Commits {
					delete(open, at)
				}
				if !yield(m) {
					return nil
				}
			}
		}
	}
	for _, m := range sorted(open) {
		if !yield(m) {
			return nil
		}
	}
	return nil
}

// start is where a run begins.
type start struct {
	tp    fencepost.TopicPartition
	fence ledger.Fence
	from  fencepost.Offset
}

// inOrder is the nodes of moves by their numbers, which have ten digits.
func inOrder(parent string, names []string) []string {
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(a, b) })
	paths := make([]string, len(names))
	for i, n := range names {
		paths[i] = parent + "/" + n
	}
	return paths
}

// sorted is the open runs, the one that was quiet longest first.
func sorted(open map[start]ledger.Recorded) []ledger.Recorded {
	var all []ledger.Recorded
	for _, r := range open {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b ledger.Recorded) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return a.Compare(b.TopicPartition)
	})
	return all
}
