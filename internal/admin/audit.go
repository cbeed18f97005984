package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Finding is one line of an Audit.
type Finding struct {
	Subject string // chain, ledger, rows
	OK      bool
	// Unchecked: the subject was not checked, and why. It is neither ok nor a fault.
	Unchecked bool
	TopicPartition
	Kind string // hole, overlap, fence, changed, missing, doubled, foreign, verdict; empty where OK
	Text string // what is so, or what is wrong
}

// TopicPartition is the subject of a Finding; without a topic it is about all.
type TopicPartition = fencepost.TopicPartition

// Audit is what was proven, and what was found.
type Audit struct {
	Findings []Finding
	Repeated bool // positions were rewound: some records are covered by more than one commit
	// Uncovered is how many offsets below the positions no commit covers: those that a move passed, and those that the log
	// holds below a start. At most as many records are not in the sink.
	Uncovered int64
	// Rows sums up: expected - missing + doubled + foreign = found. Set if Checked.
	Rows struct {
		Checked                                    bool
		Expected, Missing, Doubled, Foreign, Found int64
	}
}

// Faults is how many findings say that something is wrong.
func (a *Audit) Faults() (n int) {
	for _, f := range a.Findings {
		if !f.OK && !f.Unchecked {
			n++
		}
	}
	return n
}

// Proven reports whether all was looked at, the rows too, and nothing is wrong.
func (a *Audit) Proven() bool { return a.Rows.Checked && a.Faults() == 0 }

func (a *Audit) fault(subject, kind string, tp TopicPartition, format string, args ...any) {
	a.Findings = append(a.Findings, Finding{Subject: subject, Kind: kind, TopicPartition: tp, Text: fmt.Sprintf(format, args...)})
}

func (a *Audit) ok(subject, format string, args ...any) {
	a.Findings = append(a.Findings, Finding{Subject: subject, OK: true, Text: fmt.Sprintf(format, args...)})
}

func (a *Audit) unchecked(subject, format string, args ...any) {
	a.Findings = append(a.Findings, Finding{Subject: subject, Unchecked: true, Text: fmt.Sprintf(format, args...)})
}

// AuditOptions is what an audit has to know of the pipeline besides its resources.
type AuditOptions struct {
	KeepsCommits bool                         // keep_commits is not none: a commit without a row in the history is a hole
	NoRow        func(*fencepost.Record) bool // of a record that the pipeline makes no row of; nil: there is none
	Upserts      bool                         // the table has a key: rows are written over, and prove nothing
	Table        string                       // names the rows for people; empty: it has no name
	Progress     func(Progress)               // is told how far the audit is, each time that it has looked at some more; nil: nobody is
}

// Progress is how far an audit is.
type Progress struct {
	Moves int64 // of the history that were followed
	Rows  int64 // of the sink that were counted; -1: it is not there yet
	Until int64 // how many records the commits cover, of which there are rows; -1: it is not known yet
	// Findings are those so far. They are not changed any more.
	Findings []Finding
}

// eachProgress is of how many moves or rows an audit tells how far it is.
const eachProgress = 1 << 12

// tell says how far the audit is.
func (o AuditOptions) tell(a *Audit, p Progress) {
	if o.Progress != nil {
		p.Findings = slices.Clone(a.Findings)
		o.Progress(p)
	}
}

// Prove audits: the chain of recorded moves, the positions against it, and the sink's rows against both. It writes
// nothing, and holds beside running workers: what they do meanwhile is neither counted nor called wrong.
func Prove(ctx context.Context, r Resources, o AuditOptions) (*Audit, error) {
	if r.History == nil {
		return nil, &fencepost.UserError{Code: "no-history", Err: fmt.Errorf("the ledger of group %s keeps no history", r.Group)}
	}
	if err := r.exists(ctx); err != nil {
		return nil, err
	}
	a := &Audit{}
	before, err := r.Ledger.Read(ctx, r.Group)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	c := newChain(o)
	far := Progress{Rows: -1, Until: -1}
	for m, err := range r.History.Moves(ctx, r.Group) {
		if err != nil {
			return nil, err
		}
		c.follow(a, m)
		if far.Moves++; far.Moves%eachProgress == 0 {
			o.tell(a, far)
		}
	}
	v, err := Look(ctx, r)
	if err != nil {
		return nil, err
	}
	a.Repeated, a.Uncovered = c.rewound, c.uncovered(v)
	c.sum(a)
	c.compare(a, before, v)
	far.Rows, far.Until = 0, c.records()
	o.tell(a, far)
	return a, proveRows(ctx, r, o, a, c, before, far)
}

