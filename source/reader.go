package source

import (
	"context"

	"github.com/fencepost/fencepost"
)

// Reader is an optional ability of a Source: it reads records beside the group, for a program that looks at a log and
// consumes nothing of it (a dashboard, an audit).
type Reader interface {
	// Scan reads the data records of each partition's range, in offset order within a partition, under the source's
	// isolation, and ends where the log ends now. each returns false where it wants no more of the record's partition;
	// the Record is valid during the call only. nil: every range was read to its end.
	Scan(ctx context.Context, ranges map[fencepost.TopicPartition]fencepost.OffsetRange, each func(*fencepost.Record) bool) error
}
