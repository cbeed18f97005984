package metrics

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/fencepost/fencepost/engine"
)

// Engine is what is asked at a scrape.
type Engine interface {
	Status() engine.Status
	Partitions() []engine.PartitionStatus
}

// engineRef is the engine that is asked, none at first.
type engineRef struct {
	is   atomic.Pointer[Engine]
	open atomic.Bool // it has begun, and not ended: before and behind, the zeros of a Status say nothing
}

// Runs says which engine is asked from now on. nil: none.
func (m *Metrics) Runs(e Engine) {
	if e == nil {
		m.engine.is.Store(nil)
		return
	}
	m.engine.is.Store(&e)
}

// answer is what an engine says at one time.
type answer struct {
	runs   bool
	status engine.Status
	parts  []engine.PartitionStatus
}

func (r *engineRef) ask() answer {
	e := r.is.Load()
	if e == nil || !r.open.Load() {
		return answer{}
	}
	return answer{true, (*e).Status(), (*e).Partitions()}
}

// gauges are what is so at a scrape.
type gauges struct {
	group string

	partitions, parked, unknown, member, silent, queued, lag, lagSeconds, leftOut *prometheus.Desc

	// Of single partitions.
	offset, stable, high, pLag, pLagSeconds, committed *prometheus.Desc
}

func newGauges(n *namer) gauges {
	one := func(name, help string) *prometheus.Desc { return n.desc("partition_"+name, help, "topic", "partition") }
	return gauges{
		group:       n.labels["group"],
		partitions:  n.desc("partitions", "Partitions that this worker holds, by state.", "state"),
		parked:      n.desc("stopped_partitions", "Partitions that stand still, by the code of the reason.", "code"),
		unknown:     n.desc("lag_unknown_partitions", "Partitions that this worker holds of which no broker says where their log ends. Where it is above 0 the lag is at least that."),
		member:      n.desc("member", "Whether this worker is a member of its group."),
		silent:      n.desc("brokers_silent", "Whether no broker answers this worker."),
		queued:      n.desc("queued_bytes", "Bytes of records that wait for a batch, decompressed."),
		lag:         n.desc("lag_records", "Records that are unread, of all partitions that this worker holds."),
		lagSeconds:  n.desc("lag_seconds", "Age of the newest record that was applied of the partition that lags most; 0: nothing is unread."),
		leftOut:     n.desc("partitions_left_out", "Partitions that have no series of their own, since this worker holds more than the limit."),
		offset:      one("offset", "Next offset to be applied, committed."),
		stable:      one("last_stable_offset", "End of the log for readers of committed transactions."),
		high:        one("high_watermark", "End of the log."),
		pLag:        one("lag_records", "Records that are unread."),
		pLagSeconds: one("lag_seconds", "Age of the newest record that was applied; 0: nothing is unread."),
		committed:   one("last_commit_timestamp_seconds", "When this worker's last commit of the partition became durable."),
	}
}

// states are those that a partition may be in: each has a series, so that one that ends is 0 and does not vanish.
var states = []string{"running", "idle", "waiting", "retrying", "blocked", "parked"}

// send sends one value.
type send func(d *prometheus.Desc, v float64, labels ...string)

func sender(out chan<- prometheus.Metric) send {
	return func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
}

// single is a value of a partition. Its labels are made once for all series of the partition: a thousand partitions have six thousand.
type single struct {
	desc   *prometheus.Desc
	value  float64
	labels []*dto.LabelPair // in the order of their names
}

// Desc implements prometheus.Metric.
func (s *single) Desc() *prometheus.Desc { return s.desc }

// Write implements prometheus.Metric.
func (s *single) Write(out *dto.Metric) error {
	out.Label, out.Gauge = s.labels, &dto.Gauge{Value: &s.value}
	return nil
}

// label is one label of a series.
func label(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }

// collect sends what is known; each: of single partitions too.
func (g *gauges) collect(a answer, each bool, now time.Time, out chan<- prometheus.Metric) {
	send := sender(out)
	in, codes := map[string]int{}, map[string]int{}
	for _, p := range a.parts {
		in[p.State()]++
		if p.Report.Code != "" {
			codes[p.Report.Code]++
		}
	}
	for _, s := range states {
		send(g.partitions, float64(in[s]), s)
	}
	for code, n := range codes {
		send(g.parked, float64(n), code)
	}
	send(g.member, truth(!a.status.Outside))
	send(g.silent, truth(a.status.Silent))
	send(g.unknown, float64(a.status.Unknown))
	send(g.queued, float64(a.status.Queued))
	if a.status.LagKnown() {
		send(g.lag, float64(a.status.Lag))
		if seconds, known := lagSeconds(a.status.Lag, a.status.Oldest, now); known {
			send(g.lagSeconds, seconds)
		}
	}
	if !each {
		send(g.leftOut, float64(len(a.parts)))
		return
	}
	send(g.leftOut, 0)
	for _, p := range a.parts {
		g.partition(p, now, out)
	}
}

func (g *gauges) partition(p engine.PartitionStatus, now time.Time, out chan<- prometheus.Metric) {
	labels := []*dto.LabelPair{label("group", g.group), label("partition", strconv.Itoa(int(p.Partition))), label("topic", p.Topic)}
	one := func(d *prometheus.Desc, v float64) { out <- &single{d, v, labels} }
	if !p.Position.Absent() {
		one(g.offset, float64(p.Position.Offset))
	}
	if !p.Committed.IsZero() {
		one(g.committed, float64(p.Committed.UnixMilli())/1000)
	}
	if p.Lag < 0 {
		return // what the brokers said last is not so now
	}
	one(g.stable, float64(p.LastStableOffset))
	one(g.high, float64(p.HighWatermark))
	one(g.pLag, float64(p.Lag))
	if seconds, known := lagSeconds(p.Lag, p.Newest, now); known {
		one(g.pLagSeconds, seconds)
	}
}

// lagSeconds is the age of the newest applied record where something is unread. A producer's clock may be ahead of this one.
func lagSeconds(lag int64, newest, now time.Time) (seconds float64, known bool) {
	switch {
	case lag == 0:
		return 0, true
	case newest.IsZero():
		return 0, false
	}
	return max(0, now.Sub(newest).Seconds()), true
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
