package view

import (
	"fmt"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
)

// run is neighbouring partitions of a topic.
type run struct {
	topic       string
	first, last int32
}

// runsOf joins neighbours. REQUIRES: tps are in partition order.
func runsOf(tps []fencepost.TopicPartition) (list []run) {
	for _, tp := range tps {
		if n := len(list); n > 0 && list[n-1].topic == tp.Topic && list[n-1].last+1 == tp.Partition {
			list[n-1].last++
			continue
		}
		list = append(list, run{tp.Topic, tp.Partition, tp.Partition})
	}
	return list
}

// String is the run as --topic takes it: trips:3, or trips:0-3.
func (r run) String() string {
	if r.first == r.last {
		return partition(r.topic, r.first)
	}
	return fmt.Sprintf("%s-%d", partition(r.topic, r.first), r.last)
}

// named names partitions: trips:0-3 trips:7, and at most so many runs of them. REQUIRES: they are in partition order.
func named(tps []fencepost.TopicPartition, most int) string {
	list := runsOf(tps)
	var names []string
	for i, r := range list {
		if i == most {
			names = append(names, "and "+text.Count(len(list)-i)+" more")
			break
		}
		names = append(names, r.String())
	}
	return strings.Join(names, " ")
}
