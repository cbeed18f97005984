package target

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/codes"
)

type exit int

func (exit) Error() string   { return "exit" }
func (e exit) ExitCode() int { return int(e) }

// An error of a verb names what was typed: a URL in quotes, its flag for brokers, and no run of it, since only files run. An
// error that is only an exit code is left as it is.
func TestPointed(t *testing.T) {
	at := &Target{Operand: "sqlite:x.db?group=g"}
	for help, want := range map[string]string{
		"fencepost offsets repair FILE":             "fencepost offsets repair 'sqlite:x.db?group=g'",
		"start it, or mend source.brokers":          "start it, or mend --brokers",
		"mend where it is; or fencepost run FILE":   "mend where it is; or the first run of its pipeline",
		"take it over: fencepost offsets copy FILE": "take it over: fencepost offsets copy 'sqlite:x.db?group=g'",
	} {
		err := at.Pointed(&fencepost.UserError{Code: "x", Err: errors.New("y"), Help: help})
		if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Help != want {
			t.Errorf("%s: got %+v, want %s", help, err, want)
		}
	}
	err := at.Pointed(&fencepost.UserError{Code: "topic-not-found", Err: errors.New("y"), Facts: map[string]string{"near": "trips"}})
	if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Help != "trips exists: mend source.topics, or create it" {
		t.Errorf("a remedy by code and facts: got %+v", err)
	}
	if err := at.Pointed(exit(3)); err != exit(3) {
		t.Errorf("an exit code: got %v, want it as it was", err)
	}
	if err := at.Pointed(nil); err != nil {
		t.Errorf("no error: got %v", err)
	}
}

// Whatever a verb needs and does not get, what was opened is closed, and the verb is not called.
func TestUseCloses(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "x.db") + "?group=g"
	o := Options{Env: environment(), Timeout: time.Second}
	called := false
	verb := func(context.Context, *Target) error { called = true; return nil }
	for what, c := range map[string]struct {
		operand string
		change  func(*Options)
	}{
		"no brokers":             {url, func(*Options) {}},
		"a meaning of a ledger":  {url, func(o *Options) { o.Access, o.Meaning = Stored, "next" }},
		"no word of a meaning":   {"file:x.json", func(o *Options) { o.Access, o.Meaning = Stored, "nxt" }},
		"another meaning":        {"file:x.json", func(o *Options) { o.Access, o.Meaning = Stored, "batch-start" }},
		"brokers that are none":  {url, func(o *Options) { o.Brokers = "postgres://x/y" }},
		"an operand that is bad": {"sqlite:?group=g", func(o *Options) { o.Access = Stored }},
	} {
		with := o
		c.change(&with)
		err := Use(t.Context(), c.operand, with, verb)
		if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Code != "usage" || codes.Exit(f) != 2 || called {
			t.Errorf("%s: got %v, called %t; want a usage error, and the verb not called", what, err, called)
		}
	}
	closed := 0
	count := func(context.Context) error { closed++; return nil }
	for what, do := range map[string]func(*Target) error{
		"the verb fails":    func(*Target) error { return errors.New("no") },
		"the verb is done":  func(*Target) error { return nil },
		"it was not opened": nil,
		"only an exit code": func(*Target) error { return exit(3) },
	} {
		closed = 0
		at := &Target{Operand: url, close: []func(context.Context) error{count, count}}
		var opening error
		if do == nil {
			opening = errors.New("half open")
		}
		_ = at.use(t.Context(), Options{Access: Stored, Timeout: time.Second}, opening, func(_ context.Context, at *Target) error { return do(at) })
		if closed != 2 {
			t.Errorf("%s: %d of 2 were closed", what, closed)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	alive := func(ctx context.Context) error { return ctx.Err() }
	at := &Target{close: []func(context.Context) error{alive}}
	if err := at.Close(gone, time.Minute); err != nil {
		t.Errorf("closing after the caller has ended: %v", err)
	}
}

// Where --brokers is HOST:PORT, no URL can take the TLS and the login that they want.
func TestARemedyForBrokersOfTheFlag(t *testing.T) {
	fault := &fencepost.UserError{Code: "tls-mismatch", Facts: map[string]string{"field": "TLS.Enabled", "want": "true"}, Err: errors.New("it speaks TLS")}
	for flag, want := range map[string]string{"h:9094": "--brokers FILE.yaml", "kafka://h:9094": "add tls=true to the URL"} {
		l := &Target{Operand: "sqlite:x.db?group=g"}
		if _, err := l.brokersOf(flag, environment()); err != nil {
			t.Fatal(err)
		}
		if got := codes.Named(l.Pointed(fault)).Help; !strings.HasPrefix(got, want) {
			t.Errorf("--brokers %s: got the help %q, want %q", flag, got, want)
		}
	}
}