// chain follows the recorded moves of each partition.
//
//	start     commit        commit       rewind   commit
//	absent>0  [0 .. 100)    [100 .. 250)  250>200  [200 .. 300)     every Held is the Next before it, under one fence
//
// What commits covered is what rows are expected of.
type chain struct {
	options  AuditOptions
	stands   map[TopicPartition]ledger.Position
	started  map[TopicPartition]fencepost.Offset // where the first move of the topic went
	covered  map[TopicPartition][]covered
	bad      bool
	causes   map[ledger.Cause]int64
	repaired int64 // lost rows that a recorded move began anew
	rewound  bool  // a position went back; a rewind to where it is records something else
	merged   int64 // commits of which only the sum is kept
	unkept   map[TopicPartition]bool
	besides  accounted
}

// covered is a range that one or more commits applied, of one incarnation of the topic.
type covered struct {
	fencepost.OffsetRange
	id fencepost.TopicID
}

func newChain(o AuditOptions) *chain {
	return &chain{options: o, stands: map[TopicPartition]ledger.Position{}, started: map[TopicPartition]fencepost.Offset{}, covered: map[TopicPartition][]covered{},
		causes: map[ledger.Cause]int64{}, unkept: map[TopicPartition]bool{}}
}

// follow takes the next recorded move.
func (c *chain) follow(a *Audit, m ledger.Recorded) {
	tp := m.TopicPartition
	held, known := c.stands[tp]
	c.stands[tp] = m.Next
	if !known || m.Cause == ledger.CauseStart && m.Next.TopicID != held.TopicID {
		c.started[tp] = m.Next.Offset
	}
	c.link(a, m, held, known)
	c.besides.skip(m)
	c.learn(m)
	c.rewound = c.rewound || m.Cause == ledger.CauseRewind && m.Next.Offset < m.Held.Offset
	if m.Cause != ledger.CauseCommit {
		c.causes[m.Cause]++
		return
	}
	c.causes[m.Cause] += m.Commits
	if m.Commits > 1 {
		c.merged += m.Commits
	}
	c.cover(tp, covered{fencepost.OffsetRange{From: m.Held.Offset, Until: m.Next.Offset}, m.Next.TopicID})
}

// learn gives the ranges that were covered while no topic ID was known the ID that the partition takes over: it is the
// same topic. A start is of another one.
func (c *chain) learn(m ledger.Recorded) {
	none := fencepost.TopicID{}
	if m.Cause == ledger.CauseStart || m.Held.TopicID != none || m.Next.TopicID == none {
		return
	}
	list := c.covered[m.TopicPartition]
	for i := range list {
		if list[i].id == none {
			list[i].id = m.Next.TopicID
		}
	}
}

// cover adds a range; neighbours become one.
func (c *chain) cover(tp TopicPartition, next covered) {
	if next.Len() <= 0 {
		return
	}
	list := c.covered[tp]
	if n := len(list); n > 0 && list[n-1].Until == next.From && list[n-1].id == next.id {
		list[n-1].Until = next.Until
		return
	}
	c.covered[tp] = append(list, next)
}

