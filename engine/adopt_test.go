package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// tell sets the topic ID that the brokers report for a topic; zero: they are of before topic IDs. Members that run learn it
// with their next fetch.
func (w *world) tell(topic string, id fencepost.TopicID, running ...*worker) {
	for _, wk := range running {
		wk.source.mu.Lock()
		defer wk.source.mu.Unlock()
		for _, c := range wk.source.mu.held {
			c.id = id
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.topics[topic].id = id
	w.changed()
}

// imports are the recorded imports of a partition.
func imports(t *testing.T, s *memory.Store, tp fencepost.TopicPartition) (list []ledger.Recorded) {
	t.Helper()
	for m, err := range s.Moves(t.Context(), "g") {
		if err != nil {
			t.Fatal(err)
		}
		if m.TopicPartition == tp && m.Cause == ledger.CauseImport {
			list = append(list, m)
		}
	}
	return list
}

// E4: brokers are upgraded under a group of before topic IDs. Each partition takes the ID over once, when a worker
// settles it; one that another worker runs meanwhile goes on undisturbed; and a topic that is recreated then parks.
func TestE4TopicIDsAreLearnedOnce(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		both := func(n int) { w.produce(tp(0), n); w.produce(tp(1), n) }
		w.tell("t", fencepost.TopicID{})
		both(10)
		a, b := w.run(s, nil), w.run(s, nil)
		synctest.Wait()
		a.source.assign(tp(0))
		b.source.assign(tp(1))
		time.Sleep(time.Second)
		if err := a.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		id := fencepost.TopicID{1}
		w.tell("t", id, b)
		a = w.run(s, nil)
		synctest.Wait()
		a.source.assign(tp(0))
		both(5)
		time.Sleep(21 * time.Second) // two watches
		if got := seen[Weaker](a); len(got) != 1 {
			t.Errorf("the weaker check was told as %v, want once", got)
		}
		wantRows(t, s, tp(0), upTo(0, 15))
		wantRows(t, s, tp(1), upTo(0, 15))
		if got := append(seen[Refused](a), seen[Refused](b)...); len(got) != 0 {
			t.Errorf("refused: %+v, want none", got)
		}
		if first, second := position(t, s, tp(0)), position(t, s, tp(1)); first.TopicID != id || second.TopicID != (fencepost.TopicID{}) {
			t.Errorf("the partitions stand at %+v and %+v, want the first one's topic ID taken over, and the other as it runs", first, second)
		}
		if err := b.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		a.source.assign(tp(1))
		both(5)
		time.Sleep(21 * time.Second)
		wantRows(t, s, tp(1), upTo(0, 20))
		for p := range int32(2) {
			moved := imports(t, s, tp(p))
			if len(moved) != 1 || !moved[0].Adopts() || moved[0].Held.Fence == moved[0].Next.Fence || moved[0].Next.TopicID != id || moved[0].Why == "" {
				t.Errorf("%s: imports %+v, want one, in place, under a fresh fence, that says why", tp(p), moved)
			}
		}
		w.create("t", 2) // under the ID 2
		both(30)
		time.Sleep(11 * time.Second)
		if got := seen[Parked](a); len(got) != 2 || got[0].Code != "recreated" || got[1].Code != "recreated" {
			t.Errorf("parked: %+v, want both, recreated", got)
		}
		if err := a.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// E4: recreated while no worker ran, and only the group knows the ID of before: the new topic's first records are not passed.
func TestE4RecreatedWithoutAPositionsID(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.tell("t", fencepost.TopicID{})
		w.produce(tp(0), 10)
		w.produce(tp(1), 10)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0), tp(1))
		time.Sleep(time.Second)
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		w.tell("t", fencepost.TopicID{1})
		wk = w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		w.create("t", 2)
		w.produce(tp(1), 50)
		wk = w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(1))
		time.Sleep(time.Second)
		if got := seen[Parked](wk); len(got) != 1 || got[0].Code != "recreated" {
			t.Errorf("parked: %+v, want the partition, recreated", got)
		}
		wantRows(t, s, tp(1), upTo(0, 10))
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}

// E4: of a run with an end that is fixed by a lagging broker, the end is fixed anew also where the position takes the
// topic ID over.
func TestE4EndOfALaggingBroker(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.tell("t", fencepost.TopicID{})
		w.produce(tp(0), 10)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		w.tell("t", fencepost.TopicID{1})
		w.produce(tp(0), 5)
		cluster := &lagging{world: w, left: 1}
		wk = w.run(s, func(c *Config) {
			c.Until.End = true
			c.Source = lagged{c.Source, cluster}
		})
		synctest.Wait()
		wk.source.assign(tp(0))
		<-wk.done
		if wk.err != nil {
			t.Fatalf("run: %v", wk.err)
		}
		wantRows(t, s, tp(0), upTo(0, 15))
	})
}

// lagged is a source whose cluster is another one's view.
type lagged struct {
	source.Source
	cluster source.Cluster
}

func (l lagged) Cluster() source.Cluster { return l.cluster }

// lagging is a cluster that answers from a replica of before, some times.
type lagging struct {
	*world
	left int
}

func (l *lagging) LogOffsets(ctx context.Context, asks []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets {
	got := l.world.LogOffsets(ctx, asks)
	if l.left > 0 {
		l.left--
		for tp, b := range got {
			b.LastStableOffset, b.HighWatermark = 5, 5
			got[tp] = b
		}
	}
	return got
}
