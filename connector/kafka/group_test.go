package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/source"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Two members: what one gets the other was asked to let go first, and only once it had.
func TestHandOver(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.String(), func(t *testing.T) {
			onEach(t, func(t *testing.T, b *bench) {
				name, group := b.topic(4), fencepost.Group(unique(t))
				cfg := Config{Group: group, Topics: []string{name}, Protocol: p}
				one, two := b.open(cfg), b.open(cfg)
				h2 := &holder{}
				h1 := &holder{wait: func(tps []fencepost.TopicPartition) {
					for began := time.Now(); time.Since(began) < 300*time.Millisecond; time.Sleep(5 * time.Millisecond) {
						for _, tp := range tps {
							if h2.times(fmt.Sprintf("assigned %d", tp.Partition)) > 0 {
								t.Errorf("%s was given away before it was let go", tp)
								return
							}
						}
					}
				}}
				if err := one.Start(t.Context(), h1); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the first member has all", func() error { return wantCount(h1, 4) })
				if err := two.Start(t.Context(), h2); err != nil {
					t.Fatal(err)
				}
				eventually(t, "they share", func() error {
					if h1.count() != 2 || h2.count() != 2 {
						return fmt.Errorf("%d and %d", h1.count(), h2.count())
					}
					return nil
				})
				if n := len(slices.DeleteFunc(h1.log(), func(e string) bool { return !strings.HasPrefix(e, "revoked") })); n != 2 {
					t.Errorf("the first let go of %d partitions, want only the 2 that went: %v", n, h1.log())
				}
				h1.wait = nil
				left := time.Now()
				if err := two.Leave(t.Context()); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the first has all again", func() error { return wantCount(h1, 4) })
				t.Logf("taken over %s after Leave began", time.Since(left).Round(time.Millisecond))
				for p := range int32(4) { // each is read on by its new owner
					b.produce(b.cl, name, p, 1)
				}
				r := newReader(t, one)
				for p := range int32(4) {
					r.until(tp(name, p), 1)
				}
			})
		})
	}
}

// A pause outlives a revoke in the client: a partition that was parked here, went and came back must read again.
func TestPauseEndsWithRevoke(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name, group := b.topic(2), fencepost.Group(unique(t))
		cfg := Config{Group: group, Topics: []string{name}}
		one, two := b.open(cfg), b.open(cfg)
		paused := source.Start{Paused: true}
		h1 := &holder{starts: map[fencepost.TopicPartition]source.Start{tp(name, 0): paused, tp(name, 1): paused}}
		if err := one.Start(t.Context(), h1); err != nil {
			t.Fatal(err)
		}
		eventually(t, "one has both", func() error { return wantCount(h1, 2) })
		h2 := &holder{}
		if err := two.Start(t.Context(), h2); err != nil {
			t.Fatal(err)
		}
		eventually(t, "they share", func() error { return errors.Join(wantCount(h1, 1), wantCount(h2, 1)) })
		goes := tp(name, 0) // and comes back
		h1.Lock()
		if h1.held[goes] {
			goes.Partition = 1
		}
		h1.starts = nil
		h1.Unlock()
		if err := two.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "one has both again", func() error { return wantCount(h1, 2) })
		b.produce(b.cl, name, 0, 1)
		b.produce(b.cl, name, 1, 1)
		r := newReader(t, one)
		r.until(goes, 1)
		stays := tp(name, 1-goes.Partition)
		if h1.times(fmt.Sprintf("assigned %d", stays.Partition)) == 1 && len(r.got[stays]) > 0 {
			t.Error("the parked partition that stayed went on by itself")
		}
	})
}

// Takeover: a member that stopped without leaving is evicted by its member ID, and the heir has its partitions long before
// the member's session ends.
func TestEvict(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.String(), func(t *testing.T) {
			onEach(t, func(t *testing.T, b *bench) { evicted(t, b, p, func() {}) })
		})
	}
}

// The heir asks for its share at once, and not after a heartbeat's answer: here none asks it to.
func TestEvictWaitsForNoHeartbeat(t *testing.T) {
	c := fake(t)
	evicted(t, newBench(t, c.ListenAddrs()), Cooperative, func() {
		c.ControlKey(int16(kmsg.Heartbeat), func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			return r.ResponseKind(), nil, true
		})
	})
}

