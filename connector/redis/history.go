package redis

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// page is how many moves are read at once: a script keeps all other clients waiting while it runs.
const page = 1000

// Moves yields the recorded moves in the order in which they were written, and the open runs behind them, the one that
// was quiet longest first.
func (l *Ledger) Moves(ctx context.Context, g fencepost.Group) iter.Seq2[ledger.Recorded, error] {
	return func(yield func(ledger.Recorded, error) bool) {
		for first, done := 0, false; !done; first += page {
			var some []ledger.Recorded
			var err error
			some, done, err = l.page(ctx, g, first)
			if err != nil {
				yield(ledger.Recorded{}, fmt.Errorf("read moves of group %s: %w", g, err))
				return
			}
			for _, m := range some {
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

// page reads the moves from first on, and the open runs behind the last page.
func (l *Ledger) page(ctx context.Context, g fencepost.Group, first int) (some []ledger.Recorded, done bool, err error) {
	k := keysOf(l.cfg.Key, g)
	r, err := ask(ctx, l.client, historyScript, []string{k.positions, k.head, k.moves}, []any{first, page})
	if err != nil {
		return nil, false, l.cfg.fault(err, false)
	}
	if err := checkVersion(text(r[0])); err != nil {
		return nil, false, err
	}
	list, _ := r[1].([]any)
	for _, v := range list {
		m, err := parseMove(text(v))
		if err != nil {
			return nil, false, damaged(k.moves, err)
		}
		some = append(some, m)
	}
	var open []ledger.Recorded
	for f, v := range pairs(r, 2) {
		tp, err := parseField(f)
		if err != nil {
			return nil, false, damaged(k.positions, err)
		}
		h, err := parse(tp, v)
		if err != nil {
			return nil, false, damaged(k.positions, err)
		}
		if h.run != nil {
			open = append(open, *h.run)
		}
	}
	slices.SortFunc(open, func(a, b ledger.Recorded) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return a.Compare(b.TopicPartition)
	})
	return append(some, open...), len(list) < page, nil
}
