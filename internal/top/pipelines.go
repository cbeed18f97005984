package top

import (
	"cmp"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
)

// pipelines is the page of all pipelines.
type pipelines struct {
	grid
	filter string
	order  order
}

func newPipelines() *pipelines {
	return &pipelines{grid: grid{columns: []column{{name: "PIPELINE"}, {name: "PROMISE", hide: 3}, {name: "STATE"}, {name: "LAG", right: true}, {name: "LAG-TIME", right: true},
		{name: "WRITTEN", right: true, hide: 5}, {name: "APPLIED", right: true, hide: 6}, {name: "WORKERS", right: true, hide: 4}, {name: "LOST-7D", right: true, hide: 2}, {name: "LAST-MOVE", hide: 1}}}}
}

func (p *pipelines) crumb() string { return "" }

func (p *pipelines) keys(*Model) string {
	return "enter open  : command  / filter  ? help  w wide  " + p.order.keys() + "  q leave"
}

// answer sums all pipelines.
func (p *pipelines) answer(m *Model) string {
	total, oldest, unheard := view.Totals{}, view.Age(0), 0
	pace := watch.Pace{}
	for _, s := range m.sources {
		if !s.moment.Known() {
			unheard++
			continue
		}
		total = total.Plus(s.moment.Positions.Totals)
		if age := s.moment.Positions.LagTime(); age < 0 || oldest < 0 {
			oldest = -1
		} else {
			oldest = max(oldest, age)
		}
		pace = pace.Plus(s.moment.Total())
	}
	if unheard == len(m.sources) {
		return "unknown: nothing has answered yet"
	}
	says := summary(total, oldest, pace)
	if unheard > 0 {
		says += "   " + text.Plural(unheard, "pipeline") + " unknown"
	}
	return says
}

// summary is what stands, and what lags.
func summary(t view.Totals, oldest view.Age, pace watch.Pace) string {
	says := states(t)
	if says == "" {
		says = "no partition"
	}
	says += "   lag " + watch.Lag(t) + " (" + watch.Known(oldest) + ")"
	if trend := pace.Trend(); trend != "" {
		says += ", " + trend
	}
	return says
}

// states counts the partitions by their states, worst first.
func states(t view.Totals) string {
	still, rest := watch.States(t)
	var words []string
	for _, c := range append(still, rest...) {
		words = append(words, c.String())
	}
	return strings.Join(words, ", ")
}

func (p *pipelines) refresh(m *Model) {
	var rows []row
	var total view.Totals
	now := m.cfg.now()
	sources := slices.Clone(m.sources)
	p.order.sort(sources, func(s *source) keyed {
		k := keyed{name: s.group(), lag: -1, age: -1}
		if s.moment.Known() {
			t := s.moment.Positions.Totals
			k.lag, k.age, k.state = t.Lag, s.moment.Positions.LagTime(), 1000*t.Parked+t.Blocked+t.Waiting+t.Retrying+t.CutOff
		}
		return k
	})
	oldest, pace := view.Age(0), watch.Pace{}
	for _, s := range sources {
		rows = append(rows, pipelineRow(s, now))
		if !s.moment.Known() {
			total.AtLeast, total.LagUnknown, oldest = true, total.LagUnknown+1, -1
			total.Partitions++
			continue
		}
		total = total.Plus(s.moment.Positions.Totals)
		pace = pace.Plus(s.moment.Total())
		if age := s.moment.Positions.LagTime(); age < 0 || oldest < 0 {
			oldest = -1
		} else {
			oldest = max(oldest, age)
		}
	}
	p.total = &row{cells: []string{text.Count(len(m.sources)), "", "", watch.Lag(total), watch.Known(oldest), watch.PerSecond(pace.Written), watch.PerSecond(pace.Applied)}}
	p.set(rows, p.filter)
}

// pipelineRow is one pipeline.
func pipelineRow(s *source, now time.Time) row {
	r := row{id: s.group(), cells: []string{s.group(), s.Promise.Words}}
	m := s.moment
	if !m.Known() {
		for range 8 {
			r.cells = append(r.cells, watch.Unknown)
		}
		r.words, r.style, r.paint = strings.Join(r.cells, " "), screen.Yellow, true
		return r
	}
	t := m.Positions.Totals
	still, rest := watch.States(t)
	r.style, r.paint = screen.Yellow, len(still) > 0
	if t.Parked > 0 {
		r.style = screen.Red
	}
	var words []string
	for _, c := range still {
		words = append(words, c.String())
	}
	state := strings.Join(words, ", ")
	if state == "" && len(rest) > 0 {
		state = rest[0].State
	}
	workers, lost, moved := watch.Unknown, watch.Unknown, "none"
	if m.Positions.Workers != nil {
		workers = text.Count(len(m.Positions.Workers))
	}
	if m.Week != nil && len(m.Week.Unknown) == 0 {
		lost = watch.AtMost(m.Week.AtMost)
	}
	if last, ok := m.Positions.LastMoved(); ok {
		moved = last.Moved.Cause.String() + " " + watch.Ago(now, last.Moved.At)
	}
	pace := m.Total()
	r.cells = append(r.cells, cmp.Or(state, "no partition"), watch.Lag(t), watch.Known(m.Positions.LagTime()), watch.PerSecond(pace.Written), watch.PerSecond(pace.Applied), workers, lost, moved)
	r.words = strings.Join(r.cells, " ")
	return r
}

func (p *pipelines) draw(m *Model, width, height int) []line {
	var notes []line
	for _, s := range m.sources {
		for _, n := range s.Notes(s.moment) {
			if n.Grade != watch.Plain {
				notes = append(notes, prose(s.group(), 10, n.Code+": "+n.Text, width, grade(n.Grade), true)...)
			}
		}
		if s.moment.Known() && s.moment.Brokers == nil && !s.moment.Asking {
			notes = append(notes, noticed(s.moment.Positions, width)...)
		}
	}
	return listed(&p.grid, notes, width, height)
}

func (p *pipelines) press(m *Model, key string) (tea.Cmd, bool) {
	switch {
	case key == "enter":
		if r, ok := p.current(); ok {
			return m.open(newPartitions(m.source(r.id)), nil), true
		}
		return nil, true
	case key == "l":
		s := m.about()
		moves := newMoves(s)
		return m.open(moves, moves.ask(m)), true
	}
	return nil, list(m, key, &p.grid, &p.filter, &p.order)
}
