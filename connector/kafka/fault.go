package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// code is the broker's own name for an error, or this package's for an error of the client itself.
func code(err error) string {
	var k *kerr.Error
	var lost *kgo.ErrDataLoss
	var large *kgo.ErrDecompressTooLarge
	switch {
	case errors.As(err, &k):
		return k.Message
	case errors.As(err, &lost):
		return "DATA_LOSS"
	case errors.As(err, &large):
		return "BATCH_TOO_LARGE"
	}
	return "CLIENT_ERROR"
}

// silence makes the error of an entry that could not be had: ErrNoAnswer with a reason for people.
func (s *Source) silence(err error, topic string) error {
	switch {
	case errors.Is(err, fencepost.ErrNoAnswer), errors.Is(err, fencepost.ErrNoTopic):
		return err
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return fmt.Errorf("%w: not authorised: user %s may not DESCRIBE topic %s", fencepost.ErrNoAnswer, s.user(), topic)
	case err == nil:
		err = errNoReply
	}
	return fmt.Errorf("%w: %w", fencepost.ErrNoAnswer, err)
}

// user is the name by which the brokers know this client.
func (s *Source) user() string {
	if s.cfg.SASL.Mechanism == "" {
		if s.cfg.TLS.Cert != "" {
			return "of certificate " + s.cfg.TLS.Cert
		}
		return "ANONYMOUS"
	}
	c, err := s.cfg.SASL.Credentials(context.Background())
	if err != nil || c.User == "" {
		return "of the token"
	}
	return c.User
}

// acls are the lines that give a worker what it needs.
func (s *Source) acls() string {
	lines := make([]string, 0, len(s.cfg.names())+1)
	head := fmt.Sprintf("kafka-acls --bootstrap-server %s --add --allow-principal User:%s", s.cfg.Brokers[0], s.user())
	for _, topic := range s.cfg.names() {
		lines = append(lines, fmt.Sprintf("%s --operation Read --operation Describe --topic '%s'", head, topic))
	}
	if s.cfg.Pattern != "" {
		lines = append(lines, fmt.Sprintf("%s --operation Read --operation Describe --topic '*'", head))
	}
	if s.cfg.Group != "" {
		lines = append(lines, fmt.Sprintf("%s --operation Read --group '%s'", head, s.cfg.Group))
	}
	return strings.Join(lines, "\n")
}

func (s *Source) denied(what string) *fencepost.UserError {
	return &fencepost.UserError{Code: "kafka-denied", Err: fmt.Errorf("user %s may not %s", s.user(), what), Help: s.acls()}
}

// refused converts what a coordinator refused into a UserError, where there is one for it; else it returns the error unchanged.
func (s *Source) refused(ctx context.Context, err error, g fencepost.Group) error {
	var f *fencepost.UserError
	switch {
	case err == nil || errors.As(err, &f):
		return err
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return s.denied(fmt.Sprintf("READ group %s", g))
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return s.denied("READ its topics")
	case coordinatorMoves(err):
		return &fencepost.UserError{Code: "coordinator-silent", Passing: true,
			Err:  fmt.Errorf("no broker is the coordinator of group %s: %w", g, err),
			Help: "start the brokers that hold __consumer_offsets; where it was never made, as many as offsets.topic.replication.factor says"}
	case connects(err):
		return s.unreachable(ctx, err)
	}
	return err
}

// coordinatorMoves reports whether a group has no coordinator just now.
func coordinatorMoves(err error) bool {
	return errors.Is(err, kerr.CoordinatorNotAvailable) || errors.Is(err, kerr.CoordinatorLoadInProgress) || errors.Is(err, kerr.NotCoordinator)
}

// connects reports whether an error is about reaching or entering a broker at all.
func connects(err error) bool {
	var n net.Error
	var eof *kgo.ErrFirstReadEOF
	return errors.As(err, &n) || errors.As(err, &eof) || errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) || saslRefused(err) || tlsRefused(err) || notKafka(err)
}

func saslRefused(err error) bool {
	return errors.Is(err, kerr.SaslAuthenticationFailed) || errors.Is(err, kerr.UnsupportedSaslMechanism) || errors.Is(err, kerr.IllegalSaslState)
}

func tlsRefused(err error) bool {
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &alert)
}

// unreachable says why no broker could be asked: it looks at each address by itself, since the client's own error is
// only the last of many.
func (s *Source) unreachable(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
	defer cancel()
	if _, fault := s.probe(looking); fault != nil {
		fault.Passing = fault.Passing || s.everJoined() // it has joined before: a certificate or a secret is being changed
		return fault
	}
	// The brokers answer now, or to this question only.
	return &fencepost.UserError{Code: "broker-silent", Err: fmt.Errorf("no broker answered: %w", err), Facts: fact("answers", "now"), Passing: true}
}

