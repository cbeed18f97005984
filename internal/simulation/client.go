package simulation

import (
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/source"
)

// client is a worker's source. Where the plan says so it loses a seek now and then: what it fetches next begins some offsets in front of or
// behind the place where it was sent to, as after a fetch that was under way.
type client struct {
	*kafka.Source
	world *world
	mu    struct {
		sync.Mutex
		lost map[fencepost.TopicPartition]bool // the last seek of it
	}
}

// Seek is the source's.
func (c *client) Seek(starts map[fencepost.TopicPartition]source.Start) {
	if !c.world.plan.has("lost seeks") {
		c.Source.Seek(starts)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	sent := map[fencepost.TopicPartition]source.Start{}
	for p := range int32(8) { // in order: each draws from the dice
		start, is := starts[tp(p)]
		if !is {
			continue
		}
		if lost := c.mu.lost[tp(p)]; !lost && !start.Paused && c.world.dice.hits(40) {
			c.lose(tp(p))
			start.Offset = c.astray(p, start.Offset)
		} else {
			delete(c.mu.lost, tp(p))
		}
		sent[tp(p)] = start
	}
	c.Source.Seek(sent)
}

// astray is where a lost seek goes: near the offset, and in front of the log's end, where something is to be read.
func (c *client) astray(p int32, at fencepost.Offset) fencepost.Offset {
	to := max(0, at+fencepost.Offset(c.world.dice.below(9)-3))
	if about := c.world.cluster.PartitionInfo(topic, p); about == nil || int64(to) >= about.HighWatermark {
		return at
	}
	return to
}

func (c *client) lose(at fencepost.TopicPartition) {
	if c.mu.lost == nil {
		c.mu.lost = map[fencepost.TopicPartition]bool{}
	}
	c.mu.lost[at] = true
}

// slow is a decoder that takes its time over some records, as one that asks for a schema does.
type slow struct {
	fencepost.Decoder
	dice *dice
}

// Decode is the decoder's.
func (s slow) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	if s.dice.hits(4) {
		time.Sleep(s.dice.millis(1, 150))
	}
	return s.Decoder.Decode(r, columns)
}

// slowly makes slow decoders where the plan says so.
func (w *world) slowly(decoder func() fencepost.Decoder) func() fencepost.Decoder {
	if !w.plan.has("slow decoder") {
		return decoder
	}
	return func() fencepost.Decoder { return slow{decoder(), w.dice} }
}
