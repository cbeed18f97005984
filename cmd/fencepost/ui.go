package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/dash"
	"github.com/fencepost/fencepost/internal/listen"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
)

var uiManual = manual{
	what: "Show pipelines in the browser: what stands, what lags, what was lost, who moved it. Changes nothing, unless it is allowed to. This machine alone can reach it, unless it has TLS and a token.",
	examples: []example{
		{"fencepost ui trips.yaml", "at http://127.0.0.1:9465"},
		{"fencepost ui trips.yaml clicks.yaml", "both, and what differs"},
		{"fencepost ui trips.yaml --allow-changes", "who opens the printed address may act"},
		{"fencepost ui trips.yaml --listen :9465 --tls c.pem,k.pem --token-file tokens", ""},
	},
	usage: "fencepost ui FILE... [flags]",
	exit:  "0 stopped   1 error   2 usage",
	see:   "offsets show, moves, dead-letters",
}

// uiAddress is where the dashboard listens, unless --listen says otherwise.
const uiAddress = "127.0.0.1:9465"

func (a *app) uiVerb() *cobra.Command {
	var flags uiFlags
	var cfg dash.Config
	cmd := &cobra.Command{Use: "ui", ValidArgsFunction: completeFiles,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.lacking(cmd)
			}
			return filesAlone(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := flags.place()
			if err != nil {
				return err
			}
			if err := flags.access(&cfg, &at); err != nil {
				return err
			}
			cfg.Says = func(who, what string) { a.say("change", screen.Printable(who+"  "+what)) }
			ctx, stop := interruptible(cmd.Context(), func() {})
			defer stop()
			version, _ := build()
			cfg.Version, cfg.Timeout = version, a.timeout
			return a.shows(ctx, args, cfg, func(cfg dash.Config) error { return a.serveUI(ctx, at, dash.New(cfg)) })
		}}
	fs := cmd.Flags()
	fs.StringVar(&flags.address, "listen", uiAddress, "HOST:PORT  where; port 0 takes a free one. A HOST beyond 127.0.0.0/8 needs --tls and --token-file. Default: "+uiAddress)
	fs.StringVar(&flags.tls, "tls", "", "CERT,KEY  answer by TLS with these PEM files, which are read again once they change")
	fs.StringVar(&flags.tokens, "token-file", "", "FILE  answer only to who signs in with a line of FILE, or sends it as Bearer token")
	fs.BoolVar(&flags.changes, "allow-changes", false, "who has signed in may move positions, repair, replay and discard; recorded as NAME@ui")
	fs.BoolVar(&cfg.NoRecords, "no-records", false, "show no record, key or header")
	return cmd
}

// filesAlone refuses URLs, where pipelines are shown.
func filesAlone(cmd *cobra.Command, args []string) error {
	for _, arg := range args {
		if target.IsURL(arg) {
			return usage("name pipeline files; fencepost offsets show takes URLs", "%s takes pipeline files, and %s is a URL", cmd.CommandPath(), text.Shell(arg))
		}
	}
	return nil
}

// uiFlags say where the dashboard listens, and who may do what there.
type uiFlags struct {
	address, tls, tokens string
	changes              bool
}

// uiPlace is where a dashboard listens.
type uiPlace struct {
	address, cert, key string
	signIn             string // the token that is printed; empty: none is
}

// access says who may sign in. Without a file of tokens, and with changes, it is who can read what is printed.
func (f uiFlags) access(cfg *dash.Config, at *uiPlace) (err error) {
	cfg.Changes = f.changes
	switch {
	case f.tokens != "":
		cfg.Private = true
		if cfg.Tokens, err = listen.OpenTokens(f.tokens); err != nil {
			return usage("head -c 32 /dev/urandom | base64 > FILE", "--token-file: %s; nothing was started", err)
		}
	case f.changes:
		cfg.Tokens, at.signIn = listen.NewToken()
	}
	return nil
}

