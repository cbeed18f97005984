//go:build realservers

package redis

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/fencepost/fencepost/ledger"
)

// A start that looked at the topics before another one changed it does nothing, and looks again.
func TestStartsOfOneTopicAtOnce(t *testing.T) {
	const n = 12
	s := newStore(t)
	w := s.worker(t, s.sum())
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			m := starts(n)[i : i+1]
			m[0].Partitions = 0 // only this one's own: the count is the largest of all
			errs[i] = w.sink.Ledger().Move(t.Context(), w.as, m)
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	snap := w.read()
	if got, want := snap.Topics["flights"], (ledger.TopicState{TopicID: topicID, Partitions: n}); got != want || len(snap.Positions) != n {
		t.Errorf("roster %+v with %d positions, want %+v with %d", got, len(snap.Positions), want, n)
	}

	late := commit{memo: new(memo), cfg: s.cfg, writer: w.as, moves: starts(n + 1)[n:], roster: []rosterChange{{topic: "flights", was: "", is: "-|1"}}}
	if err := late.run(context.Background(), w.sink.ledger.client); !errors.Is(err, errRoster) {
		t.Errorf("a start that saw another roster: got %v, want errRoster", err)
	}
	if got := w.read(); got.Topics["flights"].Partitions != n || len(got.Positions) != n {
		t.Errorf("the late start left %+v", got.Topics)
	}
}
