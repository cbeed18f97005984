package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/dash"
	"github.com/fencepost/fencepost/internal/listen"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

var uiManual = manual{
	what: "Show pipelines in the browser: what stands, what lags, what was lost, who moved it. Changes nothing. This machine alone can reach it.",
	examples: []example{
		{"fencepost ui trips.yaml", "at http://127.0.0.1:9465"},
		{"fencepost ui trips.yaml clicks.yaml", "both, and what differs"},
		{"fencepost ui trips.yaml --listen 127.0.0.1:0", "any free port"},
	},
	usage: "fencepost ui FILE... [flags]",
	exit:  "0 stopped   1 error   2 usage",
	see:   "offsets show, moves, dead-letters",
}

// uiAddress is where the dashboard listens, unless --listen says otherwise.
const uiAddress = "127.0.0.1:9465"

func (a *app) uiVerb() *cobra.Command {
	var address string
	var cfg dash.Config
	cmd := &cobra.Command{Use: "ui", ValidArgsFunction: completeFiles,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.lacking(cmd)
			}
			return filesAlone(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := uiListens(address)
			if err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context(), func() {})
			defer stop()
			version, _ := build()
			cfg.Version, cfg.Timeout = version, a.timeout
			return a.shows(ctx, args, cfg, func(cfg dash.Config) error { return a.serveUI(ctx, at, dash.New(cfg)) })
		}}
	cmd.Flags().StringVar(&address, "listen", uiAddress, "HOST:PORT  where; HOST in 127.0.0.0/8, port 0 takes a free one. Default: "+uiAddress)
	cmd.Flags().BoolVar(&cfg.NoRecords, "no-records", false, "show no record, key or header")
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

// uiListens checks --listen.
func uiListens(address string) (string, error) {
	at, err := listen.Address(address)
	switch {
	case errors.Is(err, listen.ErrNotLoopback):
		return "", &fencepost.UserError{Code: "not-loopback", Help: "--listen " + uiAddress + "; from elsewhere: ssh -L 9465:" + uiAddress + " HOST",
			Err: fmt.Errorf("--listen %s would show names, positions and records to whoever reaches it, since there are no users yet", address)}
	case err != nil:
		return "", usage("--listen "+uiAddress, "--listen %s: %s", address, err)
	}
	return at, nil
}

// shows opens the files one behind the other, and hands what they lead to to do.
func (a *app) shows(ctx context.Context, files []string, cfg dash.Config, do func(dash.Config) error) error {
	return a.watched(ctx, files, func(all []shownPipeline) error {
		for _, one := range all {
			cfg.Pipelines = append(cfg.Pipelines, one.Pipeline)
		}
		return do(cfg)
	})
}

// shownPipeline is a pipeline that is shown, with its file.
type shownPipeline struct {
	dash.Pipeline
	file *pipeline.File
}

// watched opens the files one behind the other, and hands the pipelines to do.
func (a *app) watched(ctx context.Context, files []string, do func([]shownPipeline) error, opened ...shownPipeline) error {
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
		one := shownPipeline{file: t.File, Pipeline: dash.Pipeline{File: files[0], Topics: t.File.Topic(), Into: t.File.About().Into,
			Promise: view.Promise{Words: promise.Words, Because: promise.Because}, Resources: t.Resources, Pointed: t.Pointed}}
		return a.watched(ctx, files[1:], do, append(opened, one)...)
	})
}

// serveUI serves the pages until a signal.
func (a *app) serveUI(ctx context.Context, address string, pages *dash.Dashboard) error {
	l, err := listen.Open("tcp", address)
	switch {
	case errors.Is(err, listen.ErrInUse):
		return &fencepost.UserError{Code: "port-in-use", Err: fmt.Errorf("--listen %s: another program listens there; nothing was started", address),
			Help: "stop it, or --listen with another port; port 0 takes a free one"}
	case err != nil:
		return &fencepost.UserError{Code: "listen-refused", Err: fmt.Errorf("--listen %s: %w; nothing was started", address, err),
			Help: "--listen with a port above 1023, and an address of this machine"}
	}
	looking := make(chan struct{})
	watch, stop := context.WithCancel(ctx)
	go func() {
		defer close(looking)
		pages.Run(watch)
	}()
	// No ReadTimeout: it would end a stream, behind which the server goes on reading to see whether the page is closed.
	server := &http.Server{Handler: pages, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return watch }}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	a.say("ui", "http://"+l.Addr().String()+"/")
	a.say("ready", "Ctrl-C ends it; nothing is changed")
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
