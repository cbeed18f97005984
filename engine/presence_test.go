package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/engine/internal/peers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// member is a feed that is a member of a Kafka group.
type member struct {
	*feed
	coordinator *coordinator
	id          string
	instance    string
	first       bool // EvictsFirst
}

// coordinator is a Kafka group as its members see it.
type coordinator struct {
	mu       sync.Mutex
	turned   chan struct{}
	evicted  []string
	rejoined []string
	left     []string
	started  []string // and what was evicted before, as "evicted x"
	refuses  error
	leaves   time.Duration // how long it takes to leave
}

func (m *member) Start(ctx context.Context, l source.Listener) error {
	m.coordinator.mu.Lock()
	m.coordinator.started = append(m.coordinator.started, m.id)
	m.coordinator.mu.Unlock()
	return m.feed.Start(ctx, l)
}

func (m *member) Membership() (source.Member, <-chan struct{}) {
	m.coordinator.mu.Lock()
	defer m.coordinator.mu.Unlock()
	if !slices.Contains(m.coordinator.started, m.id) {
		return source.Member{Instance: m.instance}, m.coordinator.turned
	}
	return source.Member{ID: m.id, Instance: m.instance}, m.coordinator.turned
}

func (m *member) Evict(_ context.Context, gone ...source.Member) error {
	m.coordinator.mu.Lock()
	defer m.coordinator.mu.Unlock()
	for _, g := range gone {
		m.coordinator.evicted = append(m.coordinator.evicted, g.ID)
		m.coordinator.started = append(m.coordinator.started, "evicted "+g.ID)
	}
	return m.coordinator.refuses
}

// Peers are the members that have started, and were not evicted.
func (m *member) Peers(context.Context) (all []source.Member, err error) {
	m.coordinator.mu.Lock()
	defer m.coordinator.mu.Unlock()
	for _, id := range m.coordinator.started {
		if !slices.Contains(m.coordinator.started, "evicted "+id) && !slices.Contains(m.coordinator.left, id) {
			all = append(all, source.Member{ID: id})
		}
	}
	return all, nil
}

func (m *member) Leave(ctx context.Context) error {
	m.coordinator.mu.Lock()
	m.coordinator.left = append(m.coordinator.left, m.id)
	m.coordinator.mu.Unlock()
	time.Sleep(m.coordinator.leaves)
	return m.feed.Leave(ctx)
}

func (m *member) EvictsFirst() bool { return m.first }

func (m *member) Rejoin(context.Context) {
	m.coordinator.mu.Lock()
	defer m.coordinator.mu.Unlock()
	m.coordinator.rejoined = append(m.coordinator.rejoined, m.id)
}

// took takes what was evicted and who rejoined since the last call, in order.
func (c *coordinator) took() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.evicted)
	slices.Sort(c.rejoined)
	text := fmt.Sprint("evicted ", slices.Compact(c.evicted), ", rejoined ", slices.Compact(c.rejoined))
	c.evicted, c.rejoined = nil, nil
	return text
}

// lives are workers of one group by the names of their members.
type lives struct {
	*world
	*coordinator
	store *memory.Store
}

func inLives(t *testing.T, f func(t *testing.T, l *lives)) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		f(t, &lives{w, &coordinator{turned: make(chan struct{})}, s})
	})
}

// begin starts a worker and waits until it has entered itself.
func (l *lives) begin(id string, change ...func(*Config, *member)) *worker {
	wk := l.world.run(l.store, func(c *Config) {
		m := &member{feed: c.Source.(*feed), coordinator: l.coordinator, id: id}
		c.Source, c.Who = m, id+"@test"
		for _, f := range change {
			f(c, m)
		}
	})
	time.Sleep(time.Second)
	synctest.Wait()
	return wk
}

// entry is the last entry of a worker.
func (l *lives) entry(id string) (last ledger.Worker) {
	all, err := ledger.ReadWorkers(context.Background(), l.store, "g")
	if err != nil {
		l.t.Fatal(err)
	}
	for _, w := range all {
		if w.Member == id {
			last = w
		}
	}
	return last
}

// dies ends a worker's sign without a word.
func (l *lives) dies(id string) { l.store.EndSigns(l.entry(id).Sign) }

// passes lets time pass, and says what the group was told meanwhile.
func (l *lives) passes(d time.Duration, want string) {
	l.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	if got := l.took(); got != want {
		l.t.Errorf("within %s: %s, want %s", d, got, want)
	}
}

// soon is long enough for everything but a doubt.
const soon = 200 * time.Millisecond

