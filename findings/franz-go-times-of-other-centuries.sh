#!/usr/bin/env bash
# franz-go 1.22.3 (pkg/kgo): a record's time outside the years 1678 to 2261 is consumed as another one, without an error.
#
# Kafka keeps a record's time as 64 bits of milliseconds, and brokers that keep CreateTime take any. The consumer makes a time.Time of it by
# multiplying milliseconds by 1,000,000 into nanoseconds, which overflows: the same client that produced the year 10000 consumes 1816. Only
# Record.Timestamp is there to read it from, so that a program can not tell. (1.21.0 does the same.)
#
# Seen: "produced 10000-01-01T00:00:00Z, consumed 1816-03-30T05:56:08.067Z"
# Source: pkg/kgo/source.go, timeFromMillis and its callers, of github.com/twmb/franz-go v1.22.3.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
cat > go.mod <<'MOD'
module finding
go 1.26
require (
	github.com/twmb/franz-go v1.22.3
	github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	must(err)
	defer c.Close()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics("t"))
	must(err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	produced := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	must(cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Timestamp: produced}).FirstErr())
	fetches := cl.PollFetches(ctx)
	must(fetches.Err())
	consumed := fetches.Records()[0].Timestamp.UTC()
	fmt.Printf("produced %s, consumed %s\n", produced.Format(time.RFC3339Nano), consumed.Format(time.RFC3339Nano))
}
GO
go mod tidy > /dev/null 2>&1
got=$(go run .)
echo "$got"
[ "$got" = "produced 10000-01-01T00:00:00Z, consumed 1816-03-30T05:56:08.067Z" ]
