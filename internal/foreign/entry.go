package foreign

import (
	"fmt"
	"math"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Entry is what another program stored of one partition.
//
// Guarantees, which the Layout that read it has checked:
//
//  1. Until >= 0, the number of the entry; of two, the second
//  2. 0 <= From <= Until where the layout keeps both ends of a range, else From is NoFrom
//  3. Own.Offset == Until and Own.Fence == 0, unless Own is absent
type Entry struct {
	fencepost.TopicPartition
	From, Until fencepost.Offset
	Raw         string // as it was stored: 30000|31007
	Where       string // for messages: the key, path or line that it was read from
	// Own is the Position that our own export keeps of it, without its Fence: the topic ID and epoch that belong to
	// Until. Absent in the layouts of other programs.
	Own ledger.Position
}

// NoFrom is an Entry's From in a layout that keeps one number.
const NoFrom fencepost.Offset = -1

// Resume is where reading goes on from an entry.
//
//	             30000|31007   31007
//	next               31007   31007
//	batch-start        30000   31007
//	last-processed     31008   31008
func (e Entry) Resume(m Meaning) (fencepost.Offset, error) {
	switch m {
	case MeaningNext:
		return e.Until, nil
	case MeaningBatchStart:
		if e.From != NoFrom {
			return e.From, nil
		}
		return e.Until, nil
	case MeaningLastProcessed:
		if e.Until == math.MaxInt64 {
			return 0, fmt.Errorf("%s: nothing is behind %d", e.Where, e.Until)
		}
		return e.Until + 1, nil
	case MeaningUnset:
	}
	return 0, fmt.Errorf("%s: %s does not say what it means", e.Where, e.Raw)
}

// Offsets is what another program left behind.
type Offsets struct {
	Entries []Entry  // in TopicPartition order, each partition once
	Notes   []string // for people: what is odd about it and no reason to refuse it
	// Mirror is the Fencepost ledger that decides these offsets, of which they are only a mirror; zero: none.
	Mirror fencepost.LedgerID
	Means  Meaning // of all numbers, where the form itself says it; unset: the user has to
}
