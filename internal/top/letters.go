package top

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
	"github.com/fencepost/fencepost/ledger"
)

// letters is the dead letters of a pipeline.
type letters struct {
	grid
	source *source
	filter string
	all    *view.Letters // nil: they have not come yet
	raw    map[string][]ledger.Letter
	fault  *fencepost.UserError
}

func newLetters(s *source) *letters {
	return &letters{source: s, grid: grid{marked: map[string]bool{}, columns: []column{{name: "RECORD"}, {name: "WRITTEN"}, {name: "BYTES", right: true, hide: 1}, {name: "CODE"}, {name: "REASON", cut: true}}}}
}

func (p *letters) crumb() string { return "dead letters" }

func (p *letters) of() *source { return p.source }

func (p *letters) keys(*Model) string {
	return "enter open  r replay  d discard  space mark  ctrl-r read again  / filter  esc back  ? help"
}

func (p *letters) answer(*Model) string {
	if p.all == nil {
		return "reading dead letters"
	}
	says := text.Plural(p.all.Waiting, "dead letter") + " waiting"
	for _, c := range p.all.Codes {
		says += "   " + text.Count(c.Count) + " " + c.Code
	}
	return says + "   " + text.Count(p.all.Discarded) + " discarded"
}

// ask reads them.
func (p *letters) ask(m *Model) tea.Cmd {
	now := m.cfg.now()
	return m.ask(func(ctx context.Context) took {
		found, err := admin.Letters(ctx, p.source.Resources, admin.LetterFilter{})
		return func(m *Model) {
			if p.fault = nil; err != nil {
				p.fault = p.source.Named(err, watch.LedgerSilent)
				return
			}
			all := view.NewLetters("dead-letters list", p.source.Resources.Group, found, now)
			p.all, p.raw = &all, map[string][]ledger.Letter{}
			for i, one := range all.Letters {
				p.raw[one.Name()] = append(p.raw[one.Name()], found[i])
			}
			p.refresh(m)
		}
	})
}

func (p *letters) refresh(*Model) {
	if p.all == nil {
		return
	}
	rows := make([]row, len(p.all.Letters))
	for i, one := range p.all.Letters {
		reason := string(one.Reason)
		if one.Discarded != "" {
			reason = "discarded " + string(one.Discarded) + "; " + reason
		}
		rows[i] = row{id: one.Name(), cells: []string{one.Name(), p.all.Clock.Time(one.Written.Time), text.Count(one.Bytes), one.Code, reason}}
		rows[i].words = strings.Join(rows[i].cells, " ")
	}
	p.set(rows, p.filter)
}

func (p *letters) draw(_ *Model, width, height int) []line {
	switch {
	case p.fault != nil:
		return prose("error", indent, "["+p.fault.Code+"] "+p.fault.Error()+"; "+p.fault.Help, width, screen.Red, true)
	case p.all == nil:
		return nil
	case p.grid.all == 0:
		return plainly("No dead letter. Records that cannot be applied park their partition, unless on_error keeps them here.", width)
	}
	return listed(&p.grid, nil, width, height)
}

// plainly is prose without a name.
func plainly(says string, width int) (lines []line) {
	for one := range strings.SplitSeq(wrapped(says, 0, width), "\n") {
		lines = append(lines, plain(one))
	}
	return lines
}

// chosenLetters are the marked ones, or the one under the cursor, without those that were discarded.
func (p *letters) chosenLetters() (list []ledger.Letter) {
	for _, r := range p.chosen() {
		for _, l := range p.raw[r.id] {
			if l.Discarded == "" {
				list = append(list, l)
			}
		}
	}
	return list
}

func (p *letters) press(m *Model, key string) (tea.Cmd, bool) {
	switch key {
	case "ctrl+r":
		return p.ask(m), true
	case "enter":
		if r, ok := p.current(); ok {
			one := &letter{source: p.source, name: r.id}
			shown := view.NewShownLetters(p.source.Resources.Group, p.raw[r.id], p.source.Resources.Decode, m.cfg.now())
			one.all = shown.Letters
			return m.open(one, nil), true
		}
		return nil, true
	case "r", "d":
		chosen := p.chosenLetters()
		if len(chosen) == 0 {
			m.says = plain("no dead letter waits here")
			return nil, true
		}
		return planLetters(m, p.source, chosen, map[string]string{"r": "replay", "d": "discard"}[key]), true
	}
	return nil, list(m, key, &p.grid, &p.filter, nil)
}

// letter is one dead letter whole: one for each incarnation of its topic.
type letter struct {
	scroll
	source *source
	name   string
	all    []view.Letter
}

func (p *letter) crumb() string { return p.name }

func (p *letter) of() *source { return p.source }

func (p *letter) keys(*Model) string { return "esc back  ? help  q leave" }

func (p *letter) answer(*Model) string { return p.all[0].Code }

func (p *letter) refresh(*Model) {}

func (p *letter) draw(_ *Model, width, height int) (lines []line) {
	for _, one := range p.all {
		lines = append(append(lines, explained(one.Lines(), width)...), nil)
	}
	return p.seen(lines, height)
}

func (p *letter) press(_ *Model, key string) (tea.Cmd, bool) { return nil, p.scroll.press(key) }
