package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// The model is a small world searched to its end: one partition, two workers, one store that holds rows and ledger
// together. Topics are recreated, logs truncated, topic IDs learned, an operator rewinds with new code, the store is
// restored from a backup, and a worker may commit as late as it likes.
//
// What must never happen: a late batch is let in whose content is not what the ledger represents now. Content is the
// topic's incarnation, the log's history and the code that made the batch; nothing in the ledger holds the last two,
// so only the compare-and-set can keep the batch out.

// content is what a batch is made from.
type content struct{ incarnation, history, code int8 }

// topicID is the topic's, as the brokers report it.
func (c content) topicID() fencepost.TopicID { return fencepost.TopicID{byte(c.incarnation) + 1} }

// intent is what a ledger holds, and what it stands for.
type intent struct {
	at ledger.Position
	of content
}

// work is a batch in a worker's hand.
type work struct {
	held, next ledger.Position
	of         content
}

// small is a state of the small world.
type small struct {
	now     content // what the brokers have and the operator deployed
	ledger  intent
	backup  intent
	workers [2]work // zero: nothing in hand
	// how often the world has done what it may do a bounded number of times
	recreated, truncated, rewound, backups, restored int8
	given                                            ledger.Fence // the last one, counted outside the store: no restore takes it back
}

// The bounds of the world.
const (
	length      = 2 // of the log
	recreations = 2
	truncations = 1
	rewinds     = 1
	restores    = 1
	firstFence  = 1
)

// The beginnings. The unlearned ledger was written while the brokers reported no topic IDs; its world has one recreation less,
// for the learning of the ID is one more move.
var (
	learned   = small{ledger: intent{at: ledger.Position{Fence: firstFence, TopicID: content{}.topicID()}}, given: firstFence}
	unlearned = small{ledger: intent{at: ledger.Position{Fence: firstFence}}, given: firstFence, recreated: 1}
)

// rule is a compare-and-set: what it compares, and which fence a move gets.
type rule struct {
	name  string
	holds func(ledger, held ledger.Position) bool
	stamp func(s *small, byOperator bool) ledger.Fence
}

// The fences of the rules.
func kept(s *small, _ bool) ledger.Fence    { return s.ledger.at.Fence }
func counted(s *small, _ bool) ledger.Fence { return s.ledger.at.Fence + 1 }
func countedByOperator(s *small, byOperator bool) ledger.Fence {
	if byOperator {
		return s.ledger.at.Fence + 1
	}
	return s.ledger.at.Fence
}

// random never repeats: in 63 bits, two stamps that agree are an accident of 1 in 9 * 10^18. The model takes it as never.
func random(s *small, _ bool) ledger.Fence {
	s.given++
	return s.given
}

func offsetOnly(ledger, held ledger.Position) bool { return ledger.Offset == held.Offset }
func topicInstead(ledger, held ledger.Position) bool {
	return ledger.Offset == held.Offset && ledger.TopicID == held.TopicID
}

// step is something that happens, and the state after it.
type step struct {
	what string
	to   small
}

// steps are all that can happen in a state. broken reports a commit that was let in and must not have been.
func (r rule) steps(s small) (next []step, broken string) {
	for i := range s.workers {
		more, b := r.worker(s, i)
		if b != "" {
			return nil, b
		}
		next = append(next, more...)
	}
	return append(append(next, r.brokers(s)...), r.operator(s)...), ""
}

// worker is what one worker can do: read and prepare a batch, or commit the one in its hand.
func (r rule) worker(s small, i int) (next []step, broken string) {
	w := s.workers[i]
	if w == (work{}) {
		if s.ledger.of != s.now {
			return nil, "" // reconcile comes first
		}
		for until := s.ledger.at.Offset + 1; until <= length; until++ {
			n := s
			n.workers[i] = work{s.ledger.at, s.ledger.at.Advance(until, fencepost.NoEpoch), s.ledger.of}
			next = append(next, step{fmt.Sprintf("worker %d prepares %s of %v", i, span(n.workers[i]), s.ledger.of), n})
		}
		return next, ""
	}
	n := s
	n.workers[i] = work{}
	move := ledger.Move{Held: w.held, Next: w.next, Cause: ledger.CauseCommit}
	if r.holds(s.ledger.at, w.held) {
		if w.of != s.ledger.of {
			return nil, fmt.Sprintf("worker %d commits %s of %v, and is let in: the ledger stands for %v", i, span(w), w.of, s.ledger.of)
		}
		n.ledger.at.Offset = w.next.Offset
		return []step{{fmt.Sprintf("worker %d commits %s", i, span(w)), n}}, ""
	}
	stand := ledger.Relate(s.ledger.at, move)
	if stand == ledger.RelationDone && w.of != s.ledger.of {
		return nil, fmt.Sprintf("worker %d is refused %s of %v, and told that it is done: the ledger stands for %v", i, span(w), w.of, s.ledger.of)
	}
	return []step{{fmt.Sprintf("worker %d is refused %s: stands %s", i, span(w), stand), n}}, ""
}

