package kafka

import (
	"errors"
	"sync"
	"sync/atomic"

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
// budget can not be read at all: its partition fails, and the error says so.
type memory struct {
	half    int64
	brokers atomic.Int64 // that lead consumed partitions, as far as known
	fresh   atomic.Int64 // decompressed since the last Poll

	inner kgo.Decompressor

	mu struct {
		sync.Mutex
		compressed, decompressed int64 // of batches read since the last Poll; decompressed with what each record takes besides
		ratio                    float64
		fetch                    int32 // bytes asked for in one fetch
	}
}

const (
	firstRatio = 4 // before anything was seen
	// parts is how many fetches the budget of one half is cut into. A fetched answer is one block of memory for all its
	// partitions, freed with the last record of the last of them, so several live side by side: large ones are held back
	// longer and keep the collector busy, small ones cost speed. Of the bare loop's speed 2 keeps all, 3 all but what
	// cannot be told from noise, 4 three quarters; 3 M flights into Postgres take 1.9, 1.6 and 1.5 s of CPU.
	parts = 3
	// The brokers' own defaults: larger fetches hurt (kafka-facts, client 9).
	maxFetch     = 50 << 20
	maxPartition = 1 << 20
	minFetch     = 16 << 10
)

// errFull is the decompressor's word for "not now": never seen outside of this room.
var errFull = errors.New("fetch memory is used up")

func newMemory(budget int64) (*memory, error) {
	m := &memory{half: budget / 2}
	m.brokers.Store(1)
	m.mu.ratio = firstRatio
	m.mu.fetch = m.size()
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

// Decompress is called by the client for each batch.
func (m *memory) Decompress(src []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	if m.fresh.Load() >= m.half {
		return nil, errFull
	}
	out, err := m.inner.Decompress(src, codec)
	m.fresh.Add(int64(len(out)))
	return out, err
}

// OnFetchBatchRead is called by the client for each batch read.
func (m *memory) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, b kgo.FetchBatchMetrics) {
	m.mu.Lock()
	m.mu.compressed += int64(b.CompressedBytes)
	m.mu.decompressed += int64(b.UncompressedBytes) + perRecord*int64(b.NumRecords)
	m.mu.Unlock()
}

// polled is told that Poll took what was fetched. It answers the sizes to ask for from now on, and whether they
// changed enough to say so to the client.
func (m *memory) polled() (fetch, partition int32, changed bool) {
	m.fresh.Store(0)
	m.mu.Lock()
	defer m.mu.Unlock()
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
