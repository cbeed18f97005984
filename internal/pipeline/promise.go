package pipeline

import (
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
)

// Promise is what a pipeline promises, and why it may. It follows from the file, and a check adds what servers say of themselves.
type Promise struct {
	Words   string // exactly once
	Because string // sentences for people, without line breaks
}

// Promise derives the promise of a file.
func (f *File) Promise() Promise {
	about := f.About()
	words, because := "exactly once", slices.Clone(about.Promise)
	if f.Apart() {
		words, because = "at least once", f.apartBecause()
	}
	if about.Unordered {
		because = append(because, "Rows of one key in different partitions have no order: the last to commit stands.")
	}
	if choices := f.choices(); choices != "" {
		because = append(because, "Records that the brokers no longer have can not count: policy goes on without them ("+choices+
			"), and records each gap.")
	}
	if kinds := f.passes(engine.Skip); kinds != "" {
		because = append(because, "Records that cannot be applied do not count where on_error skips them ("+kinds+"), and the history says which.")
	}
	if kinds := f.passes(engine.DeadLetter); kinds != "" {
		because = append(because, "Those that on_error makes dead letters ("+kinds+") are kept in the commit that passes them.")
	}
	return Promise{Words: words, Because: strings.Join(because, " ")}
}

// passes names the kinds of bad records that are treated so.
func (f *File) passes(as engine.Treatment) string {
	var out []string
	for _, k := range badKinds {
		if *k.field(&f.OnError) == as {
			out = append(out, k.name)
		}
	}
	return strings.Join(out, ", ")
}

// rest says what the server that was asked keeps through a crash, where the promise rests on that.
func (p *Promise) rest(f fencepost.Finding) {
	if kept := f.Facts["durable"]; kept != "" {
		p.Because += " This server: " + kept + "."
	}
}

// choices names the verdicts for which the policy does not park.
func (f *File) choices() string {
	var out []string
	for _, v := range verdicts {
		if c := *v.field(&f.Policy); c != ledger.Park {
			out = append(out, v.name+": "+c.String())
		}
	}
	if len(out) == len(verdicts) && !slices.ContainsFunc(out, func(s string) bool { return !strings.HasSuffix(s, ": earliest") }) {
		return "earliest"
	}
	return strings.Join(out, ", ")
}
