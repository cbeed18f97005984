package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
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
		schema := `{"type": "string"}`
		if s, ok := strings.CutSuffix(arg, "=PROTOBUF"); ok {
			subject, language, schema = s, sr.TypeProtobuf, `syntax = "proto3"; message Flight { string origin = 1; int64 delay = 2; }`
		}
		r.SeedSchema(subject, 1, i+1, sr.Schema{Schema: schema, Type: language})
	}
	ts.Setenv("REGISTRY", r.URL())
}

// putHex writes records of bytes into a topic of one partition: puthex TOPIC HEX...
func putHex(ts *testscript.TestScript, _ bool, args []string) {
	var values [][]byte
	for _, text := range args[1:] {
		value, err := hex.DecodeString(text)
		ts.Check(err)
		values = append(values, value)
	}
	putValues(ts, args[0], values)
}

// putFramed writes records behind the id of a schema, as serializers do, into a topic of one partition: putframed TOPIC ID VALUE...
func putFramed(ts *testscript.TestScript, _ bool, args []string) {
	id, err := strconv.ParseUint(args[1], 10, 32)
	ts.Check(err)
	var values [][]byte
	for _, value := range args[2:] {
		values = append(values, append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), value...))
	}
	putValues(ts, args[0], values)
}

// putValues writes records into a topic of one partition, which it makes.
func putValues(ts *testscript.TestScript, topic string, values [][]byte) {
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA")))
	ts.Check(err)
	defer client.Close()
	_, _ = kadm.NewClient(client).CreateTopic(context.Background(), 1, 1, nil, topic) // it may be there
	for _, value := range values {
		ts.Check(client.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Value: value}).FirstErr())
	}
}
