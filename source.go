package fencepost

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Source delivers the records of the partitions that a worker holds. It decides no start: the Holder does.
type Source interface {
	// Start joins the group, or takes its explicit partitions, and tells h of every change until Close. It returns
	// once the joining has begun.
	Start(context.Context, Holder) error
	// Poll waits until records are there, ctx ends or some partition failed, and returns a Chunk for each
	// partition that has something to say; with Err set, the partition was paused and waits for Steer. Only an
	// error that ends the whole source is returned: *Fault.
	Poll(context.Context) ([]Chunk, error)
	// Steer sets where held partitions go on, or pauses them. Partitions not held now are passed over. After it
	// returns, no Chunk of before comes out of Poll for these partitions, except from a Poll already under way.
	Steer(map[TopicPartition]Start)
	// Leave lets everything go: it leaves the group so that others take over at once, and closes the client.
	Leave(context.Context) error
	// Cluster asks the brokers on the source's connections.
	Cluster() Cluster
}

// Holder is told what a Source's worker holds. The calls come one at a time.
type Holder interface {
	// Assigned is asked where newly held partitions begin, before the first record is fetched. It must answer
	// within the rebalance timeout, for every partition; a partition it can not decide yet begins Paused.
	Assigned(context.Context, []TopicPartition) map[TopicPartition]Start
	// Revoked returns once nothing of these partitions is going to be committed by this worker any more: what was
	// in flight is finished or dropped.
	Revoked(context.Context, []TopicPartition)
	// Lost says that the partitions belong to another worker already: everything of them is dropped at once.
	Lost([]TopicPartition)
}

// Start is where a held partition goes on.
type Start struct {
	Offset Offset // real and >= 0 even where Paused: the client can not seek a partition that never had one
	Paused bool
}

// Chunk is what one Poll brought of one partition.
type Chunk struct {
	TopicPartition
	TopicID TopicID // the incarnation that the fetch itself came from; zero: the broker has none
	Records Records // nil where Err is set
	Stable  Offset  // last stable offset, as of the fetch
	End     Offset  // high watermark, as of the fetch
	Err     error   // why the partition was paused: *PartitionError
}

// PartitionError is a fetch that failed for one partition: out of range, no such topic ID, not authorised.
type PartitionError struct {
	TopicPartition
	Code string // the broker's own name for it: OFFSET_OUT_OF_RANGE
	Err  error
}

// Error names the partition and what the broker said.
func (e *PartitionError) Error() string { return e.TopicPartition.String() + ": " + e.Err.Error() }

// Unwrap is the client's own error.
func (e *PartitionError) Unwrap() error { return e.Err }

// ErrNoAnswer is in Bounds.Err where the brokers said nothing about a partition: no leader, a time-out, not
// authorised. No answer is never an answer.
var ErrNoAnswer = errors.New("no answer")

// ErrNoTopic is in Bounds.Err where a broker says that it knows no such topic.
var ErrNoTopic = errors.New("the cluster has no such topic")

// Cluster asks the brokers. All methods are safe for concurrent use.
type Cluster interface {
	// Describe names the cluster and the topics that the source consumes (by name or pattern), with their IDs and
	// partition counts. A topic without an answer is left out of Topics and in Errs.
	Describe(context.Context) (Description, error)
	// Bounds asks metadata, bounds, metadata, and asks again while topic IDs differ (law 5): three ListOffsets
	// requests per broker, one more where a time is asked, one OffsetForLeaderEpoch per broker where an epoch is.
	// Every Ask has an entry in the answer; what could not be had is an entry with Err.
	Bounds(context.Context, []Ask) map[TopicPartition]Bounds
	// Mirrored reads what the Kafka group holds of committed offsets, with our marks where they are ours.
	Mirrored(context.Context, Group) (map[TopicPartition]Mirror, error)
	// Mirror commits offsets to the Kafka group, as the member that holds the partitions where there is a group.
	// Its errors are for the log: the mirror is never read back as truth.
	Mirror(context.Context, Group, map[TopicPartition]Mirror) error
}

// TransactionFinder is an optional ability of a Cluster: it says who holds a partition's last stable offset back.
type TransactionFinder interface {
	// OpenTransactions names the oldest open transaction of each partition; a partition without one is left out. Errors:
	// ErrNoAnswer, wrapped, where the brokers did not say (older than Kafka 2.8, not authorised): then nothing is known.
	OpenTransactions(context.Context, []TopicPartition) (map[TopicPartition]Transaction, error)
}

// Transaction is a producer's transaction that is neither committed nor aborted.
type Transaction struct {
	ProducerID      int64
	TransactionalID string    // empty: not to be learnt, or not authorised
	From            Offset    // of its first record in the partition
	Since           time.Time // when it began; zero: not known
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
	Topics    map[string]Topic
	Errs      map[string]error // :: topic -> ErrNoTopic or ErrNoAnswer, wrapped
}

// Topic is one incarnation of a topic.
type Topic struct {
	ID         TopicID
	Partitions int32
	Only       []int32 // the partitions that the source takes of it; nil: whatever the group gives it
}

// Taken yields the partitions of the topic that the source takes.
func (t Topic) Taken(yield func(int32) bool) {
	if t.Only == nil {
		for p := range t.Partitions {
			if !yield(p) {
				return
			}
		}
		return
	}
	for _, p := range t.Only {
		if p >= 0 && p < t.Partitions && !yield(p) {
			return
		}
	}
}

// Ask is a question about one partition's bounds.
type Ask struct {
	TopicPartition
	LeaderEpoch LeaderEpoch // also: where does this epoch end? NoEpoch: not asked
	Time        time.Time   // also: the first offset at or after this time. Zero: not asked
}

// Bounds is what the brokers say of one partition: Earliest <= Stable <= End.
type Bounds struct {
	TopicID  TopicID
	Earliest Offset
	Stable   Offset // last stable offset: a read_committed reader gets no further
	End      Offset // high watermark: next to be written, as far as all in-sync replicas have it
	// EndEpoch is the leader epoch of End, NoEpoch if the broker did not say.
	EndEpoch LeaderEpoch
	// EpochEnd answers Ask.LeaderEpoch: where the largest epoch not above it ends. Negative: no verdict, the broker
	// does not know the epoch (KAFKA-19902), or it was not asked.
	EpochEnd Offset
	// AtTime answers Ask.Time: End where every record is older. Negative: not asked.
	AtTime Offset
	Err    error // wraps ErrNoAnswer or ErrNoTopic; the other fields then say nothing
}

// Mirror is a committed offset of the Kafka group. Ledger and TopicID are ours to write into the commit's metadata;
// zero in one that another program wrote.
type Mirror struct {
	Offset      Offset
	LeaderEpoch LeaderEpoch
	Ledger      LedgerID
	TopicID     TopicID
}
