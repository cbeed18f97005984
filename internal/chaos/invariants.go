package chaos

import (
	"cmp"
	"maps"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// Check holds a run against every invariant, and returns what did not hold, in the order of the invariants. Of one partition and invariant
// it names the first few places.
func Check(f Facts) []Violation {
	var all []Violation
	for _, tp := range f.partitions() {
		p := f.partition(tp)
		for _, check := range []func() []Violation{p.applied, p.counted, p.ordered, p.faithful, p.fenced, p.moved, p.sighted} {
			all = append(all, check()...)
		}
	}
	if err := sinktest.Proof(f.Moves, f.Snapshot); err != nil {
		all = append(all, violation("I3", "%v", err))
	}
	if f.Behind != "" || f.Drained > f.Limit {
		all = append(all, violation("I8", "%s after the last fault, where %s is the limit: %s", f.Drained.Round(ms), f.Limit, cmp.Or(f.Behind, "all is applied")))
	}
	slices.SortStableFunc(all, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(len(a.Invariant), len(b.Invariant)), cmp.Compare(a.Invariant, b.Invariant))
	})
	return all
}

// partitions is every partition of which anything is known, in order.
func (f Facts) partitions() []fencepost.TopicPartition {
	known := map[fencepost.TopicPartition]bool{}
	for tp := range f.Log {
		known[tp] = true
	}
	for tp := range f.Rows {
		known[tp] = true
	}
	for tp := range f.Snapshot.Positions {
		known[tp] = true
	}
	return slices.SortedFunc(maps.Keys(known), fencepost.TopicPartition.Compare)
}

// partition is one partition's part of the facts.
type partition struct {
	fencepost.TopicPartition
	log    []Entry
	rows   []Entry
	moves  []ledger.Recorded
	orders []Order
	seen   []Sighting
	twice  bool // rows may be there more often than commits cover their records: Facts.AtLeastOnce
}

func (f Facts) partition(tp fencepost.TopicPartition) partition {
	p := partition{TopicPartition: tp, log: f.Log[tp], rows: f.Rows[tp], orders: f.Orders, twice: f.AtLeastOnce}
	for _, m := range f.Moves {
		if m.TopicPartition == tp {
			p.moves = append(p.moves, m)
		}
	}
	for _, s := range f.Seen {
		if s.TopicPartition == tp {
			p.seen = append(p.seen, s)
		}
	}
	return p
}

// commits is the committed ranges, in the order of the commits.
func (p partition) commits() (ranges []fencepost.OffsetRange) {
	for _, m := range p.moves {
		if m.Cause == ledger.CauseCommit {
			ranges = append(ranges, fencepost.OffsetRange{From: m.Held.Offset, Until: m.Next.Offset})
		}
	}
	return ranges
}

// span is where the log's records of a range are: [from, until) of p.log.
func (p partition) span(r fencepost.OffsetRange) (from, until int) {
	from, _ = slices.BinarySearchFunc(p.log, r.From, byOffset)
	until, _ = slices.BinarySearchFunc(p.log, r.Until, byOffset)
	return from, max(from, until)
}

func byOffset(e Entry, o fencepost.Offset) int { return cmp.Compare(e.Offset, o) }

// expected is the rows that there must be: the records of each committed range, one range behind the other.
func (p partition) expected() (rows []Entry) {
	for _, r := range p.commits() {
		from, until := p.span(r)
		rows = append(rows, p.log[from:until]...)
	}
	return rows
}

// few keeps what is worth reading of many violations of one kind.
func few(all []Violation) []Violation {
	const enough = 5
	if len(all) <= enough {
		return all
	}
	return append(all[:enough:enough], violation(all[0].Invariant, "... and %d more", len(all)-enough))
}

// applied is I1: each record of the log is in a committed range, or passed by a move that was ordered.
func (p partition) applied() (violations []Violation) {
	covered := make([]bool, len(p.log)) // :: place in the log
	for _, m := range p.moves {
		if m.Cause != ledger.CauseCommit && !p.wasOrdered(m) {
			continue
		}
		from, until := p.span(fencepost.OffsetRange{From: m.Held.Offset, Until: m.Next.Offset})
		for i := from; i < until; i++ {
			covered[i] = true
		}
	}
	for i, e := range p.log {
		if !covered[i] {
			violations = append(violations, violation("I1", "%s: record %d is in no committed range", p, e.Offset))
		}
	}
	return few(violations)
}

