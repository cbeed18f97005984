package metrics

import "github.com/prometheus/client_golang/prometheus"

// counters are counted as things happen.
type counters struct {
	records, rows, bytes, lost, lossUnknown, gone, mirrors prometheus.Counter
	commits, moves, refused, retries, parked               *prometheus.CounterVec
	skipped, letters, rebalances                           *prometheus.CounterVec
	took, batch, takeover                                  prometheus.Histogram
}

func newCounters(n *namer) counters {
	return counters{
		records:     n.counter("records_total", "Records that were applied."),
		rows:        n.counter("rows_total", "Rows that were written; an exploded record has any number of them."),
		bytes:       n.counter("bytes_total", "Bytes of the records that were applied, decompressed."),
		commits:     n.counters("commits_total", "Batches that became durable. recovered: the answer was lost, and the next compare-and-set found it.", "outcome"),
		moves:       n.counters("moves_total", "Recorded moves that are no commit, by cause.", "cause"),
		lost:        n.counter("lost_records_total", "Records that recorded moves passed unapplied, at most."),
		lossUnknown: n.counter("lost_unknown_total", "Recorded moves of which nobody can say how many records they passed unapplied."),
		refused:     n.counters("fence_refusals_total", "Batches that the ledger refused since it held something else, by what it held.", "relation"),
		retries:     n.counters("retries_total", "Requests that failed in a way that passes, by what was tried.", "what"),
		parked:      n.counters("parks_total", "Times that a partition was parked, by code.", "code"),
		skipped:     n.counters("skipped_records_total", "Bad records that were passed and left to the history, by code.", "code"),
		letters:     n.counters("dead_letters_total", "Bad records that were kept as dead letters in the commit of their batch, by code.", "code"),
		rebalances:  n.counters("rebalances_total", "Times that the group gave partitions, took them, or had given them away already (lost).", "kind"),
		gone:        n.counter("workers_gone_total", "Workers whose sign of life ended without a goodbye, and that this worker had the group drop."),
		mirrors:     n.counter("mirror_failures_total", "Times that committed offsets could not be copied for other tools."),
		took:        n.histogram("commit_duration_seconds", "From the first try of a commit to its answer.", prometheus.ExponentialBuckets(0.001, 4, 9)),
		batch:       n.histogram("batch_rows", "Rows of a commit.", prometheus.ExponentialBuckets(1, 8, 7)),
		takeover:    n.histogram("takeover_seconds", "From the notice that a worker is gone to the first commit of each partition that came of it, at the worker that noticed.", prometheus.ExponentialBuckets(0.01, 4, 8)),
	}
}

// namer makes metrics of one group, and keeps them.
type namer struct {
	labels prometheus.Labels
	made   []prometheus.Collector
	descs  []*prometheus.Desc
}

// prefix begins each name.
const prefix = "fencepost_"

// made keeps a metric.
func made[C prometheus.Collector](n *namer, c C) C {
	n.made = append(n.made, c)
	return c
}

func (n *namer) counter(name, help string) prometheus.Counter {
	return made(n, prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + name, Help: help, ConstLabels: n.labels}))
}

func (n *namer) counters(name, help, label string) *prometheus.CounterVec {
	return made(n, prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help, ConstLabels: n.labels}, []string{label}))
}

// growth is how much wider each native bucket is than the one before it, and most how many there are: 160 * 16 bytes at most.
const (
	growth = 1.1
	most   = 160
)

// histogram is a native histogram; who scrapes text gets the buckets.
func (n *namer) histogram(name, help string, buckets []float64) prometheus.Histogram {
	return made(n, prometheus.NewHistogram(prometheus.HistogramOpts{Name: prefix + name, Help: help, ConstLabels: n.labels, Buckets: buckets,
		NativeHistogramBucketFactor: growth, NativeHistogramMaxBucketNumber: most}))
}

func (n *namer) desc(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(prefix+name, help, labels, n.labels)
	n.descs = append(n.descs, d)
	return d
}
