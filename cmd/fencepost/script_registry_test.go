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
// the ids 1, 2, ...: registry SUBJECT=TYPE..., or SUBJECT=FILE.avsc. It wants the bearer token "script", unless the first word is open.
func startRegistry(ts *testscript.TestScript, _ bool, args []string) {
	options := []srfake.Option{srfake.WithAuth("Bearer script")}
	if args[0] == "open" {
		options, args = nil, args[1:]
	}
	r := srfake.New(options...)
	ts.Defer(r.Close)
	for i, arg := range args {
		subject, language := arg, sr.TypeJSON
		if s, ok := strings.CutSuffix(arg, "=AVRO"); ok {
			subject, language = s, sr.TypeAvro
		}
		text := `{"type": "string"}`
		if s, ok := strings.CutSuffix(arg, "=PROTOBUF"); ok {
			subject, language, text = s, sr.TypeProtobuf, `syntax = "proto3"; message Flight { string origin = 1; int64 delay = 2; }`
		} else if s, file, ok := strings.Cut(subject, "="); ok {
			subject, text, language = s, ts.ReadFile(file), sr.TypeAvro
		}
		r.SeedSchema(subject, 1, i+1, sr.Schema{Schema: text, Type: language})
	}
	ts.Setenv("REGISTRY", r.URL())
}

// putHex writes records of bytes into a topic of one partition: puthex TOPIC HEX...
func putHex(ts *testscript.TestScript, _ bool, args []string) {
	var values []string
	for _, text := range args[1:] {
		value, err := hex.DecodeString(text)
		ts.Check(err)
		values = append(values, string(value))
	}
	putBare(ts, args[0], values)
}

// putFramed writes records behind the id of a schema, as serializers do, into a topic of one partition: putframed TOPIC ID VALUE...
func putFramed(ts *testscript.TestScript, _ bool, args []string) {
	id, err := strconv.ParseUint(args[1], 10, 32)
	ts.Check(err)
	var values []string
	for _, value := range args[2:] {
		values = append(values, string(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), value...)))
	}
	putBare(ts, args[0], values)
}

// putBare writes records into a topic of one partition.
func putBare(ts *testscript.TestScript, topic string, values []string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA")))
	ts.Check(err)
	defer client.Close()
	_, _ = kadm.NewClient(client).CreateTopic(context.Background(), 1, 1, nil, topic) // it may be there
	for _, value := range values {
		ts.Check(client.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr())
	}
}

// putPairs writes records with keys into a topic of one partition: putpairs TOPIC KEY=VALUE..., the key in hex and the value as it is; without a
// value the record is a tombstone, without a key it has none.
func putPairs(ts *testscript.TestScript, _ bool, args []string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA")))
	ts.Check(err)
	defer client.Close()
	_, _ = kadm.NewClient(client).CreateTopic(context.Background(), 1, 1, nil, args[0]) // it may be there
	for _, pair := range args[1:] {
		key, value, _ := strings.Cut(pair, "=")
		r := &kgo.Record{Topic: args[0]}
		if key != "" {
			r.Key, err = hex.DecodeString(key)
			ts.Check(err)
		}
		if value != "" {
			r.Value = []byte(value)
		}
		ts.Check(client.ProduceSync(context.Background(), r).FirstErr())
	}
}
