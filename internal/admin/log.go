package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/source"
)

// Log is where the logs of topics begin and end, as the brokers say it at one moment, without any group.
type Log struct {
	ClusterID  string
	At         time.Time // the time that was asked for; zero: none was
	Partitions []LogPart // in partition order
}

// LogPart is one partition of a Log.
type LogPart struct {
	fencepost.TopicPartition
	fencepost.LogOffsets
}

// Logs asks the brokers about the topics of a cluster. at is a time whose offset is asked for too; zero: none is.
//
// Errors: *fencepost.UserError topic-not-found.
func Logs(ctx context.Context, c source.Cluster, at time.Time) (Log, error) {
	about, err := c.Describe(ctx)
	if err != nil {
		return Log{}, fmt.Errorf("ask brokers: %w", err)
	}
	for _, topic := range slices.Sorted(maps.Keys(about.Errs)) {
		if err := about.Errs[topic]; errors.Is(err, fencepost.ErrNoTopic) {
			return Log{}, &fencepost.UserError{Code: "topic-not-found", Err: fmt.Errorf("the cluster has no topic %s", topic), Help: "mend the topic's name; to create it: kafka-topics --create"}
		}
		return Log{}, fmt.Errorf("topic %s: %w", topic, about.Errs[topic])
	}
	var asks []fencepost.OffsetQuery
	for _, topic := range slices.Sorted(maps.Keys(about.Topics)) {
		for p := range about.Topics[topic].Partitions {
			asks = append(asks, fencepost.OffsetQuery{TopicPartition: fencepost.TopicPartition{Topic: topic, Partition: p}, LeaderEpoch: fencepost.NoEpoch, Time: at})
		}
	}
	out := Log{ClusterID: about.ClusterID, At: at}
	got := c.LogOffsets(ctx, asks)
	for _, q := range asks {
		out.Partitions = append(out.Partitions, LogPart{q.TopicPartition, got[q.TopicPartition]})
	}
	return out, nil
}
