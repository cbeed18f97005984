package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/ledgers"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/kafka"
	"github.com/fencepost/fencepost/ledger"
)

// place is what a verb was pointed at: a pipeline file, or the URL of a ledger or layout.
type place struct {
	arg    string          // as it was typed
	file   *pipeline.File  // nil for a URL
	url    *ledgers.Opened // nil for a file
	rooms  admin.Rooms     // of a URL without Cluster and Reader until they are attached
	source *kafka.Source   // nil for a URL until then

	close []func(context.Context) error
}

// urlFlags are what a URL does not say by itself.
type urlFlags struct{ brokers, meaning string }

func (f *urlFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.brokers, "brokers", "", "")
	cmd.Flags().StringVar(&f.meaning, "meaning", "", "")
}

// brokersHelp is --brokers on the screens of verbs that take a URL.
const brokersHelp = "--brokers HOST:9092|FILE  for a URL: its brokers, or those of a pipeline file"

// meaningHelp is --meaning there.
const meaningHelp = "--meaning WORD  of another program's numbers: next, batch-start or last-processed"

// urlForms are the URLs of ledgers on the screens of verbs.
const urlForms = "URL: postgres://USER@HOST/DB?group=G  mysql://..  sqlite:PATH?group=G  redis://:${PW}@HOST/0?group=G\n" +
	"     zk://HOST?group=G  kafka://HOST:9092?group=G  redis://HOST/0?layout=pattern-a&key=KEY"

// openPlace opens what an argument names. It connects to nothing.
func (a *app) openPlace(ctx context.Context, arg string) (*place, error) {
	p := &place{arg: arg}
	if ledgers.IsURL(arg) {
		return p, p.openURL(ctx, a.env)
	}
	f, err := pipeline.Load(arg, a.env)
	if err != nil {
		return p, err
	}
	return p, p.openFile(ctx, f)
}

func (p *place) openFile(ctx context.Context, f *pipeline.File) error {
	o, err := pipeline.Open(ctx, f, pipeline.Hooks{})
	if err != nil {
		return err
	}
	p.file, p.source = f, o.Source
	p.close = append(p.close, func(context.Context) error { return o.Close() }, o.Source.Leave)
	p.rooms = o.RoomsToFill()
	p.rooms.Who = operator()
	return nil
}

func (p *place) openURL(ctx context.Context, env *pipeline.Environment) error {
	o, err := ledgers.Open(ctx, p.arg, env)
	if err != nil {
		return err
	}
	p.url = o
	p.close = append(p.close, func(context.Context) error { return o.Close() })
	p.rooms = admin.Rooms{Group: o.Group, Ledger: o.Ledger, History: o.History, Layout: o.Layout, Meaning: o.Means, Where: o.Address(), Subject: o.Subject, Who: operator()}
	return nil
}

// mean says what another program's numbers mean; empty: nothing was said.
func (p *place) mean(meaning string) error {
	if meaning == "" {
		return nil
	}
	m, ok := foreign.ParseMeaning(meaning)
	switch {
	case !ok:
		return usage("--meaning next, batch-start or last-processed", "--meaning %s: not one of its words", meaning)
	case p.rooms.Layout == nil:
		return usage("leave it out", "--meaning is for other programs' offsets; %s is a ledger of ours", p.rooms.Where)
	case p.url.Means != foreign.MeaningUnset && p.url.Means != m:
		return usage("&layout=kafka reads them in another meaning", "%s holds what is next to read, by its protocol", p.url)
	}
	p.rooms.Meaning = m
	return nil
}

// attach gives a URL the brokers that it is looked at with.
func (p *place) attach(c kafka.Config, topics []string) error {
	c.Topics = topics
	if c.Group = p.rooms.Group; c.Group == "" {
		c.Group = "fencepost"
	}
	source, err := kafka.Open(c)
	if err != nil {
		return usage("--brokers HOST:9092", "%s", err)
	}
	p.source = source
	p.close = append(p.close, source.Leave)
	p.rooms.Cluster, p.rooms.Reader = source, source
	return nil
}

// brokersOf is the brokers that --brokers names, or the URL itself.
func (a *app) brokersOf(p *place, flag string) (kafka.Config, error) {
	switch {
	case p.file != nil && flag != "":
		return kafka.Config{}, usage("leave it out", "--brokers is for URLs; %s names its own", p.arg)
	case p.file != nil:
		return p.file.Source.Cluster(), nil
	case flag != "":
		return ledgers.Brokers(flag, a.env)
	case p.url.Brokers != nil:
		return *p.url.Brokers, nil
	}
	return kafka.Config{}, usage("--brokers HOST:9092, or --brokers FILE.yaml for those of a pipeline", "%s leads to no broker", p.url.Address())
}

// shut closes what was opened, the last first.
func (p *place) shut(parent context.Context, a *app) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), a.timeout)
	defer cancel()
	var errs []error
	for i := len(p.close) - 1; i >= 0; i-- {
		errs = append(errs, p.close[i](ctx))
	}
	return errors.Join(errs...)
}

// typed is the place as a command names it.
func (p *place) typed() string {
	if p.file != nil {
		return p.file.Name
	}
	return "'" + p.arg + "'"
}

// told is the place for people, without secrets.
func (p *place) told() string {
	if p.file != nil {
		return fmt.Sprintf("%s group %s", p.file.LedgerURL(), p.file.Group)
	}
	return p.url.Told(p.rooms.Meaning)
}

// remedy is a command to paste: with what was typed in place of FILE.
func (p *place) remedy(help string) string {
	if p.file != nil {
		return p.file.Remedy(help)
	}
	return (&pipeline.File{Name: p.typed()}).Remedy(help)
}

// origin is told, with the meaning whatever it follows from: it is kept with what is copied from here.
func (p *place) origin() string {
	if p.rooms.Layout != nil && p.url.Form == "" && p.url.Brokers != nil {
		return fmt.Sprintf("%s (meaning %s)", p.told(), p.rooms.Meaning)
	}
	return p.told()
}

// pointed makes a Fault of an error, whose remedy names what was typed.
func (p *place) pointed(err error) error {
	var code exited
	if errors.As(err, &code) || err == nil {
		return err
	}
	if p.file != nil {
		return p.file.Pointed(err)
	}
	err = (&pipeline.File{Name: p.typed()}).Pointed(err)
	if fault, ok := errors.AsType[*fencepost.Fault](err); ok {
		out := *fault
		out.Help = strings.ReplaceAll(out.Help, "source.brokers", "--brokers")
		out.Help = strings.ReplaceAll(out.Help, "fencepost run "+p.typed(), "the first run of its pipeline") // only files run
		return &out
	}
	return err
}

// audit is what an audit has to know; of a URL alone nobody knows them.
func (p *place) audit() admin.AuditOptions {
	if p.file == nil {
		return admin.AuditOptions{}
	}
	sink := p.file.About()
	return admin.AuditOptions{KeepsCommits: p.file.KeepCommits != ledger.KeepNone, Upserts: sink.Upserts, Table: sink.Table}
}
