package ledger

import (
	"strings"

	"github.com/fencepost/fencepost"
)

// WentOnAt is the place to which a group has gone since its ledger was here: the newest that the Kafka group's offsets name,
// if this one is before it. Zero: the group is here, or it is not known.
//
// The offsets name a promoted replica as soon as a worker has committed there. Its old primary may come back, read-write, and
// with positions on which a compare-and-set would hold; which of the two has the larger offsets means nothing.
func WentOnAt(here fencepost.Place, mirrored map[fencepost.TopicPartition]fencepost.CommittedOffset) (at fencepost.Place) {
	for _, m := range mirrored {
		if here.Before(m.Place) && (at == (fencepost.Place{}) || at.Before(m.Place)) {
			at = m.Place
		}
	}
	return at
}

// Despite is why a person goes on at a place that the group has left: the reason of the move that says so. The move names the
// place that it leaves aside, so that no move of before the group went there can mean it.
func Despite(left fencepost.Place, why string) string {
	text := "despite " + left.String()
	if why != "" {
		text += ": " + why
	}
	return text
}

// Despite reports whether the end of a partition's history, which led to its position, says to go on here though the group is
// at left.
func (l LastMoves) Despite(left fencepost.Place, position Position) bool {
	says := func(r *Recorded) bool {
		text, _, _ := strings.Cut(r.Why, ": ")
		return r.Next.Fence == position.Fence && position.Fence != 0 && text == Despite(left, "")
	}
	return says(&l.Last) || l.Moved != nil && says(l.Moved)
}

// forgotten is why a position is moved in place that its group has no use for any more.
const forgotten = "forgotten"

// Forgetting is the reason of a move that leaves a position behind: it stays where it is, and no longer counts.
func Forgetting(why string) string {
	if why == "" {
		return forgotten
	}
	return forgotten + ": " + why
}

// Forgotten reports whether the end of a partition's history leaves it behind at its position. A commit behind that takes
// it up again.
func (l LastMoves) Forgotten(position Position) bool {
	says := func(r *Recorded) bool {
		text, _, _ := strings.Cut(r.Why, ": ")
		return text == forgotten && r.Cause == CauseRewind && position.Holds(r.Next)
	}
	return says(&l.Last) || l.Moved != nil && says(l.Moved)
}
