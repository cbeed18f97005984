package chaos

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Terrain is what a run has to strike at.
type Terrain struct {
	Kinds   []Kind // those that can be done here
	Workers int    // how many run when nothing is scaled; at least 1
	Most    int    // how many can run
	Brokers int    // at least 1
	// Pause is the mean time from one fault to the next; zero: 1.5 s. Faults overlap where they strike at different things.
	Pause time.Duration
}

// Schedule deals the faults of a run: the same ones, at the same times, for the same arguments. Each kind comes once before any comes
// twice. All are undone when length is over. Nothing is done to what another fault still holds, but a killed worker may
// well be at the end of a wire that hangs, and its store be down.
func Schedule(seed uint64, length time.Duration, t Terrain) []Fault {
	d := dealer{rng: rand.New(rand.NewPCG(seed, 13)), terrain: t, length: length, busy: map[thing]time.Duration{}}
	if d.terrain.Pause == 0 {
		d.terrain.Pause = 1500 * ms
	}
	var faults []Fault
	for at := d.pause(); at < length; at += d.pause() {
		if f, ok := d.deal(at); ok {
			faults = append(faults, f)
		}
	}
	return faults
}

// dealer deals faults.
type dealer struct {
	rng     *rand.Rand
	terrain Terrain
	length  time.Duration
	deck    []Kind                  // what has not come in this round
	busy    map[thing]time.Duration // :: what a fault holds -> until when
}

// thing is a subject, and which one of it.
type thing struct {
	subject subject
	n       int
}

// pause is the time to the next fault: between half and three halves of the mean.
func (d *dealer) pause() time.Duration {
	return d.terrain.Pause/2 + time.Duration(d.rng.Int64N(int64(d.terrain.Pause)))
}

// deal takes the first kind of the deck that can be done now.
func (d *dealer) deal(at time.Duration) (Fault, bool) {
	if len(d.deck) == 0 {
		d.deck = slices.Clone(d.terrain.Kinds)
		d.rng.Shuffle(len(d.deck), func(i, j int) { d.deck[i], d.deck[j] = d.deck[j], d.deck[i] })
	}
	for i, k := range d.deck {
		if f := d.draw(at, k); d.free(f) {
			d.deck = slices.Delete(d.deck, i, i+1)
			d.hold(f)
			return f, true
		}
	}
	return Fault{}, false
}

// draw draws a fault's target, length and amount. Half of the lengths are in the shortest quarter.
func (d *dealer) draw(at time.Duration, k Kind) Fault {
	tr := traits[k]
	f := Fault{At: at, Kind: k}
	if spread := min(tr.max, d.length-at) - tr.min; spread > 0 {
		if d.rng.IntN(2) == 0 {
			spread = max(spread/4, 1)
		}
		f.For = tr.min + time.Duration(d.rng.Int64N(int64(spread)))
	} else if tr.max > 0 {
		f.For = max(d.length-at, 0)
	}
	switch tr.subject {
	case worker, wires, island:
		f.Target = d.rng.IntN(d.terrain.Workers)
	case broker:
		f.Target = d.rng.IntN(d.terrain.Brokers)
	}
	if tr.most > 0 {
		f.Amount = 1 + d.rng.IntN(tr.most)
	}
	if k == Scale {
		f.Amount = 1 + d.rng.IntN(d.terrain.Most)
	}
	return f
}

// needs lists what a fault must find free: all of a kind's things where it strikes at all of them.
func (d *dealer) needs(f Fault) []thing {
	all := func(s subject, n int) (list []thing) {
		for i := range n {
			list = append(list, thing{s, i})
		}
		return list
	}
	switch s := traits[f.Kind].subject; s {
	case workers:
		return all(worker, d.terrain.Workers)
	case island:
		return append(all(broker, d.terrain.Brokers), thing{worker, f.Target}, thing{wires, f.Target})
	case broker, brokers: // a second broker that is down would be all that a majority can lose
		return all(broker, d.terrain.Brokers)
	default:
		return []thing{{s, f.Target}}
	}
}

func (d *dealer) free(f Fault) bool {
	return !slices.ContainsFunc(d.needs(f), func(t thing) bool { return d.busy[t] > f.At })
}

func (d *dealer) hold(f Fault) {
	for _, t := range d.needs(f) {
		d.busy[t] = f.At + f.For
	}
}

// Step is a moment of a run: a fault is done, or undone.
type Step struct {
	At   time.Duration
	Undo bool
	Fault
}

// Steps is the faults of a run as its steps, in their order. A fault that lasts no time is one step.
func Steps(faults []Fault) []Step {
	var steps []Step
	for _, f := range faults {
		steps = append(steps, Step{f.At, false, f})
		if traits[f.Kind].max > 0 {
			steps = append(steps, Step{f.At + f.For, true, f})
		}
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	return steps
}
