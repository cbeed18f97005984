package kafka

import (
	"context"
	"slices"
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

// T1, T3, T5: aborted records are passed, markers arrive as control entries, so that a reader's position reaches the
// end of a log that ends in a marker.
func TestReadCommitted(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := b.topic(1)
		p0 := tp(name, 0)
		b.transaction(name, 0, 5, kgo.TryCommit) // 0-4, 5*
		b.transaction(name, 0, 5, kgo.TryAbort)  // 6-10, 11*
		b.transaction(name, 0, 5, kgo.TryCommit) // 12-16, 17*
		b.transaction(name, 0, 1, kgo.TryAbort)  // 18, 19*
		s := b.open(Config{Topics: []string{name}})
		if err := s.Start(t.Context(), &holder{}); err != nil {
			t.Fatal(err)
		}
		r := newReader(t, s)
		want := slices.Concat(span(0, 5), []string{"5*", "11*"}, span(12, 17), []string{"17*", "19*"})
		r.until(p0, len(want))
		if d := cmp.Diff(want, r.got[p0]); d != "" {
			t.Errorf("entries (-want +got):\n%s", d)
		}
		if r.end[p0] != [2]fencepost.Offset{20, 20} {
			t.Errorf("stable and end are %v, want 20, 20", r.end[p0])
		}
		if r.ids[p0] == (fencepost.TopicID{}) {
			t.Error("the chunk has no topic ID")
		}
	})
}

// T1: an open transaction holds the reader at the stable offset; T2: not a read_uncommitted one.
func TestOpenTransaction(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := b.topic(1)
		p0 := tp(name, 0)
		b.produce(b.cl, name, 0, 3)
		open := b.client(kgo.TransactionalID(unique(t)))
		if err := open.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		b.produce(open, name, 0, 2)
		b.produce(b.cl, name, 0, 2)

		committed, uncommitted := b.open(Config{Topics: []string{name}}), b.open(Config{Topics: []string{name}, Isolation: ReadUncommitted})
		for _, s := range []*Source{committed, uncommitted} {
			if err := s.Start(t.Context(), &holder{}); err != nil {
				t.Fatal(err)
			}
		}
		all := newReader(t, uncommitted)
		all.until(p0, 7)
		r := newReader(t, committed)
		r.until(p0, 3)
		if r.end[p0] != [2]fencepost.Offset{3, 7} {
			t.Errorf("stable and end are %v, want 3, 7", r.end[p0])
		}
		if r.poll(400*time.Millisecond, func() bool { return len(r.got[p0]) > 3 }) {
			t.Fatalf("read past the stable offset: %v", r.got[p0])
		}
		if err := open.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		r.until(p0, 8)
		if d := cmp.Diff(append(span(0, 7), "7*"), r.got[p0]); d != "" {
			t.Errorf("entries (-want +got):\n%s", d)
		}
	})
}

// Out of range: reported once, then silence until Steer. Without the pause it comes thousands of times a second.
func TestOutOfRange(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := b.topic(2)
		b.produce(b.cl, name, 0, 20)
		b.produce(b.cl, name, 1, 5)
		o := kadm.Offsets{}
		o.Add(kadm.Offset{Topic: name, Partition: 0, At: 10})
		if _, err := b.adm.DeleteRecords(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		s := b.open(Config{Topics: []string{name}})
		h := &holder{starts: map[fencepost.TopicPartition]source.Start{tp(name, 0): {Offset: 5}, tp(name, 1): {Offset: 50}}}
		if err := s.Start(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		r := newReader(t, s)
		r.failed(tp(name, 0))
		r.failed(tp(name, 1))
		polls := 0
		r.poll(500*time.Millisecond, func() bool { polls++; return false })
		for p := range int32(2) {
			if d := cmp.Diff([]string{"OFFSET_OUT_OF_RANGE"}, r.err[tp(name, p)]); d != "" {
				t.Errorf("errors of partition %d (-want +got):\n%s", p, d)
			}
		}
		if polls > 15 { // the reader looks up every 50 ms
			t.Errorf("Poll returned %d times in 500ms with nothing to say", polls)
		}
		s.Seek(map[fencepost.TopicPartition]source.Start{tp(name, 0): {Offset: 12}, tp(name, 1): {Offset: 3}})
		r.until(tp(name, 0), 8)
		r.until(tp(name, 1), 2)
		if got := r.got[tp(name, 0)][0]; got != "12" {
			t.Errorf("went on at %s, want 12", got)
		}
		// It can fail again, and is reported again.
		s.Seek(map[fencepost.TopicPartition]source.Start{tp(name, 0): {Offset: 5}})
		if !r.poll(longest, func() bool { return len(r.err[tp(name, 0)]) >= 2 }) {
			t.Error("the second failure was not said")
		}
	})
}