// link says whether a move begins where the one before it ended.
func (c *chain) link(a *Audit, m ledger.Recorded, held ledger.Position, known bool) {
	tp := m.TopicPartition
	fault := func(kind, format string, args ...any) {
		c.bad = true
		a.fault("chain", kind, tp, format, args...)
	}
	switch {
	case !known && !m.Held.Absent():
		fault("hole", "the history begins with a %s at %s; the start is missing", m.Cause, text.Count(m.Held.Offset))
	case !known || m.Held.Holds(held):
	case m.Held.Absent() && m.Enrolls():
		c.repaired++ // its row was deleted, and a recorded move began it anew: the history says who, and from where
		c.rewound = c.rewound || m.Next.Offset < held.Offset
		if m.AtMost >= 0 { // the run of commits that was in the row went with it: what the move does not pass was applied
			c.cover(tp, covered{fencepost.OffsetRange{From: held.Offset, Until: m.Next.Offset - fencepost.Offset(m.AtMost)}, m.Next.TopicID})
		}
	case m.Held.Absent():
		fault("hole", "a %s finds no row where one stood at %s: it was deleted", m.Cause, text.Count(held.Offset))
	case m.Held.Fence == held.Fence && m.Held.Offset > held.Offset && !c.options.KeepsCommits:
		c.unkept[tp] = true
		c.cover(tp, covered{fencepost.OffsetRange{From: held.Offset, Until: m.Held.Offset}, held.TopicID})
	case m.Held.Offset > held.Offset:
		fault("hole", "a move ends at %s, the next begins at %s", text.Count(held.Offset), text.Count(m.Held.Offset))
	case m.Held.Offset < held.Offset:
		fault("overlap", "a move ends at %s, the next begins at %s", text.Count(held.Offset), text.Count(m.Held.Offset))
	default:
		fault("fence", "another fence at %s than the move before it left: a move is missing", text.Count(held.Offset))
	}
}

// sum returns what the chain is made of, if nothing is wrong with it.
func (c *chain) sum(a *Audit) {
	if c.bad {
		return
	}
	commits := text.Plural(c.causes[ledger.CauseCommit], "commit")
	if c.merged > 0 {
		commits += " (merged: their sum is proven, not each)"
	}
	if len(c.unkept) > 0 {
		commits = "commits not kept: nothing is proven of them but their sum"
	}
	told := fmt.Sprintf("%s: %s, %s", text.Plural(int64(len(c.stands)), "partition"), text.Plural(c.causes[ledger.CauseStart], "start"), commits)
	for _, cause := range []ledger.Cause{ledger.CauseRewind, ledger.CauseSkip, ledger.CauseImport} {
		if n := c.causes[cause]; n > 0 {
			told += ", " + text.Plural(n, cause.String())
		}
	}
	if c.repaired > 0 {
		told += ", " + text.Plural(c.repaired, "lost row") + " repaired"
	}
	a.ok("chain", "%s, %s; every From is the Until before it", told, text.Plural(c.causes[ledger.CauseGap], "gap"))
}

// records is how many offsets commits cover.
func (c *chain) records() (n int64) {
	for _, list := range c.covered {
		for _, r := range list {
			n += r.Len()
		}
	}
	return n
}

