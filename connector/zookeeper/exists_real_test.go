//go:build realservers

package zookeeper

import (
	"testing"

	"github.com/fencepost/fencepost/ledger"
)

// A caller that only looks makes nothing.
func TestExists(t *testing.T) {
	s := newStore(t)
	l, c := s.ledger(t, ledger.KeepMerged), s.beside(t)
	exists := func(want bool, when string) {
		t.Helper()
		if got, err := l.Exists(t.Context(), "g"); got != want || err != nil {
			t.Errorf("%s: got %t, %v, want %t", when, got, err, want)
		}
	}
	exists(false, "nothing")
	if here, _, err := c.Exists(s.cfg.Root); here || err != nil {
		t.Errorf("after a look the root is there: %t, %v", here, err)
	}
	plant(t, c, map[string]string{s.cfg.Root: ""})
	exists(false, "an empty root")
	if _, err := l.Read(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	exists(true, "a ledger that was read once")
}
