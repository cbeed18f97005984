package sinktest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// together runs the functions at once and joins their errors.
func together(fs ...func() error) error {
	errs := make([]error, len(fs))
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i, f := range fs {
		all.Go(func() {
			<-begin
			errs[i] = f()
		})
	}
	close(begin)
	all.Wait()
	return errors.Join(errs...)
}

// startAtOnce: two workers meet a topic at once; one start is accepted, the other refused with the winner's positions.
func startAtOnce(w *world) {
	workers := []*worker{w.worker(ledger.KeepAll), w.worker(ledger.KeepAll)}
	for round := range 10 {
		tps := []fencepost.TopicPartition{{Topic: fmt.Sprint("t", round), Partition: 0}, {Topic: fmt.Sprint("t", round), Partition: 1}}
		moves := [2][]ledger.Move{starts(0, firstTopic, tps...), starts(0, firstTopic, tps[1], tps[0])}
		var errs [2]error
		_ = together(
			func() error { errs[0] = workers[0].ledger.Move(w.Context(), workers[0].as, moves[0]); return nil },
			func() error { errs[1] = workers[1].ledger.Move(w.Context(), workers[1].as, moves[1]); return nil })
		winner := slices.Index(errs[:], nil)
		if winner < 0 || errs[1-winner] == nil {
			w.Fatalf("round %d: two starts at once answered %v and %v, want one accepted", round, errs[0], errs[1])
		}
		won := map[fencepost.TopicPartition]ledger.Position{}
		for _, m := range moves[winner] {
			won[m.TopicPartition] = m.Next
		}
		w.wantRefused(fmt.Sprintf("round %d: the start that came second", round), errs[1-winner], won)
		for _, tp := range tps {
			if got := w.read(workers[0]).Positions[tp]; got != won[tp] {
				w.Errorf("round %d: %s stands at %+v, want the winner's %+v", round, tp, got, won[tp])
			}
		}
	}
}

// oppositeOrders: lanes commit many partitions while movers move them in the opposite order; nothing but an acceptance
// or a refusal is ever seen. The topics' names sort otherwise by a language's rules than by their bytes.
func oppositeOrders(w *world) {
	const rounds = 15
	var tps []fencepost.TopicPartition
	for _, topic := range []string{"Zulu", "_x", "alpha", "a-b", "a.b", "ab"} {
		tps = append(tps, fencepost.TopicPartition{Topic: topic}, fencepost.TopicPartition{Topic: topic, Partition: 1})
	}
	first := w.worker(ledger.KeepAll)
	w.start(first, 0, tps...)
	back := slices.Clone(tps)
	slices.Reverse(back)
	var mu sync.Mutex
	var done []Span
	lane := func(k *worker) error {
		return k.rounds(w.Context(), rounds, func(ctx context.Context, s ledger.Snapshot) error {
			var spans []Span
			for _, tp := range tps {
				spans = append(spans, Span{TopicPartition: tp, Held: s.Positions[tp], Until: s.Positions[tp].Offset + 1})
			}
			err := k.lane.Commit(ctx, k.as, Commit(spans...))
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				done = append(done, spans...)
			}
			return err
		})
	}
	mover := func(k *worker) error {
		return k.rounds(w.Context(), rounds, func(ctx context.Context, s ledger.Snapshot) error {
			var moves []ledger.Move
			for _, tp := range back {
				moves = append(moves, rewind(tp, s.Positions[tp], s.Positions[tp].Offset))
			}
			return k.ledger.Move(ctx, k.as, moves)
		})
	}
	second, third, fourth := w.worker(ledger.KeepAll), w.worker(ledger.KeepAll), w.worker(ledger.KeepAll)
	if err := together(func() error { return lane(first) }, func() error { return lane(second) },
		func() error { return mover(third) }, func() error { return mover(fourth) }); err != nil {
		w.Fatalf("four workers with the same partitions: %v", err)
	}
	w.wantRows(done...)
	Chain(w.T, w.moves(first), w.read(first))
}

// rounds reads and acts until n actions were accepted. A refusal is another round; any other error ends it.
func (k *worker) rounds(ctx context.Context, n int, act func(context.Context, ledger.Snapshot) error) error {
	for refusals := 0; n > 0; {
		s, err := k.ledger.Read(ctx, k.as.Group)
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		err = act(ctx, s)
		if _, refused := errors.AsType[*ledger.Refused](err); refused {
			if refusals++; refusals > 100_000 {
				return errors.New("refused 100,000 times: nobody gets on")
			}
			continue
		}
		if err != nil {
			return err
		}
		n--
	}
	return nil
}

// race: two workers that both take a partition for their own; every row is there once, in a chain without hole or overlap.
// First both read before either commits, so that one commit of each pair is late; then they run free.
func race(w *world) {
	const rounds = 40
	tp := partition(0)
	workers := [2]*worker{w.worker(ledger.KeepAll), w.worker(ledger.KeepAll)}
	held := w.start(workers[0], 0, tp)[tp]
	for round := range rounds {
		w.pair(workers, tp, [2]fencepost.Offset{2, fencepost.Offset(2 + round%2)})
	}
	loop := func(k *worker, step fencepost.Offset) error {
		return k.rounds(w.Context(), rounds, func(ctx context.Context, s ledger.Snapshot) error {
			p := s.Positions[tp]
			return k.lane.Commit(ctx, k.as, Commit(Span{TopicPartition: tp, Held: p, Until: p.Offset + step}))
		})
	}
	if err := together(func() error { return loop(workers[0], 2) }, func() error { return loop(workers[1], 3) }); err != nil {
		w.Fatalf("two workers on one partition: %v", err)
	}
	s := w.read(workers[0])
	w.wantRows(Span{TopicPartition: tp, Held: held, Until: s.Positions[tp].Offset})
	if low := fencepost.Offset(2*rounds + 5*rounds); s.Positions[tp].Offset < low {
		w.Errorf("position after all rounds: got %d, want %d at least", s.Positions[tp].Offset, low)
	}
	Chain(w.T, w.moves(workers[0]), s)
}

// pair lets both workers read, then both commit, as far on as steps says: one is accepted, the other refused.
func (w *world) pair(workers [2]*worker, tp fencepost.TopicPartition, steps [2]fencepost.Offset) {
	w.Helper()
	var batches [2]sink.Commit
	for i, k := range workers {
		p := w.read(k).Positions[tp]
		batches[i] = Commit(Span{TopicPartition: tp, Held: p, Until: p.Offset + steps[i]})
	}
	var errs [2]error
	_ = together(
		func() error { errs[0] = workers[0].lane.Commit(w.Context(), workers[0].as, batches[0]); return nil },
		func() error { errs[1] = workers[1].lane.Commit(w.Context(), workers[1].as, batches[1]); return nil })
	winner := slices.Index(errs[:], nil)
	if winner < 0 || errs[1-winner] == nil {
		w.Fatalf("two commits from one position answered %v and %v, want one accepted", errs[0], errs[1])
	}
	w.wantRefused("the commit that came second", errs[1-winner],
		map[fencepost.TopicPartition]ledger.Position{tp: batches[winner].Moves[0].Next})
}
