package logs

import (
	"context"
	"errors"
	"log/slog"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/ledger"
)

// alike groups items by what is the same in their lines, in the order in which each group begins.
func alike[T any, K comparable](items []T, key func(T) K) [][]T {
	at := map[K]int{}
	var groups [][]T
	for _, it := range items {
		k := key(it)
		i, seen := at[k]
		if !seen {
			i = len(groups)
			at[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], it)
	}
	return groups
}

// reconciled writes a line for each verdict: with the offset where it is about one partition, else with the partitions, whose
// offsets -v shows.
func (l *Log) reconciled(all []engine.Reconciliation) {
	type same struct {
		verdict ledger.Verdict
		running bool
		reason  string
	}
	for _, group := range alike(all, func(r engine.Reconciliation) same { return same{r.Verdict, r.Running, r.Reason} }) {
		r := group[0]
		if len(group) == 1 {
			l.settled(slog.LevelInfo, r)
			continue
		}
		tps := make(list, len(group))
		for i, r := range group {
			tps[i] = r.TopicPartition
			l.settled(slog.LevelDebug, r)
		}
		l.slog.Info("positions settled", "count", len(tps), "partitions", tps, "verdict", r.Verdict.String(), "running", r.Running, "reason", r.Reason)
	}
}

func (l *Log) settled(level slog.Level, r engine.Reconciliation) {
	l.log(level, "position settled", at(r.TopicPartition), "verdict", r.Verdict.String(), "offset", int64(r.Offset),
		"running", r.Running, "reason", r.Reason)
}

// moved writes a line for each cause and reason, as reconciled does. What passes records is a warning, and how many is summed.
func (l *Log) moved(moves []ledger.Move) {
	type same struct {
		cause ledger.Cause
		why   string
		loses bool
	}
	for _, group := range alike(moves, func(m ledger.Move) same { return same{m.Cause, m.Why, m.AtMost != 0} }) {
		level := slog.LevelInfo
		if group[0].AtMost != 0 {
			level = slog.LevelWarn
		}
		if len(group) == 1 {
			l.move(level, group[0])
			continue
		}
		tps, sum := make(list, len(group)), int64(0)
		for i, m := range group {
			tps[i] = m.TopicPartition
			if m.AtMost == ledger.UnknownLoss || sum == ledger.UnknownLoss {
				sum = ledger.UnknownLoss
			} else {
				sum += m.AtMost
			}
			l.move(slog.LevelDebug, m)
		}
		l.log(level, "positions moved", "count", len(tps), "partitions", tps, "cause", group[0].Cause.String(), "at_most", sum, "why", group[0].Why)
	}
}

func (l *Log) move(level slog.Level, m ledger.Move) {
	l.log(level, "position moved", at(m.TopicPartition), "cause", m.Cause.String(),
		"held", int64(m.Held.Offset), "next", int64(m.Next.Offset), "at_most", m.AtMost, "why", m.Why)
}

func (l *Log) log(level slog.Level, msg string, args ...any) {
	l.slog.Log(context.Background(), level, msg, args...)
}

// slow reports a commit that takes long, and its end.
func (l *Log) slow(e engine.Slow) {
	level, msg := slog.LevelWarn, "a commit takes long"
	if e.Ended {
		level, msg = slog.LevelInfo, "a long commit has ended"
	}
	l.log(level, msg, "lane", e.Lane, "rows", e.Rows, "for_ms", e.For, "waits", e.Wait.Text)
}

// silent reports brokers that do not answer, and that they do again.
func (l *Log) silent(e engine.Silent) {
	if e.Ended {
		l.slog.Info("brokers answer again", "since", e.Since, "for_ms", e.For)
		return
	}
	l.slog.Warn("no broker answers", append([]any{"since", e.Since, "for_ms", e.For, "lag", "unknown"}, fault(e.Err)...)...)
}

// outside reports a worker that its group has not let in, and that it is a member.
func (l *Log) outside(e engine.Outside) {
	if e.Ended {
		l.slog.Info("member of the group again", "worker", l.cfg.Worker, "since", e.Since, "for_ms", e.For)
		return
	}
	l.slog.Warn("not a member of the group", "worker", l.cfg.Worker, "since", e.Since, "for_ms", e.For, "lag", "unknown")
}

// fault is an error, with code and remedy where it has them.
func fault(err error) []any {
	as := []any{"error", said(err)}
	if f, ok := errors.AsType[*fencepost.UserError](err); ok {
		as = append(as, "code", f.Code, "help", codes.Remedy(f))
	}
	return as
}
