package zookeeper

import (
	"fmt"

	"github.com/fencepost/fencepost"
)

// enrolled is the entries of the Roster that the starts and imports among moves change. Starts under another topic ID are the
// repair of a recreated topic: they name every partition that the Roster knows, or the topic would be half old and
// half new. A zero ID is unknown, never another one.
func enrolled(roster map[string]fencepost.RosterEntry, moves []fencepost.Move) (map[string]fencepost.RosterEntry, error) {
	var none fencepost.TopicID
	after := map[string]fencepost.RosterEntry{}
	fresh := map[string]int32{} // :: topic -> how many partitions of the Roster start under another ID
	for _, m := range moves {
		if !m.Enrolls() {
			continue
		}
		was, id := roster[m.Topic], m.Next.TopicID
		e, seen := after[m.Topic]
		if !seen {
			e = was
		}
		other := id != none && was.TopicID != none && id != was.TopicID
		if id != none {
			if seen && e.TopicID != none && e.TopicID != id && (e.TopicID != was.TopicID || fresh[m.Topic] > 0) {
				return nil, fmt.Errorf("start topic %s: under two topic IDs at once, %s and %s", m.Topic, e.TopicID, id)
			}
			e.TopicID = id
		}
		if other && m.Partition < was.Partitions {
			fresh[m.Topic]++
		}
		e.Partitions = max(e.Partitions, m.Partition+1, m.Partitions)
		after[m.Topic] = e
	}
	for topic, e := range after {
		was := roster[topic]
		if was.TopicID != none && e.TopicID != was.TopicID && fresh[topic] < was.Partitions {
			return nil, fmt.Errorf("start topic %s: topic ID %s replaces %s, but only %d of its %d partitions are started: start all of them in one move",
				topic, e.TopicID, was.TopicID, fresh[topic], was.Partitions)
		}
	}
	return after, nil
}
