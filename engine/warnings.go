package engine

import (
	"log/slog"

	"github.com/fencepost/fencepost"
)

// Warnings makes a listener for Config.Events that logs what a person should know and nothing else: parked partitions
// as errors; waiting and blocked ones, retries, refusals, a sink that went back, brokers that do not answer, a worker outside of its group, commits that take long and moves that pass
// records as warnings; the end of what lasts as information.
func Warnings(l *slog.Logger) func(Event) {
	return func(e Event) {
		switch e := e.(type) {
		case Parked:
			l.Error("partition parked", where(e.TopicPartition), "code", e.Code, "offset", int64(e.Offset), "reason", e.Reason,
				"at_most", e.Lost)
		case Passed:
			skipped, letters := e.Counts()
			first := e.Records[0]
			l.Warn("bad records passed", "skipped", skipped, "dead_letters", letters, where(first.TopicPartition), "offset", int64(first.Offset),
				"code", first.Code, "reason", first.Reason)
		case Waiting:
			l.Warn("partition waiting", where(e.TopicPartition), "reason", e.Reason)
		case Weaker:
			l.Warn("weaker check", "topics", e.Topics, "reason", "no topic ID to compare: a recreated topic would not show")
		case Blocked:
			l.Warn("partition blocked", where(e.TopicPartition), "offset", int64(e.Offset), "since", e.Since,
				"producer_id", e.Transaction.ProducerID, "transactional_id", e.Transaction.TransactionalID)
		case LeftBehind:
			l.Warn("left behind", "what", e.What, "error", e.Err)
		case Retrying:
			l.Warn("retrying", "what", e.What, "lane", e.Lane, "attempt", e.Attempt, "in", e.In, "unknown", e.Unknown, "error", e.Err)
		case PipelineChanged:
			l.Warn("pipeline changed", "differs", Sentence(e.Differences), "was_by", e.Was.Who, "was_since", e.Was.Since, "others", e.Others)
		case PipelineLeft:
			l.Warn("pipeline left behind", "differs", Sentence(e.Differences), "by", e.Is.Who)
		case ReportFailed:
			l.Warn("reports not kept", "error", e.Err)
		case WorkersGone:
			l.Warn("workers gone", "workers", e.String())
		case PresenceFailed:
			l.Warn("no sign of life", "error", e.Err)
		case OtherCopy:
			l.Warn("another copy of the ledger", "worker", e.Who, "member", e.Member)
		case Slow:
			warnOf(l, e.Ended, "a long commit has ended", "a commit takes long", "lane", e.Lane, "rows", e.Rows, "for", e.For, "waits", e.Wait.Text)
		case Silent:
			warnOf(l, e.Ended, "brokers answer again", "no broker answers", "since", e.Since, "for", e.For, "error", e.Err)
		case Outside:
			warnOf(l, e.Ended, "member of the group again", "not a member of the group", "since", e.Since, "for", e.For)
		case Refused:
			l.Warn("commit refused", where(e.TopicPartition), "standing", e.Relation.String(), "offset", int64(e.Offset),
				"held", int64(e.Held.Offset))
		case SinkWentBack:
			l.Warn("sink went back", where(e.TopicPartition), "from", int64(e.From), "to", int64(e.To), "others", e.Others)
		case Moved:
			for _, m := range e.Moves {
				if m.AtMost != 0 {
					l.Warn("position moved", where(m.TopicPartition), "cause", m.Cause.String(),
						"held", int64(m.Held.Offset), "next", int64(m.Next.Offset), "at_most", m.AtMost, "why", m.Why)
				}
			}
		}
	}
}

// warnOf logs what lasts as a warning, and its end as information.
func warnOf(l *slog.Logger, ended bool, over, lasts string, args ...any) {
	if ended {
		l.Info(over, args...)
		return
	}
	l.Warn(lasts, args...)
}

func where(tp fencepost.TopicPartition) slog.Attr {
	return slog.GroupAttrs("", slog.String("topic", tp.Topic), slog.Int("partition", int(tp.Partition)))
}
