//go:build unix

package quickstart

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestVictim: who is killed when worker 2 is planned.
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
		want int // 0: none
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

// nobody is a shower that drops everything.
type nobody struct{ kills []*kill }

func (n *nobody) killed(k *kill)           { n.kills = append(n.kills, k) }
func (*nobody) progress(_, _ int64, _ int) {}

// TestBackIsTold: kills are reported in their order, each with its own next life.
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

// scripted is a worker that is a shell script: its first life commits 4 of 10 and then waits to be killed, every other
// one commits the rest.
func scripted(t *testing.T) Program {
	t.Helper()
	script := `say() { echo "$1" >&2; }
say '{"msg":"group joined","member":"m-'$$'"}'
say '{"msg":"partitions assigned","partitions":["flights:0"]}'
if [ ! -e killed ]; then
  : > killed
  say '{"msg":"batch committed","segments":[{"partition":0,"from":0,"until":4}]}'
  exec sleep 60
fi
say '{"msg":"batch committed","segments":[{"partition":0,"from":4,"until":10}]}'`
	t.Chdir(t.TempDir())
	return Program{Path: "/bin/sh", Args: []string{"sh", "-c", script}}
}

// TestKillEvictRestart is the life of one worker, killed once.
func TestKillEvictRestart(t *testing.T) {
	show := &nobody{}
	var evicted []string
	c := &crew{program: scripted(t), ends: map[int32]int64{0: 10}, show: show, strikes: []strike{{At: 4, Victim: 1}},
		evict: func(_ context.Context, member string) error { evicted = append(evicted, member); return nil }}
	if err := c.run(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if len(show.kills) != 1 {
		t.Fatalf("%d kills were told, want 1", len(show.kills))
	}
	k := show.kills[0]
	if !k.hit || k.rows != 4 || k.stood[0] != 4 || k.back <= 0 || alive(k.pid) {
		t.Errorf("the kill is %+v, want a hit at 4 rows, back, and the process gone", k)
	}
	if want := fmt.Sprintf("m-%d", k.pid); len(evicted) != 1 || evicted[0] != want {
		t.Errorf("evicted %v, want %s", evicted, want)
	}
	if c.done() != 10 {
		t.Errorf("%d offsets are committed, want 10", c.done())
	}
}

// TestKillThatDoesNotCount: what a worker's log says decides whether a kill hit it at work.
func TestKillThatDoesNotCount(t *testing.T) {
	end := func(script string) *os.ProcessState {
		cmd := exec.Command("/bin/sh", "-c", script)
		_ = cmd.Run() // how it ended is its state
		return cmd.ProcessState
	}
	killed, left := end("kill -9 $$"), end("exit 0")
	now := time.Now()
	for name, c := range map[string]struct {
		last  time.Time
		held  int32
		state *os.ProcessState
		want  bool
	}{
		"at work":            {now.Add(-recent / 2), 0, killed, true},
		"quiet for long":     {now.Add(-2 * recent), 0, killed, false},
		"never committed":    {time.Time{}, 0, killed, false},
		"nothing left to do": {now, 1, killed, false},
		"had ended already":  {now, 0, left, false},
	} {
		t.Run(name, func(t *testing.T) {
			k := &kill{worker: 1, at: now}
			crew := &crew{program: Program{Path: "/bin/true", Args: []string{"true"}}, show: &nobody{}, kills: []*kill{k},
				ends: map[int32]int64{0: 10, 1: 10}, committed: map[int32]int64{0: 4, 1: 10}, lives: make([]*worker, 1),
				reports: make(chan report, 10)}
			w := holds(1, c.last, c.held)
			w.kill = k
			if err := crew.ended(t.Context(), report{worker: w, state: c.state}); err != nil {
				t.Fatal(err)
			}
			crew.running.Wait()
			if k.hit != c.want {
				t.Errorf("hit is %v, want %v", k.hit, c.want)
			}
		})
	}
}

// TestStopEndsWorkersThatDoNotListen: a worker that ignores being asked is killed.
func TestStopEndsWorkersThatDoNotListen(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// It commits once it is deaf: before its trap, SIGTERM would end it.
	script := `trap '' TERM; echo '{"msg":"batch committed","segments":[{"partition":0,"from":0,"until":4}]}' >&2; while :; do sleep 1; done`
	c := &crew{program: Program{Path: "/bin/sh", Args: []string{"sh", "-c", script}}, ends: map[int32]int64{0: 10},
		show: onProgress(cancel), grace: 100 * time.Millisecond}
	if err := c.run(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the context's end", err)
	}
	if w := c.lives[0]; !w.ended || alive(w.pid) {
		t.Errorf("worker %d: ended is %v, alive is %v", w.pid, w.ended, alive(w.pid))
	}
}

// onProgress is called once something is committed.
type onProgress func()

func (onProgress) killed(*kill) {}
func (f onProgress) progress(done, _ int64, _ int) {
	if done > 0 {
		f()
	}
}
