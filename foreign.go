package fencepost

import (
	"context"
	"fmt"
	"math"
)

// Meaning says what a number stands for that another program stored. The same bytes are written as either of them, so
// nobody can tell from the number: whoever imports one has to know.
type Meaning uint8

// The meanings. The zero Meaning is unset and resumes nowhere.
const (
	MeaningUnset         Meaning = iota
	MeaningNext                  // next to read: Spark's range.untilOffset, a Kafka group's committed offset
	MeaningBatchStart            // saved before the results: that batch is repeated
	MeaningLastProcessed         // a record's own offset: the next is one further
)

var meanings = [...]string{"unset", "next", "batch-start", "last-processed"}

// String is the word of the command line.
func (m Meaning) String() string { return meanings[m] }

// ParseMeaning reads the word of the command line; ok is false for any other word, "unset" too.
func ParseMeaning(s string) (m Meaning, ok bool) {
	for m := MeaningNext; int(m) < len(meanings); m++ {
		if meanings[m] == s {
			return m, true
		}
	}
	return MeaningUnset, false
}

// Entry is what another program stored of one partition.
//
// Guarantees, which the Layout that read it has checked:
//
//  1. Until >= 0, the number of the entry; of two, the second
//  2. 0 <= From <= Until where the layout keeps both ends of a range, else From is NoFrom
//  3. Own.Offset == Until and Own.Fence == 0, unless Own is absent
type Entry struct {
	TopicPartition
	From, Until Offset
	Raw         string // as it was stored: 30000|31007
	Where       string // for messages: the key, path or line that it was read from
	// Own is the Position that our own export keeps of it, without its Fence: the topic ID and epoch that belong to
	// Until. Absent in the layouts of other programs.
	Own Position
}

// NoFrom is an Entry's From in a layout that keeps one number.
const NoFrom Offset = -1

// Resume is where reading goes on from an entry.
//
//	             30000|31007   31007
//	next               31007   31007
//	batch-start        30000   31007
//	last-processed     31008   31008
func (e Entry) Resume(m Meaning) (Offset, error) {
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

// Foreign is what another program left behind.
type Foreign struct {
	Entries []Entry  // in TopicPartition order, each partition once
	Notes   []string // for people: what is odd about it and no reason to refuse it
}

// Layout is offsets in the form of another program (docs/layouts.md names those we know). All methods are safe for
// concurrent use.
type Layout interface {
	// Foreign reads all of it. What is not there at all is an empty Foreign.
	//
	// Errors: *Fault with the code layout-damaged for an entry that is negative, no integer or not of this layout, and
	// with the key that it was found at: nothing is guessed, and nothing passed over. Any other error: no answer.
	Foreign(context.Context) (Foreign, error)
	Close() error
}

// LiveLayout is a Layout that its own readers still use, so that we may keep it up to date for them. It has no room
// for a Fence and is never read back as truth.
type LiveLayout interface {
	Layout
	// Put sets the entries of these partitions and leaves all others as they are. An empty map changes nothing.
	//
	// Errors: whatever happened, the next Put of the same partitions mends it.
	Put(context.Context, map[TopicPartition]OffsetRange) error
}

// Applier is an optional ability of a Lane: the effects alone, for a pipeline whose ledger lives elsewhere.
type Applier interface {
	// Apply makes the batch's effects visible, all or none, and moves nothing. The batch's moves are for its
	// provenance only.
	//
	// Errors: as Lane.Commit, without *Refused.
	Apply(context.Context, *Batch) error
}
