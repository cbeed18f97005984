package quickstart

import (
	"math/rand/v2"
	"time"
)

// strike is one planned kill. The main run and its control follow the same plan.
type strike struct {
	At     int64         // once so many offsets are committed, over all partitions
	Victim int           // number of the worker, from 1
	After  time.Duration // so much later, so that the kill falls anywhere in a batch's time and not always behind a commit
}

// The part of the rows in which kills fall. The first ones let the group settle; the last ones leave the victim time to
// come back and do some more work.
const (
	firstKill = 0.05
	lastKill  = 0.90
)

// plan spreads kills over the rows: one in each of as many equal parts, at a seeded place inside it, each of another
// worker than the one before, which may not be back yet. The same arguments give the same plan.
func plan(seed uint64, rows int64, workers, kills int, cycle time.Duration) []strike {
	random := rand.New(rand.NewPCG(seed, 0x66656e6365706f73)) // "fencepos"
	strikes := make([]strike, kills)
	part := (lastKill - firstKill) * float64(rows) / float64(max(kills, 1))
	victim := 0
	for i := range strikes {
		// Not the whole part: two kills are at least 0.3 of a part apart.
		at := firstKill*float64(rows) + part*(float64(i)+0.15+0.7*random.Float64())
		victim = another(random, victim, workers)
		strikes[i] = strike{At: int64(at), Victim: victim, After: time.Duration(random.Int64N(int64(cycle)))}
	}
	return strikes
}

// another draws one of 1..n that is not last, if there is one.
func another(random *rand.Rand, last, n int) int {
	if n == 1 {
		return 1
	}
	if last == 0 {
		return 1 + random.IntN(n)
	}
	v := 1 + random.IntN(n-1)
	if v >= last {
		v++
	}
	return v
}
