package screen

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Table is a table for people. A table that does not fit loses whole columns and says so beneath; no number is cut.
type Table struct {
	Columns []Column
	Rows    []Row
}

// Column is one column of a Table. Of those with a Hide above 0 the one with the smallest goes first when the width
// does not suffice.
type Column struct {
	Name  string
	Right bool // numbers stand right
	Hide  int
}

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
	for width > 0 && t.width(show) > width {
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
	if len(hidden) > 0 {
		slices.SortFunc(hidden, func(a, b string) int { return t.at(a) - t.at(b) })
		fmt.Fprintln(w, paint(Dim, "(hidden: "+strings.Join(hidden, ", ")+"; -o wide)"))
	}
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
