package pipeline

import (
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
)

// Promise is what a pipeline promises, and why it may. It follows from the file alone.
type Promise struct {
	Words   string // exactly once
	Because string // sentences for people, without line breaks
}

// Promise derives the promise of a file.
func (f *File) Promise() Promise {
	var because []string
	words, kind := "exactly once", f.Sink.Kind
	if f.Apart() {
		words, kind, because = "at least once", "", f.apartBecause()
	}
	switch kind {
	case "postgres":
		because = append(because, "rows and moves are one Postgres transaction, and each move is compared and set in it.",
			"Holds through kill -9, a lost answer to COMMIT, late workers, a restored backup.")
	case "mysql":
		because = append(because, "rows and moves are one MySQL transaction, and each move is compared and set in it.",
			"Holds through kill -9, a lost answer to COMMIT, late workers, a restored backup; for tables with transactions (InnoDB).")
	case "sqlite":
		because = append(because, "rows and moves are one SQLite transaction, and each move is compared and set in it.",
			"Holds through kill -9, late workers, a restored backup.",
			"SQLite has one lock for the whole file: a process that is stopped inside a commit holds it, and the others wait until it goes on or is killed.")
	case "redis":
		because = append(because, "commands and moves are one script, and each move is compared and set in it.",
			"Holds through kill -9, a lost answer, late workers, while Redis keeps what it acknowledged: appendonly yes, appendfsync always, no failover to a replica that lags.",
			"If it loses its tail it loses both, and we replay.")
	}
	if len(f.Sink.Key) > 0 || f.Sink.Redis != nil && f.Sink.Redis.setting() {
		because = append(because, "Rows of one key in different partitions have no order: the last to commit stands.")
	}
	if choices := f.choices(); choices != "" {
		because = append(because, "Records that the brokers no longer have can not count: policy goes on without them ("+choices+
			"), and records each gap.")
	}
	return Promise{Words: words, Because: strings.Join(because, " ")}
}

// choices names the verdicts for which the policy does not park.
func (f *File) choices() string {
	var out []string
	for _, v := range verdicts {
		if c := *v.field(&f.Policy); c != fencepost.Park {
			out = append(out, v.name+": "+c.String())
		}
	}
	if len(out) == len(verdicts) && !slices.ContainsFunc(out, func(s string) bool { return !strings.HasSuffix(s, ": earliest") }) {
		return "earliest"
	}
	return strings.Join(out, ", ")
}
