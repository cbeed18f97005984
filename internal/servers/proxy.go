package servers

import (
	"testing"

	"github.com/fencepost/fencepost/internal/wire"
)

// Proxy listens at one address and passes bytes on to another until t ends.
// For a broker that is Proxy(t, b.ProxyAt, b.Proxied); for Postgres any address
// from [Address] will do. A franz-go client waits kgo.RequestTimeoutOverhead (10 s)
// for the first answer on a new connection that was muted, whatever its context says.
func Proxy(t testing.TB, listen, upstream string) *wire.Wire {
	t.Helper()
	return SeededProxy(t, listen, upstream, 1)
}

// SeededProxy is a [Proxy] that decides by a seed what a fault leaves open.
func SeededProxy(t testing.TB, listen, upstream string, seed uint64) *wire.Wire {
	t.Helper()
	w, err := wire.Listen(listen, upstream, seed)
	if err != nil {
		t.Fatalf("start proxy: %v", err)
	}
	t.Cleanup(w.Close)
	return w
}
