package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
)

// Config is which records a [Source] reads, as which user, and how much of them it may hold. Brokers alone is enough for
// a Source that only asks ([Source.Cluster], [Source.Sample]); [Source.Start] needs topics, a pattern or partitions.
type Config struct {
	Brokers []string        // host:port, at least one
	Group   fencepost.Group // needed to join; with Partitions only the mirror's name

	Topics     []string                   // by name
	Pattern    string                     // regular expression, unanchored; also takes topics that appear later
	Partitions []fencepost.TopicPartition // these alone, without joining the group; excludes Topics and Pattern

	Isolation  Isolation // zero: ReadCommitted
	Protocol   Protocol  // zero: Cooperative
	InstanceID string    // static membership: a name per worker; empty: dynamic

	// SessionTimeout is after which silence the coordinator gives this worker's partitions away; zero: 6s. A tenth of it
	// is the time between heartbeats. Under Consumer both are the broker's to say, and this one is not sent.
	SessionTimeout   time.Duration
	RebalanceTimeout time.Duration // how long Revoked may take; zero: 60s
	Watch            time.Duration // how often topics are looked at for recreation and growth; zero: 5s

	FetchMemory int64 // bytes of records that the client holds, decompressed, before they are decoded; zero: 64 MiB

	// Dial opens each connection to a broker, before TLS; nil: TCP, given up after 5s. For a tunnel, or brokers in the
	// program itself.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	TLS  TLS
	SASL SASL

	ClientID string // zero: fencepost

	// Log receives what the client logs; nil: it is dropped. Levels are those of log/slog.
	Log func(level int, msg string, keyvals ...any)
	// Member receives this worker's member ID and generation (KIP-848: epoch) after each assignment. It must not block.
	Member func(id string, generation int32)
}

// Isolation says whether records of open and aborted transactions are read.
type Isolation uint8

// The isolation levels.
const (
	ReadCommitted   Isolation = iota // up to the last stable offset, without aborted records
	ReadUncommitted                  // all, up to the high watermark
)

// String is the isolation's word in the pipeline file.
func (i Isolation) String() string { return [...]string{"read_committed", "read_uncommitted"}[i] }

// Protocol is how the group divides its partitions.
type Protocol uint8

// The group protocols.
const (
	Cooperative Protocol = iota // classic, cooperative-sticky: rebalances leave other partitions running
	Consumer                    // KIP-848: the coordinator assigns; the session timeout is the broker's
)

// String is the protocol's word in the pipeline file.
func (p Protocol) String() string { return [...]string{"cooperative", "consumer"}[p] }

// TLS is how connections are encrypted. Files are read again at every connection, so that a rotated certificate is
// taken up without a restart.
type TLS struct {
	Enabled    bool
	CA         string // PEM file of authorities; empty: the system's
	Cert, Key  string // PEM files of this client, both or none
	ServerName string // expected in the broker's certificate; empty: the host that is dialled
}

// SASL is how the client authenticates. The zero SASL does not.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER; empty: none
	// Credentials is asked at every connection, so that secrets can rotate.
	Credentials func(context.Context) (Credentials, error)
}

// Credentials is what one authentication needs: user and password, or a token for OAUTHBEARER.
type Credentials struct{ User, Password, Token string }

// String keeps secrets out of logs.
func (c Credentials) String() string { return c.User + ":***" }

// GoString keeps secrets out of logs.
func (c Credentials) GoString() string { return c.String() }

var mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"}

const (
	minFetchMemory = 1 << 20
	maxFetchMemory = 1 << 40
)

// withDefaults fills what zero stands for.
func (c Config) withDefaults() Config {
	if c.SessionTimeout == 0 {
		c.SessionTimeout = 6 * time.Second
	}
	if c.RebalanceTimeout == 0 {
		c.RebalanceTimeout = time.Minute
	}
	if c.Watch == 0 {
		c.Watch = 5 * time.Second
	}
	if c.FetchMemory == 0 {
		c.FetchMemory = 64 << 20
	}
	if c.ClientID == "" {
		c.ClientID = "fencepost"
	}
	if c.Log == nil {
		c.Log = func(int, string, ...any) {}
	}
	if c.Member == nil {
		c.Member = func(string, int32) {}
	}
	return c
}

// validate joins all errors of a Config, each with its field. REQUIRES: withDefaults.
func (c Config) validate() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(len(c.Brokers) == 0, "Brokers: none")
	for _, b := range c.Brokers {
		_, _, err := net.SplitHostPort(b)
		wrong(err != nil, "Brokers: %q is not host:port", b)
	}
	wrong(len(c.Partitions) > 0 && (len(c.Topics) > 0 || c.Pattern != ""), "Partitions: excludes Topics and Pattern")
	wrong(len(c.Topics) > 0 && c.Pattern != "", "Pattern: excludes Topics")
	wrong(slices.Contains(c.Topics, ""), "Topics: one has no name")
	for _, tp := range c.Partitions {
		wrong(tp.Topic == "" || tp.Partition < 0, "Partitions: %s is none", tp)
	}
	_, err := regexp.Compile(c.Pattern)
	wrong(err != nil, "Pattern: %v", err)
	wrong(c.Group == "" && (len(c.Topics) > 0 || c.Pattern != ""), "Group: empty; topics are shared by a group")
	wrong(c.Isolation > ReadUncommitted, "Isolation: %d is none", c.Isolation)
	wrong(c.Protocol > Consumer, "Protocol: %d is none", c.Protocol)
	wrong(c.SessionTimeout < 0, "SessionTimeout: negative")
	wrong(c.RebalanceTimeout < 0, "RebalanceTimeout: negative")
	wrong(c.Watch < 0, "Watch: negative")
	wrong(c.FetchMemory < minFetchMemory || c.FetchMemory > maxFetchMemory, "FetchMemory: %d bytes, not 1 MiB to 1 TiB", c.FetchMemory)
	return errors.Join(append(errs, c.TLS.validate(), c.SASL.validate())...)
}

func (t TLS) validate() error {
	var errs []error
	if !t.Enabled && t != (TLS{}) {
		errs = append(errs, errors.New("TLS: set, but not Enabled"))
	}
	if (t.Cert == "") != (t.Key == "") {
		errs = append(errs, errors.New("TLS: Cert and Key belong together"))
	}
	for _, file := range []struct{ field, path string }{{"CA", t.CA}, {"Cert", t.Cert}, {"Key", t.Key}} {
		if file.path == "" {
			continue
		}
		if _, err := os.Stat(file.path); err != nil {
			errs = append(errs, &fencepost.UserError{Code: "bad-value", Exit: 2, Facts: fact("field", "TLS."+file.field), Err: fmt.Errorf("TLS: %s: %w", file.field, err)})
		}
	}
	return errors.Join(errs...)
}

func (s SASL) validate() error {
	switch {
	case s.Mechanism == "" && s.Credentials != nil:
		return errors.New("SASL: Credentials without a Mechanism")
	case s.Mechanism == "":
		return nil
	case !slices.Contains(mechanisms, s.Mechanism):
		return fmt.Errorf("SASL: Mechanism %q is none of %s", s.Mechanism, strings.Join(mechanisms, ", "))
	case s.Credentials == nil:
		return errors.New("SASL: no Credentials")
	}
	return nil
}

// explicit reports whether the Source takes its partitions itself.
func (c Config) explicit() bool { return len(c.Partitions) > 0 }

// names lists the topics that are consumed by name, sorted; nil with a Pattern.
func (c Config) names() []string {
	names := slices.Clone(c.Topics)
	for _, tp := range c.Partitions {
		names = append(names, tp.Topic)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
