package kafka

import (
	"fmt"
	"maps"

	"github.com/fencepost/fencepost"
)

// book is what a ledger's topic says of one group.
type book struct {
	known     bool // it has a head: some move was made
	head      headForm
	roster    map[string]fencepost.RosterEntry
	positions map[fencepost.TopicPartition]*positionForm // the forms are replaced, never changed
	changes   int64                                      // how many facts were filed: equal means unchanged
}

func newBook() *book {
	return &book{roster: map[string]fencepost.RosterEntry{}, positions: map[fencepost.TopicPartition]*positionForm{}}
}

func (b *book) clone() *book {
	c := *b
	c.roster, c.positions = maps.Clone(b.roster), maps.Clone(b.positions)
	return &c
}

// file takes a fact over. gone: the fact was deleted.
func (b *book) file(f fact, gone error) {
	b.changes++
	switch {
	case f.head != nil:
		b.known, b.head = gone == nil, *f.head
	case f.roster != nil:
		b.roster[f.tp.Topic] = fencepost.RosterEntry{TopicID: fencepost.TopicID(f.roster.TopicID), Partitions: f.roster.Partitions}
		if gone != nil {
			delete(b.roster, f.tp.Topic)
		}
	case f.position != nil:
		b.positions[f.tp] = f.position
		if gone != nil {
			delete(b.positions, f.tp)
		}
	}
}

// commitment is a committed offset of the group, with what its metadata says.
type commitment struct {
	offset fencepost.Offset
	ledger fencepost.LedgerID
	fence  fencepost.Fence
}

// rows are the positions as the ledger holds them: those of the topic, and a foreign one, without a fence, where the
// group's committed offset is not the copy that the last move left.
//
//	topic      committed offset         row
//	position   none                     the position: Kafka lets offsets of an empty group expire
//	position   its copy                 the position
//	position   anything else            foreign: somebody committed, or the topic lost its end
//	none       any, of a known group    foreign
//	none       none                     none
func (b *book) rows(committed map[fencepost.TopicPartition]commitment, id fencepost.LedgerID) map[fencepost.TopicPartition]fencepost.Position {
	rows := make(map[fencepost.TopicPartition]fencepost.Position, len(b.positions))
	for tp, p := range b.positions {
		rows[tp] = p.position()
	}
	if !b.known {
		return rows
	}
	for tp, c := range committed {
		if c.ledger != id || !b.positions[tp].copied(c) {
			rows[tp] = fencepost.Position{Offset: c.offset, LeaderEpoch: fencepost.NoEpoch}
		}
	}
	return rows
}

// differs reports whether a committed offset with this ledger's marks is not the copy of its position.
func (b *book) differs(committed map[fencepost.TopicPartition]commitment, id fencepost.LedgerID) bool {
	for tp, c := range committed {
		if c.ledger == id && !b.positions[tp].copied(c) {
			return true
		}
	}
	return false
}

// copied reports whether a committed offset with our marks is the position's copy.
func (p *positionForm) copied(c commitment) bool {
	return p != nil && (p.Uncopied || c.offset == p.Offset && c.fence == fencepost.Fence(p.Fence))
}

// entry is what a list of moves writes.
type entry struct {
	facts  []fact
	moves  []fencepost.Move // in order
	copies bool             // commit their offsets too
}

// record makes the facts of moves that were accepted.
func (b *book) record(w fencepost.Writer, moves []fencepost.Move, keep fencepost.KeepCommits, copies bool) (entry, error) {
	e := entry{moves: moves, copies: copies}
	roster, err := fencepost.Enroll(b.roster, moves)
	if err != nil {
		return e, err
	}
	head := b.head
	if head.Cluster == "" {
		head.Cluster = w.ClusterID
	}
	add := func(f fact) { f.group = w.Group; e.facts = append(e.facts, f) }
	for _, m := range moves {
		was := b.positions[m.TopicPartition]
		next := &positionForm{place: placeOf(m.Next), Uncopied: !copies || was != nil && was.Uncopied}
		var run *runForm
		if was != nil {
			run = was.Run
		}
		merging := m.Cause == fencepost.CauseCommit && keep == fencepost.KeepMerged
		if run != nil && !(merging && run.From.Fence == fenceForm(m.Next.Fence)) {
			add(fact{seq: run.Seq, move: was.closed(m.TopicPartition)})
			run = nil
		}
		switch {
		case merging && run != nil:
			longer := *run
			longer.Commits, longer.Who = run.Commits+1, w.Who
			next.Run = &longer
		case merging:
			head.Seq++
			next.Run = &runForm{Seq: head.Seq, From: placeOf(m.Held), Commits: 1, Who: w.Who}
		case m.Cause != fencepost.CauseCommit || keep == fencepost.KeepAll:
			head.Seq++
			add(fact{seq: head.Seq, move: moveFormOf(m, w.Who)})
		}
		add(fact{tp: m.TopicPartition, position: next})
	}
	for _, topic := range sorted(roster) {
		add(fact{tp: fencepost.TopicPartition{Topic: topic}, roster: &rosterForm{topicForm(roster[topic].TopicID), roster[topic].Partitions}})
	}
	if !b.known || head != b.head {
		add(fact{head: &head})
	}
	return e, nil
}

// otherCluster compares the group's cluster with the writer's; one that is not known is not another.
func (b *book) otherCluster(w fencepost.Writer) error {
	if b.head.Cluster != "" && w.ClusterID != "" && b.head.Cluster != w.ClusterID {
		return fmt.Errorf("%w: the ledger's is %s, these brokers' is %s", fencepost.ErrOtherCluster, b.head.Cluster, w.ClusterID)
	}
	return nil
}
