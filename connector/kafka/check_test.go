package kafka

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The screen of check.
func TestCheck(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := b.topic(12)
		for p := range int32(12) {
			b.produce(b.cl, name, p, 100)
		}
		s := b.open(Config{Topics: []string{name}})
		want := []string{
			`^brokers 1 of 1 answers in \d[\d.]*m?s: Apache Kafka \d\.\d, cluster \S+$`,
			`^topic ` + name + `: 12 partitions, 1,200 offsets, topic ID [A-Za-z0-9_-]{22}$`,
			`^group ` + string(s.cfg.Group) + ` is new; protocol cooperative$`,
		}
		found := s.Check(t.Context(), nil)
		if len(found) != len(want) {
			t.Fatalf("found %+v", found)
		}
		for i, f := range found {
			line := f.Subject + " " + f.Text
			if !f.OK || !regexp.MustCompile(want[i]).MatchString(line) {
				t.Errorf("line %q (ok %v), want %s", line, f.OK, want[i])
			}
		}
		if ms, err := s.Members(t.Context()); err != nil || len(ms) > 0 {
			t.Errorf("the check joined the group: %v, %v", ms, err)
		}
	})
}

func TestCheckFindings(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := b.topic(1)
		wrong := name[:len(name)-2] + name[len(name)-1:] + name[len(name)-2:len(name)-1] + "x"
		s := b.open(Config{Topics: []string{wrong}})
		f := s.Check(t.Context(), nil)[1]
		if f.OK || f.Code != "topic-not-found" || f.Silent || f.Key != "topics" || f.Facts["near"] != name {
			t.Errorf("found %+v", f)
		}
	})
}

// Silence, a name that leads nowhere, and the wrong protocol each have their own words.
func TestConnectionFaults(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T, cfg Config) *Source {
		t.Helper()
		s, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Leave(context.Background()) })
		return s
	}
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		s := open(t, Config{Brokers: []string{"127.0.0.1:1"}})
		f := wantFault(t, s.Ping(t.Context()), "broker-silent")
		if f.Error() != "no broker answered: 127.0.0.1:1: connection refused" || !f.Passing {
			t.Errorf("says %q, passing %v", f, f.Passing)
		}
		found := s.Check(t.Context(), nil)
		if len(found) != 1 || !found[0].Silent || found[0].Code != "broker-silent" {
			t.Errorf("found %+v", found)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := s.Describe(ctx)
		wantFault(t, err, "broker-silent")
	})
	t.Run("another service", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
				go func() { _, _ = io.Copy(io.Discard, conn); conn.Close() }()
			}
		}()
		f := wantFault(t, open(t, Config{Brokers: []string{l.Addr().String()}}).Ping(t.Context()), "broker-silent")
		if want := l.Addr().String() + " answers, but not as a Kafka broker does: another service listens there"; f.Error() != want || f.Passing {
			t.Errorf("says %q, passing %v, want %q", f, f.Passing, want)
		}
	})
	for name, c := range map[string]Config{
		"a proxy whose broker is down":              {},
		"a proxy whose broker is down, with TLS":    {TLS: TLS{Enabled: true}},
		"a proxy whose broker is down, with a user": {SASL: SASL{Mechanism: "PLAIN", Credentials: secret("etl", "right")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.Brokers = []string{closesAtOnce(t)}
			f := wantFault(t, open(t, c).Ping(t.Context()), "broker-silent")
			if !f.Passing || !strings.Contains(f.Error(), c.Brokers[0]+" takes connections, and closes them at once") {
				t.Errorf("says %q, passing %v", f, f.Passing)
			}
		})
	}
	t.Run("advertised elsewhere", func(t *testing.T) {
		t.Parallel()
		c := fake(t)
		host, at := c.ListenAddrs()[0], "127.0.0.1:1"
		c.ControlKey(3, advertise(c, at))
		f := wantFault(t, open(t, Config{Brokers: []string{host}}).Ping(t.Context()), "advertised-unreachable")
		if want := host + " answers, but its broker 0 calls itself 127.0.0.1:1: connection refused"; f.Error() != want {
			t.Errorf("says %q, want %q", f, want)
		}
	})
	t.Run("TLS to a plain broker", func(t *testing.T) {
		t.Parallel()
		c := fake(t)
		wantFault(t, open(t, Config{Brokers: c.ListenAddrs(), TLS: TLS{Enabled: true}}).Ping(t.Context()), "tls-mismatch")
	})
	t.Run("wrong password", func(t *testing.T) {
		t.Parallel()
		c := fake(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "etl", "right"))
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"} {
			s := open(t, Config{Brokers: c.ListenAddrs(), SASL: SASL{Mechanism: mechanism, Credentials: secret("etl", "wrong")}})
			f := wantFault(t, s.Ping(t.Context()), "sasl-refused")
			if !strings.Contains(f.Error(), "refused user etl, "+mechanism) || strings.Contains(f.Error(), "wrong") {
				t.Errorf("says %q", f)
			}
		}
		s := open(t, Config{Brokers: c.ListenAddrs(), SASL: SASL{Mechanism: "SCRAM-SHA-256", Credentials: secret("etl", "right")}})
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("wrong password at start", func(t *testing.T) {
		t.Parallel()
		c := fake(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "etl", "right"), kfake.SeedTopics(1, "t"))
		s := open(t, Config{Brokers: c.ListenAddrs(), Group: "g", Topics: []string{"t"}, SASL: SASL{Mechanism: "PLAIN", Credentials: secret("etl", "wrong")}})
		if err := s.Start(t.Context(), &holder{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), longest)
		defer cancel()
		_, err := s.Poll(ctx)
		wantFault(t, err, "sasl-refused")
	})
	t.Run("a broker that wants a user", func(t *testing.T) {
		t.Parallel()
		c := fake(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "etl", "right"))
		err := open(t, Config{Brokers: c.ListenAddrs()}).Ping(t.Context())
		if f, ok := err.(*fencepost.UserError); !ok || f.Code != "tls-mismatch" && f.Code != "sasl-refused" || f.Facts["field"] != "SASL" {
			t.Errorf("says %v", err)
		}
	})
}

