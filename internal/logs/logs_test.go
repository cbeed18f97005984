package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/source"
)

var update = flag.Bool("update", false, "write the golden files")

func tp(p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: "trips", Partition: p}
}

// everything sends a Log one event of each kind.
func everything(l *Log, pass func(time.Duration)) {
	l.Began("trips", 2, "postgres trips", "exactly once")
	l.Joined("fencepost-1", 3)
	l.Event(engine.EndsFixed{Partitions: 2, Offsets: 3_000})
	l.Event(engine.Assigned{Partitions: []fencepost.TopicPartition{tp(0), tp(1)}})
	l.Event(engine.Reconciled{Partitions: []engine.Reconciliation{{TopicPartition: tp(0), Verdict: ledger.OK, Offset: 7, Running: true}}})
	l.Event(engine.Moved{Moves: []ledger.Move{
		{TopicPartition: tp(1), Cause: ledger.CauseStart, Next: ledger.Position{Offset: 0}, Why: "earliest"},
		{TopicPartition: tp(1), Cause: ledger.CauseGap, Held: ledger.Position{Offset: 10}, Next: ledger.Position{Offset: 30}, AtMost: 20}}})
	many, starts := []engine.Reconciliation{}, []ledger.Move{}
	for p := range int32(4) {
		many = append(many, engine.Reconciliation{TopicPartition: tp(p), Verdict: ledger.New, Offset: fencepost.Offset(p), Running: true, Reason: "earliest"})
		starts = append(starts, ledger.Move{TopicPartition: tp(p), Cause: ledger.CauseStart, Next: ledger.Position{Offset: fencepost.Offset(p)}, Why: "earliest"})
	}
	l.Event(engine.Moved{Moves: append(starts, ledger.Move{TopicPartition: tp(7), Cause: ledger.CauseGap, AtMost: 20, Why: "aged out"},
		ledger.Move{TopicPartition: tp(9), Cause: ledger.CauseGap, AtMost: 3, Why: "aged out"})})
	l.Event(engine.Reconciled{Partitions: many})
	l.Event(engine.Committed{Rows: 2, Took: 4100 * time.Microsecond, Segments: []fencepost.Segment{{Hi: 2,
		TopicPartition: tp(8), Range: fencepost.OffsetRange{From: 304_098, Until: 304_100}}}})
	l.Event(engine.Committed{Rows: 3, Lane: 1, Recovered: true})
	l.Event(engine.Refused{TopicPartition: tp(0), Relation: ledger.RelationMoved, Offset: 9, Held: ledger.Position{Offset: 1, Fence: 255}})
	l.Event(engine.SinkWentBack{TopicPartition: tp(0), From: 9, To: 1})
	l.Event(engine.SinkWentBack{TopicPartition: tp(0), From: 9, To: 1, Others: 2})
	l.Event(engine.Parked{TopicPartition: tp(3), Code: "truncated", Offset: 472_522, Reason: "past the divergence", Lost: 886})
	l.Event(engine.Waiting{TopicPartition: tp(5), Reason: "no leader"})
	l.Event(engine.Blocked{TopicPartition: tp(6), Offset: 4, Since: time.Date(2026, 11, 21, 3, 2, 44, 0, time.FixedZone("", 3600))})
	l.Event(engine.Blocked{TopicPartition: tp(7), Offset: 5, Since: time.Date(2026, 11, 21, 3, 2, 44, 0, time.FixedZone("", 3600)),
		Transaction: source.Transaction{ProducerID: 4001, TransactionalID: "billing-7", Since: time.Date(2026, 11, 21, 3, 0, 0, 0, time.FixedZone("", 3600))}})
	l.Event(engine.Retrying{What: "commit", Lane: 0, Attempt: 2, In: 250 * time.Millisecond, Err: errors.New("connection refused"), Unknown: true})
	l.Event(engine.MirrorFailed{Err: errors.New("no coordinator")})
	l.Event(engine.CommittedElsewhere{Partitions: []engine.Elsewhere{{TopicPartition: tp(0), Committed: 0, Held: 21_287}, {TopicPartition: tp(1), Committed: 5, Held: 9}}})
	l.Event(engine.Progress{Status: engine.Status{Records: 5}}) // too early for a summary
	pass(10 * time.Second)
	l.Event(engine.Progress{Status: engine.Status{Records: 5_000, Commits: 2, Lag: 7, Running: 2, Parked: 1, CommitP50: 4 * time.Millisecond, Done: 5, Total: 9}})
	l.Event(engine.Slow{Lane: 1, Rows: 9, For: 5 * time.Second, Wait: sink.Wait{Text: "backend 7 waits"}})
	l.Event(engine.Slow{Lane: 1, Rows: 9, For: 7 * time.Second, Ended: true})
	since := time.Date(2026, 11, 21, 3, 6, 0, 0, time.FixedZone("", 3600))
	l.Event(engine.Silent{Since: since, For: 2 * time.Second, Err: &fencepost.UserError{Code: "broker-silent", Err: errors.New("no broker answered")}})
	l.Event(engine.Outside{Since: since, For: 10 * time.Second})
	for _, s := range []engine.Status{{Silent: true, Running: 2, Lag: 7}, {Outside: true}, {Waiting: 2, Unknown: 2}, {Running: 1, Waiting: 1, Unknown: 1, Lag: 7}} {
		pass(10 * time.Second)
		l.Event(engine.Progress{Status: s})
	}
	l.Event(engine.Silent{Since: since, For: 20 * time.Second, Ended: true})
	l.Event(engine.Outside{Since: since, For: 12 * time.Second, Ended: true})
	l.UnknownField("tail", tp(3), 7)
	l.Client(int(slog.LevelWarn), "broker closed the connection", "broker", 1)
	l.Event(engine.Revoked{Partitions: []fencepost.TopicPartition{tp(0)}})
	l.Event(engine.Revoked{Partitions: []fencepost.TopicPartition{tp(1)}, Lost: true})
	l.Interrupted()
	l.Event(engine.Draining{InFlight: 1, AtMost: 30 * time.Second})
	l.Event(engine.LeftBehind{What: "leave group", Err: errors.New("no coordinator")})
	l.Event(engine.Stopped{Up: time.Minute, Status: engine.Status{Records: 5_000}, Err: errors.New("disk full")})
	l.Failed("disk-full", "no space left", "free space")
}

