// Package scenarios holds tests only: the engine with the real rooms on real Apache Kafka, Postgres and SQLite, one test
// a scenario.
//
// The names say which: R reading, T transactions, L bounds and loss, recreation and truncation, C ledger, restart and
// concurrency. They are behaviours that the test suites of Kafka's other consumers demand, and faults that were met. What
// can be shown in virtual time stands in package engine, and what one room alone promises in that room; here is what needs
// a real broker's log, or a real process that is killed or stopped.
//
// flights_test.go is the largest of them: 3,000,000 flights into Postgres by two workers that are killed 20 times, beside a
// control that has to count wrong.
//
// Every test is tagged realservers. Each waits for facts (an event, a row, a position), never for a time.
package scenarios
