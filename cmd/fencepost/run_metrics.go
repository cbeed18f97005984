package main

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fencepost/fencepost/metrics"
)

// pages are what --http answers: health, and metrics.
func (s *spokesman) pages(runs []*oneRun) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.workers.Pages())
	mux.Handle("GET /metrics", s.scraped(runs))
	return mux
}

// scraped has runs counted from now on, and answers scrapes. The names of kafka-lag-exporter are added where a scrape asks for them:
// ?names=kafka-lag-exporter, and ?cluster=NAME for its label.
func (s *spokesman) scraped(runs []*oneRun) http.Handler {
	all := make([]*metrics.Metrics, len(runs))
	own := prometheus.NewRegistry()
	own.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo(), s.workers.Collector())
	for i, r := range runs {
		m := metrics.New(metrics.Config{Group: r.file.Group})
		all[i] = m
		own.MustRegister(m)
		r.followers = append(r.followers, follower{runs: m.Watch, ended: func(error) { m.Runs(nil) }})
	}
	return http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		from := prometheus.Gatherers{own}
		if asked := in.URL.Query(); asked.Get("names") == "kafka-lag-exporter" {
			foreign := prometheus.NewRegistry()
			foreign.MustRegister(metrics.LagExporter(asked.Get("cluster"), all...))
			from = append(from, foreign)
		}
		promhttp.HandlerFor(from, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(out, in)
	})
}

// buildInfo is which program this is.
func buildInfo() prometheus.Collector {
	version, revision := build()
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "fencepost_build_info", Help: "1: which program this is.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "goversion": runtime.Version()}})
	g.Set(1)
	return g
}
