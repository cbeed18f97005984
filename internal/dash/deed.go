package dash

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// deed is what a wish comes to: what would be done, in the words of the command line, and how it is done.
type deed struct {
	Verb     string // offsets set
	Summary  string // rewind 3 partitions
	Text     string // the plan, as the command line prints it
	Subjects []string
	Sink     string // what repeated records do in the sink; empty: nothing is repeated
	Loss     string // what has to be agreed to; empty: nothing is lost
	Button   string
	Nothing  bool // there is nothing to do
	data     any  // as -o json prints it

	// still says whether all is as it was when the deed was planned; moved names who changed what, as far as it is known.
	still func(ctx context.Context, r admin.Resources) (moved []string, err error)
	// do does it, and reads back that it is done.
	do func(ctx context.Context, r admin.Resources) (outcome, error)
}

// outcome is what was done, as it was read back.
type outcome struct {
	Text string
	Bad  int // dead letters that are as bad as before
	data any
}

// planned makes a deed of a wish, from what ledger and brokers say now.
func (d *Dashboard) planned(ctx context.Context, w *watcher, r admin.Resources, want wish) (*deed, error) {
	if len(want.Why) > mostWhy {
		return nil, badWish("make it shorter", "a reason has at most %s bytes", text.Count(mostWhy))
	}
	switch want.Do {
	case doSet:
		return w.planSet(ctx, r, want)
	case doRepair:
		return d.planRepair(ctx, r, want)
	case doReplay, doDiscard:
		return w.planLetters(ctx, r, want)
	}
	return nil, badWish("set, repair, replay or discard", "%s is nothing that is done here", printable(want.Do))
}

func (w *watcher) planSet(ctx context.Context, r admin.Resources, want wish) (*deed, error) {
	to, err := want.destination(time.Now())
	if err != nil {
		return nil, err
	}
	sel, err := want.selection()
	if err != nil {
		return nil, err
	}
	v, err := admin.Look(ctx, r)
	if err != nil {
		return nil, err
	}
	p, err := admin.PlanSet(ctx, r, v, sel, to, want.Clamp)
	if err != nil {
		return nil, err
	}
	says := view.NewPlan(p)
	out := &deed{Verb: says.Command, Summary: says.Summary(), data: says, Nothing: len(says.Moves) == 0}
	if n := says.Repeats(); n.N != 0 && w.Repeat != nil {
		out.Sink = w.Repeat(n)
	}
	out.Text = view.Plain(func(s view.Sheet) { says.Print(s, out.Sink) })
	for _, m := range says.Moves {
		out.Subjects = append(out.Subjects, fencepost.TopicPartition{Topic: m.Topic, Partition: m.Partition}.String())
	}
	out.price(p)
	out.still = func(ctx context.Context, r admin.Resources) ([]string, error) { return stillTrue(ctx, r, p) }
	out.do = func(ctx context.Context, r admin.Resources) (outcome, error) {
		done, err := p.Execute(ctx, r, want.Why)
		if err != nil {
			return outcome{}, err
		}
		return outcomeOf(view.NewDone(p, done)), nil
	}
	return out, nil
}

// price says what a plan of moves loses.
func (d *deed) price(p *admin.Plan) {
	d.Button = "Execute: " + d.Summary
	lost, unknown := int64(0), false
	for _, l := range p.Lines {
		if l.AtMost < 0 {
			unknown = true
		}
		lost += max(0, l.AtMost)
	}
	switch {
	case unknown:
		d.Loss, d.Button = "Records are never applied, and nobody knows how many", "Execute: lose records"
	case lost > 0:
		d.Loss, d.Button = "At most "+text.Plural(lost, "record")+" "+is(lost)+" never applied", "Execute: pass at most "+text.Plural(lost, "record")
	}
}

