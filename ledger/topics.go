package ledger

import (
	"fmt"

	"github.com/fencepost/fencepost"
)

// TopicState says which incarnation of a topic a group started, and how many partitions of it were ever started or
// imported. A partition below the count that has no Position is a lost row, not a new partition.
type TopicState struct {
	TopicID    fencepost.TopicID
	Partitions int32
}

// Enroll is the rule of a group's topics: which of their states the starts and imports among moves change, and into what. It
// changes nothing itself. Moves of other causes do not count, and a state that stays as it is is not among changed.
//
// For each topic that moves start or import (Move.Enrolls):
//
//  1. The count becomes Partition+1 and Move.Partitions at least. It never falls.
//  2. A zero topic ID is unknown and never another one: moves without an ID change none, and an ID that the state does
//     not have is filled in by the first move that has one.
//  3. The known IDs among the moves are one. If it is another than the state's, the topic was created again, and the
//     moves cover every partition that the state counts, or the topic would be half old and half new.
//
// An error says which topic breaks the rule, and nothing may happen. Stores that decide in their own language hold the
// same rule, and pass the same suite. REQUIRES: no partition is twice among moves.
func Enroll(topics map[string]TopicState, moves []Move) (changed map[string]TopicState, err error) {
	changed = map[string]TopicState{}
	covered := map[string]int32{}         // :: topic -> how many partitions of the topic the moves start
	ids := map[string]fencepost.TopicID{} // :: topic -> the known ID among the moves
	for _, m := range moves {
		if !m.Enrolls() {
			continue
		}
		was := topics[m.Topic]
		e, seen := changed[m.Topic]
		if !seen {
			e = was
		}
		if id := m.Next.TopicID; id != (fencepost.TopicID{}) {
			if first, known := ids[m.Topic]; known && first != id {
				return nil, fmt.Errorf("start topic %s: under two topic IDs at once, %s and %s", m.Topic, first, id)
			}
			ids[m.Topic], e.TopicID = id, id
		}
		if m.Partition < was.Partitions {
			covered[m.Topic]++
		}
		e.Partitions = max(e.Partitions, m.Partition+1, m.Partitions)
		changed[m.Topic] = e
	}
	for topic, e := range changed {
		was := topics[topic]
		if was.TopicID != (fencepost.TopicID{}) && e.TopicID != was.TopicID && covered[topic] < was.Partitions {
			return nil, fmt.Errorf("start topic %s: topic ID %s replaces %s, but only %d of its %d partitions are started: start all of them in one move",
				topic, e.TopicID, was.TopicID, covered[topic], was.Partitions)
		}
		if e == was {
			delete(changed, topic)
		}
	}
	return changed, nil
}
