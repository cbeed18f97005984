package source

import (
	"context"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
)

// Cluster asks the brokers. All methods are safe for concurrent use.
type Cluster interface {
	// Describe names the cluster and the topics that the source consumes (by name or pattern), with their IDs and
	// partition counts. A topic without an answer is left out of Topics and in Errs.
	Describe(context.Context) (Description, error)
	// LogOffsets asks metadata, offsets, metadata, and asks again while topic IDs differ (law 5): three ListOffsets
	// requests per broker, one more where a time is asked, one OffsetForLeaderEpoch per broker where an epoch is.
	// Every query has an entry in the answer; what could not be had is an entry with Err.
	LogOffsets(context.Context, []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets
	// CommittedOffsets reads what the Kafka group holds of committed offsets, with our marks where they are ours.
	CommittedOffsets(context.Context, fencepost.Group) (map[fencepost.TopicPartition]fencepost.CommittedOffset, error)
	// Mirror commits offsets to the Kafka group, as the member that holds the partitions where there is a group.
	// Its errors are for the log: the mirror is never read back as truth.
	Mirror(context.Context, fencepost.Group, map[fencepost.TopicPartition]fencepost.CommittedOffset) error
}

// TransactionFinder is an optional ability of a Cluster: it finds the transaction that holds a partition's last stable offset back.
type TransactionFinder interface {
	// OpenTransactions names the oldest open transaction of each partition; a partition without one is left out.
	//
	// Errors: fencepost.ErrNoAnswer, wrapped, where the brokers did not say (older than Kafka 2.8, not authorised): then
	// nothing is known.
	OpenTransactions(context.Context, []fencepost.TopicPartition) (map[fencepost.TopicPartition]Transaction, error)
}

// Reachability is an optional ability of a Cluster: whether brokers answer, and whether this worker belongs to its group.
type Reachability interface {
	// Reach asks any broker for one small answer. Errors: any; then no broker answered before ctx ended.
	Reach(context.Context) error
	// Member reports whether the worker is a member of its group now; a Source without a group is always one.
	Member() bool
}

// MemberCounter is an optional ability of a Cluster: how many members the Kafka group has, this one among them.
type MemberCounter interface {
	// MemberCount asks the brokers. Errors: any; then nothing is known.
	MemberCount(context.Context) (int, error)
}

// Transaction is a producer's transaction that is neither committed nor aborted.
type Transaction struct {
	ProducerID      int64
	TransactionalID string           // empty: not to be learnt, or not authorised
	From            fencepost.Offset // of its first record in the partition
	Since           time.Time        // when it began; zero: not known
}

// String names the transaction for people, as far as it is known.
func (t Transaction) String() string {
	switch {
	case t == Transaction{}:
		return "a transaction"
	case t.TransactionalID == "":
		return fmt.Sprintf("producer %d's transaction", t.ProducerID)
	}
	return fmt.Sprintf("%s's transaction (producer %d)", t.TransactionalID, t.ProducerID)
}

// Description is what the brokers say of themselves and of the consumed topics.
type Description struct {
	ClusterID string
	Topics    map[string]fencepost.Topic
	Errs      map[string]error // :: topic -> fencepost.ErrNoTopic or fencepost.ErrNoAnswer, wrapped
}
