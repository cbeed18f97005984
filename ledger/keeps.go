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
		return KeptBy(g, m.Ledger, s)
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

// KeptBy is the fault other-ledger: another ledger keeps the group than the one that was read.
func KeptBy(g fencepost.Group, keeper fencepost.LedgerID, s Snapshot) *fencepost.UserError {
	here := "this is " + s.Ledger.Short()
	var facts map[string]string
	if s.Empty() {
		here += ", and it is empty"
		facts = map[string]string{"empty": "true"}
	}
	if s.Ledger == (fencepost.LedgerID{}) {
		here = "here is none yet"
	}
	return &fencepost.UserError{Code: "other-ledger", Facts: facts, Err: fmt.Errorf("group %s is kept by ledger %s; %s", g, keeper.Short(), here)}
}

// Stranger is a live member of the group that is a worker of another copy of this ledger.
type Stranger struct {
	Member string // its ID in the Kafka group
	Who    string // pid@host
}

// Strangers says which live members of a group work on another copy of its ledger (law 12): a cloned database, or an old primary beside the
// promoted one, which have its identity. A worker names its member in what it mirrors once it has entered itself in its ledger; a
// member that is live, and that this ledger does not know, has entered itself in another one.
//
//	the member   the group's offsets name it   an entry names it   is
//	is gone      -                             -                   none
//	live         no                            -                   not known: of an earlier build, another program, or new
//	live         with another ledger           -                   not for this table: see Keeps
//	live         with this ledger              yes                 a worker of this ledger
//	live         with this ledger              no                  a stranger, or its entry was lost and comes again
//
// Strangers come in the order of live, which holds the IDs of the others. REQUIRES: mirrored was not read after workers, for a worker
// enters itself first.
func Strangers(id fencepost.LedgerID, mirrored map[fencepost.TopicPartition]fencepost.CommittedOffset, live []string, workers []Worker) (all []Stranger) {
	named := map[string]string{} // :: member -> worker
	for _, m := range mirrored {
		if m.Ledger == id && m.Member != "" {
			named[m.Member] = m.Who
		}
	}
	for _, w := range workers {
		delete(named, w.Member)
	}
	for _, member := range live {
		if who, is := named[member]; is {
			all = append(all, Stranger{Member: member, Who: who})
		}
	}
	return all
}

// OtherCopy is the error of a worker that finds a stranger in its group.
func OtherCopy(g fencepost.Group, s Stranger) *fencepost.UserError {
	return &fencepost.UserError{Code: "other-ledger", Facts: map[string]string{"copy": "true"},
		Err: fmt.Errorf("worker %s works on another copy of this ledger: it is a live member of group %s (%s), and is not entered here", s.Who, g, s.Member)}
}
