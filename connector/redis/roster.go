package redis

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// rosterField begins the head's fields of the topics: roster:TOPIC -> topic ID|partitions.
const rosterField = "roster:"

// entry is a topics entry as the head holds it; empty for a topic that it does not know.
func entry(e ledger.TopicState) string {
	if e == (ledger.TopicState{}) {
		return ""
	}
	return e.TopicID.String() + "|" + strconv.Itoa(int(e.Partitions))
}

// parseEntry reads a topics entry.
func parseEntry(topic, s string) (e ledger.TopicState, err error) {
	id, count, ok := strings.Cut(s, "|")
	n, bad := strconv.ParseInt(count, 10, 32)
	if !ok || bad != nil {
		return e, fmt.Errorf("roster of topic %s: %q is not topic ID|partitions", topic, s)
	}
	e.Partitions = int32(n)
	if e.TopicID, err = fencepost.ParseTopicID(id); err != nil {
		return e, fmt.Errorf("roster of topic %s: %w", topic, err)
	}
	return e, nil
}
