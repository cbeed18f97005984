#!/usr/bin/env bash
# franz-go 1.22.3 (pkg/kgo): a record's time outside the years 1678 to 2261 becomes another one, without an error, both when the record is
# produced and when it is consumed.
#
# Kafka keeps a record's time as 64 bits of milliseconds, and brokers that keep CreateTime take any. The producer divides nanoseconds, the
# consumer multiplies into nanoseconds, and 64 bits of these overflow: a producer of the year 10000 has the broker keep 1816, and of a record
# that the broker keeps with the year 10000, as of another client, the consumer makes 1816. Only Record.Timestamp is there to read it from,
# so that a program can not tell.
#
# Seen: "produced 10000-01-01T00:00:00Z: kept 1816-03-30T05:56:08.067Z; kept 10000-01-01T00:00:00Z: consumed 1816-03-30T05:56:08.066277376Z"
# Source: pkg/kgo/sink.go (UnixNano) and pkg/kgo/source.go (timeFromMillis and its callers) of github.com/twmb/franz-go v1.22.3.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
cat > go.mod <<'MOD'
module finding
go 1.26
require (
	github.com/twmb/franz-go v1.22.3
	github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c
	github.com/twmb/franz-go/pkg/kmsg v1.15.1
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Where a batch of the broker's format has its checksum, what it covers, and the first and last time, in bytes.
const crc, covered, first, last = 17, 21, 27, 35

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// passed produces a record of this time and consumes it. On its way to the broker the batch's time is replaced, where another is given.
func passed(produced time.Time, another *time.Time) (kept, consumed time.Time) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	must(err)
	defer c.Close()
	c.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		batch := req.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records
		if another != nil {
			binary.BigEndian.PutUint64(batch[first:], uint64(another.UnixMilli()))
			binary.BigEndian.PutUint64(batch[last:], uint64(another.UnixMilli()))
			binary.BigEndian.PutUint32(batch[crc:], crc32.Checksum(batch[covered:], crc32.MakeTable(crc32.Castagnoli)))
		}
		kept = time.UnixMilli(int64(binary.BigEndian.Uint64(batch[first:]))).UTC()
		return nil, nil, false
	})
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics("t"))
	must(err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	must(cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Timestamp: produced}).FirstErr())
	fetches := cl.PollFetches(ctx)
	must(fetches.Err())
	return kept, fetches.Records()[0].Timestamp.UTC()
}

func main() {
	far := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	kept, _ := passed(far, nil)
	fmt.Printf("produced %s: kept %s; ", far.Format(time.RFC3339Nano), kept.Format(time.RFC3339Nano))
	kept, consumed := passed(time.Unix(0, 0), &far)
	fmt.Printf("kept %s: consumed %s\n", kept.Format(time.RFC3339Nano), consumed.Format(time.RFC3339Nano))
}
GO
go mod tidy > /dev/null 2>&1
got=$(go run .)
echo "$got"
[ "$got" = "produced 10000-01-01T00:00:00Z: kept 1816-03-30T05:56:08.067Z; kept 10000-01-01T00:00:00Z: consumed 1816-03-30T05:56:08.066277376Z" ]