// The broker is not asked about a failed partition any more.
func TestFailedIsQuiet(t *testing.T) {
	c := fake(t, kfake.SeedTopics(1, "t"))
	b := newBench(t, c.ListenAddrs())
	var asked atomic.Int64
	c.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		asked.Add(1)
		return nil, nil, false
	})
	s := b.open(Config{Topics: []string{"t"}})
	if err := s.Start(t.Context(), &holder{starts: map[fencepost.TopicPartition]source.Start{tp("t", 0): {Offset: 50}}}); err != nil {
		t.Fatal(err)
	}
	r := newReader(t, s)
	r.failed(tp("t", 0))
	r.poll(time.Second, func() bool { return false })
	if n := asked.Load(); n > 10 {
		t.Errorf("%d fetches in a second", n)
	}
}

// Steer: back, forward, to a pause and out of it; nothing of before comes out once it has returned.
func TestSteer(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := b.topic(2)
		p0, p1 := tp(name, 0), tp(name, 1)
		b.produce(b.cl, name, 0, 50)
		b.produce(b.cl, name, 1, 50)
		s := b.open(Config{Topics: []string{name}})
		h := &holder{starts: map[fencepost.TopicPartition]source.Start{p1: {Offset: 40, Paused: true}}}
		if err := s.Start(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		r := newReader(t, s)
		r.until(p0, 50)
		if len(r.got[p1]) != 0 {
			t.Fatalf("a paused partition brought %v", r.got[p1])
		}
		s.Seek(map[fencepost.TopicPartition]source.Start{p1: {Offset: 40}, tp("elsewhere", 3): {Offset: 1}})
		r.until(p1, 10)
		r.got = map[fencepost.TopicPartition][]string{}
		s.Seek(map[fencepost.TopicPartition]source.Start{p0: {Offset: 45}, p1: {Offset: 48}})
		r.until(p0, 5)
		r.until(p1, 2)
		if d := cmp.Diff(map[fencepost.TopicPartition][]string{p0: span(45, 50), p1: span(48, 50)}, r.got); d != "" {
			t.Errorf("after the rewind (-want +got):\n%s", d)
		}
		s.Seek(map[fencepost.TopicPartition]source.Start{p0: {Offset: 50, Paused: true}})
		b.produce(b.cl, name, 0, 1)
		b.produce(b.cl, name, 1, 1)
		r.until(p1, 3)
		if r.poll(400*time.Millisecond, func() bool { return len(r.got[p0]) > 5 }) {
			t.Error("a paused partition went on")
		}
		s.Seek(map[fencepost.TopicPartition]source.Start{p0: {Offset: 50}})
		r.until(p0, 6)
	})
}

