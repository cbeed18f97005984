package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/fencepost/fencepost"
)

// Verdict is what Reconcile finds about a stored Position.
type Verdict uint8

// The verdicts. The zero Verdict is unset.
const (
	VerdictUnset  Verdict = iota
	Unknown               // the brokers did not answer
	Missing               // two fresh answers know no such topic
	OtherCluster          // the ledger's offsets belong to another cluster
	OK                    // in range, same topic, same history
	Recreated             // another topic of this name now
	AgedOut               // records below Earliest were deleted unread
	StaleMetadata         // the first answer contradicted the ledger, the second did not
	Truncated             // applied entries are no longer in the log
	LostRow               // the topic's state counts the partition, the ledger has no row
	Added                 // a partition that was added to a known topic
	New                   // a topic that the group has never seen
	WeakerCheck           // in range, but one side has no topic ID: a recreated topic would not show
	MirrorAhead           // in range, but the Kafka group holds a larger offset than the ledger
	OldPrimary            // the ledger is an old primary's: the group went on where a replica was promoted
)

var verdicts = [...]string{"unset", "unknown", "missing", "other cluster", "ok", "recreated", "aged out",
	"stale metadata", "truncated", "lost row", "added", "new", "weaker check", "mirror ahead",
	"old primary"}

// String is the verdict as people read it.
func (v Verdict) String() string { return verdicts[v] }

// Code is the verdict as an error code: why a partition is parked. A start that lies outside of the log has one too, and no
// verdict of its own.
func (v Verdict) Code() string {
	switch v {
	case Missing:
		return "topic-missing"
	case OtherCluster:
		return "other-cluster"
	case OldPrimary:
		return "old-primary"
	case Recreated:
		return "recreated"
	case AgedOut:
		return "aged-out"
	case Truncated:
		return "truncated"
	case LostRow:
		return "lost-row"
	case VerdictUnset, OK, Unknown, StaleMetadata, WeakerCheck, MirrorAhead, Added, New:
	}
	return "start-out-of-range"
}

// Action is what follows from a Decision.
type Action uint8

// The actions. The zero Action waits.
const (
	Wait     Action = iota // ask again after a while; nothing is wrong with the position
	AskAgain               // contradiction: fetch the bounds once more and reconcile both answers
	Resume                 // go on from the stored position
	Stop                   // park: a person or the policy has to decide
	MoveOn                 // record Decision.Move, then go on from it
)

// Stored is what the ledger, its topics and the mirror say of one partition.
type Stored struct {
	fencepost.TopicPartition
	Position  Position         // zero: no row
	Topic     TopicState       // of the topic; zero Partitions: the topic is not in the topics
	ClusterID string           // that the ledger belongs to; empty: it has none yet
	ByPattern bool             // the topic was found by a pattern while running: it starts at earliest
	Mirror    fencepost.Offset // the Kafka group's committed offset; negative: none
	// MirrorFence and MirrorPlace are those of the position that the mirror was made of; zero: not known.
	MirrorFence Fence
	MirrorPlace fencepost.Place
	// Place is where the ledger is, and Left the place to which the group has gone since, unless a move said to go on here. Zero: none.
	Place, Left fencepost.Place
}

// Answer is the brokers' answer about one partition, with the cluster that they belong to.
type Answer struct {
	fencepost.LogOffsets
	ClusterID string
}

// Decision is what Reconcile decided about one partition.
type Decision struct {
	Verdict Verdict
	Action  Action
	// For MoveOn: where to, why, and the most records passed unapplied. Next has no Fence yet.
	Next   Position
	Cause  Cause
	AtMost int64
	// Lost is the most records that are gone unapplied, whatever is done about it; UnknownLoss if they cannot be counted.
	Lost int64
	// WentBack: the ledger has held a larger offset under the same Fence, no move took it back, and no promotion is known that would
	// explain it. The store was restored or failed over; or this is a copy of it, and the group goes on in another one.
	WentBack bool
	// Diverged is, for Truncated, where the histories part; negative if the broker does not know.
	Diverged fencepost.Offset
	Reason   string // for people, one clause without a full stop
}

// Adopts reports whether the Decision's move only takes the brokers' topic ID over: the position is good as it is.
func (d Decision) Adopts() bool { return d.Action == MoveOn && d.Verdict.agrees() }

