package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// posts are what the receivers of scripts got, by their script.
var posts sync.Map

// posted are the POSTs to one receiver.
type posted struct {
	sync.Mutex
	bodies []string
	bad    []error
}

// receiver starts a receiver of webhooks that refuses the first POST, and sets $HOOK to its URL: receiver SECRET.
func receiver(ts *testscript.TestScript, _ bool, args []string) {
	peer, err := standardwebhooks.NewWebhook(args[0])
	ts.Check(err)
	got := &posted{}
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body)
		got.Lock()
		defer got.Unlock()
		if err == nil {
			err = peer.Verify(body, in.Header)
		}
		if err != nil {
			got.bad = append(got.bad, err)
		}
		if got.bodies = append(got.bodies, string(body)); len(got.bodies) == 1 {
			out.WriteHeader(http.StatusBadGateway)
		}
	}))
	ts.Defer(s.Close)
	posts.Store(ts.Name(), got)
	ts.Setenv("HOOK", s.URL)
}

// received waits for a signed POST that matches: received PATTERN.
func received(ts *testscript.TestScript, _ bool, args []string) {
	all, _ := posts.Load(ts.Name())
	got, pattern := all.(*posted), regexp.MustCompile(args[0])
	until(ts, fmt.Sprint(args), func() bool {
		got.Lock()
		defer got.Unlock()
		if len(got.bad) > 0 {
			ts.Fatalf("a POST is not signed as the standard has it: %v", got.bad)
		}
		return pattern.MatchString(strings.Join(got.bodies, "\n"))
	})
}
