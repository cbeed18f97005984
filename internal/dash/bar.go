package dash

import (
	"fmt"
	"math"
	"strconv"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
)

// axis is the scale of range bars, with its labels.
type axis struct {
	watch.Scale
	Ticks []tick
}

// tick is a labelled distance.
type tick struct {
	X     string
	Label string
	Last  bool
}

// newAxis makes the axis of some partitions.
func newAxis(all []view.Standing, linear bool) axis {
	a := axis{Scale: watch.NewScale(all, linear)}
	for _, d := range a.Scale.Ticks() {
		a.Ticks = append(a.Ticks, tick{X: a.at(d), Label: watch.Distance(d)})
	}
	a.Ticks = append(a.Ticks, tick{X: "100%", Label: "end", Last: true})
	return a
}

// x is a distance to the end in percent of the axis.
func (a axis) x(d float64) float64 { return 100 * a.Scale.At(d) }

func (a axis) at(d float64) string { return percent(a.x(d)) }

func percent(x float64) string { return strconv.FormatFloat(math.Round(x*100)/100, 'f', -1, 64) + "%" }

// bar is what is drawn of one partition's log.
type bar struct {
	Title  string // the numbers, in words
	Grid   []tick
	Ranges []stretch // in the order in which they are drawn
	Marks  []stretch
}

// stretch is one rectangle: x and width in percent, or in pixels.
type stretch struct {
	Class, X, Y, W, H string
	Move              string // a transform that moves it by pixels
	Title             string
}

// newBar draws one partition. Where the brokers do not say what the log has, there is nothing to draw.
func (a axis) newBar(s view.Standing, notes []watch.Mark) bar {
	out := bar{Grid: a.Ticks[:len(a.Ticks)-1], Title: s.Name() + ": unknown"}
	b := s.Bounds
	if b == nil {
		if s.Position != nil {
			out.Title = s.Name() + ": position " + text.Count(s.Position.Offset) + ", the log is unknown"
		}
		return out
	}
	x := func(o fencepost.Offset) float64 { return a.x(float64(b.End - o)) }
	part := func(class string, from, until fencepost.Offset, y, h string) {
		if from < until {
			out.Ranges = append(out.Ranges, stretch{Class: class, X: percent(x(from)), W: percent(x(until) - x(from)), Y: y, H: h})
		}
	}
	out.Title = fmt.Sprintf("%s: log %s to %s", s.Name(), text.Count(b.Earliest), text.Count(b.End))
	edge := stretch{Class: "r-edge", X: percent(x(b.Earliest)), Y: "6", W: "2", H: "14"}
	if s.Position == nil {
		part("r-unread", b.Earliest, b.End, "8", "10")
		out.Marks = append(out.Marks, edge)
		out.Title += ", no position"
		return out
	}
	p := s.Position.Offset
	out.Title += fmt.Sprintf(", position %s, stable %s", text.Count(p), text.Count(b.Stable))
	if s.Lag >= 0 {
		out.Title += ", " + s.Lag.String() + " unread"
	}
	stop := func(at, move string) { // where it is parked
		if s.State == "parked" {
			out.Marks = append(out.Marks, stretch{Class: "r-stop", X: at, Y: "2", W: "8", H: "8", Move: move})
		}
	}
	switch {
	case p < b.Earliest:
		out.Title += fmt.Sprintf("; the position lies %s below earliest", text.Count(b.Earliest-p))
		part("r-unread", b.Earliest, b.End, "8", "10")
		at := percent(x(b.Earliest))
		out.Ranges = append(out.Ranges, stretch{Class: "r-gap", X: at, Y: "8", W: "18", H: "10", Move: "translate(-18 0)"})
		out.Marks = append(out.Marks, edge, stretch{Class: "r-pos", X: at, Y: "3", W: "2", H: "20", Move: "translate(-19 0)"})
		stop(at, "translate(-19 0)")
		return out
	case p > b.End:
		out.Title += fmt.Sprintf("; the position lies %s behind the end", text.Count(p-b.End))
		part("r-applied", b.Earliest, b.End, "10", "6")
		out.Marks = append(out.Marks, edge, stretch{Class: "r-stop", X: "100%", Y: "3", W: "2", H: "20", Move: "translate(6 0)"})
		stop("100%", "translate(6 0)")
		return out
	}
	part("r-applied", b.Earliest, p, "10", "6")
	part("r-unread", p, max(p, b.Stable), "8", "10")
	part("r-open", max(p, b.Stable), b.End, "8", "10")
	out.Marks = append(out.Marks, edge)
	out.Marks = append(out.Marks, a.noted(*b, notes)...)
	move := ""
	if p == b.End { // the tick would stand outside
		move = "translate(-2 0)"
	}
	out.Marks = append(out.Marks, stretch{Class: "r-pos", X: percent(x(p)), Y: "3", W: "2", H: "20", Move: move})
	stop(percent(x(p)), move)
	return out
}

// noted are the marks of notes, as far as the log has them.
func (a axis) noted(b view.Bounds, notes []watch.Mark) (marks []stretch) {
	x := func(o fencepost.Offset) float64 { return a.x(float64(b.End - o)) }
	for _, n := range notes {
		switch {
		case n.Until <= b.Earliest || n.From >= b.End:
		case n.Again:
			from, until := x(max(n.From, b.Earliest)), x(min(n.Until, b.End))
			marks = append(marks, stretch{Class: "f-violet", X: percent(from), Y: "20", W: percent(max(until-from, 1)), H: "3",
				Title: "applied again: " + text.Count(n.Until-n.From)})
		default:
			marks = append(marks, stretch{Class: "r-stop", X: percent(x(max(n.From, b.Earliest))), Y: "7", W: "3", H: "12",
				Title: "passed unapplied: at most " + text.Count(n.Until-n.From)})
		}
	}
	return marks
}
