package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// tally counts rows against covered ranges. Rows come in partition and offset order, so that it holds no more than the
// runs of what is odd.
type tally struct {
	audit  *Audit
	chain  *chain
	before ledger.Snapshot
	at     map[TopicPartition]*cursor
	odd    []oddRun
	noRow  func(*fencepost.Record) bool // AuditOptions.NoRow
	spread int64                        // rows that stand beside another one of the same record, and each of a place of its own

	besides *accounted
}

// cursor is how far a partition's rows were counted.
type cursor struct {
	next    fencepost.Offset           // every offset below was looked at
	missing []fencepost.OffsetRange    // covered offsets without a row: records, or markers and compacted entries
	beyond  map[fencepost.Offset]int64 // rows above the position that was read before: of a worker meanwhile, or foreign
	ranges  []covered                  // of the chain
	id      fencepost.TopicID          // of the incarnation that the log is of; of an older one nothing can be looked up
}

// oddRun is a run of neighbouring offsets with the same fault.
type oddRun struct {
	TopicPartition
	kind string
	fencepost.OffsetRange
	rows int64
}

func (t *tally) cursor(tp TopicPartition) *cursor {
	c := t.at[tp]
	if c == nil {
		c = &cursor{ranges: t.chain.covered[tp], beyond: map[fencepost.Offset]int64{}, id: t.before.Positions[tp].TopicID}
		t.at[tp] = c
	}
	return c
}

// times is how often commits covered an offset.
func (c *cursor) times(o fencepost.Offset) (n int64) {
	for _, r := range c.ranges {
		if r.From <= o && o < r.Until {
			n++
		}
	}
	return n
}

// row takes the next record that has rows.
func (t *tally) row(r sink.Applied) {
	if r.Topic == "" {
		t.odd = append(t.odd, oddRun{kind: "foreign", rows: r.Rows})
		t.audit.Rows.Foreign += r.Rows
		t.audit.Rows.Found += r.Rows
		return
	}
	c := t.cursor(r.TopicPartition)
	if r.Offset >= t.before.Positions[r.TopicPartition].Offset && c.times(r.Offset) == 0 {
		c.beyond[r.Offset] = r.Rows
		return
	}
	c.pass(r.Offset)
	c.next = r.Offset + 1
	times := c.times(r.Offset)
	if t.besides.letters[LetterPlace{r.TopicPartition, r.Offset}] {
		times-- // one of these commits made a letter of it
	}
	t.audit.Rows.Found += r.Rows
	most := times * max(1, r.Places)
	t.spread += max(0, min(r.Rows, most)-times)
	switch {
	case c.times(r.Offset) == 0:
		t.audit.Rows.Foreign += r.Rows
		t.add("foreign", r, r.Rows)
	case r.Rows > most:
		t.audit.Rows.Doubled += r.Rows - most
		t.add("doubled", r, r.Rows)
	}
}

// add notes an odd record; neighbours become one run.
func (t *tally) add(kind string, r sink.Applied, rows int64) {
	if n := len(t.odd); n > 0 {
		last := &t.odd[n-1]
		if last.kind == kind && last.TopicPartition == r.TopicPartition && last.Until == r.Offset {
			last.Until++
			last.rows += rows
			return
		}
	}
	t.odd = append(t.odd, oddRun{r.TopicPartition, kind, fencepost.OffsetRange{From: r.Offset, Until: r.Offset + 1}, rows})
}

// pass notes what is covered between the last row and this one.
func (c *cursor) pass(until fencepost.Offset) {
	for _, r := range c.ranges {
		gap := fencepost.OffsetRange{From: max(r.From, c.next), Until: min(r.Until, until)}
		if gap.From < gap.Until && r.id == c.id {
			c.missing = append(c.missing, gap)
		}
	}
}

// close ends the counting: what lies above the last row, and which rows beyond the position belong to a worker that
// went on meanwhile.
//
// REQUIRES: no position got another fence since before.
func (t *tally) close(after ledger.Snapshot) {
	for tp := range t.chain.covered {
		t.cursor(tp)
	}
	for _, tp := range sortedKeys(t.at) {
		c := t.at[tp]
		was, is := t.before.Positions[tp], after.Positions[tp]
		c.pass(was.Offset)
		for _, o := range slices.Sorted(maps.Keys(c.beyond)) {
			rows := c.beyond[o]
			if o < was.Offset || o >= is.Offset {
				t.audit.Rows.Found += rows
				t.audit.Rows.Foreign += rows
				t.add("foreign", sink.Applied{TopicPartition: tp, Offset: o}, rows)
			}
		}
	}
}

