package screen

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Table is a table for people. A table that does not fit loses the ends of its prose, then whole columns, with a note
// beneath; no number is cut.
type Table struct {
	Columns []Column
	Rows    []Row
}

// Column is one column of a Table. Of those with a Hide above 0 the one with the smallest goes first when the width
// does not suffice.
type Column struct {
	Name  string
	Right bool // numbers are aligned right
	Hide  int
	Cut   bool // prose, of which the beginning does: it is cut to what the others leave
}

// leastCut is how much of a column that may be cut stays: others are hidden before.
const leastCut = 16

// Row is one row: its cells, in the order of the columns, and the colour that repeats what its words say.
type Row struct {
	Cells []string
	Style Style
	Paint bool // false: no colour
}

// Print writes the table within width columns; width 0 hides nothing. It looks at each cell twice, however many rows there are:
// once for the widths of the columns, once to write it.
func (t Table) Print(w io.Writer, width int, paint Paint) {
	wide := t.widths()
	hidden := t.hide(wide, width)
	cut := t.cut(wide, width)
	out := bufio.NewWriter(w)
	defer func() { _ = out.Flush() }() // a closed stdout cannot be reported
	heads := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		heads[i] = c.Name
	}
	fmt.Fprintln(out, t.line(heads, wide))
	for _, r := range t.Rows {
		line := t.line(r.Cells, wide)
		if r.Paint {
			line = paint(r.Style, line)
		}
		fmt.Fprintln(out, line)
	}
	var lost []string
	if len(hidden) > 0 {
		lost = append(lost, "hidden: "+strings.Join(hidden, ", "))
	}
	if cut != "" {
		lost = append(lost, "cut: "+cut)
	}
	if len(lost) > 0 {
		fmt.Fprintln(out, paint(Dim, "("+strings.Join(lost, "; ")+"; -o wide)"))
	}
}

// hiddenWidth is the width of a column that is not shown.
const hiddenWidth = -1

// widths is what the widest cell of each column takes.
func (t Table) widths() []int {
	wide := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		wide[i] = utf8.RuneCountInString(c.Name)
	}
	for _, r := range t.Rows {
		for i, cell := range r.Cells[:min(len(r.Cells), len(wide))] {
			wide[i] = max(wide[i], utf8.RuneCountInString(cell))
		}
	}
	return wide
}

// hide takes columns out of wide until the others fit, all that may be cut being cut, and returns their names.
func (t Table) hide(wide []int, width int) (names []string) {
	for width > 0 && t.least(wide) > width {
		next := -1
		for i, c := range t.Columns {
			if wide[i] != hiddenWidth && c.Hide > 0 && (next < 0 || c.Hide < t.Columns[next].Hide) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		wide[next] = hiddenWidth
	}
	for i, c := range t.Columns {
		if wide[i] == hiddenWidth {
			names = append(names, c.Name)
		}
	}
	return names
}

// least is the width of what is shown when all that may be cut is.
func (t Table) least(wide []int) int {
	n := total(wide)
	for i, c := range t.Columns {
		if c.Cut {
			n -= max(0, wide[i]-leastCut)
		}
	}
	return n
}

// cut makes the first column that may be cut narrow enough, and returns its name; empty: nothing has to be cut.
func (t Table) cut(wide []int, width int) string {
	over := total(wide) - width
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Cut })
	if width <= 0 || over <= 0 || i < 0 || wide[i] <= leastCut {
		return ""
	}
	wide[i] = max(wide[i]-over, leastCut)
	return t.Columns[i].Name
}

// total is the width of a line, with two spaces between columns.
func total(wide []int) (n int) {
	for _, w := range wide {
		if w != hiddenWidth {
			n += w + 2
		}
	}
	return n - 2
}

// line is the cells in their columns. A cell that is wider than its column is prose, and loses its end.
func (t Table) line(cells []string, wide []int) string {
	var b strings.Builder
	for i, c := range t.Columns {
		if wide[i] == hiddenWidth {
			continue
		}
		cell := ""
		if i < len(cells) {
			cell = cells[i]
		}
		n := utf8.RuneCountInString(cell)
		if n > wide[i] {
			cell, n = string([]rune(cell)[:wide[i]-1])+"…", wide[i]
		}
		if b.Len() > 0 {
			b.WriteString("  ")
		}
		pad := strings.Repeat(" ", wide[i]-n)
		if c.Right {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}
