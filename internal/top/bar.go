package top

import (
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
)

// ink is the characters of a bar.
type ink struct{ applied, position, unread, open, passed string }

var (
	blocks = ink{"─", "│", "█", "▒", "x"}
	ascii  = ink{"-", "|", "#", "%", "x"}
)

// bar is one partition's log, so many columns wide; what the brokers do not say is not drawn.
func (k ink) bar(scale watch.Scale, s view.Standing, marks []watch.Mark, width int) line {
	cells := make([]string, width)
	for i := range cells {
		cells[i] = " "
	}
	b := s.Bounds
	if b == nil {
		return plain(strings.Join(cells, ""))
	}
	at := func(o fencepost.Offset) int {
		return min(max(int(scale.At(float64(b.End-o))*float64(width)), 0), width-1)
	}
	fill := func(ch string, from, until fencepost.Offset) {
		if from >= until {
			return
		}
		last := at(until)
		if until >= b.End {
			last = width
		}
		for i := at(from); i < max(last, at(from)+1); i++ {
			cells[i] = ch
		}
	}
	if s.Position == nil {
		fill(k.unread, b.Earliest, b.End)
		return painted(screen.Yellow, strings.Join(cells, ""))
	}
	p := s.Position.Offset
	fill(k.applied, b.Earliest, min(p, b.End))
	fill(k.unread, max(p, b.Earliest), b.Stable)
	fill(k.open, max(p, b.Stable), b.End)
	for _, m := range marks {
		if !m.Again && m.Until > b.Earliest && m.From < b.End {
			cells[at(max(m.From, b.Earliest))] = k.passed
		}
	}
	post := at(min(p, b.End))
	if p < b.Earliest { // it points at what is gone
		cells[post] = k.passed
		post = max(0, post-1)
	}
	cells[post] = k.position
	out := line{{text: strings.Join(cells[:post], ""), style: screen.Dim, paint: true}, {text: cells[post], style: screen.Bold, paint: true}, {text: strings.Join(cells[post+1:], "")}}
	if s.State == "parked" {
		out[1].style = screen.Red
	}
	return out
}

// axis labels the distances of a scale, so many columns wide.
func axis(scale watch.Scale, width int) string {
	out := []byte(strings.Repeat(" ", width))
	copy(out[max(0, width-3):], "end")
	free := width - 4
	ticks := scale.Ticks()
	for i := len(ticks) - 1; i >= 0; i-- {
		label := watch.Distance(ticks[i])
		from := int(scale.At(ticks[i])*float64(width)) - len(label)/2
		if from < 0 || from+len(label) > free {
			continue
		}
		copy(out[from:], label)
		free = from - 3
	}
	return string(out)
}