func is(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// stillTrue looks again, and says who has moved what of a plan.
func stillTrue(ctx context.Context, r admin.Resources, p *admin.Plan) (moved []string, err error) {
	v, err := admin.Look(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := p.Still(v); err != nil {
		return view.MovedSince(p, v, time.Now()), err
	}
	return nil, nil
}

func outcomeOf(done view.Done) outcome {
	says := ""
	for _, line := range done.Lines() {
		says += line + "\n"
	}
	return outcome{Text: says, data: done}
}

func (d *Dashboard) planRepair(ctx context.Context, r admin.Resources, want wish) (*deed, error) {
	sel, err := want.selection()
	if err != nil {
		return nil, err
	}
	choices, err := want.choices(r)
	if err != nil {
		return nil, err
	}
	plan, err := repairNow(ctx, r, sel, choices)
	if err != nil {
		return nil, err
	}
	plan.Count(ctx, r)
	says := view.NewRepair(plan)
	if d.cfg.NoRecords {
		says.Records = []view.Record{}
	}
	if says.Undecided > 0 {
		return nil, &fencepost.UserError{Code: "choice-needed", Exit: 2, Err: fmt.Errorf("%s is no choice here; nothing was changed", want.Choice), Help: "take one that the page of the partition has"}
	}
	moves := view.NewPlan(plan.Plan)
	out := &deed{Verb: says.Command, Summary: moves.Summary(), data: says, Nothing: len(plan.Plan.Lines) == 0, Text: view.Plain(says.Print)}
	for _, m := range moves.Moves {
		out.Subjects = append(out.Subjects, fencepost.TopicPartition{Topic: m.Topic, Partition: m.Partition}.String())
	}
	out.price(plan.Plan)
	if want.Choice == "skip" && len(plan.Plan.Lines) == 1 { // the record was read: it is one, and not at most one
		l := plan.Plan.Lines[0]
		out.Loss = fmt.Sprintf("%s %s never applied: %s at %s", text.Plural(l.AtMost, "record"), is(l.AtMost), l.TopicPartition, text.Count(l.Held.Offset))
		out.Button = "Execute: skip " + text.Plural(l.AtMost, "record")
	}
	out.still = func(ctx context.Context, r admin.Resources) ([]string, error) {
		moved, err := stillTrue(ctx, r, plan.Plan)
		if err != nil {
			return moved, err
		}
		now, err := repairNow(ctx, r, sel, choices)
		if err == nil && !now.Plan.SameMoves(plan.Plan) {
			err = &fencepost.UserError{Code: "plan-stale", Exit: 4, Err: errors.New("what can be done about it is another thing now; nothing was changed"), Help: "make the plan anew"}
		}
		return nil, err
	}
	out.do = func(ctx context.Context, r admin.Resources) (outcome, error) {
		done, err := plan.Plan.Execute(ctx, r, want.Why)
		if err != nil {
			return outcome{}, err
		}
		return outcomeOf(view.NewRepaired(plan, done)), nil
	}
	return out, nil
}

// repairNow plans a repair from what ledger and brokers say now.
func repairNow(ctx context.Context, r admin.Resources, sel admin.Selection, c admin.Choices) (*admin.Repair, error) {
	v, err := admin.Look(ctx, r)
	if err != nil {
		return nil, err
	}
	v.ReadParked(ctx, r, sel, c.Records)
	return admin.PlanRepair(r, v, sel, c)
}

func (w *watcher) planLetters(ctx context.Context, r admin.Resources, want wish) (*deed, error) {
	places, err := want.places()
	if err != nil {
		return nil, err
	}
	if want.Do == doReplay && r.Replay == nil {
		_, err := admin.ReplayLetters(ctx, r, nil)
		return nil, err
	}
	f := admin.LetterFilter{Places: places, Code: want.Code, Waits: true}
	letters, err := admin.Letters(ctx, r, f)
	if err != nil {
		return nil, err
	}
	says := view.NewLetters("dead-letters "+want.Do, r.Group, letters, time.Now())
	n := text.Plural(len(letters), "dead letter")
	out := &deed{Verb: says.Command, Summary: want.Do + " " + n, Button: "Execute: " + want.Do + " " + n, data: says, Nothing: len(letters) == 0, Text: view.Plain(says.Print)}
	for _, one := range says.Letters {
		out.Subjects = append(out.Subjects, one.Name())
	}
	out.still = func(ctx context.Context, r admin.Resources) ([]string, error) { return stillWaiting(ctx, r, says) }
	if want.Do == doDiscard {
		out.Loss = n + " " + is(int64(len(letters))) + " emptied: nobody can replay " + map[bool]string{true: "it", false: "them"}[len(letters) == 1]
		out.do = func(ctx context.Context, r admin.Resources) (outcome, error) {
			if err := admin.Discard(ctx, r, letters, want.Why); err != nil {
				return outcome{}, err
			}
			says.Executed = true
			return readBackLetters(ctx, r, says)
		}
		return out, nil
	}
	if w.Repeat != nil {
		out.Sink = "Each is applied now, behind records of the same key that came later."
	}
	out.do = func(ctx context.Context, r admin.Resources) (outcome, error) {
		all, err := admin.ReplayLetters(ctx, r, letters)
		done := view.NewReplayed(r.Group, all, time.Now())
		if err != nil {
			return outcome{Text: view.Plain(done.Print), data: done}, err
		}
		return readBackLetters(ctx, r, done)
	}
	return out, nil
}

// stillWaiting says which letters of a plan do not wait any more.
func stillWaiting(ctx context.Context, r admin.Resources, says view.Letters) (moved []string, err error) {
	now, err := lettersNow(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, one := range says.Letters {
		switch is, there := now[letterName(one)]; {
		case !there:
			moved = append(moved, one.Name()+" is gone: somebody has replayed it, or its record was read again")
		case is.Discarded != "":
			moved = append(moved, one.Name()+" was discarded "+string(is.Discarded))
		}
	}
	if len(moved) > 0 {
		return moved, &fencepost.UserError{Code: "plan-stale", Exit: 4, Err: fmt.Errorf("%d of %s do not wait any more; nothing was changed", len(moved), text.Plural(len(says.Letters), "dead letter")), Help: "make the plan anew"}
	}
	return nil, nil
}

// lettersNow is the letters of a group, by place and topic ID.
func lettersNow(ctx context.Context, r admin.Resources) (map[string]view.Letter, error) {
	all, err := admin.Letters(ctx, r, admin.LetterFilter{})
	if err != nil {
		return nil, err
	}
	now := map[string]view.Letter{}
	for _, one := range view.NewLetters("", r.Group, all, time.Now()).Letters {
		now[letterName(one)] = one
	}
	return now, nil
}

func letterName(l view.Letter) string { return l.Name() + " " + string(l.TopicID) }

// readBackLetters compares what was done with what the ledger holds now.
func readBackLetters(ctx context.Context, r admin.Resources, done view.Letters) (outcome, error) {
	out := outcome{Text: view.Plain(done.Print), data: done}
	now, err := lettersNow(ctx, r)
	if err != nil {
		return out, &fencepost.UserError{Code: "not-verified", Err: fmt.Errorf("it was done, and could not be read back: %w", err), Help: "when it answers again: fencepost dead-letters list FILE"}
	}
	good := 0
	for _, one := range done.Letters {
		is, there := now[letterName(one)]
		switch {
		case one.Outcome == "bad":
			out.Bad++
		case done.Command == "dead-letters discard" && there && is.Discarded != "", done.Command == "dead-letters replay" && !there:
			good++
		case one.Outcome == "gone":
		default:
			return out, &fencepost.UserError{Code: "not-verified", Err: fmt.Errorf("%s does not read back so: somebody else changed it right after", one.Name()), Help: "fencepost dead-letters list FILE"}
		}
	}
	word := map[string]string{"dead-letters discard": "discarded", "dead-letters replay": "applied, and gone from the letters"}[done.Command]
	out.Text += fmt.Sprintf("verified   %d of %s %s %s", good, text.Plural(len(done.Letters), "dead letter"), is(int64(good)), word)
	if out.Bad > 0 {
		out.Text += fmt.Sprintf("; %d %s as bad as before, and %s", out.Bad, is(int64(out.Bad)), map[bool]string{true: "waits", false: "wait"}[out.Bad == 1])
	}
	out.Text += "\n"
	return out, nil
}
