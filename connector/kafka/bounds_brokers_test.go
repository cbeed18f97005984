package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// seen counts requests of a fake cluster by broker and kind.
type seen struct {
	sync.Mutex
	requests map[string]int // :: "broker kind" -> how many
}

func (n *seen) watch(c *kfake.Cluster) {
	n.requests = map[string]int{}
	c.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
		n.Lock()
		defer n.Unlock()
		switch req.(type) {
		case *kmsg.ListOffsetsRequest, *kmsg.OffsetForLeaderEpochRequest:
			n.requests[fmt.Sprintf("%d %s", c.CurrentNode(), kmsg.Key(req.Key()).Name())]++
		}
		return nil, nil, false
	})
}

// However many partitions there are, a broker gets three ListOffsets and one OffsetForLeaderEpoch.
func TestBoundsRequests(t *testing.T) {
	names := []string{"a", "b", "c"}
	c := fake(t, kfake.NumBrokers(3), kfake.SeedTopics(50, names...))
	s := (&bench{t: t, addrs: c.ListenAddrs()}).open(Config{Topics: names})
	var asks []fencepost.OffsetQuery
	led := map[int32]int{}
	for _, name := range names {
		for p := range int32(50) {
			asks = append(asks, fencepost.OffsetQuery{TopicPartition: tp(name, p), LeaderEpoch: 0})
			led[c.LeaderFor(name, p)]++
		}
	}
	if len(led) != 3 {
		t.Fatalf("partitions are led by %v, want three brokers", led)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	var n seen
	n.watch(c)
	for p, g := range s.LogOffsets(t.Context(), asks) {
		if g.Err != nil {
			t.Errorf("%s: %v", p, g.Err)
		}
	}
	want := map[string]int{}
	for b := range led {
		want[fmt.Sprintf("%d ListOffsets", b)], want[fmt.Sprintf("%d OffsetForLeaderEpoch", b)] = 3, 1
	}
	n.Lock()
	defer n.Unlock()
	if d := cmp.Diff(want, n.requests); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
}

// One partition that is refused, for whatever reason, leaves the other 149 whole. What may pass is asked again, what
// does not pass is not.
func TestBoundsOneRefused(t *testing.T) {
	for _, test := range []struct {
		err   *kerr.Error
		again bool
	}{{kerr.TopicAuthorizationFailed, false}, {kerr.LeaderNotAvailable, true}, {kerr.UnknownLeaderEpoch, true}, {kerr.KafkaStorageError, true}, {kerr.UnknownServerError, false}} {
		t.Run(test.err.Message, func(t *testing.T) {
			t.Parallel()
			names := []string{"a", "b", "c"}
			c := fake(t, kfake.NumBrokers(3), kfake.SeedTopics(50, names...))
			s := (&bench{t: t, addrs: c.ListenAddrs()}).open(Config{Topics: names})
			refused := tp("b", 7)
			h := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: refused.Topic, Partitions: []int32{refused.Partition}, Count: -1, Err: test.err})
			var asks []fencepost.OffsetQuery
			for _, name := range names {
				for p := range int32(50) {
					asks = append(asks, fencepost.OffsetQuery{TopicPartition: tp(name, p), LeaderEpoch: 0})
				}
			}
			got := s.LogOffsets(t.Context(), asks)
			if err := got[refused].Err; !errors.Is(err, fencepost.ErrNoAnswer) {
				t.Errorf("%s: %v, want no answer", refused, err)
			}
			delete(got, refused)
			if len(got) != 149 {
				t.Errorf("%d other answers, want 149", len(got))
			}
			for p, g := range got {
				if g.Err != nil || g.TopicID == (fencepost.TopicID{}) || g.EpochEnd != 0 {
					t.Errorf("%s: %+v", p, g)
				}
			}
			if again := h.Hits() > 3; again != test.again {
				t.Errorf("it was refused %d times: asked again is %t, want %t", h.Hits(), again, test.again)
			}
		})
	}
}

// downs are the ways in which one broker of three does not answer, while metadata still names it as a leader.
var downs = map[string]func(t *testing.T, c *kfake.Cluster, doors *doors, node int32){
	// The process hangs, or packets to it are dropped: connections stay open, without answers.
	"silent": func(t *testing.T, c *kfake.Cluster, _ *doors, node int32) {
		c.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			return nil, nil, c.CurrentNode() == node
		})
	},
	// It hangs up on every request.
	"hangs up": func(t *testing.T, c *kfake.Cluster, _ *doors, node int32) {
		c.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			if c.CurrentNode() == node {
				return nil, errors.New("hang up"), true
			}
			return nil, nil, false
		})
	},
	// The process is gone.
	"refuses": func(t *testing.T, c *kfake.Cluster, doors *doors, node int32) { doors.close(t, node) },
}

// doors are the listeners of a fake cluster, in the order of its nodes.
type doors struct{ all []*door }

// door is a listener that can be closed together with all that came in by it.
type door struct {
	net.Listener
	mu     sync.Mutex
	inside []net.Conn
}

func (d *doors) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	d.all = append(d.all, &door{Listener: l})
	return d.all[len(d.all)-1], nil
}

