package top

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/ledger"
)

// act makes the plan of a key for some partitions; false: the key is none of those that change.
func act(m *Model, s *source, list []view.Standing, key string) (tea.Cmd, bool) {
	var tps []fencepost.TopicPartition
	for _, one := range list {
		tps = append(tps, fencepost.TopicPartition{Topic: one.Topic, Partition: one.Partition})
	}
	switch key {
	case "m":
		m.prompt = &prompt{head: "move " + names(list) + " to ", keys: "earliest  latest  N  +N  -N  -2h  2026-11-21T03:00  enter plan  esc leave",
			enter: func(m *Model, typed string) tea.Cmd { return planSet(m, s, tps, typed) }}
		return nil, true
	case "r":
		return planRepair(m, s, tps, "retry"), true
	case "s":
		return planRepair(m, s, tps, "skip"), true
	}
	return nil, false
}

// selection chooses partitions.
func selection(tps []fencepost.TopicPartition) (admin.Selection, error) {
	var words []string
	for _, tp := range tps {
		words = append(words, tp.String())
	}
	return admin.ParseSelection(words)
}

// planSet plans what offsets set does.
func planSet(m *Model, s *source, tps []fencepost.TopicPartition, typed string) tea.Cmd {
	to, err := admin.ParseDestination(typed, m.cfg.now())
	if err != nil {
		says := "no target"
		if local, ok := errors.AsType[*text.LocalTimeError](err); ok {
			says = local.Error()
		}
		m.fault(&fencepost.UserError{Code: "usage", Err: fmt.Errorf("%s: %s", typed, says), Help: "earliest, latest, 1000, +1000, -1000, 2026-11-21T03:00 or -2h"})
		return nil
	}
	return newPlan(m, s, "plan", func(ctx context.Context) (*proposal, error) {
		sel, err := selection(tps)
		if err != nil {
			return nil, err
		}
		v, err := admin.Look(ctx, s.Resources)
		if err != nil {
			return nil, err
		}
		p, err := admin.PlanSet(ctx, s.Resources, v, sel, to, false)
		if err != nil {
			return nil, err
		}
		return s.proposal(p, func(why string) string {
			return "fencepost offsets set " + text.Shell(s.File) + topicFlags(tps) + " --to " + text.Shell(typed) + quoted("--why", why) + " --execute"
		}), nil
	})
}

// proposal is a plan of moves.
func (s *source) proposal(p *admin.Plan, command func(string) string) *proposal {
	v := view.NewPlan(p)
	out := &proposal{head: fmt.Sprintf("plan for %s: %s, %d stay", v.Group, v.Summary(), v.Stay), beside: v.Safety(), command: command,
		draw: func(width int) []line { return tabled(v.Table(), width) }, verb: v.Summary()}
	if len(v.Moves) == 0 {
		out.head = fmt.Sprintf("plan for %s: nothing to move", v.Group)
		out.nothing = "Nothing to move: it stands there already."
		out.draw, out.beside = func(int) []line { return nil }, ""
	}
	if !v.ToTime.IsZero() {
		at := v.Clock.Time(v.ToTime.Time) + " " + v.Clock.String()
		out.sink = "time " + at + ": each goes to its first record of then or later. "
		if v.Past != "" {
			out.sink += "No record is as late in " + v.Past + ": the end is taken. "
		}
	}
	if n := v.Repeats(); n.N != 0 && s.Repeat != nil {
		out.sink += s.Repeat(n)
	}
	if v.Left != (fencepost.Place{}) {
		out.sink += fmt.Sprintf(" The server is an old primary: the group went on at timeline %d. These moves say to go on here all the same.", v.Left.Timeline)
	}
	out.execute = func(ctx context.Context, why string) ([]string, error) {
		did, err := p.Execute(ctx, s.Resources, why)
		if err != nil {
			return nil, err
		}
		return view.NewDone(p, did).Lines(), nil
	}
	return out
}