// place checks --listen and --tls.
func (f uiFlags) place() (at uiPlace, err error) {
	if f.tls != "" {
		var two bool
		if at.cert, at.key, two = strings.Cut(f.tls, ","); !two || at.cert == "" || at.key == "" {
			return at, usage("--tls cert.pem,key.pem", "--tls %s: not two files", f.tls)
		}
	}
	at.address, err = listen.Address(f.address)
	switch {
	case err == nil:
		return at, nil
	case !errors.Is(err, listen.ErrNotLoopback):
		return at, usage("--listen "+uiAddress, "--listen %s: %s", f.address, err)
	case f.tls == "" || f.tokens == "":
		return at, &fencepost.UserError{Code: "not-loopback", Help: "--listen " + f.address + " --tls CERT,KEY --token-file FILE; or --listen " + uiAddress + ", and from elsewhere: ssh -L 9465:" + uiAddress + " HOST",
			Err: fmt.Errorf("--listen %s would show names, positions and records to whoever reaches it: it needs TLS and a token", f.address)}
	}
	if _, err := net.ResolveTCPAddr("tcp", f.address); err != nil {
		return at, usage("--listen 0.0.0.0:9465", "--listen %s: %s", f.address, err)
	}
	at.address = f.address
	return at, nil
}

// shows opens the files one behind the other, and hands what they lead to to do.
func (a *app) shows(ctx context.Context, files []string, cfg dash.Config, do func(dash.Config) error) error {
	return a.watched(ctx, files, func(all []watch.Pipeline) error {
		cfg.Pipelines = all
		return do(cfg)
	})
}

// watched opens the files one behind the other, and hands the pipelines to do.
func (a *app) watched(ctx context.Context, files []string, do func([]watch.Pipeline) error, opened ...watch.Pipeline) error {
	if len(files) == 0 {
		return do(opened)
	}
	return target.Use(ctx, files[0], a.targets(target.Stored, targetFlags{}), func(ctx context.Context, t *target.Target) error {
		for _, other := range opened {
			if other.Resources.Group == t.Group {
				return usage("name each group once", "%s and %s are both of group %s", other.File, files[0], t.Group)
			}
		}
		promise := t.File.Promise()
		return a.watched(ctx, files[1:], do, append(opened, watch.Pipeline{File: files[0], Topics: t.File.Topic(), Into: t.File.About().Into,
			Promise: view.Promise{Words: promise.Words, Because: promise.Because}, Resources: t.Resources, Pointed: t.Pointed,
			Remedy: t.Remedy, Repeat: func(n text.Amount) string { return sinkText(n, t.File) }, AuditOptions: t.AuditOptions})...)
	})
}

// serveUI serves the pages until a signal.
func (a *app) serveUI(ctx context.Context, at uiPlace, pages *dash.Dashboard) error {
	l, err := listen.Open("tcp", at.address)
	switch {
	case errors.Is(err, listen.ErrInUse):
		return &fencepost.UserError{Code: "port-in-use", Err: fmt.Errorf("--listen %s: another program listens there; nothing was started", at.address),
			Help: "stop it, or --listen with another port; port 0 takes a free one"}
	case err != nil:
		return &fencepost.UserError{Code: "listen-refused", Err: fmt.Errorf("--listen %s: %w; nothing was started", at.address, err),
			Help: "--listen with a port above 1023, and an address of this machine"}
	}
	scheme := "http://"
	if at.cert != "" {
		scheme = "https://"
		encrypted, err := listen.TLS(l, at.cert, at.key)
		if err != nil {
			return errors.Join(usage("--tls CERT,KEY: two PEM files that this user can read, and that belong together", "--tls %s,%s: %s; nothing was started", at.cert, at.key, err), l.Close())
		}
		l = encrypted
	}
	looking := make(chan struct{})
	shown, stop := context.WithCancel(ctx)
	go func() {
		defer close(looking)
		pages.Run(shown)
	}()
	// No ReadTimeout: it would end a stream, behind which the server goes on reading to see whether the page is closed.
	server := &http.Server{Handler: pages, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return shown }}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	a.say("ui", scheme+l.Addr().String()+"/")
	ends := "Ctrl-C ends it; nothing is changed"
	if pages.Changes() {
		ends = "Ctrl-C ends it; who signs in may change positions and dead letters"
	}
	if at.signIn != "" { // behind a #, so that it is in no request and no log of one
		fmt.Fprintf(a.stderr, "%-10s%s\n", "sign in", scheme+l.Addr().String()+"/sign-in#"+at.signIn) // also with -q: nobody could sign in without it
	}
	a.say("ready", ends)
	select {
	case <-ctx.Done():
		err = nil
	case err = <-served:
		served <- http.ErrServerClosed
	}
	stop() // streams end by it
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if closing := server.Shutdown(last); errors.Is(closing, context.DeadlineExceeded) {
		_ = server.Close()
	}
	<-served
	<-looking
	return err
}
