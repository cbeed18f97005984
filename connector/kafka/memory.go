package kafka

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kgo"
)

// memory keeps the client's buffers within Config.FetchMemory.
//
// Brokers count compressed bytes, memory is decompressed ones. The client holds at most one fetched answer per broker
// until Poll takes it, and Poll hands out at most that, so each half of the budget has its owner:
//
//	FetchMemory   [ fetched, waiting for Poll  |  handed out by Poll, until recycled ]
//	                half                          half
//
// Two things keep the first half: the size asked for is half / (parts x brokers x ratio), with the ratio that was seen last;
// and a decompressor that stops when half is used up, however the ratio jumps. An answer that it stops in the middle
// is not lost: the client keeps the batches before, and asks for the rest again. A single batch larger than the
// budget cannot be read at all: its partition fails, with an error that names the size.
type memory struct {
	half    int64
	brokers atomic.Int64 // that lead consumed partitions, as far as known
	held    atomic.Int64 // decompressed bytes of answers that Poll did not take: the sum of all answers' bytes

	inner kgo.Decompressor

	mu struct {
		sync.Mutex
		compressed, decompressed int64 // of batches read since the last Poll; decompressed with what each record takes besides
		ratio                    float64
		fetch                    int32 // bytes asked for in one fetch

		reading map[int32]*answer                             // the last answer of each broker
		waiting map[fencepost.TopicPartition][maxWait]*answer // answers that brought the partition and that Poll did not take, oldest first
	}
}

// answer is what a broker sent for one fetch. Its bytes are 0 once they are Poll's, or dropped by the client.
type answer struct {
	bytes int64
	last  time.Time // when its last batch was read
}

const (
	firstRatio = 4 // before anything was seen
	// parts is how many fetches the budget of one half is cut into. A fetched answer is one block of memory for all its
	// partitions, freed with the last record of the last of them, so several live side by side: large ones are held back
	// longer and keep the collector busy, small ones cost speed. Of the bare loop's speed 2 keeps all, 3 all but what
	// cannot be distinguished from noise, 4 three quarters; 3 M flights into Postgres take 1.9, 1.6 and 1.5 s of CPU.
	parts = 3
	// The brokers' own defaults: larger fetches hurt.
	maxFetch     = 50 << 20
	maxPartition = 1 << 20
	minFetch     = 16 << 10
	// A broker's next answer may be read before it is known here that Poll took the last: two.
	maxWait = 2
	// A Poll that does not bring an answer, in which nothing was read for so long, will never bring it: the client drops
	// what is paused, revoked or moved.
	dropped = 100 * time.Millisecond
	// fetchKey is Fetch in Kafka's protocol.
	fetchKey = 1
)

// errFull is the decompressor's error for "not now": it never leaves this package.
var errFull = errors.New("fetch memory is used up")

func newMemory(budget int64) (*memory, error) {
	m := &memory{half: budget / 2}
	m.brokers.Store(1)
	m.mu.ratio = firstRatio
	m.mu.fetch = m.size()
	m.mu.reading = map[int32]*answer{}
	m.mu.waiting = map[fencepost.TopicPartition][maxWait]*answer{}
	inner, err := boundedDecompressor(m.half)
	m.inner = inner
	return m, err
}

// boundedDecompressor is the client's own with a limit for one batch. The client makes it only for itself, and hands
// it out by option value.
func boundedDecompressor(limit int64) (kgo.Decompressor, error) {
	cl, err := kgo.NewClient(kgo.MaxDecompressBatchBytes(int(min(limit, 1<<30))))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	d, ok := cl.OptValue(kgo.WithDecompressor).(kgo.Decompressor)
	if !ok {
		return nil, errors.New("the client has no decompressor")
	}
	return d, nil
}

func (m *memory) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.FetchMaxBytes(m.mu.fetch),
		kgo.FetchMaxPartitionBytes(min(m.mu.fetch, maxPartition)),
		kgo.WithDecompressor(m),
		kgo.WithHooks(m),
	}
}