// A worker that dies is evicted by those who live, all of whom ask for their shares, at once.
func TestDeadWorkerIsEvicted(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		l.begin("a")
		b, c := l.begin("b"), l.begin("c")
		l.passes(time.Minute, "evicted [], rejoined []")
		l.dies("a")
		l.passes(soon, "evicted [a], rejoined [b c]")
		if over := l.entry("a").Over; over != ledger.Evicted {
			t.Errorf("a's entry is over by %q", over)
		}
		gone := slices.Concat(seen[WorkersGone](b), seen[WorkersGone](c))
		if len(gone) == 0 || gone[0].Err != nil || gone[0].Workers[0].Who != "a@test" {
			t.Errorf("reported: %+v", gone)
		}
	})
}

// A worker that leaves is not evicted; the others ask for their shares at once.
func TestWorkerThatLeavesIsNotEvicted(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		a := l.begin("a")
		b := l.begin("b")
		if err := a.end(); err != nil {
			t.Fatal(err)
		}
		l.passes(soon, "evicted [], rejoined [b]")
		if over := l.entry("a").Over; over != ledger.Left || len(seen[WorkersGone](b)) > 0 {
			t.Errorf("a's entry is over by %q, reported %v", over, seen[WorkersGone](b))
		}
	})
}

// A worker that leaves says goodbye before its place is free. The others may read that first: they ask for their shares when its sign ends.
func TestWorkerThatLeavesSlowlyIsFollowed(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		a := l.begin("a")
		l.begin("b", func(c *Config, _ *member) { c.Watch = 100 * time.Millisecond })
		l.took()
		l.leaves = 3 * time.Second
		if err := a.end(); err != nil {
			t.Fatal(err)
		}
		l.leaves = 0
		l.passes(soon, "evicted [], rejoined [b]")
		l.passes(time.Minute, "evicted [], rejoined []")
	})
}

// A store that restarts ends every sign at once: nobody is evicted, and each takes a new one.
func TestStoreThatRestartsEvictsNobody(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		l.begin("a")
		l.begin("b")
		l.begin("c")
		before := l.entry("a")
		l.store.LoseSigns()
		l.passes(time.Minute, "evicted [], rejoined []")
		after := l.entry("a")
		if after.Sign == before.Sign || after.Slot != before.Slot || after.Over != "" {
			t.Errorf("a was entered as %+v, and is as %+v", before, after)
		}
		l.dies("b")
		l.passes(soon, "evicted [b], rejoined [a c]")
	})
}

// Two that die in one moment look like a store that restarts: they are evicted after a second look.
func TestTwoDeadWorkersAreEvictedAfterDoubt(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		var signs []string
		for i, id := range []string{"a", "b"} { // of processes that do nothing more once they are dead
			w := ledger.Worker{Slot: i, Sign: ledger.NewSign(uint64(i + 1)), Member: id, Since: time.Now()}
			if _, err := l.store.Appear(t.Context(), "g", w.Sign); err != nil {
				t.Fatal(err)
			}
			if err := ledger.WriteWorkers(t.Context(), l.store, "g", w); err != nil {
				t.Fatal(err)
			}
			signs = append(signs, w.Sign)
		}
		l.begin("c")
		l.store.EndSigns(signs...)
		l.passes(soon, "evicted [], rejoined []")
		l.passes(peers.DoubtFor, "evicted [a b], rejoined [c]")
	})
}

// What was dead before a worker began is evicted: behind its own join, or in front of it where the group wants that.
func TestNewWorkerEvictsTheDead(t *testing.T) {
	for _, first := range []bool{false, true} {
		t.Run(fmt.Sprint(first), func(t *testing.T) {
			inLives(t, func(t *testing.T, l *lives) {
				dead := ledger.Worker{Slot: 3, Sign: ledger.NewSign(1), Member: "dead", Since: time.Now()}
				if err := ledger.WriteWorkers(t.Context(), l.store, "g", dead); err != nil {
					t.Fatal(err)
				}
				l.begin("a", func(_ *Config, m *member) { m.first = first })
				want := []string{"a", "evicted dead"}
				if first {
					want = []string{"evicted dead", "a"}
				}
				if !slices.Equal(l.started, want) {
					t.Errorf("the group saw %v, want %v", l.started, want)
				}
				if w := l.entry("a"); w.Slot != 0 || w.Over != "" {
					t.Errorf("a is entered as %+v", w)
				}
			})
		})
	}
}

