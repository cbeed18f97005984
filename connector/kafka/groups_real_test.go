//go:build realservers

package kafka

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/twmb/franz-go/pkg/kadm"
)

// as opens a group's layout as a user.
func as(t *testing.T, broker servers.Broker, g fencepost.Group, name, password string) *Layout {
	t.Helper()
	l, err := OpenLayout(LayoutConfig{Brokers: []string{broker.SASL}, Group: g, TLS: TLS{Enabled: true, CA: broker.TLS.CA},
		SASL: SASL{Mechanism: "SCRAM-SHA-512", Credentials: secret(name, password)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// A user who may not see all topics is told so: the brokers leave the others out without a word.
func TestO3AnswerFilteredByRights(t *testing.T) {
	broker, b := secure(t)
	orders, clicks, g := b.topic(3), b.topic(2), fencepost.Group(unique(t))
	for p := range int32(3) {
		b.commit(g, orders, p, 5)
	}
	b.commit(g, clicks, 0, 5)
	u, password := user(t, b)
	note := "topics that user " + u + " may not DESCRIBE are not in the answer"
	allow(t, b, u, func(a *kadm.ACLBuilder) *kadm.ACLBuilder { return a.Groups(string(g)).Operations(kadm.OpDescribe) })
	l := as(t, broker, g, u, password)
	eventually(t, "the group's absence says what is hidden", func() error {
		f, err := l.Foreign(t.Context())
		if err != nil || len(f.Entries) > 0 {
			return fmt.Errorf("%+v, %w", f, err)
		}
		fault := l.Absence(t.Context())
		if fault.Code != "ledger-missing" || !strings.Contains(fault.Error(), note) || !strings.Contains(fault.Help, "--operation Describe --topic") {
			return fmt.Errorf("%w, help %s", fault, fault.Help)
		}
		return nil
	})
	allow(t, b, u, func(a *kadm.ACLBuilder) *kadm.ACLBuilder { return a.Topics(orders).Operations(kadm.OpDescribe) })
	eventually(t, "what may be seen is read, with the note", func() error {
		f, err := l.Foreign(t.Context())
		if err != nil || len(f.Entries) != 3 || !slices.Contains(f.Notes, note) {
			return fmt.Errorf("%+v, %w", f, err)
		}
		return nil
	})
}

// To look, DESCRIBE is enough, and no more is asked for. A worker needs READ, and is told so by check.
func TestO4DescribeIsEnough(t *testing.T) {
	broker, b := secure(t)
	topic, g := b.topic(1), fencepost.Group(unique(t))
	b.commit(g, topic, 0, 5)
	u, password := user(t, b)
	l := as(t, broker, g, u, password)
	want := fmt.Sprintf("--add --allow-principal User:%s --operation Describe --group '%s'", u, g)
	eventually(t, "the remedy asks for DESCRIBE", func() error {
		_, err := l.Foreign(t.Context())
		fault := codes.Named(err)
		if fault.Code != "kafka-denied" || !strings.HasSuffix(fault.Help, want) || strings.Contains(fault.Help, "Read") || !strings.Contains(fault.Error(), "may not DESCRIBE group") {
			return fmt.Errorf("%w, help %s", fault, fault.Help)
		}
		return nil
	})
	s, err := Open(Config{Brokers: []string{broker.SASL}, TLS: TLS{Enabled: true, CA: broker.TLS.CA}, Group: g, Topics: []string{topic},
		SASL: SASL{Mechanism: "SCRAM-SHA-512", Credentials: secret(u, password)}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Leave(t.Context())
	_, err = s.Members(t.Context())
	if f := codes.Named(err); f.Code != "kafka-denied" || strings.Contains(f.Help, "Read") {
		t.Errorf("members: %v, help %s; want DESCRIBE only", err, f.Help)
	}
	if f := s.checkGroup(t.Context()); f.Code != "kafka-denied" || !strings.Contains(f.Help, "--operation Read --group") {
		t.Errorf("check: %+v, want READ", f)
	}
	allow(t, b, u, func(a *kadm.ACLBuilder) *kadm.ACLBuilder {
		return a.Groups(string(g)).Topics(topic).Operations(kadm.OpDescribe)
	})
	eventually(t, "with DESCRIBE it is read", func() error {
		f, err := l.Foreign(t.Context())
		if err != nil || len(f.Entries) != 1 {
			return fmt.Errorf("%+v, %w", f, err)
		}
		return nil
	})
	put := l.Put(t.Context(), map[fencepost.TopicPartition]fencepost.OffsetRange{tp(topic, 0): {Until: 4}})
	if f := codes.Named(put); f.Code != "kafka-denied" || !strings.HasSuffix(f.Help, fmt.Sprintf("--operation Read --group '%s'", g)) {
		t.Errorf("put: %v, help %s; want READ of the group", put, f.Help)
	}
	b.produce(b.cl, topic, 0, 9)
	scanned := s.Scan(t.Context(), map[fencepost.TopicPartition]fencepost.OffsetRange{tp(topic, 0): {From: 5, Until: 9}}, func(*fencepost.Record) bool { return false })
	if f := codes.Named(scanned); f.Code != "kafka-denied" || !strings.HasSuffix(f.Help, "--operation Read --topic '"+topic+"'") {
		t.Errorf("scan: %v, help %s; want READ of the topic only", scanned, f.Help)
	}
}

// A group's URL without TLS on a port that speaks it.
func TestO25PlainURLOnTLSPort(t *testing.T) {
	broker, _ := secure(t)
	l, err := OpenLayout(LayoutConfig{Brokers: []string{broker.SASL}, Group: "g"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = l.Foreign(t.Context())
	if f := wantFault(t, err, "tls-mismatch"); f.Facts["want"] != "true" {
		t.Errorf("%v, facts %v", f, f.Facts)
	}
}
