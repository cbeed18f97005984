package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/health"
	"github.com/fencepost/fencepost/internal/listen"
	"github.com/fencepost/fencepost/internal/sdnotify"
	"github.com/fencepost/fencepost/internal/webhook"
)

// spokesman says how a run is, to programs: over HTTP, and to the service manager that started it.
type spokesman struct {
	workers health.Process
	servers []*health.Server
	events  *eventFile // nil: none is written
	hooks   []*webhook.Hook
	manager *sdnotify.Manager // nil: none started it
	stop    func()            // ends what tells the manager
}

// speak opens the addresses that are asked for, and begins to answer, before anything is joined: an address that is taken ends the
// start.
func (a *app) speak(runs []*oneRun, flags runFlags) (s *spokesman, err error) {
	s = &spokesman{stop: func() {}, workers: workers(runs)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	hears := runs[0].hears
	if err := s.write(flags.events, a.stdout, runs); err != nil {
		return s, err
	}
	s.hook(runs)
	if flags.http != "" {
		if err := s.serveHTTP(flags, s.pages(runs), hears); err != nil {
			return s, err
		}
	}
	if flags.probes != "" {
		flag, address, err := probesAddress(flags.probes)
		if err != nil {
			return s, err
		}
		if err := s.serve(place{flag: flag, address: address}, s.workers.Probes(), hears); err != nil {
			return s, err
		}
	}
	if s.manager, err = sdnotify.Open(os.LookupEnv); err != nil {
		hears.Untold(err) // a worker runs as well without being watched
		return s, nil
	}
	s.notify(hears)
	return s, nil
}

// workers are what is said of the runs; they are told of their engines and of their ends.
func workers(runs []*oneRun) health.Process {
	cfgs := make([]health.Config, len(runs))
	for i, r := range runs {
		f := r.file
		cfgs[i] = health.Config{Group: f.Group, Who: r.who, Topics: f.Topic(), Into: f.About().Into, Promise: f.Promise().Words, Since: time.Now()}
	}
	all := health.New(cfgs...)
	for i, w := range all {
		runs[i].followers = append(runs[i].followers, follower{ended: w.Ended, runs: func(e *engine.Engine) {
			w.Runs(e)
			e.Subscribe(w.Event)
		}})
	}
	return all
}

// place is where a server listens, and which flag said so.
type place struct {
	flag, address string
	cert, key     string // files; empty: no TLS
}

func (s *spokesman) serve(at place, pages http.Handler, hears listener) error {
	flag, address := at.flag, at.address
	l, err := listen.Open("tcp", address)
	switch {
	case errors.Is(err, listen.ErrInUse):
		return &fencepost.UserError{Code: "port-in-use", Err: fmt.Errorf("%s %s: another program listens there; nothing was started", flag, address),
			Help: "stop it, or " + flag + " with another port; port 0 takes a free one"}
	case err != nil:
		return &fencepost.UserError{Code: "listen-refused", Err: fmt.Errorf("%s %s: %w; nothing was started", flag, address, err),
			Help: flag + " with a port above 1023, and an address of this machine"}
	}
	scheme := "http"
	if at.cert != "" {
		scheme = "https"
		encrypted, err := listen.TLS(l, at.cert, at.key)
		if err != nil {
			return errors.Join(usage("--http-tls CERT,KEY: two PEM files that this user can read, and that belong together", "--http-tls %s,%s: %s; nothing was started", at.cert, at.key, err), l.Close())
		}
		l = encrypted
	}
	s.servers = append(s.servers, health.Serve(l, pages))
	hears.Serves(strings.TrimPrefix(flag, "--"), scheme+"://"+l.Addr().String())
	return nil
}

// probesAddress is where --probes listens: without a host, every address of this machine.
func probesAddress(value string) (flag, address string, err error) {
	flag, address = "--probes", hostPort(value, "")
	if _, err = net.ResolveTCPAddr("tcp", address); err != nil {
		return flag, "", usage("--probes 9464, or --probes HOST:9464", "--probes %s: %s", value, err)
	}
	return flag, address, nil
}

// hostPort is an address of which the port alone may be written.
func hostPort(value, host string) string {
	if port := strings.TrimPrefix(value, ":"); !strings.Contains(port, ":") {
		return net.JoinHostPort(host, port)
	}
	return value
}

// notify begins to tell the service manager, if there is one.
func (s *spokesman) notify(hears listener) {
	if s.manager == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.stop = func() { cancel(); <-done }
	go func() {
		defer close(done)
		s.workers.Notify(ctx, health.Manager{Send: s.manager.Send, Watchdog: s.manager.Watchdog, Failed: hears.Untold})
	}()
}

// close ends what was begun: first what is asked for, then what is told.
func (s *spokesman) close() (err error) {
	for _, one := range s.servers {
		err = errors.Join(err, one.Close())
	}
	s.stop()
	for _, h := range s.hooks {
		h.Close()
	}
	if s.events != nil {
		err = errors.Join(err, s.events.close())
	}
	if s.manager != nil {
		err = errors.Join(err, s.manager.Close())
	}
	return err
}
