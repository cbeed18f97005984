package engine

import (
	"fmt"
	"strings"
	"time"
)

// String says what is otherwise, and who began as it was: table h1b instead of h1 (26011@node3 began at 2026-11-21 03:12:45; 1
// member of the group is live).
func (e PipelineChanged) String() string {
	text := fmt.Sprintf("%s (%s began at %s", Sentence(e.Differences), e.Was.Who, e.Was.Since.Local().Format(time.DateTime))
	switch {
	case e.Others == 1:
		text += "; 1 member of the group is live"
	case e.Others > 1:
		text += fmt.Sprintf("; %d members of the group are live", e.Others)
	}
	return text + ")"
}

// String says which workers are gone: 26011@node3 is gone.
func (e WorkersGone) String() string {
	var who []string
	for _, w := range e.Workers {
		who = append(who, w.Who)
	}
	are := "is"
	if len(who) > 1 {
		are = "are"
	}
	text := strings.Join(who, ", ") + " " + are + " gone"
	if e.Err != nil {
		text += ", and the group could not be told: " + e.Err.Error()
	}
	return text
}

// String says whose worker it is: 26011@node3 works on another copy of this ledger.
func (e OtherCopy) String() string {
	return fmt.Sprintf("%s works on another copy of this ledger, and shares the group's records (%s)", e.Who, e.Member)
}

// String says which partition parked where, and why.
func (e Parked) String() string {
	return fmt.Sprintf("%s parked at %d: %s (%s)", e.TopicPartition, e.Offset, e.Reason, e.Code)
}

// String says how many records were passed, and of the first one why.
func (e Passed) String() string {
	skipped, letters := e.Counts()
	first := e.Records[0]
	return fmt.Sprintf("%d skipped, %d dead letters; %s@%d: %s (%s)", skipped, letters, first.TopicPartition, first.Offset, first.Reason, first.Code)
}

// Counts is how many records were skipped, and how many became letters.
func (e Passed) Counts() (skipped, letters int) {
	for _, r := range e.Records {
		if r.As == Skip {
			skipped++
		}
	}
	return skipped, len(e.Records) - skipped
}

// String says which partition waits for what.
func (e Waiting) String() string { return fmt.Sprintf("%s waits: %s", e.TopicPartition, e.Reason) }

// String says what the ledger held instead.
func (e Refused) String() string {
	return fmt.Sprintf("%s refused at %d: the ledger holds %d (%s)", e.TopicPartition, e.Offset, e.Held.Offset, e.Relation)
}

// String says how far the ledger went back.
func (e SinkWentBack) String() string {
	text := fmt.Sprintf("%s: the ledger went back from %d to %d", e.TopicPartition, e.From, e.To)
	if e.Others > 0 {
		text += fmt.Sprintf(", with %d other members live", e.Others)
	}
	return text
}

// String says what holds the partition back.
func (e Blocked) String() string {
	return fmt.Sprintf("%s blocked at %d by %s since %s", e.TopicPartition, e.Offset, e.Transaction, e.Since.UTC().Format(time.RFC3339))
}

// String says where the partition resumes, or why it does not.
func (r Reconciliation) String() string {
	text := fmt.Sprintf("%s at %d: %s", r.TopicPartition, r.Offset, r.Verdict)
	if r.Reason != "" {
		text += ", " + r.Reason
	}
	if !r.Running {
		text += " (stopped)"
	}
	return text
}
