//go:build realservers

package zookeeper

import (
	"strings"
	"testing"
	"time"
)

// How soon the end of a worker is known is the session timeout that the server has granted, and not the one that was asked for: the
// tests' servers have a tickTime of 500 ms, and grant no less than two of them.
func TestNoticeIsWhatTheServerGrants(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{600 * time.Millisecond: time.Second, 4 * time.Second: 4 * time.Second} {
		s := newStore(t)
		s.cfg.SessionTimeout = asked
		l, err := OpenLedger(s.cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		n, err := l.Notice(t.Context())
		if err != nil || n.Within != want || l.Lingers() != want || strings.Contains(n.Why, "was asked for") != (asked < want) {
			t.Errorf("asked for %s: got %+v, %v, lingers %s, want %s", asked, n, err, l.Lingers(), want)
		}
	}
}
