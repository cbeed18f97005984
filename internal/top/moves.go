package top

import (
	"context"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
)

// moves is the history of a pipeline, the newest first.
type moves struct {
	grid
	source          *source
	filter          string
	losses, commits bool
	all             *view.Moves // nil: it has not come yet
	runs            map[string]view.MoveRun
	fault           *fencepost.UserError
}

func newMoves(s *source) *moves {
	return &moves{source: s, grid: grid{columns: []column{{name: "TIME"}, {name: "PARTITION"}, {name: "CAUSE"}, {name: "HELD", right: true}, {name: "NEXT", right: true},
		{name: "AT-MOST", right: true}, {name: "WHO", hide: 2}, {name: "WHY", cut: true, hide: 1}}}}
}

func (p *moves) crumb() string { return "moves" }

func (p *moves) of() *source { return p.source }

func (p *moves) keys(*Model) string {
	return "enter open  o losses only  c commits  / filter  esc back  ? help  w wide  ctrl-r read again"
}

func (p *moves) answer(*Model) string {
	if p.all == nil {
		return "reading the history"
	}
	says := text.Plural(len(p.all.Moves), "move")
	switch {
	case p.losses:
		says += " that passed records"
	case !p.commits:
		says += ", " + text.Plural(p.all.Folded, "commit") + " folded (c)"
	}
	m := p.source.moment
	switch {
	case m == nil || m.Day == nil || m.Week == nil:
		says += "   lost: unknown"
	case len(m.Week.Unknown) > 0:
		says += "   lost: " + m.Week.NeverApplied() + ", in 7d"
	default:
		says += "   lost: " + watch.AtMost(m.Day.AtMost) + " in 24h   " + watch.AtMost(m.Week.AtMost) + " in 7d"
	}
	return says
}

// ask reads the history.
func (p *moves) ask(m *Model) tea.Cmd {
	f := admin.Filter{Gaps: p.losses, Commits: p.commits}
	now := m.cfg.now()
	return m.ask(func(ctx context.Context) took {
		told, err := admin.Moves(ctx, p.source.Resources, f)
		return func(m *Model) {
			if f.Gaps != p.losses || f.Commits != p.commits {
				return // another question was asked since
			}
			if p.fault = nil; err != nil {
				p.fault = p.source.Named(err, watch.LedgerSilent)
				return
			}
			all := view.NewMoves(told, p.source.Resources.Group, f, now)
			p.all = &all
			p.refresh(m)
		}
	})
}

func (p *moves) refresh(*Model) {
	if p.all == nil {
		return
	}
	runs := p.all.Runs()
	slices.Reverse(runs)
	p.runs = map[string]view.MoveRun{}
	rows := make([]row, len(runs))
	for i, run := range runs {
		cause := run.Cause
		if run.Commits > 1 {
			cause = text.Plural(run.Commits, "commit")
		}
		r := row{cells: []string{p.all.Clock.Time(run.Time.Time), run.Name, cause, run.Held.String(), run.Next.String(), run.AtMost.Loss(), string(run.Who), string(run.Why)},
			style: screen.Yellow, paint: run.AtMost != 0}
		r.id = strings.Join(r.cells[:5], " ")
		r.words = strings.Join(r.cells, " ")
		rows[i], p.runs[r.id] = r, run
	}
	p.set(rows, p.filter)
}

func (p *moves) draw(_ *Model, width, height int) []line {
	if p.fault != nil {
		return prose("error", indent, "["+p.fault.Code+"] "+p.fault.Error()+"; "+p.fault.Help, width, screen.Red, true)
	}
	if p.all == nil {
		return nil
	}
	var notes []line
	if r, ok := p.current(); ok {
		notes = moveSays(p.runs[r.id], width)
	}
	return listed(&p.grid, notes, width, height)
}

// moveSays is a move in words.
func moveSays(run view.MoveRun, width int) []line {
	says := run.Cause
	if run.Who != "" {
		says += " by " + string(run.Who)
	}
	if run.Why != "" && run.Why != "-" {
		says += ": " + string(run.Why)
	}
	if run.Held != nil && run.Next != nil && run.Next.Offset < run.Held.Offset {
		says += ". " + text.Plural(run.Held.Offset-run.Next.Offset, "record") + " applied again"
	}
	switch {
	case run.AtMostUnknown:
		says += ". An unknown number of records was passed unapplied"
	case run.AtMost > 0:
		says += fmt.Sprintf(". At most %s passed unapplied", text.Plural(run.AtMost, "record"))
	}
	return prose(run.Name, max(indent, wide(run.Name)+2), says, width, 0, false)
}

func (p *moves) press(m *Model, key string) (tea.Cmd, bool) {
	switch key {
	case "o":
		p.losses, p.commits = !p.losses, false
		return p.ask(m), true
	case "c":
		p.commits, p.losses = !p.commits, false
		return p.ask(m), true
	case "ctrl+r":
		return p.ask(m), true
	case "enter":
		r, ok := p.current()
		if !ok {
			return nil, true
		}
		run := p.runs[r.id]
		if s, ok := p.source.moment.Standing(fencepost.TopicPartition{Topic: run.Topic, Partition: run.Partition}); ok {
			one := newPartition(p.source, s)
			return m.open(one, one.ask(m)), true
		}
		return nil, true
	}
	return nil, list(m, key, &p.grid, &p.filter, nil)
}
