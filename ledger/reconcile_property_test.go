package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"pgregory.net/rapid"
)

// finding is what the twin says of a Decision: all but the words for people.
type finding struct {
	verdict   ledger.Verdict
	action    ledger.Action
	to        fencepost.Offset
	id        fencepost.TopicID
	cause     ledger.Cause
	atMost    int64
	lost      int64
	partsAt   fencepost.Offset
	wentBack  bool
	lossProof bool // one answer alone proves nothing
	agrees    bool // nothing contradicts the position
}

// findingOf reads a Decision.
func findingOf(d ledger.Decision) finding {
	return finding{verdict: d.Verdict, action: d.Action, to: d.Next.Offset, id: d.Next.TopicID, cause: d.Cause, atMost: d.AtMost, lost: d.Lost, partsAt: d.Diverged, wentBack: d.WentBack}
}

// slow is Reconcile once more, as the rules of design.md's table read one after the other, over sets of offsets instead
// of arithmetic where it can. It shares nothing with Reconcile.
func slow(s ledger.Stored, answers []ledger.Answer, p ledger.Policy) finding {
	last := slowOne(s, answers[len(answers)-1], p)
	if len(answers) == 1 && last.lossProof {
		return finding{verdict: last.verdict, action: ledger.AskAgain, lost: last.lost, partsAt: last.partsAt}
	}
	if len(answers) == 2 {
		first := slowOne(s, answers[0], p)
		if last.lossProof && first.verdict != last.verdict {
			return finding{verdict: ledger.Unknown, action: ledger.Wait, partsAt: -1}
		}
		if first.lossProof && last.agrees {
			return finding{verdict: ledger.StaleMetadata, action: ledger.Resume, partsAt: -1}
		}
	}
	last.lossProof, last.agrees = false, false
	return last
}

func slowOne(s ledger.Stored, a ledger.Answer, p ledger.Policy) finding {
	none := fencepost.TopicID{}
	if s.Left.System != "" {
		return finding{verdict: ledger.OldPrimary, action: ledger.Stop, partsAt: -1}
	}
	if a.Err == fencepost.ErrNoTopic {
		return finding{verdict: ledger.Missing, action: ledger.Stop, lost: -1, partsAt: -1, lossProof: true}
	}
	if a.Err != nil {
		return finding{verdict: ledger.Unknown, action: ledger.Wait, partsAt: -1}
	}
	if s.ClusterID != a.ClusterID && s.ClusterID != "" && a.ClusterID != "" {
		return finding{verdict: ledger.OtherCluster, action: ledger.Stop, partsAt: -1}
	}
	if s.Position == (ledger.Position{}) {
		return slowAbsent(s, a, p)
	}
	at := s.Position.Offset
	knowsEpoch := s.Position.LeaderEpoch != -1 && a.EpochEnd >= 0
	stored := s.Position.TopicID
	if stored == none {
		stored = s.Topic.TopicID
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
		f := finding{verdict: ledger.AgedOut, lost: gone, partsAt: -1, lossProof: true, action: ledger.Stop}
		if p.AgedOut != ledger.Park {
			f.action, f.to, f.id, f.cause, f.atMost = ledger.MoveOn, a.Earliest, a.TopicID, ledger.CauseGap, gone
		}
		if p.AgedOut == ledger.Latest {
			f.to, f.atMost = a.HighWatermark, int64(a.HighWatermark-from)
		}
		return f
	}
	if at > a.HighWatermark || knowsEpoch && a.EpochEnd < at {
		return slowTruncated(at, a, p.Truncated, knowsEpoch && a.EpochEnd <= at)
	}
	f := finding{verdict: ledger.OK, action: ledger.Resume, partsAt: -1, agrees: true}
	if s.Mirror > at {
		f.verdict = ledger.MirrorAhead
		promoted := s.MirrorPlace.System == s.Place.System && s.Place.System != "" && s.MirrorPlace.Timeline < s.Place.Timeline
		f.wentBack = s.MirrorFence == s.Position.Fence && !promoted
	}
	if stored == none || a.TopicID == none {
		f.verdict, f.wentBack = ledger.WeakerCheck, false
	}
	for counted := range s.Topic.Partitions {
		if counted == s.Partition && a.TopicID != none && (s.Position.TopicID == none || s.Topic.TopicID == none) {
			f.action, f.to, f.id, f.cause = ledger.MoveOn, at, a.TopicID, ledger.CauseImport
		}
	}
	return f
}

func slowRecreated(a ledger.Answer, c ledger.Choice) finding {
	f := finding{verdict: ledger.Recreated, action: ledger.Stop, lost: -1, partsAt: -1, lossProof: true}
	if c != ledger.Park {
		f.action, f.id, f.cause, f.atMost, f.to = ledger.MoveOn, a.TopicID, ledger.CauseStart, -1, a.Earliest
	}
	if c == ledger.Latest {
		f.to = a.HighWatermark
	}
	return f
}

