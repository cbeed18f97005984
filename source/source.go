package source

import (
	"context"

	"github.com/fencepost/fencepost"
)

// Source delivers the records of the partitions that a worker holds. It decides no start: the Listener does.
type Source interface {
	// Start joins the group, or takes its explicit partitions, and reports every change to h until Close. It returns
	// once the joining has begun.
	Start(context.Context, Listener) error
	// Poll waits until records are there, ctx ends or some partition failed, and returns a Fetch for each
	// partition that has something to say; with Err set, the partition was paused and waits for Steer. Only an
	// error that ends the whole source is returned: *fencepost.UserError.
	Poll(context.Context) ([]Fetch, error)
	// Seek sets where held partitions go on, or pauses them. Partitions not held now are passed over. After it
	// returns, no Fetch of before comes out of Poll for these partitions, except from a Poll already under way.
	Seek(map[fencepost.TopicPartition]Start)
	// Leave lets everything go: it leaves the group so that others take over at once, and closes the client.
	Leave(context.Context) error
	// Cluster asks the brokers on the source's connections.
	Cluster() Cluster
}

// Listener learns what a Source's worker holds. The calls come one at a time.
type Listener interface {
	// Assigned is asked where newly held partitions begin, before the first record is fetched. It must answer
	// within the rebalance timeout, for every partition; a partition it cannot decide yet begins Paused.
	Assigned(context.Context, []fencepost.TopicPartition) map[fencepost.TopicPartition]Start
	// Revoked returns once nothing of these partitions is going to be committed by this worker any more: what was
	// in flight is finished or dropped.
	Revoked(context.Context, []fencepost.TopicPartition)
	// Lost says that the partitions belong to another worker already: everything of them is dropped at once.
	Lost([]fencepost.TopicPartition)
}

// Start is where a held partition goes on.
type Start struct {
	Offset fencepost.Offset // real and >= 0 even where Paused: the client cannot seek a partition that never had one
	Paused bool
}

// Fetch is what one Poll brought of one partition.
type Fetch struct {
	fencepost.TopicPartition
	TopicID          fencepost.TopicID // the incarnation that the fetch itself came from; zero: the broker has none
	Records          Records           // nil where Err is set
	LastStableOffset fencepost.Offset  // last stable offset, as of the fetch
	HighWatermark    fencepost.Offset  // high watermark, as of the fetch
	Err              error             // why the partition was paused: *PartitionError
}

// PartitionError is a fetch that failed for one partition: out of range, no such topic ID, not authorised.
type PartitionError struct {
	fencepost.TopicPartition
	Code string // the broker's own name for it: OFFSET_OUT_OF_RANGE
	Err  error
}

// Error names the partition and the broker's error.
func (e *PartitionError) Error() string { return e.TopicPartition.String() + ": " + e.Err.Error() }

// Unwrap is the client's own error.
func (e *PartitionError) Unwrap() error { return e.Err }

// Records is what one fetch brought of one partition, in offset order, control entries included. Ranges of entries
// that do not overlap may be read and recycled by different goroutines.
type Records interface {
	// Len is how many entries there are, data and control.
	Len() int
	// Read fills r with entry i, all but its TopicPartition, which stays as it is. The slices belong to the source and
	// are valid until entry i is recycled.
	Read(i int, r *fencepost.Record)
	// Recycle gives entries [lo, hi) back to the source, once each; they are not read again.
	Recycle(lo, hi int)
	// Size is what the entries take in memory, decompressed, in bytes.
	Size() int
}
