package servers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Wire is a TCP connection's middle, in a test's hand. Its methods end the test
// on failure and are called from the test's own goroutine.
type Wire struct {
	Addr string // where clients connect

	t     testing.TB
	proxy *toxiproxy.Proxy
}

// Proxy listens at one address and passes bytes on to another until t ends.
// For a broker that is Proxy(t, b.ProxyAt, b.Proxied); for Postgres any address
// from [Address] will do.
func Proxy(t testing.TB, listen, upstream string) *Wire {
	t.Helper()
	metrics := toxiproxy.NewMetricsContainer(prometheus.NewRegistry())
	server := toxiproxy.NewServer(metrics, zerolog.Nop())
	w := &Wire{Addr: listen, t: t, proxy: toxiproxy.NewProxy(server, t.Name(), listen, upstream)}
	if err := w.proxy.Start(); err != nil {
		t.Fatalf("start proxy: %v", err)
	}
	t.Cleanup(w.proxy.Stop)
	return w
}

// Latency delays every answer.
func (w *Wire) Latency(d time.Duration) {
	w.t.Helper()
	w.toxic("latency", "latency", d)
}

// Mute lets requests arrive and swallows every answer; connections stay open.
// A server does what it was asked, and its client never gets the answer. A
// franz-go client waits kgo.RequestTimeoutOverhead (10 s) for the first answer on
// a new connection, whatever its context says.
func (w *Wire) Mute() {
	w.t.Helper()
	w.toxic("timeout", "timeout", 0)
}

// Timeout swallows every answer and closes the connection after d > 0.
func (w *Wire) Timeout(d time.Duration) {
	w.t.Helper()
	if d < time.Millisecond {
		w.t.Fatalf("Timeout(%v): want 1ms or more; Mute is the one without end", d)
	}
	w.toxic("timeout", "timeout", d)
}

// Slow lets what clients send through at a rate.
func (w *Wire) Slow(kilobytesPerSecond int) {
	w.t.Helper()
	text := fmt.Sprintf(`{"type":"bandwidth","stream":"upstream","attributes":{"rate":%d}}`, kilobytesPerSecond)
	if _, err := w.proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
		w.t.Fatalf("add bandwidth: %v", err)
	}
}

// Cut closes every connection and refuses new ones.
func (w *Wire) Cut() {
	w.proxy.Stop()
}

// Mend undoes all of the above. Connections that were muted are closed, as
// their answers are lost.
func (w *Wire) Mend() {
	w.t.Helper()
	w.proxy.Toxics.ResetToxics(context.Background())
	if err := w.proxy.Start(); err != nil && err != toxiproxy.ErrProxyAlreadyStarted {
		w.t.Fatalf("mend the wire: %v", err)
	}
}

// toxic adds a fault to the way back from the server.
func (w *Wire) toxic(kind, attribute string, d time.Duration) {
	w.t.Helper()
	text := fmt.Sprintf(`{"type":%q,"stream":"downstream","attributes":{%q:%d}}`, kind, attribute, d.Milliseconds())
	if _, err := w.proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
		w.t.Fatalf("add %s: %v", kind, err)
	}
}
