package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const (
	dialTimeout = 5 * time.Second
	// fetchWait is how long a broker keeps an empty fetch. Data ends the wait at once; what does not is a partition
	// that is resumed, which waits for the fetch on its way to come back.
	fetchWait = 250 * time.Millisecond
)

// connection is what every client of this package shares: address, security, user.
func (c Config) connection() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.seeds()...),
		kgo.ClientID(c.ClientID),
		kgo.SoftwareNameAndVersion("fencepost", "1"),
		kgo.Dialer(c.dial),
		kgo.WithLogger(clientLog{c.Log}),
		// Closing would wait up to a second for a last push of the client's own metrics (KIP-714).
		kgo.DisableClientMetrics(),
		// Also how long a close waits for a broker that took a first question and does not answer.
		kgo.RequestTimeoutOverhead(answerTimeout),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.RetryBackoffFn(backoff),
	}
	if c.SASL.Mechanism != "" {
		opts = append(opts, kgo.SASL(c.SASL.mechanism()))
	}
	return opts
}

// seeds are the configured addresses, several times over where there is more than one. The client tries a refused question again only
// if its next turn is another broker than the last, and all questions share the turns: while one of two addresses is down, a
// question beside others failed at once, about one client in five (franz-go 1.22.3). Of many copies the next is another one.
func (c Config) seeds() []string {
	if len(c.Brokers) == 1 {
		return c.Brokers
	}
	return slices.Repeat(c.Brokers, 1+16/max(1, len(c.Brokers)))
}

// again asks a group's coordinator, and once more where an address of the list could not be dialled: the client looks for the coordinator
// at one broker, whose turn it is, and does not try another one.
func again[T any](s *Source, ask func() (T, error)) (T, error) {
	for tries := 1; ; tries++ {
		answer, err := ask()
		dial, failed := errors.AsType[*net.OpError](err)
		if !failed || dial.Op != "dial" || len(s.cfg.Brokers) == 1 || tries > 2*len(s.cfg.Brokers) {
			return answer, err
		}
	}
}

// backoff doubles from 50 ms to 2 s: a broker that restarts is found again quickly, one that stays down is not
// hammered.
func backoff(tries int) time.Duration {
	return min(50*time.Millisecond<<min(max(tries-1, 0), 6), 2*time.Second)
}

// heartbeats is how many a session has. A classic member learns of a rebalance only from the answer to one, and the
// rebalance waits for its last member: with Kafka's own three a session of 6 s would let it wait for up to 2 s a round.
// With ten it is 0.6 s, and 1,000 workers ask 1,667 times a second. Under KIP-848 the broker says how often.
const heartbeats = 10

// consumption is what the consuming client has besides: the options that the package's laws need, the group, the memory.
func (s *Source) consumption() []kgo.Opt {
	c := s.cfg
	isolation := kgo.ReadCommitted()
	if c.Isolation == ReadUncommitted {
		isolation = kgo.ReadUncommitted()
	}
	opts := []kgo.Opt{
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.KeepControlRecords(),
		kgo.FetchIsolationLevel(isolation),
		kgo.FetchMaxWait(fetchWait),
		kgo.WithPools(&recordPool{}),
	}
	opts = append(opts, s.memory.options()...)
	if c.explicit() || c.Group == "" {
		return opts
	}
	opts = append(opts,
		kgo.ConsumerGroup(string(c.Group)),
		kgo.DisableAutoCommit(),
		kgo.SessionTimeout(c.SessionTimeout),
		kgo.HeartbeatInterval(c.SessionTimeout/heartbeats),
		kgo.RebalanceTimeout(c.RebalanceTimeout),
		kgo.AdjustFetchOffsetsFn(s.adjust),
		kgo.OnPartitionsAssigned(s.joined),
		kgo.OnPartitionsRevoked(s.revoked),
		kgo.OnPartitionsLost(s.lost),
		kgo.WithHooks(managing{s}),
	)
	if c.InstanceID != "" {
		opts = append(opts, kgo.InstanceID(c.InstanceID))
	}
	if c.Protocol == Consumer {
		return append(opts, kgo.ServerSideBalancer())
	}
	return append(opts, kgo.Balancers(kgo.CooperativeStickyBalancer()))
}

// dial opens one connection, encrypted where TLS says so. The files are read here, not at Open, so that a rotated one counts
// from the next connection on.
func (c Config) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if !c.TLS.Enabled {
		return c.plain(ctx, network, address)
	}
	cfg, err := c.TLS.config(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := c.plain(ctx, network, address)
	if err != nil {
		return nil, err
	}
	encrypted := tls.Client(conn, cfg)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return encrypted, nil
}

// plain opens one connection without TLS.
func (c Config) plain(ctx context.Context, network, address string) (net.Conn, error) {
	if c.Dial != nil {
		return c.Dial(ctx, network, address)
	}
	d := net.Dialer{Timeout: dialTimeout}
	return d.DialContext(ctx, network, address)
}

func (t TLS) config(address string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if cfg.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		cfg.ServerName = host
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("read authorities: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read authorities: %s holds no PEM certificate", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("read client certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// mechanism asks for the credentials at each authentication.
func (s SASL) mechanism() sasl.Mechanism {
	scramAuth := func(ctx context.Context) (scram.Auth, error) {
		c, err := s.Credentials(ctx)
		return scram.Auth{User: c.User, Pass: c.Password}, err
	}
	switch s.Mechanism {
	case "SCRAM-SHA-256":
		return scram.Sha256(scramAuth)
	case "SCRAM-SHA-512":
		return scram.Sha512(scramAuth)
	case "OAUTHBEARER":
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			c, err := s.Credentials(ctx)
			return oauth.Auth{Token: c.Token}, err
		})
	}
	return plain.Plain(func(ctx context.Context) (plain.Auth, error) {
		c, err := s.Credentials(ctx)
		return plain.Auth{User: c.User, Pass: c.Password}, err
	})
}

// clientLog hands the client's log on, in slog's levels.
type clientLog struct {
	log func(level int, msg string, keyvals ...any)
}

// Level keeps debug lines from being made at all: they cost allocations on the path of each fetch.
func (clientLog) Level() kgo.LogLevel { return kgo.LogLevelInfo }

// Log hands one line on. The client's own informational lines are details here.
func (l clientLog) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	switch level {
	case kgo.LogLevelError, kgo.LogLevelWarn:
		l.log(4, msg, keyvals...) // an error of the client is retried by it: only our own need action
	default:
		l.log(-4, msg, keyvals...)
	}
}
