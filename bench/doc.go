// Package bench measures Fencepost against the limit of what it is built on, in one run on one machine: the ratio is
// what holds elsewhere, absolute rates do not.
//
//	make bench        the engine beside a bare franz-go loop, and with metrics scraped; the postgres and sqlite connectors beside their drivers
//	make bench-real   whole processes on Apache Kafka and Postgres: CPU, throughput, first commit, latency, memory
//	make bench-connect
//	                  the same from Avro beside JSON, and beside Kafka Connect with Debezium's JDBC sink
//	make bench-show   offsets show of 10,000 partitions beside kafka-consumer-groups, on the same broker
//	make bench-presence
//	                  eight workers on 100 and on 1,000 partitions: requests on the wires, memory; and records with presence beside without
//	make bench-partitions BEFORE=REVISION
//	                  the engine's own time for 100 to 10,000 partitions, beside that of another revision
//
// Each benchmark reports its ratio (or figure) as a metric of its line, with the goal in the metric's name:
//
//	BenchmarkEngine/batch=100000   0.97 of-bare(goal>=0.95)   ...
//
// The connectors' own benchmarks (BenchmarkAppend in postgres and sqlite) run beside these under make bench.
//
// Both sides of a ratio run in turn, A B A B, and the medians are compared: a machine that slows down for a while
// slows both.
//
// # What it does not do
//
// It has no pass mark: a figure below its goal fails no test. A wrong count does: each run checks how many records came.
package bench
