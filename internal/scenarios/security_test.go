//go:build realservers

package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

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
