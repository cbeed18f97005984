package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// RecordChoice is what to do about a record that cannot be applied.
type RecordChoice uint8

// The choices about a record. The zero RecordChoice is none.
const (
	RecordUndecided RecordChoice = iota
	RecordRetry                  // leave it where it is: a worker tries it again every watch interval
	RecordSkip                   // pass it: a skip of one record
)

// Choices are the operator's decisions.
type Choices struct {
	Policy  ledger.Policy
	Record  RecordChoice
	Mirror  bool // a lost row goes on at the Kafka group's offset
	Records int  // with RecordSkip: at most so many records from the one that parks; 0: that one
}

// verdictWords are the verdicts that a policy decides, as the pipeline file names them.
var verdictWords = []string{"aged_out", "recreated", "truncated", "lost_row"}

// ParsePolicy reads `earliest`, `truncated=divergence,recreated=latest`: a choice alone is for every verdict, those
// with a verdict's name go before it. What is not named is as in base.
func ParsePolicy(s string, base ledger.Policy) (ledger.Policy, error) {
	p := base
	words := map[string]ledger.Choice{"park": ledger.Park, "earliest": ledger.Earliest, "latest": ledger.Latest, "divergence": ledger.Divergence}
	named := map[string]ledger.Choice{}
	for part := range strings.SplitSeq(s, ",") {
		verdict, word, one := strings.Cut(strings.TrimSpace(part), "=")
		if !one {
			verdict, word = "", verdict
		}
		verdict = strings.NewReplacer("-", "_", " ", "_").Replace(verdict)
		choice, ok := words[word]
		_, twice := named[verdict]
		switch {
		case !ok:
			return base, fmt.Errorf("%q is no choice", word)
		case one && !slices.Contains(verdictWords, verdict):
			return base, fmt.Errorf("%q is no verdict that a policy decides", verdict)
		case twice:
			return base, fmt.Errorf("%q is decided twice", part)
		case choice == ledger.Divergence && verdict != "truncated":
			return base, fmt.Errorf("divergence is for truncated alone")
		}
		named[verdict] = choice
	}
	for _, v := range append([]string{""}, verdictWords...) {
		choice, ok := named[v]
		if !ok {
			continue
		}
		for word, at := range map[string]*ledger.Choice{"aged_out": &p.AgedOut, "recreated": &p.Recreated, "truncated": &p.Truncated, "lost_row": &p.LostRow} {
			if v == "" || v == word {
				*at = choice
			}
		}
	}
	return p, nil
}

// Option is one thing that can be done about one partition, and its price.
type Option struct {
	Line
	Choice string // earliest, latest, divergence, mirror, retry, skip
	Note   string // may be empty
}

// Ailing is a partition that needs a choice, with what can be chosen.
type Ailing struct {
	Standing
	Options []Option
	Chosen  *Option // nil: none yet
}

// Repair is what Reconcile would do about each partition that is not ok.
type Repair struct {
	Plan    *Plan    // the moves of what was chosen
	Ailing  []Ailing // in partition order
	Waiting []Standing
	// Stuck need something else than a move: a topic that is gone, another cluster, a foreign write.
	Stuck []Standing
}

// Undecided is the partitions that need a choice and have none.
func (r *Repair) Undecided() (list []fencepost.TopicPartition) {
	for _, a := range r.Ailing {
		if a.Chosen == nil {
			list = append(list, a.TopicPartition)
		}
	}
	return list
}

// PlanRepair says what can be done about each chosen partition that is not ok, and plans what was chosen.
//
// Errors: *fencepost.UserError nothing-selected; skip-refused where a record is to be passed and none parks a partition.
func PlanRepair(r Resources, v View, sel Selection, c Choices) (*Repair, error) {
	if err := sel.check(v); err != nil {
		return nil, err
	}
	out := &Repair{Plan: &Plan{Group: r.Group, Ledger: v.Snapshot.Ledger, ClusterID: v.About.ClusterID, Made: v.At, Exact: true}}
	for _, s := range v.Standings {
		if !sel.Has(s.TopicPartition) {
			out.Plan.Stay++
			continue
		}
		switch options := s.options(v, c, !sel.All()); {
		case len(options) > 0:
			out.Ailing = append(out.Ailing, Ailing{Standing: s, Options: options})
		case s.Halted() && s.State != Parked && (s.State == Waiting || s.Report != nil):
			out.Waiting = append(out.Waiting, s)
		case s.State == Parked:
			out.Stuck = append(out.Stuck, s)
		default:
			out.Plan.Stay++
		}
	}
	if c.Record == RecordSkip && !sel.All() && !slices.ContainsFunc(out.Ailing, Ailing.skippable) {
		return nil, &fencepost.UserError{Code: "skip-refused", Exit: 4, Err: errors.New("no record parks one of these partitions: the next one would be passed unread; nothing was changed"),
			Help: "fencepost offsets show FILE says what is parked; to pass a record all the same: fencepost offsets set FILE --topic " + strings.Join(sel.texts, " --topic ") + " --to +1"}
	}
	out.choose(c)
	out.holdTopics(v, sel)
	for _, a := range out.Ailing {
		if a.Chosen != nil && a.Chosen.Choice != "retry" {
			a.Chosen.mends = true
			out.Plan.Lines = append(out.Plan.Lines, a.Chosen.Line)
		}
	}
	return out, nil
}

