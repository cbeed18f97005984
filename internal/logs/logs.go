package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// Config is where and how a Log writes.
type Config struct {
	Out    io.Writer
	JSON   bool       // else key=value
	Level  slog.Level // the least level that is written; zero: info
	Group  fencepost.Group
	Worker string
	Every  time.Duration              // how often a summary is written; zero: 10s
	Now    func() time.Time           // zero: time.Now
	Remedy func(engine.Parked) string // what to do about a parked partition; nil: as package codes says, which knows no file
}

// Log subscribes to a run's events. It receives one event at a time.
type Log struct {
	cfg     Config
	slog    *slog.Logger
	total   int64     // rows committed
	summary time.Time // when the last one was written
	records int64     // as of the last summary
}

// New makes a Log.
func New(cfg Config) *Log {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Remedy == nil {
		cfg.Remedy = func(e engine.Parked) string { return codes.ParkedRemedy(e.Code, e.TopicPartition, e.Facts) }
	}
	if cfg.Every == 0 {
		cfg.Every = 10 * time.Second
	}
	options := &slog.HandlerOptions{Level: cfg.Level, ReplaceAttr: replace(cfg.JSON)}
	var h slog.Handler = slog.NewTextHandler(cfg.Out, options)
	if cfg.JSON {
		h = slog.NewJSONHandler(cfg.Out, options)
	}
	l := slog.New(clocked{h, cfg.Now}).With("group", string(cfg.Group))
	return &Log{cfg: cfg, slog: l, summary: cfg.Now()}
}

// clocked stamps records with the Log's own clock.
type clocked struct {
	slog.Handler
	now func() time.Time
}

func (h clocked) Handle(ctx context.Context, r slog.Record) error {
	r.Time = h.now()
	return h.Handler.Handle(ctx, r)
}

func (h clocked) WithAttrs(as []slog.Attr) slog.Handler {
	return clocked{h.Handler.WithAttrs(as), h.now}
}
func (h clocked) WithGroup(name string) slog.Handler {
	return clocked{h.Handler.WithGroup(name), h.now}
}

// replace gives times their forms: milliseconds, UTC in JSON, local in text. Durations are milliseconds.
func replace(json bool) func([]string, slog.Attr) slog.Attr {
	return func(_ []string, a slog.Attr) slog.Attr {
		switch a.Value.Kind() {
		case slog.KindTime:
			t, form := a.Value.Time(), "2006-01-02T15:04:05.000Z07:00"
			if json {
				t = t.UTC()
			}
			a.Value = slog.StringValue(t.Format(form))
		case slog.KindDuration:
			a.Value = slog.Float64Value(ms(a.Value.Duration()))
		}
		return a
	}
}

// ms is a duration in milliseconds, to a tenth.
func ms(d time.Duration) float64 { return float64(d.Round(100*time.Microsecond).Microseconds()) / 1000 }

func at(tp fencepost.TopicPartition) slog.Attr {
	return slog.GroupAttrs("", slog.String("topic", tp.Topic), slog.Int("partition", int(tp.Partition)))
}

// Began is the first line of a run.
func (l *Log) Began(topics string, partitions int, into, promise string) {
	l.slog.Info("run began", "topics", topics, "partitions", partitions, "into", into, "promise", promise, "worker", l.cfg.Worker)
}

// Joined logs this worker's member ID in the Kafka group.
func (l *Log) Joined(member string, generation int32) {
	l.slog.Info("group joined", "worker", l.cfg.Worker, "member", member, "generation", generation)
}

// Interrupted says that a signal asked the run to end.
func (l *Log) Interrupted() { l.slog.Info("interrupted") }

// Serves says where a run answers questions: http, or probes.
func (l *Log) Serves(what, url string) { l.slog.Info("serving", "what", what, "url", url) }

// Untold says that the service manager cannot be told how the run is.
func (l *Log) Untold(err error) {
	l.slog.Warn("service manager not told", "error", said(err), "until", "it may take this worker for one that hangs")
}

