package engine

import "github.com/fencepost/fencepost/engine/internal/batching"

// spread is how many records a lane claims for a batch where each makes several rows; the zero value knows of no limit.
//
//	any --full with n records--> n/2 --not full--> half as much again --> ... --> any
//
// What does not fit goes back into its queue, so that a claim which is too large costs little. But partitions are decoded in order,
// and the last ones would never have a turn: claims have to fit as a whole.
type spread struct{ most int }

// saw notes a batch that was decoded: of how many records, and whether more were claimed than its rows may be of. bound is the most
// records that batches may have.
func (s *spread) saw(records int, full bool, bound int) {
	switch {
	case full:
		s.most = max(1, records/2)
	case s.most > 0 && s.most < bound:
		s.most += (s.most + 1) / 2
	default:
		s.most = 0
	}
}

// limit bounds what is claimed for a batch.
func (s spread) limit(l batching.Limits) batching.Limits {
	if s.most > 0 && s.most < l.Records {
		l.Records, l.MinRows = s.most, min(l.MinRows, s.most)
	}
	return l
}

// overfull reports whether a batch that has rows already would have too many with n more, whose decoded columns it has. Rows of one
// record are never parted: they may be more than a batch is to have, and are a batch of their own then.
func (w *work) overfull(n int) bool {
	before := len(w.batch.Offsets)
	return before > 0 && (before+n > w.most.Records || int64(w.batch.Size()) > w.most.Bytes)
}
