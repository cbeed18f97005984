package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/atleastonce"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// outside is a store without a transaction: it records its calls, and fails now and then.
type outside struct {
	mu    sync.Mutex
	notes map[fencepost.TopicPartition][]fencepost.Offset // :: partition -> offsets, in the order of their effects
	rng   *rand.Rand                                      // nil: never fails
	calls int
}

func newOutside() *outside {
	return &outside{notes: map[fencepost.TopicPartition][]fencepost.Offset{}}
}

func (o *outside) apply(_ context.Context, b *fencepost.Batch) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls++
	if o.rng != nil && o.rng.IntN(5) == 0 {
		return errors.New("not today")
	}
	for row, p := range b.All() {
		o.notes[p] = append(o.notes[p], b.Offsets[row])
	}
	return nil
}

// of is a partition's notes, and how many of them repeat one.
func (o *outside) of(p fencepost.TopicPartition) (first []fencepost.Offset, repeats int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen := map[fencepost.Offset]bool{}
	for _, off := range o.notes[p] {
		if seen[off] {
			repeats++
			continue
		}
		seen[off] = true
		first = append(first, off)
	}
	return first, repeats
}

// TestApartKeepsEveryRecord: whatever befalls ledger and function, every record has its effect, in order, and the ledger
// ends where the log does. As long as a partition stays with its worker, it has it once: neither lost answers nor a
// ledger that is down nor a function that fails repeat any. A hand-over repeats one batch at most.
func TestApartKeepsEveryRecord(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() {
		seeds = 6
	}
	repeated := 0
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) { repeated += apartChaos(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if repeated == 0 {
		t.Error("no hand-over repeated anything: the chaos is too tame")
	}
}

func apartChaos(t *testing.T, seed uint64) (repeated int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	const partitions, records, most = 3, 300, 20
	w, s, o := newWorld(t), memory.Open(), newOutside()
	o.rng = rand.New(rand.NewPCG(seed, 3))
	w.create("t", partitions)
	var workers []*worker
	for range 2 {
		wk := w.run(atleastonce.Func(s, o.apply), func(c *Config) { c.Batch.Records = 1 + rng.IntN(most); c.Watch = time.Second })
		workers = append(workers, wk)
		synctest.Wait()
	}
	s.SetHook(slow(seed))
	owner, moved := map[int32]int{}, map[int32]int{} // :: partition -> its worker, how often it was handed over
	for p := range int32(partitions) {
		workers[0].source.assign(tp(p))
	}
	for range 50 {
		for p := range int32(partitions) {
			w.produce(tp(p), records/50)
		}
		s.Inject(memory.Fault(rng.IntN(4)), memory.NoFault, memory.Fault(rng.IntN(4)))
		if p := int32(rng.IntN(2 * partitions)); seed%2 == 1 && p < partitions {
			old := workers[owner[p]]
			owner[p] = 1 - owner[p]
			moved[p]++
			if rng.IntN(2) == 0 {
				old.source.revoke(false, tp(p))
				workers[owner[p]].source.assign(tp(p))
			} else { // the heir has it before the old one learns of it
				workers[owner[p]].source.assign(tp(p))
				time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
				old.source.revoke(true, tp(p))
			}
		}
		time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
	}
	s.SetHook(nil)
	time.Sleep(2 * time.Minute)
	for _, wk := range workers {
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	}
	for p := range int32(partitions) {
		first, repeats := o.of(tp(p))
		if !slices.Equal(first, upTo(0, records)) {
			t.Errorf("partition %d: effects in the order %v, want every record once and then in order", p, first)
		}
		if got := position(t, s, tp(p)).Offset; got != records {
			t.Errorf("partition %d: the ledger holds %d, want %d", p, got, records)
		}
		if repeats > moved[p]*2*most {
			t.Errorf("partition %d: %d records repeated by %d hand-overs, of batches of %d at most", p, repeats, moved[p], most)
		}
		repeated += repeats
	}
	return repeated
}

// A worker that stops between effect and move, in the hard way: its heir repeats exactly that batch.
func TestApartRepeatsTheBatchInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, o := newWorld(t), memory.Open(), newOutside()
		w.create("t", 1)
		first := w.run(atleastonce.Func(s, o.apply), func(c *Config) { c.Batch.Records = 5; c.Drain = time.Second })
		synctest.Wait()
		first.source.assign(tp(0))
		w.produce(tp(0), 10)
		time.Sleep(time.Second)
		s.SetHook(func(ctx context.Context, p memory.Point) error { // no move is answered any more
			if p == memory.BeforeApply {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		w.produce(tp(0), 3)
		time.Sleep(time.Second)
		_ = first.end()
		s.SetHook(nil)
		second := w.run(atleastonce.Func(s, o.apply), nil)
		synctest.Wait()
		second.source.assign(tp(0))
		w.produce(tp(0), 2)
		time.Sleep(time.Second)
		if err := second.end(); err != nil {
			t.Errorf("second worker: %v", err)
		}
		want := slices.Concat(upTo(0, 13), upTo(10, 15))
		if got := o.notes[tp(0)]; !slices.Equal(got, want) {
			t.Errorf("effects %v, want %v: the batch in flight twice, all else once", got, want)
		}
	})
}

// A bad row of a function: it is found in smaller batches, its partition parks in front of it, and nothing is repeated.
func TestApartFindsTheBadRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, o := newWorld(t), memory.Open(), newOutside()
		w.create("t", 2)
		wk := w.run(atleastonce.Func(s, func(ctx context.Context, b *fencepost.Batch) error {
			for row, p := range b.All() {
				if p == tp(0) && b.Offsets[row] == 11 {
					return &sink.Rejected{Code: "bad", Reason: "eleven"}
				}
			}
			return o.apply(ctx, b)
		}), nil)
		synctest.Wait()
		s.Inject(memory.NoFault, memory.LostBefore, memory.LostAfter, memory.Down, memory.LostAfter)
		w.produce(tp(0), 30)
		w.produce(tp(1), 30)
		wk.source.assign(tp(0), tp(1))
		time.Sleep(time.Minute)
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		if got := o.notes[tp(0)]; !slices.Equal(got, upTo(0, 11)) {
			t.Errorf("effects of the partition with the bad row: %v, want 0 to 10 once", got)
		}
		if got := o.notes[tp(1)]; !slices.Equal(got, upTo(0, 30)) {
			t.Errorf("effects of the other partition: %v, want 0 to 29 once", got)
		}
		if parked := seen[Parked](wk); len(parked) == 0 || parked[0].TopicPartition != tp(0) {
			t.Errorf("parked: %+v, want partition 0", parked)
		}
		if got := position(t, s, tp(0)).Offset; got != 11 {
			t.Errorf("the ledger holds %d of the parked partition, want 11", got)
		}
	})
}

