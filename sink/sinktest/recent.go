package sinktest

import (
	"context"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/google/go-cmp/cmp"
)

// lastMoves: a ledger that returns the end of each partition's history returns the end of the whole history, whatever it keeps
// of the commits, and of a partition that lost its row too.
func lastMoves(keep ledger.KeepCommits) func(*world) {
	return func(w *world) {
		k := w.worker(keep)
		if _, ok := k.ledger.(ledger.Recent); !ok {
			w.Logf("%T is not Recent: its whole history is read for the last moves", k.ledger)
			return
		}
		other := *k
		other.as.Group, other.as.Who = "another group", "somebody else"
		w.wantLastMoves(k, "nothing happened")
		w.story(k)
		w.wantLastMoves(k, "moves of every cause")
		w.wantLastMoves(&other, "nothing happened in it, but in another group")
		w.move(&other, starts(7, firstTopic, partitions(3)...)...)
		w.wantLastMoves(k, "moves of another group")

		added, far := partition(2), partition(9)
		held := w.start(k, 40, added, far)
		w.wantLastMoves(k, "starts without a commit")
		for until := fencepost.Offset(41); until < 44; until++ {
			s := Span{TopicPartition: far, Held: held[far], Until: until}
			w.commit(k, s)
			held[far] = s.Next()
		}
		w.wantLastMoves(k, "commits of one partition")
		back := rewind(far, held[far], 40)
		w.move(k, back)
		w.wantLastMoves(k, "a rewind")
		w.commit(k, Span{TopicPartition: far, Held: back.Next, Until: 42})
		w.wantLastMoves(k, "a commit behind a rewind")
		w.store.DeleteRow(w.T, k.as.Group, partition(0))
		w.wantLastMoves(k, "a row that was lost")
		elsewhere := starts(3, secondTopic, fencepost.TopicPartition{Topic: "flights.late", Partition: 4})
		w.move(k, elsewhere...)
		w.wantLastMoves(k, "a start of another topic")

		for _, next := range []ledger.KeepCommits{ledger.KeepAll, ledger.KeepMerged, ledger.KeepNone} {
			heir := w.worker(next)
			heir.as.Who = "a worker that keeps " + next.String()
			s := Span{TopicPartition: far, Held: w.read(heir).Positions[far]}
			s.Until = s.Held.Offset + 1
			w.commit(heir, s)
			w.wantLastMoves(heir, "a commit of a worker that keeps "+next.String())
		}
	}
}

// wantLastMoves fails unless the ledger's last moves are those of its history, as a walk from its end finds them.
func (w *world) wantLastMoves(k *worker, behind string) {
	w.Helper()
	want := map[fencepost.TopicPartition]ledger.LastMoves{}
	all := w.moves(k)
	for i := len(all) - 1; i >= 0; i-- {
		l, seen := want[all[i].TopicPartition]
		if !seen {
			l.Last = all[i]
		}
		switch all[i].Cause {
		case ledger.CauseGap, ledger.CauseSkip, ledger.CauseRewind, ledger.CauseImport:
			if l.Moved == nil {
				l.Moved = &all[i]
			}
		case ledger.CauseUnset, ledger.CauseStart, ledger.CauseCommit:
		}
		want[all[i].TopicPartition] = l
	}
	got, err := k.ledger.(ledger.Recent).LastMoves(w.Context(), k.as.Group)
	if err != nil {
		w.Fatalf("last moves of group %q behind %s: %v", k.as.Group, behind, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("last moves of group %q behind %s differ from its history (-history +last moves):\n%s", k.as.Group, behind, diff)
	}
}

// lastMovesError is what a ledger that is Recent answers; of another one, what the read answers that goes before it.
func lastMovesError(ctx context.Context, l ledger.Ledger, g fencepost.Group) (err error) {
	r, ok := l.(ledger.Recent)
	if !ok {
		_, err = l.Read(ctx, g)
		return err
	}
	_, err = r.LastMoves(ctx, g)
	return err
}
