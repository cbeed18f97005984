package admin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// Plan is what Execute would do.
type Plan struct {
	Group     fencepost.Group
	Ledger    fencepost.LedgerID
	ClusterID string
	Made      time.Time
	Lines     []Line // in partition order: the partitions that move
	Stay      int    // partitions that do not
	// Exact: made of a saved plan. It is carried out as it is, or refused.
	Exact bool

	// Left is where the group went on, if the ledger is an old primary's: the moves say to go on here all the same.
	Left fencepost.Place

	// PastLast are the chosen partitions of which no record is at or after the destination's time: they stay at the end, or go there.
	PastLast []fencepost.TopicPartition

	// Committed: it moves a Kafka group's committed offsets, and not a ledger. Members is how many live members the group had: with
	// any the plan is refused.
	Committed bool
	Members   int

	to    Destination
	clamp bool
}

// ToTime is the instant that the plan's destination names; zero: it names none.
func (p *Plan) ToTime() time.Time { return p.to.Time }

// Line is one partition of a Plan.
type Line struct {
	fencepost.TopicPartition
	Held, Next ledger.Position // Next has no Fence until it is carried out
	Cause      ledger.Cause
	Repeats    int64 // records that are applied again, at most
	Dense      bool  // so many: each of these offsets is a record
	AtMost     int64 // records that are passed unapplied, at most; UnknownLoss
	Clamped    bool
	RecordAt   time.Time       // of the first record at Next; zero: not known
	Why        string          // in place of the plan's; may be empty
	Backfill   ledger.Backfill // for a start of a backfill
	Partitions int32           // for a start: how many the topic has

	earliest, stable, end fencepost.Offset
	pastLast              bool // no record is at or after the destination's time
	verdict               ledger.Verdict
	diverged              fencepost.Offset
	left                  fencepost.Place  // where the group went on; the move says to go on here all the same
	mends                 bool             // it moves even where the offset stays: the topic, or the history behind it, is another
	mirrored              bool             // of a lost row: the Kafka group holds an offset of it
	mirror                fencepost.Offset // that one
	forgets               bool             // it is left behind
}

// outside is a destination that lies outside of the log.
type outside struct {
	fencepost.TopicPartition
	text, clamp string
}

// PlanSet plans to set the chosen partitions to a destination. Destinations outside of the log are refused, all named at once,
// unless clamp is set.
//
// Errors: *fencepost.UserError out-of-bounds, set-refused, nothing-selected.
func PlanSet(ctx context.Context, r Resources, v View, sel Selection, t Destination, clamp bool) (*Plan, error) {
	if err := sel.check(v); err != nil {
		return nil, err
	}
	p := &Plan{Group: r.Group, Ledger: v.Snapshot.Ledger, ClusterID: v.About.ClusterID, Made: v.At, Left: v.Left, to: t, clamp: clamp}
	if err := p.movable(ctx, r, v.mirrorOf); err != nil {
		return nil, err
	}
	times, err := v.timeOffsets(ctx, r, sel, t)
	if err != nil {
		return nil, err
	}
	var bad []outside
	var lines []Line
	for _, s := range v.Standings {
		if !sel.Has(s.TopicPartition) || s.unsaid() && t.Kind == ToShift {
			p.Stay++
			continue
		}
		l, err := newLine(s, v, sel)
		if err != nil {
			return nil, err
		}
		if at, asked := times[s.TopicPartition]; asked { // the log may have grown since it was looked at
			l.pastLast = at.AtTime >= at.HighWatermark
			l.stable, l.end = max(l.stable, at.LastStableOffset), max(l.end, at.HighWatermark)
		}
		wants, ok := l.aim(t, clamp, times[s.TopicPartition].AtTime)
		if !ok {
			bad = append(bad, wants)
			continue
		}
		lines = append(lines, l)
	}
	if len(bad) > 0 {
		return nil, outOfBounds(bad, len(bad)+len(lines))
	}
	if p.lookAtNext(ctx, r, lines); t.Kind == ToTime {
		if bad = p.behindTheLast(lines); len(bad) > 0 {
			return nil, outOfBounds(bad, len(lines))
		}
	}
	p.take(ctx, r, lines)
	return p, nil
}

// behindTheLast notes the partitions of which no record is at or after the destination's time: nothing is there but the marker of a
// transaction, or nothing at all. Where that moves a position forward, it is refused unless it is to be clamped.
func (p *Plan) behindTheLast(lines []Line) (bad []outside) {
	for i := range lines {
		l := &lines[i]
		if !l.pastLast {
			continue
		}
		if l.forward() && !p.clamp {
			bad = append(bad, l.past(p.to, p.Made))
		}
		p.PastLast = append(p.PastLast, l.TopicPartition)
	}
	return bad
}

