//go:build realservers

package scenarios

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/servers"
)

// A pipeline file reaches a broker by TLS, by mutual TLS, by SCRAM and by PLAIN; a wrong password is reported as one.
func TestPipelineFileSecurity(t *testing.T) {
	b := servers.Kafka(t)
	file := func(broker, tls, sasl string) string {
		path := filepath.Join(t.TempDir(), "pipeline.yaml")
		text := fmt.Sprintf("group: %s\nsource:\n  brokers: [%q]\n  topics: [none]\n  tls: {enabled: true, ca: %q%s}\n%s"+
			"decode: raw\nsink: {sqlite: {path: %q, table: t}}\n", servers.Name(t), broker, b.TLS.CA, tls, sasl, filepath.Join(t.TempDir(), "a.db"))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	login := func(mechanism, user string) string {
		return fmt.Sprintf("  sasl: {mechanism: %s, user: %s, password: \"${PASSWORD}\"}\n", mechanism, user)
	}
	tests := []struct{ name, broker, tls, sasl, password, want string }{
		{"mutual TLS", b.MTLS, fmt.Sprintf(", cert: %q, key: %q", b.TLS.Cert, b.TLS.Key), "", "", "ok"},
		{"SCRAM", b.SASL, "", login("SCRAM-SHA-512", servers.SCRAMUser), servers.SCRAMPassword, "ok"},
		{"PLAIN", b.SASL, "", login("PLAIN", servers.PlainUser), servers.PlainPassword, "ok"},
		{"a wrong password", b.SASL, "", login("SCRAM-SHA-512", servers.SCRAMUser), "wrong", "sasl-refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("PASSWORD", tt.password)
			f, err := pipeline.Load(file(tt.broker, tt.tls, tt.sasl), pipeline.Process())
			if err != nil {
				t.Fatalf("load: %v", err)
			}
			report, err := pipeline.Check(t.Context(), f, 10*time.Second)
			if err != nil {
				t.Fatalf("check: %v", err)
			}
			got := "not said"
			for _, line := range report.Findings {
				if line.Subject == "brokers" {
					got = line.Code
					if line.OK {
						got = "ok"
					}
				}
			}
			if got != tt.want {
				t.Errorf("brokers: %s, want %s: %+v", got, tt.want, report.Findings)
			}
		})
	}
}

// H5: init reaches a cluster with TLS and users by the settings of kcat and rpk, and a plain question is told what to add. The file that
// it writes reaches the cluster too. A topic without records gives a file to begin with.
func TestH5InitSpeaksTLSAndSASL(t *testing.T) {
	b := servers.Kafka(t)
	topic := servers.Name(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Plaintext))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PASSWORD", servers.SCRAMPassword)
	login := []string{"bootstrap.servers=" + b.SASL, "security.protocol=SASL_SSL", "ssl.ca.location=" + b.TLS.CA, "sasl.mechanism=SCRAM-SHA-512",
		"sasl.username=" + servers.SCRAMUser, "sasl.password=${PASSWORD}"}
	for _, c := range []struct {
		name, want string
		settings   []string
	}{
		{"all of it", "", login},
		{"plain", "tls-mismatch", login[:1]},
		{"no authority", "tls-unknown-authority", append(login[:2:2], login[3:]...)},
		{"a wrong user", "sasl-refused", append(login[:5:5], "sasl.username=nobody", "sasl.password=${PASSWORD}")},
	} {
		t.Run(c.name, func(t *testing.T) {
			var source pipeline.Source
			if err := pipeline.Connect(&source, c.settings, pipeline.Process()); err != nil {
				t.Fatal(err)
			}
			sampled, err := pipeline.Sample(t.Context(), source, topic, 10*time.Second)
			if c.want != "" {
				if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Code != c.want || !strings.Contains(f.Help, "-X ") || strings.Contains(f.Error(), "the file") {
					t.Fatalf("got %v, want %s with a remedy in flags", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sampled.Group, sampled.Sink = servers.Name(t), "sqlite"
			f, err := pipeline.Parse("init.yaml", []byte(sampled.Draft.Text()), pipeline.Process())
			if err != nil {
				t.Fatal(err)
			}
			f = f.Beside(f.Group)
			report, err := pipeline.Check(t.Context(), f, 10*time.Second)
			if err != nil || len(report.Findings) < 3 || !report.Findings[1].OK || !report.Findings[2].OK {
				t.Errorf("check of what init wrote: %v: %+v", err, report.Findings)
			}
		})
	}
}
