package sinktest

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Span is one partition's part of a batch to be made.
type Span struct {
	fencepost.TopicPartition
	Held  ledger.Position
	Until fencepost.Offset
	// Rows are the offsets that have a row; the others are markers. nil: every offset of [Held.Offset, Until). Empty
	// and not nil: none.
	Rows []fencepost.Offset
}

// Next is the position after the span is committed.
func (s Span) Next() ledger.Position { return s.Held.Advance(s.Until, s.Held.LeaderEpoch) }

// String names the span in failures.
func (s Span) String() string {
	return s.TopicPartition.String() + fencepost.OffsetRange{From: s.Held.Offset, Until: s.Until}.String()
}

// offsets are the offsets that have a row.
func (s Span) offsets() []fencepost.Offset {
	if s.Rows != nil {
		return s.Rows
	}
	var all []fencepost.Offset
	for o := s.Held.Offset; o < s.Until; o++ {
		all = append(all, o)
	}
	return all
}

// row is the row of one offset, as it must be in the table.
func (s Span) row(o fencepost.Offset) Row {
	return Row{TopicPartition: s.TopicPartition, Offset: o, Value: fmt.Sprintf("%s@%d", s.TopicPartition, o), N: int64(o)}
}

// compare orders rows by everything they have.
func (r Row) compare(o Row) int {
	return cmp.Or(r.TopicPartition.Compare(o.TopicPartition), cmp.Compare(r.Offset, o.Offset), cmp.Compare(r.N, o.N),
		cmp.Compare(r.Value, o.Value))
}

// Commit makes a batch of the suite's columns, with its moves: a segment a span, in partition order. The row of offset o
// has the value `topic:partition@o` and n = o.
func Commit(spans ...Span) sink.Commit {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b Span) int { return a.Compare(b.TopicPartition) })
	b := sink.Commit{Batch: &fencepost.Batch{}}
	for _, c := range Columns() {
		b.Columns = append(b.Columns, fencepost.Column{Name: c.Name, Type: c.Type})
	}
	for _, s := range spans {
		lo := len(b.Offsets)
		for _, o := range s.offsets() {
			r := s.row(o)
			b.Offsets = append(b.Offsets, o)
			b.Times = append(b.Times, 978_307_200_000+int64(len(b.Times)))
			b.Columns[0].AppendText(r.Value)
			b.Columns[1].AppendInt(r.N)
		}
		b.Segments = append(b.Segments, fencepost.Segment{TopicPartition: s.TopicPartition,
			Range: fencepost.OffsetRange{From: s.Held.Offset, Until: s.Until}, Lo: lo, Hi: len(b.Offsets)})
		b.Moves = append(b.Moves, ledger.Move{TopicPartition: s.TopicPartition, Cause: ledger.CauseCommit, Held: s.Held, Next: s.Next()})
	}
	return b
}

// One makes a batch, all of whose rows are of one partition, the commit that takes it from held to until.
func One(b *fencepost.Batch, tp fencepost.TopicPartition, held ledger.Position, until fencepost.Offset) sink.Commit {
	next := held.Advance(until, fencepost.NoEpoch)
	b.Segments = []fencepost.Segment{{TopicPartition: tp, Range: fencepost.OffsetRange{From: held.Offset, Until: until}, Hi: len(b.Offsets)}}
	return sink.Commit{Batch: b, Moves: []ledger.Move{{TopicPartition: tp, Cause: ledger.CauseCommit, Held: held, Next: next}}}
}

// part is a commit with those of its segments whose partition is kept.
func part(c sink.Commit, keep func(fencepost.TopicPartition) bool) sink.Commit {
	b := *c.Batch
	b.Segments = nil
	var moves []ledger.Move
	for i, s := range c.Segments {
		if keep(s.TopicPartition) {
			b.Segments, moves = append(b.Segments, s), append(moves, c.Moves[i])
		}
	}
	return sink.Commit{Batch: &b, Moves: moves}
}