// slowTruncated counts the unread offsets of the new history one by one.
func slowTruncated(at fencepost.Offset, a ledger.Answer, c ledger.Choice, known bool) finding {
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
	f := finding{verdict: ledger.Truncated, action: ledger.Stop, lost: unread(a.Earliest), partsAt: -1, lossProof: true}
	if known {
		f.partsAt = a.EpochEnd
	}
	if c == ledger.Park {
		return f
	}
	f.action, f.id = ledger.MoveOn, a.TopicID
	switch {
	case c == ledger.Earliest:
		f.to = a.Earliest
	case c == ledger.Latest:
		f.to = a.HighWatermark
	case !known:
		f.to = a.HighWatermark
		if at < a.HighWatermark {
			f.to = at
		}
	default:
		f.to = a.Earliest
		for o := a.Earliest; o <= a.HighWatermark && o <= a.EpochEnd; o++ {
			f.to = o
		}
	}
	f.cause, f.atMost = ledger.CauseRewind, unread(f.to)
	if f.to > at {
		f.cause = ledger.CauseGap
	}
	return f
}

func slowAbsent(s ledger.Stored, a ledger.Answer, p ledger.Policy) finding {
	none := fencepost.TopicID{}
	start := finding{action: ledger.MoveOn, to: a.Earliest, id: a.TopicID, cause: ledger.CauseStart, partsAt: -1}
	if s.Topic.Partitions != 0 {
		if s.Topic.TopicID != none && a.TopicID != none && s.Topic.TopicID != a.TopicID {
			return slowRecreated(a, p.Recreated)
		}
		if s.Partition >= s.Topic.Partitions {
			start.verdict, start.atMost, start.lost = ledger.Added, int64(a.Earliest), int64(a.Earliest)
			return start
		}
		if p.LostRow == ledger.Park {
			return finding{verdict: ledger.LostRow, action: ledger.Stop, lost: -1, partsAt: -1}
		}
		start.verdict, start.atMost, start.lost = ledger.LostRow, -1, -1
		if p.LostRow == ledger.Latest {
			start.to = a.HighWatermark
		}
		return start
	}
	start.verdict = ledger.New
	if s.ByPattern {
		return start
	}
	given, listed := p.Start.Offsets[s.TopicPartition]
	switch {
	case p.Start.Kind == ledger.StartLatest:
		start.to = a.HighWatermark
	case p.Start.Kind == ledger.StartTime && a.AtTime < 0:
		return finding{verdict: ledger.New, action: ledger.Wait, partsAt: -1}
	case p.Start.Kind == ledger.StartTime:
		start.to = a.AtTime
	case p.Start.Kind == ledger.StartOffsets && listed && (given < a.Earliest || given > a.HighWatermark):
		return finding{verdict: ledger.New, action: ledger.Stop, partsAt: -1}
	case p.Start.Kind == ledger.StartOffsets && listed:
		start.to = given
	}
	return start
}

