package admin

import (
	"context"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// readTime bounds the reading of one record of each partition of the source.
const readTime = time.Minute

// PlanCopyAcross plans a copy to another cluster, where the same record has another offset: it goes by time. from is a
// look at the source by its own brokers, reader reads its records.
//
//	source   position -> the record there -> its timestamp T
//	target   the first offset at or after T;  the end, for a position at the end
//
// Where the topic has another number of partitions there, records lie elsewhere, and every partition begins at the
// smallest T. What has the same timestamp as T, or lies behind it out of order, may be read again; what lies before it
// out of order is passed.
//
// Errors: *fencepost.UserError copy-refused, nothing-selected, other-cluster.
func PlanCopyAcross(ctx context.Context, from View, reader source.Reader, to Resources, o CopyOptions) (*Copy, error) {
	c, err := newCopying(ctx, from, to, o)
	if err != nil {
		return nil, err
	}
	c.out.Across = true
	if c.about, err = to.Cluster.Describe(ctx); err != nil {
		return nil, fmt.Errorf("ask the target's brokers: %w", err)
	}
	at, read := c.stamps(ctx, from, reader)
	if len(c.refused) > 0 {
		return c.finish(ctx)
	}
	for _, topic := range from.Topics() {
		if len(at[topic.Name]) > 0 {
			c.landTopic(ctx, topic, at[topic.Name], read)
		}
	}
	return c.finish(ctx)
}

// stamps is when the record at each position of the source was written. A zero time: nothing is behind the position.
func (c *copying) stamps(ctx context.Context, from View, reader source.Reader) (at map[string]map[int32]time.Time, read map[fencepost.TopicPartition]string) {
	at, read = map[string]map[int32]time.Time{}, map[fencepost.TopicPartition]string{}
	ranges := map[fencepost.TopicPartition]fencepost.OffsetRange{}
	blocked := map[fencepost.TopicPartition]bool{}
	for _, s := range from.Standings {
		switch {
		case !c.o.Selection.Has(s.TopicPartition) || s.Position.Absent():
			continue
		case s.Decision.Action != ledger.Resume:
			c.refuse(s.TopicPartition, "mend that on the source's cluster first; or leave its topic out with --topic", "%s: %s", s.Decision.Verdict, s.Reason)
			continue
		case s.Position.Offset < s.Bounds.HighWatermark:
			ranges[s.TopicPartition] = fencepost.OffsetRange{From: s.Position.Offset, Until: s.Bounds.HighWatermark}
			blocked[s.TopicPartition] = s.Bounds.LastStableOffset < s.Bounds.HighWatermark
		}
		if at[s.Topic] == nil {
			at[s.Topic] = map[int32]time.Time{}
		}
		at[s.Topic][s.Partition] = time.Time{}
		read[s.TopicPartition] = text.Count(s.Position.Offset)
		if s.Entry != nil {
			read[s.TopicPartition] = s.Entry.Raw
		}
	}
	stamps, err := firstStamps(ctx, reader, ranges)
	for tp := range ranges {
		ms, found := stamps[tp]
		switch {
		case !found && err != nil:
			c.refuse(tp, "wait until the source's brokers answer", "its record can not be read: %s", err)
		case !found && blocked[tp]:
			c.refuse(tp, "wait until that transaction ends", "an open transaction holds its records back")
		case found && ms <= 0:
			c.refuse(tp, "offsets set, once the pipeline stands there", "its record has no timestamp")
		case found:
			at[tp.Topic][tp.Partition] = time.UnixMilli(ms)
		}
	}
	return at, read
}

// firstStamps reads the timestamp of the first record of each range.
func firstStamps(ctx context.Context, reader source.Reader, ranges map[fencepost.TopicPartition]fencepost.OffsetRange) (map[fencepost.TopicPartition]int64, error) {
	got := map[fencepost.TopicPartition]int64{}
	if len(ranges) == 0 {
		return got, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	err := reader.Scan(ctx, ranges, func(r *fencepost.Record) bool {
		got[r.TopicPartition] = r.Timestamp
		return false
	})
	return got, err
}

// landTopic finds where one topic's partitions begin on the target's cluster.
func (c *copying) landTopic(ctx context.Context, source ViewTopic, at map[int32]time.Time, read map[fencepost.TopicPartition]string) {
	there, ok := c.about.Topics[source.Name]
	if !ok {
		c.refuse(fencepost.TopicPartition{Topic: source.Name}, "create it there, or --topic for the others alone", "the target does not read this topic, or its cluster has none of this name")
		return
	}
	uneven := there.Partitions != source.Partitions
	c.out.Uneven = c.out.Uneven || uneven
	least, fromStart := earliestOf(at), uneven && c.unplaced(source, at)
	asks := make([]fencepost.OffsetQuery, there.Partitions)
	for p := range there.Partitions {
		asks[p] = fencepost.OffsetQuery{TopicPartition: fencepost.TopicPartition{Topic: source.Name, Partition: p}, LeaderEpoch: fencepost.NoEpoch, Time: at[p]}
		if uneven {
			asks[p].Time = least
		}
	}
	bounds := c.to.Cluster.LogOffsets(ctx, asks)
	for p, ask := range asks {
		b, answered := bounds[ask.TopicPartition]
		line := Copied{Bounds: b, Verdict: ledger.OK, Read: read[ask.TopicPartition], At: ask.Time,
			Line: Line{TopicPartition: ask.TopicPartition, Cause: ledger.CauseImport, RecordAt: ask.Time}}
		line.Next = ledger.Position{Offset: b.HighWatermark, LeaderEpoch: fencepost.NoEpoch, TopicID: b.TopicID}
		_, has := at[int32(p)]
		switch {
		case !answered || b.Err != nil:
			c.refuse(ask.TopicPartition, "wait until the target's brokers answer for it", "the target's brokers say nothing of it")
			continue
		case !uneven && !c.o.Selection.Has(ask.TopicPartition):
			continue
		case !has && !uneven:
			c.begin(line)
			continue
		case fromStart:
			line.Next.Offset, line.At, line.RecordAt = b.Earliest, time.Time{}, time.Time{}
			c.land(line)
			continue
		case !ask.Time.IsZero() && b.AtTime < 0:
			c.refuse(ask.TopicPartition, "wait until the target's brokers answer for it", "the target's brokers do not say which offset is at %s", ask.Time)
			continue
		case !ask.Time.IsZero():
			line.Next.Offset = b.AtTime
		}
		c.land(line)
	}
}

// unplaced looks at the partitions of the source of which there is no time. Where the topic is divided otherwise on the
// target, their records may be in any partition there: what is reported of them concerns the whole topic. It reports
// whether all of it begins at the earliest record.
func (c *copying) unplaced(source ViewTopic, at map[int32]time.Time) (fromStart bool) {
	for p := range source.Partitions {
		tp := fencepost.TopicPartition{Topic: source.Name, Partition: p}
		switch _, has := at[p]; {
		case has:
		case !c.o.Selection.Has(tp):
			c.refuse(tp, "--topic "+source.Name, "the topic has another number of partitions there, and is copied as a whole")
		case c.o.Missing == ledger.Earliest:
			fromStart = true
		case c.o.Missing != ledger.Latest:
			c.refuse(tp, "--missing earliest, or latest", "the source has no position of it, and of others of its topic")
		}
	}
	return fromStart
}

// earliestOf is the smallest time; zero where all are at the end.
func earliestOf(at map[int32]time.Time) (least time.Time) {
	for _, t := range at {
		if !t.IsZero() && (least.IsZero() || t.Before(least)) {
			least = t
		}
	}
	return least
}
