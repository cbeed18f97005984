package engine

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
)

// TestChaosKeepsTheCount runs three workers over four partitions while everything goes wrong that may: answers lost
// before and after they took effect, a store that is down, slow commits, partitions revoked in order, lost, and given to
// a second worker while the first still holds them, and workers stopped and started. Then the faults end, and every
// record must be there once, in order. Each seed is one history; a failure names its seed.
func TestChaosKeepsTheCount(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 5
	}
	refusals := 0
	for seed := range uint64(seeds) {
		synctest.Test(t, func(t *testing.T) { refusals += chaos(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if refusals == 0 {
		t.Error("no worker was ever refused: the chaos is too tame to test the fence")
	}
}

func chaos(t *testing.T, seed uint64) (refusals int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	const partitions, records = 4, 300
	w, s := newWorld(t), memory.Open()
	w.create("t", partitions)
	var workers []*worker
	start := func() *worker {
		wk := w.run(s, func(c *Config) { c.Batch.Records = 1 + rng.IntN(30); c.Lanes = 1 + rng.IntN(2); c.Watch = time.Second })
		synctest.Wait()
		return wk
	}
	for range 3 {
		workers = append(workers, start())
	}
	s.SetHook(slow(seed))
	owner := map[int32]*worker{}
	for round := range 60 {
		for p := range int32(partitions) {
			if round < 50 {
				w.produce(tp(p), records/50)
			}
		}
		if round < 50 {
			s.Inject(memory.Fault(rng.IntN(4)), memory.NoFault, memory.Fault(rng.IntN(4)))
		}
		p := int32(rng.IntN(partitions))
		heir := workers[rng.IntN(3)]
		switch old := owner[p]; {
		case old == heir:
		case old == nil:
			heir.source.assign(tp(p))
			owner[p] = heir
		default:
			switch rng.IntN(3) {
			case 0: // in order
				old.source.revoke(false, tp(p))
				heir.source.assign(tp(p))
			case 1: // the heir has it before the old one learns of it
				heir.source.assign(tp(p))
				time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
				old.source.revoke(true, tp(p))
			case 2:
				old.source.revoke(true, tp(p))
				heir.source.assign(tp(p))
			}
			owner[p] = heir
		}
		time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
	}
	s.SetHook(nil)
	for p := range int32(partitions) {
		if owner[p] == nil {
			owner[p] = workers[0]
			workers[0].source.assign(tp(p))
		}
	}
	time.Sleep(2 * time.Minute)
	for _, wk := range workers {
		refusals += len(seen[Refused](wk))
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	}
	for p := range int32(partitions) {
		wantRows(t, s, tp(p), upTo(0, records))
	}
	return refusals
}

// slow makes some calls of the store take a while, by a seed of its own: hooks run beside each other.
func slow(seed uint64) memory.Hook {
	turns := make(chan *rand.Rand, 1)
	turns <- rand.New(rand.NewPCG(seed, 2))
	return func(ctx context.Context, p memory.Point) error {
		rng := <-turns
		wait := time.Duration(0)
		if rng.IntN(4) == 0 {
			wait = time.Duration(rng.IntN(200)) * time.Millisecond
		}
		turns <- rng
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			if p == memory.AfterApply {
				return ledger.ErrUnknown
			}
			return ctx.Err()
		}
	}
}
