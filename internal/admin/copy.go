package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// CopyOptions is what an operator says about a copy besides its two ends. The zero value refuses whatever is not plain.
type CopyOptions struct {
	Selection Selection
	Policy    ledger.Policy // what becomes of positions that the brokers contradict
	Missing   ledger.Choice // where partitions begin that the source has no position of; Park: refuse
	Over      bool          // also where the target holds a position
	From      string        // the source as people name it: kept with each move
	Why       string        // kept before it
}

// Copied is one partition of a Copy.
type Copied struct {
	Line
	Read    string               // what the source holds: 30000|31007; empty: nothing
	Bounds  fencepost.LogOffsets // of the target's brokers
	Verdict ledger.Verdict
	Full    bool      // each offset that is unread is a record
	At      time.Time // across clusters: of the record at the source's position; zero: it was at the end
}

// Unread is how many offsets lie before the end.
func (c Copied) Unread() int64 { return max(0, int64(c.Bounds.HighWatermark-c.Next.Offset)) }

// Copy is what Plan.Execute would do to the target.
type Copy struct {
	Plan  *Plan
	Lines []Copied // in partition order; those that move are the Plan's lines too
	Held  int      // partitions of which the target holds a position already
	Fresh bool     // the target has no ledger yet: to move makes it
	Notes []string // for people: what is odd about the source and no reason to refuse it
	// Members is how many live members the source's group has: what they read from now on is read again by the target's.
	Members int
	// Across says that the source's cluster is another one than the target's: positions were found by time.
	Across bool
	Uneven bool // and that the topic has another number of partitions there
}

// copying is a copy being planned.
type copying struct {
	to      Resources
	held    ledger.Snapshot // of the target
	about   source.Description
	o       CopyOptions
	out     *Copy
	refused []refusal
	// doubtful were truncated where nobody knows: all that is unread of them may have been applied.
	doubtful []fencepost.TopicPartition
}

// refusal is why one partition cannot be copied.
type refusal struct {
	fencepost.TopicPartition
	text, help string
}

func (c *copying) refuse(tp fencepost.TopicPartition, help, format string, args ...any) {
	c.refused = append(c.refused, refusal{tp, fmt.Sprintf(format, args...), help})
}

// PlanCopy plans to make the target's ledger hold what the source holds, on the same cluster. from is a look at the
// source by the target's brokers. All of it can be copied or nothing is: partitions of a topic that were left out would
// be lost rows of the target.
//
// Errors: *fencepost.UserError copy-refused, nothing-selected, other-cluster.
func PlanCopy(ctx context.Context, from View, to Resources, o CopyOptions) (*Copy, error) {
	c, err := newCopying(ctx, from, to, o)
	if err != nil {
		return nil, err
	}
	c.about = from.About
	has := map[string]bool{} // :: topic -> the source has a position of it
	for _, s := range from.Standings {
		has[s.Topic] = has[s.Topic] || !s.Position.Absent()
	}
	for _, s := range from.Standings {
		if !has[s.Topic] || !o.Selection.Has(s.TopicPartition) {
			continue // such a topic begins by itself, as the pipeline says
		}
		if _, reads := c.about.Topics[s.Topic]; !reads && s.Bounds.Err == nil {
			c.refuse(s.TopicPartition, "--topic for the others alone", "the pipeline does not read its topic")
			continue
		}
		c.take(s)
	}
	return c.finish(ctx)
}

// Beside adds what the source's own readers do.
func (c *Copy) Beside(readers foreign.Readers) {
	c.Members = readers.Members
	if readers.Members > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("A is live, with %s: what they read from now on is read again by B", text.Plural(readers.Members, "member")))
	}
	if readers.Note != "" {
		c.Notes = append(c.Notes, readers.Note)
	}
}

// newCopying reads the target.
func newCopying(ctx context.Context, from View, to Resources, o CopyOptions) (*copying, error) {
	if err := o.Selection.check(from); err != nil {
		return nil, err
	}
	c := &copying{to: to, o: o, out: &Copy{Notes: from.Notes}}
	c.out.Plan = &Plan{Group: to.Group, Made: from.At, Exact: true}
	if f, ok := ledger.As[ledger.Finder](to.Ledger); ok {
		there, err := f.Exists(ctx, to.Group)
		if err != nil {
			return nil, fmt.Errorf("look for the target's ledger: %w", err)
		}
		if !there {
			c.out.Fresh = true
			return c, nil
		}
	}
	var err error
	if c.held, err = to.Ledger.Read(ctx, to.Group); err != nil {
		return nil, fmt.Errorf("read the target's ledger: %w", err)
	}
	c.out.Plan.Ledger = c.held.Ledger
	return c, nil
}