// take makes the lines that move those of the plan.
func (p *Plan) take(ctx context.Context, r Resources, lines []Line) {
	for _, l := range lines {
		if l.moves() {
			p.Lines = append(p.Lines, l)
		} else {
			p.Stay++
		}
	}
	moving := make([]*Line, len(p.Lines))
	for i := range p.Lines {
		moving[i] = &p.Lines[i]
	}
	countRepeats(ctx, r, moving)
}

// timeOffsets asks which offset is at a time, for each chosen partition.
func (v View) timeOffsets(ctx context.Context, r Resources, sel Selection, t Destination) (map[fencepost.TopicPartition]fencepost.LogOffsets, error) {
	if t.Kind != ToTime {
		return nil, nil
	}
	var asks []fencepost.OffsetQuery
	for _, s := range v.Standings {
		if sel.Has(s.TopicPartition) {
			asks = append(asks, fencepost.OffsetQuery{TopicPartition: s.TopicPartition, LeaderEpoch: fencepost.NoEpoch, Time: t.Time})
		}
	}
	at := map[fencepost.TopicPartition]fencepost.LogOffsets{}
	for tp, b := range r.Cluster.LogOffsets(ctx, asks) {
		if b.Err != nil || b.AtTime < 0 {
			return nil, refused(tp, "the brokers do not say which offset is at "+t.String(), "wait until they answer, or name an offset")
		}
		at[tp] = b
	}
	return at, nil
}

func refused(tp fencepost.TopicPartition, why, help string) error {
	return &fencepost.UserError{Code: "set-refused", Exit: 4, Err: fmt.Errorf("%s: %s; nothing was changed", tp, why), Help: help}
}

// newLine says of one partition whether its position can be set at all.
func newLine(s Standing, v View, sel Selection) (Line, error) {
	l := Line{TopicPartition: s.TopicPartition, Held: s.Position, verdict: s.Decision.Verdict, diverged: s.Decision.Diverged,
		earliest: s.Bounds.Earliest, stable: s.Bounds.LastStableOffset, end: s.Bounds.HighWatermark}
	if s.Decision.Verdict == ledger.LostRow && s.mirrored {
		l.mirrored, l.mirror = true, s.stored.Mirror
	}
	switch s.Decision.Verdict {
	case ledger.Unknown, ledger.Missing, ledger.OtherCluster:
		return l, refused(s.TopicPartition, s.Decision.Verdict.String()+": "+s.Reason, "mend that first; or leave it out with --topic")
	case ledger.OldPrimary:
		if s.Bounds.Err != nil {
			return l, refused(s.TopicPartition, s.Bounds.Err.Error(), "mend that first; or leave it out with --topic")
		}
		l.left, l.mends = v.Left, true
	case ledger.Recreated:
		return l, refused(s.TopicPartition, "the topic was recreated, and moves as a whole: "+s.Reason, "fencepost offsets repair FILE")
	case ledger.VerdictUnset:
		if s.unsaid() {
			break // a Kafka group starts each partition by itself
		}
		return l, refused(s.TopicPartition, s.Reason, "put the entry back as it was, or give this pipeline a group of its own")
	case ledger.New, ledger.Added: // the ledger counts partitions: what it counts and has no row would be a lost row
		for _, other := range v.Standings {
			if other.Topic == s.Topic && other.Position.Absent() && !sel.Has(other.TopicPartition) {
				return l, refused(s.TopicPartition, "the group has not started "+other.String()+" either, and starts them together", "--topic "+s.Topic)
			}
		}
	case ledger.OK, ledger.AgedOut, ledger.StaleMetadata, ledger.Truncated, ledger.LostRow,
		ledger.WeakerCheck, ledger.MirrorAhead:
	}
	if s.Position.Absent() {
		l.Partitions = v.About.Topics[s.Topic].Partitions
	}
	l.Next = ledger.Position{LeaderEpoch: fencepost.NoEpoch, TopicID: s.topicID()}
	return l, nil
}

// aim sets Next, and with it cause and price. ok is false for a destination outside of the log that is not to be clamped.
func (l *Line) aim(t Destination, clamp bool, atTime fencepost.Offset) (wants outside, ok bool) {
	var to fencepost.Offset
	how, end := fmt.Sprint(t), l.end
	if l.verdict != ledger.Truncated { // a worker may have gone on past the end that was asked for
		end = max(end, l.Held.Offset)
	}
	switch t.Kind {
	case ToEarliest:
		to = l.earliest
	case ToLatest:
		to = end
	case ToOffset:
		to = fencepost.Offset(t.N)
	case ToShift:
		to = l.Held.Offset + fencepost.Offset(t.N)
		sign := "+"
		if t.N < 0 {
			sign = "-"
		}
		how = fmt.Sprintf("%s %s %s = %s", text.Count(l.Held.Offset), sign, text.Count(max(t.N, -t.N)), text.Count(to))
		if t.N > 0 && to < l.Held.Offset { // past the largest integer
			to = end + 1
			how = fmt.Sprintf("%s + %s", text.Count(l.Held.Offset), text.Count(t.N))
		}
	case ToTime:
		to = atTime
	}
	in := min(max(to, l.earliest), max(end, l.earliest))
	if t.Kind == ToLatest {
		in = to
	}
	if in != to {
		bound := fmt.Sprintf("below earliest %s", text.Count(l.earliest))
		if to > end {
			bound = fmt.Sprintf("above end %s", text.Count(end))
		}
		if !clamp {
			return outside{l.TopicPartition, fmt.Sprintf("%s is %s", how, bound), text.Count(in)}, false
		}
	}
	l.Clamped = in != to
	l.Next.Offset = in
	l.price()
	return outside{}, true
}

