package top

import (
	tea "charm.land/bubbletea/v2"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// choices is what can be done about one partition, a row each.
type choices struct {
	grid
	source *source
	tp     fencepost.TopicPartition
	repair view.Repair
}

func newChoices(s *source, tp fencepost.TopicPartition, r view.Repair) *choices {
	return &choices{source: s, tp: tp, repair: r, grid: grid{columns: []column{{name: "CHOICE"}, {name: "OFFSET", right: true}, {name: "NEXT", right: true},
		{name: "REPEATS", right: true}, {name: "LOSES-AT-MOST", right: true}, {name: "", cut: true}}}}
}

func (p *choices) crumb() string { return "choices" }

func (p *choices) of() *source { return p.source }

func (p *choices) keys(*Model) string { return "enter plan  esc back  ? help" }

func (p *choices) answer(*Model) string { return p.tp.String() + ": " + p.repair.Summary() }

func (p *choices) refresh(*Model) {
	var rows []row
	for _, o := range p.repair.Options {
		rows = append(rows, row{id: o.Choice, words: o.Choice, cells: []string{o.Choice, o.Held.String(), text.Count(o.Next.Offset), o.Repeats.Loss(), o.LosesAtMost.Loss(), string(o.Note)}})
	}
	p.set(rows, "")
}

func (p *choices) draw(_ *Model, width, height int) []line {
	var notes []line
	for _, one := range p.repair.Sink {
		notes = append(notes, prose("sink", indent, one, width, 0, false)...)
	}
	return listed(&p.grid, notes, width, height)
}

func (p *choices) press(m *Model, key string) (tea.Cmd, bool) {
	if key == "enter" {
		if r, ok := p.current(); ok {
			return planRepair(m, p.source, []fencepost.TopicPartition{p.tp}, r.id), true
		}
		return nil, true
	}
	return nil, p.grid.press(key)
}
