package screen_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost/internal/screen"
)

// A table that does not fit loses whole columns, in their order of Hide, with a note beneath.
func TestTableHidesColumns(t *testing.T) {
	table := screen.Table{
		Columns: []screen.Column{{Name: "PARTITION"}, {Name: "OFFSET", Right: true}, {Name: "EARLIEST", Right: true, Hide: 4},
			{Name: "STABLE", Right: true, Hide: 2}, {Name: "LAG-TIME", Right: true, Hide: 3}, {Name: "LAST-MOVE", Hide: 1}},
		Rows: []screen.Row{{Cells: []string{"trips:1", "410,200", "421,000", "459,063", "6h40m", "commit 8h29m ago"}}},
	}
	for _, c := range []struct {
		width int
		want  []string
	}{
		{0, []string{
			"PARTITION   OFFSET  EARLIEST   STABLE  LAG-TIME  LAST-MOVE",
			"trips:1    410,200   421,000  459,063     6h40m  commit 8h29m ago"}},
		{60, []string{
			"PARTITION   OFFSET  EARLIEST   STABLE  LAG-TIME",
			"trips:1    410,200   421,000  459,063     6h40m",
			"(hidden: LAST-MOVE; -o wide)"}},
		{40, []string{
			"PARTITION   OFFSET  EARLIEST  LAG-TIME",
			"trips:1    410,200   421,000     6h40m",
			"(hidden: STABLE, LAST-MOVE; -o wide)"}},
		{10, []string{
			"PARTITION   OFFSET",
			"trips:1    410,200",
			"(hidden: EARLIEST, STABLE, LAG-TIME, LAST-MOVE; -o wide)"}},
	} {
		var b strings.Builder
		table.Print(&b, c.width, screen.Plain)
		if got, want := b.String(), strings.Join(c.want, "\n")+"\n"; got != want {
			t.Errorf("at %d columns: got\n%swant\n%s", c.width, got, want)
		}
	}
}

// TestTableCut: prose is cut to what the others leave; where that is too little, columns go first.
func TestTableCut(t *testing.T) {
	table := screen.Table{
		Columns: []screen.Column{{Name: "NEXT", Right: true}, {Name: "WHO", Hide: 1}, {Name: "WHY", Cut: true}},
		Rows: []screen.Row{{Cells: []string{"2,914", "oncall@bastion", "Spark job retired; from redis://localhost:6379/0"}},
			{Cells: []string{"100", "me", "-"}}},
	}
	for width, want := range map[int]string{
		0:  " NEXT  WHO             WHY\n2,914  oncall@bastion  Spark job retired; from redis://localhost:6379/0\n  100  me              -\n",
		50: " NEXT  WHO             WHY\n2,914  oncall@bastion  Spark job retired; from re…\n  100  me              -\n(cut: WHY; -o wide)\n",
		30: " NEXT  WHY\n2,914  Spark job retired; fro…\n  100  -\n(hidden: WHO; cut: WHY; -o wide)\n",
	} {
		var b strings.Builder
		table.Print(&b, width, screen.Plain)
		if got := b.String(); got != want {
			t.Errorf("width %d:\n%s\nwant\n%s", width, got, want)
		}
	}
	if table.Rows[0].Cells[2] != "Spark job retired; from redis://localhost:6379/0" {
		t.Error("the caller's cells were changed")
	}
}

// TestO18TableOfManyRows: a table is written in time linear in its rows. Where each cell walked through all rows, 200,000 of them took
// longer than a test may.
func TestO18TableOfManyRows(t *testing.T) {
	table := screen.Table{Columns: []screen.Column{{Name: "PARTITION"}, {Name: "OFFSET", Right: true}, {Name: "STABLE", Right: true, Hide: 1}, {Name: "WHY", Cut: true}}}
	for n := range 200_000 {
		table.Rows = append(table.Rows, screen.Row{Cells: []string{fmt.Sprintf("trips:%d", n), fmt.Sprint(n), "1", "a reason of some length, which may be cut"}})
	}
	out := &last{}
	table.Print(out, 40, screen.Plain)
	if got, want := out.lines, 200_000+2; got != want {
		t.Errorf("got %d lines, want %d: a head, the rows, and what is hidden", got, want)
	}
	if want := "trips:199999  199999  a reason of some …"; !strings.Contains(out.text, want) {
		t.Errorf("got %q, want in it %q", out.text, want)
	}
}

// last counts the lines that are written, and keeps the end of what was written last.
type last struct {
	lines int
	text  string
}

func (l *last) Write(p []byte) (int, error) {
	l.lines += strings.Count(string(p), "\n")
	l.text = string(p[max(0, len(p)-200):])
	return len(p), nil
}