// price derives cause, repeats and loss from Held and Next.
func (l *Line) price() {
	l.Repeats, l.Dense, l.AtMost = 0, false, 0
	held, next := l.Held.Offset, l.Next.Offset
	switch {
	case l.Held.Absent():
		l.Cause = ledger.CauseStart
		l.AtMost = int64(next - l.earliest)
		if l.verdict == ledger.LostRow {
			l.AtMost = ledger.UnknownLoss
		}
		if l.mirrored { // as far as the Kafka group knows, everything below was applied
			l.AtMost, l.Repeats = max(0, int64(next-l.mirror)), max(0, int64(l.mirror-next))
		}
	case l.verdict == ledger.Truncated:
		l.Cause = ledger.CauseRewind
		switch {
		case l.diverged < 0:
			l.Repeats = int64(max(0, min(held, l.end)-next)) // all of it may have been applied
			if next > 0 {
				l.AtMost = ledger.UnknownLoss
			}
		case l.diverged >= 0 && next > l.diverged:
			l.AtMost = int64(next - l.diverged)
		case l.diverged >= 0:
			l.Repeats = int64(l.diverged - next)
		}
		if next > held {
			l.Cause = ledger.CauseGap
		}
	case next < held, next == held && l.left != (fencepost.Place{}): // all that the place has since is repeated, and nothing is passed
		l.Cause, l.Repeats = ledger.CauseRewind, int64(held-max(next, l.earliest))
	default:
		l.Cause, l.AtMost = ledger.CauseSkip, int64(next-held)
		if l.verdict == ledger.AgedOut {
			l.Cause = ledger.CauseGap
		}
	}
}

// moves reports whether the line changes anything.
func (l *Line) moves() bool { return l.mends || l.Held.Absent() || l.Held.Offset != l.Next.Offset }

// forward reports whether the line passes offsets of the log.
func (l *Line) forward() bool {
	return l.Next.Offset > l.earliest && (l.Held.Absent() || l.Held.Offset < l.Next.Offset)
}

// past says that no record is at or after the destination's time.
func (l *Line) past(t Destination, now time.Time) outside {
	clock := text.ClockAt(now)
	return outside{l.TopicPartition, fmt.Sprintf("no record at or after %s %s", clock.Time(t.Time), clock), text.Count(l.end)}
}

// lookAtNext reads when the first record at each Next was written, and learns where there is none.
func (p *Plan) lookAtNext(ctx context.Context, r Resources, lines []Line) {
	ranges := map[fencepost.TopicPartition]fencepost.OffsetRange{}
	for _, l := range lines {
		if l.Next.Offset < l.end {
			ranges[l.TopicPartition] = fencepost.OffsetRange{From: l.Next.Offset, Until: l.end}
		}
	}
	got, whole, _ := peek(ctx, r.Reader, ranges) // what it did not bring is printed as not known
	for i := range lines {
		l := &lines[i]
		if rec, ok := got[l.TopicPartition]; ok {
			l.RecordAt = time.UnixMilli(rec.Timestamp)
		} else if p.to.Kind == ToTime && whole && l.stable >= l.end {
			l.pastLast = true
		}
	}
}

// outOfBounds names each destination that lies outside of the log.
func outOfBounds(bad []outside, of int) error {
	var b strings.Builder
	verb := "lie"
	if len(bad) == 1 {
		verb = "lies"
	}
	fmt.Fprintf(&b, "%d of %d targets %s outside the log; nothing was changed", len(bad), of, verb)
	wide := 0
	for _, o := range bad {
		wide = max(wide, len(o.String()))
	}
	for _, o := range bad[:min(len(bad), mostRefusals)] {
		fmt.Fprintf(&b, "\n  %-*s  %s", wide, o.TopicPartition, o.text)
	}
	if n := len(bad) - mostRefusals; n > 0 {
		fmt.Fprintf(&b, "\n  and %s more", text.Count(n))
	}
	help := fmt.Sprintf("--clamp takes %s to %s", bad[0].TopicPartition, bad[0].clamp)
	if len(bad) > 1 {
		help = "--clamp takes each to its bound"
	}
	return &fencepost.UserError{Code: "out-of-bounds", Exit: 4, Err: fmt.Errorf("%s", b.String()), Help: help + "; or choose others with --topic"}
}