// A member that joins within the second of another change gets nothing at first (KIP-848): it asks again until there is something, and
// not once in a heartbeat's interval of 5 s.
func TestRejoinGoesOnUntilPartitionsCome(t *testing.T) {
	c := fake(t, kfake.BrokerConfigs(map[string]string{"group.consumer.heartbeat.interval.ms": "5000"}))
	b := newBench(t, c.ListenAddrs())
	name, group := b.topic(4), fencepost.Group(unique(t))
	dead, kill := b.mortal(group, name, Consumer)
	one := b.open(Config{Group: group, Topics: []string{name}, Protocol: Consumer})
	eventually(t, "the first has all", func() error {
		if ms, err := one.Members(t.Context()); err != nil || len(ms) != 1 || len(ms[0].Partitions) != 4 {
			return fmt.Errorf("members %+v, %w", ms, err)
		}
		return nil
	})
	id, _ := dead.GroupMetadata()
	kill()
	var beats atomic.Int64
	c.ControlKey(int16(kmsg.ConsumerGroupHeartbeat), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		beats.Add(1)
		return nil, nil, false
	})
	h := &holder{}
	if err := one.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	go one.Rejoin(t.Context())
	eventually(t, "it is a member, of nothing", func() error {
		if !one.Member() {
			return errors.New("it is none")
		}
		return wantCount(h, 0)
	})
	asked := beats.Load()
	eventually(t, "it asks on", func() error {
		if n := beats.Load() - asked; n < 40 {
			return fmt.Errorf("asked %d times more", n)
		}
		return nil
	})
	if err := one.Evict(t.Context(), source.Member{ID: id}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has all", func() error { return wantCount(h, 4) })
}

// An assignment that comes at once may be of an earlier change: a KIP-848 member asks on for as long as the coordinator may wait until
// it assigns once more.
func TestRejoinOutlastsAnEarlierAssignment(t *testing.T) {
	c := fake(t, kfake.BrokerConfigs(map[string]string{"group.consumer.heartbeat.interval.ms": "5000"}))
	b := newBench(t, c.ListenAddrs())
	name, group := b.topic(4), fencepost.Group(unique(t))
	one, h := b.open(Config{Group: group, Topics: []string{name}, Protocol: Consumer}), &holder{}
	if err := one.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has all", func() error { return wantCount(h, 4) })
	var beats atomic.Int64
	c.ControlKey(int16(kmsg.ConsumerGroupHeartbeat), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		beats.Add(1)
		return nil, nil, false
	})
	began, ended := time.Now(), make(chan time.Duration)
	go func() { one.Rejoin(t.Context()); ended <- time.Since(began) }()
	eventually(t, "it asks", func() error {
		if beats.Load() == 0 {
			return errors.New("not once")
		}
		return nil
	})
	one.joined(t.Context(), nil, nil) // an assignment comes
	if took := <-ended; took < assignsEvery || beats.Load() < 3 {
		t.Errorf("it asked %d times in %s: the coordinator may assign after %s", beats.Load(), took, assignsEvery)
	}
}

// evicted has an heir take over from a member whose process has died. Behind the death, and before the eviction, comes
// between.
func evicted(t *testing.T, b *bench, p Protocol, between func()) {
	name, group := b.topic(4), fencepost.Group(unique(t))
	heir := b.open(Config{Group: group, Topics: []string{name}, Protocol: p, SessionTimeout: 40 * time.Second}) // a heartbeat each 4 s
	hh := &holder{}
	if err := heir.Start(t.Context(), hh); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the heir has all", func() error { return wantCount(hh, 4) })
	dead, kill := b.mortal(group, name, p)
	eventually(t, "they share", func() error { return wantCount(hh, 2) })
	id, _ := dead.GroupMetadata()
	eventually(t, "the broker says so", func() error {
		ms, err := heir.Members(t.Context())
		if err != nil {
			return err
		}
		i := slices.IndexFunc(ms, func(m Member) bool { return m.ID == id })
		if len(ms) != 2 || i < 0 || len(ms[i].Partitions) != 2 || ms[i].ClientID != "mortal" {
			return fmt.Errorf("members %+v", ms)
		}
		return nil
	})
	kill()
	between()
	began := time.Now()
	if err := heir.Evict(t.Context(), source.Member{ID: id}, source.Member{ID: "no-such-member"}); err != nil {
		t.Fatal(err)
	}
	go heir.Rejoin(t.Context())
	eventually(t, "the heir has taken over", func() error { return wantCount(hh, 4) })
	took := time.Since(began)
	t.Logf("assigned %s after the eviction", took.Round(time.Millisecond))
	if took >= sessionOfMortal {
		t.Errorf("it took %s: the heir waited for the session to end", took)
	}
}