// L7, L15: a topic recreated under a running reader is taken up under its new ID; the Listener is asked about it anew,
// and fetches carry the incarnation that they came from.
func TestRecreated(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.String(), func(t *testing.T) {
			onEach(t, func(t *testing.T, b *bench) {
				recreated(t, b, func(name string) Config { return Config{Topics: []string{name}, Protocol: p} })
			})
		})
	}
	t.Run("explicit", func(t *testing.T) {
		onEach(t, func(t *testing.T, b *bench) {
			recreated(t, b, func(name string) Config { return Config{Partitions: []fencepost.TopicPartition{tp(name, 0)}} })
		})
	})
	t.Run("told by a fetch", func(t *testing.T) {
		onEach(t, func(t *testing.T, b *bench) {
			recreated(t, b, func(name string) Config { return Config{Topics: []string{name}, Watch: time.Hour} })
		})
	})
}

func recreated(t *testing.T, b *bench, cfg func(string) Config) {
	name := b.topic(1)
	p0 := tp(name, 0)
	b.produce(b.cl, name, 0, 10)
	s, h := b.open(cfg(name)), &holder{}
	if err := s.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	r := newReader(t, s)
	r.until(p0, 10)
	old := r.ids[p0]
	h.Lock()
	h.starts = map[fencepost.TopicPartition]source.Start{p0: {Offset: 2, Paused: true}}
	h.Unlock()
	b.recreate(name, 1)
	b.produce(b.client(), name, 0, 5)
	// Polling goes on meanwhile: only a fetch shows that the old ID is gone.
	if !r.poll(longest, func() bool { return h.times("assigned 0") >= 2 }) {
		t.Fatalf("the holder was not asked anew: %v", h.log())
	}
	r.got = map[fencepost.TopicPartition][]string{}
	goOn := map[fencepost.TopicPartition]source.Start{p0: {Offset: 2}}
	h.Lock()
	h.starts = goOn // a group may assign once more, whenever it likes: then it begins there again
	h.Unlock()
	s.Seek(goOn)
	if !r.poll(longest, func() bool { return slices.Contains(r.got[p0], "4") }) {
		t.Fatalf("of the new topic came %v; %v", r.got[p0], h.log())
	}
	want := span(2, 5)
	if got := r.got[p0]; !slices.Equal(got[max(0, len(got)-len(want)):], want) || slices.Min(got) != want[0] {
		t.Errorf("of the new topic came %v, want %v", got, want)
	}
	if r.ids[p0] == old || r.ids[p0] == (fencepost.TopicID{}) {
		t.Errorf("topic ID is %s, was %s", r.ids[p0], old)
	}
	if n := len(r.err[p0]); n > 2*h.times("assigned 0") {
		t.Errorf("%d errors: a loop", n)
	}
	if slices.Contains(h.log(), "DOUBLE 0") {
		t.Errorf("assigned twice: %v", h.log())
	}
}

// R3, L8: a pattern takes topics that appear later, and added partitions are noticed.
func TestPatternAndGrowth(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		stem := unique(t)
		b.create(stem+"-a", 1)
		b.produce(b.cl, stem+"-a", 0, 2)
		s := b.open(Config{Pattern: "^" + stem + "-[ab]$"})
		if err := s.Start(t.Context(), &holder{}); err != nil {
			t.Fatal(err)
		}
		r := newReader(t, s)
		r.until(tp(stem+"-a", 0), 2)
		b.create(stem+"-c", 1)
		b.create(stem+"-b", 1)
		b.produce(b.cl, stem+"-c", 0, 2)
		b.produce(b.cl, stem+"-b", 0, 3)
		r.until(tp(stem+"-b", 0), 3)
		if _, err := b.adm.CreatePartitions(t.Context(), 2, stem+"-a"); err != nil {
			t.Fatal(err)
		}
		b.cl.ForceMetadataRefresh()
		grown := b.client()
		b.produce(grown, stem+"-a", 2, 4)
		r.until(tp(stem+"-a", 2), 4)
		if len(r.got[tp(stem+"-c", 0)]) > 0 {
			t.Error("a topic outside of the pattern was read")
		}
		d, err := s.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d.Topics[stem+"-a"].Partitions != 3 || d.Topics[stem+"-b"].Partitions != 1 || len(d.Topics) != 2 || d.ClusterID == "" {
			t.Errorf("described %+v", d)
		}
	})
}

