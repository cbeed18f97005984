package ledger_test

import (
	"cmp"
	"fmt"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// upgraded is a second small world, searched to its end: a group of two partitions that was written while no broker had
// topic IDs. The brokers are upgraded, one of them may still report no ID, the topic may be recreated, workers reconcile the
// partitions apart or together, an operator sets them.
//
// What must never happen: a topic is taken for recreated that was not; or it was, after the group had learned its ID from
// anywhere, and a worker goes on all the same.
type upgraded struct {
	told      bool // the brokers have topic IDs
	recreated bool
	roster    ledger.TopicState
	lots      [2]lot
	fences    ledger.Fence // the last that was given
	sets      int8         // of the operator
}

// lot is one partition: what the ledger holds, and what is true of it.
type lot struct {
	at      ledger.Position
	old     bool // it stands for the topic of before
	guarded bool // the group knew the topic's ID when it was recreated
}

// now is the ID of the topic that is there.
func (u upgraded) now() fencepost.TopicID {
	if u.recreated {
		return fencepost.TopicID{2}
	}
	return fencepost.TopicID{1}
}

// decide is what Reconcile says of a partition, of two answers that agree.
func (u upgraded) decide(p int, id fencepost.TopicID, policy ledger.Policy) (ledger.Stored, ledger.Decision) {
	s := ledger.Stored{TopicPartition: fencepost.TopicPartition{Topic: "t", Partition: int32(p)}, Position: u.lots[p].at, Topic: u.roster, Mirror: -1}
	a := ledger.Answer{LogOffsets: fencepost.LogOffsets{TopicID: id, LastStableOffset: 9, HighWatermark: 9, EpochEnd: -1, AtTime: -1}}
	return s, ledger.Reconcile(s, []ledger.Answer{a, a}, policy)
}

// settle is a worker that holds these partitions. It returns what went wrong.
func (u *upgraded) settle(id fencepost.TopicID, policy ledger.Policy, partitions ...int) error {
	var moves []ledger.Move
	for _, p := range partitions {
		s, d := u.decide(p, id, policy)
		l := u.lots[p]
		stale := l.old && u.recreated
		switch {
		case d.Verdict == ledger.Recreated && !stale:
			return fmt.Errorf("partition %d is taken for recreated, and is not", p)
		case d.Verdict != ledger.Recreated && stale && l.guarded && id != fencepost.TopicID{}:
			return fmt.Errorf("partition %d: action %d on a topic that was recreated since the group knew its ID", p, d.Action)
		}
		if d.Action == ledger.MoveOn {
			u.fences++
			moves = append(moves, d.Move(s, u.fences))
		}
	}
	if err := u.make(id, moves); err != nil {
		return err
	}
	for _, p := range partitions {
		none := fencepost.TopicID{}
		if _, d := u.decide(p, id, policy); d.Verdict != ledger.Recreated && id != none && (u.lots[p].at.TopicID == none || u.roster.TopicID == none) {
			return fmt.Errorf("partition %d has learned no topic ID", p)
		}
	}
	return nil
}

// make makes moves.
func (u *upgraded) make(id fencepost.TopicID, moves []ledger.Move) error {
	if len(moves) == 0 {
		return nil
	}
	changed, err := ledger.Enroll(map[string]ledger.TopicState{"t": u.roster}, moves)
	if err != nil {
		return err
	}
	if e, ok := changed["t"]; ok {
		u.roster = e
	}
	for _, m := range moves {
		u.lots[m.Partition].at = m.Next
		if m.Cause == ledger.CauseStart {
			u.lots[m.Partition].old = false
		}
		if s, d := u.decide(int(m.Partition), id, ledger.Policy{}); d.Action != ledger.Resume {
			return fmt.Errorf("partition %d: action %d after the move %s of %+v", m.Partition, d.Action, m.Cause, s)
		}
	}
	return nil
}

// set is an operator's rewind, as admin plans it: under the topic ID of the position, or the brokers' if it has none.
func (u *upgraded) set(p int, id fencepost.TopicID) {
	if _, d := u.decide(p, id, ledger.Policy{}); d.Verdict == ledger.Recreated {
		return // refused: a topic moves as a whole
	}
	u.fences++
	u.sets++
	at := &u.lots[p].at
	*at = ledger.Position{Offset: 3, LeaderEpoch: fencepost.NoEpoch, Fence: u.fences, TopicID: cmp.Or(at.TopicID, id)}
}

// steps are the states that may follow.
func (u upgraded) steps() (next []upgraded, err error) {
	ids := []fencepost.TopicID{{}}
	if u.told {
		ids = append(ids, u.now())
	} else {
		n := u
		n.told = true
		next = append(next, n)
	}
	if !u.recreated {
		n := u
		n.recreated = true
		for p := range n.lots {
			n.lots[p].old = true
			n.lots[p].guarded = n.lots[p].at.TopicID != (fencepost.TopicID{}) || n.roster.TopicID != (fencepost.TopicID{})
		}
		next = append(next, n)
	}
	for _, id := range ids {
		for _, held := range [][]int{{0}, {1}, {0, 1}} {
			n := u
			if err := n.settle(id, ledger.Policy{}, held...); err != nil {
				return nil, fmt.Errorf("a worker of %v that is told %s: %w", held, id, err)
			}
			next = append(next, n)
		}
		n := u
		if err := n.settle(id, ledger.EarliestEverywhere(ledger.StartAt{}), 0, 1); err != nil && n.whole(id) {
			return nil, fmt.Errorf("a repair that is told %s: %w", id, err)
		} else if err == nil {
			next = append(next, n)
		}
		for p := range u.lots {
			if n := u; n.sets < 2 {
				n.set(p, id)
				next = append(next, n)
			}
		}
	}
	return next, nil
}

// whole reports whether all partitions are recreated, or none: a repair moves them together.
func (u upgraded) whole(id fencepost.TopicID) bool {
	_, first := u.decide(0, id, ledger.Policy{})
	_, second := u.decide(1, id, ledger.Policy{})
	return (first.Verdict == ledger.Recreated) == (second.Verdict == ledger.Recreated)
}

// plain is the state without its history: fences are counted from 1 in order of the partitions.
func (u upgraded) plain() upgraded {
	u.fences = 2
	for p := range u.lots {
		u.lots[p].at.Fence = ledger.Fence(p + 1)
	}
	return u
}

// E4: in every state of the upgraded world.
func TestE4NothingIsTakenForRecreated(t *testing.T) {
	begin := upgraded{roster: ledger.TopicState{Partitions: 2}}
	for p := range begin.lots {
		begin.lots[p].at = ledger.Position{Offset: 5, LeaderEpoch: fencepost.NoEpoch, Fence: ledger.Fence(p + 1)}
	}
	begin = begin.plain()
	seen, queue, learned := map[upgraded]bool{begin: true}, []upgraded{begin}, 0
	for len(queue) > 0 {
		u := queue[0]
		queue = queue[1:]
		next, err := u.steps()
		if err != nil {
			t.Fatalf("%v\nin %+v", err, u)
		}
		if u.roster.TopicID != (fencepost.TopicID{}) && u.lots[0].at.TopicID != (fencepost.TopicID{}) && u.lots[1].at.TopicID != (fencepost.TopicID{}) {
			learned++
		}
		for _, n := range next {
			if n = n.plain(); !seen[n] {
				seen[n] = true
				queue = append(queue, n)
			}
		}
	}
	if len(seen) < 100 || learned == 0 {
		t.Errorf("the world has %d states, in %d of which everything has an ID: it does not do what it may", len(seen), learned)
	}
	t.Logf("holds in all %d states, in %d of which everything has an ID", len(seen), learned)
}