// Move is the Move that a Decision with action MoveOn means, under a fresh fence.
func (d Decision) Move(s Stored, f Fence) Move {
	next, why := d.Next, d.Reason
	next.Fence = f
	if d.Adopts() {
		why = strings.TrimSuffix("the brokers' topic ID is taken over; "+why, "; ")
	}
	return Move{TopicPartition: s.TopicPartition, Held: s.Position, Next: next, Cause: d.Cause, AtMost: d.AtMost, Why: why}
}

// Reconcile decides what the stored position of one partition is worth. It is pure: same input, same Decision.
//
// answers is the brokers' answers, oldest first: one, and a second one if the Decision about the first was AskAgain
// (law 5: ask twice before crying loss). A loss counts only if both answers agree on it; two that differ
// are no answer yet: wait. The decision table is in testdata/reconcile, one file a verdict.
//
//	group went on elsewhere --> old primary: park
//	no answer ----------------> unknown: wait
//	topic unknown ------------> (ask again) missing: park
//	no row -------------------> lost row | added | new
//	other topic ID -----------> (ask again) recreated: than the position's, or than the topic's state's if it has none
//	stored < Earliest --------> (ask again) aged out
//	stored > high ------------> (ask again) stale metadata | truncated
//	epoch ended below stored -> (ask again) truncated
//	else ---------------------> ok | weaker check | mirror ahead: resume, or take the brokers' topic ID over
//
// REQUIRES: len(answers) is 1 or 2.
func Reconcile(s Stored, answers []Answer, p Policy) Decision {
	d := judge(s, answers[len(answers)-1], p)
	if len(answers) == 1 {
		if d.Verdict.lossy() {
			return Decision{Verdict: d.Verdict, Action: AskAgain, Lost: d.Lost, Diverged: d.Diverged, Reason: d.Reason}
		}
		return d
	}
	before := judge(s, answers[0], p).Verdict
	switch {
	case d.Verdict.lossy() && d.Verdict != before:
		return Decision{Verdict: Unknown, Action: Wait, Diverged: -1,
			Reason: fmt.Sprintf("two answers that do not agree: %s, then %s", before, d.Verdict)}
	case d.Verdict.agrees() && before.lossy():
		return Decision{Verdict: StaleMetadata, Action: Resume, Diverged: -1,
			Reason: "a first answer contradicted the ledger, a second one agrees"}
	}
	return d
}

// lossy reports whether a verdict says that a broker's answer contradicts the ledger: nothing follows from one alone.
func (v Verdict) lossy() bool {
	return v == Missing || v == Recreated || v == AgedOut || v == Truncated
}

// agrees reports whether a verdict says that a broker's answer and the stored position do not contradict each other.
func (v Verdict) agrees() bool { return v == OK || v == WeakerCheck || v == MirrorAhead }

// judge is the Decision about one answer, taken at its word.
func judge(s Stored, a Answer, p Policy) Decision {
	switch {
	case s.Left != (fencepost.Place{}):
		return Decision{Verdict: OldPrimary, Action: Stop, Diverged: -1,
			Reason: fmt.Sprintf("this server is on timeline %d, and the group went on at timeline %d, where a replica was promoted", s.Place.Timeline, s.Left.Timeline)}
	case errors.Is(a.Err, fencepost.ErrNoTopic):
		return Decision{Verdict: Missing, Action: Stop, Lost: UnknownLoss, Diverged: -1,
			Reason: a.Err.Error() + " (asked twice)"}
	case a.Err != nil:
		return Decision{Verdict: Unknown, Action: Wait, Diverged: -1, Reason: a.Err.Error()}
	case s.ClusterID != "" && a.ClusterID != "" && s.ClusterID != a.ClusterID:
		return Decision{Verdict: OtherCluster, Action: Stop, Diverged: -1,
			Reason: fmt.Sprintf("the ledger belongs to cluster %s, these brokers are cluster %s", s.ClusterID, a.ClusterID)}
	case s.Position.Absent():
		return absent(s, a.LogOffsets, p)
	}
	if d := contradiction(s, a, p); d.Verdict != VerdictUnset {
		return d
	}
	return agreement(s, a)
}

