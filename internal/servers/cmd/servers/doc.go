// Command servers brings the real servers that tests need.
//
//	servers install         fetch and prepare what is missing
//	servers run -- CMD...   start Kafka, Postgres and MariaDB, run CMD, stop them
//
// `run` exists because a server costs seconds and a test package milliseconds:
// all packages of one `go test ./...` share one broker and one Postgres, whose
// addresses CMD finds in its environment. The exit code is CMD's.
//
// It fails with code 1 and the remedy when something is not installed, and with
// a server's own log when one does not start; CMD is not run then. `go run`
// reports every failure as code 1.
package main
