package kafka

import (
	"fmt"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/source"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The client may ask about partitions that are held: a rebalance overtook the first answer. The Listener first learns that
// it lost them first, so that what it began of them is void. Every partition gets a real offset, without an epoch.
func TestAskedAgain(t *testing.T) {
	b := newBench(t, []string{"127.0.0.1:1"})
	s := b.open(Config{Topics: []string{"t"}})
	h := &holder{starts: map[fencepost.TopicPartition]source.Start{tp("t", 0): {Offset: 7}, tp("t", 1): {Offset: -5}}}
	s.calls.holder = h
	for range 2 {
		got, err := s.adjust(t.Context(), map[string]map[int32]kgo.Offset{"t": {0: kgo.NewOffset().AtCommitted(), 1: kgo.NewOffset()}})
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(got["t"][0].EpochOffset(), got["t"][1].EpochOffset())
		if text != "{-1 7} {-1 0}" {
			t.Errorf("answered %s, want offsets 7 and 0 with epoch -1", text)
		}
	}
	if d := cmp.Diff([]string{"assigned 0", "assigned 1", "lost 0", "lost 1", "assigned 0", "assigned 1"}, h.log()); d != "" {
		t.Errorf("holder (-want +got):\n%s", d)
	}
	if paused := s.client.PauseFetchPartitions(nil); len(paused["t"]) != 1 || paused["t"][0] != 1 {
		t.Errorf("paused are %v, want the partition without an offset", paused)
	}
}

// A topic whose fetches say "unknown topic ID" is taken up anew though the metadata shows the ID that is being read:
// the client may have its own from a broker that lagged.
func TestSuspectedTopic(t *testing.T) {
	ts := newTopics(Config{})
	says := map[string]topicAnswer{"t": {id: fencepost.TopicID{1}, leaders: []int32{0}}}
	if c := ts.compare(says); len(c.recreated) > 0 || c.grown {
		t.Errorf("the first look found %+v", c)
	}
	if c := ts.compare(map[string]topicAnswer{"t": {err: fencepost.ErrNoAnswer}}); len(c.recreated) > 0 {
		t.Errorf("silence found %+v", c)
	}
	ts.suspect("t")
	if !ts.suspects() {
		t.Error("nothing is suspected")
	}
	if d := cmp.Diff([]string{"t"}, ts.compare(says).recreated); d != "" {
		t.Errorf("recreated (-want +got):\n%s", d)
	}
	if c := ts.compare(says); len(c.recreated) > 0 {
		t.Errorf("it is taken up twice: %+v", c)
	}
	if c := ts.compare(map[string]topicAnswer{"t": {id: fencepost.TopicID{2}, leaders: []int32{0, 0}}}); !c.grown || len(c.recreated) != 1 {
		t.Errorf("another ID and more partitions found %+v", c)
	}
}
