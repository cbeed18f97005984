package kinds

import (
	"context"
	"crypto/tls"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/fencepost/fencepost/decode/registry"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
)

// Registry is the part of a file under registry.
type Registry struct {
	URLs            []string // empty: the file has no registry
	User            string
	Password, Token keys.Secret
	TLS             TLS // Enabled where a URL is https
	Timeout         time.Duration
	Form            registry.Form
	IDs             registry.Kind // what a number counts; NoID: what is usual for the form
	Subject         string        // of the topic's schemas; empty: TOPIC-value
}

// registryIDs are the words for what the number in a record counts.
var registryIDs = map[string]registry.Kind{"global": registry.GlobalID, "content": registry.ContentID}

// RegistryKeys are the rows of the table of keys.
func RegistryKeys() []keys.Row {
	return []keys.Row{
		{Path: "registry", Form: keys.FormMap, Like: "{url: http://localhost:8081}", Doc: "the schema registry; for json_schema, avro, protobuf"},
		{Path: "registry.url", Form: keys.FormTexts, Must: true, Live: "http://localhost:8081", Like: "http://localhost:8081", Doc: "or a list; of Apicurio http://HOST:8080/apis/ccompat/v7"},
		{Path: "registry.user", Form: keys.FormText, Def: `""`, Doc: "of basic authentication"},
		{Path: "registry.password", Form: keys.FormSecret, Def: `""`, Doc: "write ${NAME} or ${file:PATH}, which is re-read"},
		{Path: "registry.token", Form: keys.FormSecret, Def: `""`, Doc: "of bearer authentication, in the place of user and password"},
		{Path: "registry.tls", Form: keys.FormMap, Doc: "of a URL with https"},
		{Path: "registry.tls.ca", Form: keys.FormText, Def: `""`, Doc: "file of the authority to trust; empty: the system's"},
		{Path: "registry.tls.cert", Form: keys.FormText, Def: `""`, Doc: "file of our own certificate (mutual TLS)"},
		{Path: "registry.tls.key", Form: keys.FormText, Def: `""`, Doc: "file of its key"},
		{Path: "registry.tls.server_name", Form: keys.FormText, Def: `""`, Doc: "the name to expect in the registry's certificate"},
		{Path: "registry.timeout", Form: keys.FormDuration, Def: "5s", Doc: "for each answer; partitions wait where none comes"},
		{Path: "registry.form", Form: keys.FormWord, Words: registry.Forms(), Def: registry.Confluent.String(), Doc: strings.Join(registry.Forms()[1:], " ")},
		{Path: "registry.id", Form: keys.FormWord, Words: []string{"global", "content"}, Def: `""`, Doc: "to Apicurio: global content; empty: as form has it"},
		{Path: "registry.subject", Form: keys.FormText, Def: `""`, Doc: "for check; empty: TOPIC-value"},
	}
}

// ReadRegistry takes the keys under registry.
func ReadRegistry(r *keys.Reader) Registry {
	g := Registry{
		URLs:     keys.Get[[]string](r, "registry.url"),
		User:     keys.Get[string](r, "registry.user"),
		Password: keys.Get[keys.Secret](r, "registry.password"),
		Token:    keys.Get[keys.Secret](r, "registry.token"),
		TLS:      readTLSFiles(r, "registry.tls"),
		Timeout:  keys.Get[time.Duration](r, "registry.timeout"),
		IDs:      registryIDs[keys.Get[string](r, "registry.id")],
		Subject:  keys.Get[string](r, "registry.subject"),
	}
	g.Form, _ = registry.ParseForm(keys.Get[string](r, "registry.form"))
	for _, u := range g.URLs {
		g.TLS.Enabled = g.TLS.Enabled || strings.HasPrefix(u, "https://")
	}
	return g
}

// Rules are about the part as a whole.
func (g Registry) Rules(r *keys.Reader) {
	for i, text := range g.URLs {
		u, err := url.Parse(text)
		switch at := r.ItemAt("registry.url", i); {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			r.Find("bad-value", at, "http://HOST:8081, or https://", "registry.url: %s is no URL of a registry", keys.Redact(text))
		case u.User != nil:
			r.Find("bad-value", at, "take it out, and write registry.user and registry.password", "registry.url: %s has a user in it", u.Redacted())
		}
	}
	switch {
	case !g.Token.Empty() && (g.User != "" || !g.Password.Empty()):
		r.Find("bad-value", r.KeyAt("registry.token"), "keep the token, or user and password", "registry has both a token and a user: one of them logs in")
	case g.User == "" && !g.Password.Empty():
		r.Missing("registry.password", "user: NAME", "registry.password is set, and registry.user is not")
	}
	if g.TLS.Enabled {
		g.TLS.Rules(r, "registry.tls")
		return
	}
	for _, name := range []string{"ca", "cert", "key", "server_name"} {
		if path := keys.Join("registry.tls", name); r.IsWritten(path) {
			r.Find("bad-value", r.KeyAt(path), "url: https://HOST, or leave it out", "%s is set, and registry.url does not begin with https://", path)
			return
		}
	}
}

// Framing is how a record's value names its schema.
func (g Registry) Framing() registry.Framing { return registry.Framing{Form: g.Form, IDs: g.IDs} }

// Open makes the registry's client. It connects to nothing.
func (g Registry) Open(p Pipeline) (*registry.Client, error) {
	var config *tls.Config
	if g.TLS.Enabled {
		var err error
		if config, err = g.TLS.config("registry.tls", p); err != nil {
			return nil, err
		}
	}
	return registry.NewClient(registry.Config{URLs: g.URLs, Credentials: g.credentials, TLS: config, Timeout: g.Timeout})
}

// credentials reveals the secrets anew for each request, so that they can rotate.
func (g Registry) credentials(context.Context) (registry.Credentials, error) {
	password, err1 := g.Password.Reveal()
	token, err2 := g.Token.Reveal()
	return registry.Credentials{User: g.User, Password: password, Token: token}, errors.Join(err1, err2)
}
