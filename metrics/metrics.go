package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
)

// DefaultPartitions is how many partitions a worker may hold before single ones are left out.
const DefaultPartitions = 1000

// Config is what is known before a run.
type Config struct {
	Group fencepost.Group // the label group of every series
	// Partitions is the most partitions of which single ones have series of their own. 0: DefaultPartitions; below 0: none ever has.
	Partitions int
}

// Metrics are those of one engine: a prometheus.Collector. Its methods may be called by any goroutine, Event by one at a time.
type Metrics struct {
	cfg    Config
	engine engineRef
	names  *namer // what was made by it
	count  counters
	gauge  gauges

	// Touched by Event alone.
	gone    time.Time                              // when workers were last seen to be gone
	heir    map[fencepost.TopicPartition]time.Time // partitions that came since, and that moment, until their first commit
	nowFunc func() time.Time
}

// New makes the metrics of an engine that does not run yet.
func New(cfg Config) *Metrics {
	if cfg.Partitions == 0 {
		cfg.Partitions = DefaultPartitions
	}
	names := &namer{labels: prometheus.Labels{"group": string(cfg.Group)}}
	return &Metrics{cfg: cfg, names: names, count: newCounters(names), gauge: newGauges(names), heir: map[fencepost.TopicPartition]time.Time{}, nowFunc: time.Now}
}

// Watch has e counted and asked from now on.
func (m *Metrics) Watch(e *engine.Engine) {
	m.Runs(e)
	e.Subscribe(m.Event)
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, c := range m.names.made {
		c.Describe(out)
	}
	for _, d := range m.names.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	for _, c := range m.names.made {
		c.Collect(out)
	}
	if a := m.engine.ask(); a.runs {
		m.gauge.collect(a, m.single(len(a.parts)), m.nowFunc(), out)
	}
}

// single reports whether so many partitions have series of their own.
func (m *Metrics) single(partitions int) bool { return partitions <= max(0, m.cfg.Partitions) }

// inherits is how long after workers were seen to be gone a partition that comes counts as theirs.
const inherits = time.Minute

// Event counts one event. REQUIRES: as the engine calls it, one call at a time.
func (m *Metrics) Event(e engine.Event) {
	c := &m.count
	switch e := e.(type) {
	case engine.Opened:
		m.engine.open.Store(true)
	case engine.Stopped:
		m.engine.open.Store(false)
	case engine.Committed:
		m.committed(e)
	case engine.Passed:
		for _, r := range e.Records {
			as := c.skipped
			if r.As == engine.DeadLetter {
				as = c.letters
			}
			as.WithLabelValues(r.Code).Inc()
		}
	case engine.Moved:
		for _, move := range e.Moves {
			c.moves.WithLabelValues(move.Cause.String()).Inc()
			switch {
			case move.AtMost == ledger.UnknownLoss:
				c.lossUnknown.Inc()
			case move.AtMost > 0:
				c.lost.Add(float64(move.AtMost))
			}
		}
	case engine.Refused:
		c.refused.WithLabelValues(e.Relation.String()).Inc()
	case engine.Retrying:
		c.retries.WithLabelValues(e.What).Inc()
	case engine.Parked:
		c.parked.WithLabelValues(e.Code).Inc()
	case engine.Assigned:
		c.rebalances.WithLabelValues("assigned").Inc()
		m.assigned(e.Partitions)
	case engine.Revoked:
		kind := "revoked"
		if e.Lost {
			kind = "lost"
		}
		c.rebalances.WithLabelValues(kind).Inc()
		for _, tp := range e.Partitions {
			delete(m.heir, tp)
		}
	case engine.WorkersGone:
		m.workersGone(e)
	case engine.MirrorFailed:
		c.mirrors.Inc()
	}
}

func (m *Metrics) committed(e engine.Committed) {
	c := &m.count
	outcome := "committed"
	if e.Recovered {
		outcome = "recovered"
	}
	c.commits.WithLabelValues(outcome).Inc()
	c.records.Add(float64(e.Records))
	c.rows.Add(float64(e.Rows))
	c.bytes.Add(float64(e.Bytes))
	c.took.Observe(e.Took.Seconds())
	c.batch.Observe(float64(e.Rows))
	if len(m.heir) == 0 {
		return
	}
	now := m.nowFunc()
	for i := range e.Segments {
		tp := e.Segments[i].TopicPartition
		if since, is := m.heir[tp]; is {
			delete(m.heir, tp)
			c.takeover.Observe(now.Sub(since).Seconds())
		}
	}
}

func (m *Metrics) workersGone(e engine.WorkersGone) {
	if e.Err != nil {
		return
	}
	m.gone = m.nowFunc()
	m.count.gone.Add(float64(len(e.Workers)))
}

func (m *Metrics) assigned(tps []fencepost.TopicPartition) {
	if m.gone.IsZero() || m.nowFunc().Sub(m.gone) > inherits {
		return
	}
	for _, tp := range tps {
		m.heir[tp] = m.gone
	}
}
