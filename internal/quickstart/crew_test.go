package quickstart

import (
	"testing"
	"time"
)

// TestVictim tells who is killed when worker 2 is planned.
func TestVictim(t *testing.T) {
	now := time.Unix(1000, 0)
	ends := map[int32]int64{0: 10, 1: 10, 2: 10, 3: 10}
	atWork := func(n int, ps ...int32) *worker { return holds(n, now.Add(-recent/2), ps...) }
	quiet := func(n int, ps ...int32) *worker { return holds(n, now.Add(-recent*2), ps...) }
	dead := atWork(2, 1)
	dead.kill = &kill{}
	for name, c := range map[string]struct {
		two  *worker
		late bool
		want int // 0: nobody
	}{
		"at work":                  {atWork(2, 1), false, 2},
		"of two, one is finished":  {atWork(2, 3, 1), false, 2},
		"was finished":             {atWork(2, 3), false, 3},
		"has ended":                {nil, false, 3},
		"is not back":              {dead, false, 0},
		"is not back for long":     {dead, true, 3},
		"did not commit of late":   {quiet(2, 1), false, 0},
		"is quiet for long":        {quiet(2, 1), true, 3},
		"was given nothing":        {atWork(2), false, 0},
		"began and did not commit": {holds(2, time.Time{}, 1), false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			crew := &crew{ends: ends, committed: map[int32]int64{0: 4, 1: 4, 2: 4, 3: 10},
				lives: []*worker{atWork(1, 0), c.two, atWork(3, 2)}}
			got := 0
			if w := crew.victim(2, now, c.late); w != nil {
				got = w.number
			}
			if got != c.want {
				t.Errorf("worker %d is killed, want %d", got, c.want)
			}
		})
	}
}

func holds(number int, last time.Time, partitions ...int32) *worker {
	w := &worker{number: number, last: last, held: map[int32]bool{}}
	for _, p := range partitions {
		w.held[p] = true
	}
	return w
}

// nobody is shown anything.
type nobody struct{ kills []*kill }

func (n *nobody) killed(k *kill)           { n.kills = append(n.kills, k) }
func (*nobody) progress(_, _ int64, _ int) {}

// TestBackIsTold: kills are told in their order, each with its own next life.
func TestBackIsTold(t *testing.T) {
	show := &nobody{}
	begun := time.Now()
	c := &crew{show: show, committed: map[int32]int64{}, ends: map[int32]int64{}}
	c.kills = []*kill{{worker: 1, pid: 11, at: begun.Add(-3 * time.Second)}, {worker: 2, pid: 12, at: begun.Add(-2 * time.Second)}}
	second := &worker{number: 2, pid: 22, began: begun, held: map[int32]bool{}}
	first := &worker{number: 1, pid: 21, began: begun, held: map[int32]bool{}}
	hear := func(w *worker, l line) {
		t.Helper()
		if err := c.hear(t.Context(), report{worker: w, line: l}); err != nil {
			t.Fatal(err)
		}
	}
	hear(second, line{Msg: "partitions assigned", Partitions: []string{"flights:1"}})
	hear(first, line{Msg: "partitions assigned"})
	if len(show.kills) != 0 {
		t.Fatalf("%d kills were told before worker 1 held anything", len(show.kills))
	}
	hear(first, line{Msg: "batch committed", Segments: []segment{{Partition: 0, Until: 5}}})
	if len(show.kills) != 2 || show.kills[0].worker != 1 || show.kills[0].back < 3*time.Second {
		t.Fatalf("%d kills were told, want both, worker 1's first, 3s long", len(show.kills))
	}
	if c.done() != 5 {
		t.Errorf("%d offsets are committed, want 5", c.done())
	}
}
