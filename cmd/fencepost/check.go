package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/screen"
)

var checkManual = manual{
	what: "Read the file, ask brokers and database, derive the promise and say why. It changes nothing.",
	examples: []example{
		{"fencepost check flights.yaml", "everything that is wrong, at once"},
		{"fencepost check flights.yaml -o json", "one object, for programs"},
	},
	usage: "fencepost check FILE [flags]",
	flags: []string{
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
			if a.output == "json" {
				a.json(reportJSON(r))
			} else {
				a.printReport(r)
			}
			if exit := r.Exit(); exit != 0 {
				return exited(exit)
			}
			return nil
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
		text := list(r.Unasked) + " were not reached: this says nothing about them."
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

// list joins words: topic, group and trial.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// findingJSON is one finding; at is null for one that is not about a key of the file.
type findingJSON struct {
	Subject string  `json:"subject"`
	OK      bool    `json:"ok"`
	Text    string  `json:"text"`
	Code    *string `json:"code"`
	Help    *string `json:"help"`
	At      *string `json:"at"`
	Silent  bool    `json:"silent"`
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func reportJSON(r pipeline.Report) object {
	findings := []findingJSON{}
	whole := true
	for _, f := range r.Findings {
		whole = whole && f.OK
		findings = append(findings, findingJSON{f.Subject, f.OK, f.Text, orNull(f.Code), orNull(f.Help), orNull(r.At(f)), f.Silent})
	}
	var promise any
	if whole {
		promise = object{"words", r.Promise.Words, "because", r.Promise.Because}
	}
	return object{"format", 1, "command", "check", "file", r.File.Name, "group", string(r.File.Group), "findings", findings,
		"unasked", append([]string{}, r.Unasked...), "promise", promise, "exit", r.Exit()}
}

// findingsJSON is the object about a file that says something wrong.
func findingsJSON(command string, e *pipeline.Invalid) object {
	findings := []findingJSON{}
	for _, f := range e.Findings {
		at := fmt.Sprintf("%s:%d:%d", e.Name, f.At.Line, f.At.Column)
		findings = append(findings, findingJSON{"file", false, f.Text, orNull(f.Code), orNull(f.Help), &at, false})
	}
	exit := 2
	if command == "check" && !(len(e.Findings) == 1 && e.Findings[0].Code == "yaml-syntax") {
		exit = 3
	}
	return object{"format", 1, "command", command, "file", e.Name, "group", nil, "findings", findings,
		"unasked", []string{"brokers", "topic", "group", "database", "ledger", "trial"}, "promise", nil, "exit", exit}
}
