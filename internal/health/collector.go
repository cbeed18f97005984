package health

import "github.com/prometheus/client_golang/prometheus"

// collector shows what probes are told, and which workers the process has.
type collector struct {
	of                Process
	live, ready, info *prometheus.Desc
}

// Collector is the same as Prometheus metrics: fencepost_live, fencepost_ready, fencepost_worker_info.
func (p Process) Collector() prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("fencepost_"+name, help, labels, nil)
	}
	return collector{p,
		desc("live", "Whether the loops of the process turn.", "group"),
		desc("ready", "Whether this worker does its part: it is a member of its group, and none of its partitions stands still.", "group"),
		desc("worker_info", "1 for each worker of the process: what it takes, into what, and what it promises.", "group", "worker", "topics", "into", "promise"),
	}
}

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	out <- c.live
	out <- c.ready
	out <- c.info
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	truth := map[bool]float64{true: 1}
	for _, w := range c.of {
		f := w.look()
		send := func(d *prometheus.Desc, v float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{string(f.group)}, labels...)...)
		}
		send(c.live, truth[len(f.stuck) == 0])
		send(c.ready, truth[len(f.reasons()) == 0])
		send(c.info, 1, w.cfg.Who, w.cfg.Topics, w.cfg.Into, w.cfg.Promise)
	}
}
