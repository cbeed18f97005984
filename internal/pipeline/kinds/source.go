package kinds

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/atleastonce"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Source is the part of a file under source.
type Source struct {
	Brokers        []string
	Topics         []string // empty with Pattern
	Pattern        string
	Uncommitted    bool // isolation: read_uncommitted
	Partitions     []fencepost.TopicPartition
	Consumer       bool // group_protocol: consumer (KIP-848)
	InstanceID     string
	SessionTimeout time.Duration
	FetchMemory    int64 // bytes
	TLS            TLS
	SASL           SASL
}

// Reads reports whether a topic is one of the source's.
func (s Source) Reads(topic string) bool {
	if s.Pattern != "" {
		pattern, err := regexp.Compile(s.Pattern)
		return err == nil && pattern.MatchString(topic)
	}
	return slices.Contains(s.Topics, topic) || slices.ContainsFunc(s.Partitions, func(tp fencepost.TopicPartition) bool { return tp.Topic == topic })
}

// SASL is the part of a file under source.sasl. Mechanism is empty where nothing logs in.
type SASL struct {
	Mechanism, User string
	Password, Token keys.Secret
}

// KafkaSource is an open source.
type KafkaSource = kafka.Source

// Joining is what an open source has to know besides the file's part under source.
type Joining struct {
	Group  fencepost.Group
	Watch  time.Duration                               // how often it looks for new topics
	Member func(id string, generation int32)           // receives this worker's member ID; nil: not called
	Log    func(level int, msg string, keyvals ...any) // the client's own log; nil: it is dropped
}

// Open opens the source. It connects to nothing yet; the caller ends it by Leave.
func (s Source) Open(j Joining) (*KafkaSource, error) {
	c := s.Cluster()
	c.Group, c.Topics, c.Pattern, c.Partitions = j.Group, s.Topics, s.Pattern, s.Partitions
	c.InstanceID, c.SessionTimeout, c.FetchMemory, c.Watch = s.InstanceID, s.SessionTimeout, s.FetchMemory, j.Watch
	c.Member, c.Log = j.Member, j.Log
	if len(s.Partitions) > 0 {
		c.Topics = nil // they follow from the partitions
	}
	if s.Uncommitted {
		c.Isolation = kafka.ReadUncommitted
	}
	if s.Consumer {
		c.Protocol = kafka.Consumer
	}
	return kafka.Open(c)
}

// Cluster is how the source connects, without its topics: for questions about others.
func (s Source) Cluster() kafka.Config {
	c := kafka.Config{Brokers: s.Brokers,
		TLS: kafka.TLS{Enabled: s.TLS.Enabled, CA: s.TLS.CA, Cert: s.TLS.Cert, Key: s.TLS.Key, ServerName: s.TLS.ServerName}}
	if s.SASL.Mechanism != "" {
		c.SASL = kafka.SASL{Mechanism: s.SASL.Mechanism, Credentials: s.SASL.credentials}
	}
	return c
}

// credentials reveals the secrets anew for each connection, so that they can rotate.
func (s SASL) credentials(context.Context) (kafka.Credentials, error) {
	password, err1 := s.Password.Reveal()
	token, err2 := s.Token.Reveal()
	return kafka.Credentials{User: s.User, Password: password, Token: token}, errors.Join(err1, err2)
}

// Apart puts a sink and a ledger that is kept elsewhere together: first the effects, then the moves. Closing it closes the sink.
func Apart(ledger ledger.Ledger, sink sink.Sink) sink.Sink {
	return atleastonce.Sink(ledger, sink)
}
