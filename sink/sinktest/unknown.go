package sinktest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// fuse is a context that ends by itself at the n-th time that it is asked whether it has. It cuts a commit at
// each place where the store looks, and no clock is involved.
type fuse struct {
	context.Context
	done chan struct{}
	mu   struct {
		sync.Mutex
		left  int
		burnt bool
	}
}

// light makes a fuse that burns down at the n-th question.
func light(ctx context.Context, n int) *fuse {
	f := &fuse{Context: ctx, done: make(chan struct{})}
	f.mu.left = n
	return f
}

// burn counts questions, and reports whether the fuse has burnt down.
func (f *fuse) burn(questions int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.left -= questions
	if f.mu.left <= 0 && !f.mu.burnt {
		f.mu.burnt = true
		close(f.done)
	}
	return f.mu.burnt
}

// Done is a question.
func (f *fuse) Done() <-chan struct{} {
	f.burn(1)
	return f.done
}

// Err is a question.
func (f *fuse) Err() error {
	if f.burn(1) {
		return context.Canceled
	}
	return nil
}

// insist commits a batch until it is known to be done, and returns how: nil, or why that is not so. lost is what the
// first try answered.
//
//	ErrUnknown      it may have happened: the next try is accepted, or refused with our own Next as the stored position
//	other errors    nothing happened: the next try is accepted
func (w *world) insist(k *worker, b sink.Commit, lost error) error {
	for range 10 {
		err := k.lane.Commit(w.Context(), k.as, b)
		refused, isRefused := errors.AsType[*ledger.Refused](err)
		switch {
		case err == nil:
			return nil
		case isRefused:
			for _, m := range b.Moves {
				if s := ledger.Relate(refused.Held[m.TopicPartition], m); s != ledger.RelationDone {
					return fmt.Errorf("after %q the same batch was refused, and stands %s: %w", lost, s, err)
				}
			}
			if !errors.Is(lost, ledger.ErrUnknown) {
				return fmt.Errorf("%q says that nothing happened (it is not ErrUnknown), but the batch stands: %w", lost, err)
			}
			return nil
		case errors.Is(err, ledger.ErrUnknown):
			lost = err
		}
	}
	return fmt.Errorf("after %q ten more tries did not settle it: the lane does not mend itself", lost)
}

// unknown: whatever a cancelled commit answers, the next compare-and-set decides it, and every row is there once.
func unknown(w *world) {
	k := w.worker(ledger.KeepAll)
	tps := partitions(2)
	held := w.start(k, 0, tps...)
	var done []Span
	for n := 1; n <= 60; n++ {
		var spans []Span
		for _, tp := range tps {
			s := Span{TopicPartition: tp, Held: held[tp], Until: held[tp].Offset + 2}
			spans, held[tp] = append(spans, s), s.Next()
		}
		b := Commit(spans...)
		f := light(w.Context(), n)
		lost := k.lane.Commit(f, k.as, b)
		if lost != nil {
			if err := w.insist(k, b, lost); err != nil {
				w.Fatalf("a commit whose context ended at its question %d: %v", n, err)
			}
		}
		done = append(done, spans...)
		if whole := !f.burn(0); whole {
			break
		}
	}
	w.wantRows(done...)
	w.wantPositions(k, held)
	Chain(w.T, w.moves(k), w.read(k))
}

// lostAnswer: an answer lost at COMMIT is ErrUnknown, one effect, and at most one more try. A store that cannot lose
// an answer shows the same by the cancelled commits alone.
func lostAnswer(w *world) {
	loser, ok := w.store.(AnswerLoser)
	if !ok {
		w.Logf("%T is no AnswerLoser: only cancelled commits are proved", w.store)
		return
	}
	k := w.worker(ledger.KeepAll)
	tp := partition(0)
	held := w.start(k, 0, tp)[tp]
	var done []Span
	for _, applied := range []bool{true, false, true} {
		s := Span{TopicPartition: tp, Held: held, Until: held.Offset + 3}
		b := Commit(s)
		loser.LoseAnswer(w.T, applied)
		lost := k.lane.Commit(w.Context(), k.as, b)
		if !errors.Is(lost, ledger.ErrUnknown) {
			w.Fatalf("a commit whose answer was lost (applied: %t): got %v, want ErrUnknown", applied, lost)
		}
		if err := w.insist(k, b, lost); err != nil {
			w.Fatalf("a commit whose answer was lost (applied: %t): %v", applied, err)
		}
		done, held = append(done, s), s.Next()
	}
	loser.LoseAnswer(w.T, true)
	m := rewind(tp, held, 1)
	if err := k.ledger.Move(w.Context(), k.as, []ledger.Move{m}); !errors.Is(err, ledger.ErrUnknown) {
		w.Fatalf("a move whose answer was lost: got %v, want ErrUnknown", err)
	}
	again := k.ledger.Move(w.Context(), k.as, []ledger.Move{m})
	w.wantRefused("the same move again", again, map[fencepost.TopicPartition]ledger.Position{tp: m.Next})
	w.wantRows(done...)
	Chain(w.T, w.moves(k), w.read(k))
}