// take copies one position that was looked at by the target's own brokers.
func (c *copying) take(s Standing) {
	d := s.under(c.o.Policy)
	line := Copied{Bounds: s.Bounds, Verdict: d.Verdict, Line: Line{TopicPartition: s.TopicPartition, Cause: ledger.CauseImport}}
	if s.foreign && line.Verdict == ledger.WeakerCheck {
		line.Verdict = ledger.OK
	}
	line.Next = ledger.Position{Offset: s.Position.Offset, LeaderEpoch: s.Position.LeaderEpoch, TopicID: s.Bounds.TopicID}
	switch {
	case s.Entry != nil:
		line.Read = s.Entry.Raw
	case !s.Position.Absent():
		line.Read = text.Count(s.Position.Offset)
	}
	switch {
	case errors.Is(s.Bounds.Err, fencepost.ErrNoTopic):
		c.refuse(s.TopicPartition, "mend or delete that entry; or --topic for the others alone", "%s: %s", d.Verdict, s.Bounds.Err)
		return
	case s.Bounds.Err != nil:
		c.refuse(s.TopicPartition, "wait until the brokers answer for it, or leave its topic out with --topic", "%s: %s", d.Verdict, s.Bounds.Err)
		return
	case s.Position.Absent():
		c.begin(line)
		return
	case d.Action == ledger.MoveOn:
		line.Next, line.AtMost, line.Why = d.Next, d.AtMost, d.Reason+"; from "+c.o.From
		line.verdict, line.diverged = d.Verdict, d.Diverged
		line.Repeats = c.appliedBefore(&line)
	case d.Action != ledger.Resume:
		c.refuse(s.TopicPartition, policyHelp(d.Verdict), "%s: %s", d.Verdict, s.Reason)
		return
	}
	if c.itself(s) {
		c.refuse(s.TopicPartition, placeOfItsOwn, "the target's entry is the one that it is copied from, and has no fence")
		return
	}
	c.land(line)
}

// appliedBefore is how many records a position that the log does not cover may have passed already, and reads again: those before
// the divergence, or all that there are where that is not known.
func (c *copying) appliedBefore(line *Copied) int64 {
	switch {
	case line.verdict != ledger.Truncated:
		return 0
	case line.diverged >= 0:
		return int64(max(0, line.diverged-line.Next.Offset))
	}
	if line.Unread() > 0 {
		c.doubtful = append(c.doubtful, line.TopicPartition)
	}
	return line.Unread()
}

// placeOfItsOwn is the remedy where another program keeps its offsets in the target's place.
const placeOfItsOwn = "give the ledger a place of its own: another key or group"

// itself reports whether the target holds another program's entry as it was read.
func (c *copying) itself(s Standing) bool {
	held := c.held.Positions[s.TopicPartition]
	return s.Entry != nil && !held.Absent() && held.Fence == 0 && held.Offset == s.Entry.Until
}

// policyHelp is the remedy for a verdict that prevents the copy.
func policyHelp(v ledger.Verdict) string {
	switch v {
	case ledger.AgedOut, ledger.Truncated, ledger.Recreated:
		return "--policy earliest, or latest"
	case ledger.OtherCluster:
		return "--from-brokers HOST:9092, those of the source: it is copied by time then"
	}
	return "mend that first; or leave its topic out with --topic"
}

// begin is a partition of a copied topic of which the source has no position.
func (c *copying) begin(line Copied) {
	if !c.held.Positions[line.TopicPartition].Absent() {
		return // it has one
	}
	switch c.o.Missing {
	case ledger.Earliest:
		line.Next.Offset = line.Bounds.Earliest
	case ledger.Latest:
		line.Next.Offset = line.Bounds.HighWatermark
	default:
		c.refuse(line.TopicPartition, "--missing earliest, or latest", "the source has no position of it, and of others of its topic")
		return
	}
	line.Cause, line.AtMost, line.Why = ledger.CauseStart, int64(line.Next.Offset-line.Bounds.Earliest), "not in "+c.o.From
	line.Next.LeaderEpoch = fencepost.NoEpoch
	c.land(line)
}

// land puts a position into the target.
func (c *copying) land(line Copied) {
	line.Held = c.held.Positions[line.TopicPartition]
	line.Partitions = c.about.Topics[line.Topic].Partitions
	if line.Why == "" {
		line.Why = "from " + c.o.From
	}
	if c.o.Why != "" {
		line.Why = c.o.Why + "; " + line.Why
	}
	if !line.Held.Absent() {
		c.out.Held++
		if !c.o.Over {
			c.refuse(line.TopicPartition, "--over replaces it", "the target holds it already, at %s", text.Count(line.Held.Offset))
			return
		}
		c.replace(&line)
	}
	c.out.Lines = append(c.out.Lines, line)
	if line.Line.moves() {
		c.out.Plan.Lines = append(c.out.Plan.Lines, line.Line)
	} else {
		c.out.Plan.Stay++
	}
}