// A worker that was taken for dead enters itself again; two that took one slot at the same time end in two.
func TestEntryIsWrittenAgain(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		l.begin("a")
		was := l.entry("a")
		wrong := was
		wrong.Over = ledger.Evicted
		if err := ledger.WriteWorkers(t.Context(), l.store, "g", wrong); err != nil {
			t.Fatal(err)
		}
		l.passes(10*time.Second, "evicted [], rejoined []")
		if got := l.entry("a"); got != was {
			t.Errorf("a is entered as %+v, want %+v", got, was)
		}
		other := ledger.Worker{Slot: was.Slot, Sign: ledger.NewSign(7), Member: "other", Since: time.Now()}
		if _, err := l.store.Appear(t.Context(), "g", other.Sign); err != nil {
			t.Fatal(err)
		}
		if err := ledger.WriteWorkers(t.Context(), l.store, "g", other); err != nil {
			t.Fatal(err)
		}
		l.passes(10*time.Second, "evicted [], rejoined []")
		if a, o := l.entry("a"), l.entry("other"); a.Slot != was.Slot+1 || o.Slot != was.Slot {
			t.Errorf("a is in slot %d, the other in %d", a.Slot, o.Slot)
		}
		l.store.EndSigns(other.Sign)
		l.passes(soon, "evicted [other], rejoined [a]")
	})
}

// A group that cannot be told is told again, once a second, and that is reported once.
func TestEvictionIsTriedAgain(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		a := l.begin("a")
		l.begin("b")
		l.coordinator.refuse(errors.New("no broker answers"))
		l.dies("b")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		l.mu().Lock()
		tries := len(l.evicted)
		l.mu().Unlock()
		if tries < 5 || tries > 15 || len(seen[WorkersGone](a)) != 1 {
			t.Errorf("tried %d times, reported %v", tries, seen[WorkersGone](a))
		}
		l.coordinator.refuse(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if gone := seen[WorkersGone](a); len(gone) != 2 || gone[1].Err != nil || l.entry("b").Over != ledger.Evicted {
			t.Errorf("reported %v", gone)
		}
	})
}

// refuse has the group answer an error to each eviction.
func (c *coordinator) refuse(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuses = err
}

func (l *lives) mu() *sync.Mutex { return &l.coordinator.mu }

// Without a place for entries there is no presence, which is reported once and stops nothing.
func TestNoPresenceIsReported(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		l.store.KeepNoReports()
		a := l.begin("a")
		l.passes(time.Minute, "evicted [], rejoined []")
		if failed := seen[PresenceFailed](a); len(failed) != 1 || !errors.Is(failed[0].Err, ledger.ErrNoReports) {
			t.Errorf("reported: %v", failed)
		}
		if err := a.end(); err != nil {
			t.Error(err)
		}
	})
}

// A newcomer under the name of a live worker is the one that ends. After that one has died, or has left, its name is free.
func TestNamesakeOfALiveWorkerEnds(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		named := func(_ *Config, m *member) { m.instance = "one" }
		a := l.begin("a", named)
		b := l.begin("b", named)
		time.Sleep(time.Minute)
		synctest.Wait()
		if f, is := errors.AsType[*fencepost.UserError](b.ends()); !is || f.Code != "instance-taken" {
			t.Errorf("the newcomer ended with %v", f)
		}
		if a.over() || slices.Contains(l.started, "b") {
			t.Errorf("a is over: %t, joined %v", a.over(), l.started)
		}
		l.dies("a")
		c := l.begin("c", named)
		if !slices.Contains(l.started, "c") {
			t.Error("the name of a dead worker is taken")
		}
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
		l.begin("d", named)
		if !slices.Contains(l.started, "d") {
			t.Error("the name of a worker that has left is taken")
		}
	})
}

// A worker that begins while the store has just restarted finds signs that have ended, of workers that take new ones: none is evicted.
func TestNewWorkerDoubtsAStoreThatRestarted(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		for i, id := range []string{"a", "b"} { // entered under signs that have ended
			w := ledger.Worker{Slot: i, Sign: ledger.NewSign(uint64(i + 1)), Member: id, Since: time.Now()}
			if err := ledger.WriteWorkers(t.Context(), l.store, "g", w); err != nil {
				t.Fatal(err)
			}
		}
		l.begin("c")
		for i, id := range []string{"a", "b"} {
			w := ledger.Worker{Slot: i, Sign: ledger.NewSign(uint64(i + 11)), Member: id, Since: time.Now()}
			if _, err := l.store.Appear(t.Context(), "g", w.Sign); err != nil {
				t.Fatal(err)
			}
			if err := ledger.WriteWorkers(t.Context(), l.store, "g", w); err != nil {
				t.Fatal(err)
			}
		}
		l.passes(time.Minute, "evicted [], rejoined []")
	})
}