// sessionOfMortal is after which silence the brokers give up a mortal member by themselves.
const sessionOfMortal = 60 * time.Second

// mortal is a member whose process can die without leaving: its connections end, and no new one is opened.
func (b *bench) mortal(group fencepost.Group, topic string, p Protocol) (*kgo.Client, func()) {
	b.t.Helper()
	var life struct {
		sync.Mutex
		dead  bool
		conns []net.Conn
	}
	opts := []kgo.Opt{kgo.ClientID("mortal"), kgo.ConsumerGroup(string(group)), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.SessionTimeout(sessionOfMortal), kgo.HeartbeatInterval(500 * time.Millisecond),
		kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			life.Lock()
			defer life.Unlock()
			if life.dead {
				return nil, net.ErrClosed
			}
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil {
				life.conns = append(life.conns, conn)
			}
			return conn, err
		})}
	if p == Consumer {
		opts = append(opts, kgo.ServerSideBalancer())
	}
	return b.client(opts...), func() {
		life.Lock()
		defer life.Unlock()
		life.dead = true
		for _, c := range life.conns {
			c.Close()
		}
	}
}

// Marks come back as they went; another program's metadata gives zeros; the member commits only what it holds.
func TestMirror(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.String(), func(t *testing.T) {
			onEach(t, func(t *testing.T, b *bench) {
				name, other, group := b.topic(3), b.topic(1), fencepost.Group(unique(t))
				foreign := kadm.Offsets{}
				foreign.Add(kadm.Offset{Topic: name, Partition: 2, At: 77, LeaderEpoch: -1, Metadata: "somebody's note"})
				if err := b.adm.CommitAllOffsets(t.Context(), string(group), foreign); err != nil {
					t.Fatal(err)
				}
				s, h := b.open(Config{Group: group, Topics: []string{name}, Protocol: p}), &holder{}
				if err := s.Mirror(t.Context(), group, map[fencepost.TopicPartition]fencepost.CommittedOffset{}); err != nil {
					t.Error(err)
				}
				if err := s.Start(t.Context(), h); err != nil {
					t.Fatal(err)
				}
				eventually(t, "all are held", func() error { return wantCount(h, 3) })
				d, err := s.Describe(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				ours := fencepost.CommittedOffset{Offset: 1 << 60, LeaderEpoch: 3, Ledger: fencepost.LedgerID{1, 2, 255}, TopicID: d.Topics[name].ID}
				without := fencepost.CommittedOffset{Offset: 5, LeaderEpoch: fencepost.NoEpoch, Ledger: ours.Ledger}
				commit := map[fencepost.TopicPartition]fencepost.CommittedOffset{tp(name, 0): ours, tp(name, 1): without, tp(other, 0): without}
				eventually(t, "the group takes the commit", func() error { return s.Mirror(t.Context(), group, commit) })
				got, err := s.CommittedOffsets(t.Context(), group)
				if err != nil {
					t.Fatal(err)
				}
				want := map[fencepost.TopicPartition]fencepost.CommittedOffset{tp(name, 0): ours, tp(name, 1): without,
					tp(name, 2): {Offset: 77, LeaderEpoch: fencepost.NoEpoch}}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("mirrored (-want +got):\n%s", d)
				}
				none, err := s.CommittedOffsets(t.Context(), fencepost.Group("none-"+unique(t)))
				if err != nil || len(none) != 0 {
					t.Errorf("an unknown group holds %v, %v", none, err)
				}
				// A position of a topic that is gone is refused by its ID.
				gone := ours
				gone.TopicID[0] ^= 0xff
				if err := s.Mirror(t.Context(), group, map[fencepost.TopicPartition]fencepost.CommittedOffset{tp(name, 0): gone}); err == nil {
					t.Error("a commit under another topic ID was taken")
				}
			})
		})
	}
}

