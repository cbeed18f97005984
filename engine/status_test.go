package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
)

// TestPartitionsSayWhatTheLedgerIsTold: each held partition, where it is, and why it stands still in the words that are kept for others.
func TestPartitionsSayWhatTheLedgerIsTold(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, w *world, s *memory.Store) {
		for p := range int32(3) {
			w.produce(tp(p), 4)
		}
		refuses(s, tp(1), 2)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0), tp(1))
		time.Sleep(time.Second)
		at := time.Now()
		for range 3 { // a test of the bad record changes nothing of what is said
			got := wk.engine().Partitions()
			if len(got) != 2 || got[0].TopicPartition != tp(0) || got[1].TopicPartition != tp(1) {
				t.Fatalf("partitions: %+v, want t:0 and t:1, which are held", got)
			}
			if p := got[0]; p.Position.Offset != 4 || p.Lag != 0 || !p.Running || p.Report.Halt != "" {
				t.Errorf("of t:0: %+v, want it at its end", p)
			}
			p, kept := got[1], reported(t, s, tp(1))
			if p.Position.Offset != 2 || p.Lag != 2 || p.Report.Halt != ledger.HaltParked || p.Report.Since.After(at) || !p.Report.Same(kept) {
				t.Errorf("of t:1: %+v, want what the ledger has: %+v", p, kept)
			}
			time.Sleep(20 * time.Second)
		}
		if err := wk.end(); err != nil {
			t.Fatal(err)
		}
		if got := wk.engine().Partitions(); len(got) != 0 {
			t.Errorf("after the run: %+v", got)
		}
	})
}
