package admin

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// mostRead is how many records are read at most to learn whether each offset is one.
const mostRead = 20_000

// dense finds the ranges of which every offset is a record. Markers of transactions, aborted records and compacted entries have
// offsets too, and no question but reading tells them from records: a topic's cleanup.policy and its producers are those of now. A
// range that is too long to be read, or was not read in time, is not in the answer: its length is the most that there can be.
func dense(ctx context.Context, reader source.Reader, ranges map[fencepost.TopicPartition]fencepost.OffsetRange) map[fencepost.TopicPartition]bool {
	next, chosen := map[fencepost.TopicPartition]fencepost.Offset{}, map[fencepost.TopicPartition]fencepost.OffsetRange{}
	left := int64(mostRead)
	shortest := slices.SortedFunc(maps.Keys(ranges), func(a, b fencepost.TopicPartition) int {
		return cmp.Or(cmp.Compare(ranges[a].Len(), ranges[b].Len()), a.Compare(b))
	})
	for _, tp := range shortest {
		if r := ranges[tp]; r.Len() > 0 && r.Len() <= left {
			next[tp], chosen[tp], left = r.From, r, left-r.Len()
		}
	}
	got := map[fencepost.TopicPartition]bool{}
	if reader == nil || len(chosen) == 0 {
		return got
	}
	ctx, cancel := context.WithTimeout(ctx, peekTime)
	defer cancel()
	_ = reader.Scan(ctx, chosen, func(rec *fencepost.Record) bool { // what it did not bring is not known
		tp := rec.TopicPartition
		if rec.Offset != next[tp] {
			return false
		}
		next[tp]++
		got[tp] = next[tp] == chosen[tp].Until
		return true
	})
	maps.DeleteFunc(got, func(_ fencepost.TopicPartition, whole bool) bool { return !whole })
	return got
}

// count takes over what was learnt of the lines that the plan's are copies of.
func (p *Plan) count(lines []*Line) {
	dense := map[fencepost.TopicPartition]bool{}
	for _, l := range lines {
		dense[l.TopicPartition] = l.Dense
	}
	for i := range p.Lines {
		p.Lines[i].Dense = dense[p.Lines[i].TopicPartition]
	}
}

// lostTrack reports whether nobody knows how much of the log that is there now was applied: it was truncated, and where is not known.
func (l *Line) lostTrack() bool { return l.verdict == ledger.Truncated && l.diverged < 0 }

// countRepeats learns of which lines the repeats are records, one for each offset.
func countRepeats(ctx context.Context, r Resources, lines []*Line) {
	ranges := map[fencepost.TopicPartition]fencepost.OffsetRange{}
	for _, l := range lines {
		if from := max(l.Next.Offset, l.earliest); l.Repeats > 0 && !l.Dense && !l.lostTrack() {
			ranges[l.TopicPartition] = fencepost.OffsetRange{From: from, Until: from + fencepost.Offset(l.Repeats)}
		}
	}
	got := dense(ctx, r.Reader, ranges)
	for _, l := range lines {
		l.Dense = l.Dense || got[l.TopicPartition]
	}
}
