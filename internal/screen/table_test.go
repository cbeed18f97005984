package screen_test

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost/internal/screen"
)

// A table that does not fit loses whole columns, in their order of Hide, and says so beneath.
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