// topicID is the incarnation that the stored position is about: its own, or the topic's state's if it has none.
func (s Stored) topicID() fencepost.TopicID { return cmp.Or(s.Position.TopicID, s.Topic.TopicID) }

// agreement is the verdict about a position that nothing contradicts.
func agreement(s Stored, a Answer) Decision {
	d := Decision{Verdict: OK, Action: Resume, Diverged: -1}
	switch {
	case s.topicID() == (fencepost.TopicID{}) || a.TopicID == (fencepost.TopicID{}):
		d.Verdict, d.Reason = WeakerCheck, "no topic ID to compare: a recreated topic would not show"
	case s.Mirror > s.Position.Offset:
		d.Verdict = MirrorAhead
		d.Reason = fmt.Sprintf("the Kafka group holds %d, the ledger %d: the ledger decides", s.Mirror, s.Position.Offset)
		d.WentBack = s.MirrorFence == s.Position.Fence && !s.MirrorPlace.Before(s.Place)
	}
	if s.adopts(a.TopicID) {
		d.Action, d.Cause, d.Next = MoveOn, CauseImport, s.Position
		d.Next.TopicID, d.Next.Fence = a.TopicID, 0
	}
	return d
}

// adopts reports whether the group takes a topic ID of the brokers over: its position or its topics was written while
// they had none. A row that the topic's state does not count is left alone, since an import would count what is below it.
func (s Stored) adopts(id fencepost.TopicID) bool {
	none := fencepost.TopicID{}
	return id != none && s.Partition < s.Topic.Partitions && (s.Position.TopicID == none || s.Topic.TopicID == none)
}

// contradiction compares a stored position with the log. An unset Verdict: they agree.
func contradiction(s Stored, a Answer, p Policy) Decision {
	at, b := s.Position.Offset, a.LogOffsets
	switch {
	case s.topicID() != (fencepost.TopicID{}) && b.TopicID != (fencepost.TopicID{}) && s.topicID() != b.TopicID:
		return recreated(b, p.Recreated)
	case at < b.Earliest:
		return agedOut(s.Position, b, p.AgedOut)
	case s.Position.LeaderEpoch != fencepost.NoEpoch && b.EpochEnd >= 0 && b.EpochEnd < at:
		return truncated(s.Position, b, p.Truncated,
			fmt.Sprintf("%d is past the divergence at %d (epoch %d)", at, b.EpochEnd, s.Position.LeaderEpoch))
	case at > b.HighWatermark:
		return truncated(s.Position, b, p.Truncated, fmt.Sprintf("%d is past the end at %d", at, b.HighWatermark))
	}
	return Decision{}
}

func recreated(b fencepost.LogOffsets, c Choice) Decision {
	d := Decision{Verdict: Recreated, Lost: UnknownLoss, AtMost: UnknownLoss, Diverged: -1, Cause: CauseStart,
		Reason: "another topic of this name now (topic ID " + b.TopicID.String() + ")"}
	return d.choose(c, b)
}

// agedOut is the verdict about a position below the log. Entries from where the histories part on are unread too, if
// the broker knows that they part below the position.
func agedOut(p Position, b fencepost.LogOffsets, c Choice) Decision {
	from := p.Offset
	if div := divergence(p, b); div >= 0 {
		from = min(from, div)
	}
	lost := int64(b.Earliest - from)
	d := Decision{Verdict: AgedOut, Lost: lost, AtMost: lost, Diverged: -1, Cause: CauseGap,
		Reason: fmt.Sprintf("at most %d records were deleted unread: %s", lost, fencepost.OffsetRange{From: from, Until: b.Earliest})}
	d = d.choose(c, b)
	if c == Latest {
		d.AtMost = int64(b.HighWatermark - from)
	}
	return d
}

// divergence is where the log parts from what was applied: the end of the stored epoch. -1: the broker does not know,
// or it was not asked, or they do not part.
func divergence(p Position, b fencepost.LogOffsets) fencepost.Offset {
	if p.LeaderEpoch == fencepost.NoEpoch || b.EpochEnd < 0 || b.EpochEnd > p.Offset {
		return -1
	}
	return b.EpochEnd
}

