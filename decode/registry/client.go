package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// Config is how a registry is reached.
type Config struct {
	// URLs are those of one registry's servers: http://host:8081, and of Apicurio http://host:8080/apis/ccompat/v7. They are tried in this order until
	// one answers. REQUIRES: at least one, each with http:// or https://.
	URLs []string
	// Credentials are asked for anew before each request, so that they can rotate. nil: none are sent.
	Credentials func(context.Context) (Credentials, error)
	TLS         *tls.Config   // of https; nil: the system's authorities, no certificate of our own
	Timeout     time.Duration // of one request; zero: 5 s
	// Transport carries the requests. nil: one of the Client's own, which keeps connections. It is for tests; TLS is its own matter.
	Transport http.RoundTripper
}

// Credentials log in: Token as a bearer where it is set, else User and Password where User is set.
type Credentials struct{ User, Password, Token string }

// Client asks a schema registry. It keeps what it was answered: an id never gets another schema. It is safe for concurrent use, and
// connects to nothing before the first question. A request for a schema has a goroutine of its own until it is answered, or until Close.
type Client struct {
	servers []server
	timeout time.Duration
	cache   *cache
	idle    func()
}

// server is one URL of a registry.
type server struct {
	url string     // without a password
	api *sr.Client // Confluent's API
	own *sr.Client // Apicurio's own, for its globalIds and contentIds
}

// defaultTimeout is how long a registry may take to answer.
const defaultTimeout = 5 * time.Second

// largestAnswer is how many bytes an answer may have. Confluent's registry takes schemas of at most 10 MB.
const largestAnswer = 16 << 20

// NewClient makes a Client. It connects to nothing.
func NewClient(c Config) (*Client, error) {
	if len(c.URLs) == 0 {
		return nil, errors.New("no URL of a schema registry")
	}
	transport := c.Transport
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone() // law of net/http: it is one
		own.TLSClientConfig = c.TLS
		transport = own
	}
	cl := &Client{timeout: c.Timeout, idle: (&http.Client{Transport: transport}).CloseIdleConnections}
	if cl.timeout == 0 {
		cl.timeout = defaultTimeout
	}
	for _, text := range c.URLs {
		s, err := newServer(text, c.Credentials, transport)
		if err != nil {
			return nil, err
		}
		cl.servers = append(cl.servers, s)
	}
	cl.cache = newCache(cl.fetch)
	return cl, nil
}

func newServer(text string, credentials func(context.Context) (Credentials, error), transport http.RoundTripper) (server, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return server{}, fmt.Errorf("%q is no URL of a schema registry, as http://host:8081 is", redacted(text))
	}
	if u.User != nil {
		return server{}, fmt.Errorf("%s has a user in it: the registry's user and password stand beside the URL", u.Redacted())
	}
	u.RawQuery, u.Fragment = "", ""
	own := *u
	base, _, _ := strings.Cut(own.Path, "/apis/")
	own.Path, own.RawPath = strings.TrimSuffix(base, "/")+"/apis/registry/v2", ""
	options := []sr.ClientOpt{sr.HTTPClient(&http.Client{Transport: bounded{transport}}), sr.UserAgent("fencepost"), sr.PreReq(func(r *http.Request) error {
		return logIn(r, credentials)
	})}
	s := server{url: u.String()}
	if s.api, err = sr.NewClient(append(options, sr.URLs(s.url))...); err != nil {
		return server{}, err
	}
	s.own, err = sr.NewClient(append(options, sr.URLs(own.String()))...)
	return s, err
}

// redacted is a text that is no URL without what may be a password in it.
func redacted(text string) string {
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		return "***" + text[at:]
	}
	return text
}

// logIn puts the credentials into a request. Apicurio answers 406 to questions of its own API that ask for Confluent's form.
func logIn(r *http.Request, credentials func(context.Context) (Credentials, error)) error {
	r.Header.Set("Accept", "application/vnd.schemaregistry.v1+json, application/json, */*")
	if credentials == nil {
		return nil
	}
	c, err := credentials(r.Context())
	switch {
	case err != nil:
		return &credentialsError{err}
	case c.Token != "":
		r.Header.Set("Authorization", "Bearer "+c.Token)
	case c.User != "":
		r.SetBasicAuth(c.User, c.Password)
	}
	return nil
}

// credentialsError says that the credentials could not be read.
type credentialsError struct{ error }

// Unwrap is the cause.
func (e *credentialsError) Unwrap() error { return e.error }

// bounded ends answers that are larger than a registry's can be.
type bounded struct{ http.RoundTripper }

// RoundTrip carries one request.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, largestAnswer)
	}
	return answer, err
}

// Close ends the requests that run, and closes the connections.
func (c *Client) Close() {
	c.cache.close()
	c.idle()
}

// URL is where the registry is, for people.
func (c *Client) URL() string { return c.servers[0].url }

// Schema is [Schemas].Schema.
func (c *Client) Schema(ctx context.Context, id ID) (*Schema, error) { return c.cache.schema(ctx, id) }

// fetch asks for the schema of an id.
func (c *Client) fetch(ctx context.Context, id ID) (*Schema, error) {
	var schema *Schema
	err := c.ask(ctx, func(ctx context.Context, s server) (err error) {
		schema, err = newResolver(s).byID(ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	schema.ID = id
	return schema, nil
}

// ask puts a question to the registry's servers, one after the other until one answers it. An error is one of this package's: a server's
// "unknown" is an answer.
func (c *Client) ask(ctx context.Context, question func(context.Context, server) error) error {
	var silent error
	for _, s := range c.servers {
		limited, cancel := context.WithTimeout(ctx, c.timeout)
		err := question(limited, s)
		cancel()
		if err == nil {
			return nil
		}
		err = s.fault(err)
		if a, ok := errors.AsType[*answer](err); ok && !a.silent() || ctx.Err() != nil {
			return err
		}
		silent = err
	}
	return silent
}