// closesAtOnce is the address of a listener that accepts each connection and closes it.
func closesAtOnce(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func secret(user, password string) func(context.Context) (Credentials, error) {
	return func(context.Context) (Credentials, error) { return Credentials{User: user, Password: password}, nil }
}

// Sample takes the first committed records of each partition, and ends at the end of a log.
func TestSample(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		name := b.topic(3)
		b.produce(b.cl, name, 0, 50)
		b.transaction(name, 1, 2, kgo.TryAbort) // 0, 1 aborted, 2*
		b.transaction(name, 1, 2, kgo.TryCommit)
		s := b.open(Config{})
		s.sampleIdle = longest
		began := time.Now()
		got, err := s.Sample(t.Context(), name, 5)
		if err != nil {
			t.Fatal(err)
		}
		var text []string
		for _, r := range got {
			text = append(text, fmt.Sprintf("%d@%d %s", r.Offset, r.Partition, bytes.Clone(r.Value)))
			if r.Topic != name {
				t.Errorf("a record of the sample is of topic %q, want %s", r.Topic, name)
			}
		}
		if d := cmp.Diff([]string{"0@0 v0", "1@0 v1", "2@0 v2", "3@0 v3", "4@0 v4", "3@1 v0", "4@1 v1"}, text); d != "" {
			t.Errorf("sample (-want +got):\n%s", d)
		}
		if took := time.Since(began); took >= longest {
			t.Errorf("took %s: it waited for more than there is", took)
		}
		_, err = b.open(Config{}).Sample(t.Context(), "no-"+name, 5)
		wantFault(t, err, "topic-not-found")
	})
}

func TestConfig(t *testing.T) {
	ok := Config{Brokers: []string{"h:1"}, Group: "g", Topics: []string{"t"}}
	for _, test := range []struct {
		change func(*Config)
		say    string
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { c.Brokers = nil }, "Brokers: none"},
		{func(c *Config) { c.Brokers = []string{"h"} }, `"h" is not host:port`},
		{func(c *Config) { c.Group = "" }, "Group: empty"},
		{func(c *Config) { c.Pattern = "x" }, "Pattern: excludes Topics"},
		{func(c *Config) { c.Topics, c.Pattern = nil, "(" }, "Pattern: error parsing"},
		{func(c *Config) { c.Partitions = []fencepost.TopicPartition{{Topic: "t"}} }, "Partitions: excludes"},
		{func(c *Config) { c.FetchMemory = 1 }, "FetchMemory"},
		{func(c *Config) { c.TLS.CA = "x" }, "not Enabled"},
		{func(c *Config) { c.TLS = TLS{Enabled: true, Cert: "/dev/null"} }, "belong together"},
		{func(c *Config) { c.TLS = TLS{Enabled: true, CA: "/none/ca.pem"} }, "no such file"},
		{func(c *Config) { c.SASL.Mechanism = "GSSAPI" }, `"GSSAPI" is none of PLAIN`},
		{func(c *Config) { c.SASL.Mechanism = "PLAIN" }, "no Credentials"},
	} {
		cfg := ok
		test.change(&cfg)
		s, err := Open(cfg)
		if err == nil {
			s.Leave(t.Context())
		}
		if test.say == "" && err != nil || test.say != "" && (err == nil || !strings.Contains(err.Error(), test.say)) {
			t.Errorf("%+v: got %v, want %q", cfg, err, test.say)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", Credentials{"u", "secret", "secret"}, Credentials{"u", "secret", "secret"}, Credentials{"u", "secret", "secret"}); strings.Contains(text, "secret") {
		t.Errorf("credentials print as %s", text)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"flights", "trips", "weather"}
	for word, want := range map[string]string{"fligths": "flights", "flight": "flights", "Trips": "trips", "orders": "", "": ""} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest to %q is %q, want %q", word, got, want)
		}
	}
}
