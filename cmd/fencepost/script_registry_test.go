package main

import (
	"context"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// startRegistry starts a schema registry in memory for the script, and sets $REGISTRY to its URL. It holds one schema of each subject that is named, with
// the ids 1, 2, ...: registry SUBJECT=TYPE... It wants the bearer token "script".
func startRegistry(ts *testscript.TestScript, _ bool, args []string) {
	r := srfake.New(srfake.WithAuth("Bearer script"))
	ts.Defer(r.Close)
	for i, arg := range args {
		subject, language := arg, sr.TypeJSON
		if s, ok := strings.CutSuffix(arg, "=AVRO"); ok {
			subject, language = s, sr.TypeAvro
		}
		r.SeedSchema(subject, 1, i+1, sr.Schema{Schema: `{"type": "string"}`, Type: language})
	}
	ts.Setenv("REGISTRY", r.URL())
}

// putFramed writes records behind the id of a schema, as serializers do, into a topic of one partition: putframed TOPIC ID VALUE...
func putFramed(ts *testscript.TestScript, _ bool, args []string) {
	id, err := strconv.ParseUint(args[1], 10, 32)
	ts.Check(err)
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA")))
	ts.Check(err)
	defer client.Close()
	_, _ = kadm.NewClient(client).CreateTopic(context.Background(), 1, 1, nil, args[0]) // it may be there
	for _, value := range args[2:] {
		framed := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), value...)
		ts.Check(client.ProduceSync(context.Background(), &kgo.Record{Topic: args[0], Value: framed}).FirstErr())
	}
}