// Unwritten says that the events of the run are not written any more.
func (l *Log) Unwritten(err error) {
	l.slog.Warn("events not written", "error", said(err), "until", "the next start; the run goes on")
}

// HookFailed says that the webhook could not be told.
func (l *Log) HookFailed(err error) {
	l.slog.Warn("webhook not told", "error", said(err), "until", "it is tried again, for an hour; the run goes on")
}

// Failed is the last line of a run that ended by an error.
func (l *Log) Failed(code, reason, help string) {
	l.slog.Error("run failed", "code", code, "error", reason, "help", help)
}

// UnknownField logs a field that schema does not take, once, with the first record that has it.
func (l *Log) UnknownField(name string, tp fencepost.TopicPartition, offset fencepost.Offset) {
	l.slog.Info("unknown field", "field", name, at(tp), "offset", int64(offset))
}

// EmptyColumn logs a column that none of the first records fills, once.
func (l *Log) EmptyColumn(name string, records int64) {
	l.slog.Warn("column not filled", "column", name, "records", records, "help", "fencepost check FILE decodes a sample, and says where the field may be")
}

// Client takes the Kafka client's own log.
func (l *Log) Client(level int, msg string, keyvals ...any) {
	l.slog.Log(context.Background(), slog.Level(level), "kafka client", append([]any{"says", msg}, keyvals...)...)
}

// Event takes one event of a run.
func (l *Log) Event(e engine.Event) {
	switch e := e.(type) {
	case engine.Assigned:
		l.slog.Info("partitions assigned", "worker", l.cfg.Worker, "partitions", list(e.Partitions))
	case engine.Revoked:
		msg := "partitions revoked"
		if e.Lost {
			msg = "partitions lost"
		}
		l.slog.Info(msg, "worker", l.cfg.Worker, "partitions", list(e.Partitions))
	case engine.Reconciled:
		l.reconciled(e.Partitions)
	case engine.Moved:
		l.moved(e.Moves)
	case engine.Committed:
		l.committed(e)
	case engine.Passed:
		skipped, letters := e.Counts()
		first := e.Records[0]
		l.slog.Warn("bad records passed", "skipped", skipped, "dead_letters", letters, at(first.TopicPartition), "offset", int64(first.Offset),
			"code", first.Code, "reason", first.Reason)
	case engine.Refused:
		l.slog.Warn("commit refused", at(e.TopicPartition), "standing", e.Relation.String(), "offset", int64(e.Offset),
			"held", int64(e.Held.Offset), "fence", e.Held.Fence.String(), "unknown", e.Unknown)
	case engine.SinkWentBack:
		as := []any{at(e.TopicPartition), "from", int64(e.From), "to", int64(e.To)}
		if e.Others > 0 {
			as = append(as, "others", e.Others)
		}
		l.slog.Warn("sink went back", as...)
	default:
		l.standing(e)
	}
}

// standing takes the events about what does not get on: partitions, commits, brokers, mirrors.
func (l *Log) standing(e engine.Event) {
	switch e := e.(type) {
	case engine.Parked:
		as := []any{at(e.TopicPartition), "code", e.Code, "offset", int64(e.Offset), "reason", e.Reason}
		if e.Lost != 0 {
			as = append(as, "at_most", e.Lost)
		}
		l.slog.Error("partition parked", append(as, "help", l.cfg.Remedy(e))...)
	case engine.Waiting:
		l.slog.Warn("partition waiting", at(e.TopicPartition), "reason", e.Reason)
	case engine.Blocked:
		as := []any{at(e.TopicPartition), "offset", int64(e.Offset), "since", e.Since}
		if tx := e.Transaction; tx != (source.Transaction{}) {
			as = append(as, "producer_id", tx.ProducerID, "transactional_id", tx.TransactionalID)
			if !tx.Since.IsZero() {
				as = append(as, "open_since", tx.Since)
			}
		}
		l.slog.Warn("partition blocked", as...)
	case engine.Retrying:
		as := []any{"what", e.What, "lane", e.Lane, "attempt", e.Attempt, "in_ms", e.In, "unknown", e.Unknown}
		if e.Left > 0 {
			as = append(as, "left_ms", e.Left)
		}
		l.slog.Warn("retrying", append(as, fault(e.Err)...)...)
	case engine.Slow:
		l.slow(e)
	case engine.Silent:
		l.silent(e)
	case engine.Outside:
		l.outside(e)
	case engine.MirrorFailed:
		if e.Mirror > 0 { // the configuration asks for it, and it is logged once
			l.slog.Warn("mirror failed", "mirror", e.Mirror, "error", said(e.Err))
			return
		}
		l.slog.Debug("mirror failed", "error", said(e.Err))
	default:
		l.run(e)
	}
}

