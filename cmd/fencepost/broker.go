package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/broker"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
)

var brokerManual = manual{
	what: "Run a Kafka-compatible broker, on disk, for development. Only this machine can reach it.",
	examples: []example{
		{"fencepost broker", "at 127.0.0.1:9092"},
		{"fencepost broker --listen 127.0.0.1:19092 --dir /tmp/kafka", ""},
	},
	usage: "fencepost broker [flags]",
	exit:  "0 stopped   1 error   2 usage",
	see:   "init",
}

func (a *app) brokerVerb() *cobra.Command {
	cfg := broker.Config{}
	cmd := &cobra.Command{Use: "broker", Args: a.noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
		return a.serve(cmd.Context(), cfg)
	}}
	cmd.Flags().StringVar(&cfg.Listen, "listen", "127.0.0.1:9092", "HOST:PORT  where; HOST in 127.0.0.0/8, port 0 takes a free one. Default: 127.0.0.1:9092")
	cmd.Flags().StringVar(&cfg.Dir, "dir", "fencepost-broker", "PATH  its folder; an old one goes on where it ended. Default: fencepost-broker")
	cmd.Flags().IntVar(&cfg.AutoTopics, "partitions", 1, "1  of a topic that a client asks for and that is not there; 0: none is made")
	return cmd
}

// serve runs a broker until a signal, or until it cannot store any more.
func (a *app) serve(parent context.Context, cfg broker.Config) error {
	if cfg.AutoTopics < 0 {
		return usage("--partitions 1", "--partitions %d: below 0", cfg.AutoTopics)
	}
	if cfg.Dir == "" {
		return usage("--dir fencepost-broker", "--dir is empty")
	}
	if a.verbose > 0 {
		cfg.Log = slog.New(slog.NewTextHandler(a.stderr, nil))
	}
	ctx, stop := interruptible(parent, func() {})
	defer stop()
	b, err := broker.Start(cfg)
	if err != nil {
		return brokerFault(err)
	}
	a.say("broker", fmt.Sprintf("embedded, on disk, at %s; folder %s, cluster %s", b.Addr(), cfg.Dir, b.ClusterID()))
	topics, err := pipeline.Topics(ctx, b.Addr(), a.timeout)
	if err != nil && ctx.Err() == nil {
		return errors.Join(err, b.Close())
	}
	for _, t := range topics {
		a.say("topic", fmt.Sprintf("%s: %s, %s", t.Name, text.Plural(t.Partitions, "partition"), text.Plural(t.Offsets, "offset")))
	}
	a.say("ready", "Ctrl-C ends it; what was produced stays in "+cfg.Dir)
	select {
	case <-ctx.Done():
		return brokerFault(b.Close())
	case fault := <-b.Faults():
		return errors.Join(brokerFault(fault), b.Close())
	}
}

// say writes a note on stderr: a word, and what it is about.
func (a *app) say(word, text string) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, "%-10s%s\n", word, screen.Wrap(text, 10, a.terminal(a.stderr).Width))
	}
}

// brokerFault makes a UserError of the broker's own.
func brokerFault(err error) error {
	var fault *broker.Fault
	if !errors.As(err, &fault) {
		return err
	}
	exit := 1
	if fault.Code == broker.NotLoopback {
		exit = 2
	}
	return &fencepost.UserError{Code: string(fault.Code), Err: fault, Help: fault.Help, Exit: exit}
}
