package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
)

// copied makes a clone of the store, whose workers have the same ledger's identity.
func (l *lives) copied() *lives {
	clone := memory.Open()
	clone.Restore(l.store.Backup())
	return &lives{l.world, l.coordinator, clone}
}

// forgets takes all entries out of the ledger.
func (l *lives) forgets() {
	l.t.Helper()
	if err := l.store.PutReports(l.t.Context(), "g", map[string]string{"worker 0": "", "worker 1": "", "worker 2": ""}); err != nil {
		l.t.Fatal(err)
	}
}

// joins has a member join the group under a new ID, which every member hears of.
func (l *lives) joins(m *member, id string) {
	l.coordinator.mu.Lock()
	defer l.coordinator.mu.Unlock()
	m.id, m.coordinator = id, l.coordinator
	l.started = append(l.started, id)
	close(l.turned)
	l.turned = make(chan struct{})
}

// works starts a worker that has one partition, with one record committed.
func (l *lives) works(id string, p int32, change ...func(*Config, *member)) *worker {
	wk := l.begin(id, change...)
	wk.source.assign(tp(p))
	l.produce(tp(p), 1)
	time.Sleep(time.Second)
	synctest.Wait()
	return wk
}

func wantsOtherCopy(t *testing.T, newcomer *worker, who string) {
	t.Helper()
	err := newcomer.ends()
	wantFault(t, err, "other-ledger", 4)
	if err != nil && !strings.Contains(err.Error(), "worker "+who+"@test works on another copy") {
		t.Errorf("the newcomer ended with %v, want %s named", err, who)
	}
}

// A worker on a cloned ledger finds a live member that its ledger does not know: it ends before it joins. The other one goes on.
func TestNewcomerOfAnotherCopyIsRefused(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		a := l.works("a", 0)
		clone := l.copied()
		clone.forgets()
		b := clone.begin("b")
		time.Sleep(goneWithin)
		synctest.Wait()
		wantsOtherCopy(t, b, "a")
		if a.over() || len(seen[OtherCopy](a)) > 0 {
			t.Errorf("a is over: %t, with %v", a.over(), seen[OtherCopy](a))
		}
		for _, id := range l.started {
			if id == "b" {
				t.Error("b has joined")
			}
		}
	})
}

// A clone that was made while a worker lived knows it by its entry, and takes it for dead. Taken for dead it joins anew, under a member
// that the clone does not know: the newcomer ends, and the one that was there before warns.
func TestNewcomerOfAPromotedReplicaIsRefused(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		var as *member
		a := l.works("a", 0, func(_ *Config, m *member) { as = m })
		time.Sleep(2 * newcomerFor)
		clone := l.copied()
		b := clone.begin("b")
		time.Sleep(time.Second)
		synctest.Wait()
		if took := l.took(); !strings.HasPrefix(took, "evicted [a],") {
			t.Errorf("the group was told: %s, want a evicted", took)
		}
		l.joins(as, "a2")
		time.Sleep(2 * goneWithin)
		synctest.Wait()
		wantsOtherCopy(t, b, "a")
		if a.over() {
			t.Errorf("a is over: %v", a.err)
		}
	})
}

// Two that begin at the same time are both newcomers. Of two that have run for long, both warn.
func TestOtherCopyOfOldWorkersIsWarnedOf(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		a := l.begin("a")
		clone := l.copied()
		clone.forgets()
		b := clone.begin("b") // nobody has committed anything: nothing is known
		time.Sleep(2 * newcomerFor)
		a.source.assign(tp(0))
		l.produce(tp(0), 1)
		time.Sleep(time.Second)
		l.joins(&member{}, "another program's") // a rebalance
		time.Sleep(2 * goneWithin)
		synctest.Wait()
		if a.over() || b.over() {
			t.Fatalf("a is over: %t, b is over: %t", a.over(), b.over())
		}
		if other := seen[OtherCopy](b); len(other) != 1 || other[0].Who != "a@test" {
			t.Errorf("b reported %v", other)
		}
		if other := seen[OtherCopy](a); len(other) > 0 { // b holds nothing
			t.Errorf("a reported %v", other)
		}
	})
}

// Workers of one ledger are no strangers to each other: not while they join, nor one whose entry was lost for a while, nor one of an
// earlier build.
func TestWorkersOfOneLedgerAreNoStrangers(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		a := l.works("a", 0)
		l.works("b", 0)
		l.forgets()
		c := l.begin("c") // before a enters itself again
		time.Sleep(2 * newcomerFor)
		synctest.Wait()
		if c.over() || a.over() || len(seen[OtherCopy](a)) > 0 {
			t.Errorf("c ended with %v, a with %v, a reported %v", c.err, a.err, seen[OtherCopy](a))
		}
		l.joins(&member{}, "another program's")
		d := l.begin("d")
		time.Sleep(2 * goneWithin)
		synctest.Wait()
		if d.over() || len(seen[OtherCopy](a)) > 0 {
			t.Errorf("d ended with %v, a reported %v", d.err, seen[OtherCopy](a))
		}
	})
}

// What a worker takes over is signed by it and else stays as it was, idle partitions too.
func TestMirrorIsSigned(t *testing.T) {
	inLives(t, func(t *testing.T, l *lives) {
		a := l.works("a", 0)
		was := l.world.mu.committed[tp(0)]
		if was.Member != "a" || was.Who != "a@test" {
			t.Errorf("a left %+v", was)
		}
		if err := a.end(); err != nil {
			t.Fatal(err)
		}
		b := l.begin("b")
		b.source.assign(tp(0))
		time.Sleep(time.Second)
		synctest.Wait()
		want := was
		want.Member, want.Who = "b", "b@test"
		if got := l.world.mu.committed[tp(0)]; got != want {
			t.Errorf("b left %+v, want %+v", got, want)
		}
		foreign, other := fencepost.CommittedOffset{Offset: 7}, fencepost.TopicPartition{Topic: "other"}
		l.create(other.Topic, 1)
		l.world.mu.committed[other] = foreign
		b.source.assign(other)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := l.world.mu.committed[other]; got != foreign {
			t.Errorf("another program's offset is %+v, want %+v", got, foreign)
		}
	})
}
