//go:build realservers

package kafka

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
)

func TestMain(m *testing.M) { servers.Main(m) }

func init() {
	clusters["kafka"] = func(t *testing.T) []string { return []string{servers.Kafka(t).Plaintext} }
}

// secure is the shared broker's other doors, with an admin who may do everything.
func secure(t *testing.T) (servers.Broker, *bench) {
	t.Helper()
	b := servers.Kafka(t)
	return b, newBench(t, []string{b.Plaintext})
}

// allow gives a user what the ACL lines of the help would.
func allow(t *testing.T, b *bench, user string, add func(*kadm.ACLBuilder) *kadm.ACLBuilder) {
	t.Helper()
	acl := add(kadm.NewACLs().Allow("User:" + user).AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral))
	rs, err := b.adm.CreateACLs(t.Context(), acl)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// user makes one that may nothing.
func user(t *testing.T, b *bench) (name, password string) {
	t.Helper()
	name, password = "u-"+strings.ToLower(rand.Text()[:8]), rand.Text()
	rs, err := b.adm.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{User: name, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: password}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	return name, password
}

// Every way in reads records; with the CA's file, and with the client's certificate.
func TestWaysIn(t *testing.T) {
	broker, b := secure(t)
	name := b.topic(1)
	b.produce(b.cl, name, 0, 3)
	ca := TLS{Enabled: true, CA: broker.TLS.CA}
	plainUser := servers.PlainUser
	group := fencepost.Group(unique(t))
	allow(t, b, plainUser, func(a *kadm.ACLBuilder) *kadm.ACLBuilder {
		return a.Topics(name).Groups(string(group)).Operations(kadm.OpRead, kadm.OpDescribe)
	})
	for what, cfg := range map[string]Config{
		"SCRAM over TLS": {Brokers: []string{broker.SASL}, TLS: ca, SASL: SASL{Mechanism: "SCRAM-SHA-512", Credentials: secret(servers.SCRAMUser, servers.SCRAMPassword)}},
		"PLAIN over TLS": {Brokers: []string{broker.SASL}, TLS: ca, SASL: SASL{Mechanism: "PLAIN", Credentials: secret(plainUser, servers.PlainPassword)}},
		"mutual TLS":     {Brokers: []string{broker.MTLS}, TLS: TLS{Enabled: true, CA: broker.TLS.CA, Cert: broker.TLS.Cert, Key: broker.TLS.Key}},
	} {
		t.Run(what, func(t *testing.T) {
			cfg.Group, cfg.Topics = group, []string{name}
			s, err := Open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Leave(t.Context())
			eventually(t, "it is let in", func() error { return s.Ping(t.Context()) })
			eventually(t, "the ACLs hold", func() error {
				for _, f := range s.Check(t.Context(), nil) {
					if !f.OK {
						return errors.New(f.Text)
					}
				}
				return nil
			})
			if err := s.Start(t.Context(), &holder{}); err != nil {
				t.Fatal(err)
			}
			newReader(t, s).until(tp(name, 0), 3)
		})
	}
}

