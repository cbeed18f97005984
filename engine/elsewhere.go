package engine

import (
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// CommittedElsewhere is an Event: another program moved the Kafka group's offsets of partitions that this worker was given. The
// ledger decides where they go on, and what is committed from there is mirrored over it.
type CommittedElsewhere struct {
	Partitions []Elsewhere
}

func (CommittedElsewhere) event() {}

// Elsewhere is one partition's part of CommittedElsewhere.
type Elsewhere struct {
	fencepost.TopicPartition
	Committed fencepost.Offset // what the Kafka group holds
	Held      fencepost.Offset // what the ledger holds
}

// String says where another program moved the group, and where it goes on.
func (e Elsewhere) String() string {
	return fmt.Sprintf("%s: another program moved the Kafka group to %d, the ledger holds %d and decides", e.TopicPartition, e.Committed, e.Held)
}

// elsewhere is the event about those of the partitions that another program moved; none: nothing.
func (s *reconciliation) elsewhere(list []Reconciliation) (events []Event) {
	var moved []Elsewhere
	for _, r := range list {
		held := s.snapshot.Positions[r.TopicPartition]
		if m, ok := s.mirrored[r.TopicPartition]; ok && ledger.Elsewhere(held, m) {
			moved = append(moved, Elsewhere{TopicPartition: r.TopicPartition, Committed: m.Offset, Held: held.Offset})
		}
	}
	if len(moved) > 0 {
		events = append(events, CommittedElsewhere{Partitions: moved})
	}
	return events
}
