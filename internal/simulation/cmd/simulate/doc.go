// Command simulate builds the simulation repeatable by seed, and runs many seeds of it, one process each.
//
//	go run ./internal/simulation/cmd/simulate -seeds 300           seeds 0 to 299
//	go run ./internal/simulation/cmd/simulate -from 17 -seeds 1    that one, with its history
//	go run ./internal/simulation/cmd/simulate -bugs internal/simulation/bugs.txt
//
// With -clients, histories have what the workers' Kafka clients say, too.
//
// It is run in the module's folder. A seed that fails is printed with what did not hold and its whole history, and the command exits 1. First the
// brokers are asked what real ones were asked (internal/simulation/brokers_test.go). The first
// seed is simulated twice, and the two histories have to be the same.
//
// With -bugs it plants each bug of the file, one at a time, by an overlay, simulates seeds until one fails that does not fail without it, and prints a table; -only takes a part of
// their lines, or their numbers. A bug that no seed finds makes the
// command exit 1: then faults or checks are too weak.
package main
