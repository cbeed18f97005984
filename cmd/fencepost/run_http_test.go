package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
)

// TestHTTPPlace: another address than this machine's needs TLS and a token, both.
func TestHTTPPlace(t *testing.T) {
	for _, c := range []struct {
		http, tls, tokens string
		want, code        string
	}{
		{"9464", "", "", "127.0.0.1:9464", ""},
		{":9464", "", "", "127.0.0.1:9464", ""},
		{"localhost:9464", "c,k", "", "127.0.0.1:9464", ""},
		{"127.0.0.1:9464", "", "f", "127.0.0.1:9464", ""},
		{"0.0.0.0:9464", "c,k", "f", "0.0.0.0:9464", ""},
		{"[::]:9464", "c,k", "f", "[::]:9464", ""},
		{"0.0.0.0:9464", "", "", "", "not-loopback"},
		{"0.0.0.0:9464", "c,k", "", "", "not-loopback"},
		{"0.0.0.0:9464", "", "f", "", "not-loopback"},
		{"[::]:9464", "", "f", "", "not-loopback"},
		{"192.0.2.1:9464", "", "", "", "not-loopback"},
		{"0.0.0.0:9464", "c", "f", "", "usage"},
		{"0.0.0.0:9464", "c,", "f", "", "usage"},
		{"9464", ",k", "", "", "usage"},
		{"x", "c,k", "f", "", "usage"},
	} {
		at, err := httpPlace(runFlags{http: c.http, tls: c.tls, tokens: c.tokens})
		code := ""
		if fault, ok := errors.AsType[*fencepost.UserError](err); ok {
			code = fault.Code
		}
		if code != c.code || err == nil && at.address != c.want {
			t.Errorf("--http %s --http-tls %q --http-token-file %q: got %s, %v, want %s, %s", c.http, c.tls, c.tokens, at.address, err, c.want, c.code)
		}
		if code == "not-loopback" && (!strings.Contains(err.(*fencepost.UserError).Help, "--http-tls CERT,KEY --http-token-file FILE")) {
			t.Errorf("--http %s: the remedy is %q", c.http, err.(*fencepost.UserError).Help)
		}
	}
}

// served remembers where a server is.
type served struct {
	listener
	url string
}

func (s *served) Serves(_, url string) { s.url = url }

// certified makes a pair of files from the certificate that httptest has.
func certified(t *testing.T) string {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	c := s.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert + "," + key
}

// TestHTTPAnswersWhoMayAsk: without a token this machine alone, whatever a browser says; with one only who has it, by TLS.
func TestHTTPAnswersWhoMayAsk(t *testing.T) {
	const token = "0123456789abcdef-secret"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pages := http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(http.StatusTeapot) })
	for _, c := range []struct {
		flags       runFlags
		host, token string
		want        int
	}{
		{runFlags{http: "127.0.0.1:0"}, "", "", http.StatusTeapot},
		{runFlags{http: "127.0.0.1:0"}, "evil.example", "", http.StatusForbidden},
		{runFlags{http: "127.0.0.1:0", tokens: file}, "", "", http.StatusUnauthorized},
		{runFlags{http: "127.0.0.1:0", tokens: file}, "", token, http.StatusTeapot},
		{runFlags{http: "127.0.0.1:0", tokens: file, tls: certified(t)}, "worker.example", token, http.StatusTeapot},
		{runFlags{http: "127.0.0.1:0", tokens: file, tls: certified(t)}, "", token + "x", http.StatusUnauthorized},
	} {
		s, hears := &spokesman{stop: func() {}}, &served{}
		if err := s.serveHTTP(c.flags, pages, hears); err != nil {
			t.Fatal(err)
		}
		if https := strings.HasPrefix(hears.url, "https://127.0.0.1:"); https != (c.flags.tls != "") {
			t.Errorf("%+v: it listens at %s", c.flags, hears.url)
		}
		in, err := http.NewRequestWithContext(t.Context(), http.MethodGet, hears.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		in.Host = c.host
		if c.token != "" {
			in.Header.Set("Authorization", "Bearer "+c.token)
		}
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		out, err := client.Do(in)
		if err != nil {
			t.Fatal(err)
		}
		out.Body.Close()
		if out.StatusCode != c.want {
			t.Errorf("%+v, host %q, token %q: %d, want %d", c.flags, c.host, c.token, out.StatusCode, c.want)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}

// TestHTTPFilesThatAreNone: a start ends before anything is joined, frees the address, and says nothing of what is in the files.
func TestHTTPFilesThatAreNone(t *testing.T) {
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	for _, flags := range []runFlags{{http: address, tokens: short}, {http: address, tokens: short + "er"}, {http: address, tls: short + "," + short}} {
		s := &spokesman{stop: func() {}}
		err := s.serveHTTP(flags, http.NotFoundHandler(), &served{})
		fault, ok := errors.AsType[*fencepost.UserError](err)
		if !ok || fault.Code != "usage" || fault.Help == "" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", flags, err)
		}
		if again, err := net.Listen("tcp", address); err != nil {
			t.Errorf("%+v: the address is not free: %v", flags, err)
		} else {
			again.Close()
		}
	}
}
