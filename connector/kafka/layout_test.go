package kafka

import (
	"errors"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
)

func (b *bench) layout(g fencepost.Group) *Layout {
	b.t.Helper()
	l, err := OpenLayout(LayoutConfig{Brokers: b.addrs, Group: g})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { l.Close() })
	return l
}

// numbers are the entries of a layout, by partition.
func (b *bench) numbers(l *Layout) map[fencepost.TopicPartition]fencepost.Offset {
	b.t.Helper()
	f, err := l.Foreign(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	all := map[fencepost.TopicPartition]fencepost.Offset{}
	for _, e := range f.Entries {
		all[e.TopicPartition] = e.Until
	}
	return all
}

// A group's committed offsets, under names with every odd character that Kafka takes.
func TestLayoutOfAGroup(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		g := fencepost.Group("spark:etl/prod 'a|b' " + unique(t))
		l := b.layout(g)
		if f, err := l.Foreign(t.Context()); err != nil || len(f.Entries)+len(f.Notes) != 0 {
			t.Fatalf("a group that nobody knows: %+v, %v, want nothing", f, err)
		}
		dotted, dashed := unique(t)+".a-b_c", unique(t)+"_a.b-c"
		b.create(dotted, 2)
		b.create(dashed, 12)
		var os kadm.Offsets
		os.Add(kadm.Offset{Topic: dotted, Partition: 1, At: 1 << 40, LeaderEpoch: 3, Metadata: "theirs"})
		os.Add(kadm.Offset{Topic: dashed, Partition: 10, At: 0, LeaderEpoch: -1})
		os.Add(kadm.Offset{Topic: dashed, Partition: 2, At: 31007, LeaderEpoch: -1, Metadata: marks(fencepost.CommittedOffset{Ledger: fencepost.LedgerID{9}})})
		r, err := b.adm.CommitOffsets(t.Context(), string(g), os)
		if err = errors.Join(err, r.Error()); err != nil {
			t.Fatal(err)
		}
		got, err := l.Foreign(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		where := "kafka://" + b.addrs[0] + "?group=" + string(g) + " "
		want := foreign.Offsets{Entries: []foreign.Entry{
			{TopicPartition: tp(dashed, 2), From: foreign.NoFrom, Until: 31007, Raw: "31007", Where: where + dashed + ":2"},
			{TopicPartition: tp(dashed, 10), From: foreign.NoFrom, Until: 0, Raw: "0", Where: where + dashed + ":10"},
			{TopicPartition: tp(dotted, 1), From: foreign.NoFrom, Until: 1 << 40, Raw: "1099511627776", Where: where + dotted + ":1"},
		}, Notes: []string{"1 offset came from the Fencepost ledger 09000000, which says more about them"}, Mirror: fencepost.LedgerID{9}}
		if dashed > dotted {
			want.Entries = append(want.Entries[2:], want.Entries[:2]...)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("entries (-want +got):\n%s", d)
		}

		if err := l.Put(t.Context(), nil); err != nil {
			t.Errorf("put nothing: %v", err)
		}
		if err := l.Put(t.Context(), map[fencepost.TopicPartition]fencepost.OffsetRange{tp(dotted, 0): {From: 3, Until: 5}, tp(dotted, 1): {From: 1, Until: 7}}); err != nil {
			t.Fatal(err)
		}
		after := map[fencepost.TopicPartition]fencepost.Offset{tp(dotted, 0): 5, tp(dotted, 1): 7, tp(dashed, 2): 31007, tp(dashed, 10): 0}
		if d := cmp.Diff(after, b.numbers(l)); d != "" {
			t.Errorf("after the put (-want +got):\n%s", d)
		}
	})
}

// While members are live, the brokers themselves refuse: classic and KIP-848.
func TestLayoutOfALiveGroup(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := b.topic(1)
		for _, protocol := range protocols {
			g := fencepost.Group(unique(t))
			s, h := b.open(Config{Group: g, Topics: []string{name}, Protocol: protocol}), &holder{}
			if err := s.Start(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			r := newReader(t, s)
			if !r.poll(longest, func() bool { return h.count() == 1 }) {
				t.Fatal("no member")
			}
			l := b.layout(g)
			put := func() error {
				return l.Put(t.Context(), map[fencepost.TopicPartition]fencepost.OffsetRange{tp(name, 0): {Until: 4}})
			}
			if f := wantFault(t, put(), "group-live"); codes.Exit(f) != 4 {
				t.Errorf("%s: exit %d, want 4", protocol, codes.Exit(f))
			}
			if got := b.numbers(l); len(got) != 0 {
				t.Errorf("%s: the refused put left %v", protocol, got)
			}
			if err := s.Leave(t.Context()); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the member has left", put)
			if got := b.numbers(l)[tp(name, 0)]; got != 4 {
				t.Errorf("%s: after the put: %d, want 4", protocol, got)
			}
		}
	})
}