// connection returns the error of one address. A broker that receives the wrong protocol only hangs up or waits, so
// its protocol is tried out.
func (s *Source) connection(ctx context.Context, address string, err error) *fencepost.UserError {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var alert tls.AlertError
	var eof *kgo.ErrFirstReadEOF
	var dial *net.OpError
	connected := !errors.As(err, &dial) || dial.Op != "dial"
	hungUp := errors.As(err, &eof) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	switch {
	case saslRefused(err):
		return s.sasl(address, err)
	case errors.As(err, &authority):
		signer := "an authority"
		if authority.Cert != nil {
			signer = fmt.Sprintf("%q", authority.Cert.Issuer.CommonName)
		}
		return &fencepost.UserError{Code: "tls-unknown-authority",
			Err: fmt.Errorf("%s's certificate is signed by %s, unknown here: %w", address, signer, err)}
	case errors.As(err, &host):
		return &fencepost.UserError{Code: "tls-mismatch", Facts: fact("field", "TLS.ServerName"),
			Err: fmt.Errorf("%s's certificate is for another name: %w", address, err)}
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls:"):
		return &fencepost.UserError{Code: "tls-mismatch", Facts: fact("field", "TLS.Cert"),
			Err: fmt.Errorf("%s refused this client's TLS: %w", address, err)}
	case connected && s.cfg.TLS.Enabled && s.cfg.speaksPlain(ctx, address):
		return &fencepost.UserError{Code: "tls-mismatch", Facts: map[string]string{"field": "TLS.Enabled", "want": "false"},
			Err: fmt.Errorf("%s hung up at the first byte: it speaks plain, and TLS was asked for", address)}
	case connected && !s.cfg.TLS.Enabled && s.cfg.speaksTLS(ctx, address):
		return &fencepost.UserError{Code: "tls-mismatch", Facts: map[string]string{"field": "TLS.Enabled", "want": "true"},
			Err: fmt.Errorf("%s hung up at the first byte: it speaks TLS, and was spoken to in plain", address)}
	case hungUp && !s.cfg.TLS.Enabled && !s.everJoined() && s.cfg.isController(ctx, address):
		return &fencepost.UserError{Code: "broker-silent", Facts: fact("field", "Brokers"),
			Err: fmt.Errorf("%s is the port of a controller (KRaft): brokers listen on another one", address)}
	case notKafka(err):
		return &fencepost.UserError{Code: "broker-silent", Facts: fact("field", "Brokers"),
			Err: fmt.Errorf("%s answers, but not as a Kafka broker does: another service listens there", address)}
	case hungUp && !s.everJoined() && s.cfg.answers(ctx, address): // before a login, brokers say what they know, and no more
		return s.sasl(address, err)
	case hungUp && !s.everJoined():
		return &fencepost.UserError{Code: "broker-silent", Passing: true, Facts: fact("address", address),
			Err: fmt.Errorf("no broker answered: %s takes connections, and closes them at once: the broker is not up, or a proxy stands there whose broker is down", address)}
	}
	return &fencepost.UserError{Code: "broker-silent", Passing: true, Facts: fact("address", address),
		Err: fmt.Errorf("no broker answered: %s: %w", address, plainly(err))}
}

// notKafka reports whether what came back cannot be a broker's: the client read the first bytes of another protocol as
// the length of an answer. It has no name for that but its text.
func notKafka(err error) bool {
	return errors.Is(err, errOther) || strings.Contains(err.Error(), "BrokerMaxReadBytes") || strings.Contains(err.Error(), "invalid large response size")
}

// errOther: the address was asked in the words of another service, and answered.
var errOther = errors.New("another service answers there")

// speaksRedis reports whether the address answers a PING of Redis. Redis itself does not answer a request of Kafka: it waits for the end of
// the line.
func (c Config) speaksRedis(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryTimeout)
	defer cancel()
	conn, err := c.plain(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	until, _ := ctx.Deadline()
	_ = conn.SetDeadline(until) // a connection that is closed fails to read, too
	answer := make([]byte, 1)
	if _, err = conn.Write([]byte("PING\r\n")); err == nil {
		_, err = conn.Read(answer)
	}
	return err == nil && (answer[0] == '+' || answer[0] == '-')
}

// isController reports whether the address answers as a controller of KRaft, which knows no metadata of topics.
func (c Config) isController(ctx context.Context, address string) bool {
	r := c.apiVersions(ctx, address, c.plain)
	return r != nil && !slices.ContainsFunc(r.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool { return k.ApiKey == kmsg.NewPtrMetadataRequest().Key() })
}

const tryTimeout = 2 * time.Second

// speaksTLS reports whether a TLS handshake with the address gets any answer of TLS.
func (c Config) speaksTLS(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryTimeout)
	defer cancel()
	conn, err := c.plain(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	err = tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}).HandshakeContext(ctx) // nothing is sent over it
	return err == nil || strings.Contains(err.Error(), "remote error: tls:")                                          // it answered: it wants a certificate of ours, say
}

// speaksPlain reports whether the address answers a Kafka request that is not encrypted.
func (c Config) speaksPlain(ctx context.Context, address string) bool {
	return c.apiVersions(ctx, address, c.plain) != nil
}