// Forget is called when a batch is over, whatever became of it: once a batch, however often it was tried.
func TestLaneIsToldToForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(t), &forgetful{Store: memory.Open()}
		w.create("t", 1)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		s.Inject(memory.Down, memory.LostBefore, memory.LostAfter)
		w.produce(tp(0), 5)
		time.Sleep(time.Minute)
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		if s.tries < 2 || s.over != 1 {
			t.Errorf("one batch was tried %d times and forgotten %d times, want several and once", s.tries, s.over)
		}
	})
}

// forgetful counts the calls of its one lane.
type forgetful struct {
	*memory.Store
	tries, over int
}

type forgetfulLane struct {
	sink.Lane
	s *forgetful
}

func (s *forgetful) Lane(ctx context.Context, n int) (sink.Lane, error) {
	l, err := s.Store.Lane(ctx, n)
	return &forgetfulLane{l, s}, err
}

func (l *forgetfulLane) Commit(ctx context.Context, w ledger.Actor, c sink.Commit) error {
	l.s.tries++
	return l.Lane.Commit(ctx, w, c)
}

func (l *forgetfulLane) Forget() { l.s.over++ }

// A ledger apart that went back did so alone: the partition parks until a person says what is to become of the records in
// between, while others go on. With sink and ledger in one store the same is a replay.
func TestLedgerApartThatWentBackParks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, o := newWorld(t), memory.Open(), newOutside()
		w.create("t", 2)
		wk := w.run(atleastonce.Func(s, o.apply), func(c *Config) { c.Watch = time.Second })
		synctest.Wait()
		wk.source.assign(tp(0), tp(1))
		w.produce(tp(1), 5)
		time.Sleep(time.Second)
		w.produce(tp(0), 10)
		time.Sleep(time.Second)
		backup := s.Backup()
		w.produce(tp(0), 10)
		time.Sleep(time.Second)
		s.Restore(backup)
		w.produce(tp(0), 5)
		w.produce(tp(1), 5)
		time.Sleep(10 * time.Second)
		parked := seen[Parked](wk)
		if len(parked) != 1 || parked[0].TopicPartition != tp(0) || parked[0].Code != "ledger-went-back" || parked[0].Offset != 10 {
			t.Fatalf("parked: %+v, want partition 0 once, at 10", parked)
		}
		if got := o.notes[tp(1)]; !slices.Equal(got, upTo(0, 10)) {
			t.Errorf("the other partition's effects are %v, want 0 to 9", got)
		}
		held := position(t, s, tp(0))
		next := held
		next.Offset, next.Fence = 20, held.Fence+1
		move := ledger.Move{TopicPartition: tp(0), Held: held, Next: next, Cause: ledger.CauseSkip, AtMost: 10}
		if err := s.Move(t.Context(), ledger.Actor{Group: "g"}, []ledger.Move{move}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		first, repeats := o.of(tp(0))
		if !slices.Equal(first, upTo(0, 25)) || repeats > 5 {
			t.Errorf("effects %v, %d of them twice; want 0 to 24, and at most the batch that was refused twice", first, repeats)
		}
	})
}

// A commit that was under way when its partition was parked is refused late. That is no news: the partition is not
// reconciled again for it, and its park is reported once.
func TestLateRefusalOfAParkedPartitionIsNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, o := newWorld(t), memory.Open(), newOutside()
		w.create("t", 1)
		wk := w.run(atleastonce.Func(s, o.apply), func(c *Config) { c.Watch = time.Second })
		synctest.Wait()
		wk.source.assign(tp(0))
		w.produce(tp(0), 10)
		time.Sleep(time.Second)
		backup := s.Backup()
		w.produce(tp(0), 10)
		time.Sleep(100 * time.Millisecond) // the lane had an answer of its ledger, and does not ask before its next effect
		let := make(chan struct{})
		s.SetHook(func(_ context.Context, at memory.Point) error {
			if at == memory.BeforeApply {
				<-let
			}
			return nil
		})
		s.Restore(backup)
		w.produce(tp(0), 5)
		time.Sleep(3 * time.Second) // the watch finds that the ledger went back
		if parked := seen[Parked](wk); len(parked) != 1 || parked[0].Code != "ledger-went-back" {
			t.Fatalf("while the commit hangs parked is %+v, want once, ledger-went-back", parked)
		}
		close(let)
		time.Sleep(3 * time.Second)
		if refused := seen[Refused](wk); len(refused) != 1 {
			t.Fatalf("refused: %+v, want once: the commit that hung", refused)
		}
		if parked := seen[Parked](wk); len(parked) != 1 {
			t.Errorf("parked: %+v, want once still", parked)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
