package pipeline

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
)

// H5: init connects by settings as kcat and rpk take them, and writes them into the file: a secret as a reference, never as it is.
func TestH5SettingsBecomeTheFile(t *testing.T) {
	for _, c := range []struct {
		settings []string
		want     []string // lines of the file, or a part of the error
	}{
		{[]string{"bootstrap.servers=a:1,b:2", "security.protocol=SASL_SSL", "ssl.ca.location=/etc/ca.pem", "sasl.mechanisms=scram-sha-512", "sasl.username=etl", "sasl.password=${PW}"},
			[]string{"brokers: [a:1, b:2]", "tls: {enabled: true, ca: /etc/ca.pem}", `sasl: {mechanism: SCRAM-SHA-512, user: etl, password: "${PW}"}`}},
		{[]string{"brokers=a:1", "tls.enabled=true", "user=etl", "pass=hunter2"},
			[]string{"tls: {enabled: true}", `sasl: {mechanism: PLAIN, user: etl, password: "${KAFKA_PASSWORD}"}`}},
		{[]string{"brokers=a:1", "tls.cert=c.pem", "tls.key=k.pem"}, []string{"tls: {enabled: true, cert: c.pem, key: k.pem}"}},
		{[]string{"brokers=a:1", "sasl.mechanism=OAUTHBEARER", "token=${PW:-hunter2}"}, []string{`sasl: {mechanism: OAUTHBEARER, token: "${KAFKA_TOKEN}"}`}},
		{[]string{"brokers=a:1"}, []string{"# tls: {enabled: false"}},
		{[]string{"security.protocol=TLS"}, []string{"-X security.protocol: not one of its values"}},
		{[]string{"sasl.mechanism=GSSAPI"}, []string{"-X sasl.mechanism: not one of its values"}},
		{[]string{"sasl.mechanism=PLAIN"}, []string{"PLAIN needs a user and a password"}},
		{[]string{"sasl.passwrd=hunter2"}, []string{"-X sasl.passwrd: init has no such setting"}},
	} {
		env := testEnvironment()
		d := Draft{Group: "g", Topic: "t", Sink: "sqlite", Decode: "json", Columns: []keys.DraftColumn{{Name: "id", Type: fencepost.Int}}}
		err := Connect(&d.Source, c.settings, env)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = d.Text()
			set := env.Lookup
			env.Lookup = func(name string) (string, bool) {
				if strings.HasPrefix(name, "KAFKA_") {
					return "x", true
				}
				return set(name)
			}
			if _, err := Parse("f.yaml", []byte(got), env); err != nil {
				t.Errorf("%v: the reader refuses the draft: %v", c.settings, err)
			}
		}
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%v: no %s in\n%s", c.settings, want, got)
			}
		}
		if strings.Contains(got+strings.Join(d.Next("f.yaml"), ""), "hunter2") {
			t.Errorf("%v: the secret is printed", c.settings)
		}
	}
}
