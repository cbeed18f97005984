package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/foreign/offsetfile"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/internal/view"
)

var offsetsExportManual = manual{
	what: "Write positions down: for offsets import, or in the form that another tool takes. Changes nothing.",
	examples: []example{
		{"fencepost offsets export trips.yaml > trips.json", "with topic IDs: offsets import takes it"},
		{"fencepost offsets export trips.yaml --format spark", "Spark's startingOffsets"},
	},
	usage: "fencepost offsets export FILE|URL [flags]\n" + urlForms,
	notes: []string{
		"-o json|yaml|csv  in place of --format",
	},
	exit:   "0 written   1 error   2 usage",
	see:    "offsets import, offsets copy",
	tables: true,
}

func (a *app) offsetsExportVerb() *cobra.Command {
	var form, meaning string
	var topics []string
	cmd := &cobra.Command{Use: "export", Args: a.oneTarget, ValidArgsFunction: completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			sel, err := admin.ParseSelection(topics)
			if err != nil {
				return usage("--topic trips, or --topic trips:0,2-4", "--topic %s", err)
			}
			return target.Use(cmd.Context(), args[0], a.targets(target.Stored, targetFlags{meaning: meaning}), func(ctx context.Context, t *target.Target) error {
				return a.export(ctx, t, sel, form)
			})
		}}
	cmd.Flags().StringVar(&form, "format", "json", "FORM  json csv spark kafka-csv get-offsets rpk kcl connect. Default: json")
	cmd.Flags().StringVar(&meaning, "meaning", "", meaningUse)
	cmd.Flags().StringArrayVar(&topics, "topic", nil, topicUse)
	return cmd
}

func (a *app) export(ctx context.Context, t *target.Target, sel admin.Selection, form string) error {
	if a.output == "json" || a.output == "yaml" || a.output == "csv" {
		form = strings.Replace(a.output, "yaml", "json", 1)
	}
	if err := view.CheckForm(form); err != nil {
		return err // before anything is asked
	}
	e, err := admin.Export(ctx, t.Resources, sel)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := view.Write(&b, form, e); err != nil {
		return err
	}
	out := b.Bytes()
	if a.output == "yaml" {
		if out, err = yaml.JSONToYAML(out); err != nil {
			return err
		}
	}
	a.said = true
	for _, note := range append(e.Notes, view.FormNotes(form, e)...) {
		fmt.Fprintln(a.stderr, "note  "+screen.Wrap(screen.Printable(note), 6, a.terminal(a.stderr).Width))
	}
	_, err = a.stdout.Write(out)
	return err
}

var offsetsImportManual = manual{
	what: "Take positions over from a file, as offsets copy does. Plans first; --execute does it.",
	examples: []example{
		{"fencepost offsets import trips.json trips.yaml --execute", ""},
		{"fencepost offsets import offsets.csv trips.yaml \\ --format kafka-csv --meaning next", ""},
	},
	usage:  "fencepost offsets import FILE|- B [flags]\nB: a pipeline file, or the URL of a ledger",
	exit:   "0 planned, or verified   1 error   2 usage   4 refused, nothing changed",
	see:    "offsets copy, offsets export",
	tables: true,
}

func (a *app) offsetsImportVerb() *cobra.Command {
	var flags copyFlags
	var form string
	cmd := &cobra.Command{Use: "import",
		Args: func(cmd *cobra.Command, args []string) error { return a.targetArgs(cmd, args, 2) },
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := fileURL(args[0], form)
			if err != nil {
				return err
			}
			return a.copyOffsets(cmd.Context(), from, args[1], flags)
		}}
	fs := cmd.Flags()
	fs.StringVar(&form, "format", "", "FORM  one of export's, or spark-checkpoint")
	fs.StringVar(&flags.url.meaning, "meaning", "", meaningUse)
	fs.StringVar(&flags.url.brokers, "brokers", "", "HOST:9092|FILE  of B, where it is a URL")
	flags.add(cmd)
	return cmd
}

// fileURL is a file as a URL: what offsets export wrote as json or csv needs no layout.
func fileURL(path, form string) (string, error) {
	switch {
	case target.IsURL(path) && form == "":
		return path, nil
	case target.IsURL(path):
		return "", usage("leave --format out", "a URL says its layout itself")
	case owned(path) && (form == "" || "."+form == filepath.Ext(path)):
		return "file:" + path, nil
	case form == "":
		return "", formless(path)
	}
	return fmt.Sprintf("file:%s?layout=%s", path, url.QueryEscape(form)), nil
}

// owned reports whether a file's name says that it is of our own form.
func owned(path string) bool { return slices.Contains([]string{".json", ".csv"}, filepath.Ext(path)) }

// formless refuses a file whose name does not show its form; a file that is not there is another error.
func formless(path string) error {
	info, err := os.Stat(path)
	switch {
	case path == offsetfile.Stdin:
		path = "stdin"
	case errors.Is(err, fs.ErrNotExist):
		return &fencepost.UserError{Code: "file-not-found", Exit: 2, Err: fmt.Errorf("%s: no such file", path), Help: "ls -l " + filepath.Dir(path)}
	case err == nil && info.IsDir():
		return usage("--format spark-checkpoint, if that is what it is", "%s is a folder, and does not say its form by its name", path)
	}
	return usage("--format kafka-csv, or the tool that wrote it", "%s does not say its form by its name", path)
}