// replace prices a copy over a position that the target holds.
func (c *copying) replace(line *Copied) {
	line.Next.TopicID = cmp.Or(line.Next.TopicID, line.Held.TopicID) // brokers without IDs take none away
	held, next := line.Held, line.Next
	line.mends = held.Fence == 0 // another program's entry: it gets a fence
	var none fencepost.TopicID
	switch {
	case held.TopicID != next.TopicID && held.TopicID != none && next.TopicID != none:
		line.mends, line.AtMost = true, ledger.UnknownLoss
	case next.Offset < held.Offset:
		line.Repeats = max(line.Repeats, int64(held.Offset-max(next.Offset, line.Bounds.Earliest)))
	case line.AtMost != ledger.UnknownLoss:
		line.AtMost = max(line.AtMost, int64(next.Offset-held.Offset))
	}
}

// finish is the plan, or why there is none.
func (c *copying) finish(ctx context.Context) (*Copy, error) {
	c.out.Plan.ClusterID = c.about.ClusterID
	if was := c.held.ClusterID; was != "" && c.about.ClusterID != "" && was != c.about.ClusterID {
		return nil, &fencepost.UserError{Code: "other-cluster", Exit: 4, Help: "name the brokers that the target's group runs with; or copy to a group of its own",
			Err: fmt.Errorf("the target's group %s belongs to cluster %s, these brokers are cluster %s; nothing was changed", c.to.Group, was, c.about.ClusterID)}
	}
	c.leftOut()
	if len(c.refused) > 0 {
		return nil, c.fault()
	}
	if len(c.out.Lines) == 0 {
		return nil, nothing("the source has no position of what was chosen")
	}
	if n := len(c.doubtful); n > 0 {
		name := c.doubtful[0].String()
		if n > 1 {
			name += " and " + text.Count(n-1) + " more"
		}
		c.out.Notes = append(slices.Clone(c.out.Notes), name+": the log was truncated, and where is not known: all that is unread may have been applied already")
	}
	c.count(ctx)
	return c.out, nil
}

// count learns of which partitions what is unread, or is repeated, is a record for each offset.
func (c *copying) count(ctx context.Context) {
	unread := map[fencepost.TopicPartition]fencepost.OffsetRange{}
	lines := make([]*Line, len(c.out.Lines))
	for i := range c.out.Lines {
		l := &c.out.Lines[i]
		lines[i] = &l.Line
		l.earliest = l.Bounds.Earliest
		unread[l.TopicPartition] = fencepost.OffsetRange{From: l.Next.Offset, Until: l.Next.Offset + fencepost.Offset(l.Unread())}
	}
	got := dense(ctx, c.to.Reader, unread)
	for i := range c.out.Lines {
		l := &c.out.Lines[i]
		l.Full = got[l.TopicPartition]
		l.Dense = l.Full && l.Held.Offset <= l.Bounds.HighWatermark && !l.lostTrack() // what is repeated is unread too
	}
	countRepeats(ctx, c.to, lines)
	c.out.Plan.count(lines)
}

// leftOut refuses to leave out a partition that the target does not hold: with the others of its topic the ledger counts
// it, and without a row it is a lost one.
func (c *copying) leftOut() {
	topics := map[string]bool{}
	for _, l := range c.out.Lines {
		if topics[l.Topic] {
			continue
		}
		topics[l.Topic] = true
		for p := range l.Partitions {
			tp := fencepost.TopicPartition{Topic: l.Topic, Partition: p}
			if !c.o.Selection.Has(tp) && c.held.Positions[tp].Absent() {
				c.refuse(tp, "--topic "+l.Topic, "it was left out, and would be a lost row of the target")
			}
		}
	}
}

// mostRefusals is how many partitions a refusal names.
const mostRefusals = 20

// fault names each partition that prevents the copy, and every remedy once.
func (c *copying) fault() error {
	var b strings.Builder
	n := len(c.refused)
	fmt.Fprintf(&b, "%s can not be copied, and then none is; nothing was changed", text.Plural(n, "partition"))
	wide := 0
	for _, r := range c.refused {
		wide = max(wide, len(r.String()))
	}
	for _, r := range c.refused[:min(n, mostRefusals)] {
		fmt.Fprintf(&b, "\n  %-*s  %s", wide, r.TopicPartition, r.text)
	}
	if n > mostRefusals {
		fmt.Fprintf(&b, "\n  and %s more", text.Count(n-mostRefusals))
	}
	var helps []string
	said := map[string]bool{}
	for _, r := range c.refused {
		if !said[r.help] {
			said[r.help] = true
			helps = append(helps, r.help)
		}
	}
	return &fencepost.UserError{Code: "copy-refused", Exit: 4, Err: fmt.Errorf("%s", b.String()), Help: strings.Join(helps, "\n")}
}
