package quickstart

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/fencepost/fencepost/internal/flights"
	"github.com/google/go-cmp/cmp"
)

// shown is a proof of round numbers.
func shown(origins int) *proof {
	truth := flights.Truth{Total: flights.Total{Rows: 200_000, Delay: 1_809_922, Distance: 145_843_075}, Origins: map[string]flights.Total{}}
	for i := range origins {
		truth.Origins[string(rune('A'+i/26))+string(rune('A'+i%26))] = flights.Total{}
	}
	// One total has it all, so that the sums agree.
	truth.Origins["AA"] = truth.Total
	kills := []*kill{{worker: 2, hit: true, stood: map[int32]int64{0: 1}}, {worker: 1, hit: true, stood: map[int32]int64{1: 0}}}
	p := &proof{truth: truth, ends: map[int32]int64{0: 45_005, 1: 61_389, 2: 32_221, 3: 61_385}, kills: kills, controlKills: kills, needed: 2}
	p.run = count{truth: truth, delays: map[string]flights.Total{}}
	for origin, total := range truth.Origins {
		p.run.delays[origin] = flights.Total{Rows: total.Rows, Delay: total.Delay}
	}
	p.control = count{truth: truth, rows: provenance{seen: map[int32][]uint8{0: {1, 2}, 1: {1}}, doubled: 7_614}}
	p.control.truth.Total = flights.Total{Rows: 207_614, Delay: 1_886_978, Distance: 151_080_789}
	p.chain = chain{commits: 146}
	return p
}

// screenOf is all that a run writes, with a kill.
func screenOf(look Look, p *proof) string {
	var err, out bytes.Buffer
	began := time.Unix(0, 0)
	h := &house{truth: flights.Truth{Total: flights.Total{Rows: 200_000}}, cfg: Config{Rate: 10_000, Seed: 20261121, Out: &out, Err: &err, ErrLook: look}}
	h.story = &story{out: &err, look: look, began: began}
	h.title()
	h.story.line(began.Add(100*time.Millisecond), "broker", "embedded, on disk, at %s", address)
	h.story.killed(&kill{worker: 2, pid: 41207, at: began.Add(1900 * time.Millisecond), rows: 21_400, back: 900 * time.Millisecond, hit: true})
	h.story.killed(&kill{worker: 3, pid: 41260, at: began.Add(10 * time.Second), rows: 184_225, back: 900 * time.Millisecond})
	text := p.table(look) + "\n" + p.delaysLine(look) + p.chainLine(look) + "\n" + p.end(look, 15100*time.Millisecond, "fencepost-quickstart") + "\n" +
		next(look, []Hint{{"sqlite3 fencepost-quickstart/quickstart.db 'SELECT * FROM delays LIMIT 5'", ""},
			{"fencepost quickstart --seed 20261121 --keep", "the same plan; the broker stays"}})
	return err.String() + "\n" + text
}

// TestScreens compares with testdata/*.txt; run with UPDATE=1 to write them anew, and read what changed.
func TestScreens(t *testing.T) {
	unproven := shown(223)
	unproven.run.rows.missing = 3
	unproven.run.rows.doubled = 1
	unproven.chain.broken = []string{"flights:1: hole: a commit ends at 32,900, the next begins at 33,000"}
	for name, got := range map[string]string{
		"100":        screenOf(Look{Width: 100}, shown(223)),
		"80":         screenOf(Look{Width: 80}, shown(223)),
		"not-proven": screenOf(Look{}, unproven),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name+".txt")
			if os.Getenv("UPDATE") != "" {
				write(t, path, got)
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("the screen differs (-want +got):\n%s", d)
			}
		})
	}
}

func TestScreensFitTheirWidth(t *testing.T) {
	for _, width := range []int{80, 100} {
		for _, line := range strings.Split(screenOf(Look{Width: width}, shown(223)), "\n") {
			if n := utf8.RuneCountInString(line); n > width && !strings.Contains(line, "sqlite3") {
				t.Errorf("at %d columns a line has %d: %s", width, n, line)
			}
		}
	}
}

// TestBarIsRedrawnOnATerminalOnly draws one and clears it.
func TestBarIsRedrawnOnATerminalOnly(t *testing.T) {
	var out bytes.Buffer
	s := &story{out: &out, began: time.Now(), look: Look{}}
	s.progress(50, 100, 1)
	if out.Len() != 0 {
		t.Errorf("without a terminal the bar wrote %q", out.String())
	}
	for _, c := range []struct {
		look Look
		want string
	}{
		{Look{Redraw: true, Width: 100}, "████████████████████░░░░░░░░░░░░░░░░░░░░   50 of 100         0/s   1 kill"},
		{Look{Redraw: true, Width: 60, ASCII: true}, "       ########.........   50 of 100         0/s   1 kill"},
	} {
		out.Reset()
		s := &story{out: &out, began: time.Now(), look: c.look}
		s.progress(50, 100, 1)
		if !strings.Contains(out.String(), c.want) {
			t.Errorf("the bar is %q, want %q", out.String(), c.want)
		}
		s.now("run", "again")
		if !strings.Contains(out.String(), "\r\x1b[K") {
			t.Errorf("the bar was not cleared: %q", out.String())
		}
	}
}
