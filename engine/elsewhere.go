package engine

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// CommittedElsewhere is an Event of the beginning of a run: another program moved offsets of the Kafka group. The ledger decides where
// their partitions go on, and what is committed from there is mirrored over it.
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

// elsewhere is the partitions that another program moved, in partition order.
func (s *reconciliation) elsewhere() (moved []Elsewhere) {
	for _, tp := range slices.SortedFunc(maps.Keys(s.mirrored), fencepost.TopicPartition.Compare) {
		held, m := s.snapshot.Positions[tp], s.mirrored[tp]
		if ledger.Elsewhere(held, m) {
			moved = append(moved, Elsewhere{TopicPartition: tp, Committed: m.Offset, Held: held.Offset})
		}
	}
	return moved
}
