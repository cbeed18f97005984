package view

import (
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// TestO18EqualReasonsFold: a reason that many partitions have is said once, with their names joined, and so are their lines where
// they read alike; one that differs stands by itself.
func TestO18EqualReasonsFold(t *testing.T) {
	v := admin.View{At: time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC), About: source.Description{Topics: map[string]fencepost.Topic{"flights": {Partitions: 10_000}}}}
	for p := range int32(10_000) {
		s := admin.Standing{TopicPartition: fencepost.TopicPartition{Topic: "flights", Partition: p}, State: admin.Idle,
			Position: ledger.Position{Offset: 10, Fence: 1}, Bounds: fencepost.LogOffsets{LastStableOffset: 10, HighWatermark: 10},
			Decision: ledger.Decision{Verdict: ledger.OK, Action: ledger.Resume}}
		if p < 3334 || p == 5000 {
			s.State, s.Lag, s.LagTime, s.Reason = admin.Parked, admin.Unknown, admin.Unknown, "epoch 0 ended at 3: 7 offsets that were applied are no longer in the log"
			s.Decision = ledger.Decision{Verdict: ledger.Truncated, Action: ledger.Stop, Diverged: 3}
		}
		if p == 7 {
			s.Reason = "epoch 1 ended at 3"
		}
		v.Standings = append(v.Standings, s)
	}
	p := NewPositions(v, "sqlite:x.db", "")
	lines := p.Explained()
	want := []Explained{{"flights:0-6 flights:8-3333 flights:5000", "epoch 0 ended at 3: 7 offsets that were applied are no longer in the log"}, {"flights:7", "epoch 1 ended at 3"}}
	if len(lines) != 2 || lines[0] != want[0] || lines[1] != want[1] {
		t.Errorf("got %v, want %v", lines, want)
	}
	var b strings.Builder
	p.Table(Folded).Print(&b, 0, screen.Plain)
	for _, want := range []string{"\nflights:0-6 ", "\nflights:7 ", "\nflights:8-3333 ", "\nflights:5000 ", "\n6665 more, all ok (--all) "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no line begins with %q:\n%s", want, b.String())
		}
	}
	if n := strings.Count(b.String(), "\n"); n != 6 {
		t.Errorf("got %d lines, want 6:\n%s", n, b.String())
	}
	if n := len(p.Table(All).Rows); n != 10_001 {
		t.Errorf("--all has %d lines, want one for each partition and their total", n)
	}
	for want, some := range map[string][]int32{"t:0": {0}, "t:0-2 t:4": {0, 1, 2, 4}, "t:1 t:3 t:5 and 2 more": {1, 3, 5, 7, 9}} {
		var tps []fencepost.TopicPartition
		for _, p := range some {
			tps = append(tps, fencepost.TopicPartition{Topic: "t", Partition: p})
		}
		if got := named(tps, 3); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestO25TotalsAndExit: a lag that leaves partitions out is at least so much, and partitions of which the brokers say nothing are an exit
// code that a job sees.
func TestO25TotalsAndExit(t *testing.T) {
	v := admin.View{}
	for p, lag := range []int64{7, admin.Unknown} {
		v.Standings = append(v.Standings, admin.Standing{TopicPartition: fencepost.TopicPartition{Topic: "t", Partition: int32(p)}, Lag: lag,
			Position: ledger.Position{Offset: 10, Fence: 1}, Decision: ledger.Decision{Verdict: ledger.OK, Action: ledger.Resume}})
	}
	v.Standings[1].Position = ledger.Position{}
	v.Standings[1].Decision = ledger.Decision{Verdict: ledger.New, Action: ledger.MoveOn}
	p := NewPositions(v, "", "")
	rows := p.Table(All).Rows
	if got := rows[len(rows)-1].Cells[5]; got != "at least 7" || !p.Totals.AtLeast || p.Exit() != 0 {
		t.Errorf("total lag is %q, at least: %t, exit %d; want at least 7, exit 0", got, p.Totals.AtLeast, p.Exit())
	}
	v.Standings[1].State, v.Standings[1].Decision = admin.Waiting, ledger.Decision{Verdict: ledger.Unknown, Action: ledger.Wait}
	if got := NewPositions(v, "", "").Exit(); got != 3 {
		t.Errorf("a partition that waits: exit %d, want 3", got)
	}
}
