package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// BackfillAsk says what is to run again: ranges, or the records of a span of time.
type BackfillAsk struct {
	Ranges   map[fencepost.TopicPartition]fencepost.OffsetRange // nil: a span of time
	From, To time.Time                                          // [From, To), of the records' own timestamps
	Sel      Selection                                          // with a span of time: these partitions only
}

// Backfill is a plan to run old ranges again under a group of its own, beside the main line.
type Backfill struct {
	Group  fencepost.Group // its own
	Of     fencepost.Group // the main line's
	Ranges []BackfillRange // in partition order
	Begun  bool            // the ledger knows the group: it goes on where it stopped
	Made   time.Time
	// From and To are the span of time that was asked for, [From, To); zero where offsets were named.
	From, To time.Time

	starts Plan
}

// BackfillRange is one partition's part.
type BackfillRange struct {
	fencepost.TopicPartition
	fencepost.OffsetRange
	At    fencepost.Offset // its position, From at first
	Again int64            // records that the main line has applied too, or will: at most
	Dense bool             // so many: each of these offsets is a record
	// Cut: the log begins inside of the time that was asked for, as far as can be known: what was older may be gone.
	Cut bool
}

// Left is how many offsets are to be run.
func (r BackfillRange) Left() int64 { return max(0, int64(r.Until-r.At)) }

// Left is how many offsets are to be run, over all ranges.
func (b *Backfill) Left() (n int64) {
	for _, r := range b.Ranges {
		n += r.Left()
	}
	return n
}

// Ends is where the run of each unfinished partition ends.
func (b *Backfill) Ends() map[fencepost.TopicPartition]fencepost.Offset {
	ends := map[fencepost.TopicPartition]fencepost.Offset{}
	for _, r := range b.Ranges {
		if r.Left() > 0 {
			ends[r.TopicPartition] = r.Until
		}
	}
	return ends
}

// rangeForm is a range as it is typed, trips:3:410200..421000, and as it is printed, trips:3 [410,200 .. 421,000).
var rangeForm = regexp.MustCompile(`^(.+):(\d+)(?:: ?| )(\[?)([\d,_]+) ?\.\. ?([\d,_]+)(\)?)$`)

// ParseRanges reads ranges. Each partition is named once.
func ParseRanges(texts []string) (map[fencepost.TopicPartition]fencepost.OffsetRange, error) {
	ranges := map[fencepost.TopicPartition]fencepost.OffsetRange{}
	for _, typed := range texts {
		m := rangeForm.FindStringSubmatch(typed)
		if m == nil || (m[3] == "") != (m[6] == "") {
			return nil, fmt.Errorf("%q: not TOPIC:P:FROM..UNTIL", typed)
		}
		p, _, ok := text.ParseSpan(m[2])
		if !ok {
			return nil, fmt.Errorf("%q: %s is no partition", typed, m[2])
		}
		from, ok := text.ParseCount(m[4])
		if !ok {
			return nil, fmt.Errorf("%q: %s is no offset", typed, m[4])
		}
		until, ok := text.ParseCount(m[5])
		if !ok {
			return nil, fmt.Errorf("%q: %s is no offset", typed, m[5])
		}
		tp := fencepost.TopicPartition{Topic: m[1], Partition: p}
		r := fencepost.OffsetRange{From: fencepost.Offset(from), Until: fencepost.Offset(until)}
		if _, again := ranges[tp]; again {
			return nil, fmt.Errorf("%q: %s has a range already; another one is a backfill of its own", typed, tp)
		}
		if !r.Valid() {
			return nil, fmt.Errorf("%q: it ends in front of where it begins", typed)
		}
		ranges[tp] = r
	}
	return ranges, nil
}

