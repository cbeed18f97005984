package fencepost

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"strconv"
)

// Group is the name that ledger, Kafka group and pipeline share.
type Group string

// TopicPartition names one partition of a topic. It prints as `topic:partition`, the form that every command takes.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// String is `topic:partition`.
func (tp TopicPartition) String() string { return tp.Topic + ":" + strconv.Itoa(int(tp.Partition)) }

// Compare orders by topic, then partition: the order in which every store locks rows, so that two workers with the
// same partitions cannot deadlock.
func (tp TopicPartition) Compare(o TopicPartition) int {
	return cmp.Or(cmp.Compare(tp.Topic, o.Topic), cmp.Compare(tp.Partition, o.Partition))
}

// Offset is a place in a partition's log: always the next entry to read, never the last one read.
type Offset int64

// OffsetRange is [From, Until) of one partition.
//
// Guarantees, checked by [OffsetRange.Valid]:
//
//  1. 0 <= From
//  2. From <= Until; equal for a range without entries
type OffsetRange struct{ From, Until Offset }

// Valid reports whether the range keeps its guarantees.
func (r OffsetRange) Valid() bool { return 0 <= r.From && r.From <= r.Until }

// Len is how many offsets the range spans: at least as many as it has records, since markers, aborted and compacted
// entries take offsets too.
func (r OffsetRange) Len() int64 { return int64(r.Until - r.From) }

// Contains reports whether an offset is in the range.
func (r OffsetRange) Contains(o Offset) bool { return r.From <= o && o < r.Until }

// String is `[from .. until)`.
func (r OffsetRange) String() string { return fmt.Sprintf("[%d .. %d)", r.From, r.Until) }

// LeaderEpoch counts the leaders of a partition (KIP-101). [NoEpoch] where it is unknown.
type LeaderEpoch int32

// NoEpoch is the LeaderEpoch of which nothing is known. Reconcile draws no verdict from it.
const NoEpoch LeaderEpoch = -1

// TopicID is one incarnation of a topic (KIP-516): a topic deleted and created again has another. Zero: the broker
// has none (before Kafka 2.8), or the position came from a format without one.
type TopicID [16]byte

// String is Kafka's own form: base64url without padding; "-" for none.
func (id TopicID) String() string {
	if id == (TopicID{}) {
		return "-"
	}
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// ParseTopicID reads the form that [TopicID.String] prints.
func ParseTopicID(s string) (id TopicID, err error) {
	if s == "-" || s == "" {
		return id, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(id) || len(s) != 22 { // the decoder passes line ends over
		return id, fmt.Errorf("parse topic ID %q: want 22 characters of base64url", s)
	}
	return TopicID(b), nil
}

// LedgerID is the identity of one ledger, made with its tables and mirrored into the Kafka group, so that two
// ledgers under one group name are told apart.
type LedgerID [16]byte

// String is the identity in hexadecimal.
func (id LedgerID) String() string { return fmt.Sprintf("%x", id[:]) }

// Short is the first eight digits, for messages to people.
func (id LedgerID) Short() string { return id.String()[:8] }
