//go:build realservers

package redis

import (
	"errors"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// A field that holds nothing is no absent one: the start is refused, and the field left as it is. (Ledger.Move reads before it
// starts, and says then that the field is damaged; this one came in between.)
func TestStartMeetsAnEmptyValue(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, s.rows()).start(1)
	hash, c := keysOf(s.cfg.Key, "g").positions, s.beside(t)
	s.must(t, c.HSet(t.Context(), hash, field(at(7)), ""))
	f := ledger.NewFence(7)
	move := commit{cfg: w.sink.cfg, writer: w.as, memo: &memo{}, moves: []ledger.Move{{TopicPartition: at(7), Cause: ledger.CauseStart, Partitions: 8,
		Next: ledger.Position{Offset: 5, LeaderEpoch: fencepost.NoEpoch, Fence: f, TopicID: topicID}}}}
	err := move.run(t.Context(), w.sink.Ledger().(*Ledger).client)
	if err == nil || errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("the start: got %v, want a refusal", err)
	}
	if v := c.HGet(t.Context(), hash, field(at(7))).Val(); v != "" {
		t.Errorf("the field holds %q now", v)
	}
}
