package fencepost

import (
	"errors"
	"time"
)

// ErrNoAnswer is in LogOffsets.Err where the brokers said nothing about a partition: no leader, a time-out, not
// authorised. No answer is never an answer.
var ErrNoAnswer = errors.New("no answer")

// ErrNoTopic is in LogOffsets.Err where a broker says that it knows no such topic.
var ErrNoTopic = errors.New("the cluster has no such topic")

// OffsetQuery is a question about one partition's log.
type OffsetQuery struct {
	TopicPartition
	LeaderEpoch LeaderEpoch // also: where does this epoch end? NoEpoch: not asked
	Time        time.Time   // also: the first offset at or after this time. Zero: not asked
}

// LogOffsets is what the brokers say of one partition: Earliest <= LastStableOffset <= HighWatermark.
type LogOffsets struct {
	TopicID          TopicID
	Earliest         Offset
	LastStableOffset Offset // a read_committed reader gets no further
	HighWatermark    Offset // next to be written, as far as all in-sync replicas have it
	// EndEpoch is the leader epoch of HighWatermark, NoEpoch if the broker did not say.
	EndEpoch LeaderEpoch
	// EpochEnd answers OffsetQuery.LeaderEpoch: where the largest epoch not above it ends. Negative: no verdict, the broker
	// does not know the epoch (KAFKA-19902), or it was not asked.
	EpochEnd Offset
	// AtTime answers OffsetQuery.Time: HighWatermark where every record is older. Negative: not asked.
	AtTime Offset
	Err    error // wraps ErrNoAnswer or ErrNoTopic; the other fields then say nothing
}