// What keeps one out has its own code each.
func TestKeptOut(t *testing.T) {
	broker, b := secure(t)
	ca := TLS{Enabled: true, CA: broker.TLS.CA}
	right := SASL{Mechanism: "SCRAM-SHA-512", Credentials: secret(servers.SCRAMUser, servers.SCRAMPassword)}
	for _, test := range []struct {
		what, code string
		cfg        Config
	}{
		{"wrong password", "sasl-refused", Config{Brokers: []string{broker.SASL}, TLS: ca, SASL: SASL{Mechanism: "SCRAM-SHA-512", Credentials: secret("admin", "no")}}},
		{"wrong mechanism", "sasl-refused", Config{Brokers: []string{broker.SASL}, TLS: ca, SASL: SASL{Mechanism: "SCRAM-SHA-256", Credentials: right.Credentials}}},
		{"no user", "sasl-refused", Config{Brokers: []string{broker.SASL}, TLS: ca}},
		{"no CA", "tls-unknown-authority", Config{Brokers: []string{broker.SASL}, TLS: TLS{Enabled: true}, SASL: right}},
		{"another name", "tls-mismatch", Config{Brokers: []string{broker.SASL}, TLS: TLS{Enabled: true, CA: broker.TLS.CA, ServerName: "elsewhere"}, SASL: right}},
		{"plain to a TLS door", "tls-mismatch", Config{Brokers: []string{broker.SASL}, SASL: right}},
		{"TLS to a plain door", "tls-mismatch", Config{Brokers: []string{broker.Plaintext}, TLS: ca}},
		{"no client certificate", "tls-mismatch", Config{Brokers: []string{broker.MTLS}, TLS: ca}},
		{"advertised elsewhere", "advertised-unreachable", Config{Brokers: []string{broker.Proxied}}},
	} {
		t.Run(test.what, func(t *testing.T) {
			s, err := Open(test.cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Leave(t.Context())
			began := time.Now()
			f := wantFault(t, s.Ping(t.Context()), test.code)
			t.Logf("%s: %s: %v\nhelp: %s", time.Since(began).Round(time.Millisecond), f.Code, f, codes.Remedy(f))
		})
	}
	name := b.topic(1)
	u, password := user(t, b)
	cfg := Config{Brokers: []string{broker.SASL}, TLS: ca, Group: "none-of-its-business", Topics: []string{name},
		SASL: SASL{Mechanism: "SCRAM-SHA-512", Credentials: secret(u, password)}}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Leave(t.Context())
	eventually(t, "the user is known", func() error { return s.Ping(t.Context()) })
	t.Run("no topic ACL", func(t *testing.T) {
		d, err := s.Describe(t.Context())
		if err != nil || !errors.Is(d.Errs[name], fencepost.ErrNoAnswer) || !strings.Contains(d.Errs[name].Error(), "user "+u+" may not DESCRIBE topic "+name) {
			t.Errorf("described %+v, %v", d, err)
		}
		got := s.LogOffsets(t.Context(), []fencepost.OffsetQuery{ask(name, 0)})[tp(name, 0)].Err
		if !errors.Is(got, fencepost.ErrNoAnswer) || !strings.Contains(got.Error(), "not authorised") {
			t.Errorf("bounds: %v", got)
		}
		_, err = s.Sample(t.Context(), name, 1)
		wantFault(t, err, "kafka-denied")
	})
	t.Run("no group ACL", func(t *testing.T) {
		_, err := s.CommittedOffsets(t.Context(), s.cfg.Group)
		f := wantFault(t, err, "kafka-denied")
		if want := "--operation Describe --group 'none-of-its-business'"; !strings.Contains(f.Help, want) || !strings.Contains(f.Help, "User:"+u) {
			t.Errorf("help is %q, want %s", f.Help, want)
		}
		allow(t, b, u, func(a *kadm.ACLBuilder) *kadm.ACLBuilder { return a.Topics(name).Operations(kadm.OpDescribe) })
		eventually(t, "the topic can be described and not read", func() error {
			if f := s.Check(t.Context(), nil)[1]; f.Code != "kafka-denied" || !strings.Contains(f.Text, "may not READ topic") {
				return fmt.Errorf("found %+v", f)
			}
			return nil
		})
		allow(t, b, u, func(a *kadm.ACLBuilder) *kadm.ACLBuilder { return a.Topics(name).Operations(kadm.OpRead) })
		eventually(t, "the topic can be read", func() error {
			if f := s.Check(t.Context(), nil)[1]; !f.OK {
				return errors.New(f.Text)
			}
			return nil
		})
		if err := s.Start(t.Context(), &holder{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), longest)
		defer cancel()
		_, err = s.Poll(ctx)
		wantFault(t, err, "kafka-denied")
		eventually(t, "the topic can be read", func() error {
			if f := s.Check(t.Context(), nil)[1]; !f.OK {
				return errors.New(f.Text)
			}
			return nil
		})
		var codes []string
		for _, f := range s.Check(t.Context(), nil) {
			codes = append(codes, f.Subject+" "+f.Code)
		}
		if d := cmp.Diff([]string{"brokers ", "topic ", "group kafka-denied"}, codes); d != "" {
			t.Errorf("check (-want +got):\n%s", d)
		}
	})
}

// A password that is rotated is taken up by the next connection, without a new Source.
func TestRotatedSecret(t *testing.T) {
	broker, b := secure(t)
	u, password := user(t, b)
	var now atomic.Value
	now.Store("not yet " + password)
	s, err := Open(Config{Brokers: []string{broker.SASL}, TLS: TLS{Enabled: true, CA: broker.TLS.CA}, SASL: SASL{Mechanism: "SCRAM-SHA-512",
		Credentials: func(context.Context) (Credentials, error) {
			return Credentials{User: u, Password: now.Load().(string)}, nil
		}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Leave(t.Context())
	wantFault(t, s.Ping(t.Context()), "sasl-refused")
	now.Store(password)
	eventually(t, "the new secret counts", func() error { return s.Ping(t.Context()) })
}

// A dead and a frozen broker: no answer within the time-out, and no hang; it goes on by itself when the broker is back.
func TestBrokerDiesAndReturns(t *testing.T) {
	own := servers.OwnKafka(t)
	b := newBench(t, []string{own.Plaintext})
	name := b.topic(2)
	b.produce(b.cl, name, 0, 5)
	s, h := b.open(Config{Topics: []string{name}}), &holder{}
	if err := s.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	r := newReader(t, s)
	r.until(tp(name, 0), 5)

	own.Freeze()
	began := time.Now()
	got := s.LogOffsets(t.Context(), []fencepost.OffsetQuery{ask(name, 0)})[tp(name, 0)].Err
	if took := time.Since(began); !errors.Is(got, fencepost.ErrNoAnswer) || took > 2*answerTimeout {
		t.Errorf("frozen: %v after %s", got, took)
	}
	t.Logf("frozen: %v after %s", got, time.Since(began).Round(time.Millisecond))
	own.Thaw()

	own.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	got = s.LogOffsets(ctx, []fencepost.OffsetQuery{ask(name, 0)})[tp(name, 0)].Err
	cancel()
	if !errors.Is(got, fencepost.ErrNoAnswer) {
		t.Errorf("dead: %v", got)
	}
	t.Logf("dead: %v", got)
	own.Start()
	eventually(t, "the broker is back", func() error { return s.LogOffsets(t.Context(), []fencepost.OffsetQuery{ask(name, 0)})[tp(name, 0)].Err })
	b.produce(b.cl, name, 1, 4)
	r.until(tp(name, 1), 4)
}

// Truncation: the tail of the log is gone. Epochs say where the histories part; the reader does not move by itself.
func TestTruncated(t *testing.T) {
	own := servers.OwnKafka(t)
	b := newBench(t, []string{own.Plaintext})
	name := b.topic(1)
	b.produce(b.cl, name, 0, 10)
	file := filepath.Join(own.DataDir, name+"-0", "00000000000000000000.log")
	size := func() int64 {
		i, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return i.Size()
	}
	keep := size()
	b.produce(b.cl, name, 0, 5)
	s, h := b.open(Config{Partitions: []fencepost.TopicPartition{tp(name, 0)}}), &holder{} // a group would ask anew
	if err := s.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	r := newReader(t, s)
	r.until(tp(name, 0), 15)
	own.Kill()
	if err := os.Truncate(file, keep); err != nil {
		t.Fatal(err)
	}
	own.Start()
	eventually(t, "the broker is back", func() error { return s.LogOffsets(t.Context(), []fencepost.OffsetQuery{ask(name, 0)})[tp(name, 0)].Err })
	fresh := b.client()
	b.produce(fresh, name, 0, 20)
	got := s.LogOffsets(t.Context(), []fencepost.OffsetQuery{{TopicPartition: tp(name, 0), LeaderEpoch: 0}})[tp(name, 0)]
	if got.Err != nil || got.HighWatermark != 30 || got.EpochEnd != 10 {
		t.Errorf("bounds %+v, want end 30 and the end of epoch 0 at 10", got)
	}
	if !r.poll(longest, func() bool { return len(r.err[tp(name, 0)]) > 0 }) {
		t.Fatalf("no failure; got %v", r.got)
	}
	if c := r.err[tp(name, 0)][0]; c != "DATA_LOSS" && c != "OFFSET_OUT_OF_RANGE" {
		t.Errorf("failed with %s", c)
	}
	if n := len(r.got[tp(name, 0)]); n != 15 {
		t.Errorf("went on by itself: %v", r.got[tp(name, 0)])
	}
}
