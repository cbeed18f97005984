package view

import (
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
)

// named names partitions: trips:0-3 trips:7, and at most so many runs of them. REQUIRES: they are in partition order.
func named(tps []fencepost.TopicPartition, most int) string {
	spans := text.Spans(len(tps), func(i int) (string, int32) { return tps[i].Topic, tps[i].Partition })
	if len(spans) > most {
		spans = append(spans[:most], "and "+text.Count(len(spans)-most)+" more")
	}
	return strings.Join(spans, " ")
}