// Explicit partitions are taken without the group, and are refused where the group is alive.
func TestExplicit(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := b.topic(3)
		for p := range int32(3) {
			b.produce(b.cl, name, p, 4)
		}
		group := fencepost.Group(unique(t))
		s := b.open(Config{Group: group, Partitions: []fencepost.TopicPartition{tp(name, 1)}})
		h := &holder{starts: map[fencepost.TopicPartition]source.Start{tp(name, 1): {Offset: 1}}}
		if err := s.Start(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		r := newReader(t, s)
		r.until(tp(name, 1), 3)
		if d := cmp.Diff(map[fencepost.TopicPartition][]string{tp(name, 1): span(1, 4)}, r.got); d != "" {
			t.Errorf("entries (-want +got):\n%s", d)
		}
		want := fencepost.CommittedOffset{Offset: 4, LeaderEpoch: 0, Ledger: fencepost.LedgerID{7}, TopicID: r.ids[tp(name, 1)]}
		if err := s.Mirror(t.Context(), group, map[fencepost.TopicPartition]fencepost.CommittedOffset{tp(name, 1): want}); err != nil {
			t.Fatal(err)
		}
		got, err := s.CommittedOffsets(t.Context(), group)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(map[fencepost.TopicPartition]fencepost.CommittedOffset{tp(name, 1): want}, got); d != "" {
			t.Errorf("mirrored (-want +got):\n%s", d)
		}

		member := b.open(Config{Group: group, Topics: []string{name}})
		hm := &holder{}
		if err := member.Start(t.Context(), hm); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the member has its partitions", func() error { return wantCount(hm, 3) })
		second := b.open(Config{Group: group, Partitions: []fencepost.TopicPartition{tp(name, 2)}})
		wantFault(t, second.Start(t.Context(), &holder{}), "group-live")
	})
}

// All codecs arrive, and a batch that would decompress far beyond the memory fails its partition, not the process.
func TestCodecsAndBombs(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		codecs := []kgo.CompressionCodec{kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
		name := b.topic(int32(len(codecs)))
		s := b.open(Config{Topics: []string{name}, FetchMemory: 8 << 20})
		for p, codec := range codecs {
			cl := b.client(kgo.ProducerBatchCompression(codec), kgo.ProducerBatchMaxBytes(1<<20))
			b.produce(cl, name, int32(p), 100)
			for range 4 { // 512 KiB of zeros each: together more than the memory takes
				for range 4 {
					if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: name, Partition: int32(p), Value: make([]byte, 512<<10)}).FirstErr(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if err := s.Start(t.Context(), &holder{}); err != nil {
			t.Fatal(err)
		}
		r := newReader(t, s)
		for p := range codecs {
			r.until(tp(name, int32(p)), 116)
			if d := cmp.Diff(span(0, 116), r.got[tp(name, int32(p))]); d != "" {
				t.Errorf("%v (-want +got):\n%s", codecs[p], d)
			}
		}
		if len(r.err) > 0 {
			t.Errorf("errors: %v", r.err)
		}
	})
}

// What one Poll hands out stays within half of the memory and one batch, though the ratio of the log is a thousand.
func TestMemoryBound(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const memory, batch, n = 4 << 20, 256 << 10, 64
		name := b.topic(2)
		cl := b.client(kgo.ProducerBatchCompression(kgo.ZstdCompression()))
		for i := range n {
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: name, Partition: int32(i % 2), Value: make([]byte, batch)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		s := b.open(Config{Topics: []string{name}, FetchMemory: memory})
		if err := s.Start(t.Context(), &holder{}); err != nil {
			t.Fatal(err)
		}
		seen := 0
		ctx, cancel := context.WithTimeout(t.Context(), longest)
		defer cancel()
		for seen < n {
			chunks, err := s.Poll(ctx)
			if err != nil || ctx.Err() != nil {
				t.Fatalf("after %d: %v %v", seen, err, ctx.Err())
			}
			size := 0
			for _, c := range chunks {
				if c.Err != nil {
					t.Fatal(c.Err)
				}
				size += c.Records.Size()
				seen += c.Records.Len()
			}
			if size > memory/2+batch+4096 {
				t.Fatalf("one Poll brought %d bytes, memory is %d", size, memory)
			}
		}
	})
}

