package screen

import (
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

// Print writes the table within width columns; width 0 hides nothing.
func (t Table) Print(w io.Writer, width int, paint Paint) {
	show := make([]bool, len(t.Columns))
	for i := range show {
		show[i] = true
	}
	var hidden []string
	for width > 0 && t.least(show) > width {
		next := -1
		for i, c := range t.Columns {
			if show[i] && c.Hide > 0 && (next < 0 || c.Hide < t.Columns[next].Hide) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		show[next] = false
		hidden = append(hidden, t.Columns[next].Name)
	}
	t, cut := t.cut(show, width)
	heads := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		heads[i] = c.Name
	}
	fmt.Fprintln(w, t.line(heads, show))
	for _, r := range t.Rows {
		line := t.line(r.Cells, show)
		if r.Paint {
			line = paint(r.Style, line)
		}
		fmt.Fprintln(w, line)
	}
	var lost []string
	if len(hidden) > 0 {
		slices.SortFunc(hidden, func(a, b string) int { return t.at(a) - t.at(b) })
		lost = append(lost, "hidden: "+strings.Join(hidden, ", "))
	}
	if cut != "" {
		lost = append(lost, "cut: "+cut)
	}
	if len(lost) > 0 {
		fmt.Fprintln(w, paint(Dim, "("+strings.Join(lost, "; ")+"; -o wide)"))
	}
}

// least is the width of what is shown when all that may be cut is.
func (t Table) least(show []bool) int {
	n := t.width(show)
	for i, c := range t.Columns {
		if show[i] && c.Cut {
			n -= max(0, t.columnWidth(i)-leastCut)
		}
	}
	return n
}

// cut is the table with the first column that may be cut made to fit, and that column's name; empty: nothing was cut.
func (t Table) cut(show []bool, width int) (Table, string) {
	over := t.width(show) - width
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Cut })
	if width <= 0 || over <= 0 || i < 0 || !show[i] {
		return t, ""
	}
	most := max(t.columnWidth(i)-over, leastCut)
	rows := slices.Clone(t.Rows)
	for r := range rows {
		if cells := rows[r].Cells; i < len(cells) && utf8.RuneCountInString(cells[i]) > most {
			cells = slices.Clone(cells)
			cells[i] = string([]rune(cells[i])[:most-1]) + "…"
			rows[r].Cells = cells
		}
	}
	t.Rows = rows
	return t, t.Columns[i].Name
}

func (t Table) at(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// columnWidth is what the widest cell of a column takes.
func (t Table) columnWidth(i int) int {
	n := utf8.RuneCountInString(t.Columns[i].Name)
	for _, r := range t.Rows {
		if i < len(r.Cells) {
			n = max(n, utf8.RuneCountInString(r.Cells[i]))
		}
	}
	return n
}

func (t Table) width(show []bool) int {
	n := 0
	for i := range t.Columns {
		if show[i] {
			n += t.columnWidth(i) + 2
		}
	}
	return n - 2
}

func (t Table) line(cells []string, show []bool) string {
	var b strings.Builder
	for i, c := range t.Columns {
		if !show[i] {
			continue
		}
		cell := ""
		if i < len(cells) {
			cell = cells[i]
		}
		pad := strings.Repeat(" ", t.columnWidth(i)-utf8.RuneCountInString(cell))
		if b.Len() > 0 {
			b.WriteString("  ")
		}
		if c.Right {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}
