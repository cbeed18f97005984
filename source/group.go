package source

import (
	"context"

	"github.com/fencepost/fencepost"
)

// GroupLister is an optional ability of a Cluster: it lists the groups of the cluster.
type GroupLister interface {
	// Groups lists them in the order of their names. Those that this user may not DESCRIBE are not in the answer.
	//
	// Errors: a list without the groups of one broker would look whole, so that its error is returned.
	Groups(context.Context) ([]Group, error)
}

// Group is one group of a cluster.
type Group struct {
	Name       fencepost.Group
	Kind       string // as brokers name it: classic, consumer (KIP-848), share (KIP-932), streams
	State      string // as brokers name it: Stable, Empty, ...
	Members    int    // or Unknown
	Topics     int    // of which offsets are committed; of a share group, which have a start offset
	Partitions int    // of those topics
}

// Unknown is a number that the brokers did not say.
const Unknown = -1
