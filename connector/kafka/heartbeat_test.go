package kafka

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// E10: ten heartbeats in a session: 1,000 workers with the default ask 1,667 times a second.
func TestE10HeartbeatInterval(t *testing.T) {
	for _, p := range protocols {
		for session, want := range map[time.Duration]time.Duration{
			0:                600 * time.Millisecond,
			time.Second:      100 * time.Millisecond,
			45 * time.Second: 4500 * time.Millisecond,
		} {
			t.Run(fmt.Sprint(p, session), func(t *testing.T) {
				s, err := Open(Config{Brokers: []string{"127.0.0.1:1"}, Group: "g", Topics: []string{"t"}, Protocol: p, SessionTimeout: session})
				if err != nil {
					t.Fatal(err)
				}
				defer s.client.Close()
				if got := s.client.OptValue(kgo.HeartbeatInterval); got != want {
					t.Errorf("a heartbeat each %v, want each %s", got, want)
				}
			})
		}
	}
}

// E10: under KIP-848 the broker says how often, and the session timeout of the Config has no part in it.
func TestE10BrokerSaysHeartbeatInterval(t *testing.T) {
	c := fake(t, kfake.SeedTopics(1, "t")) // 100 ms
	var heard atomic.Int64
	c.ControlKey(int16(kmsg.ConsumerGroupHeartbeat), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		heard.Add(1)
		return nil, nil, false
	})
	s, h := newBench(t, c.ListenAddrs()).open(Config{Topics: []string{"t"}, Protocol: Consumer, SessionTimeout: time.Hour}), &holder{}
	if err := s.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the partition is held", func() error { return wantCount(h, 1) })
	heard.Store(0)
	eventually(t, "heartbeats come as the broker said", func() error {
		if n := heard.Load(); n < 3 {
			return fmt.Errorf("%d heartbeats", n)
		}
		return nil
	})
}
