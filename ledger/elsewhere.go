package ledger

import "github.com/fencepost/fencepost"

// Elsewhere reports whether the Kafka group's offset of a partition is another program's and leads elsewhere than the ledger's
// position, as after a reset by Kafka's own tools. The ledger decides all the same: whoever moved the group meant something that
// does not happen.
//
// An offset that another program left where the ledger took it over is at the position, and one that a worker committed has the
// ledger's identity.
func Elsewhere(position Position, committed fencepost.CommittedOffset) bool {
	return !position.Absent() && committed.Ledger == (fencepost.LedgerID{}) && committed.Offset != position.Offset
}
