//go:build realservers

package redis

import (
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
)

// On a cluster the ledger's keys are of one slot, whatever the group is called; output keys with {group} go with them, and
// one without is refused before anything is written.
func TestCluster(t *testing.T) {
	server := servers.OwnRedis(t, "cluster-enabled yes")
	s := storeOn(t, server.RedisServer)
	c := s.beside(t)
	s.must(t, c.ClusterAddSlotsRange(t.Context(), 0, 16383))
	deadline := time.Now().Add(2 * time.Minute)
	for c.Get(t.Context(), "any").Err().Error() != "redis: nil" {
		if time.Now().After(deadline) {
			t.Fatalf("the cluster is not up: %v", c.ClusterInfo(t.Context()).Val())
		}
	}
	for _, group := range []fencepost.Group{"g", "}", "a{b}c", "100%"} {
		w := s.worker(t, s.sum())
		w.as.Group = group
		w.start(2)
		w.must(w.counts("ATL", 1))
		stray := s.worker(t, Effect{Op: HIncrBy, Key: Text(s.out + ":stray"), Name: Column("key"), Value: Column("n")})
		stray.as.Group, stray.held = group, w.held
		wantFault(t, "an output key of another slot", stray.commit(t.Context(), stray.counts("ATL", 1)), "redis-cluster", false)
		if got := w.read().Positions[at(0)]; got != w.held[at(0)] {
			t.Errorf("group %q stands at %+v, want %+v", group, got, w.held[at(0)])
		}
	}
}
