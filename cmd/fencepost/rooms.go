package main

import (
	"context"
	"errors"
	"os"
	"os/user"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/pipeline"
)

// withRooms opens a pipeline file for an operator's verb, hands its rooms to do, and closes them. Errors of do name the
// file's lines.
func (a *app) withRooms(parent context.Context, name string, do func(context.Context, *pipeline.File, admin.Rooms) error) error {
	f, err := pipeline.Load(name, a.env)
	if err != nil {
		return err
	}
	return a.withFile(parent, f, do)
}

// withFile is withRooms for a file that was read already.
func (a *app) withFile(parent context.Context, f *pipeline.File, do func(context.Context, *pipeline.File, admin.Rooms) error) (err error) {
	o, err := pipeline.Open(parent, f, pipeline.Hooks{})
	if err != nil {
		return err
	}
	defer func() {
		leaving, cancel := context.WithTimeout(context.WithoutCancel(parent), a.timeout)
		defer cancel()
		if closing := errors.Join(o.Source.Leave(leaving), o.Close()); err == nil {
			err = closing
		}
	}()
	rooms, err := o.Rooms()
	if err != nil {
		return err
	}
	rooms.Who = operator()
	ctx, cancel := context.WithTimeout(parent, a.timeout)
	defer cancel()
	if err := o.Source.Ping(ctx); err != nil {
		return f.Pointed(err)
	}
	err = do(parent, f, rooms)
	var code exited
	if errors.As(err, &code) {
		return err
	}
	return f.Pointed(err)
}

// operator is who moves positions: $FENCEPOST_WHO, or user@host.
func operator() string {
	if who := os.Getenv("FENCEPOST_WHO"); who != "" {
		return who
	}
	name := os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return name + "@" + host
}
