//go:build realservers

package kafka

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
)

// H4: a check finds that a group has live members which assign partitions in another way, or is a share group: a run could not join it.
func TestH4GroupsOfAnotherProtocol(t *testing.T) {
	_, b := secure(t)
	topic := b.topic(2)
	check := func(group string) fencepost.Finding {
		s, err := Open(Config{Brokers: b.addrs, Group: fencepost.Group(group), Topics: []string{topic}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Leave(t.Context())
		for _, f := range s.Check(t.Context(), nil) {
			if f.Subject == "group" {
				return f
			}
		}
		t.Fatal("nothing is said of the group")
		return fencepost.Finding{}
	}
	until := func(group, want string) {
		t.Helper()
		f := check(group)
		for began := time.Now(); !strings.Contains(f.Text, want) && time.Since(began) < 20*time.Second; f = check(group) {
			time.Sleep(100 * time.Millisecond) // Kafka forms the group
		}
		if f.OK || f.Code != "group-live" || !strings.Contains(f.Text, want) {
			t.Errorf("group %s: got %+v, want %s", group, f, want)
		}
	}
	classic, shared := topic+"-classic", topic+"-shared"
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.ConsumerGroup(classic), kgo.ConsumeTopics(topic), kgo.Balancers(kgo.RangeBalancer()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	go cl.PollFetches(t.Context())
	until(classic, "has 1 live member of another protocol (range)")
	req := kmsg.NewPtrShareGroupHeartbeatRequest()
	req.GroupID, req.MemberID, req.SubscribedTopicNames = shared, "5tTGmGzRQQeNJFHSPPJg0A", []string{topic}
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil || resp.ErrorCode != 0 {
		t.Fatalf("share group: %v, code %d", err, resp.ErrorCode)
	}
	until(shared, "is a share group (KIP-932), of 1 member")
	if f := check(topic + "-new"); !f.OK {
		t.Errorf("a new group: %+v", f)
	}
}

// H13: an address of another service is told as one, within a second or two: Redis, and a controller of KRaft.
func TestH13NotABroker(t *testing.T) {
	b, _ := secure(t)
	host, _, err := net.SplitHostPort(b.Plaintext)
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{servers.Redis(t).Addr(): "another service listens there", net.JoinHostPort(host, "9093"): "the port of a controller (KRaft)"} {
		s, err := Open(Config{Brokers: []string{address}, Group: "g", Topics: []string{"t"}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err = s.Ping(t.Context())
		if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Code != "broker-silent" || f.Passing || !strings.Contains(f.Error(), want) {
			t.Errorf("%s: got %v, want %s", address, err, want)
		}
		if took := time.Since(began); took > answerTimeout {
			t.Errorf("%s: it took %s", address, took)
		}
		_ = s.Leave(t.Context())
	}
}
