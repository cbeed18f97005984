package main

import (
	"context"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/ledgers"
	"github.com/fencepost/fencepost/internal/pipeline"
)

// withRooms opens a pipeline file or URL for an operator's verb, hands its rooms to do, and closes them. Errors of do
// name the file's lines.
func (a *app) withRooms(parent context.Context, arg string, flags urlFlags, do func(context.Context, *place, admin.Rooms) error) error {
	p, err := a.openPlace(parent, arg)
	return a.within(parent, p, err, flags, do)
}

// within is withRooms for a place that was opened already, as far as it could be.
func (a *app) within(parent context.Context, p *place, opening error, flags urlFlags, do func(context.Context, *place, admin.Rooms) error) (err error) {
	defer func() {
		if closing := p.shut(parent, a); err == nil {
			err = closing
		}
	}()
	if opening != nil {
		return opening
	}
	if err := p.mean(flags.meaning); err != nil {
		return err
	}
	if p.file != nil {
		if err := p.file.Missing(); err != nil {
			return err
		}
	}
	brokers, err := a.brokersOf(p, flags.brokers)
	if err != nil {
		return err
	}
	if p.url != nil {
		topics, err := admin.Topics(parent, p.rooms)
		if err != nil {
			return p.pointed(err)
		}
		if err := p.attach(brokers, topics); err != nil {
			return err
		}
	}
	if err := a.ping(parent, p); err != nil {
		return err
	}
	p.rooms.Patience = a.patience()
	return p.pointed(do(parent, p, p.rooms))
}

// withFile is withRooms for a pipeline file that was read already.
func (a *app) withFile(parent context.Context, f *pipeline.File, do func(context.Context, admin.Rooms) error) error {
	p := &place{arg: f.Name}
	return a.within(parent, p, p.openFile(parent, f), urlFlags{}, func(ctx context.Context, _ *place, r admin.Rooms) error { return do(ctx, r) })
}

// withLedger is withRooms for verbs that move positions or read their history: a layout of another program has neither.
func (a *app) withLedger(parent context.Context, arg string, flags urlFlags, do func(context.Context, *place, admin.Rooms) error) error {
	return a.withRooms(parent, arg, flags, func(ctx context.Context, p *place, r admin.Rooms) error {
		if r.Layout != nil {
			return usage("fencepost offsets copy FILE PIPELINE.yaml takes them over first", "%s is another program's: it is looked at and copied, and never changed", p.url)
		}
		return do(ctx, p, r)
	})
}

// withoutBrokers opens a pipeline file or URL for a verb that asks no broker.
func (a *app) withoutBrokers(parent context.Context, arg, meaning string, do func(context.Context, *place) error) (err error) {
	p, err := a.openPlace(parent, arg)
	defer func() {
		if closing := p.shut(parent, a); err == nil {
			err = closing
		}
	}()
	if err != nil {
		return err
	}
	if err := p.mean(meaning); err != nil {
		return err
	}
	if p.file != nil {
		if err := p.file.Missing(); err != nil {
			return err
		}
	}
	return p.pointed(do(parent, p))
}

// patience is how long a lost answer of a ledger is asked for again.
func (a *app) patience() time.Duration { return 3 * a.timeout }

// ping asks whether the brokers answer.
func (a *app) ping(parent context.Context, p *place) error {
	ctx, cancel := context.WithTimeout(parent, a.timeout)
	defer cancel()
	return p.pointed(p.source.Ping(ctx))
}

// oneLedger is the argument of the verbs that take a pipeline file or a URL.
func (a *app) oneLedger(cmd *cobra.Command, args []string) error { return a.ledgerArgs(cmd, args, 1) }

// ledgerArgs wants so many of them.
func (a *app) ledgerArgs(cmd *cobra.Command, args []string, n int) error {
	switch {
	case len(args) == n:
		return nil
	case len(args) < n:
		return a.lacking(cmd)
	}
	help := cmd.CommandPath() + " --help"
	for _, arg := range args {
		if ledgers.IsURL(arg) {
			help = "put a URL in single quotes"
		}
	}
	return usage(help, "%s takes %d of FILE or URL, not %d", cmd.CommandPath(), n, len(args))
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
