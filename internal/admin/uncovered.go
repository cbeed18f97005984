package admin

import (
	"cmp"
	"slices"

	"github.com/fencepost/fencepost"
)

// uncovered counts the offsets below the positions that no commit covers. REQUIRES: compare saw the commits that are not kept.
//
//	log      400 . . . . . . . . 1,000          what was deleted before the start was never there to be read
//	moves          600>  [600 .. 700) 710>  [710 .. 1,000)          a start at 600, a skip of 10
//	counted  [400 .. 600)      [700 .. 710)
func (c *chain) uncovered(v View) (n int64) {
	for _, s := range v.Standings {
		end, ok := c.stands[s.TopicPartition]
		if !ok || end.Absent() {
			continue
		}
		from := c.started[s.TopicPartition]
		if s.Bounds.Err == nil && s.Bounds.TopicID == end.TopicID {
			from = min(from, s.Bounds.Earliest)
		}
		n += holes(c.covered[s.TopicPartition], end.TopicID, from, end.Offset)
	}
	return n
}

// holes counts the offsets of [from .. until) that no range of the topic covers.
func holes(ranges []covered, id fencepost.TopicID, from, until fencepost.Offset) (n int64) {
	ranges = slices.SortedFunc(slices.Values(ranges), func(a, b covered) int { return cmp.Compare(a.From, b.From) })
	for _, r := range ranges {
		if r.id != id || r.Until <= from {
			continue
		}
		n += max(0, int64(min(r.From, until)-from))
		from = max(from, r.Until)
	}
	return n + max(0, int64(until-from))
}
