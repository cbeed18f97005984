// Package flights is the sample data of the house: 3,000,000 flights inside the United States, 1 January to 1 July
// 2001, and the sums that any pipeline must reach that counts each of them exactly once.
//
// # Why
//
// A proof needs records whose truth is known apart from the program under test. The first 200,000 rows are part of
// the binary, so that quickstart needs no download; all 3,000,000 lie in testdata for tests and measurements.
// The source is the U.S. Bureau of Transportation Statistics, as packaged in vega-datasets 3.2.1.
//
// # Laws
//
//  1. Rows keep the order of the source, which is ascending by date; the first 200,000 of one file are the other file.
//  2. A Table is checked whole when it is made (Decode): walking one cannot fail.
//  3. Truth is computed from the rows, never written down; the tests compare it with the published sums.
//
// # The file
//
// Integers are little-endian. A distance belongs to its route (true of all 3,000,000 rows; the encoder refuses rows of
// which it is not), so a row is a date, a delay and a route:
//
//	offset
//	 0   +-------------------------------+
//	     | magic "FPFLIGHT"              |  8 bytes
//	 8   +-------------------------------+
//	     | version, 1                    |  uint32
//	12   | rows, at most 1<<24           |  uint32
//	16   | routes, at most 1<<16         |  uint32
//	20   | bytes of the dates column     |  uint32
//	24   | bytes of the delays column    |  uint32
//	28   | CRC-32C of bytes 0..27 + body |  uint32
//	32   +-------------------------------+
//	     | body, as one zstd frame       |  to the end of the file
//	     +-------------------------------+
//
//	body (sizes before compression)
//	     +-------------------------------+
//	     | routes  8 bytes each          |  origin 3 | destination 3 | distance in miles, uint16
//	     +-------------------------------+
//	     | dates   uvarint each          |  minutes since the row before; the first since 2001-01-01T00:00
//	     +-------------------------------+
//	     | delays  varint each (zigzag)  |  minutes, negative when early
//	     +-------------------------------+
//	     | routes' low bytes             |  rows bytes: index into routes, bits 0..7
//	     | routes' high bytes            |  rows bytes: bits 8..15
//	     +-------------------------------+
//
// Columns are kept apart because like compresses with like: 200,000 rows take 0.5 MB, 3,000,000 take 7 MB, about half
// of the parquet they come from. To make both files again:
//
//	go test ./internal/flights -run TestMakeFiles -v -args -parquet $PWD/flights-3m.parquet
//
// # How it fails
//
// A file that is cut, damaged, of another version or not ours gives an error that wraps ErrDamaged and names what
// was wrong; it never panics, and memory is bounded by MaxBody and an eighth. The data inside the binary is covered by a test.
//
// # What it does not do
//
// It is no general columnar format: codes are three capital letters, dates are whole minutes from 2001 on. It knows
// nothing of Kafka; package feed writes flights into a topic.
package flights
