package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/engine"
)

// Plan is what a seed makes of a simulation, before it begins.
type Plan struct {
	Seed       uint64
	Protocol   kafka.Protocol
	Static     bool // members are static
	Silent     bool // the store takes no signs of life
	Partitions int32
	Workers    int
	Lanes      int
	Batch      int   // most records in a batch
	Memory     int64 // bytes that wait for a batch
	Bad        engine.Treatment
	Together   bool // the sink is a function that takes a batch as one
	For        time.Duration
	Faults     []string // of the table, those that happen
}

// NewPlan makes the plan of a seed. Each seed has some of the faults only: where all happen, one hides the others.
func NewPlan(seed uint64) Plan {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := Plan{Seed: seed, Partitions: 2 + rng.Int32N(4), Workers: 2 + rng.IntN(2), Lanes: 1 + rng.IntN(2), Batch: 3 + rng.IntN(30),
		Memory: 2000 + rng.Int64N(20_000), For: time.Duration(12+rng.IntN(10)) * time.Second}
	if rng.IntN(3) == 0 {
		p.Protocol = kafka.Consumer
	}
	p.Static = rng.IntN(4) == 0 && p.Protocol == kafka.Cooperative // kfake keeps the place of a static KIP-848 member that has left for good
	p.Silent = rng.IntN(4) == 0
	p.Bad = []engine.Treatment{engine.Park, engine.Skip, engine.DeadLetter}[rng.IntN(3)]
	p.Together = rng.IntN(4) == 0
	for _, f := range faults {
		if rng.IntN(5) < 2 {
			p.Faults = append(p.Faults, f.name)
		}
	}
	if len(p.Faults) == 0 {
		p.Faults = []string{"kill"}
	}
	return p
}

// String says what is special about a seed.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %s, %d workers, %d partitions, %d lanes, batches of %d, %d bytes, bad records: %s", p.Seed, p.Protocol, p.Workers, p.Partitions, p.Lanes,
		p.Batch, p.Memory, p.Bad)
	for _, is := range []struct {
		so   bool
		word string
	}{{p.Static, "static members"}, {p.Silent, "no signs of life"}, {p.Together, "batches as one"}} {
		if is.so {
			b.WriteString(", " + is.word)
		}
	}
	return b.String() + "; " + strings.Join(p.Faults, ", ")
}

// has reports whether a fault is in the plan.
func (p Plan) has(name string) bool { return slices.Contains(p.Faults, name) }

// dice is the randomness and the clock of a simulation.
type dice struct {
	began time.Time
	mu    struct {
		sync.Mutex
		rng *rand.Rand
	}
}

func newDice(seed uint64) *dice {
	d := &dice{began: time.Now()}
	d.mu.rng = rand.New(rand.NewPCG(seed, 2))
	return d
}

// now is the time since the beginning.
func (d *dice) now() time.Duration { return time.Since(d.began) }

// below is a number in [0, n).
func (d *dice) below(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.rng.IntN(n)
}

// hits is true in so many of a hundred throws.
func (d *dice) hits(percent int) bool { return percent > 0 && d.below(100) < percent }

// millis is a time in [from, until) milliseconds.
func (d *dice) millis(from, until int) time.Duration {
	return time.Duration(from+d.below(until-from)) * time.Millisecond
}

// random is for an engine's fences and pauses.
func (d *dice) random() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.rng.Uint64()
}
