package peers

import (
	"slices"
	"time"

	"github.com/fencepost/fencepost/ledger"
)

// DoubtFor is how long a worker that is not sure waits before it looks again and evicts: as long as another takes to connect anew.
const DoubtFor = 2 * time.Second

// Entry is how a worker is to be entered, and who else is.
type Entry struct {
	Self   ledger.Worker   // with its slot
	Write  bool            // it is not entered so yet
	Others []ledger.Worker // that may live, in the order of all
}

// Enter finds self's place among all entries. Its Slot is the one that it has, or negative. entered: it is the entry of its present
// sign that stood there; else that of a former one may.
func Enter(all []ledger.Worker, self ledger.Worker, entered bool) Entry {
	e := Entry{Self: self, Write: true}
	for _, w := range all {
		switch {
		case w.Sign == self.Sign:
			e.Write = w.Slot != self.Slot || w.Over != "" || w.Member != self.Member || w.Instance != self.Instance
		case w.Over != "" || w.Slot == self.Slot && !entered:
		default:
			e.Others = append(e.Others, w)
			if w.Slot == self.Slot { // it took the place at the same time
				e.Self.Slot = -1
			}
		}
	}
	if e.Write && e.Self.Slot < 0 {
		e.Self.Slot = ledger.FreeSlot(all, self.Instance)
	}
	return e
}

// Signs are those of workers, in order.
func Signs(workers []ledger.Worker) []string {
	signs := make([]string, len(workers))
	for i, w := range workers {
		signs[i] = w.Sign
	}
	slices.Sort(signs)
	return signs
}

// Silent are the workers that have not said how they ended, but for the one of the sign own.
func Silent(all []ledger.Worker, own string) []ledger.Worker {
	return slices.DeleteFunc(slices.Clone(all), func(w ledger.Worker) bool { return w.Over != "" || w.Sign == own })
}

// Without are the workers of other signs: of those that are held, the dead.
func Without(workers []ledger.Worker, signs []string) []ledger.Worker {
	return slices.DeleteFunc(slices.Clone(workers), func(w ledger.Worker) bool { return slices.Contains(signs, w.Sign) })
}

// Over are those among all entries that are over of workers that were watched. A goodbye comes before the place is free, and an eviction may be
// another's: it is the end of the sign that something follows from.
func Over(all, watched []ledger.Worker) []ledger.Worker {
	signs := Signs(watched)
	return slices.DeleteFunc(slices.Clone(all), func(w ledger.Worker) bool { return w.Over == "" || !slices.Contains(signs, w.Sign) })
}

// Look is what is known of workers whose signs have ended.
type Look struct {
	Over   bool            // a worker is among them that has left its place, or was evicted by another
	Gone   []ledger.Worker // those that have said nothing
	Shaken bool            // the own sign or watch broke less than DoubtFor ago, or the own sign is not held
	Second bool            // it is the look behind a doubt, and Gone are still not alive
}

// Among is the look at the entries of signs that have ended. A worker that has taken a new sign has no entry under the old one. A static
// member that has left keeps its place and its partitions until its session ends: nobody asks for them, and nothing follows from it.
func Among(all []ledger.Worker, ended []string) (l Look) {
	for _, w := range all {
		switch {
		case !slices.Contains(ended, w.Sign):
		case w.Over == ledger.Left && w.Instance != "":
		case w.Over != "":
			l.Over = true
		default:
			l.Gone = append(l.Gone, w)
		}
	}
	return l
}

// Verdict is what follows from a Look.
type Verdict struct {
	Evict  []ledger.Worker
	Rejoin bool // ask for a share at once
	Again  bool // look again after DoubtFor
}

// Decide says what follows from a look, by the table above.
func Decide(l Look) Verdict {
	v := Verdict{Rejoin: l.Over}
	switch {
	case len(l.Gone) == 0:
	case !l.Second && (l.Shaken || len(l.Gone) > 1):
		v.Again = true
	default:
		v.Evict, v.Rejoin = l.Gone, true
	}
	return v
}

// Suspects are workers of another copy of the ledger, as it seems. One is certain once it has been seen for long enough, for its entry
// may be on its way.
type Suspects map[string]Suspect // :: member -> suspect

// Suspect is one of them.
type Suspect struct {
	ledger.Stranger
	Since   time.Time // when it was seen first
	Seen    time.Time // when it was seen last
	Certain bool      // it was seen for as long as it takes
}

// See takes in who is seen now, and returns those that have become certain by it. Who is not seen any more is none, and who was not seen
// for three quarters of patience begins anew: this worker may have been stopped meanwhile.
func (s Suspects) See(now time.Time, seen []ledger.Stranger, patience time.Duration) (certain []Suspect) {
	members := map[string]bool{}
	for _, stranger := range seen {
		members[stranger.Member] = true
		one, known := s[stranger.Member]
		if !known || !one.Certain && now.Sub(one.Seen) > patience*3/4 {
			one = Suspect{Stranger: stranger, Since: now}
		}
		one.Seen = now
		if !one.Certain && now.Sub(one.Since) >= patience {
			one.Certain = true
			certain = append(certain, one)
		}
		s[stranger.Member] = one
	}
	for member := range s {
		if !members[member] {
			delete(s, member)
		}
	}
	return certain
}