// compare holds where the moves lead against the positions, which a worker may have moved on meanwhile, and those
// against the brokers.
func (c *chain) compare(a *Audit, before ledger.Snapshot, v View) {
	n := a.Faults()
	offsets := int64(0)
	for _, s := range v.Standings {
		tp, end := s.TopicPartition, c.stands[s.TopicPartition]
		was, is := before.Positions[tp], s.Position
		offsets += int64(was.Offset)
		switch {
		case s.setBack() && (was.Holds(end) || is.Holds(end)): // else the history shows it
			a.fault("ledger", "changed", tp, "holds %s, and the Kafka group says %s under the same fence: set back by something else, or restored", text.Count(is.Offset), text.Count(s.stored.Mirror))
		case was.Holds(end) || is.Holds(end):
		case end.Fence == is.Fence && was.Fence == is.Fence && was.Offset <= end.Offset && end.Offset <= is.Offset:
		case is.Fence != was.Fence: // moved in between: not the same moment, so there is no finding
		case !c.options.KeepsCommits && end.Fence == was.Fence && end.Offset < was.Offset:
			c.unkept[tp] = true
			c.cover(tp, covered{fencepost.OffsetRange{From: end.Offset, Until: was.Offset}, was.TopicID})
		case was.Absent():
			a.fault("ledger", "changed", tp, "has no row, its moves lead to %s: it was deleted", text.Count(end.Offset))
		case end.Absent():
			a.fault("ledger", "changed", tp, "holds %s, and has no move: changed by something else", text.Count(was.Offset))
		case end.Offset != was.Offset:
			a.fault("ledger", "changed", tp, "holds %s, its moves lead to %s: changed by something else", text.Count(was.Offset), text.Count(end.Offset))
		default:
			a.fault("ledger", "changed", tp, "holds another fence at %s than its last move left: changed by something else", text.Count(was.Offset))
		}
		switch {
		case !s.NeedsPerson():
		case s.State == Parked && s.Decision.Action == ledger.Stop:
			a.fault("ledger", "verdict", tp, "%s: %s", s.Decision.Verdict, s.Told())
		default:
			a.fault("ledger", s.State.String(), tp, "%s", s.Told())
		}
	}
	if a.Faults() == n {
		a.ok("ledger", "positions are the sum of their moves: %s offsets, in bounds, same topic ID", text.Count(offsets))
	}
}

// setBack reports whether the Kafka group holds a larger offset of the same run of commits, which were in the ledger before
// they were mirrored.
func (s Standing) setBack() bool {
	return s.mirrored && s.stored.MirrorFence == s.Position.Fence && s.Position.Fence != 0 && s.stored.Mirror > s.Position.Offset
}

// proveRows holds the sink's rows against what commits covered up to before.
func proveRows(ctx context.Context, r Resources, o AuditOptions, a *Audit, c *chain, before ledger.Snapshot, far Progress) error {
	switch {
	case o.Upserts:
		a.unchecked("rows", "not checked: the table has a key, so that rows are written over")
		return nil
	case r.Provenance == nil:
		a.unchecked("rows", "not checked: the sink does not say which records its rows came from")
		return nil
	}
	n := a.Faults()
	t := &tally{audit: a, chain: c, before: before, at: map[TopicPartition]*cursor{}, noRow: o.NoRow, besides: &c.besides}
	if err := t.besides.read(ctx, r, before); err != nil {
		return err
	}
	for row, err := range r.Provenance.Applied(ctx) {
		if errors.Is(err, sink.ErrNoProvenance) {
			_, why, _ := strings.Cut(err.Error(), sink.ErrNoProvenance.Error()+": ")
			a.unchecked("rows", "not checked: %s", why)
			return nil
		}
		if err != nil {
			return err
		}
		t.row(row)
		if far.Rows++; far.Rows%eachProgress == 0 {
			o.tell(a, far)
		}
	}
	after, err := r.Ledger.Read(ctx, r.Group)
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	for tp, p := range before.Positions {
		if after.Positions[tp].Fence != p.Fence {
			a.Rows.Doubled, a.Rows.Foreign, a.Rows.Found = 0, 0, 0
			a.unchecked("rows", "not checked: %s was moved meanwhile; audit again", tp)
			return nil
		}
	}
	t.close(after)
	if err := t.holes(ctx, r); err != nil {
		return err
	}
	rows := &a.Rows
	rows.Checked = true
	rows.Expected = rows.Found + rows.Missing - rows.Doubled - rows.Foreign - t.spread
	if a.Faults() == n {
		table := ""
		if o.Table != "" {
			table = "table " + o.Table + ": "
		}
		a.ok("rows", "%s%s rows for %s records; 0 missing, 0 doubled, 0 foreign%s", table, text.Count(rows.Found), text.Count(rows.Expected), t.besides)
	}
	return nil
}

// sortedKeys lists partitions in order.
func sortedKeys[V any](m map[TopicPartition]V) []TopicPartition {
	return slices.SortedFunc(maps.Keys(m), TopicPartition.Compare)
}
