//go:build realservers

package redis

import (
	"context"
	"errors"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/google/go-cmp/cmp"
)

// Effects alone, for a ledger that is elsewhere: all or none of a batch, and nothing of a ledger, neither read nor
// written. The user needs no right on its keys.
func TestApply(t *testing.T) {
	server := servers.OwnRedis(t, "user outputs on >pw ~out:* &* +@all")
	s := storeOn(t, server.RedisServer)
	s.out = "out:" + s.out
	s.cfg.User, s.cfg.Password, s.cfg.Group = "outputs", "pw", "g"
	opened, err := s.open(ledger.KeepMerged, s.sum(), Effect{Op: Set, Key: Text("out:last"), Value: Column("key")})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	lane, err := opened.Lane(t.Context(), 0)
	if err != nil {
		t.Fatal(describe(err))
	}
	defer lane.Close()
	s.cfg.Password = servers.RedisPassword // for the clients apart from the connector's
	apply := func(b *fencepost.Batch) error { return lane.(sink.Applier).Apply(t.Context(), b) }
	w := &worker{t: t, as: ledger.Actor{Group: "g"}, held: map[fencepost.TopicPartition]ledger.Position{}}

	for range 2 { // the same again is counted again: at least once
		if err := apply(w.counts("ATL", 4, "ORD", 2, "ATL", 1).Batch); err != nil {
			t.Fatal(describe(err))
		}
	}
	if diff := cmp.Diff(map[string]string{"ATL": "10", "ORD": "4"}, s.sums(t)); diff != "" {
		t.Errorf("the counters (want -, got +):\n%s", diff)
	}
	if err := apply(w.counts().Batch); err != nil {
		t.Errorf("a batch without rows: %v", describe(err))
	}
	wantRejected(t, "a null", apply(w.counts("ATL", 1, nil, 1).Batch), "null")
	if err := s.beside(t).HSet(t.Context(), s.out+":{g}:sum", "ORD", "many").Err(); err != nil {
		t.Fatal(err)
	}
	wantRejected(t, "a counter that is no number", apply(w.counts("ATL", 1, "ORD", 1).Batch), "not-an-integer")
	if got := s.sums(t)["ATL"]; got != "10" {
		t.Errorf("a rejected batch left ATL at %s, want 10", got)
	}

	keys, err := s.beside(t).Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if key != "out:last" && key != s.out+":{g}:sum" {
			t.Errorf("the key %s is of a ledger", key)
		}
	}
}

// A lost answer is unknown, and a group that keys name and the configuration does not is reported before anything is sent.
func TestApplyFails(t *testing.T) {
	s := newStore(t)
	opened, err := s.open(ledger.KeepMerged, s.sum())
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	lane, err := opened.Lane(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lane.Close()
	w := &worker{t: t, held: map[fencepost.TopicPartition]ledger.Position{}}
	f, ok := errors.AsType[*fencepost.UserError](lane.(sink.Applier).Apply(t.Context(), w.counts("ATL", 1).Batch))
	if !ok || f.Code != "sink-config" {
		t.Errorf("no group: got %v, want a Fault sink-config", f)
	}
	s.cfg.Group = "g"
	named := s.worker(t, s.sum())
	apply := named.lane.(sink.Applier).Apply
	if err := apply(t.Context(), w.counts("ATL", 1).Batch); err != nil {
		t.Fatal(describe(err))
	}
	s.LoseAnswer(t, true)
	if err := apply(t.Context(), w.counts("ATL", 1).Batch); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("a lost answer: got %v, want ErrUnknown", describe(err))
	}
	if got := s.sums(t)["ATL"]; got != "2" {
		t.Errorf("behind the lost answer stands %s, want 2", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := apply(ctx, w.counts("ATL", 1).Batch); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: got %v", describe(err))
	}
}
