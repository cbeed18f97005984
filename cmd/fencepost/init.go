package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/text"
)

var initManual = manual{
	what: "Write a pipeline file for a topic: sample it, infer the columns, list every key.",
	examples: []example{
		{"fencepost init --brokers localhost:9092 --topic flights --sink postgres", "flights.yaml"},
		{"fencepost init --brokers localhost:9092 --topic flights --sink sqlite --out -", "to read first"},
		{"fencepost init --from other.yaml --topic trips --sink postgres", "with its login"},
		{"fencepost init --schema > fencepost.schema.json", "for editors"},
	},
	usage: "fencepost init --brokers HOST:PORT --topic TOPIC --sink SINK [flags]\nSINK: " + strings.Join(pipeline.Sinks(), "  "),
	exit:  "0 written   1 error   2 usage   4 the file exists",
	see:   "check, ddl",
}

type initFlags struct {
	brokers  []string
	from     string
	config   []string
	topic    string
	sink     string
	out      string
	force    bool
	schema   bool
	registry string
}

func (a *app) initVerb() *cobra.Command {
	var flags initFlags
	cmd := &cobra.Command{Use: "init", Args: a.noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
		if flags.schema {
			_, err := a.stdout.Write(pipeline.JSONSchema())
			return err
		}
		if len(flags.brokers) == 0 && flags.from == "" && len(flags.config) == 0 && flags.topic == "" && flags.sink == "" {
			return a.lacking(cmd)
		}
		return a.draft(cmd.Context(), flags)
	}}
	cmd.Flags().StringSliceVar(&flags.brokers, "brokers", nil, "HOST:PORT  some of the cluster, separated by commas")
	cmd.Flags().StringVar(&flags.from, "from", "", "FILE.yaml  brokers, TLS and login of another pipeline file")
	cmd.Flags().StringArrayVarP(&flags.config, "config", "X", nil, "KEY=VALUE  as kcat's and rpk's -X: security.protocol=SASL_SSL")
	cmd.Flags().StringVar(&flags.topic, "topic", "", "TOPIC  the topic to sample: 100 records of each partition")
	cmd.Flags().StringVar(&flags.sink, "sink", "", "KIND  where the rows will go: "+strings.Join(pipeline.Sinks(), ", "))
	cmd.Flags().StringVar(&flags.registry, "registry", "", "URL  of a schema registry: the columns of the topic's newest schema of Avro or Protobuf")
	cmd.Flags().StringVar(&flags.out, "out", "", "FILE  default TOPIC.yaml; - is stdout")
	cmd.Flags().BoolVar(&flags.force, "force", false, "write over a file that is there")
	cmd.Flags().BoolVar(&flags.schema, "schema", false, "print the JSON Schema of a pipeline file on stdout, and do nothing else")
	return cmd
}

// cluster is how to connect.
func (f *initFlags) cluster(env *pipeline.Environment) (source pipeline.Source, err error) {
	if f.from != "" {
		other, err := pipeline.Load(f.from, env)
		if err != nil {
			return source, settingsFile(f.from, err)
		}
		source.Brokers, source.TLS, source.SASL = other.Source.Brokers, other.Source.TLS, other.Source.SASL
	}
	if len(f.brokers) > 0 {
		source.Brokers = f.brokers
	}
	return source, pipeline.Connect(&source, f.config, env)
}

// settingsFile is err, or what to do about a file of a client's settings in place of a pipeline file: KEY=VALUE, line by line.
func settingsFile(path string, err error) error {
	text, _ := os.ReadFile(path)
	if _, unreadable := errors.AsType[*pipeline.SyntaxError](err); !unreadable || !settingLine.Match(text) {
		return err
	}
	return usage("-X security.protocol=SASL_SSL -X sasl.mechanism=SCRAM-SHA-512 -X sasl.username=USER -X 'sasl.password=${KAFKA_PASSWORD}' -X ssl.ca.location=PATH, those that apply",
		"%s has the settings of a client, and --from takes a pipeline file", path)
}

var settingLine = regexp.MustCompile(`(?m)^(bootstrap\.servers|security\.protocol|sasl\.[a-z.]+|ssl\.[a-z.]+) *=`)

// check finds what is missing or wrong in the flags.
func (f *initFlags) check(brokers []string) error {
	sinks := pipeline.Sinks()
	switch {
	case len(brokers) == 0:
		return usage("--brokers localhost:9092; to try one: fencepost broker", "init needs --brokers")
	case f.topic == "":
		return usage("--topic TOPIC", "init needs --topic")
	case f.sink == "":
		return usage("--sink "+strings.Join(sinks, ", or --sink "), "init needs --sink")
	}
	for _, s := range sinks {
		if s == f.sink {
			return nil
		}
	}
	help := "--sink " + strings.Join(sinks, ", or --sink ")
	if near := text.Nearest(f.sink, sinks); near != "" {
		help = "--sink " + near
	}
	return usage(help, "--sink %s: no such sink in this version", f.sink)
}

func (a *app) draft(ctx context.Context, flags initFlags) error {
	cluster, err := flags.cluster(a.env)
	if err != nil {
		return err
	}
	if err := flags.check(cluster.Brokers); err != nil {
		return err
	}
	out := flags.out
	if out == "" {
		out = strings.ReplaceAll(flags.topic, "/", "_") + ".yaml"
	}
	if err := refuseExisting(out, flags.force); err != nil {
		return err
	}
	s, err := pipeline.Sample(ctx, cluster, flags.topic, a.timeout)
	if err != nil {
		return err
	}
	if flags.registry != "" {
		if err := s.AskRegistry(ctx, flags.registry); err != nil {
			return err
		}
	}
	a.say("sampled", s.Text)
	draft := s.Draft
	draft.Group, draft.Sink = flags.topic+"-to-"+flags.sink, flags.sink
	if out == "-" {
		_, err := io.WriteString(a.stdout, draft.Text())
		return err
	}
	if err := writeFile(out, draft.Text(), flags.force); err != nil {
		return err
	}
	a.say("wrote", out)
	for i, line := range draft.Next(out) {
		if a.quiet {
			break
		}
		word := ""
		if i == 0 {
			word = "next"
		}
		fmt.Fprintf(a.stderr, "%-10s%s\n", word, a.as(line))
	}
	return nil
}

func refuseExisting(out string, force bool) error {
	if out == "-" || force {
		return nil
	}
	if _, err := os.Stat(out); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return &fencepost.UserError{Code: "file-exists", Exit: 4, Err: fmt.Errorf("%s exists; nothing was changed", out),
		Help: "--out with another name, --out - to read it first, or --force"}
}

// writeFile writes a new file, or over an old one with force.
func writeFile(out, text string, force bool) error {
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(out, how, 0o644)
	if err != nil {
		return &fencepost.UserError{Code: "file-not-writable", Exit: 1, Err: err, Help: "--out with a path that can be written"}
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