func TestMarks(t *testing.T) {
	m := fencepost.CommittedOffset{Ledger: fencepost.LedgerID{0xb1, 15: 9}, TopicID: fencepost.TopicID{1, 15: 2}}
	none := fencepost.CommittedOffset{}
	all := m
	all.Fence, all.Place = 1<<62+7, fencepost.Place{System: "18446744073709551615", Timeline: 1<<32 - 1}
	text, earlier := marks(all), marks(m)
	if len(text) > 200 {
		t.Errorf("%d bytes: %s", len(text), text)
	}
	if !strings.HasPrefix(text, earlier+" ") { // what builds of before read
		t.Errorf("%s does not begin with %s", text, earlier)
	}
	signed, long := all, all
	signed.Member, signed.Who = "my client=1/ä-7c1d", "26011@node 3"
	long.Member, long.Who = "m", strings.Repeat("w", 4096)
	for _, test := range []struct {
		text string
		want fencepost.CommittedOffset
	}{
		{marks(signed), signed},
		{marks(long), all}, // a broker would refuse it
		{text + " who=nobody", all},
		{text + " member=%zz who=w", all},
		{text, all},
		{earlier, m},
		{text + " later=field", all},
		{earlier + " at=another-form", m},
		{marks(fencepost.CommittedOffset{Ledger: m.Ledger}), fencepost.CommittedOffset{Ledger: m.Ledger}},
		{"", none},
		{"fencepost/2 " + text, none},
		{strings.Replace(text, "ledger=b1", "ledger=zz", 1), none},
		{strings.Replace(text, "topic=", "topic=!", 1), none},
		{strings.Replace(text, "fence=", "fence=-", 1), none},
	} {
		if got := parseMarks(test.text); got != test.want {
			t.Errorf("%q gives %+v, want %+v", test.text, got, test.want)
		}
	}
}

func FuzzMarks(f *testing.F) {
	f.Add("fencepost/1 ledger=b1946ac921494f0d9c5e0d7a3c1e8f42 topic=4dYkQ3v9TQyq0b7sWm1z2A fence=1f0a4c9be27d5530 at=7572312875143250001/2 member=a%20b who=26011@node3")
	f.Fuzz(func(t *testing.T, text string) {
		m := parseMarks(text)
		if back := parseMarks(marks(m)); back != m {
			t.Errorf("%q: %+v came back as %+v", text, m, back)
		}
	})
}

// A member that the coordinator forgot loses everything at once, and joins again.
func TestLost(t *testing.T) {
	c := fake(t)
	b := newBench(t, c.ListenAddrs())
	name := b.topic(2)
	s, h := b.open(Config{Topics: []string{name}, SessionTimeout: 2 * time.Second}), &holder{}
	if err := s.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are held", func() error { return wantCount(h, 2) })
	forget := b.open(Config{Group: s.cfg.Group})
	id, _ := s.client.GroupMetadata()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = string(s.cfg.Group)
	m := kmsg.NewLeaveGroupRequestMember()
	m.MemberID = id
	req.Members = append(req.Members, m)
	if _, err := req.RequestWith(t.Context(), forget.client); err != nil {
		t.Fatal(err)
	}
	eventually(t, "lost and taken again", func() error {
		if h.times("lost 0") < 1 || h.times("lost 1") < 1 || h.count() != 2 {
			return fmt.Errorf("%v", h.log())
		}
		return nil
	})
}

// Static membership: a worker that comes back under its name has its partitions without a rebalance of the others.
func TestStatic(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name, group := b.topic(4), fencepost.Group(unique(t))
		open := func(instance string) (*Source, *holder) {
			s, h := b.open(Config{Group: group, Topics: []string{name}, InstanceID: instance, SessionTimeout: 10 * time.Second}), &holder{}
			if err := s.Start(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			return s, h
		}
		_, stays := open("w1")
		goes, first := open("w2")
		eventually(t, "they share", func() error {
			if stays.count() != 2 || first.count() != 2 {
				return fmt.Errorf("%d and %d", stays.count(), first.count())
			}
			return nil
		})
		before := len(stays.log())
		if err := goes.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		back, second := open("w2")
		eventually(t, "it is back", func() error { return wantCount(second, 2) })
		if t.Name() == "TestStatic/kafka" { // kfake rebalances on a static restart
			if d := cmp.Diff(before, len(stays.log())); d != "" {
				t.Errorf("the other one was disturbed: %v", stays.log())
			}
		}
		// A second worker under the same name: the older one gets an error.
		_, _ = open("w2")
		ctx, cancel := context.WithTimeout(t.Context(), longest)
		defer cancel()
		for {
			_, err := back.Poll(ctx)
			if err != nil {
				f := wantFault(t, err, "instance-taken")
				if !strings.Contains(f.Error(), "instance_id w2 is in the group already, from 127.") {
					t.Errorf("says %q", f.Error())
				}
				return
			}
			if ctx.Err() != nil {
				t.Fatal("the older one was not told")
			}
		}
	})
}
