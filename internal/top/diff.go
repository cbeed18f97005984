package top

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// diff is two ledgers side by side.
type diff struct {
	grid
	a, b   *source
	filter string
	says   string
	notes  []string
}

func newDiff(a, b *source) *diff {
	return &diff{a: a, b: b, grid: grid{columns: []column{{name: "PARTITION"}, {name: "A", right: true}, {name: "B", right: true}, {name: "A-B", right: true},
		{name: "VERDICT-A", hide: 2}, {name: "VERDICT-B", hide: 1}}}}
}

func (p *diff) crumb() string { return "diff " + p.a.group() + " " + p.b.group() }

func (p *diff) of() *source { return p.a }

func (p *diff) keys(*Model) string { return "/ filter  : command  ? help  w wide  esc back  q leave" }

func (p *diff) answer(*Model) string { return p.says }

func (p *diff) refresh(*Model) {
	left, right := p.a.moment, p.b.moment
	p.notes = nil
	if !left.Known() || !right.Known() {
		p.says = "unknown: one of the ledgers has not answered yet"
		return
	}
	if left.View.About.ClusterID != right.View.About.ClusterID {
		p.says = "A and B are of two clusters, whose offsets do not compare, or brokers are silent"
		p.set(nil, p.filter)
		return
	}
	found, err := admin.Diff(left.View, right.View, admin.Selection{})
	if err != nil {
		p.says = err.Error()
		return
	}
	d := view.NewDifference(found, p.a.Resources.Where+" group "+p.a.group(), p.b.Resources.Where+" group "+p.b.group(), left.View, right.View)
	p.says = fmt.Sprintf("%d equal, %d apart, %d only in A, %d only in B", d.Equal, d.Apart, d.OnlyA, d.OnlyB)
	p.notes = append([]string{"A  " + d.A, "B  " + d.B}, append(d.ANotes, d.BNotes...)...)
	var rows []row
	for _, l := range d.Partitions {
		r := row{id: fmt.Sprintf("%s:%d", l.Topic, l.Partition), cells: []string{"", "-", "-", "-", "-", "-"}, style: screen.Yellow}
		r.cells[0] = r.id
		if l.A != nil {
			r.cells[1], r.cells[4] = text.Count(l.A.Offset), l.A.Verdict.String()
		}
		if l.B != nil {
			r.cells[2], r.cells[5] = text.Count(l.B.Offset), l.B.Verdict.String()
		}
		if l.AMinusB != nil {
			r.cells[3] = text.Count(*l.AMinusB)
			if *l.AMinusB > 0 {
				r.cells[3] = "+" + r.cells[3]
			}
		}
		r.paint = r.cells[3] != "0"
		r.words = strings.Join(r.cells, " ")
		rows = append(rows, r)
	}
	p.set(rows, p.filter)
}

func (p *diff) draw(_ *Model, width, height int) []line {
	var notes []line
	for _, n := range p.notes {
		notes = append(notes, plainly(n, width)...)
	}
	return listed(&p.grid, notes, width, height)
}

func (p *diff) press(m *Model, key string) (tea.Cmd, bool) {
	return nil, list(m, key, &p.grid, &p.filter, nil)
}
