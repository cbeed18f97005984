package health

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
)

// changing is an engine that the test changes while it is asked.
type changing struct {
	mu sync.Mutex
	is fake
}

// set changes it.
func (c *changing) set(change func(*fake)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.is)
}

func (c *changing) now() *fake {
	c.mu.Lock()
	defer c.mu.Unlock()
	is := c.is
	return &is
}

func (c *changing) Status() engine.Status                { return c.now().status }
func (c *changing) Partitions() []engine.PartitionStatus { return c.now().parts }
func (c *changing) Stuck() []engine.Stuck                { return c.now().stuck }

// told are the states that a manager was told.
type told struct {
	mu     sync.Mutex
	states []string
	fails  error
}

func (m *told) send(states ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.states = append(m.states, states...)
	return m.fails
}

// since takes what was told, as words without the sentences, and the last sentence.
func (m *told) since() (words, sentence string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, s := range m.states {
		if text, ok := strings.CutPrefix(s, "STATUS="); ok {
			sentence = text
			continue
		}
		all = append(all, s)
	}
	m.states = nil
	return strings.Join(all, " "), sentence
}

// TestNotify tells a manager the life of a worker: it starts, is ready once it is a member, though a partition is parked; the watchdog is
// fed while its loops turn, and not while one hangs; it stops.
func TestNotify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, is, m := New(Config{}), &changing{is: fake{status: engine.Status{Outside: true}}}, &told{}
		w.Runs(is)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.Notify(ctx, Manager{Send: m.send, Watchdog: 10 * time.Second, Failed: func(err error) { t.Error(err) }})
		}()
		step := func(what, want, saying string) {
			t.Helper()
			synctest.Wait()
			if words, sentence := m.since(); words != want || saying != "" && sentence != saying {
				t.Errorf("%s: told %q, %q, want %q, %q", what, words, sentence, want, saying)
			}
		}
		step("it starts", "EXTEND_TIMEOUT_USEC=30000000 WATCHDOG=1", "starting: brokers and stores are being asked")
		w.Event(opening)
		step("the database starts", "EXTEND_TIMEOUT_USEC=30000000 WATCHDOG=1", "starting: postgres: starting up (database-starting)")
		w.Event(engine.Opened{})
		step("it joins", "WATCHDOG=1", "waiting: the group has not let this worker in (not-a-member)")
		is.set(func(f *fake) {
			f.status.Outside, f.parts = false, []engine.PartitionStatus{halted(3, ledger.HaltParked, "truncated", "past the divergence")}
		})
		time.Sleep(time.Second)
		step("it is a member", "READY=1 WATCHDOG=1", "parked trips:3: past the divergence (truncated)")
		is.set(func(f *fake) { f.parts, f.status.Lag = []engine.PartitionStatus{at(0, 7, 1), at(1, 7, 1233)}, 1234 })
		time.Sleep(time.Second)
		step("it runs", "WATCHDOG=1", "running 2 partitions, lag 1,234")
		is.set(func(f *fake) { f.stuck = []engine.Stuck{{What: "poll", For: 65 * time.Second}} })
		time.Sleep(10 * time.Second)
		step("a loop hangs", "", "poll hangs for 1m5s")
		is.set(func(f *fake) { f.stuck = nil })
		w.Event(engine.Draining{})
		step("it stops", "STOPPING=1 WATCHDOG=1", "stopping: what is under way is being committed, then the group is left")
		cancel()
		<-done
	})
}

// TestNotifyWithoutAWatchdog: states are told once, and nothing where nothing is new.
func TestNotifyWithoutAWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m, failed := New(Config{}), &told{}, new(atomic.Int64)
		w.Runs(&fake{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.Notify(ctx, Manager{Send: m.send, Failed: func(error) { failed.Add(1) }})
		}()
		synctest.Wait()
		w.Event(engine.Opened{})
		synctest.Wait()
		m.since()
		time.Sleep(time.Minute)
		if words, sentence := m.since(); words+sentence != "" {
			t.Errorf("nothing was new, and it was told %q, %q", words, sentence)
		}
		m.mu.Lock()
		m.fails = errors.New("connection refused")
		m.mu.Unlock()
		for range 3 { // each tells something
			w.Event(opening)
			synctest.Wait()
			w.Event(engine.Opened{})
			synctest.Wait()
		}
		if n := failed.Load(); n != 1 {
			t.Errorf("errors that follow each other were reported %d times, want once", n)
		}
		cancel()
		<-done
	})
}
