package dash

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
)

func standingAt(position, earliest, stable, end fencepost.Offset) view.Standing {
	return view.Standing{Topic: "trips", Position: &view.Position{Offset: position}, Bounds: &view.Bounds{Earliest: earliest, Stable: stable, End: end}, Lag: view.Number(end - position)}
}

// TestBarsStayOnTheAxis: whatever a partition's numbers are, its ranges lie on the axis, meet, and go from the left to the right.
func TestBarsStayOnTheAxis(t *testing.T) {
	number := func(s string) float64 {
		n, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		end := fencepost.Offset(r.Int64N(1 << (1 + r.IntN(50))))
		earliest := fencepost.Offset(r.Int64N(int64(end) + 1))
		stable := earliest + fencepost.Offset(r.Int64N(int64(end-earliest)+1))
		s := standingAt(fencepost.Offset(r.Int64N(2*int64(end)+1)), earliest, stable, end)
		b := newAxis([]view.Standing{s}, seed%2 == 0).newBar(s, []watch.Mark{{From: earliest, Until: end, Again: true}, {From: 0, Until: end + 5}})
		at := 0.0
		for _, one := range b.Ranges {
			if one.Class == "r-gap" {
				continue
			}
			x, w := number(one.X), number(one.W)
			if x < at-.02 || w < 0 || x+w > 100.02 {
				t.Fatalf("seed %d: %s: range %+v after %v", seed, b.Title, one, at)
			}
			at = x + w
		}
		for _, m := range b.Marks {
			if x := number(m.X); x < 0 || x > 100 {
				t.Fatalf("seed %d: %s: mark %+v", seed, b.Title, m)
			}
		}
	}
}

// TestBarsOfVerdicts: what each kind of position looks like.
func TestBarsOfVerdicts(t *testing.T) {
	parked := func(s view.Standing) view.Standing { s.State = "parked"; return s }
	for name, c := range map[string]struct {
		s    view.Standing
		has  []string // classes, in order
		says string
	}{
		"running":   {standingAt(900, 0, 1000, 1000), []string{"r-applied", "r-unread", "r-edge", "r-pos"}, "100 unread"},
		"idle":      {standingAt(1000, 0, 1000, 1000), []string{"r-applied", "r-edge", "r-pos"}, "0 unread"},
		"blocked":   {standingAt(900, 0, 900, 1000), []string{"r-applied", "r-open", "r-edge", "r-pos"}, "stable 900"},
		"parked":    {parked(standingAt(900, 0, 1000, 1000)), []string{"r-applied", "r-unread", "r-edge", "r-pos", "r-stop"}, "position 900"},
		"aged out":  {parked(standingAt(400, 900, 1000, 1000)), []string{"r-unread", "r-gap", "r-edge", "r-pos", "r-stop"}, "lies 500 below earliest"},
		"truncated": {parked(standingAt(1100, 0, 1000, 1000)), []string{"r-applied", "r-edge", "r-stop", "r-stop"}, "lies 100 behind the end"},
		"absent":    {view.Standing{Topic: "trips", Bounds: &view.Bounds{End: 1000}}, []string{"r-unread", "r-edge"}, "no position"},
		"unknown":   {view.Standing{Topic: "trips", Position: &view.Position{Offset: 9}}, nil, "the log is unknown"},
		"nothing":   {view.Standing{Topic: "trips"}, nil, "unknown"},
	} {
		b := newAxis([]view.Standing{c.s}, false).newBar(c.s, nil)
		var has []string
		for _, one := range append(b.Ranges, b.Marks...) {
			has = append(has, one.Class)
		}
		if strings.Join(has, " ") != strings.Join(c.has, " ") || !strings.Contains(b.Title, c.says) {
			t.Errorf("%s: %q, %q; want %q, and %q", name, has, b.Title, c.has, c.says)
		}
	}
}

// TestHeats: the classes of the heat map.
func TestHeats(t *testing.T) {
	for want, s := range map[string]view.Standing{
		"h0": {LagTime: view.Age(time.Second)}, "h1": {LagTime: view.Age(9 * time.Second)}, "h2": {LagTime: view.Age(time.Minute)}, "h3": {LagTime: view.Age(61 * time.Second)},
		"h4": {LagTime: view.Age(10 * time.Minute)}, "h5": {LagTime: view.Age(time.Hour)}, "pk": {State: "parked"}, "bl": {State: "blocked"}, "un": {LagTime: -1},
	} {
		if got := heatOf(s); got != want {
			t.Errorf("%+v is %s, want %s", s, got, want)
		}
	}
}