// run takes the events about the run as a whole, and about the group and its other programs.
func (l *Log) run(e engine.Event) {
	switch e := e.(type) {
	case engine.PipelineChanged:
		as := []any{"differs", engine.Sentence(e.Differences), "was_by", e.Was.Who, "was_since", e.Was.Since}
		if e.Others > 0 {
			as = append(as, "others", e.Others, "until", "the others go on as before until each is started anew")
		}
		l.slog.Warn("pipeline changed", as...)
	case engine.PipelineLeft:
		l.slog.Warn("pipeline left behind", "differs", engine.Sentence(e.Differences), "by", e.Is.Who, "until", "this worker goes on as before until it is started anew")
	case engine.ReportFailed:
		as := []any{"error", said(e.Err)}
		if errors.Is(e.Err, ledger.ErrNoReports) {
			const code = "reports-not-kept"
			as = append(as, "code", code, "help", l.cfg.Remedy(engine.Parked{Code: code}))
		}
		l.slog.Warn("reports not kept", as...)
	case engine.WorkersGone:
		for _, w := range e.Workers {
			as := []any{"worker", w.Who, "member", w.Member, "since", w.Since}
			if e.Err != nil {
				as = append(as, "error", said(e.Err))
			}
			l.slog.Warn("worker gone", as...)
		}
	case engine.PresenceFailed:
		l.slog.Warn("no sign of life", "error", said(e.Err), "until", "this worker's partitions wait for its session timeout if it dies")
	case engine.OtherCopy:
		l.slog.Warn("another copy of the ledger", "worker", e.Who, "member", e.Member, "help", codes.Remedy(ledger.OtherCopy(l.cfg.Group, e.Stranger)))
	case engine.CommittedElsewhere:
		l.elsewhere(e.Partitions)
	case engine.Progress:
		if now := l.cfg.Now(); now.Sub(l.summary) >= l.cfg.Every {
			l.summarize("summary", e.Status, now)
		}
	case engine.Weaker:
		l.slog.Warn("weaker check", "topics", e.Topics, "reason", "no topic ID to compare: a recreated topic would not show")
	case engine.EndsFixed:
		l.slog.Info("ends fixed", "partitions", e.Partitions, "offsets", e.Offsets)
	case engine.Draining:
		l.slog.Info("draining", "in_flight", e.InFlight, "at_most_ms", e.AtMost)
	case engine.LeftBehind:
		l.slog.Warn("left behind", "what", e.What, "error", said(e.Err))
	case engine.Stopped:
		as, level := append(status(e.Status), "up_ms", e.Up), slog.LevelInfo
		if len(e.Parked) > 0 {
			level = slog.LevelWarn
			as = append(as, "partitions", list(e.Parked))
		}
		if e.Err != nil { // what is to be done about it, Failed says
			as = append(as, "error", said(e.Err))
		}
		l.log(level, "stopped", as...)
	}
}