// holes asks the log which of the covered offsets without a row are records: markers, aborted and compacted entries
// have offsets too, and never a row.
func (t *tally) holes(ctx context.Context, r Resources) error {
	ranges := map[TopicPartition]fencepost.OffsetRange{}
	for tp, c := range t.at {
		for _, gap := range c.missing {
			span, ok := ranges[tp]
			if !ok {
				span = gap
			}
			ranges[tp] = fencepost.OffsetRange{From: min(span.From, gap.From), Until: max(span.Until, gap.Until)}
		}
	}
	var missing []oddRun
	if len(ranges) > 0 {
		if r.Reader == nil {
			t.audit.unchecked("rows", "offsets without a row in %s are not looked up in the log", text.Plural(int64(len(ranges)), "partition"))
		} else if err := r.Reader.Scan(ctx, ranges, func(rec *fencepost.Record) bool {
			missing = t.hole(missing, rec)
			return true
		}); err != nil {
			return fmt.Errorf("look for records without a row: %w", err)
		}
		t.deleted(ctx, r, ranges)
	}
	t.tell(missing)
	return nil
}

// hole notes a record that has no row.
func (t *tally) hole(list []oddRun, rec *fencepost.Record) []oddRun {
	in := false
	for _, gap := range t.at[rec.TopicPartition].missing {
		in = in || gap.From <= rec.Offset && rec.Offset < gap.Until
	}
	if !in || t.noRow != nil && t.noRow(rec) || t.besides.has(rec) {
		return list
	}
	t.audit.Rows.Missing++
	for i := range list {
		if list[i].TopicPartition == rec.TopicPartition && list[i].Until == rec.Offset {
			list[i].Until++
			list[i].rows++
			return list
		}
	}
	return append(list, oddRun{rec.TopicPartition, "missing", fencepost.OffsetRange{From: rec.Offset, Until: rec.Offset + 1}, 1})
}

// deleted returns the offsets without a row that the log no longer covers.
func (t *tally) deleted(ctx context.Context, r Resources, ranges map[TopicPartition]fencepost.OffsetRange) {
	var asks []fencepost.OffsetQuery
	for tp := range ranges {
		asks = append(asks, fencepost.OffsetQuery{TopicPartition: tp, LeaderEpoch: fencepost.NoEpoch})
	}
	bounds := r.Cluster.LogOffsets(ctx, asks)
	for _, tp := range sortedKeys(ranges) {
		gone := int64(0)
		for _, gap := range t.at[tp].missing {
			if b := bounds[tp]; b.Err == nil && gap.From < b.Earliest {
				gone += int64(min(gap.Until, b.Earliest) - gap.From)
			}
		}
		if gone > 0 {
			t.audit.Findings = append(t.audit.Findings, Finding{Subject: "rows", Unchecked: true, TopicPartition: tp,
				Text: text.Count(gone) + " offsets without a row are no longer on the broker: nobody can say if they were records"})
		}
	}
}

// tell makes findings of the runs.
func (t *tally) tell(missing []oddRun) {
	for _, o := range append(missing, t.odd...) {
		tp := o.TopicPartition
		at := "offset " + text.Count(o.From)
		if o.Len() > 1 {
			at = fmt.Sprintf("[%s .. %s)", text.Count(o.From), text.Count(o.Until))
		}
		switch o.kind {
		case "missing":
			t.audit.fault("rows", "missing", tp, "%s of %s, still on the broker, %s no row", text.Plural(o.rows, "record"), at, map[bool]string{true: "has", false: "have"}[o.rows == 1])
		case "doubled":
			t.audit.fault("rows", "doubled", tp, "%s: %s, of commits that cover it %s", at, text.Plural(o.rows, "row"), covers(t.at[tp].times(o.From)))
		default:
			t.foreign(o, at)
		}
	}
}

func covers(n int64) string {
	if n == 1 {
		return "once"
	}
	return text.Count(n) + " times"
}

func (t *tally) foreign(o oddRun, at string) {
	why := "no commit covers it"
	roster := t.before.Topics[o.Topic]
	switch {
	case o.Topic == "":
		t.audit.fault("rows", "foreign", o.TopicPartition, "%s without topic, partition or offset", text.Plural(o.rows, "row"))
		return
	case roster.Partitions == 0:
		why = "the group has no topic " + o.Topic
	case o.Partition >= roster.Partitions:
		why = fmt.Sprintf("the roster knows %d partitions", roster.Partitions)
	}
	t.audit.fault("rows", "foreign", o.TopicPartition, "%s (%s); %s", text.Plural(o.rows, "row"), at, why)
}
