package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/source"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// commit commits an offset as another program would.
func (b *bench) commit(g fencepost.Group, topic string, partition int32, at int64) {
	b.t.Helper()
	var os kadm.Offsets
	os.Add(kadm.Offset{Topic: topic, Partition: partition, At: at, LeaderEpoch: -1})
	eventually(b.t, "the commit is taken", func() error {
		r, err := b.adm.CommitOffsets(b.t.Context(), string(g), os)
		return errors.Join(err, r.Error())
	})
}

// share makes a member of a share group, which reads what is there.
func (b *bench) share(g fencepost.Group, topic string) (leave func()) {
	b.t.Helper()
	cl := b.client(kgo.ShareGroup(string(g)), kgo.ConsumeTopics(topic))
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			cl.PollFetches(ctx)
		}
	}()
	return func() { cancel(); <-done; cl.Close() }
}

// Each cause of "no offsets" is said, with what to do about it.
func TestO10AbsenceWithItsCause(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		topic := b.topic(2)
		known := fencepost.Group("orders-" + unique(t))
		b.commit(known, topic, 0, 1)
		absence := func(g fencepost.Group, says, help string) {
			t.Helper()
			eventually(t, "the cause of no offsets of "+string(g), func() error {
				l := b.layout(g)
				f, err := l.Foreign(t.Context())
				if err != nil || len(f.Entries) > 0 {
					return fmt.Errorf("%+v, %w", f, err)
				}
				fault := l.Absence(t.Context())
				if fault.Code != "ledger-missing" || !strings.Contains(fault.Error(), says) || !strings.Contains(codes.Remedy(fault), help) {
					return fmt.Errorf("%s: %w, help %s; want %q, help %q", fault.Code, fault, codes.Remedy(fault), says, help)
				}
				return nil
			})
		}
		absence("zzz", "the cluster has no group of that name", "fencepost offsets groups FILE")
		absence(known[:len(known)-1], "the cluster has no group of that name", string(known)+" is there: mend the name")

		for _, protocol := range protocols {
			g := fencepost.Group(unique(t))
			s := b.joined(g, topic, protocol)
			absence(g, "it is live, with 1 member, and has not committed any yet", "wait until it commits")
			if err := s.Leave(t.Context()); err != nil {
				t.Fatal(err)
			}
		}

		negative := fencepost.Group(unique(t))
		b.commit(negative, topic, 1, -5)
		_, err := b.layout(negative).Foreign(t.Context())
		f := wantFault(t, err, "layout-damaged")
		if want := fmt.Sprintf("the committed offset of %s:1 is -5", topic); !strings.Contains(f.Error(), want) || !strings.Contains(f.Help, "--reset-offsets --to-earliest --execute") {
			t.Errorf("%v, help %s; want %q", f, f.Help, want)
		}
	})
}

// A share group is named as such, and its start offsets are read.
func TestO10ShareGroup(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		topic, g := b.topic(1), fencepost.Group(unique(t))
		leave := b.share(g, topic)
		l := b.layout(g)
		eventually(t, "the share group has a start offset", func() error { // written when something was acknowledged
			b.produce(b.cl, topic, 0, 1)
			f, err := l.Foreign(t.Context())
			if err != nil || len(f.Entries) != 1 || len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "is a share group (KIP-932)") {
				return fmt.Errorf("%+v, %w", f, err)
			}
			return nil
		})
		leave()
	})
}

// The groups of a cluster, with kind, members and what is committed.
func TestO10GroupsOfACluster(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		topic, other := b.topic(2), b.topic(1)
		idle, shared := fencepost.Group(unique(t)), fencepost.Group(unique(t))
		b.commit(idle, topic, 0, 1)
		b.commit(idle, other, 0, 1)
		want := map[fencepost.Group]source.Group{
			idle:   {Name: idle, Kind: "classic", State: "Empty", Topics: 2, Partitions: 2},
			shared: {Name: shared, Kind: "share", State: "Stable", Members: 1, Topics: 1, Partitions: 1},
		}
		defer b.share(shared, other)()
		for _, protocol := range protocols {
			g := fencepost.Group(unique(t))
			b.joined(g, topic, protocol)
			kind := "classic"
			if protocol == Consumer {
				kind = "consumer"
			}
			want[g] = source.Group{Name: g, Kind: kind, State: "Stable", Members: 1}
		}
		s := b.open(Config{})
		eventually(t, "the groups are listed", func() error {
			b.produce(b.cl, other, 0, 1)
			all, err := s.Groups(t.Context())
			if err != nil {
				return err
			}
			found := 0
			for _, g := range all {
				w, ok := want[g.Name]
				if !ok {
					continue
				}
				if found++; g != w {
					return fmt.Errorf("%+v, want %+v", g, w)
				}
			}
			if found != len(want) {
				return fmt.Errorf("%d of %d groups in %+v", found, len(want), all)
			}
			return nil
		})
	})
}

// joined is a live member of a group that holds the two partitions of a topic.
func (b *bench) joined(g fencepost.Group, topic string, protocol Protocol) *Source {
	b.t.Helper()
	s, h := b.open(Config{Group: g, Topics: []string{topic}, Protocol: protocol}), &holder{}
	if err := s.Start(b.t.Context(), h); err != nil {
		b.t.Fatal(err)
	}
	if r := newReader(b.t, s); !r.poll(longest, func() bool { return h.count() == 2 }) {
		b.t.Fatal("no member")
	}
	return s
}

// Who takes a group's offsets over is told of its live members, and of KIP-848's way to let offsets expire.
func TestO17ReadersOfALiveGroup(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		topic := b.topic(2)
		for _, protocol := range protocols {
			g := fencepost.Group(unique(t))
			s := b.joined(g, topic, protocol)
			l := b.layout(g)
			got, err := l.Readers(t.Context())
			if err != nil || got.Members != 1 || strings.Contains(got.Note, "KIP-848: its offsets expire by the time of each commit") != (protocol == Consumer) {
				t.Errorf("%s: got %+v, %v, want a live member, and the note under KIP-848 alone", protocol, got, err)
			}
			if err := s.Leave(t.Context()); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the member has left", func() error {
				if got, err := l.Readers(t.Context()); err != nil || got.Members != 0 {
					return fmt.Errorf("%+v, %w", got, err)
				}
				return nil
			})
		}
	})
}
