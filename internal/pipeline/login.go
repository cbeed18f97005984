package pipeline

import (
	"fmt"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/pipeline/kinds"
	"github.com/fencepost/fencepost/internal/text"
)

// setting is one of the settings of a client by which init connects, under the names that it has elsewhere.
type setting struct {
	names []string // librdkafka's, which kcat takes behind -X, then rpk's
	set   func(s *kinds.Source, value string, env *keys.Environment) (ok bool)
}

var settings = []setting{
	{[]string{"bootstrap.servers", "brokers"}, func(s *kinds.Source, v string, _ *keys.Environment) bool {
		s.Brokers = strings.Split(v, ",")
		return true
	}},
	{[]string{"security.protocol"}, func(s *kinds.Source, v string, _ *keys.Environment) bool {
		v = strings.ToUpper(v)
		s.TLS.Enabled = strings.HasSuffix(v, "SSL")
		return v == "PLAINTEXT" || v == "SSL" || v == "SASL_PLAINTEXT" || v == "SASL_SSL"
	}},
	{[]string{"tls.enabled"}, func(s *kinds.Source, v string, _ *keys.Environment) bool {
		s.TLS.Enabled = v == "true"
		return v == "true" || v == "false"
	}},
	{[]string{"ssl.ca.location", "tls.ca"}, tlsPath(func(t *kinds.TLS) *string { return &t.CA })},
	{[]string{"ssl.certificate.location", "tls.cert"}, tlsPath(func(t *kinds.TLS) *string { return &t.Cert })},
	{[]string{"ssl.key.location", "tls.key"}, tlsPath(func(t *kinds.TLS) *string { return &t.Key })},
	{[]string{"sasl.mechanism", "sasl.mechanisms"}, func(s *kinds.Source, v string, _ *keys.Environment) bool {
		s.SASL.Mechanism = strings.ToUpper(v)
		for _, word := range fileKeys.Of("source.sasl.mechanism").Words {
			if word == s.SASL.Mechanism {
				return true
			}
		}
		return false
	}},
	{[]string{"sasl.username", "user"}, func(s *kinds.Source, v string, _ *keys.Environment) bool { s.SASL.User = v; return true }},
	{[]string{"sasl.password", "pass"}, func(s *kinds.Source, v string, env *keys.Environment) bool {
		s.SASL.Password = keys.NewSecret(v, env)
		return true
	}},
	{[]string{"sasl.oauthbearer.token", "token"}, func(s *kinds.Source, v string, env *keys.Environment) bool {
		s.SASL.Token = keys.NewSecret(v, env)
		return true
	}},
}

func tlsPath(at func(*kinds.TLS) *string) func(*kinds.Source, string, *keys.Environment) bool {
	return func(s *kinds.Source, v string, _ *keys.Environment) bool {
		*at(&s.TLS), s.TLS.Enabled = v, true
		return v != ""
	}
}

// Connect applies settings of a client, each KEY=VALUE as kcat and rpk take them behind -X, to a source. A secret may be a
// reference: ${NAME}.
//
// Errors: *fencepost.UserError usage.
func Connect(s *kinds.Source, list []string, env *keys.Environment) error {
	for _, one := range list {
		key, value, _ := strings.Cut(one, "=")
		of, known := settingOf(key)
		switch {
		case !known:
			return unknownSetting(key)
		case !of.set(s, value, env):
			return &fencepost.UserError{Code: "usage", Exit: 2, Err: fmt.Errorf("-X %s: not one of its values (not shown)", key), Help: "-X " + key + "=" + likeSetting[key]}
		}
	}
	switch missing := s.SASL.Mechanism == ""; {
	case missing && (s.SASL.User != "" || !s.SASL.Password.Empty()):
		s.SASL.Mechanism = "PLAIN" // as rpk and librdkafka have it
	case !missing && s.SASL.Mechanism != "OAUTHBEARER" && (s.SASL.User == "" || s.SASL.Password.Empty()):
		return &fencepost.UserError{Code: "usage", Exit: 2, Err: fmt.Errorf("%s needs a user and a password", s.SASL.Mechanism), Help: "-X user=USER -X 'pass=${KAFKA_PASSWORD}'"}
	}
	return nil
}

// likeSetting are examples for those whose values are words.
var likeSetting = map[string]string{"security.protocol": "SASL_SSL", "tls.enabled": "true", "sasl.mechanism": "SCRAM-SHA-512", "sasl.mechanisms": "SCRAM-SHA-512"}

func settingOf(key string) (setting, bool) {
	for _, s := range settings {
		for _, name := range s.names {
			if name == key {
				return s, true
			}
		}
	}
	return setting{}, false
}

func unknownSetting(key string) error {
	var names []string
	for _, s := range settings {
		names = append(names, s.names...)
	}
	help := "one of " + strings.Join(names, " ")
	if near := text.Nearest(key, names); near != "" {
		help = "-X " + near + "=VALUE"
	}
	return &fencepost.UserError{Code: "usage", Exit: 2, Err: fmt.Errorf("-X %s: init has no such setting", keys.Shown(key)), Help: help}
}

// tlsText is the part of a file for TLS on one line; empty: there is none.
func tlsText(t kinds.TLS) string {
	if !t.Enabled {
		return ""
	}
	parts := []string{"enabled: true"}
	for _, p := range []struct{ key, value string }{{"ca", t.CA}, {"cert", t.Cert}, {"key", t.Key}, {"server_name", t.ServerName}} {
		if p.value != "" {
			parts = append(parts, p.key+": "+keys.Plain(p.value))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// saslText is the part of a file for a login on one line, its secrets as references; empty: there is none.
func saslText(s kinds.SASL) string {
	if s.Mechanism == "" {
		return ""
	}
	parts := []string{"mechanism: " + s.Mechanism}
	if s.User != "" {
		parts = append(parts, "user: "+keys.Plain(s.User))
	}
	if !s.Password.Empty() {
		parts = append(parts, fmt.Sprintf("password: %q", s.Password.Reference("${KAFKA_PASSWORD}")))
	}
	if !s.Token.Empty() {
		parts = append(parts, fmt.Sprintf("token: %q", s.Token.Reference("${KAFKA_TOKEN}")))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// exports are what has to be in the environment before a draft with this login works: secrets that were written out.
func exports(s kinds.SASL) (lines []string) {
	if !s.Password.Empty() && s.Password.Reference("") == "" {
		lines = append(lines, "export KAFKA_PASSWORD=PASSWORD")
	}
	if !s.Token.Empty() && s.Token.Reference("") == "" {
		lines = append(lines, "export KAFKA_TOKEN=TOKEN")
	}
	return lines
}
