package kafka

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func ask(topic string, p int32) fencepost.OffsetQuery {
	return fencepost.OffsetQuery{TopicPartition: tp(topic, p), LeaderEpoch: fencepost.NoEpoch}
}

// The numbers of a log: earliest after deletion, stable below an open transaction, end, epochs and times.
func TestBounds(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := b.topic(3)
		b.produce(b.cl, name, 0, 20)
		o := kadm.Offsets{}
		o.Add(kadm.Offset{Topic: name, Partition: 0, At: 10})
		if _, err := b.adm.DeleteRecords(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		noon := time.Now().Add(-24 * time.Hour).Truncate(time.Millisecond)
		for i := range 4 {
			r := &kgo.Record{Topic: name, Partition: 1, Timestamp: noon.Add(time.Duration(i) * time.Hour), Value: []byte("x")}
			if err := b.cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		open := b.client(kgo.TransactionalID(unique(t)))
		if err := open.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		b.produce(open, name, 1, 2)

		s := b.open(Config{Topics: []string{name}})
		asks := []fencepost.OffsetQuery{
			{TopicPartition: tp(name, 1), LeaderEpoch: fencepost.NoEpoch, Time: noon.Add(90 * time.Minute)},
			{TopicPartition: tp(name, 0), LeaderEpoch: 0},
			{TopicPartition: tp(name, 2), LeaderEpoch: 5, Time: noon},
			ask(name, 7),
			ask("nowhere-"+name, 0),
		}
		got := s.LogOffsets(t.Context(), asks)
		if len(got) != len(asks) {
			t.Fatalf("%d answers for %d asks", len(got), len(asks))
		}
		id := got[tp(name, 0)].TopicID
		if id == (fencepost.TopicID{}) {
			t.Error("no topic ID")
		}
		want := map[fencepost.TopicPartition]fencepost.LogOffsets{
			tp(name, 0): {TopicID: id, Earliest: 10, LastStableOffset: 20, HighWatermark: 20, EpochEnd: 20, AtTime: -1},
			tp(name, 1): {TopicID: id, Earliest: 0, LastStableOffset: 4, HighWatermark: 6, EpochEnd: -1, AtTime: 2},
			tp(name, 2): {TopicID: id, EpochEnd: -1, AtTime: 0},
		}
		for p, w := range want {
			g := got[p]
			g.EndEpoch = 0 // brokers differ about an empty log
			if d := cmp.Diff(w, g); d != "" {
				t.Errorf("%s (-want +got):\n%s", p, d)
			}
		}
		if e := got[tp(name, 0)].EndEpoch; e != 0 {
			t.Errorf("end epoch is %d, want 0", e)
		}
		for _, p := range []fencepost.TopicPartition{tp(name, 7), tp("nowhere-"+name, 0)} {
			if err := got[p].Err; !errors.Is(err, fencepost.ErrNoTopic) {
				t.Errorf("%s: %v, want ErrNoTopic", p, err)
			}
		}
		late := s.LogOffsets(t.Context(), []fencepost.OffsetQuery{{TopicPartition: tp(name, 1), LeaderEpoch: fencepost.NoEpoch, Time: time.Now().Add(time.Hour)}})
		if g := late[tp(name, 1)].AtTime; g != 6 {
			t.Errorf("the first record after all of them is at %d, want the end, 6", g)
		}
	})
}

// L14: one partition without an answer is an entry with Err; the others are not touched by it.
func TestBoundsPartial(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault kfake.Fault
		say   string
	}{
		{"error of one partition", kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: "t", Count: -1, Partitions: []int32{1}, Err: kerr.KafkaStorageError}, "KAFKA_STORAGE_ERROR"},
		{"not authorised", kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: "t", Count: -1, Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed}, "may not DESCRIBE topic t"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := fake(t, kfake.SeedTopics(3, "t"))
			c.Fault(test.fault)
			b := newBench(t, c.ListenAddrs())
			b.produce(b.cl, "t", 0, 3)
			s := b.open(Config{Topics: []string{"t"}})
			got := s.LogOffsets(t.Context(), []fencepost.OffsetQuery{ask("t", 0), ask("t", 1), ask("t", 2)})
			err := got[tp("t", 1)].Err
			if !errors.Is(err, fencepost.ErrNoAnswer) || !strings.Contains(err.Error(), test.say) {
				t.Errorf("partition 1: %v, want no answer: %s", err, test.say)
			}
			if g := got[tp("t", 0)]; g.Err != nil || g.HighWatermark != 3 {
				t.Errorf("partition 0: %+v", g)
			}
		})
	}
}

// A transient refusal is asked again, of the leader that metadata names then.
func TestBoundsLeaderMoves(t *testing.T) {
	c := fake(t, kfake.NumBrokers(3), kfake.SeedTopics(6, "t"))
	b := newBench(t, c.ListenAddrs())
	s := b.open(Config{Topics: []string{"t"}})
	var asks []fencepost.OffsetQuery
	for p := range int32(6) {
		b.produce(b.cl, "t", p, int(p))
		asks = append(asks, ask("t", p))
	}
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.NotLeaderForPartition, Count: 2})
	for p, g := range s.LogOffsets(t.Context(), asks) {
		if g.Err != nil || int32(g.HighWatermark) != p.Partition {
			t.Errorf("%s: %+v", p, g)
		}
	}
}