// counted is I1, I2 and I5: as many rows of each record as commits cover it.
func (p partition) counted() []Violation {
	var lost, doubled, alien []Violation
	for want, got := offsets(p.expected()), offsets(p.rows); len(want)+len(got) > 0; {
		o := least(want, got)
		w, g := take(&want, o), take(&got, o)
		switch {
		case p.twice && g >= w && p.logged(o):
		case w == 0:
			alien = append(alien, violation("I5", "%s: %d rows of record %d, which no commit covers", p, g, o))
		case g < w:
			lost = append(lost, violation("I1", "%s: %d rows of record %d, which %d commits cover", p, g, o, w))
		case g > w:
			doubled = append(doubled, violation("I2", "%s: %d rows of record %d, which %d commits cover", p, g, o, w))
		}
	}
	return slices.Concat(few(lost), few(doubled), few(alien))
}

// logged reports whether the log has a record.
func (p partition) logged(o fencepost.Offset) bool {
	_, known := slices.BinarySearchFunc(p.log, o, byOffset)
	return known
}

// offsets are those of entries, in order, each as often as it comes: a run has millions of them, for which a map is too large.
func offsets(entries []Entry) []fencepost.Offset {
	list := make([]fencepost.Offset, len(entries))
	for i, e := range entries {
		list[i] = e.Offset
	}
	slices.Sort(list)
	return list
}

// least is the first offset of two lists in order, of which one may be empty.
func least(a, b []fencepost.Offset) fencepost.Offset {
	if len(b) == 0 || len(a) > 0 && a[0] < b[0] {
		return a[0]
	}
	return b[0]
}

// take takes an offset from the front of a list, and says how often it was there.
func take(list *[]fencepost.Offset, o fencepost.Offset) (n int) {
	for n < len(*list) && (*list)[n] == o {
		n++
	}
	*list = (*list)[n:]
	return n
}

// ordered is I4. Rows that are too many or too few are not its affair.
func (p partition) ordered() []Violation {
	if p.twice {
		return nil
	}
	want := p.expected()
	if !slices.Equal(offsets(want), offsets(p.rows)) {
		return nil
	}
	for i, w := range want {
		if got := p.rows[i].Offset; got != w.Offset {
			return []Violation{violation("I4", "%s: row %d is of record %d, and the commits say %d", p, i, got, w.Offset)}
		}
	}
	return nil
}

// faithful is I9.
func (p partition) faithful() (violations []Violation) {
	for _, row := range p.rows {
		i, known := slices.BinarySearchFunc(p.log, row.Offset, byOffset)
		if known && p.log[i].Value != row.Value {
			violations = append(violations, violation("I9", "%s: the row of record %d says %d, the record %d", p, row.Offset, row.Value, p.log[i].Value))
		}
	}
	return few(violations)
}

// fenced is I6.
func (p partition) fenced() (violations []Violation) {
	replaced := map[ledger.Fence]bool{}
	var last ledger.Recorded
	for _, m := range p.moves {
		switch {
		case m.Cause != ledger.CauseCommit:
			replaced[last.Next.Fence] = true
		case replaced[m.Held.Fence]:
			violations = append(violations, violation("I6", "%s: %s committed [%d .. %d) under fence %s, which a move had replaced", p, m.Who, m.Held.Offset, m.Next.Offset, m.Held.Fence))
		case m.Who != last.Who && m.Held.Fence == last.Next.Fence && m.Held.Offset < last.Next.Offset:
			violations = append(violations, violation("I6", "%s: %s committed [%d .. %d) where %s had come to %d", p, m.Who, m.Held.Offset, m.Next.Offset, last.Who, last.Next.Offset))
		}
		last = m
	}
	return few(violations)
}

// moved is I10: but for commits and the first start, each move was ordered, once.
func (p partition) moved() (violations []Violation) {
	left := slices.Clone(p.orders)
	for i, m := range p.moves {
		if m.Cause == ledger.CauseCommit || m.Cause == ledger.CauseStart && i == 0 {
			continue
		}
		n := slices.IndexFunc(left, func(o Order) bool { return o.covers(m) })
		if n < 0 {
			violations = append(violations, violation("I10", "%s: %s from %d to %d by %s was not ordered: %q", p, m.Cause, m.Held.Offset, m.Next.Offset, m.Who, m.Why))
			continue
		}
		left = slices.Delete(left, n, n+1)
	}
	return few(violations)
}

// wasOrdered reports whether a move other than a commit is one that was ordered.
func (p partition) wasOrdered(m ledger.Recorded) bool {
	return slices.ContainsFunc(p.orders, func(o Order) bool { return o.covers(m) })
}

// sighted is I7: what was seen of the position is what the moves made of it, one after the other.
func (p partition) sighted() (violations []Violation) {
	next := 0
	for _, s := range p.seen {
		i := slices.IndexFunc(p.moves[next:], func(m ledger.Recorded) bool { return m.Next.Holds(s.Position) })
		if i < 0 {
			violations = append(violations, violation("I7", "%s was at %d (fence %s) at %s, where no move had put it by then", p, s.Position.Offset, s.Position.Fence, s.At))
			continue
		}
		next += i
	}
	return few(violations)
}
