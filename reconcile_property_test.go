package fencepost_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"pgregory.net/rapid"
)

// finding is what the twin says of a Decision: all but the words for people.
type finding struct {
	verdict   fencepost.Verdict
	action    fencepost.Action
	to        fencepost.Offset
	id        fencepost.TopicID
	cause     fencepost.Cause
	atMost    int64
	lost      int64
	partsAt   fencepost.Offset
	lossProof bool // one answer alone proves nothing
	agrees    bool // nothing contradicts the position
}

// findingOf reads a Decision.
func findingOf(d fencepost.Decision) finding {
	return finding{verdict: d.Verdict, action: d.Action, to: d.Next.Offset, id: d.Next.TopicID, cause: d.Cause, atMost: d.AtMost, lost: d.Lost, partsAt: d.Diverged}
}

// slow is Reconcile once more, as the rules of design.md's table read one after the other, over sets of offsets instead
// of arithmetic where it can. It shares nothing with Reconcile.
func slow(s fencepost.Stored, answers []fencepost.Answer, p fencepost.Policy) finding {
	last := slowOne(s, answers[len(answers)-1], p)
	if len(answers) == 1 && last.lossProof {
		return finding{verdict: last.verdict, action: fencepost.AskAgain, lost: last.lost, partsAt: last.partsAt}
	}
	if len(answers) == 2 {
		first := slowOne(s, answers[0], p)
		if last.lossProof && first.verdict != last.verdict {
			return finding{verdict: fencepost.Unknown, action: fencepost.Wait, partsAt: -1}
		}
		if first.lossProof && last.agrees {
			return finding{verdict: fencepost.StaleMetadata, action: fencepost.Resume, partsAt: -1}
		}
	}
	last.lossProof, last.agrees = false, false
	return last
}

func slowOne(s fencepost.Stored, a fencepost.Answer, p fencepost.Policy) finding {
	none := fencepost.TopicID{}
	if a.Err == fencepost.ErrNoTopic {
		return finding{verdict: fencepost.Missing, action: fencepost.Stop, lost: -1, partsAt: -1, lossProof: true}
	}
	if a.Err != nil {
		return finding{verdict: fencepost.Unknown, action: fencepost.Wait, partsAt: -1}
	}
	if s.ClusterID != a.ClusterID && s.ClusterID != "" && a.ClusterID != "" {
		return finding{verdict: fencepost.OtherCluster, action: fencepost.Stop, partsAt: -1}
	}
	if s.Position == (fencepost.Position{}) {
		return slowAbsent(s, a, p)
	}
	at := s.Position.Offset
	knowsEpoch := s.Position.LeaderEpoch != -1 && a.EpochEnd >= 0
	stored := s.Position.TopicID
	if stored == none {
		stored = s.Roster.TopicID
	}
	if stored != none && a.TopicID != none && stored != a.TopicID {
		return slowRecreated(a, p.Recreated)
	}
	if at < a.Earliest {
		from := at
		if knowsEpoch && a.EpochEnd < at {
			from = a.EpochEnd
		}
		gone := int64(0)
		for o := from; o < a.Earliest; o++ {
			gone++
		}
		f := finding{verdict: fencepost.AgedOut, lost: gone, partsAt: -1, lossProof: true, action: fencepost.Stop}
		if p.AgedOut != fencepost.Park {
			f.action, f.to, f.id, f.cause, f.atMost = fencepost.MoveOn, a.Earliest, a.TopicID, fencepost.CauseGap, gone
		}
		if p.AgedOut == fencepost.Latest {
			f.to, f.atMost = a.End, int64(a.End-from)
		}
		return f
	}
	if at > a.End || knowsEpoch && a.EpochEnd < at {
		return slowTruncated(at, a, p.Truncated, knowsEpoch && a.EpochEnd <= at)
	}
	f := finding{verdict: fencepost.OK, action: fencepost.Resume, partsAt: -1, agrees: true}
	if s.Mirror > at {
		f.verdict = fencepost.MirrorAhead
	}
	if stored == none || a.TopicID == none {
		f.verdict = fencepost.WeakerCheck
	}
	for counted := range s.Roster.Partitions {
		if counted == s.Partition && a.TopicID != none && (s.Position.TopicID == none || s.Roster.TopicID == none) {
			f.action, f.to, f.id, f.cause = fencepost.MoveOn, at, a.TopicID, fencepost.CauseImport
		}
	}
	return f
}

func slowRecreated(a fencepost.Answer, c fencepost.Choice) finding {
	f := finding{verdict: fencepost.Recreated, action: fencepost.Stop, lost: -1, partsAt: -1, lossProof: true}
	if c != fencepost.Park {
		f.action, f.id, f.cause, f.atMost, f.to = fencepost.MoveOn, a.TopicID, fencepost.CauseStart, -1, a.Earliest
	}
	if c == fencepost.Latest {
		f.to = a.End
	}
	return f
}

