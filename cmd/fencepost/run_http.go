package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/listen"
)

// serveHTTP begins to answer --http: to this machine alone, or by TLS to who has a token.
func (s *spokesman) serveHTTP(flags runFlags, pages http.Handler, hears listener) error {
	at, err := httpPlace(flags)
	if err != nil {
		return err
	}
	if flags.tokens == "" {
		return s.serve(at, listen.FromHere(pages), hears)
	}
	tokens, err := listen.OpenTokens(flags.tokens)
	if err != nil {
		return usage("head -c 32 /dev/urandom | base64 > FILE", "--http-token-file: %s; nothing was started", err)
	}
	return s.serve(at, tokens.Asked(pages), hears)
}

// httpPlace is where --http listens. Without TLS and a token that is this machine alone.
func httpPlace(flags runFlags) (at place, err error) {
	at.flag = "--http"
	if flags.tls != "" {
		var two bool
		if at.cert, at.key, two = strings.Cut(flags.tls, ","); !two || at.cert == "" || at.key == "" {
			return at, usage("--http-tls cert.pem,key.pem", "--http-tls %s: not two files", flags.tls)
		}
	}
	value := hostPort(flags.http, "127.0.0.1")
	at.address, err = listen.Address(value)
	switch {
	case err == nil:
		return at, nil
	case !errors.Is(err, listen.ErrNotLoopback):
		return at, usage("--http 9464, or --http 127.0.0.1:9464", "--http %s: %s", flags.http, err)
	case flags.tls == "" || flags.tokens == "":
		return at, &fencepost.UserError{Code: "not-loopback", Err: fmt.Errorf("--http %s would show names and positions to whoever reaches it: it needs TLS and a token", flags.http),
			Help: "--http " + flags.http + " --http-tls CERT,KEY --http-token-file FILE; or --http 9464 for this machine alone; for probes, without data: --probes 9464"}
	}
	if _, err := net.ResolveTCPAddr("tcp", value); err != nil {
		return at, usage("--http 0.0.0.0:9464", "--http %s: %s", flags.http, err)
	}
	at.address = value
	return at, nil
}
