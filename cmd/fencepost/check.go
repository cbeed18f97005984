package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

var checkManual = manual{
	what: "Read the file, ask brokers and database, derive the promise and say why. It changes nothing.",
	examples: []example{
		{"fencepost check flights.yaml", "everything that is wrong, at once"},
		{"fencepost check flights.yaml -o json", "one object, for programs"},
	},
	usage: "fencepost check FILE [flags]",
	notes: []string{
		"--timeout 10s  how long brokers and database may take to answer",
		"-o json  one object: findings, promise, exit",
	},
	exit: "0 ok   1 something did not answer   2 the file can not be read or is no YAML   3 findings",
	see:  "ddl, run, help CODE",
}

func (a *app) checkVerb() *cobra.Command {
	return &cobra.Command{Use: "check", Args: a.oneFile, ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := pipeline.Load(args[0], a.env)
			if err != nil {
				return err
			}
			r, err := pipeline.Check(cmd.Context(), f, a.timeout)
			if err != nil {
				return f.Pointed(err)
			}
			return a.answer(view.NewCheck(r), func() { a.printReport(r) })
		}}
}

// printReport prints a line for each thing that was looked at, the promise, and what was not reached.
func (a *app) printReport(r pipeline.Report) {
	const indent = 15
	t := a.terminal(a.stdout)
	whole := true
	for i, f := range r.Findings {
		f.Text, f.Help = screen.Printable(f.Text), screen.Printable(f.Help)
		subject := f.Subject
		if i > 0 && r.Findings[i-1].Subject == f.Subject {
			subject = ""
		}
		if f.OK {
			fmt.Fprintf(a.stdout, "%-10s%s   %s\n", subject, t.Paint(screen.Green, "ok"), screen.Wrap(f.Text, indent, t.Width))
			continue
		}
		whole = false
		at := r.At(f)
		if at != "" {
			at += ": "
		}
		code := "error[" + f.Code + "]"
		text := screen.Wrap(at+code+": "+f.Text, indent, t.Width)
		fmt.Fprintf(a.stdout, "%-10s%s   %s\n", subject, t.Paint(screen.Red, "--"), strings.Replace(text, code, t.Paint(screen.Red, code), 1))
		a.printHelp(f, indent, t)
	}
	if len(r.Unasked) > 0 && !whole {
		text := text.List(r.Unasked) + " were not reached: this says nothing about them."
		if len(r.Unasked) == 1 {
			text = r.Unasked[0] + " was not reached: this says nothing about it."
		}
		fmt.Fprintln(a.stdout, text)
	}
	if whole {
		fmt.Fprintf(a.stdout, "promise   %s\n          %s\n", t.Paint(screen.Bold, r.Promise.Words),
			screen.Wrap("because "+r.Promise.Because, 10, min(t.Width, 98)))
	}
}

// printHelp prints a remedy; one of several lines stays as it is, to be pasted.
func (a *app) printHelp(f fencepost.Finding, indent int, t terminal) {
	if f.Help == "" {
		return
	}
	for i, line := range strings.Split(a.as(f.Help), "\n") {
		head := "help: "
		if i > 0 {
			head = "      "
		}
		fmt.Fprintln(a.stdout, strings.Repeat(" ", indent)+t.Paint(screen.Dim, screen.Wrap(head+line, indent, t.Width)))
	}
}
