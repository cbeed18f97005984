package sinktest

import (
	"fmt"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/google/go-cmp/cmp"
)

// line is what the suite compares of a recorded move.
type line struct {
	Cause                ledger.Cause
	From, Until          fencepost.Offset
	FenceFrom, FenceThen ledger.Fence
	AtMost, Commits      int64
	Why, Who             string
}

// story makes a history of every cause on two partitions, and returns its moves, oldest first.
func (w *world) story(k *worker) []ledger.Move {
	w.Helper()
	tps := partitions(2)
	moves := starts(100, firstTopic, tps...)
	moves[0].Why = `earliest: "why" isn't 100 % größer | \`
	w.move(k, moves...)
	at := map[fencepost.TopicPartition]ledger.Position{tps[0]: moves[0].Next, tps[1]: moves[1].Next}
	commit := func(until fencepost.Offset) {
		var spans []Span
		for _, tp := range tps {
			spans = append(spans, Span{TopicPartition: tp, Held: at[tp], Until: until})
			at[tp] = at[tp].Advance(until, fencepost.NoEpoch)
		}
		b := Commit(spans...)
		if err := k.lane.Commit(w.Context(), k.as, b); err != nil {
			w.Fatalf("commit %v: %v", spans, err)
		}
		moves = append(moves, b.Moves...)
	}
	other := func(cause ledger.Cause, to fencepost.Offset, atMost int64) {
		m := rewind(tps[0], at[tps[0]], to)
		m.Cause, m.AtMost, m.Why = cause, atMost, "ticket "+cause.String()
		m.Next.LeaderEpoch = at[tps[0]].LeaderEpoch
		w.move(k, m)
		moves, at[tps[0]] = append(moves, m), m.Next
	}
	commit(103)
	commit(103)
	commit(110)
	other(ledger.CauseRewind, 50, 0)
	other(ledger.CauseGap, 60, 10)
	commit(120)
	commit(121)
	other(ledger.CauseSkip, 122, 1)
	other(ledger.CauseImport, 1<<53+1, ledger.UnknownLoss)
	other(ledger.CauseStart, 0, ledger.UnknownLoss)
	commit(122)
	return moves
}

// told is what a ledger should return of a partition's moves if it keeps commits like this.
func told(moves []ledger.Move, tp fencepost.TopicPartition, keep ledger.KeepCommits, who string) []line {
	var lines []line
	for _, m := range moves {
		if m.TopicPartition != tp {
			continue
		}
		l := line{m.Cause, m.Held.Offset, m.Next.Offset, m.Held.Fence, m.Next.Fence, m.AtMost, 0, m.Why, who}
		if m.Cause == ledger.CauseCommit {
			l.Commits = 1
			last := len(lines) - 1
			switch {
			case keep == ledger.KeepNone:
				continue
			case keep == ledger.KeepMerged && last >= 0 && lines[last].Cause == ledger.CauseCommit:
				lines[last].Until, lines[last].Commits = l.Until, lines[last].Commits+1
				continue
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// history: each way to keep commits returns the whole story of the other causes, and the commits as its name says.
func history(keep ledger.KeepCommits) func(*world) {
	return func(w *world) {
		k := w.worker(keep)
		k.as.Who = `o'brien "ops" 4711@größe`
		begun := w.now(k)
		moves := w.story(k)
		recorded := w.moves(k)
		for _, tp := range partitions(2) {
			var got []line
			last := begun
			for _, r := range recorded {
				if r.TopicPartition != tp {
					continue
				}
				got = append(got, line{r.Cause, r.Held.Offset, r.Next.Offset, r.Held.Fence, r.Next.Fence, r.AtMost, r.Commits, r.Why, r.Who})
				if r.At.Before(last) {
					w.Errorf("%s of %s is recorded at %s, before what went before it, %s", r.Cause, tp, r.At, last)
				}
				last = r.At
			}
			if diff := cmp.Diff(told(moves, tp, keep, k.as.Who), got); diff != "" {
				w.Errorf("history of %s, keeping %s, differs (-want +got):\n%s", tp, keep, diff)
			}
		}
		w.sums(k, keep, recorded)
	}
}

// now is the store's clock, as a move of another group records it.
func (w *world) now(k *worker) time.Time {
	w.Helper()
	other := *k
	other.as.Group = "clock"
	w.start(&other, 0, partition(0))
	at := w.moves(&other)[0].At
	if at.IsZero() {
		w.Error("a move is recorded without its time")
	}
	return at
}

// sums fails unless the moves add up to the positions. Where commits are not kept, the position is at least where the
// last other move left it, under its fence.
func (w *world) sums(k *worker, keep ledger.KeepCommits, recorded []ledger.Recorded) {
	w.Helper()
	s := w.read(k)
	if keep != ledger.KeepNone {
		Chain(w.T, recorded, s)
		sum := map[fencepost.TopicPartition]fencepost.Offset{}
		for _, r := range recorded {
			sum[r.TopicPartition] += r.Next.Offset - r.Held.Offset
		}
		for tp, p := range s.Positions {
			if sum[tp] != p.Offset {
				w.Errorf("the moves of %s add up to %d, the ledger holds %d", tp, sum[tp], p.Offset)
			}
		}
		return
	}
	for _, r := range slices.Backward(recorded) {
		p, ok := s.Positions[r.TopicPartition]
		if ok && (p.Fence != r.Next.Fence || p.Offset < r.Next.Offset) {
			w.Errorf("%s: the last %s left %d (fence %s), the ledger holds %d (fence %s)", r.TopicPartition, r.Cause,
				r.Next.Offset, r.Next.Fence, p.Offset, p.Fence)
		}
		delete(s.Positions, r.TopicPartition)
	}
	if len(s.Positions) > 0 {
		w.Errorf("positions that no move made: %s", fmt.Sprint(s.Positions))
	}
}

// backfills: what the start of a backfill is for comes back as it went in, with the words beside it; and words that look
// like it are words.
func backfills(w *world) {
	k := w.worker(ledger.KeepMerged)
	moves := starts(10, firstTopic, partitions(4)...)
	at := time.Date(2026, 11, 21, 3, 12, 45, 500_000_000, time.UTC)
	moves[0].Backfill, moves[0].Why = ledger.Backfill{Range: fencepost.OffsetRange{From: 10, Until: 1<<53 + 1}, Of: "orders: eu"}, "wrong rate: EUR"
	moves[1].Backfill, moves[1].Why = ledger.Backfill{Range: fencepost.OffsetRange{From: 10, Until: 10}, Of: "orders", Since: at, Before: at.Add(time.Hour)}, ""
	moves[2].Why = "backfill [10 .. 20) of group orders: said somebody"
	moves[3].Why = " backfill [10 .. 20) of group orders"
	w.move(k, moves...)
	want, got := map[int32]ledger.Move{}, map[int32]ledger.Move{}
	for _, m := range moves {
		want[m.Partition] = m
	}
	for _, r := range w.moves(k) {
		got[r.Partition] = r.Move
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("recorded starts differ (-want +got):\n%s", diff)
	}
}
