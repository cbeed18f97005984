package admin_test

import (
	"testing"

	"github.com/fencepost/fencepost/internal/admin"
)

// TestLookWithoutBrokers: what the ledger knows stands in the view, and of what only brokers know nothing is said.
func TestLookWithoutBrokers(t *testing.T) {
	w := newWorld(t, 2)
	v, err := admin.Look(t.Context(), w.resources.WithoutBrokers())
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Standings) != 2 {
		t.Fatalf("%d partitions, want those 2 that the ledger knows", len(v.Standings))
	}
	for _, s := range v.Standings {
		if s.Position.Offset != 1000 || s.State != admin.Waiting || s.Lag != admin.Unknown || s.LagTime != admin.Unknown {
			t.Errorf("%s: offset %d, %s, lag %d in %d; want 1000, waiting, and no lag", s.TopicPartition, s.Position.Offset, s.State, s.Lag, s.LagTime)
		}
	}
	if len(w.cluster.asked) != 0 {
		t.Errorf("brokers were asked about %v", w.cluster.asked)
	}
}
