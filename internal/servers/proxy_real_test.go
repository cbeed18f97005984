//go:build realservers

package servers_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/wire"
)

func TestWireInFrontOfKafka(t *testing.T) {
	broker := servers.OwnKafka(t)
	w := servers.Proxy(t, broker.ProxyAt, broker.Proxied)
	topic := createTopic(t, broker.Broker)
	// A new connection's first request knows no context: it waits this long.
	cl := client(t, w.Addr(), kgo.RequestTimeoutOverhead(300*time.Millisecond))
	produce(t, cl, topic, "a")

	w.Set(wire.Fault{Refuse: true})
	if err := silent(t, cl); err == nil {
		t.Error("an answer came over a cut wire")
	}
	w.Mend()
	produce(t, cl, topic, "b")

	w.Set(wire.Fault{Mute: wire.Answers})
	if err := silent(t, cl); err == nil {
		t.Error("an answer came over a muted wire")
	}
	w.Mend()
	produce(t, client(t, w.Addr()), topic, "c")
}

func TestWireInFrontOfPostgres(t *testing.T) {
	server := servers.Postgres(t)
	at := servers.PostgresServer{Host: servers.Address(t), Port: server.Port, TLS: server.TLS}
	w := servers.Proxy(t, at.Host+":"+at.Port, server.Host+":"+server.Port)
	conn := connect(t, at.DSN("postgres"))

	const delay = 150 * time.Millisecond
	w.Set(wire.Fault{Delay: 2 * delay})
	began := time.Now()
	query(t, conn, "select 'late'")
	if took := time.Since(began); took < delay {
		t.Errorf("an answer took %v over a wire with a latency of %v to %v", took, delay, 2*delay)
	}
	w.Set(wire.Fault{Cut: wire.Cut{Way: wire.Answers, After: 3}})
	if _, err := conn.Exec(t.Context(), "select 1"); err == nil {
		t.Error("an answer came over a wire that was cut")
	}
}