// Decompress is called by the client for each batch; several brokers' batches at once.
func (m *memory) Decompress(src []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	if m.held.Load() >= m.half {
		return nil, errFull
	}
	return m.inner.Decompress(src, codec)
}

// OnBrokerRead is called by the client for each answer, before it looks into it. It asks a broker again only when the
// answer before is gone: to Poll, or dropped.
func (m *memory) OnBrokerRead(broker kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	if key != fetchKey {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone(m.mu.reading[broker.NodeID])
	m.mu.reading[broker.NodeID] = new(answer)
}

// OnFetchBatchRead is called by the client for each batch read. One that brought no record was refused, or not needed.
func (m *memory) OnFetchBatchRead(broker kgo.BrokerMetadata, topic string, partition int32, b kgo.FetchBatchMetrics) {
	if b.NumRecords == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.compressed += int64(b.CompressedBytes)
	m.mu.decompressed += int64(b.UncompressedBytes) + perRecord*int64(b.NumRecords)
	a := m.mu.reading[broker.NodeID]
	if a == nil || b.CompressionType == 0 {
		return
	}
	a.bytes += int64(b.UncompressedBytes)
	a.last = time.Now()
	m.held.Add(int64(b.UncompressedBytes))
	tp := fencepost.TopicPartition{Topic: topic, Partition: partition}
	switch waiting := m.mu.waiting[tp]; {
	case waiting[0] == nil || waiting[0] != a && waiting[0].forgotten():
		m.mu.waiting[tp] = [maxWait]*answer{a}
	case waiting[0] == a || waiting[1] == a:
	case waiting[1] == nil:
		m.mu.waiting[tp] = [maxWait]*answer{waiting[0], a}
	default: // the oldest was dropped by the client
		m.mu.waiting[tp] = [maxWait]*answer{waiting[1], a}
	}
}

// forgotten reports whether Poll will not bring the answer any more.
func (a *answer) forgotten() bool { return time.Since(a.last) > dropped }

// gone takes an answer's bytes from what is held. REQUIRES: mu.
func (m *memory) gone(a *answer) {
	if a != nil {
		m.held.Add(-a.bytes)
		a.bytes = 0
	}
}

// taken takes from what is held the answers that Poll took, one in each fetch, and those that were dropped. REQUIRES: mu.
func (m *memory) taken(fetches kgo.Fetches) {
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) == 0 {
			return // refused: it never waited
		}
		tp := fencepost.TopicPartition{Topic: p.Topic, Partition: p.Partition}
		waiting := m.mu.waiting[tp]
		m.gone(waiting[0])
		if waiting[1] == nil {
			delete(m.mu.waiting, tp)
			return
		}
		m.mu.waiting[tp] = [maxWait]*answer{waiting[1]}
	})
	for _, a := range m.mu.reading {
		if a.bytes > 0 && a.forgotten() {
			m.gone(a)
		}
	}
}

// polled records what Poll took. It returns the sizes to ask for from now on, and whether they
// changed enough to pass them to the client.
func (m *memory) polled(fetches kgo.Fetches) (fetch, partition int32, changed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taken(fetches)
	if m.mu.compressed == 0 {
		return 0, 0, false
	}
	seen := max(1, float64(m.mu.decompressed)/float64(m.mu.compressed))
	m.mu.compressed, m.mu.decompressed = 0, 0
	// Up at once, down slowly: the next fetch is on its way already.
	m.mu.ratio = max(seen, 0.9*m.mu.ratio+0.1*seen)
	size := m.size()
	if d := int64(size) - int64(m.mu.fetch); d*8 < int64(m.mu.fetch) && -d*8 < int64(m.mu.fetch) {
		return 0, 0, false
	}
	m.mu.fetch = size
	return size, min(size, maxPartition), true
}

// size is how many compressed bytes one fetch may ask for. REQUIRES: mu.
func (m *memory) size() int32 {
	n := float64(m.half) / parts / float64(m.brokers.Load()) / m.mu.ratio
	return int32(min(max(n, minFetch), maxFetch))
}