// drawQuestion draws a stored position, one or two answers and a policy, of a world so small that everything meets. An
// epoch may end past the log, which no honest broker says.
func drawQuestion(t *rapid.T) (ledger.Stored, []ledger.Answer, ledger.Policy) {
	number := rapid.Custom(func(t *rapid.T) fencepost.Offset { return fencepost.Offset(rapid.IntRange(0, 9).Draw(t, "n")) })
	id := rapid.Custom(func(t *rapid.T) fencepost.TopicID {
		return fencepost.TopicID{15: byte(rapid.IntRange(0, 2).Draw(t, "id"))}
	})
	name := rapid.SampledFrom([]string{"", "X", "X", "Y"})
	pick := func(of string) ledger.Choice {
		return ledger.Choice(rapid.IntRange(0, int(ledger.Divergence)).Draw(t, of))
	}
	tp := fencepost.TopicPartition{Topic: "flights", Partition: int32(rapid.IntRange(0, 3).Draw(t, "partition"))}
	s := ledger.Stored{TopicPartition: tp, ClusterID: name.Draw(t, "ledger's cluster"), ByPattern: rapid.Bool().Draw(t, "by pattern"),
		Mirror: number.Draw(t, "mirror") - 1, MirrorFence: ledger.Fence(rapid.IntRange(0, 2).Draw(t, "mirror's fence"))}
	place := rapid.SampledFrom([]fencepost.Place{{}, {System: "S", Timeline: 1}, {System: "S", Timeline: 2}, {System: "T", Timeline: 1}})
	s.Place, s.MirrorPlace = place.Draw(t, "place"), place.Draw(t, "mirror's place")
	if rapid.IntRange(0, 9).Draw(t, "left") == 0 {
		s.Left = fencepost.Place{System: "S", Timeline: 3}
	}
	if rapid.IntRange(0, 3).Draw(t, "has a row") > 0 {
		s.Position = ledger.Position{Offset: number.Draw(t, "stored"), LeaderEpoch: fencepost.LeaderEpoch(rapid.IntRange(-1, 2).Draw(t, "epoch")),
			Fence: 1, TopicID: id.Draw(t, "stored ID")}
	}
	if rapid.Bool().Draw(t, "in the roster") {
		s.Topic = ledger.TopicState{TopicID: id.Draw(t, "roster ID"), Partitions: int32(rapid.IntRange(1, 4).Draw(t, "count"))}
	}
	var answers []ledger.Answer
	for i := range rapid.IntRange(1, 2).Draw(t, "answers") {
		low := number.Draw(t, fmt.Sprint("earliest ", i))
		a := ledger.Answer{ClusterID: name.Draw(t, "cluster"), LogOffsets: fencepost.LogOffsets{TopicID: id.Draw(t, "ID"), Earliest: low,
			HighWatermark: low + number.Draw(t, "length"), EpochEnd: -1, AtTime: number.Draw(t, "at time") - 1}}
		if rapid.Bool().Draw(t, "knows the epoch") {
			a.EpochEnd = fencepost.Offset(rapid.IntRange(0, int(a.HighWatermark)+5).Draw(t, "epoch end"))
		}
		switch rapid.IntRange(0, 9).Draw(t, "answers at all") {
		case 0:
			a.Err = fencepost.ErrNoAnswer
		case 1:
			a.Err = fencepost.ErrNoTopic
		}
		answers = append(answers, a)
	}
	p := ledger.Policy{AgedOut: pick("aged out"), Recreated: pick("recreated"), Truncated: pick("truncated"), LostRow: pick("lost row")}
	p.Start.Kind = ledger.StartKind(rapid.IntRange(0, int(ledger.StartOffsets)).Draw(t, "start"))
	p.Start.Time = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	p.Start.Offsets = map[fencepost.TopicPartition]fencepost.Offset{{Topic: "flights", Partition: int32(rapid.IntRange(0, 3).Draw(t, "listed"))}: number.Draw(t, "given")}
	return s, answers, p
}

// Reconcile agrees with its slow twin.
func TestReconcileAgreesWithTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, answers, p := drawQuestion(t)
		if got, want := findingOf(ledger.Reconcile(s, answers, p)), slow(s, answers, p); got != want {
			t.Fatalf("stored %+v\nanswers %+v\npolicy %+v\n got %+v\nwant %+v", s, answers, p, got, want)
		}
	})
}

// What holds of every Decision, whatever the rules are.
func TestReconcileInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, answers, p := drawQuestion(t)
		d := ledger.Reconcile(s, answers, p)
		a := answers[len(answers)-1]
		fail := func(law string) {
			t.Fatalf("%s\nstored %+v\nanswers %+v\npolicy %+v\ndecision %+v", law, s, answers, p, d)
		}
		loss := d.Verdict == ledger.Missing || d.Verdict == ledger.Recreated || d.Verdict == ledger.AgedOut || d.Verdict == ledger.Truncated
		if d.Verdict == ledger.VerdictUnset {
			fail("a decision has a verdict")
		}
		if loss && len(answers) == 1 && d.Action != ledger.AskAgain {
			fail("no loss follows from a first answer")
		}
		if d.Action == ledger.AskAgain && len(answers) == 2 {
			fail("a second answer decides")
		}
		if s.Left != (fencepost.Place{}) && d.Action != ledger.Stop {
			fail("an old primary is never gone on at")
		}
		if a.Err != nil && d.Action != ledger.Wait && d.Verdict != ledger.Missing && d.Verdict != ledger.OldPrimary {
			fail("no answer is never an answer")
		}
		if d.Action == ledger.Resume && (s.Position.Absent() || s.Position.Offset < a.Earliest || s.Position.Offset > a.HighWatermark || a.Err != nil) {
			fail("resume only at a stored offset inside the log")
		}
		if d.Action != ledger.MoveOn {
			if d.Next != (ledger.Position{}) || d.Cause != ledger.CauseUnset || d.AtMost != 0 {
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
		if !s.Position.Absent() && ahead && d.Verdict != ledger.Recreated && d.AtMost > 0 && d.AtMost < int64(d.Next.Offset-s.Position.Offset) {
			fail("AtMost is an upper bound of what is passed")
		}
		if d.Verdict != ledger.New && (d.Next.Offset < a.Earliest || d.Next.Offset > a.HighWatermark) {
			fail("a move goes into the log")
		}
	})
}
