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

	to    Destination
	clamp bool
}

// Line is one partition of a Plan.
type Line struct {
	fencepost.TopicPartition
	Held, Next ledger.Position // Next has no Fence until it is carried out
	Cause      ledger.Cause
	Repeats    int64 // records that are applied again, at most
	AtMost     int64 // records that are passed unapplied, at most; UnknownLoss
	Clamped    bool
	RecordAt   time.Time       // of the first record at Next; zero: not known
	Why        string          // in place of the plan's; may be empty
	Backfill   ledger.Backfill // for a start of a backfill
	Partitions int32           // for a start: how many the topic has

	earliest, end fencepost.Offset
	verdict       ledger.Verdict
	diverged      fencepost.Offset
	mirrored      bool             // of a lost row: the Kafka group holds an offset of it
	mirror        fencepost.Offset // that one
	left          fencepost.Place  // where the group went on; the move says to go on here all the same
	forgets       bool             // it is left behind
	mends         bool             // it moves even where the offset stays: the topic, or the history behind it, is another
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
	times, err := v.timeOffsets(ctx, r, sel, t)
	if err != nil {
		return nil, err
	}
	var bad []outside
	for _, s := range v.Standings {
		if !sel.Has(s.TopicPartition) {
			p.Stay++
			continue
		}
		l, err := newLine(s, v, sel)
		if err != nil {
			return nil, err
		}
		wants, ok := l.aim(t, clamp, times[s.TopicPartition])
		if !ok {
			bad = append(bad, wants)
			continue
		}
		if l.moves() {
			p.Lines = append(p.Lines, l)
		} else {
			p.Stay++
		}
	}
	if len(bad) > 0 {
		return nil, outOfBounds(bad, len(bad)+len(p.Lines))
	}
	p.lookAtNext(ctx, r)
	return p, nil
}

// timeOffsets asks which offset is at a time, for each chosen partition.
func (v View) timeOffsets(ctx context.Context, r Resources, sel Selection, t Destination) (map[fencepost.TopicPartition]fencepost.Offset, error) {
	if t.Kind != ToTime {
		return nil, nil
	}
	var asks []fencepost.OffsetQuery
	for _, s := range v.Standings {
		if sel.Has(s.TopicPartition) {
			asks = append(asks, fencepost.OffsetQuery{TopicPartition: s.TopicPartition, LeaderEpoch: fencepost.NoEpoch, Time: t.Time})
		}
	}
	at := map[fencepost.TopicPartition]fencepost.Offset{}
	for tp, b := range r.Cluster.LogOffsets(ctx, asks) {
		if b.Err != nil || b.AtTime < 0 {
			return nil, refused(tp, "the brokers do not say which offset is at "+t.String(), "wait until they answer, or name an offset")
		}
		at[tp] = b.AtTime
	}
	return at, nil
}

func refused(tp fencepost.TopicPartition, why, help string) error {
	return &fencepost.UserError{Code: "set-refused", Exit: 4, Err: fmt.Errorf("%s: %s; nothing was changed", tp, why), Help: help}
}

// newLine says of one partition whether its position can be set at all.
func newLine(s Standing, v View, sel Selection) (Line, error) {
	l := Line{TopicPartition: s.TopicPartition, Held: s.Position, verdict: s.Decision.Verdict, diverged: s.Decision.Diverged,
		earliest: s.Bounds.Earliest, end: s.Bounds.HighWatermark}
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
	how := fmt.Sprint(t)
	switch t.Kind {
	case ToEarliest:
		to = l.earliest
	case ToLatest:
		to = l.end
		if l.verdict != ledger.Truncated { // a worker may have gone on past the end that was asked for
			to = max(to, l.Held.Offset)
		}
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
			to = l.end + 1
			how = fmt.Sprintf("%s + %s", text.Count(l.Held.Offset), text.Count(t.N))
		}
	case ToTime:
		to = atTime
	}
	in := min(max(to, l.earliest), max(l.end, l.earliest))
	if t.Kind == ToLatest {
		in = to
	}
	if in != to {
		bound := fmt.Sprintf("below earliest %s", text.Count(l.earliest))
		if to > l.end {
			bound = fmt.Sprintf("above end %s", text.Count(l.end))
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
	l.Repeats, l.AtMost = 0, 0
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
		case l.diverged < 0 && next > 0:
			l.AtMost = ledger.UnknownLoss
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

// lookAtNext reads when the first record at each Next was written.
func (p *Plan) lookAtNext(ctx context.Context, r Resources) {
	ranges := map[fencepost.TopicPartition]fencepost.OffsetRange{}
	for _, l := range p.Lines {
		if l.Next.Offset < l.end {
			ranges[l.TopicPartition] = fencepost.OffsetRange{From: l.Next.Offset, Until: l.end}
		}
	}
	got := peek(ctx, r.Reader, ranges)
	for i := range p.Lines {
		if rec, ok := got[p.Lines[i].TopicPartition]; ok {
			p.Lines[i].RecordAt = time.UnixMilli(rec.Timestamp)
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
	for _, o := range bad {
		fmt.Fprintf(&b, "\n  %-*s  %s", wide, o.TopicPartition, o.text)
	}
	help := fmt.Sprintf("--clamp takes %s to %s", bad[0].TopicPartition, bad[0].clamp)
	if len(bad) > 1 {
		help = "--clamp takes each to its bound"
	}
	return &fencepost.UserError{Code: "out-of-bounds", Exit: 4, Err: fmt.Errorf("%s", b.String()), Help: help + "; or choose others with --topic"}
}
