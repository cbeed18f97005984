package source

import "context"

// Membership is an optional ability of a Source whose group can be told that a member is gone, before its session ends.
type Membership interface {
	// Membership returns this worker's member of the group, and a channel that is closed once that has changed, or partitions
	// were assigned. Without an ID the worker has not joined yet.
	Membership() (Member, <-chan struct{})
	// Peers returns all members that the coordinator has, this worker's among them, and those that are dead until their sessions end.
	Peers(context.Context) ([]Member, error)
	// Evict tells the coordinator that these members have left. One that is gone already is no error.
	Evict(context.Context, ...Member) error
	// EvictsFirst reports whether members that are gone are evicted before this worker joins, and not behind it.
	EvictsFirst() bool
	// Rejoin asks for this worker's share at once, and not at its next heartbeat, until the group has assigned partitions anew or ctx ends.
	Rejoin(context.Context)
}

// Member is one member of a Kafka group.
type Member struct {
	ID       string
	Instance string // of a static member; else empty
}