// span is a batch's range.
func span(w work) fencepost.OffsetRange {
	return fencepost.OffsetRange{From: w.held.Offset, Until: w.next.Offset}
}

// brokers is what brokers do, and what Reconcile makes of it under the policies earliest and divergence.
func (r rule) brokers(s small) (next []step) {
	if s.recreated < recreations {
		n := s
		n.recreated++
		n.now.incarnation++
		next = append(next, step{"the topic is recreated", n})
	}
	if s.truncated < truncations {
		n := s
		n.truncated++
		n.now.history++
		next = append(next, step{"the log is truncated, and grows again", n})
	}
	if s.ledger.of.incarnation != s.now.incarnation || s.ledger.of.history != s.now.history {
		n := s
		n.ledger.at = ledger.Position{Fence: r.stamp(&n, false), TopicID: s.now.topicID()}
		n.ledger.of = s.now
		next = append(next, step{fmt.Sprintf("reconcile moves to 0 of %v, fence %d", n.ledger.of, n.ledger.at.Fence), n})
	} else if s.ledger.at.TopicID == (fencepost.TopicID{}) {
		n := s
		n.ledger.at.TopicID, n.ledger.at.Fence = s.now.topicID(), r.stamp(&n, false)
		next = append(next, step{fmt.Sprintf("reconcile takes the topic ID over at %d, fence %d", n.ledger.at.Offset, n.ledger.at.Fence), n})
	}
	return next
}

// operator is what operators do.
func (r rule) operator(s small) (next []step) {
	if s.rewound < rewinds {
		n := s
		n.rewound++
		n.now.code++
		n.ledger.at.Offset, n.ledger.at.Fence = 0, r.stamp(&n, true)
		n.ledger.of.code = n.now.code
		next = append(next, step{fmt.Sprintf("an operator deploys new code and rewinds to 0, fence %d", n.ledger.at.Fence), n})
	}
	if s.backups == 0 {
		n := s
		n.backups, n.backup = 1, s.ledger
		next = append(next, step{"a backup is made", n})
	}
	if s.backups > 0 && s.restored < restores {
		n := s
		n.restored++
		n.ledger = s.backup
		next = append(next, step{fmt.Sprintf("rows and ledger are restored: at %d of %v, fence %d", n.ledger.at.Offset, n.ledger.of, n.ledger.at.Fence), n})
	}
	return next
}

// search looks at every state behind begin, nearest first. It returns how many there are, and the shortest way to a
// broken one.
func (r rule) search(begin small) (states int, trace []string) {
	type origin struct {
		from small
		what string
	}
	seen := map[small]origin{begin: {}}
	queue := []small{begin}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		next, broken := r.steps(s)
		if broken != "" {
			trace = []string{broken}
			for at := s; at != begin; at = seen[at].from {
				trace = append(trace, seen[at].what)
			}
			slices.Reverse(trace)
			return len(seen), trace
		}
		for _, n := range next {
			if _, ok := seen[n.to]; !ok {
				seen[n.to] = origin{s, n.what}
				queue = append(queue, n.to)
			}
		}
	}
	return len(seen), nil
}

// Law 1 holds in every state with the random stamp, and each weaker compare-and-set lets a zombie in. -v prints how.
func TestOnlyTheRandomStampKeepsZombiesOut(t *testing.T) {
	for _, c := range []struct {
		rule
		begin  small
		zombie bool
	}{
		{rule{"offset only", offsetOnly, kept}, learned, true},
		{rule{"offset and topic ID", topicInstead, kept}, learned, true},
		{rule{"offset and a counter that operators raise", ledger.Position.Holds, countedByOperator}, learned, true},
		{rule{"offset and a counter that every move raises", ledger.Position.Holds, counted}, learned, true},
		{rule{"offset, topic ID and a counter that operators raise", func(ledger, held ledger.Position) bool {
			return ledger.Holds(held) && ledger.TopicID == held.TopicID
		}, countedByOperator}, learned, true},
		{rule{"offset and a random stamp by operators only", ledger.Position.Holds, func(s *small, byOperator bool) ledger.Fence {
			if byOperator {
				return random(s, true)
			}
			return s.ledger.at.Fence
		}}, learned, true},
		{rule{"offset and a random stamp by every move", ledger.Position.Holds, random}, learned, false},
		{rule{"offset and a random stamp by every move, IDs learned", ledger.Position.Holds, random}, unlearned, false},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			states, trace := c.search(c.begin)
			if (trace != nil) != c.zombie {
				t.Errorf("a zombie gets in: got %t, want %t", trace != nil, c.zombie)
			}
			if trace == nil {
				t.Logf("holds in all %d states", states)
				if states < 10_000 {
					t.Errorf("the world has %d states only: it does not do what it may", states)
				}
				return
			}
			t.Logf("a zombie gets in after %d steps (%d states seen):\n  %s", len(trace), states, strings.Join(trace, "\n  "))
		})
	}
}