// slowTruncated counts the unread offsets of the new history one by one.
func slowTruncated(at fencepost.Offset, a fencepost.Answer, c fencepost.Choice, known bool) finding {
	unread := func(next fencepost.Offset) int64 {
		if !known && next > 0 {
			return -1
		}
		n := int64(0)
		for o := fencepost.Offset(0); o < next; o++ {
			if o >= a.EpochEnd && known {
				n++
			}
		}
		return n
	}
	f := finding{verdict: fencepost.Truncated, action: fencepost.Stop, lost: unread(a.Earliest), partsAt: -1, lossProof: true}
	if known {
		f.partsAt = a.EpochEnd
	}
	if c == fencepost.Park {
		return f
	}
	f.action, f.id = fencepost.MoveOn, a.TopicID
	switch {
	case c == fencepost.Earliest:
		f.to = a.Earliest
	case c == fencepost.Latest:
		f.to = a.End
	case !known:
		f.to = a.End
		if at < a.End {
			f.to = at
		}
	default:
		f.to = a.Earliest
		for o := a.Earliest; o <= a.End && o <= a.EpochEnd; o++ {
			f.to = o
		}
	}
	f.cause, f.atMost = fencepost.CauseRewind, unread(f.to)
	if f.to > at {
		f.cause = fencepost.CauseGap
	}
	return f
}

func slowAbsent(s fencepost.Stored, a fencepost.Answer, p fencepost.Policy) finding {
	none := fencepost.TopicID{}
	start := finding{action: fencepost.MoveOn, to: a.Earliest, id: a.TopicID, cause: fencepost.CauseStart, partsAt: -1}
	if s.Roster.Partitions != 0 {
		if s.Roster.TopicID != none && a.TopicID != none && s.Roster.TopicID != a.TopicID {
			return slowRecreated(a, p.Recreated)
		}
		if s.Partition >= s.Roster.Partitions {
			start.verdict, start.atMost, start.lost = fencepost.Added, int64(a.Earliest), int64(a.Earliest)
			return start
		}
		if p.LostRow == fencepost.Park {
			return finding{verdict: fencepost.LostRow, action: fencepost.Stop, lost: -1, partsAt: -1}
		}
		start.verdict, start.atMost, start.lost = fencepost.LostRow, -1, -1
		if p.LostRow == fencepost.Latest {
			start.to = a.End
		}
		return start
	}
	start.verdict = fencepost.New
	if s.ByPattern {
		return start
	}
	given, listed := p.Start.Offsets[s.TopicPartition]
	switch {
	case p.Start.Kind == fencepost.StartLatest:
		start.to = a.End
	case p.Start.Kind == fencepost.StartTime && a.AtTime < 0:
		return finding{verdict: fencepost.New, action: fencepost.Wait, partsAt: -1}
	case p.Start.Kind == fencepost.StartTime:
		start.to = a.AtTime
	case p.Start.Kind == fencepost.StartOffsets && listed && (given < a.Earliest || given > a.End):
		return finding{verdict: fencepost.New, action: fencepost.Stop, partsAt: -1}
	case p.Start.Kind == fencepost.StartOffsets && listed:
		start.to = given
	}
	return start
}

// drawQuestion draws a stored position, one or two answers and a policy, of a world so small that everything meets. An
// epoch may end past the log, which no honest broker says.
func drawQuestion(t *rapid.T) (fencepost.Stored, []fencepost.Answer, fencepost.Policy) {
	number := rapid.Custom(func(t *rapid.T) fencepost.Offset { return fencepost.Offset(rapid.IntRange(0, 9).Draw(t, "n")) })
	id := rapid.Custom(func(t *rapid.T) fencepost.TopicID {
		return fencepost.TopicID{15: byte(rapid.IntRange(0, 2).Draw(t, "id"))}
	})
	name := rapid.SampledFrom([]string{"", "X", "X", "Y"})
	pick := func(of string) fencepost.Choice {
		return fencepost.Choice(rapid.IntRange(0, int(fencepost.Divergence)).Draw(t, of))
	}
	tp := fencepost.TopicPartition{Topic: "flights", Partition: int32(rapid.IntRange(0, 3).Draw(t, "partition"))}
	s := fencepost.Stored{TopicPartition: tp, ClusterID: name.Draw(t, "ledger's cluster"), ByPattern: rapid.Bool().Draw(t, "by pattern"),
		Mirror: number.Draw(t, "mirror") - 1}
	if rapid.IntRange(0, 3).Draw(t, "has a row") > 0 {
		s.Position = fencepost.Position{Offset: number.Draw(t, "stored"), LeaderEpoch: fencepost.LeaderEpoch(rapid.IntRange(-1, 2).Draw(t, "epoch")),
			Fence: 1, TopicID: id.Draw(t, "stored ID")}
	}
	if rapid.Bool().Draw(t, "in the roster") {
		s.Roster = fencepost.RosterEntry{TopicID: id.Draw(t, "roster ID"), Partitions: int32(rapid.IntRange(1, 4).Draw(t, "count"))}
	}
	var answers []fencepost.Answer
	for i := range rapid.IntRange(1, 2).Draw(t, "answers") {
		low := number.Draw(t, fmt.Sprint("earliest ", i))
		a := fencepost.Answer{ClusterID: name.Draw(t, "cluster"), Bounds: fencepost.Bounds{TopicID: id.Draw(t, "ID"), Earliest: low,
			End: low + number.Draw(t, "length"), EpochEnd: -1, AtTime: number.Draw(t, "at time") - 1}}
		if rapid.Bool().Draw(t, "knows the epoch") {
			a.EpochEnd = fencepost.Offset(rapid.IntRange(0, int(a.End)+5).Draw(t, "epoch end"))
		}
		switch rapid.IntRange(0, 9).Draw(t, "answers at all") {
		case 0:
			a.Err = fencepost.ErrNoAnswer
		case 1:
			a.Err = fencepost.ErrNoTopic
		}
		answers = append(answers, a)
	}
	p := fencepost.Policy{AgedOut: pick("aged out"), Recreated: pick("recreated"), Truncated: pick("truncated"), LostRow: pick("lost row")}
	p.Start.Kind = fencepost.StartKind(rapid.IntRange(0, int(fencepost.StartOffsets)).Draw(t, "start"))
	p.Start.Time = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	p.Start.Offsets = map[fencepost.TopicPartition]fencepost.Offset{{Topic: "flights", Partition: int32(rapid.IntRange(0, 3).Draw(t, "listed"))}: number.Draw(t, "given")}
	return s, answers, p
}

