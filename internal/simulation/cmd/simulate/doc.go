// Command simulate builds the simulation repeatable by seed, and runs many seeds of it, one process each.
//
//	go run ./internal/simulation/cmd/simulate -seeds 300           seeds 0 to 299
//	go run ./internal/simulation/cmd/simulate -from 17 -seeds 1    that one, with its history
//	go run ./internal/simulation/cmd/simulate -bugs internal/simulation/bugs.txt
//
// It is run in the module's folder. A seed that fails is printed with what did not hold and its whole history, and the command exits 1. The first
// seed is simulated twice, and the two histories have to be the same.
//
// With -bugs it plants each bug of the file, one at a time, by an overlay, simulates seeds until one fails, and prints a table. A bug that no seed finds makes the
// command exit 1: then faults or checks are too weak.
package main
