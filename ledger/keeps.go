package ledger

import (
	"fmt"

	"github.com/fencepost/fencepost"
)

// Keeps says whether a ledger may keep a group (laws 10 and 12): mirrored is what the Kafka group holds, s what the
// ledger holds of it, with the zero LedgerID where the store has no ledger yet.
//
//	the mirror names    the ledger holds          is
//	no ledger, nothing  anything                  kept: the group is new, or has not committed
//	no ledger           nothing                   ledger-empty: another program kept the group in Kafka alone
//	no ledger           something                 kept
//	this ledger         nothing                   ledger-empty: restored too far
//	this ledger         something                 kept
//	another ledger      anything                  other-ledger
//
// Errors: *UserError other-ledger, with the fact empty where this ledger is, and ledger-empty, with the group.
func Keeps(g fencepost.Group, s Snapshot, mirrored map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
	for _, m := range mirrored {
		if m.Ledger == (fencepost.LedgerID{}) || m.Ledger == s.Ledger {
			continue
		}
		here := "this is " + s.Ledger.Short()
		var facts map[string]string
		if s.Empty() {
			here += ", and it is empty"
			facts = map[string]string{"empty": "true"}
		}
		if s.Ledger == (fencepost.LedgerID{}) {
			here = "here is none yet"
		}
		return &fencepost.UserError{Code: "other-ledger", Facts: facts, Err: fmt.Errorf("group %s is kept by ledger %s; %s", g, m.Ledger.Short(), here)}
	}
	if !s.Empty() || len(mirrored) == 0 {
		return nil
	}
	offsets := "1 offset"
	if n := len(mirrored); n > 1 {
		offsets = fmt.Sprintf("%d offsets", n)
	}
	return &fencepost.UserError{Code: "ledger-empty", Facts: map[string]string{"group": string(g)},
		Err: fmt.Errorf("the ledger is empty, but the group has run: Kafka holds %s of %s", offsets, g)}
}