// elsewhere names the partitions that another program moved in the Kafka group, in one line.
func (l *Log) elsewhere(all []engine.Elsewhere) {
	tps := make([]fencepost.TopicPartition, len(all))
	var committed, held []int64
	for i, e := range all {
		tps[i], committed, held = e.TopicPartition, append(committed, int64(e.Committed)), append(held, int64(e.Held))
	}
	l.slog.Warn("kafka group moved by another program", "partitions", list(tps), "committed", committed, "ledger", held,
		"reason", "the ledger decides; fencepost offsets set FILE moves it")
}

// segment is one partition's part of a commit, as JSON readers take it.
type segment struct {
	Topic     string           `json:"topic"`
	Partition int32            `json:"partition"`
	From      fencepost.Offset `json:"from"`
	Until     fencepost.Offset `json:"until"`
	Rows      int              `json:"rows"`
}

// segments are an array in JSON, ranges in text.
type segments []segment

// MarshalText is the form in text: trips:8 [304098 .. 304100).
func (s segments) MarshalText() ([]byte, error) {
	var b strings.Builder
	for i, one := range s {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s:%d %s", one.Topic, one.Partition, fencepost.OffsetRange{From: one.From, Until: one.Until})
	}
	return []byte(b.String()), nil
}

// MarshalJSON is the form in JSON.
func (s segments) MarshalJSON() ([]byte, error) { return json.Marshal([]segment(s)) }

func (l *Log) committed(c engine.Committed) {
	l.total += int64(c.Rows)
	if !l.slog.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	parts := make(segments, 0, len(c.Segments))
	for _, s := range c.Segments {
		parts = append(parts, segment{s.Topic, s.Partition, s.Range.From, s.Range.Until, s.Rows()})
	}
	as := []any{"worker", l.cfg.Worker, "lane", c.Lane, "rows", c.Rows, "total", l.total, "commit_ms", c.Took, "segments", parts}
	if c.Recovered {
		as = append(as, "recovered", true)
	}
	l.slog.Debug("batch committed", as...)
}

// summarize writes a summary and begins the next interval.
func (l *Log) summarize(msg string, s engine.Status, now time.Time) {
	rate := int64(float64(s.Records-l.records) / now.Sub(l.summary).Seconds())
	l.slog.Info(msg, append(status(s), "rate", rate, "running", s.Running, "blocked", s.Blocked, "waiting", s.Waiting,
		"p50_ms", s.CommitP50)...)
	l.summary, l.records = now, s.Records
}

func status(s engine.Status) []any {
	as := []any{"records", s.Records, "commits", s.Commits, "gaps", s.Gaps, lag(s), "parked", s.Parked}
	if s.Unknown > 0 && s.LagKnown() {
		as = append(as, "lag_unknown", s.Unknown)
	}
	if s.Silent {
		as = append(as, "brokers", "silent")
	}
	if s.Outside {
		as = append(as, "member", false)
	}
	if s.Total > 0 {
		as = append(as, "offsets_done", s.Done, "offsets_total", s.Total)
	}
	return as
}

// lag is an integer, or the word unknown. Beside lag_unknown, which counts partitions, it is the least that it can be.
func lag(s engine.Status) slog.Attr {
	if !s.LagKnown() {
		return slog.String("lag", "unknown")
	}
	return slog.Int64("lag", s.Lag)
}

// list is names: an array in JSON, runs in text.
type list []fencepost.TopicPartition

// MarshalText is the form in text: trips:0-11 weather:0.
func (l list) MarshalText() ([]byte, error) {
	all := slices.SortedFunc(slices.Values(l), fencepost.TopicPartition.Compare)
	return []byte(strings.Join(text.Spans(len(all), func(i int) (string, int32) { return all[i].Topic, all[i].Partition }), " ")), nil
}

// MarshalJSON is the form in JSON.
func (l list) MarshalJSON() ([]byte, error) {
	out := make([]string, len(l))
	for i, tp := range l {
		out[i] = tp.String()
	}
	return json.Marshal(out)
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
