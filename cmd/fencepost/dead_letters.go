package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/ledger"
)

var deadLettersManual = manual{
	what: "Look at records that could not be applied and were kept (on_error: dead_letter), and bring them to an end.",
	examples: []example{
		{"fencepost dead-letters list trips.yaml", "what waits, by code"},
		{"fencepost dead-letters show trips.yaml trips:7:331008", "that record"},
		{"fencepost dead-letters replay trips.yaml --execute", "again, with the mended schema"},
	},
	usage: "fencepost dead-letters VERB FILE|URL [TOPIC:P:OFFSET...] [flags]\n" +
		"VERB: list show replay discard",
	see: "offsets peek, moves, audit",
}

var deadLettersListManual = manual{
	what:     "List dead letters: where each record was, when it was written, and why.",
	examples: []example{{"fencepost dead-letters list trips.yaml --code record-refused --since 24h", ""}},
	usage:    "fencepost dead-letters list FILE|URL [TOPIC:P:OFFSET...] [flags]",
	exit:     "0 ok   1 error   2 usage",
	see:      "dead-letters show",
	tables:   true,
}

var deadLettersShowManual = manual{
	what:     "Show dead letters whole, and what the file's schema makes of them.",
	examples: []example{{"fencepost dead-letters show trips.yaml trips:7:331008 -o json", "bytes also as base64"}},
	usage:    "fencepost dead-letters show FILE|URL [TOPIC:P:OFFSET...] [flags]",
	exit:     "0 ok   1 error   2 usage",
	see:      "offsets peek",
}

var deadLettersReplayManual = manual{
	what:     "Take dead letters through the file's decoder and sink again. Each that is applied is removed in the same commit; one that is as bad as before stays. Plans first.",
	examples: []example{{"fencepost dead-letters replay trips.yaml --topic trips --execute", ""}},
	usage:    "fencepost dead-letters replay FILE [TOPIC:P:OFFSET...] [flags]",
	exit:     "0 planned, or applied   1 error   2 usage   3 one is as bad as before",
	see:      "dead-letters discard",
	tables:   true,
}

var deadLettersDiscardManual = manual{
	what:     "Give dead letters up: their records are emptied; the place, the reason, who discarded them and why stay. Plans first.",
	examples: []example{{"fencepost dead-letters discard trips.yaml trips:7:331008 --why test --execute", ""}},
	usage:    "fencepost dead-letters discard FILE|URL [TOPIC:P:OFFSET...] [flags]",
	exit:     "0 planned, or discarded   1 error   2 usage   4 changed meanwhile: nothing was done",
	see:      "dead-letters replay",
	tables:   true,
}

// deadLettersVerb is the verbs about dead letters.
func (a *app) deadLettersVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "dead-letters", Args: cobra.ArbitraryArgs}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return a.lacking(cmd)
		}
		help := "fencepost dead-letters --help"
		if near := text.Nearest(args[0], verbNames(cmd)); near != "" {
			help = "fencepost dead-letters " + near
		}
		return usage(help, "fencepost dead-letters has no verb %s", args[0])
	}
	list := a.letterVerb("list", func(_ context.Context, t *target.Target, letters []ledger.Letter, _ letterFlags) (view.Letters, error) {
		return view.NewLetters("dead-letters list", t.Group, letters, time.Now()), nil
	})
	show := a.letterVerb("show", func(_ context.Context, t *target.Target, letters []ledger.Letter, _ letterFlags) (view.Letters, error) {
		return view.NewShownLetters(t.Group, letters, t.Decode, time.Now()), nil
	})
	cmd.AddCommand(list, show, a.letterVerb("replay", replayLetters), a.letterVerb("discard", discardLetters))
	return cmd
}

// letterFlags are the flags of the verbs about dead letters.
type letterFlags struct {
	filter  admin.LetterFilter
	since   string
	execute bool
	why     string
}

// letterVerb is one verb: do makes its answer of the letters that the flags choose.
func (a *app) letterVerb(name string, do func(context.Context, *target.Target, []ledger.Letter, letterFlags) (view.Letters, error)) *cobra.Command {
	var flags letterFlags
	changes := name == "replay" || name == "discard"
	cmd := &cobra.Command{Use: name, Args: cobra.ArbitraryArgs, ValidArgsFunction: completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.lacking(cmd)
			}
			if err := flags.read(args[1:]); err != nil {
				return err
			}
			flags.filter.Waits = changes
			return target.Use(cmd.Context(), args[0], a.targets(target.Stored, targetFlags{}), func(ctx context.Context, t *target.Target) error {
				if t.Layout != nil {
					return usage("fencepost offsets show FILE", "%s is another program's, and keeps no dead letters", t.Location())
				}
				letters, err := admin.Letters(ctx, t.Resources, flags.filter)
				if err != nil {
					return err
				}
				answer, err := do(ctx, t, letters, flags)
				if err != nil {
					return err
				}
				return a.answer(answer, func() { a.printLetters(answer, t) })
			})
		}}
	fs := cmd.Flags()
	fs.StringArrayVar(&flags.filter.Topics, "topic", nil, "T  of this topic only; may be repeated")
	fs.StringVar(&flags.filter.Code, "code", "", "CODE  of this code only: record-undecodable, record-refused")
	fs.StringVar(&flags.since, "since", "", "TIME|DURATION  not older than that: 2026-11-21T03:00, 24h, 7d")
	if changes {
		fs.BoolVar(&flags.execute, "execute", false, "do it; without it nothing is changed")
	}
	if name == "discard" {
		fs.StringVar(&flags.why, "why", "", "TEXT  kept with each letter, beside time and who ($FENCEPOST_WHO, or user@host)")
	}
	return cmd
}

// read reads the places that are named, and the time.
func (f *letterFlags) read(places []string) (err error) {
	for _, word := range places {
		at, ok := admin.ParsePlace(word)
		if !ok {
			return usage("fencepost dead-letters list FILE TOPIC:PARTITION:OFFSET", "%s is not TOPIC:PARTITION:OFFSET", word)
		}
		f.filter.Places = append(f.filter.Places, at)
	}
	if f.since != "" {
		if f.filter.Since, err = text.ParsePast(f.since, time.Now()); err != nil {
			return notTime("--since", f.since, err, "--since 24h, or --since 2026-11-21T03:00", "neither a duration nor a time")
		}
	}
	return nil
}

func replayLetters(ctx context.Context, t *target.Target, letters []ledger.Letter, flags letterFlags) (view.Letters, error) {
	if !flags.execute {
		return view.NewLetters("dead-letters replay", t.Group, letters, time.Now()), nil
	}
	all, err := admin.ReplayLetters(ctx, t.Resources, letters)
	return view.NewReplayed(t.Group, all, time.Now()), err
}

func discardLetters(ctx context.Context, t *target.Target, letters []ledger.Letter, flags letterFlags) (view.Letters, error) {
	answer := view.NewLetters("dead-letters discard", t.Group, letters, time.Now())
	if !flags.execute {
		return answer, nil
	}
	answer.Executed = true
	return answer, admin.Discard(ctx, t.Resources, letters, flags.why)
}

func (a *app) printLetters(l view.Letters, at *target.Target) {
	if l.Command == "dead-letters show" && len(l.Letters) > 0 {
		for _, one := range l.Letters {
			printExplained(a.stdout, one.Lines(), a.terminal(a.stdout))
		}
		return
	}
	l.Print(a.sheet(at))
	if l.Command != "dead-letters list" && len(l.Letters) > 0 && !l.Executed {
		a.unchanged("add --execute")
	}
}
