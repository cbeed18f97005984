package top

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost/internal/screen"
)

// column is one of a grid. Of those with a hide above 0 the one with the smallest goes first when the width does not suffice.
type column struct {
	name  string
	right bool
	hide  int
	bar   bool // it takes what the others leave, and is drawn by the row
	cut   bool // prose, of which the beginning does
}

// row is one of a grid.
type row struct {
	id    string
	cells []string
	draw  func(width int) line // of the bar column; nil: it has none
	style screen.Style
	paint bool
	words string // by which a filter finds it
}

// grid is a table with a cursor, of which the rows that are seen are drawn.
type grid struct {
	columns []column
	rows    []row // that the filter takes, in order
	all     int   // rows besides the filter
	total   *row  // beneath; nil: there is none
	axis    func(width int) string

	at     string // the row under the cursor
	loose  bool   // it is the first row, whichever that is: nobody has seen a whole list yet
	index  int    // where it was last
	top    int    // the first that is seen
	page   int    // how many were seen last
	wide   bool   // the columns that were hidden are shown in place of others
	marked map[string]bool
}

// The most that a bar takes, and the least of prose that is cut.
const (
	mostBar  = 72
	leastCut = 16
)

// set takes new rows, and keeps the cursor on its row; where that is gone, it stays at its place.
func (g *grid) set(rows []row, filter string) {
	g.all = len(rows)
	g.rows = slices.DeleteFunc(rows, func(r row) bool { return !takes(filter, r.words) })
	i := slices.IndexFunc(g.rows, func(r row) bool { return r.id == g.at })
	switch {
	case g.loose:
		i = 0
	case i < 0:
		i = min(max(g.index, 0), max(len(g.rows)-1, 0))
	}
	g.put(i)
}

// put moves the cursor to a row.
func (g *grid) put(i int) {
	g.index = min(max(i, 0), max(len(g.rows)-1, 0))
	if len(g.rows) > 0 {
		g.at = g.rows[g.index].id
	}
}

// current is the row under the cursor.
func (g *grid) current() (row, bool) {
	if len(g.rows) == 0 {
		return row{}, false
	}
	return g.rows[g.index], true
}

func (g *grid) unmark() { clear(g.marked) }

// chosen are the marked rows, or the one under the cursor.
func (g *grid) chosen() (list []row) {
	for _, r := range g.rows {
		if g.marked[r.id] {
			list = append(list, r)
		}
	}
	if r, ok := g.current(); ok && len(list) == 0 {
		list = append(list, r)
	}
	return list
}

// takes reports whether a filter takes some words: TEXT, !TEXT for all without it, -f TEXT for its letters in that order.
func takes(filter, words string) bool {
	filter, words = strings.ToLower(strings.TrimSpace(filter)), strings.ToLower(words)
	if fuzzy, ok := strings.CutPrefix(filter+" ", "-f "); ok {
		for _, r := range strings.TrimSpace(fuzzy) {
			i := strings.IndexRune(words, r)
			if i < 0 {
				return false
			}
			words = words[i+1:]
		}
		return true
	}
	if not, ok := strings.CutPrefix(filter, "!"); ok {
		return not == "" || !strings.Contains(words, not)
	}
	return strings.Contains(words, filter)
}

// press moves the cursor; false: the key is not one of the grid's.
func (g *grid) press(key string) bool {
	switch key {
	case "j", "down":
		g.put(g.index + 1)
	case "k", "up":
		g.put(g.index - 1)
	case "g", "home":
		g.put(0)
	case "G", "end":
		g.put(len(g.rows) - 1)
	case "ctrl+f", "pgdown":
		g.put(g.index + max(1, g.page-1))
	case "ctrl+b", "pgup":
		g.put(g.index - max(1, g.page-1))
	case "w":
		g.wide = !g.wide
	case "space":
		if r, ok := g.current(); ok && g.marked != nil {
			if g.marked[r.id] = !g.marked[r.id]; !g.marked[r.id] {
				delete(g.marked, r.id)
			}
			g.put(g.index + 1)
		}
	default:
		return false
	}
	g.loose = false
	return true
}

// hiddenWidth is the width of a column that is not shown.
const hiddenWidth = -1

// needs is what the widest cell of each column takes.
func (g *grid) needs(width int) []int {
	of := make([]int, len(g.columns))
	for i, c := range g.columns {
		of[i] = wide(c.name)
		if c.bar {
			of[i] = 12 + (width-leastWidth)/4
		}
	}
	measure := func(r row) {
		for i, cell := range r.cells {
			of[i] = max(of[i], wide(cell))
		}
	}
	for _, r := range g.rows {
		measure(r)
	}
	if g.total != nil {
		measure(*g.total)
	}
	return of
}

