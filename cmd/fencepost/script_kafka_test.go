package main

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// commitOffsets commits as another program would: commit GROUP TOPIC:PARTITION=OFFSET...
func commitOffsets(ts *testscript.TestScript, _ bool, args []string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA")))
	ts.Check(err)
	defer client.Close()
	var offsets kadm.Offsets
	for _, arg := range args[1:] {
		where, number, _ := strings.Cut(arg, "=")
		topic, partition, _ := strings.Cut(where, ":")
		p, err1 := strconv.ParseInt(partition, 10, 32)
		at, err2 := strconv.ParseInt(number, 10, 64)
		ts.Check(errors.Join(err1, err2))
		offsets.Add(kadm.Offset{Topic: topic, Partition: int32(p), At: at, LeaderEpoch: -1})
	}
	r, err := kadm.NewClient(client).CommitOffsets(context.Background(), args[0], offsets)
	ts.Check(errors.Join(err, r.Error()))
}

// member is another program's consumer, live until the script ends: member GROUP TOPIC. It commits nothing.
func member(ts *testscript.TestScript, _ bool, args []string) {
	joined := make(chan struct{}, 1)
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA")), kgo.ConsumerGroup(args[0]), kgo.ConsumeTopics(args[1]), kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) {
			select {
			case joined <- struct{}{}:
			default:
			}
		}))
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for ctx.Err() == nil {
			client.PollFetches(ctx)
		}
	}()
	ts.Defer(func() { cancel(); client.Close() })
	<-joined
}
