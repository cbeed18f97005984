package ledger

import (
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
)

// Choice is what to do about a verdict that needs one. The zero Choice parks.
type Choice uint8

// The choices.
const (
	Park       Choice = iota // stop with a reason, and test again every watch interval
	Earliest                 // go on at the earliest record there is
	Latest                   // go on at the end
	Divergence               // truncated only: go back to where the histories part
)

var choices = [...]string{"park", "earliest", "latest", "divergence"}

// String is the choice's word in the pipeline file.
func (c Choice) String() string { return choices[c] }

// Policy is what the user wants done about each verdict that needs a person. The zero Policy starts at the earliest
// record and parks everything else.
type Policy struct {
	Start     StartAt // for a topic that the group has not started
	AgedOut   Choice  // Park, Earliest, Latest
	Recreated Choice  // Park, Earliest, Latest
	Truncated Choice  // Park, Earliest, Latest, Divergence
	LostRow   Choice  // Park, Earliest, Latest
}

// EarliestEverywhere is pattern B's rule: a stored offset that the log does not cover becomes the earliest, each reset
// a recorded move.
func EarliestEverywhere(start StartAt) Policy {
	return Policy{Start: start, AgedOut: Earliest, Recreated: Earliest, Truncated: Earliest, LostRow: Earliest}
}

// StartKind says where a topic new to the group begins.
type StartKind uint8

// The kinds of start. The zero StartKind is earliest.
const (
	StartEarliest StartKind = iota
	StartLatest
	StartTime    // the first record at or after StartAt.Time
	StartOffsets // StartAt.Offsets; a partition not listed begins at the earliest record
)

// StartAt is where a topic new to the group begins. It is used once per topic and group, for all its partitions.
type StartAt struct {
	Kind    StartKind
	Time    time.Time
	Offsets map[fencepost.TopicPartition]fencepost.Offset
}

// String is the start in the words of the pipeline file.
func (s StartAt) String() string {
	switch s.Kind {
	case StartLatest:
		return "latest"
	case StartTime:
		return s.Time.Format(time.RFC3339)
	case StartOffsets:
		return fmt.Sprintf("%d given offsets", len(s.Offsets))
	case StartEarliest:
	}
	return "earliest"
}