// widths is what each column takes of a width, and the names of those that are hidden.
func (g *grid) widths(width int) (of []int, hidden []string) {
	of = g.needs(width)
	room := width - 2 // the cursor's
	for next := g.nextHidden(of); next >= 0 && g.least(of) > room; next = g.nextHidden(of) {
		of[next] = hiddenWidth
	}
	sum := -2
	for i, c := range g.columns {
		if of[i] == hiddenWidth {
			hidden = append(hidden, c.name)
		} else {
			sum += of[i] + 2
		}
	}
	for i, c := range g.columns {
		switch {
		case of[i] == hiddenWidth:
		case c.cut && sum > room:
			less := min(sum-room, max(0, of[i]-leastCut))
			of[i], sum = of[i]-less, sum-less
		case c.bar && sum < room:
			more := max(0, min(room-sum, mostBar-of[i]))
			of[i], sum = of[i]+more, sum+more
		}
	}
	return of, hidden
}

// least is the width of what is shown when all prose is cut.
func (g *grid) least(of []int) int {
	sum := -2
	for i, c := range g.columns {
		switch {
		case of[i] == hiddenWidth:
		case c.cut:
			sum += min(of[i], leastCut) + 2
		default:
			sum += of[i] + 2
		}
	}
	return sum
}

// nextHidden is the column that goes next, -1 where none can. In the wide view those go first that stay else.
func (g *grid) nextHidden(of []int) int {
	next, best := -1, 0
	for i, c := range g.columns {
		rank := c.hide
		switch {
		case g.wide && i > 0 && c.hide == 0:
			rank = 1
		case g.wide && i > 0:
			rank = 100 - c.hide
		}
		if of[i] != hiddenWidth && rank > 0 && (next < 0 || rank < best) {
			next, best = i, rank
		}
	}
	return next
}

// draw is the head, the rows that fit in so many lines, and the total; hidden are the columns that do not fit.
func (g *grid) draw(width, height int) (lines []line, hidden []string) {
	of, hidden := g.widths(width)
	head := row{cells: make([]string, len(g.columns))}
	for i, c := range g.columns {
		head.cells[i] = c.name
	}
	if g.axis != nil {
		head.draw = func(w int) line { return plain(g.axis(w)) }
	}
	lines = append(lines, g.line("  ", head, of))
	seen := height - 1
	if g.total != nil {
		seen--
	}
	seen = max(1, seen)
	g.page = seen
	g.top = max(0, min(g.top, len(g.rows)-seen))
	if g.index < g.top {
		g.top = g.index
	} else if g.index >= g.top+seen {
		g.top = g.index - seen + 1
	}
	for i := g.top; i < min(len(g.rows), g.top+seen); i++ {
		sign := []byte("  ")
		if i == g.index {
			sign[0] = '>'
		}
		if g.marked[g.rows[i].id] {
			sign[1] = '*'
		}
		lines = append(lines, g.line(string(sign), g.rows[i], of))
	}
	if g.total != nil {
		lines = append(lines, g.line("  ", *g.total, of))
	}
	return lines, hidden
}

// line is one row in its columns.
func (g *grid) line(sign string, r row, of []int) line {
	out := line{{sign, screen.Bold, true}}
	first := true
	for i, c := range g.columns {
		if of[i] == hiddenWidth {
			continue
		}
		if !first {
			out = append(out, span{text: "  "})
		}
		first = false
		if c.bar {
			if r.draw != nil {
				out = append(out, r.draw(of[i])...)
			} else {
				out = append(out, span{text: pad("", of[i], false)})
			}
			continue
		}
		cell := ""
		if i < len(r.cells) {
			cell = r.cells[i]
		}
		if c.cut {
			cell = cut(cell, of[i])
		}
		out = append(out, span{pad(cell, of[i], c.right), r.style, r.paint})
	}
	return out
}

// place says which rows are seen, where not all are: rows 12-30 of 1,000.
func (g *grid) place() string {
	if len(g.rows) <= g.page {
		if len(g.rows) < g.all {
			return fmt.Sprintf("%d of %d rows", len(g.rows), g.all)
		}
		return ""
	}
	says := fmt.Sprintf("rows %d-%d of %d", g.top+1, min(len(g.rows), g.top+g.page), len(g.rows))
	if len(g.rows) < g.all {
		says += fmt.Sprintf(", filtered of %d", g.all)
	}
	return says
}