// Reconcile agrees with its slow twin.
func TestReconcileAgreesWithTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, answers, p := drawQuestion(t)
		if got, want := findingOf(fencepost.Reconcile(s, answers, p)), slow(s, answers, p); got != want {
			t.Fatalf("stored %+v\nanswers %+v\npolicy %+v\n got %+v\nwant %+v", s, answers, p, got, want)
		}
	})
}

// What holds of every Decision, whatever the rules are.
func TestReconcileInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, answers, p := drawQuestion(t)
		d := fencepost.Reconcile(s, answers, p)
		a := answers[len(answers)-1]
		fail := func(law string) {
			t.Fatalf("%s\nstored %+v\nanswers %+v\npolicy %+v\ndecision %+v", law, s, answers, p, d)
		}
		loss := d.Verdict == fencepost.Missing || d.Verdict == fencepost.Recreated || d.Verdict == fencepost.AgedOut || d.Verdict == fencepost.Truncated
		if d.Verdict == fencepost.VerdictUnset {
			fail("a decision has a verdict")
		}
		if loss && len(answers) == 1 && d.Action != fencepost.AskAgain {
			fail("no loss follows from a first answer")
		}
		if d.Action == fencepost.AskAgain && len(answers) == 2 {
			fail("a second answer decides")
		}
		if a.Err != nil && d.Action != fencepost.Wait && d.Verdict != fencepost.Missing {
			fail("no answer is never an answer")
		}
		if d.Action == fencepost.Resume && (s.Position.Absent() || s.Position.Offset < a.Earliest || s.Position.Offset > a.End || a.Err != nil) {
			fail("resume only at a stored offset inside the log")
		}
		if d.Action != fencepost.MoveOn {
			if d.Next != (fencepost.Position{}) || d.Cause != fencepost.CauseUnset || d.AtMost != 0 {
				fail("only a move has a next position")
			}
			return
		}
		if d.Next.Fence != 0 || d.Next.TopicID != a.TopicID {
			fail("a move takes the answer's topic ID, and its fence from the caller")
		}
		if d.Adopts() != d.Move(s, 2).Adopts() || d.Adopts() && (d.Next.Offset != s.Position.Offset || d.Next.LeaderEpoch != s.Position.LeaderEpoch || d.AtMost != 0 || d.Lost != 0) {
			fail("taking a topic ID over changes neither offset nor epoch, and loses nothing")
		}
		if !d.Adopts() && d.Next.LeaderEpoch != fencepost.NoEpoch {
			fail("a move to another offset takes no epoch along")
		}
		if err := d.Move(s, 2).Validate(); err != nil {
			fail("a move is valid: " + err.Error())
		}
		ahead := d.Next.Offset > s.Position.Offset
		if !s.Position.Absent() && ahead && d.AtMost == 0 {
			fail("nothing goes ahead silently")
		}
		if !s.Position.Absent() && ahead && d.Verdict != fencepost.Recreated && d.AtMost > 0 && d.AtMost < int64(d.Next.Offset-s.Position.Offset) {
			fail("AtMost is an upper bound of what is passed")
		}
		if d.Verdict != fencepost.New && (d.Next.Offset < a.Earliest || d.Next.Offset > a.End) {
			fail("a move goes into the log")
		}
	})
}
