package feed

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost/internal/broker"
	"github.com/fencepost/fencepost/internal/flights"
)

// The split of the quickstart's screen.
var split4 = map[int32]int64{0: 45_005, 1: 61_389, 2: 32_221, 3: 61_385}

func TestFeedOverFourPartitions(t *testing.T) {
	b := start(t)
	var told []int64
	fed, err := Produce(t.Context(), Config{Brokers: []string{b.Addr()}, Partitions: 4, Progress: func(n int64) { told = append(told, n) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("200,000 records in %v", fed.Took)
	if diff := cmp.Diff(split4, fed.Partitions); diff != "" || fed.Records != 200_000 {
		t.Errorf("%d records, partitions (-want +got):\n%s", fed.Records, diff)
	}
	if len(told) < 20 || !slices.IsSorted(told) || told[len(told)-1] != 200_000 {
		t.Errorf("got progress %v, want 10,000 steps that end at 200,000", told)
	}
	checkTopic(t, b, fed)
}

// checkTopic reads all and holds it to the truth: each partition's flights in their order, whole in sum.
func checkTopic(t *testing.T, b *broker.Broker, fed Fed) {
	t.Helper()
	from := make(map[int32]kgo.Offset)
	for p := range fed.Partitions {
		from[p] = kgo.NewOffset().At(0)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"flights": from}))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	lines := make(map[string][]string) // :: origin -> its flights in the order of the topic
	next := make(map[int32]int64)
	for n := int64(0); n < fed.Records; {
		fetches := cl.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for r := range fetches.RecordsAll() {
			if r.Offset != next[r.Partition] {
				t.Fatalf("partition %d: got offset %d, want %d", r.Partition, r.Offset, next[r.Partition])
			}
			if time.Since(r.Timestamp) > time.Hour {
				t.Fatalf("got timestamp %v, want now", r.Timestamp)
			}
			next[r.Partition]++
			n++
			lines[string(r.Key)] = append(lines[string(r.Key)], string(r.Value))
		}
	}
	want := make(map[string][]string)
	for f := range flights.First200k().All() {
		want[f.Origin] = append(want[f.Origin], string(f.AppendJSON(nil)))
	}
	if !cmp.Equal(want, lines) {
		t.Error("the topic does not hold each origin's flights in their order")
	}
	if !json.Valid([]byte(lines["ATL"][0])) {
		t.Errorf("%s is not JSON", lines["ATL"][0])
	}
}

func TestFeedWithEachCompression(t *testing.T) {
	b := start(t)
	for codec := range codecs {
		fed, err := Produce(t.Context(), Config{Brokers: []string{b.Addr()}, Topic: "codec-" + codec, Partitions: 12, Compression: codec, Flights: firstOf(2_000)})
		if err != nil || fed.Records != 2_000 {
			t.Errorf("compression %q: got %d records, error %v", codec, fed.Records, err)
		}
	}
	_, err := Produce(t.Context(), Config{Brokers: []string{b.Addr()}, Compression: "rar"})
	if err == nil || !strings.Contains(err.Error(), `compression "rar"`) {
		t.Errorf("got error %v, want one of the compression", err)
	}
}

func TestFeedOfOtherValues(t *testing.T) {
	b := start(t)
	value := func(b []byte, f flights.Flight) []byte { return append(append(b, '<'), f.Destination...) }
	if _, err := Produce(t.Context(), Config{Brokers: []string{b.Addr()}, Partitions: 1, Value: value, Flights: firstOf(3)}); err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"flights": {0: kgo.NewOffset().At(0)}}))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var got, want []string
	for f := range firstOf(3) {
		want = append(want, "<"+f.Destination)
	}
	for len(got) < len(want) {
		fetches := cl.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for r := range fetches.RecordsAll() {
			got = append(got, string(r.Value))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestFeedRefusesATopicThatExists(t *testing.T) {
	b := start(t)
	cfg := Config{Brokers: []string{b.Addr()}, Partitions: 2, Flights: firstOf(10)}
	if _, err := Produce(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if fed, err := Produce(t.Context(), cfg); !errors.Is(err, ErrTopicExists) || fed.Records != 0 {
		t.Errorf("got %d records and error %v, want none and ErrTopicExists", fed.Records, err)
	}
	cfg.Partitions = 0
	if fed, err := Produce(t.Context(), cfg); err != nil || fed.Records != 10 {
		t.Errorf("without Partitions: got %d records, error %v", fed.Records, err)
	}
}

func TestFeedStopsWithItsContext(t *testing.T) {
	b := start(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	stop := func(acked int64) { cancel(why) }
	fed, err := Produce(ctx, Config{Brokers: []string{b.Addr()}, Partitions: 4, Progress: stop})
	if !errors.Is(err, why) || fed.Records < 10_000 {
		t.Errorf("got %d records and error %v, want at least 10,000 and %v", fed.Records, err, why)
	}
}

func TestFeedStopsAtARefusedRecord(t *testing.T) {
	b := start(t)
	cfg := Config{Brokers: []string{b.Addr()}, Topic: "none", Client: []kgo.Opt{kgo.UnknownTopicRetries(0)}}
	if fed, err := Produce(t.Context(), cfg); !errors.Is(err, kerr.UnknownTopicOrPartition) || fed.Records != 0 {
		t.Errorf("got %d records and error %v, want none and UNKNOWN_TOPIC_OR_PARTITION", fed.Records, err)
	}
}

func firstOf(n int) iter.Seq[flights.Flight] {
	return func(yield func(flights.Flight) bool) {
		left := n
		for f := range flights.First200k().All() {
			if left--; left < 0 || !yield(f) {
				return
			}
		}
	}
}

func start(t testing.TB) *broker.Broker {
	t.Helper()
	b, err := broker.Start(broker.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func BenchmarkFeed(b *testing.B) {
	data, err := os.ReadFile("../testdata/flights-3m.fpz")
	if err != nil {
		b.Fatal(err)
	}
	all, err := flights.Decode(data)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		sync       bool
		partitions int32
		table      *flights.Table
	}{{"200k", false, 4, flights.First200k()}, {"200k-sync", true, 4, flights.First200k()}, {"3m", false, 12, all}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				br, err := broker.Start(broker.Config{Dir: b.TempDir(), Sync: c.sync})
				if err != nil {
					b.Fatal(err)
				}
				fed, err := Produce(b.Context(), Config{Brokers: []string{br.Addr()}, Partitions: c.partitions, Flights: c.table.All()})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(fed.Records)/fed.Took.Seconds(), "records/s")
				if err := br.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
