package kafka

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// A source reaches brokers by Config.Dial alone where it is set: these listen on no network that the system has.
func TestDialIsTheWayToTheBrokers(t *testing.T) {
	network := new(kfake.VirtualNetwork)
	c := fake(t, kfake.ListenFn(network.Listen), kfake.Ports(19092))
	var dialled atomic.Int64
	s, err := Open(Config{Brokers: c.ListenAddrs(), Dial: func(ctx context.Context, kind, address string) (net.Conn, error) {
		dialled.Add(1)
		return network.DialContext(ctx, kind, address)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Leave(context.Background())
	if err := s.Ping(t.Context()); err != nil || dialled.Load() == 0 {
		t.Errorf("ping: %v after %d connections by Dial", err, dialled.Load())
	}
}
