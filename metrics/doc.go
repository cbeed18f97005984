// Package metrics shows what an engine does as Prometheus metrics.
//
//	engine.Engine --events--------------> Metrics: counters and histograms, counted as they happen
//	              <--Status, Partitions--'   |     gauges, asked for at each scrape
//	                                         |--Collector-----> fencepost_...
//	                                         '--LagExporter---> kafka_consumergroup_group_lag, ...
//
//	m := metrics.New(metrics.Config{Group: "orders"})
//	m.Watch(e) // before e.Run
//	prometheus.MustRegister(m)
//
// # Laws
//
//   - A number that is not known is absent from a scrape; it is never 0 and never the last one known.
//   - Lag in seconds is exact: the age of the newest record that was applied, and 0 where nothing is unread. Nothing is interpolated.
//   - Counters count what became durable: a commit that is tried again counts once, and one whose answer was lost counts once it is found.
//   - The number of series is bounded: above Config.Partitions partitions, those of single partitions are left out, and a series says so.
//   - Labels are names of groups, topics and codes: no value of a record, no address and no secret is in one.
//
// # How it fails
//
// It does not: it asks no server, and what an engine is not asked for (before it runs, after its end) is absent.
package metrics
