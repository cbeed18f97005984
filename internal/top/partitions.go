package top

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
)

// partitions is the page of one pipeline.
type partitions struct {
	grid
	source *source
	filter string
	order  order
	linear bool
}

func newPartitions(s *source) *partitions {
	return &partitions{source: s, grid: grid{loose: true, marked: map[string]bool{}, columns: []column{{name: "PARTITION"}, {name: "STATE"}, {name: "OFFSET", right: true}, {name: "LOG", bar: true},
		{name: "END", right: true, hide: 5}, {name: "LAG", right: true}, {name: "LAG-TIME", right: true}, {name: "APPLIED", right: true, hide: 8}, {name: "WRITTEN", right: true, hide: 4},
		{name: "VERDICT", hide: 3}, {name: "LAST-BY", hide: 2}, {name: "LAST-MOVE", hide: 1}}}}
}

func (p *partitions) crumb() string { return p.source.group() }

func (p *partitions) of() *source { return p.source }

func (p *partitions) keys(*Model) string {
	return "enter open  m move  r s record  l moves  t letters  / filter  ? help  esc back  x peek  space mark  w wide  " + p.order.keys()
}

func (p *partitions) answer(*Model) string {
	m := p.source.moment
	if !m.Known() {
		return "unknown: neither ledger nor brokers have answered yet"
	}
	says := summary(m.Positions.Totals, m.Positions.LagTime(), m.Total())
	switch {
	case m.Week == nil || m.Day == nil:
		says += "   lost unknown"
	case len(m.Week.Unknown) > 0:
		says += "   lost unknown in 7d"
	default:
		says += "   lost " + watch.AtMost(m.Day.AtMost) + " in 24h   " + watch.AtMost(m.Week.AtMost) + " in 7d"
	}
	if m.Positions.Workers != nil {
		says += "   " + text.Plural(len(m.Positions.Workers), "worker")
	}
	return says
}

func (p *partitions) refresh(m *Model) {
	moment := p.source.moment
	if !moment.Known() {
		p.total = nil
		p.set(nil, p.filter)
		return
	}
	all := watch.Ordered(moment.Positions)
	sortBy(p.order, all, func(s view.Standing) keyed {
		worst := map[string]int{"parked": 9, "cut off": 8, "blocked": 7, "waiting": 6, "retrying": 5, "running": 1}
		return keyed{fmt.Sprintf("%s:%010d", s.Topic, s.Partition), int64(s.Lag), s.LagTime, worst[watch.State(s.State)]}
	})
	scale, marks := watch.NewScale(moment.Positions.Positions, p.linear), moment.Marks()
	p.axis = func(width int) string { return axis(scale, width) }
	rows := make([]row, len(all))
	for i, s := range all {
		rows[i] = partitionRow(moment, s)
		rows[i].draw = func(width int) line {
			return m.ink.bar(scale, s, marks[fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}], width)
		}
	}
	t := moment.Positions.Totals
	sum := moment.Total()
	p.total = &row{cells: []string{text.Count(t.Partitions), "", "", "", "", watch.Lag(t), watch.Known(moment.Positions.LagTime()), watch.PerSecond(sum.Applied), watch.PerSecond(sum.Written)}}
	p.set(rows, p.filter)
	p.loose = p.loose && (moment.Asking || moment.Brokers != nil)
}

// partitionRow is one partition. Numbers are those of offsets show.
func partitionRow(m *watch.Moment, s view.Standing) row {
	word := watch.State(s.State)
	offset, end, by, last := "absent", watch.Unknown, watch.Unknown, "none"
	if s.Position != nil {
		offset = s.Position.String()
	}
	if s.Bounds != nil {
		end = text.Count(s.Bounds.End)
	}
	if mv := s.LastMove; mv != nil {
		by, last = string(mv.Who), mv.Cause+" "+watch.Ago(m.Positions.Time.Time, mv.Time.Time)
	}
	pace := m.Pace[fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}]
	r := row{id: s.Name(), cells: []string{s.Name(), word, offset, "", end, watch.Known(s.Lag), watch.Known(s.LagTime), watch.PerSecond(pace.Applied), watch.PerSecond(pace.Written),
		watch.Known(s.Verdict), by, last}}
	r.words = s.Name() + " " + word + " " + s.Verdict.String() + " " + by
	r.style, r.paint = stateStyle(word)
	return r
}

func (p *partitions) draw(m *Model, width, height int) []line {
	notes := noted(p.source, width)
	moment := p.source.moment
	if !moment.Known() {
		return notes
	}
	if moment.Brokers == nil && !moment.Asking {
		notes = append(notes, noticed(moment.Positions, width)...)
	}
	for _, s := range moment.Positions.Positions {
		if mv := s.Moved; mv != nil && !mv.Adopts() && moment.Positions.Time.Sub(mv.At) < 24*time.Hour {
			held := "absent"
			if !mv.Held.Absent() {
				held = text.Count(mv.Held.Offset)
			}
			says := fmt.Sprintf("%s by %s %s, %s -> %s", mv.Cause, mv.Who, watch.Ago(moment.Positions.Time.Time, mv.At), held, text.Count(mv.Next.Offset))
			if why := mv.Reason(); why != "" {
				says += ": " + why
			}
			notes = append(notes, prose(s.Name(), 19, says, width, 0, false)...)
		}
	}
	return listed(&p.grid, notes, width, height)
}

// chosenPartitions are the marked ones, or the one under the cursor.
func (p *partitions) chosenPartitions() (list []view.Standing) {
	for _, r := range p.chosen() {
		for _, s := range p.source.moment.Positions.Positions {
			if s.Name() == r.id {
				list = append(list, s)
			}
		}
	}
	return list
}

func (p *partitions) press(m *Model, key string) (tea.Cmd, bool) {
	chosen := p.chosenPartitions()
	switch key {
	case "ctrl+w":
		p.linear = !p.linear
		p.refresh(m)
		return nil, true
	case "l":
		moves := newMoves(p.source)
		return m.open(moves, moves.ask(m)), true
	case "t":
		letters := newLetters(p.source)
		return m.open(letters, letters.ask(m)), true
	case "enter", "x":
		r, ok := p.current()
		if !ok {
			return nil, true
		}
		for _, s := range p.source.moment.Positions.Positions {
			if s.Name() == r.id {
				one := newPartition(p.source, s)
				if key == "x" {
					return one.peek(m), true
				}
				return m.open(one, one.ask(m)), true
			}
		}
		return nil, true
	}
	if len(chosen) > 0 {
		if do, own := act(m, p.source, chosen, key); own {
			return do, true
		}
	}
	return nil, list(m, key, &p.grid, &p.filter, &p.order)
}

// names are those of partitions.
func names(list []view.Standing) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = s.Name()
	}
	return strings.Join(words, " ")
}
