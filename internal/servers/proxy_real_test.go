//go:build realservers

package servers_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost/internal/servers"
)

func TestWireInFrontOfKafka(t *testing.T) {
	broker := servers.OwnKafka(t)
	wire := servers.Proxy(t, broker.ProxyAt, broker.Proxied)
	topic := createTopic(t, broker.Broker)
	// A new connection's first request knows no context: it waits this long.
	cl := client(t, wire.Addr, kgo.RequestTimeoutOverhead(300*time.Millisecond))
	produce(t, cl, topic, "a")

	wire.Cut()
	if err := silent(t, cl); err == nil {
		t.Error("an answer came over a cut wire")
	}
	wire.Mend()
	produce(t, cl, topic, "b")

	wire.Mute()
	if err := silent(t, cl); err == nil {
		t.Error("an answer came over a muted wire")
	}
	wire.Mend()
	produce(t, client(t, wire.Addr), topic, "c")
}

func TestWireInFrontOfPostgres(t *testing.T) {
	server := servers.Postgres(t)
	at := servers.PostgresServer{Host: servers.Address(t), Port: server.Port, TLS: server.TLS}
	wire := servers.Proxy(t, at.Host+":"+at.Port, server.Host+":"+server.Port)
	conn := connect(t, at.DSN("postgres"))

	const delay = 150 * time.Millisecond
	wire.Latency(delay)
	began := time.Now()
	query(t, conn, "select 'late'")
	if took := time.Since(began); took < delay {
		t.Errorf("an answer took %v over a wire with a latency of %v", took, delay)
	}
	wire.Mend()
	wire.Timeout(50 * time.Millisecond)
	if _, err := conn.Exec(t.Context(), "select 1"); err == nil {
		t.Error("an answer came over a wire that was to time out")
	}
}
