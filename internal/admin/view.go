package admin

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Ordered is the standings with what is odd first; within that, and behind it, in partition order.
func (v View) Ordered() []Standing {
	list := slices.Clone(v.Standings)
	slices.SortStableFunc(list, func(a, b Standing) int { return rank(a) - rank(b) })
	return list
}

// rank is 0 for what needs an explanation.
func rank(s Standing) int {
	if s.Settled() && s.State != Blocked || s.Decision.Verdict == ledger.New || s.Decision.Verdict == ledger.Added && s.State != Parked {
		return 1
	}
	return 0
}

// Odd is how many standings need an explanation.
func (v View) Odd() (n int) {
	for _, s := range v.Standings {
		n += 1 - rank(s)
	}
	return n
}

// Parked is how many partitions need a person.
func (v View) Parked() (n int) {
	for _, s := range v.Standings {
		if s.NeedsPerson() {
			n++
		}
	}
	return n
}

// HoldsTopicIDs reports whether a position says which incarnation of its topic it is about. Other programs' do not.
func (v View) HoldsTopicIDs() bool {
	for _, p := range v.Snapshot.Positions {
		if p.TopicID != (fencepost.TopicID{}) {
			return true
		}
	}
	return false
}

// Lost reports whether the ledger is empty and the group has run all the same.
func (v View) Lost() bool { return v.Snapshot.Empty() && v.Mirrored > 0 }

// Totals sums offsets, ends and lags; a partition of which one is not known is left out of that sum.
func (v View) Totals() (offsets, ends, lag int64) {
	for _, s := range v.Standings {
		offsets += int64(s.Position.Offset)
		lag += max(0, s.Lag)
		if s.Bounds.Err == nil {
			ends += int64(s.Bounds.End)
		}
	}
	return offsets, ends, lag
}

// LagTime is the age of the oldest unread record; Unknown if a lagging partition's is not known.
func (v View) LagTime() (longest time.Duration) {
	for _, s := range v.Standings {
		if s.Lag > 0 && s.LagTime < 0 {
			return Unknown
		}
		longest = max(longest, s.LagTime)
	}
	return longest
}

// Counts says how many partitions have each verdict: 4 ok, 1 aged out.
func (v View) Counts() string {
	n := map[string]int{}
	for _, s := range v.Standings {
		n[s.Decision.Verdict.String()]++
	}
	return counted(n, slices.Sorted(maps.Keys(n)))
}

// Odds says how many partitions are parked, waiting and blocked; empty if none is.
func (v View) Odds() string {
	n := map[string]int{}
	for _, s := range v.Standings {
		n[s.State.String()]++
	}
	return counted(n, []string{"parked", "waiting", "blocked"})
}

func counted(n map[string]int, words []string) string {
	var parts []string
	for _, w := range words {
		if n[w] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[w], w))
		}
	}
	return strings.Join(parts, ", ")
}

// Remedy is the command for what is parked.
//
// Another program's offsets are not repaired where they are, but on the way into a ledger.
func (v View) Remedy() string {
	if !v.Foreign {
		return "fencepost offsets repair FILE"
	}
	for _, s := range v.Standings {
		if s.State == Parked && s.Decision.Verdict == ledger.Missing {
			return "mend or delete those entries; offsets copy --topic T takes the others"
		}
	}
	return fmt.Sprintf("fencepost offsets copy FILE PIPELINE.yaml --meaning %s --policy earliest", v.Meaning)
}

// ViewTopic is one topic of a View.
type ViewTopic struct {
	Name       string
	Partitions int32
	ID         fencepost.TopicID // that the brokers name
	Ledger     fencepost.TopicID // that the Roster names
}

// Topics is the topics of the standings, by name.
func (v View) Topics() (topics []ViewTopic) {
	for _, s := range v.Standings {
		if n := len(topics); n == 0 || topics[n-1].Name != s.Topic {
			topics = append(topics, ViewTopic{Name: s.Topic, Ledger: v.Snapshot.Roster[s.Topic].TopicID, ID: v.About.Topics[s.Topic].ID})
		}
		last := &topics[len(topics)-1]
		last.Partitions++
		if s.Bounds.Err == nil {
			last.ID = s.Bounds.TopicID
		}
	}
	return topics
}