// String is the request in one form, whatever order it was typed in: it names a backfill without a name of its own.
func (a BackfillAsk) String() string {
	var parts []string
	for tp, r := range a.Ranges {
		parts = append(parts, fmt.Sprintf("%s:%d..%d", tp, r.From, r.Until))
	}
	if a.Ranges == nil {
		parts = append(parts, a.span())
		for topic, list := range a.Sel.partitions {
			parts = append(parts, fmt.Sprint(topic, slices.Compact(slices.Sorted(slices.Values(list)))))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// span is the time asked for; empty where offsets are named.
func (a BackfillAsk) span() string { return a.backfill("", fencepost.OffsetRange{}).Span() }

// backfill is what the start of one of its partitions is for.
func (a BackfillAsk) backfill(of fencepost.Group, r fencepost.OffsetRange) ledger.Backfill {
	b := ledger.Backfill{Range: r, Of: of}
	if a.Ranges == nil {
		b.Since, b.Before = a.From.UTC(), a.To.UTC()
	}
	return b
}

// PlanBackfill plans a run of old ranges under r.Group, beside the group of. A group that the ledger knows goes on with
// the ranges that its starts recorded: what was asked by time means the same offsets for ever.
//
// Errors: *fencepost.UserError range-outside, backfill-other, nothing-selected, ends-unknown, ledger-empty.
func PlanBackfill(ctx context.Context, r Resources, of fencepost.Group, a BackfillAsk, why string) (*Backfill, error) {
	if r.Group == of {
		return nil, &fencepost.UserError{Code: "backfill-other", Exit: 4, Err: fmt.Errorf("group %s is no backfill; nothing was changed", of),
			Help: "leave --name and --group out, or name another one"}
	}
	b := &Backfill{Group: r.Group, Of: of, Made: r.now(), From: a.From, To: a.To}
	snap, err := r.Ledger.Read(ctx, r.Group)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	about, err := r.Cluster.Describe(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask brokers: %w", err)
	}
	tps, err := a.partitions(about, of)
	if err != nil {
		return nil, err
	}
	if b.Begun = len(snap.Positions) > 0; b.Begun {
		err = b.goOn(ctx, r, a, tps, snap)
	} else {
		err = b.begin(ctx, r, a, tps, about, why)
	}
	if err != nil {
		return nil, err
	}
	return b, b.countAgain(ctx, r)
}

// partitions is what the ask is about, in order.
func (a BackfillAsk) partitions(about source.Description, of fencepost.Group) ([]fencepost.TopicPartition, error) {
	var tps []fencepost.TopicPartition
	have := View{}
	for name, topic := range about.Topics {
		for p := range topic.Partitions {
			tp := fencepost.TopicPartition{Topic: name, Partition: p}
			have.Standings = append(have.Standings, Standing{TopicPartition: tp})
			if a.Ranges == nil && a.Sel.Has(tp) {
				tps = append(tps, tp)
			}
		}
	}
	have.Group = of
	sel := a.Sel
	if a.Ranges != nil {
		sel = Selection{partitions: map[string][]int32{}}
		for tp := range a.Ranges {
			sel.partitions[tp.Topic] = append(sel.partitions[tp.Topic], tp.Partition)
		}
		tps = slices.Collect(maps.Keys(a.Ranges))
	}
	slices.SortFunc(tps, fencepost.TopicPartition.Compare)
	return tps, sel.check(have)
}

// goOn takes over the ranges that the group began with. One that is about something else is refused.
func (b *Backfill) goOn(ctx context.Context, r Resources, a BackfillAsk, tps []fencepost.TopicPartition, snap ledger.Snapshot) error {
	recorded, span, err := recordedRanges(ctx, r)
	if err != nil {
		return err
	}
	differs := len(recorded) != len(tps) || span != a.span()
	for _, tp := range tps {
		was, ok := recorded[tp]
		differs = differs || !ok || a.Ranges != nil && a.Ranges[tp] != was
		b.Ranges = append(b.Ranges, BackfillRange{TopicPartition: tp, OffsetRange: was, At: min(snap.Positions[tp].Offset, was.Until)})
	}
	if !differs {
		return nil
	}
	was := "is no backfill"
	if len(recorded) > 0 {
		var parts []string
		for _, tp := range slices.SortedFunc(maps.Keys(recorded), fencepost.TopicPartition.Compare) {
			parts = append(parts, fmt.Sprintf("%s [%s .. %s)", tp, text.Count(recorded[tp].From), text.Count(recorded[tp].Until)))
		}
		was = "is a backfill of " + strings.Join(parts[:min(3, len(parts))], ", ") + span
		if len(parts) > 3 {
			was += fmt.Sprintf(" and %d more", len(parts)-3)
		}
	}
	return &fencepost.UserError{Code: "backfill-other", Exit: 4, Err: fmt.Errorf("group %s %s; nothing was changed", b.Group, was),
		Help: "leave --name and --group out, or name another one"}
}

// recordedRanges reads what a group's starts say.
func recordedRanges(ctx context.Context, r Resources) (map[fencepost.TopicPartition]fencepost.OffsetRange, string, error) {
	ranges, span := map[fencepost.TopicPartition]fencepost.OffsetRange{}, ""
	if r.History == nil {
		return nil, "", &fencepost.UserError{Code: "no-history", Err: errors.New("this ledger keeps no moves, and the starts of a backfill say its ranges"),
			Help: "a backfill needs a ledger with a history"}
	}
	for m, err := range r.History.Moves(ctx, r.Group) {
		if err != nil {
			return nil, "", fmt.Errorf("read moves: %w", err)
		}
		if m.Backfill.Of != "" {
			ranges[m.TopicPartition], span = m.Backfill.Range, m.Backfill.Span()
		}
	}
	return ranges, span, nil
}

// begin resolves the ranges, refuses what the log does not have whole, and plans the starts of all partitions of their
// topics: the ledger starts a topic as a whole.
func (b *Backfill) begin(ctx context.Context, r Resources, a BackfillAsk, tps []fencepost.TopicPartition, about source.Description, why string) error {
	if mirrored, err := r.Cluster.CommittedOffsets(ctx, r.Group); err != nil {
		return fmt.Errorf("read the group's offsets: %w", err)
	} else if len(mirrored) > 0 {
		return &fencepost.UserError{Code: "ledger-empty", Exit: 4, Help: "--name with another one",
			Err: fmt.Errorf("the ledger does not know group %s, but Kafka holds %d offsets of it", r.Group, len(mirrored))}
	}
	bounds, err := b.bounds(ctx, r, tps, about, a.From)
	if err != nil {
		return err
	}
	ranges, cut, err := a.resolve(ctx, r, tps, bounds)
	if err != nil {
		return err
	}
	var bad []string
	for _, tp := range tps {
		if lacks := outsideLog(ranges[tp], bounds[tp], r.Uncommitted); lacks != "" {
			bad = append(bad, fmt.Sprintf("\n  %s [%s .. %s): %s", tp, text.Count(ranges[tp].From), text.Count(ranges[tp].Until), lacks))
		}
		b.Ranges = append(b.Ranges, BackfillRange{TopicPartition: tp, OffsetRange: ranges[tp], At: ranges[tp].From, Cut: cut[tp]})
	}
	if len(bad) > 0 {
		verb := "are"
		if len(bad) == 1 {
			verb = "is"
		}
		return &fencepost.UserError{Code: "range-outside", Exit: 4, Help: "ranges within the log: fencepost offsets show FILE -o wide",
			Err: fmt.Errorf("%d of %d ranges %s not whole in the log; nothing was changed%s", len(bad), len(tps), verb, strings.Join(bad, ""))}
	}
	b.starts = Plan{Group: b.Group, ClusterID: about.ClusterID, Made: r.now(), Exact: true}
	for _, tp := range slices.SortedFunc(maps.Keys(bounds), fencepost.TopicPartition.Compare) {
		l := Line{TopicPartition: tp, Cause: ledger.CauseStart, Partitions: about.Topics[tp.Topic].Partitions, Why: "not in the backfill",
			Next: ledger.Position{Offset: bounds[tp].Earliest, LeaderEpoch: fencepost.NoEpoch, TopicID: bounds[tp].TopicID}}
		if in, ok := ranges[tp]; ok {
			l.Next.Offset, l.Why, l.Backfill = in.From, why, a.backfill(b.Of, in)
		}
		b.starts.Lines = append(b.starts.Lines, l)
	}
	return nil
}

// bounds asks about all partitions of the topics of tps: they start together.
func (b *Backfill) bounds(ctx context.Context, r Resources, tps []fencepost.TopicPartition, about source.Description, at time.Time) (map[fencepost.TopicPartition]fencepost.LogOffsets, error) {
	var asks []fencepost.OffsetQuery
	topics := map[string]bool{}
	for _, tp := range tps {
		if topics[tp.Topic] {
			continue
		}
		topics[tp.Topic] = true
		for p := range about.Topics[tp.Topic].Partitions {
			asks = append(asks, fencepost.OffsetQuery{TopicPartition: fencepost.TopicPartition{Topic: tp.Topic, Partition: p}, LeaderEpoch: fencepost.NoEpoch, Time: at})
		}
	}
	got := r.Cluster.LogOffsets(ctx, asks)
	for _, a := range asks {
		if err := got[a.TopicPartition].Err; err != nil {
			return nil, &fencepost.UserError{Code: "ends-unknown", Err: fmt.Errorf("%s: %w: the partitions of a topic start together; nothing was changed", a.TopicPartition, err),
				Help: "wait until every partition has a leader"}
		}
	}
	return got, nil
}

// resolve is the range of each partition: as named, or from the first record of the time to the first behind it.
func (a BackfillAsk) resolve(ctx context.Context, r Resources, tps []fencepost.TopicPartition, bounds map[fencepost.TopicPartition]fencepost.LogOffsets) (ranges map[fencepost.TopicPartition]fencepost.OffsetRange, cut map[fencepost.TopicPartition]bool, err error) {
	if a.Ranges != nil {
		return a.Ranges, nil, nil
	}
	asks := make([]fencepost.OffsetQuery, len(tps))
	for i, tp := range tps {
		asks[i] = fencepost.OffsetQuery{TopicPartition: tp, LeaderEpoch: fencepost.NoEpoch, Time: a.To}
	}
	ranges, cut = map[fencepost.TopicPartition]fencepost.OffsetRange{}, map[fencepost.TopicPartition]bool{}
	for tp, behind := range r.Cluster.LogOffsets(ctx, asks) {
		if behind.Err != nil {
			return nil, nil, &fencepost.UserError{Code: "ends-unknown", Err: fmt.Errorf("%s: %w; nothing was changed", tp, behind.Err),
				Help: "wait until every partition has a leader"}
		}
		b := bounds[tp]
		until := min(behind.AtTime, behind.LastStableOffset)
		if r.Uncommitted {
			until = min(behind.AtTime, behind.HighWatermark)
		}
		from := max(b.AtTime, b.Earliest)
		ranges[tp] = fencepost.OffsetRange{From: min(from, until), Until: until}
		cut[tp] = b.Earliest > 0 && from == b.Earliest && from < until
	}
	return ranges, cut, nil
}

// outsideLog says what of a range the log does not have; empty: it has all of it.
func outsideLog(r fencepost.OffsetRange, b fencepost.LogOffsets, uncommitted bool) string {
	switch {
	case r.Len() == 0:
		return ""
	case r.From < b.Earliest:
		return fmt.Sprintf("[%s .. %s) is gone, the log begins at %s", text.Count(r.From), text.Count(min(r.Until, b.Earliest)), text.Count(b.Earliest))
	case r.Until > b.HighWatermark:
		return fmt.Sprintf("the log ends at %s", text.Count(b.HighWatermark))
	case r.Until > b.LastStableOffset && !uncommitted:
		return fmt.Sprintf("an open transaction holds it back at %s", text.Count(b.LastStableOffset))
	}
	return ""
}

// countAgain counts what the main line applies as well: from where it first started, whether it has come there or not.
func (b *Backfill) countAgain(ctx context.Context, r Resources) error {
	began := map[fencepost.TopicPartition]fencepost.Offset{}
	if r.History != nil {
		for m, err := range r.History.Moves(ctx, b.Of) {
			if err != nil {
				return fmt.Errorf("read moves: %w", err)
			}
			if at, known := began[m.TopicPartition]; m.Cause != ledger.CauseCommit && (!known || m.Next.Offset < at) {
				began[m.TopicPartition] = m.Next.Offset
			}
		}
	}
	ranges := map[fencepost.TopicPartition]fencepost.OffsetRange{}
	for i := range b.Ranges {
		l := &b.Ranges[i]
		from := min(max(l.At, began[l.TopicPartition]), l.Until)
		l.Again = int64(l.Until - from)
		ranges[l.TopicPartition] = fencepost.OffsetRange{From: from, Until: l.Until}
	}
	got := dense(ctx, r.Reader, ranges)
	for i := range b.Ranges {
		b.Ranges[i].Dense = got[b.Ranges[i].TopicPartition]
	}
	return nil
}

// Start records where the backfill begins, if it has not begun.
func (b *Backfill) Start(ctx context.Context, r Resources) error {
	if b.Begun || b.Left() == 0 {
		return nil
	}
	_, err := b.starts.Execute(ctx, r, "")
	return err
}

// ReadBack reads the backfill's position now.
func (b *Backfill) ReadBack(ctx context.Context, r Resources) error {
	snap, err := r.Ledger.Read(ctx, b.Group)
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	for i := range b.Ranges {
		l := &b.Ranges[i]
		if pos, ok := snap.Positions[l.TopicPartition]; ok {
			l.At = min(pos.Offset, l.Until)
		}
	}
	return nil
}