func TestLines(t *testing.T) {
	time.Local = time.FixedZone("", 3600)
	for _, asJSON := range []bool{false, true} {
		name := map[bool]string{false: "text", true: "json"}[asJSON]
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			now := time.Date(2026, 11, 21, 3, 6, 31, 402e6, time.Local)
			l := New(Config{Out: &b, JSON: asJSON, Level: slog.LevelDebug, Group: "trip-totals", Worker: "w1@node3", Now: func() time.Time { return now },
				Remedy: func(e engine.Parked) string { return "policy: {" + e.Code + ": divergence}" }})
			everything(l, func(d time.Duration) { now = now.Add(d) })
			file := "testdata/" + name + ".txt"
			if *update {
				if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), b.String()); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if !asJSON {
				return
			}
			for _, line := range strings.Split(strings.TrimSpace(b.String()), "\n") {
				if err := json.Unmarshal([]byte(line), new(map[string]any)); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		})
	}
}

// TestLevels: commits are for -v, quiet is errors only, and ERROR means that action is needed.
func TestLevels(t *testing.T) {
	lines := func(level slog.Level) []string {
		var b bytes.Buffer
		now := time.Now()
		everything(New(Config{Out: &b, Level: level, Now: func() time.Time { return now }}), func(d time.Duration) { now = now.Add(d) })
		return strings.Split(strings.TrimSpace(b.String()), "\n")
	}
	if got := strings.Join(lines(slog.LevelInfo), "\n"); strings.Contains(got, "batch committed") || !strings.Contains(got, "msg=summary") {
		t.Errorf("at info: got\n%s\nwant summaries and no commit", got)
	}
	for _, l := range lines(slog.LevelError) {
		if !strings.Contains(l, `msg="partition parked"`) && !strings.Contains(l, `msg="run failed"`) {
			t.Errorf("at error: %s: nobody has to act about it", l)
		}
	}
}
