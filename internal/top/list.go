package top

import (
	"cmp"
	"slices"
	"strings"

	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
)

// order is how a list is sorted.
type order struct {
	by   string // the key that was pressed; empty: as it comes
	back bool   // the other way round
}

// keyed is what rows are sorted by.
type keyed struct {
	name  string
	lag   int64
	age   view.Age
	state int // how bad
}

// sorts are the keys that sort, and what by.
var sorts = []struct{ key, word string }{{"N", "name"}, {"L", "lag"}, {"T", "lag time"}, {"S", "state"}}

func (o order) keys() string {
	for _, s := range sorts {
		if s.key == o.by {
			return "N L T S by " + s.word
		}
	}
	return "N L T S sort"
}

// press takes a key that sorts: the same key again sorts the other way round, and once more not at all.
func (o *order) press(key string) bool {
	for _, s := range sorts {
		if s.key != key {
			continue
		}
		switch {
		case o.by != key:
			*o = order{by: key}
		case !o.back:
			o.back = true
		default:
			*o = order{}
		}
		return true
	}
	return false
}

// sortBy sorts a list: names from the first, all else the worst first.
func sortBy[T any](o order, list []T, of func(T) keyed) {
	if o.by == "" {
		return
	}
	keys := make([]struct {
		k keyed
		v T
	}, len(list))
	for i, v := range list {
		keys[i].k, keys[i].v = of(v), v
	}
	slices.SortStableFunc(keys, func(a, b struct {
		k keyed
		v T
	}) int {
		c := 0
		switch o.by {
		case "N":
			c = strings.Compare(a.k.name, b.k.name)
		case "L":
			c = cmp.Compare(b.k.lag, a.k.lag)
		case "T":
			c = cmp.Compare(b.k.age, a.k.age)
		case "S":
			c = cmp.Compare(b.k.state, a.k.state)
		}
		if o.back {
			return -c
		}
		return c
	})
	for i := range keys {
		list[i] = keys[i].v
	}
}

func (o order) sort(list []*source, of func(*source) keyed) { sortBy(o, list, of) }

// list is a key of every list; false: it is none.
func list(m *Model, key string, g *grid, filter *string, o *order) bool {
	switch {
	case key == "/":
		m.prompt = filterPrompt(filter)
	case key == "esc" && *filter != "":
		*filter = ""
		m.here().refresh(m)
	case o != nil && o.press(key):
		m.here().refresh(m)
	default:
		return g.press(key)
	}
	return true
}

// leastNotes is how many lines notes have, however many rows there are.
const leastNotes = 3

// listed is a grid, and notes beneath it: as many as the rows leave room for, and three lines at least.
func listed(g *grid, notes []line, width, height int) []line {
	rows := len(g.rows) + 1
	if g.total != nil {
		rows++
	}
	room := height - 2 // what is hidden, and a blank line
	most := max(leastNotes, room-rows)
	if len(notes) > most {
		notes = append(notes[:max(0, most-1):max(0, most-1)], painted(screen.Dim, "(more needs a look: open it, or filter)"))
	}
	lines, hidden := g.draw(width, min(rows, room-len(notes)))
	if len(notes) > 0 {
		lines = append(append(lines, nil), notes...)
	} else {
		lines = append(lines, nil)
	}
	var about []string
	if place := g.place(); place != "" {
		about = append(about, place)
	}
	if len(hidden) > 0 {
		about = append(about, "hidden: "+strings.Join(hidden, ", ")+"; w wide")
	}
	if len(about) > 0 {
		lines = append(lines, painted(screen.Dim, "("+strings.Join(about, "; ")+")"))
	}
	return lines
}

// grade is the colour of a note.
func grade(g watch.Grade) screen.Style {
	if g == watch.Red {
		return screen.Red
	}
	return screen.Yellow
}

// stateStyle is the colour of a state.
func stateStyle(word string) (screen.Style, bool) {
	switch word {
	case "parked":
		return screen.Red, true
	case "blocked", "waiting", "retrying", "cut off":
		return screen.Yellow, true
	}
	return screen.Green, false
}

// noticed is what needs a look.
func noticed(p view.Positions, width int) (lines []line) {
	for _, n := range p.Notices() {
		word := watch.State(n.State)
		style, paint := stateStyle(word)
		lines = append(lines, prose(pad(n.Name, 9, false)+" "+word, 19, n.Text, width, style, paint)...)
	}
	return lines
}

// noted is what is wrong with what a page shows.
func noted(s *source, width int) (lines []line) {
	for _, n := range s.Notes(s.moment) {
		head := n.Code
		if head == "" {
			head = "note"
		}
		says := n.Text
		if n.Help != "" {
			says += " " + n.Help
		}
		lines = append(lines, prose(head, 10, says, width, grade(n.Grade), n.Grade != watch.Plain)...)
	}
	return lines
}
