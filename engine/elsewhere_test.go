package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/google/go-cmp/cmp"
)

// TestO22GroupMovedByAnother: a reset of the group by Kafka's own tool changes nothing, and is said once at start; a worker's own
// commit, and one of another program at the position, are no such move.
func TestO22GroupMovedByAnother(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, w *world, s *memory.Store) {
		for p := range int32(3) {
			w.produce(tp(p), 20)
		}
		first := w.run(s, nil)
		synctest.Wait()
		first.source.assign(tp(0), tp(1), tp(2))
		time.Sleep(time.Minute)
		if err := first.end(); err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.mu.committed[tp(0)] = fencepost.CommittedOffset{Offset: 0, LeaderEpoch: fencepost.NoEpoch}
		w.mu.committed[tp(1)] = fencepost.CommittedOffset{Offset: 20, LeaderEpoch: fencepost.NoEpoch}
		w.mu.Unlock()

		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0), tp(1), tp(2))
		time.Sleep(10 * time.Minute)
		want := []CommittedElsewhere{{Partitions: []Elsewhere{{TopicPartition: tp(0), Committed: 0, Held: 20}}}}
		if diff := cmp.Diff(want, seen[CommittedElsewhere](wk)); diff != "" {
			t.Errorf("moved by another program (-want +got):\n%s", diff)
		}
		wantRows(t, s, tp(0), upTo(0, 20))
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		if none := seen[CommittedElsewhere](first); len(none) > 0 {
			t.Errorf("a group that nobody else moved: %v", none)
		}
	})
}
