package view

import (
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/ledger"
)

// TestO12TimesInTheNamedOffset: in winter the cells of each table are in the offset of winter that its heading names, also those of
// records and moves of the hour that clocks showed twice.
func TestO12TimesInTheNamedOffset(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, berlin)
	at := []time.Time{time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC)}
	want := []string{"2026-10-25 01:00:00", "2026-10-25 01:30:00", "2026-10-25 02:30:00"}
	v := admin.View{At: now, Group: "g"}
	plan := &admin.Plan{Made: now}
	copied := &admin.Copy{Plan: plan, Across: true}
	var told admin.Told
	for p, at := range at {
		tp := fencepost.TopicPartition{Topic: "dst", Partition: int32(2 * p)}
		line := admin.Line{TopicPartition: tp, RecordAt: at}
		plan.Lines = append(plan.Lines, line)
		copied.Lines = append(copied.Lines, admin.Copied{Line: line, At: at})
		moved := ledger.Recorded{At: at}
		moved.TopicPartition = tp
		told.Moves = append(told.Moves, moved)
		v.Standings = append(v.Standings, admin.Standing{TopicPartition: tp, Last: &moved})
	}
	for name, table := range map[string]screen.Table{
		"show":  NewPositions(v, "sqlite:x.db", "").Table(Wide),
		"set":   NewPlan(plan).Table(),
		"copy":  NewCopy("offsets copy", copied, "a", "b", nil).Table(),
		"moves": NewMoves(told, "g", admin.Filter{}, now).Table(),
	} {
		var b strings.Builder
		table.Print(&b, 0, screen.Plain)
		lines := strings.Split(b.String(), "\n")
		if head := lines[0]; name != "show" && name != "moves" && !strings.Contains(head, "(+01:00)") { // theirs stands above the table
			t.Errorf("%s: the heading is %q, want it to name +01:00", name, head)
		}
		for i, want := range want {
			if !strings.Contains(lines[i+1], want) {
				t.Errorf("%s: got %q, want in it %s", name, lines[i+1], want)
			}
		}
	}
}
