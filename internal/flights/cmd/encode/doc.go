// Command encode makes the two files of package flights from the parquet file they come from.
//
//	go run ./internal/flights/cmd/encode flights-3m.parquet internal/flights
//
// It writes FOLDER/flights-200k.fpz (the first 200,000 rows, part of the binary) and FOLDER/testdata/flights-3m.fpz (all
// rows), reads both again and prints their sums. It changes nothing else. Exit 1 with the reason on standard error if
// the parquet has other columns, a null, or rows that the layout cannot hold.
package main