// planRepair plans what offsets repair does: choice is retry or skip for the record that parks a partition, or a policy's word.
func planRepair(m *Model, s *source, tps []fencepost.TopicPartition, choice string) tea.Cmd {
	return newPlan(m, s, "plan", func(ctx context.Context) (*proposal, error) {
		sel, err := selection(tps)
		if err != nil {
			return nil, err
		}
		c := admin.Choices{Policy: s.Resources.Policy, Records: 1}
		flag := "--policy " + choice
		switch choice {
		case "retry":
			c.Record, flag = admin.RecordRetry, "--record retry"
		case "skip":
			c.Record, flag = admin.RecordSkip, "--record skip"
		case "mirror":
			c.Mirror, flag = true, "--policy lost_row=mirror"
		case "divergence":
			flag = "--policy truncated=divergence"
		}
		if word, policy := strings.CutPrefix(flag, "--policy "); policy && !c.Mirror {
			if c.Policy, err = admin.ParsePolicy(word, s.Resources.Policy); err != nil {
				return nil, err
			}
		}
		v, err := admin.Look(ctx, s.Resources)
		if err != nil {
			return nil, err
		}
		v.ReadParked(ctx, s.Resources, sel, c.Records)
		plan, err := admin.PlanRepair(s.Resources, v, sel, c)
		if err != nil {
			return nil, err
		}
		plan.Count(ctx, s.Resources)
		return s.repaired(plan, func(why string) string {
			return "fencepost offsets repair " + text.Shell(s.File) + topicFlags(tps) + " " + flag + quoted("--why", why) + " --execute"
		}), nil
	})
}

// repaired is the plan of a repair.
func (s *source) repaired(plan *admin.Repair, command func(string) string) *proposal {
	out := s.proposal(plan.Plan, command)
	all := view.NewRepair(plan)
	out.draw = func(width int) (lines []line) {
		for _, stuck := range all.Stuck {
			lines = append(lines, plainly(stuck+"; no move mends that", width)...)
		}
		if all.Ailing > 0 {
			lines = append(lines, tabled(options(all), width)...)
		}
		for _, rec := range all.Records {
			lines = append(lines, prose("record", indent, rec.Name()+"  "+rec.Line(), width, 0, false)...)
		}
		return lines
	}
	if len(all.Sink) > 0 {
		out.sink = strings.Join(all.Sink, ". ")
	}
	switch {
	case all.Ailing == 0:
		out.head, out.nothing = "plan for "+string(all.Group)+": "+all.Summary(), "Nothing has to be repaired here."
	case all.Undecided > 0:
		out.head, out.nothing = "plan for "+string(all.Group)+": "+all.Summary(), "This choice is none for the partition: c on its page lists what there is."
	case len(plan.Plan.Lines) == 0:
		out.head, out.nothing = "plan for "+string(all.Group)+": nothing moves", "A worker tries the record again by itself, and parks again unless decoder, schema or table was mended."
	}
	out.execute = func(ctx context.Context, why string) ([]string, error) {
		did, err := plan.Plan.Execute(ctx, s.Resources, why)
		if err != nil {
			return nil, err
		}
		return view.NewRepaired(plan, did).Lines(), nil
	}
	return out
}

// planLetters plans dead-letters replay or discard.
func planLetters(m *Model, s *source, list []ledger.Letter, verb string) tea.Cmd {
	return newPlan(m, s, "plan", func(context.Context) (*proposal, error) {
		v := view.NewLetters("dead-letters "+verb, s.Resources.Group, list, time.Now())
		out := &proposal{head: fmt.Sprintf("plan for %s: %s %s", v.Group, verb, text.Plural(len(list), "dead letter")), verb: verb + " " + text.Plural(len(list), "dead letter"),
			draw: func(width int) []line { return tabled(v.Table(), width) }, whyless: verb == "replay",
			command: func(why string) string {
				places := ""
				for _, one := range v.Letters {
					places += " " + text.Shell(one.Name())
				}
				return "fencepost dead-letters " + verb + " " + text.Shell(s.File) + places + quoted("--why", why) + " --execute"
			}}
		if verb == "replay" {
			out.sink = "each goes through decoder and sink again; one that is applied is removed in the same commit, one that is as bad as before stays"
			out.execute = func(ctx context.Context, _ string) ([]string, error) {
				all, err := admin.ReplayLetters(ctx, s.Resources, list)
				return replayed(view.NewReplayed(s.Resources.Group, all, time.Now())), err
			}
			return out, nil
		}
		out.sink = "their records are emptied; the place, the reason, who discarded them and why stay"
		out.execute = func(ctx context.Context, why string) ([]string, error) {
			if err := admin.Discard(ctx, s.Resources, list, why); err != nil {
				return nil, err
			}
			return []string{text.Plural(len(list), "dead letter") + " discarded"}, nil
		}
		return out, nil
	})
}

// replayed is what became of each letter.
func replayed(v view.Letters) (lines []string) {
	for _, one := range v.Letters {
		says := one.Name() + "  " + string(one.Outcome)
		if one.Outcome == "bad" {
			says += ": " + string(one.Reason)
		}
		lines = append(lines, says)
	}
	return lines
}