// Count learns of which options the repeats are records, one for each offset: those of transactions and of compaction are fewer.
func (r *Repair) Count(ctx context.Context, from Resources) {
	for n, more := 0, true; more; n++ { // the options of a partition are different ranges of it: the first of all, then the second
		var lines []*Line
		for i := range r.Ailing {
			if n < len(r.Ailing[i].Options) {
				lines = append(lines, &r.Ailing[i].Options[n].Line)
			}
		}
		countRepeats(ctx, from, lines)
		more = len(lines) > 0
	}
	var chosen []*Line
	for _, a := range r.Ailing {
		if a.Chosen != nil {
			chosen = append(chosen, &a.Chosen.Line)
		}
	}
	r.Plan.count(chosen)
}

// skippable reports whether a record can be passed.
func (a Ailing) skippable() bool {
	return slices.ContainsFunc(a.Options, func(o Option) bool { return o.Choice == "skip" })
}

// options is what can be done about one partition. picked: it was named by the operator.
func (s Standing) options(v View, c Choices, picked bool) (list []Option) {
	verdict := s.Decision.Verdict
	if s.vanished(v) {
		return s.vanishedOptions(v)
	}
	for _, choice := range []ledger.Choice{ledger.Divergence, ledger.Earliest, ledger.Latest} {
		if choice == ledger.Divergence && verdict != ledger.Truncated {
			continue
		}
		switch verdict {
		case ledger.AgedOut, ledger.Truncated, ledger.Recreated, ledger.LostRow:
			d := s.under(ledger.Policy{AgedOut: choice, Truncated: choice, Recreated: choice, LostRow: choice})
			if d.Action == ledger.MoveOn {
				list = append(list, s.option(v, choice, d))
			}
		}
	}
	if verdict == ledger.LostRow && s.mirrored {
		list = append([]Option{s.mirrorOption(v)}, list...)
	}
	return append(list, s.recordOptions(v, c, picked)...)
}

// mirrorOption goes on at the offset that the Kafka group holds of a lost row: the mirror is written behind each commit, and
// never before it.
func (s Standing) mirrorOption(v View) Option {
	return Option{Choice: "mirror", Note: "the Kafka group's offset; repeats what it had not been told", Line: Line{TopicPartition: s.TopicPartition,
		Next:  ledger.Position{Offset: s.stored.Mirror, LeaderEpoch: fencepost.NoEpoch, TopicID: s.topicID()},
		Cause: ledger.CauseStart, Partitions: v.About.Topics[s.Topic].Partitions, Why: "lost row: the Kafka group's offset"}}
}

// recordOptions is what can be done about the record that parks a partition.
func (s Standing) recordOptions(v View, c Choices, picked bool) (list []Option) {
	at := s.BadAt()
	blind := at < 0 && v.Unreported != nil && picked && c.Record == RecordSkip && s.Decision.Action == ledger.Resume
	if blind { // what a worker knows is not kept: the operator has it from the worker's log
		at = s.NextAt
	}
	if at < 0 {
		return nil
	}
	last, n := s.passed(at, c.Records)
	skip := Line{TopicPartition: s.TopicPartition, Held: s.Position, Next: s.Position, Cause: ledger.CauseSkip, AtMost: n, Why: s.Reason}
	skip.Next.Offset, skip.Next.LeaderEpoch, skip.Next.TopicID = last+1, fencepost.NoEpoch, s.topicID()
	if s.Bad != nil {
		skip.Why = s.Bad.Error()
	}
	if !blind {
		stay := Line{TopicPartition: s.TopicPartition, Held: s.Position, Next: s.Position}
		list = append(list, Option{Line: stay, Choice: "retry", Note: "if the cause is mended"})
	}
	note := ""
	if n > 1 {
		note = "the records at " + text.Count(at) + " to " + text.Count(last)
	}
	return append(list, Option{Line: skip, Choice: "skip", Note: note})
}

// passed is the last of at most so many records that are passed from the one that parks, and how many they are. Those that
// do not decode are passed as far as they follow each other; of those that the sink refuses, the first is known alone, and
// the operator says how many.
func (s Standing) passed(at fencepost.Offset, most int) (last fencepost.Offset, n int64) {
	last, n = at, 1
	for i, rec := range s.Records {
		if i == 0 || i >= most {
			continue
		}
		if s.Bad != nil && rec.Bad == nil {
			break
		}
		last, n = rec.Offset, n+1
	}
	return last, n
}

