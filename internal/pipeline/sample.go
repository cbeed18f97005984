package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/pipeline/kinds"
	"github.com/fencepost/fencepost/internal/text"
)

// perPartition is how many records init samples of each partition.
const perPartition = 100

// Sampled is what init learns of a topic. Draft lacks Group and Sink.
type Sampled struct {
	Draft
	Text string // for people: 1,200 records, 100 of each of 12 partitions: ...
}

// Sample reads the first records of each partition, without a group, and infers a schema from them. cluster is how to connect. A topic
// without records gives a schema to begin with.
func Sample(ctx context.Context, cluster kinds.Source, topic string, timeout time.Duration) (s Sampled, err error) {
	source, err := kinds.Source{Brokers: cluster.Brokers, TLS: cluster.TLS, SASL: cluster.SASL, Topics: []string{topic}}.Open(kinds.Joining{Group: "fencepost-init"})
	if _, named := errors.AsType[*fencepost.UserError](err); named {
		return s, flagged(err)
	}
	if err != nil {
		return s, &fencepost.UserError{Code: "usage", Exit: 2, Err: err, Help: "--brokers HOST:PORT, as in localhost:9092"}
	}
	asking, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	defer func() { err = errors.Join(err, source.Leave(context.WithoutCancel(ctx))) }()
	if err := source.Ping(asking); err != nil {
		return s, flagged(err)
	}
	records, err := source.Sample(asking, topic, perPartition)
	if err != nil {
		return s, flagged(err)
	}
	about, err := source.Cluster().Describe(asking)
	if err != nil {
		return s, flagged(err)
	}
	s.Draft = Draft{Source: cluster, Topic: topic}
	if len(records) == 0 {
		s.Decode = "json"
		s.Columns = []keys.DraftColumn{{Name: "id", Type: fencepost.Text, Seen: "topic " + topic + " has no record yet: put in the fields of yours"}}
		s.Text = "0 records: the topic is empty, the schema is one to begin with"
		return s, nil
	}
	s.Text = s.infer(records) // before the count: it fills the Draft
	s.Text = counted(records, int(about.Topics[topic].Partitions)) + ": " + s.Text
	return s, nil
}

// flagged gives a remedy in flags to findings of connectors about the keys of a file that there is not yet.
func flagged(err error) error {
	out := *codes.Named(err)
	switch out.Code {
	case "broker-silent":
		out.Help = "start it, or mend --brokers; to try one: fencepost broker"
	case "topic-not-found":
		out.Help = strings.ReplaceAll(codes.Remedy(&out), "mend source.topics", "mend --topic")
	case "tls-mismatch":
		out.Err = errors.New(strings.NewReplacer(", the file says plain", "", ", the file says TLS", "").Replace(out.Error()))
		out.Help = "-X security.protocol=SSL, or SASL_SSL with a user; or the opposite of it, where it speaks plain; --from FILE takes another pipeline's"
	case "bad-value":
		out.Help = "-X " + map[string]string{"TLS.CA": "ssl.ca", "TLS.Cert": "ssl.certificate", "TLS.Key": "ssl.key"}[out.Facts["field"]] + ".location=PATH, a file that is there"
	case "tls-unknown-authority":
		out.Help = "-X ssl.ca.location=PATH of that authority's certificate"
	case "sasl-refused":
		out.Help = "compare -X sasl.mechanism=SCRAM-SHA-512 -X sasl.username=USER -X 'sasl.password=${KAFKA_PASSWORD}'; --from FILE takes another pipeline's"
	}
	return &out
}

// infer fills the Draft's decoder and columns, and says what the samples are.
func (s *Sampled) infer(records []fencepost.Record) string {
	if about, ok := s.inferStream(records); ok {
		return about
	}
	in := decode.Infer(func(yield func([]byte) bool) {
		for i := range records {
			if !yield(records[i].Value) {
				return
			}
		}
	})
	if !in.IsJSON() {
		if about, ok := s.inferCSV(records); ok {
			return about
		}
		s.Decode = "raw"
		why := cmp.Or(in.NotObject, "none has a value")
		s.Columns = []keys.DraftColumn{{Name: rawColumn, Type: decode.RawColumn().Type, Seen: "the value as it is: " + why}}
		return "not all JSON objects: " + why
	}
	s.Decode = "json"
	s.columnsOf(in)
	fields := text.Plural(len(in.Columns), "field")
	if in.SameFields {
		return "all JSON objects, the same " + fields
	}
	return "all JSON objects, " + fields + ", not all in each"
}

// columnsOf are the Draft's columns as samples show them.
func (s *Sampled) columnsOf(in decode.Inference) {
	for _, c := range in.Columns {
		s.Columns = append(s.Columns, keys.DraftColumn{Name: c.Column, Type: c.Type, From: c.From, Unit: c.Unit.String(),
			Null: c.Missing == decode.Null(), Seen: c.Comment})
	}
}

// counted says how many records a sample has, and of how many partitions.
func counted(records []fencepost.Record, partitions int) string {
	n := len(records)
	switch {
	case partitions <= 1:
		return text.Plural(n, "record")
	case n == partitions*perPartition:
		return fmt.Sprintf("%s, %d of each of %d partitions", text.Plural(n, "record"), perPartition, partitions)
	}
	return fmt.Sprintf("%s, at most %d of each of %d partitions", text.Plural(n, "record"), perPartition, partitions)
}

// Sinks lists the words of sink.
func Sinks() []string { return kinds.Sinks.Names() }

// Topic is a topic of a broker, for a list.
type Topic struct {
	Name       string
	Partitions int32
	Offsets    int64
}

// Topics lists the topics of a broker, sorted by name.
func Topics(ctx context.Context, broker string, timeout time.Duration) (topics []Topic, err error) {
	source, err := kinds.Source{Brokers: []string{broker}, Pattern: "."}.Open(kinds.Joining{Group: "fencepost-broker"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.Leave(context.WithoutCancel(ctx))) }()
	asking, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	about, err := source.Cluster().Describe(asking)
	if err != nil {
		return nil, err
	}
	var asks []fencepost.OffsetQuery
	for name, t := range about.Topics {
		for p := range t.Partitions {
			asks = append(asks, fencepost.OffsetQuery{TopicPartition: fencepost.TopicPartition{Topic: name, Partition: p}, LeaderEpoch: fencepost.NoEpoch})
		}
	}
	held := map[string]int64{}
	for tp, b := range source.Cluster().LogOffsets(asking, asks) {
		if b.Err == nil {
			held[tp.Topic] += int64(b.HighWatermark - b.Earliest)
		}
	}
	for name, t := range about.Topics {
		topics = append(topics, Topic{name, t.Partitions, held[name]})
	}
	slices.SortFunc(topics, func(a, b Topic) int { return cmp.Compare(a.Name, b.Name) })
	return topics, nil
}
