package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost/internal/view"
)

var versionManual = manual{
	what:     "Print which program this is.",
	examples: []example{{"fencepost version", ""}, {"fencepost version -o json", "one object"}, {"fencepost --version", "the same"}},
	usage:    "fencepost version [flags]",
	exit:     "0",
}

func (a *app) versionVerb() *cobra.Command {
	return &cobra.Command{Use: "version", Args: a.noArguments, RunE: func(*cobra.Command, []string) error { return a.printVersion() }}
}

// printVersion prints which program this is, on one line or as json.
func (a *app) printVersion() error {
	version, revision := build()
	if a.output == "json" {
		v := view.NewVersion()
		v.Version, v.Revision, v.Go, v.OS, v.Arch = version, view.Word(revision), runtime.Version(), runtime.GOOS, runtime.GOARCH
		a.document(v)
		return nil
	}
	if revision != "" {
		revision = ", revision " + revision
	}
	fmt.Fprintf(a.stdout, "fencepost %s%s, %s %s/%s\n", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

// build is the version that the Go tool stamped into the program, and the revision it was built from.
func build() (version, revision string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)", ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value[:min(12, len(s.Value))]
		}
	}
	return info.Main.Version, revision
}