// option is one Choice about a verdict, priced.
func (s Standing) option(v View, choice ledger.Choice, d ledger.Decision) Option {
	m := d.Move(s.stored, 0)
	o := Option{Choice: choice.String(), Line: Line{TopicPartition: s.TopicPartition, Held: m.Held, Next: m.Next, Cause: m.Cause, AtMost: m.AtMost, Why: m.Why}}
	if m.Cause == ledger.CauseStart {
		o.Partitions = v.About.Topics[s.Topic].Partitions
	}
	switch d.Verdict {
	case ledger.Recreated:
		o.Note = "rest of the old topic"
		if choice == ledger.Latest && s.Bounds.HighWatermark > 0 {
			o.Note = "and " + text.Count(s.Bounds.HighWatermark) + " of the new"
		}
	case ledger.Truncated:
		o.verdict, o.diverged = d.Verdict, d.Diverged
		if d.Diverged < 0 { // all of it may have been applied
			o.Repeats = int64(max(0, s.Bounds.HighWatermark-m.Next.Offset))
		} else if m.Next.Offset <= d.Diverged {
			o.Repeats = int64(d.Diverged - m.Next.Offset)
			if others := int64(s.Bounds.HighWatermark - d.Diverged); others > 0 {
				o.Note = "reads the " + text.Count(others) + " others"
			}
		}
	case ledger.LostRow:
		if choice == ledger.Earliest {
			o.Repeats, o.AtMost = ledger.UnknownLoss, 0
			if s.Bounds.Earliest > 0 {
				o.AtMost = ledger.UnknownLoss
			}
			o.Note = "reads the partition again"
		}
	}
	return o
}

// vanished reports whether a recreated topic no longer has the partition.
func (s Standing) vanished(v View) bool {
	topic, known := v.About.Topics[s.Topic]
	roster := v.Snapshot.Topics[s.Topic].TopicID
	return known && s.Partition >= topic.Partitions && roster != (fencepost.TopicID{}) && topic.ID != (fencepost.TopicID{}) && roster != topic.ID
}

// vanishedOptions moves such a partition with its topic, whatever is chosen for the others.
func (s Standing) vanishedOptions(v View) (list []Option) {
	topic := v.About.Topics[s.Topic]
	for _, choice := range []ledger.Choice{ledger.Earliest, ledger.Latest} {
		list = append(list, Option{Choice: choice.String(), Note: "the new topic has no such partition", Line: Line{TopicPartition: s.TopicPartition,
			Held: s.Position, Next: ledger.Position{LeaderEpoch: fencepost.NoEpoch, TopicID: topic.ID}, Cause: ledger.CauseStart,
			AtMost: ledger.UnknownLoss, Partitions: topic.Partitions, Why: "the recreated topic has no such partition"}})
	}
	return list
}

// choose takes the option that policy or record choice names.
func (r *Repair) choose(c Choices) {
	for i := range r.Ailing {
		a := &r.Ailing[i]
		want := ""
		switch a.Decision.Verdict {
		case ledger.AgedOut:
			want = c.Policy.AgedOut.String()
		case ledger.Truncated:
			want = c.Policy.Truncated.String()
		case ledger.Recreated, ledger.Missing: // missing: a partition that vanished with its recreated topic
			want = c.Policy.Recreated.String()
		case ledger.LostRow:
			want = c.Policy.LostRow.String()
			if c.Mirror {
				want = "mirror"
			}
		default:
			want = map[RecordChoice]string{RecordRetry: "retry", RecordSkip: "skip"}[c.Record]
		}
		for o := range a.Options {
			if a.Options[o].Choice == want {
				a.Chosen = &a.Options[o]
			}
		}
	}
}

// holdTopics takes back the choices for a recreated topic of which one partition cannot move: it moves as a whole,
// since its incarnation is one fact.
func (r *Repair) holdTopics(v View, sel Selection) {
	whole := map[string]bool{}
	for _, s := range v.Standings {
		if _, seen := whole[s.Topic]; !seen {
			whole[s.Topic] = true
		}
		ok := sel.Has(s.TopicPartition) && (s.Decision.Verdict == ledger.Recreated || s.vanished(v))
		whole[s.Topic] = whole[s.Topic] && ok
	}
	for i := range r.Ailing {
		a := &r.Ailing[i]
		if (a.Decision.Verdict == ledger.Recreated || a.vanished(v)) && !whole[a.Topic] {
			a.Chosen = nil
			for o := range a.Options {
				a.Options[o].Note = "its topic moves as a whole: --topic " + a.Topic
			}
		}
	}
}