func (d *door) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err == nil {
		d.mu.Lock()
		d.inside = append(d.inside, conn)
		d.mu.Unlock()
	}
	return conn, err
}

func (d *doors) close(t *testing.T, node int32) {
	door := d.all[node]
	if err := door.Close(); err != nil {
		t.Fatal(err)
	}
	door.mu.Lock()
	defer door.mu.Unlock()
	for _, conn := range door.inside {
		_ = conn.Close() // the other side may have closed it already
	}
}

// A broker of three that is down: its partitions have no answer, the others have theirs, within the caller's time.
// Metadata may be asked of the one that is down first: as often as not it is here.
func TestBoundsBrokerDown(t *testing.T) {
	for name, bring := range downs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const down = 1
			var d doors
			c := fake(t, kfake.NumBrokers(3), kfake.ListenFn(d.listen), kfake.SeedTopics(30, "t"))
			s := (&bench{t: t, addrs: c.ListenAddrs()}).open(Config{Topics: []string{"t"}})
			var asks []fencepost.OffsetQuery
			for p := range int32(30) {
				asks = append(asks, fencepost.OffsetQuery{TopicPartition: tp("t", p), LeaderEpoch: 0})
			}
			for p, g := range s.LogOffsets(t.Context(), asks[:1]) { // it knows its brokers
				if g.Err != nil {
					t.Fatalf("%s: %v", p, g.Err)
				}
			}
			bring(t, c, &d, down)
			for range 3 {
				const given = 3 * time.Second
				ctx, cancel := context.WithTimeout(t.Context(), given)
				began := time.Now()
				got := s.LogOffsets(ctx, asks)
				took := time.Since(began)
				cancel()
				if took >= answerTimeout {
					t.Errorf("it took %s: the time of its own, and it was given %s", took, given)
				}
				silent := 0
				for p, g := range got {
					switch led := c.LeaderFor("t", p.Partition); {
					case led == down && !(errors.Is(g.Err, fencepost.ErrNoAnswer) && strings.Contains(g.Err.Error(), "broker 1")):
						t.Errorf("%s, led by the broker that is down: %v, want no answer, naming broker 1", p, g.Err)
					case led != down && g.Err != nil:
						t.Errorf("%s, led by broker %d: %v", p, led, g.Err)
					case led == down:
						silent++
					}
				}
				if silent == 0 || silent == len(asks) {
					t.Fatalf("%d of %d partitions are led by the broker that is down: this tests nothing", silent, len(asks))
				}
			}
		})
	}
}

// What Describe has asked a moment ago is not asked again in front of the questions: topics are asked about once before them and once
// behind them. It is taken once, so that a second look, which law 5 wants, asks anew.
func TestMetadataOfDescribeIsTakenOnce(t *testing.T) {
	c := fake(t)
	b := newBench(t, c.ListenAddrs())
	name := b.topic(1)
	s := b.open(Config{Topics: []string{name}})
	var asked atomic.Int32
	c.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if len(req.(*kmsg.MetadataRequest).Topics) > 0 {
			asked.Add(1)
		}
		return nil, nil, false
	})
	if _, err := s.Describe(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int32{2, 4} {
		if got := s.LogOffsets(t.Context(), []fencepost.OffsetQuery{ask(name, 0)})[tp(name, 0)]; got.Err != nil {
			t.Fatal(got.Err)
		}
		if n := asked.Load(); n != want {
			t.Errorf("topics were asked about %d times, want %d", n, want)
		}
	}
	if _, err := s.Describe(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := b.topic(1)
	if got := s.LogOffsets(t.Context(), []fencepost.OffsetQuery{ask(name, 0), ask(other, 0)})[tp(other, 0)]; got.Err != nil {
		t.Errorf("a topic that Describe said nothing of: %v", got.Err)
	}
}

// Questions about many partitions go beside each other, on connections of their own; those about few do not. Leave closes them.
func TestQuestionsAboutManyPartitionsGoBesideEachOther(t *testing.T) {
	c := fake(t, kfake.NumBrokers(1))
	b := newBench(t, c.ListenAddrs())
	name := b.topic(manyAsks)
	b.produce(b.cl, name, 7, 3)
	for n, want := range map[int]int{manyAsks - 1: 0, manyAsks: 2} {
		asks := make([]fencepost.OffsetQuery, n)
		for p := range asks {
			asks[p] = ask(name, int32(p))
		}
		s := b.open(Config{Topics: []string{name}})
		got := s.LogOffsets(t.Context(), asks)
		if o := got[tp(name, 7)]; len(got) != n || o.Err != nil || o.HighWatermark != 3 || o.LastStableOffset != 3 {
			t.Errorf("%d asks: %d answers, t:7 %+v", n, len(got), o)
		}
		if len(s.beside.clients) != want {
			t.Errorf("%d asks: %d clients beside, want %d", n, len(s.beside.clients), want)
		}
		if err := s.Leave(t.Context()); err != nil || len(s.beside.clients) != 0 {
			t.Errorf("after Leave: %d clients beside, %v", len(s.beside.clients), err)
		}
		if _, err := s.asker(end, manyAsks); !errors.Is(err, kgo.ErrClientClosed) {
			t.Errorf("a client beside one that was left: %v", err)
		}
	}
}