// truncated is the verdict about a position whose entries are no longer in the log. Whatever lies between the
// divergence and where the group goes on is unread: how much is unknown, if the divergence is not known.
//
//	applied   [0 ........ d ........ stored)
//	the log   [0 ........ d ..... other records ... HighWatermark)
func truncated(p Position, b fencepost.LogOffsets, c Choice, reason string) Decision {
	d := Decision{Verdict: Truncated, Diverged: -1, Cause: CauseRewind, Reason: reason}
	d.Diverged = divergence(p, b)
	unread := func(next fencepost.Offset) int64 {
		switch {
		case next == 0:
			return 0
		case d.Diverged < 0:
			return UnknownLoss
		}
		return max(0, int64(next-d.Diverged))
	}
	d.Lost = unread(b.Earliest)
	d = d.choose(c, b)
	if d.Action != MoveOn {
		return d
	}
	if c == Divergence {
		d.Next.Offset = min(b.HighWatermark, p.Offset)
		if d.Diverged >= 0 {
			d.Next.Offset = min(max(d.Diverged, b.Earliest), b.HighWatermark)
		}
	}
	d.AtMost = unread(d.Next.Offset)
	if d.Next.Offset > p.Offset {
		d.Cause = CauseGap
	}
	return d
}

// absent is the verdict about a partition without a row.
func absent(s Stored, b fencepost.LogOffsets, p Policy) Decision {
	switch {
	case s.Topic.Partitions == 0:
		return started(s, b, p.Start)
	case s.Topic.TopicID != (fencepost.TopicID{}) && b.TopicID != (fencepost.TopicID{}) && s.Topic.TopicID != b.TopicID:
		return recreated(b, p.Recreated)
	case s.Partition < s.Topic.Partitions:
		d := Decision{Verdict: LostRow, Lost: UnknownLoss, AtMost: UnknownLoss, Diverged: -1, Cause: CauseStart,
			Reason: fmt.Sprintf("the group has run %d partitions of this topic, and the row of this one is gone", s.Topic.Partitions)}
		return d.choose(p.LostRow, b)
	}
	d := Decision{Verdict: Added, AtMost: int64(b.Earliest), Lost: int64(b.Earliest), Diverged: -1, Cause: CauseStart,
		Reason: "a partition added to the topic starts at earliest"}
	return d.choose(Earliest, b)
}

// started is where a topic new to the group begins.
func started(s Stored, b fencepost.LogOffsets, at StartAt) Decision {
	d := Decision{Verdict: New, Cause: CauseStart, Diverged: -1, Reason: at.String()}
	if s.ByPattern {
		at = StartAt{}
		d.Reason = "earliest: found by pattern while running"
	}
	d = d.choose(Earliest, b)
	switch at.Kind {
	case StartEarliest:
	case StartLatest:
		d.Next.Offset = b.HighWatermark
	case StartTime:
		if b.AtTime < 0 {
			return Decision{Verdict: New, Action: Wait, Diverged: -1, Reason: "the broker did not say which offset is at " + at.String()}
		}
		d.Next.Offset = b.AtTime
	case StartOffsets:
		o, ok := at.Offsets[s.TopicPartition]
		if !ok {
			break
		}
		if o < b.Earliest || o > b.HighWatermark {
			return Decision{Verdict: New, Action: Stop, Diverged: -1,
				Reason: fmt.Sprintf("start asks for %d, which lies outside the log %s", o, fencepost.OffsetRange{From: b.Earliest, Until: b.HighWatermark})}
		}
		d.Next.Offset = o
	}
	return d
}

// choose carries a Choice into a Decision: park, or a move to one of the bounds.
func (d Decision) choose(c Choice, b fencepost.LogOffsets) Decision {
	d.Action = MoveOn
	d.Next = Position{LeaderEpoch: fencepost.NoEpoch, TopicID: b.TopicID}
	switch c {
	case Earliest:
		d.Next.Offset = b.Earliest
	case Latest:
		d.Next.Offset = b.HighWatermark
	case Divergence:
		d.Next.Offset = b.Earliest
	case Park:
		return Decision{Verdict: d.Verdict, Action: Stop, Lost: d.Lost, Diverged: d.Diverged, Reason: d.Reason}
	}
	return d
}
