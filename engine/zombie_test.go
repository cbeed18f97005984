package engine

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
)

// Two workers make the same commit, one of them for a partition that it holds no more: the refused one does not count what the
// other has committed, since no answer of its own was lost.
func TestACommitOfAnotherIsNotCounted(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		stopped, resume := make(chan struct{}), make(chan struct{})
		var commits atomic.Int64
		zombie, heir := w.run(s, nil), w.run(s, nil)
		synctest.Wait()
		zombie.source.assign(tp(0))
		time.Sleep(time.Second)
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.BeforeApply && commits.Add(1) == 1 {
				close(stopped)
				<-resume
			}
			return nil
		})
		w.produce(tp(0), 3)
		<-stopped
		heir.source.assign(tp(0))
		time.Sleep(time.Second)
		close(resume)
		time.Sleep(time.Second)
		rows := 0
		for _, wk := range []*worker{zombie, heir} {
			for _, c := range seen[Committed](wk) {
				rows += c.Rows
			}
		}
		if rows != 3 || len(s.Rows()) != 3 {
			t.Errorf("the workers say that they committed %d rows, and the store has %d, want 3", rows, len(s.Rows()))
		}
		if all := seen[Refused](zombie); len(all) != 1 || all[0].Relation != ledger.RelationDone {
			t.Errorf("the zombie was refused as %+v, want once, as done", all)
		}
		for _, wk := range []*worker{zombie, heir} {
			if err := wk.end(); err != nil {
				t.Error(err)
			}
		}
	})
}