// A batch that alone is larger than the memory fails its partition with a name.
func TestBatchTooLarge(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := b.topic(1)
		cl := b.client(kgo.ProducerBatchCompression(kgo.ZstdCompression()), kgo.ProducerBatchMaxBytes(16<<20))
		for range 2 {
			b.produce(b.cl, name, 0, 1)
		}
		rs := make([]*kgo.Record, 8)
		for i := range rs {
			rs[i] = &kgo.Record{Topic: name, Value: make([]byte, 512<<10)}
		}
		if err := cl.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		s := b.open(Config{Topics: []string{name}, FetchMemory: 2 << 20})
		if err := s.Start(t.Context(), &holder{}); err != nil {
			t.Fatal(err)
		}
		r := newReader(t, s)
		r.failed(tp(name, 0))
		if r.err[tp(name, 0)][0] != "BATCH_TOO_LARGE" {
			t.Errorf("code is %v", r.err)
		}
	})
}

// Headers, null and empty keys and values arrive as they are (R5); Read reuses what it is given.
func TestRecordShape(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := b.topic(1)
		at := time.Now().Truncate(time.Millisecond)
		err := b.cl.ProduceSync(t.Context(),
			&kgo.Record{Topic: name, Timestamp: at, Key: []byte("k"), Value: []byte("v"), Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "b"}}},
			&kgo.Record{Topic: name, Timestamp: at},
		).FirstErr()
		if err != nil {
			t.Fatal(err)
		}
		s := b.open(Config{Topics: []string{name}})
		if err := s.Start(t.Context(), &holder{}); err != nil {
			t.Fatal(err)
		}
		var got []fencepost.Record
		for len(got) < 2 {
			chunks, err := s.Poll(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range chunks {
				if c.Err != nil {
					t.Fatal(c.Err)
				}
				for i := range c.Records.Len() {
					var rec fencepost.Record
					c.Records.Read(0, &rec) // what it held before is gone
					c.Records.Read(i, &rec)
					got = append(got, rec)
				}
			}
		}
		want := []fencepost.Record{
			{Timestamp: at.UnixMilli(), Key: []byte("k"), Value: []byte("v"), Headers: []fencepost.Header{{Key: "a", Value: []byte("1")}, {Key: "b"}}},
			{Offset: 1, Timestamp: at.UnixMilli()},
		}
		for i := range got {
			got[i].Headers = slices.Clip(got[i].Headers)
			if len(got[i].Headers) == 0 {
				got[i].Headers = nil
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("records (-want +got):\n%s", d)
		}
	})
}

// Leave gives up what is held, ends Poll and can be called twice.
func TestLeave(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := b.topic(1)
		b.produce(b.cl, name, 0, 1)
		s, h := b.open(Config{Topics: []string{name}}), &holder{}
		if err := s.Start(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		newReader(t, s).until(tp(name, 0), 1)
		polled := make(chan error, 1)
		go func() { _, err := s.Poll(context.Background()); polled <- err }()
		for range 2 {
			if err := s.Leave(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		wantFault(t, <-polled, "source-closed")
		if d := cmp.Diff([]string{"assigned 0", "revoked 0"}, h.log()); d != "" {
			t.Errorf("holder (-want +got):\n%s", d)
		}
	})
}
