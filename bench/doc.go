// Package bench measures Fencepost against the limit of what it is built on, in one run on one machine: the ratio is
// what holds elsewhere, absolute rates do not.
//
//	make bench        the engine beside a bare franz-go loop; the postgres and sqlite rooms beside their drivers
//	make bench-real   whole processes on Apache Kafka and Postgres: CPU, throughput, first commit, latency, memory
//
// Each benchmark reports its ratio (or figure) and the goal beside it, as metrics of its line:
//
//	BenchmarkEngine/batch=100000   0.97 of-bare   0.95 goal   ...
//
// Both sides of a ratio run in turn, A B A B, and the medians are compared: a machine that slows down for a while
// slows both.
//
// # What it does not do
//
// It judges nothing: a figure below its goal fails no test. A wrong count does: each run checks how many records came.
package bench