// answers reports whether the address answers the one request that needs no login, with TLS or without as the configuration says. A broker
// that waits for a login answers it once, to the client itself, and closes the connection at the second.
func (c Config) answers(ctx context.Context, address string) bool {
	var h heard
	c.apiVersions(ctx, address, c.dial, kgo.WithHooks(&h))
	return h.Load()
}

// heard is whether a broker said which requests it knows.
type heard struct{ atomic.Bool }

// OnBrokerRead is a kgo.HookBrokerRead.
func (h *heard) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if key == kmsg.NewPtrApiVersionsRequest().Key() && err == nil {
		h.Store(true)
	}
}

// apiVersions asks an address which requests it knows, over a connection that dial makes; nil: no answer.
func (c Config) apiVersions(ctx context.Context, address string, dial func(context.Context, string, string) (net.Conn, error), more ...kgo.Opt) *kmsg.ApiVersionsResponse {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryTimeout)
	defer cancel()
	cl, err := kgo.NewClient(append(more, kgo.SeedBrokers(address), kgo.Dialer(dial), kgo.DisableClientMetrics())...)
	if err != nil {
		return nil
	}
	defer cl.Close()
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "fencepost", "1"
	resp, err := cl.SeedBrokers()[0].Request(ctx, req)
	if err != nil {
		return nil
	}
	return resp.(*kmsg.ApiVersionsResponse)
}

func (s *Source) sasl(address string, err error) *fencepost.UserError {
	mechanism := s.cfg.SASL.Mechanism
	if mechanism == "" {
		return &fencepost.UserError{Code: "sasl-refused", Facts: fact("field", "SASL"),
			Err: fmt.Errorf("%s wants a user, and none was named: %w", address, err)}
	}
	return &fencepost.UserError{Code: "sasl-refused", Err: fmt.Errorf("%s refused user %s, %s: %w", address, s.user(), mechanism, err),
		Help: "the broker does not say if user, password or mechanism is wrong: compare all three"}
}

// plainly leaves the cause: "connection refused" instead of the dialler's sentence about it.
func plainly(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return errors.New("no such host")
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		err = cause
	}
	return err
}

// membership decides whether an error of the group's life ends the source. nil: it passes, or the client tries again.
func (s *Source) membership(ctx context.Context, err error) *fencepost.UserError {
	switch {
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return s.denied(fmt.Sprintf("READ group %s", s.cfg.Group))
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return s.denied("READ its topics")
	case errors.Is(err, kerr.FencedInstanceID), errors.Is(err, kerr.UnreleasedInstanceID):
		return s.instanceTaken(ctx, err)
	case errors.Is(err, kerr.InconsistentGroupProtocol):
		return s.groupLive(0)
	case errors.Is(err, kerr.InvalidSessionTimeout):
		return &fencepost.UserError{Code: "session-timeout-refused",
			Err: fmt.Errorf("the brokers do not take a session timeout of %s: %w", s.cfg.SessionTimeout, err)}
	case saslRefused(err) && !s.everJoined():
		return s.sasl(s.cfg.Brokers[0], err)
	}
	return nil
}

func (s *Source) everJoined() bool {
	s.life.Lock()
	defer s.life.Unlock()
	return s.life.joined
}

// instanceTaken names where the other one runs, if the group shows it. Under KIP-848 the name of a worker that was
// killed is free again after the broker's session timeout: that one passes.
func (s *Source) instanceTaken(ctx context.Context, err error) *fencepost.UserError {
	from := ""
	asking, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	own, _ := s.client.GroupMetadata()
	members, _ := s.Members(asking)
	i := slices.IndexFunc(members, func(m Member) bool { return m.InstanceID == s.cfg.InstanceID && m.ID != own })
	if i >= 0 {
		from = ", from " + strings.TrimPrefix(members[i].Host, "/")
	}
	return &fencepost.UserError{Code: "instance-taken",
		Passing: errors.Is(err, kerr.UnreleasedInstanceID),
		Err:     fmt.Errorf("instance_id %s is in the group already%s: %w", s.cfg.InstanceID, from, err)}
}

// groupLive refuses to share a group name with workers that would not know of ours.
func (s *Source) groupLive(members int) *fencepost.UserError {
	what := "members that speak another protocol"
	if members > 0 {
		what = fmt.Sprintf("%d live members", members)
	}
	return &fencepost.UserError{Code: "group-live", Help: "stop them; or another group",
		Err: fmt.Errorf("group %s has %s", s.cfg.Group, what)}
}

// fact is the one thing that a remedy has to name: the field of Config that is wrong, by its path, or an address.
func fact(name, value string) map[string]string { return map[string]string{name: value} }

// tooOld reports whether the broker does not know the question at all.
func tooOld(err error) bool {
	return errors.Is(err, kerr.UnsupportedVersion) || strings.Contains(err.Error(), "broker is too old")
}
