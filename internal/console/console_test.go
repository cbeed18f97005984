package console

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

var update = flag.Bool("update", false, "write the golden files")

// clock is a time that the test moves.
type clock struct{ now time.Time }

func (c *clock) read() time.Time      { return c.now }
func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }
func tp(topic string, p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: topic, Partition: p}
}

func newClock() *clock {
	return &clock{time.Date(2026, 11, 21, 3, 4, 12, 0, time.FixedZone("", 3600)).In(time.Local)}
}

// shown makes escape sequences readable: the redrawn line begins with a return.
func shown(s string) string {
	return strings.NewReplacer("\r\x1b[K", "<wipe>", "\r", "<redraw>", "\x1b[K", "", "\x1b[", "<").Replace(s)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

// finite is a run with an end.
func finite(c *Console, k *clock) {
	c.Began("flights", 12, "postgres flights", "exactly once", "w1@node3")
	c.Event(engine.EndsFixed{Partitions: 12, Offsets: 3_000_000})
	var settled []engine.Reconciliation
	for p := range int32(12) {
		settled = append(settled, engine.Reconciliation{TopicPartition: tp("flights", p), Verdict: ledger.New, Running: true})
	}
	c.Event(engine.Reconciled{Partitions: settled})
	k.pass(time.Second)
	c.Event(engine.Progress{Status: engine.Status{Records: 662_410, Done: 662_410, Total: 3_000_000}})
	k.pass(time.Second)
	c.Event(engine.Progress{Status: engine.Status{Records: 1_922_410, Done: 1_922_410, Total: 3_000_000}})
	k.pass(10 * time.Second)
	c.Event(engine.Progress{Status: engine.Status{Records: 2_999_999, Done: 2_999_999, Total: 3_000_000}})
	c.Event(engine.Draining{})
	c.Event(engine.Stopped{Up: 2400 * time.Millisecond, Status: engine.Status{Records: 3_000_000, Commits: 151}})
}

// night is a run without an end, at three in the morning.
func night(c *Console, k *clock) {
	c.Began("trips, weather", 14, "postgres trips", "exactly once", "w1@node3")
	settled := []engine.Reconciliation{{TopicPartition: tp("trips", 1), Verdict: ledger.AgedOut}, {TopicPartition: tp("weather", 1), Verdict: ledger.Recreated},
		{TopicPartition: tp("trips", 7), Verdict: ledger.OK}, {TopicPartition: tp("weather", 0), Verdict: ledger.Recreated}}
	for p := range int32(10) {
		settled = append(settled, engine.Reconciliation{TopicPartition: tp("ok", p), Verdict: ledger.OK, Running: true})
	}
	c.Event(engine.Reconciled{Partitions: settled})
	c.Event(engine.Waiting{TopicPartition: tp("trips", 5), Reason: "unknown: no leader since 03:04:10"})
	k.pass(2*time.Minute + 19*time.Second)
	park := engine.Parked{TopicPartition: tp("trips", 3), Code: "truncated", Offset: 472_522,
		Reason: "472,522 is past the divergence at 470,118 (epoch 4)", Lost: 886}
	c.Event(park)
	c.Event(park) // reported once
	k.pass(6*time.Minute + 9*time.Second)
	c.Event(engine.Progress{Status: engine.Status{Records: 36_912, Running: 7, Blocked: 1, Waiting: 1, Parked: 5, Lag: 53_274,
		Oldest: k.now.Add(-6*time.Hour - 40*time.Minute), CommitP50: 4 * time.Millisecond}})
	c.Event(engine.Reconciled{Partitions: []engine.Reconciliation{{TopicPartition: tp("trips", 3), Verdict: ledger.OK, Running: true, Offset: 470_118}}})
	c.Event(engine.Refused{TopicPartition: tp("trips", 2), Relation: ledger.RelationMoved, Offset: 200, Held: ledger.Position{Offset: 100}})
	c.Event(engine.SinkWentBack{TopicPartition: tp("trips", 2), From: 200, To: 100})
	c.Event(engine.SinkWentBack{TopicPartition: tp("trips", 2), From: 200, To: 100, Others: 1})
	c.Event(engine.Moved{Moves: []ledger.Move{{TopicPartition: tp("trips", 1), Cause: ledger.CauseGap, AtMost: 10_800,
		Held: ledger.Position{Offset: 410_200}, Next: ledger.Position{Offset: 421_000}}}})
	c.Event(engine.Blocked{TopicPartition: tp("trips", 8), Offset: 304_100, Since: k.now})
	c.Event(engine.Retrying{What: "commit", Lane: 0, Attempt: 3, In: time.Second, Err: errors.New("connection refused")})
	c.Interrupted()
	c.Event(engine.Draining{InFlight: 1, AtMost: 30 * time.Second})
	k.pass(100 * time.Millisecond)
	c.Event(engine.Committed{Rows: 5})
	c.Event(engine.Stopped{Up: time.Hour + 58*time.Minute, Status: engine.Status{Records: 36_912}})
}

// TestScreens shows both runs as people with different terminals see them.
func TestScreens(t *testing.T) {
	time.Local = time.FixedZone("", 3600)
	for _, s := range []struct {
		name  string
		width int
		live  bool
		ascii bool
		ends  bool
		run   func(*Console, *clock)
	}{
		{"end", 100, true, false, true, finite},
		{"end-80", 80, true, true, true, finite},
		{"end-40", 40, true, true, true, finite},
		{"end-plain", 100, false, false, true, finite},
		{"night", 100, true, false, false, night},
		{"night-80", 80, true, false, false, night},
		{"night-plain", 100, false, false, false, night},
	} {
		t.Run(s.name, func(t *testing.T) {
			var b strings.Builder
			k := newClock()
			group := fencepost.Group("flight-delays")
			if !s.ends {
				group = "trip-totals"
			}
			c := New(Config{Out: &b, Width: s.width, Live: s.live, ASCII: s.ascii, Ends: s.ends, Group: group, Now: k.read, Remedy: func(e engine.Parked) string { return "policy: {" + e.Code + ": divergence}" },
				Memory: func() int64 { return 38 << 20 }})
			s.run(c, k)
			golden(t, "testdata/"+s.name+".txt", shown(b.String()))
		})
	}
}

func TestQuietSaysNothing(t *testing.T) {
	var b strings.Builder
	k := newClock()
	c := New(Config{Out: &b, Live: true, Quiet: true, Now: k.read})
	night(c, k)
	if b.Len() > 0 {
		t.Errorf("got %q, want nothing", b.String())
	}
}

// TestLeftParked: a run that reached its end but in one partition says how many are parked, and in front of what.
func TestLeftParked(t *testing.T) {
	var b strings.Builder
	c := New(Config{Out: &b, Ends: true, Now: newClock().read})
	c.Event(engine.Parked{TopicPartition: tp("trips", 7), Code: "record-undecodable", Offset: 331_008, Reason: "value is not JSON at byte 17"})
	c.Event(engine.Draining{})
	c.Event(engine.Stopped{Status: engine.Status{Records: 7}, Err: &fencepost.UserError{Code: "parked-left", Err: errors.New("trips:7")}})
	want := []string{"03:04:12  parked    trips:7  record undecodable at 331,008: value is not JSON at byte 17",
		"done           7 records, lag 0, 0 commits, 0s (0/s). 0 gaps, 1 parked"}
	if got := strings.Split(strings.TrimSpace(b.String()), "\n"); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

// TestE4TopicIDsTakenOver: partitions that moved nowhere are one line, whatever their number.
func TestE4TopicIDsTakenOver(t *testing.T) {
	var b strings.Builder
	c := New(Config{Out: &b, Now: newClock().read})
	at := ledger.Position{Offset: 1000, Fence: 7}
	moves := []ledger.Move{{TopicPartition: tp("trips", 2), Held: at, Next: ledger.Position{Offset: 2000, Fence: 8}, Cause: ledger.CauseGap, AtMost: 1000}}
	for p := range int32(2) {
		moves = append(moves, ledger.Move{TopicPartition: tp("trips", p), Held: at, Next: ledger.Position{Offset: 1000, Fence: 8, TopicID: fencepost.TopicID{1}}, Cause: ledger.CauseImport})
	}
	c.Event(engine.Moved{Moves: moves})
	want := []string{"03:04:12  moved     trips:2  gap  1,000 -> 2,000; loses at most 1,000",
		"03:04:12  moved     2 positions in place: the brokers' topic ID is taken over"}
	if got := strings.Split(strings.TrimSpace(b.String()), "\n"); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

// TestCutShort: a run with an end that is interrupted says that the end was not reached.
func TestCutShort(t *testing.T) {
	var b strings.Builder
	k := newClock()
	c := New(Config{Out: &b, Ends: true, Now: k.read})
	c.Interrupted()
	c.Event(engine.Draining{InFlight: 1})
	c.Event(engine.Stopped{Err: engine.ErrCutShort})
	if got := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(got, "batch dropped, nothing lost, group left") || !strings.Contains(got, "The end was not reached") {
		t.Errorf("got %q", got)
	}
}

// TestMirrorFailed: a copy that the configuration asks for is named, with its remedy; the Kafka group's is shown with -v.
func TestMirrorFailed(t *testing.T) {
	for _, verbose := range []bool{false, true} {
		var b strings.Builder
		c := New(Config{Out: &b, Width: 300, Verbose: verbose, Now: newClock().read, Mirrors: []string{"mirror.redis (redis://h:6379/0)"}})
		c.Event(engine.MirrorFailed{Mirror: 1, Err: &fencepost.UserError{Code: "redis-unreachable", Err: errors.New("refused"), Help: "start it"}})
		c.Event(engine.MirrorFailed{Err: errors.New("rebalance")})
		want := "mirror    mirror.redis (redis://h:6379/0): not written: refused. Commits go on; it is written again until it is well. help: start it\n"
		if got := b.String(); !strings.Contains(got, want) || strings.Contains(got, "rebalance") != verbose {
			t.Errorf("verbose %t: got %q, want %q", verbose, got, want)
		}
	}
}

// TestO22Elsewhere: a group that another program moved is one line, whatever the number of its partitions.
func TestO22Elsewhere(t *testing.T) {
	var b strings.Builder
	c := New(Config{Out: &b, Width: 300, Now: newClock().read})
	c.Event(engine.CommittedElsewhere{Partitions: []engine.Elsewhere{
		{TopicPartition: fencepost.TopicPartition{Topic: "trips"}, Committed: 0, Held: 21_287}, {TopicPartition: fencepost.TopicPartition{Topic: "trips", Partition: 1}}}})
	want := "elsewhere another program moved the Kafka group: trips:0 to 0, where the ledger holds 21,287, and 1 partition more. " +
		"The ledger decides; help: fencepost offsets set FILE moves it\n"
	if got := b.String(); !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestStopCutShort: a commit that did not end in time is reported with its lane, and what the run ended without before it.
func TestStopCutShort(t *testing.T) {
	var b strings.Builder
	c := New(Config{Out: &b, Width: 300, Now: newClock().read})
	c.Interrupted()
	c.Event(engine.Draining{InFlight: 1})
	c.Event(engine.LeftBehind{What: "leave group", Err: errors.New("context deadline exceeded")})
	c.Event(engine.Stopped{Err: fmt.Errorf("%w: lane 0 is still in its commit", engine.ErrCutShort)})
	for _, want := range []string{"left      leave group: context deadline exceeded. Nothing that was committed hangs on it",
		"cut short: lane 0 is still in its commit, group not left."} {
		if got := b.String(); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
}

// TestBlockedNamesTheTransaction: as far as the brokers name it.
func TestBlockedNamesTheTransaction(t *testing.T) {
	k := newClock()
	for want, tx := range map[string]source.Transaction{
		"at 10 by a transaction open since 03:04:12":                            {},
		"at 10 by producer 4001's transaction open since 03:04:12":              {ProducerID: 4001},
		"at 10 by billing-7's transaction (producer 4001) open since 03:03:12.": {ProducerID: 4001, TransactionalID: "billing-7", Since: k.now.Add(-time.Minute)},
	} {
		var b strings.Builder
		c := New(Config{Out: &b, Width: 300, Now: k.read})
		c.Event(engine.Blocked{TopicPartition: tp("trips", 8), Offset: 10, Since: k.now, Transaction: tx})
		if got := b.String(); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
}