// Law 5: while the topic ID differs before and after, nothing is answered; with the IDs settled it is.
func TestBoundsAgreeOnTopicID(t *testing.T) {
	c := fake(t, kfake.SeedTopics(1, "t"))
	b := newBench(t, c.ListenAddrs())
	s := b.open(Config{Topics: []string{"t"}})
	asked := 0
	c.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if asked++; asked > 3 {
			return nil, nil, false
		}
		if asked == 1 {
			c.SleepControl(func() {
				if err := errors.Join(c.DeleteTopic("t"), c.CreateTopic("t", 1, nil)); err != nil {
					t.Error(err)
				}
			})
		}
		resp := req.ResponseKind().(*kmsg.ListOffsetsResponse) // the old incarnation's numbers
		rt := kmsg.NewListOffsetsResponseTopic()
		rt.Topic = "t"
		rp := kmsg.NewListOffsetsResponseTopicPartition()
		rp.Offset = 9
		rt.Partitions = append(rt.Partitions, rp)
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
	got := s.LogOffsets(t.Context(), []fencepost.OffsetQuery{ask("t", 0)})[tp("t", 0)]
	if got.Err != nil || got.HighWatermark != 0 || got.TopicID != fencepost.TopicID(c.TopicInfo("t").TopicID) {
		t.Errorf("got %+v, want the new topic's bounds", got)
	}
}

// A broker that answers a leader's absence, and one that is silent.
func TestBoundsSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := &bench{t: t, addrs: []string{l.Addr().String()}}
	s := b.open(Config{Topics: []string{"t"}})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	got := s.LogOffsets(ctx, []fencepost.OffsetQuery{ask("t", 0)})
	if err := got[tp("t", 0)].Err; !errors.Is(err, fencepost.ErrNoAnswer) {
		t.Errorf("%v, want no answer", err)
	}
}

// Hostile numbers are no answer.
func TestBoundsHostile(t *testing.T) {
	c := fake(t, kfake.SeedTopics(2, "t"))
	b := newBench(t, c.ListenAddrs())
	s := b.open(Config{Topics: []string{"t"}})
	c.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		rt := kmsg.NewListOffsetsResponseTopic()
		rt.Topic = "t"
		rp := kmsg.NewListOffsetsResponseTopicPartition()
		rp.Offset = -7 // and partition 1 is left out
		rt.Partitions = append(rt.Partitions, rp)
		stranger := kmsg.NewListOffsetsResponseTopicPartition()
		stranger.Partition = 9
		rt.Partitions = append(rt.Partitions, stranger)
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
	got := s.LogOffsets(t.Context(), []fencepost.OffsetQuery{ask("t", 0), ask("t", 1)})
	for p := range int32(2) {
		if err := got[tp("t", p)].Err; !errors.Is(err, fencepost.ErrNoAnswer) {
			t.Errorf("partition %d: %v, want no answer", p, err)
		}
	}
	if len(got) != 2 {
		t.Errorf("%d entries, want 2", len(got))
	}
}

// TestO24TimesBefore1970: brokers take times below zero for something else, -1 for the end and -2 for the beginning: none is sent, and
// each record is at or after such a time. A time within a millisecond is behind the record of that millisecond.
func TestO24TimesBefore1970(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := b.topic(1)
		noon := time.Now().Add(-24 * time.Hour).Truncate(time.Millisecond)
		for i := range 5 {
			r := &kgo.Record{Topic: name, Timestamp: noon.Add(time.Duration(i) * time.Hour), Value: []byte("x")}
			if err := b.cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		o := kadm.Offsets{}
		o.Add(kadm.Offset{Topic: name, Partition: 0, At: 1})
		if _, err := b.adm.DeleteRecords(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		s := b.open(Config{Topics: []string{name}})
		for _, c := range []struct {
			at   time.Time
			want fencepost.Offset
		}{
			{time.UnixMilli(-1), 1}, {time.UnixMilli(-2), 1}, {time.UnixMilli(-3), 1}, {time.UnixMilli(-4), 1}, {time.Unix(0, -1), 1}, {time.UnixMilli(-3_600_000), 1},
			{time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), 1}, {time.UnixMilli(0), 1}, {time.UnixMilli(1), 1},
			{noon.Add(2 * time.Hour), 2}, {noon.Add(2*time.Hour + time.Microsecond), 3}, {noon.Add(4*time.Hour + time.Nanosecond), 5},
		} {
			got := s.LogOffsets(t.Context(), []fencepost.OffsetQuery{{TopicPartition: tp(name, 0), LeaderEpoch: fencepost.NoEpoch, Time: c.at}})[tp(name, 0)]
			if got.Err != nil || got.AtTime != c.want {
				t.Errorf("first record at or after %s: got offset %d, %v, want %d", c.at.UTC().Format(time.RFC3339Nano), got.AtTime, got.Err, c.want)
			}
		}
	})
}
