package main

import (
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
)

var offsetsManual = manual{
	what: "Look at positions, and move them. What changes something plans first; --execute does it.",
	examples: []example{
		{"fencepost offsets show trips.yaml", "where each partition stands, and what is unread"},
		{"fencepost offsets repair trips.yaml", "what can be done about what is not ok"},
		{"fencepost offsets set trips.yaml --to -1000", "what it would do; --execute does it"},
	},
	usage: "fencepost offsets VERB FILE|URL [flags]\n" +
		"VERB: show peek diff repair forget set copy export import groups",
	see: "moves, check",
}

// offsetsVerb is the verbs about positions.
func (a *app) offsetsVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "offsets"}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return a.lacking(cmd)
		}
		help := "fencepost offsets --help"
		if near := text.Nearest(args[0], verbNames(cmd)); near != "" {
			help = "fencepost offsets " + near
		}
		return usage(help, "fencepost offsets has no verb %s", args[0])
	}
	cmd.Args = cobra.ArbitraryArgs
	cmd.AddCommand(a.offsetsShowVerb(), a.offsetsPeekVerb(), a.offsetsDiffVerb(), a.offsetsRepairVerb(), a.offsetsForgetVerb(), a.offsetsSetVerb(), a.offsetsCopyVerb(), a.offsetsExportVerb(), a.offsetsImportVerb(), a.offsetsGroupsVerb())
	return cmd
}

// targetFlags are what a URL does not say by itself.
type targetFlags struct{ brokers, fromBrokers, meaning string }

// brokersUse is --brokers of the verbs that take one target.
const brokersUse = "HOST:9092|FILE  for a URL: its brokers, or those of a pipeline file"

// meaningUse is --meaning of the verbs that take one target of another program.
const meaningUse = "WORD  of another program's numbers: next, batch-start or last-processed"

// topicUse is --topic of the verbs that take some partitions.
const topicUse = "T[:P,P-P]  these only; may be repeated. Default: all"

// whyUse is --why of the verbs that move positions.
const whyUse = "TEXT  kept with each move, beside time and who ($FENCEPOST_WHO, or user@host)"

// urlForms are the URLs of ledgers on the screens of verbs.
const urlForms = "URL: postgres://USER@HOST/DB?group=G  mysql://..  sqlite:PATH?group=G\n" +
	"     redis://:${PW}@HOST/0?group=G  zk://HOST?group=G  kafka://HOST:9092?group=G\n" +
	"     redis://HOST/0?layout=pattern-a&key=KEY" + "\n" +
	"     kafka://USER:${PW}@HOST:9093?group=G&tls=true&ca=PATH&sasl=SCRAM-SHA-512"

// targets are the options with which a verb opens its operands.
func (a *app) targets(access target.Access, f targetFlags) target.Options {
	return target.Options{Access: access, Env: a.env, Timeout: a.timeout, Who: operator(), Brokers: f.brokers, FromBrokers: f.fromBrokers, Meaning: f.meaning}
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

// oneTarget is the argument of the verbs that take a pipeline file or a URL.
func (a *app) oneTarget(cmd *cobra.Command, args []string) error { return a.targetArgs(cmd, args, 1) }

// targetArgs wants so many of them.
func (a *app) targetArgs(cmd *cobra.Command, args []string, n int) error {
	switch {
	case len(args) == n:
		return nil
	case len(args) < n:
		return a.lacking(cmd)
	}
	help := cmd.CommandPath() + " --help"
	for _, arg := range args {
		if target.IsURL(arg) {
			help = "put a URL in single quotes"
		}
	}
	return usage(help, "%s takes %d of FILE or URL, not %d", cmd.CommandPath(), n, len(args))
}
