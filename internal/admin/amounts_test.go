package admin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// gone makes offsets of a partition of no record, as markers, aborted and compacted ones are.
func (w *world) gone(p int32, offsets ...fencepost.Offset) {
	if w.cluster.gone[tp(p)] == nil {
		w.cluster.gone[tp(p)] = map[fencepost.Offset]bool{}
	}
	for _, o := range offsets {
		w.cluster.gone[tp(p)][o] = true
	}
}

// amounts is what the lines of a plan repeat.
func amounts(p *admin.Plan) string {
	var all []string
	for _, l := range p.Lines {
		all = append(all, text.Amount{N: l.Repeats, Most: !l.Dense}.String())
	}
	return strings.Join(all, ", ")
}

// TestO15Repeats: a distance in offsets is a number of records only where the log was read, and each offset is one.
func TestO15Repeats(t *testing.T) {
	w := newWorld(t, 3)
	w.gone(0, 999)      // the marker of the last transaction
	w.gone(1, 400, 401) // compacted
	for _, c := range []struct{ to, want string }{
		{"earliest", "up to 1,000, up to 1,000, 1,000"},
		{"-500", "up to 500, 500, 500"},
		{"401", "up to 599, up to 599, 599"},
		{"402", "up to 598, 598, 598"},
	} {
		if got := amounts(w.planned(c.to)); got != c.want {
			t.Errorf("--to %s repeats %s, want %s", c.to, got, c.want)
		}
	}
	// What was done is as exact as the plan, unless a worker went on in between: that was not looked at.
	for _, c := range []struct {
		until fencepost.Offset
		want  string
	}{{0, "600"}, {1010, "up to 600"}} {
		w := newWorld(t, 1)
		w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 2000, 2000 })
		p := w.planned("-600")
		if c.until > 0 {
			w.commit(tp(0), c.until)
		}
		d, err := p.Execute(t.Context(), w.resources, "")
		if err != nil || d.Repeats[0].String() != c.want {
			t.Errorf("executed: repeats %v, %v, want %s", d.Repeats, err, c.want)
		}
	}
	// What is too long is not read.
	big := newWorld(t, 1)
	big.bounds(0, func(b *fencepost.LogOffsets) {
		b.LastStableOffset, b.HighWatermark, b.EpochEnd = 50_000, 50_000, 50_000
	})
	big.commit(tp(0), 50_000)
	if got := amounts(big.planned("earliest")) + "; " + amounts(big.planned("-20000")) + "; " + amounts(big.planned("-20001")); got != "up to 50,000; 20,000; up to 20,001" {
		t.Errorf("a long range: got %s", got)
	}
	big.cluster.silent = fmt.Errorf("no answer")
	if got := amounts(big.planned("-10")); got != "up to 10" {
		t.Errorf("a log that was not read: got %s, want up to 10", got)
	}
}

// TestO15Idle: a position with nothing but markers, aborted or compacted entries behind it is idle; with an open transaction behind
// them it is blocked.
func TestO15Idle(t *testing.T) {
	w := newWorld(t, 3)
	for p := range int32(3) {
		w.bounds(p, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1002, 1002 })
		w.gone(p, 1000, 1001)
	}
	w.bounds(1, func(b *fencepost.LogOffsets) { b.HighWatermark = 1007 })
	delete(w.cluster.gone[tp(2)], 1001)
	for p, want := range []struct {
		state admin.State
		time  time.Duration
	}{{admin.Idle, 0}, {admin.Blocked, admin.Unknown}, {admin.StateUnknown, time.Hour}} {
		if s := w.standing(int32(p)); s.State != want.state || s.LagTime != want.time {
			t.Errorf("%s: %s, lag %d, %s old; want %s, %s", s.TopicPartition, s.State, s.Lag, s.LagTime, want.state, want.time)
		}
	}
	w.cluster.silent = fmt.Errorf("no answer")
	if s := w.standing(0); s.State != admin.StateUnknown || s.LagTime != admin.Unknown {
		t.Errorf("a log that was not read: %s, %s; want neither known", s.State, s.LagTime)
	}
}

// TestO15Others: repair, copy and backfill say the same of their numbers.
func TestO15Others(t *testing.T) {
	w := newWorld(t, 2)
	w.gone(0, 899)
	for p := range int32(2) {
		w.bounds(p, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark, b.EpochEnd = 900, 900, 900 })
	}
	repair, err := admin.PlanRepair(w.resources, w.look(), admin.Selection{}, admin.Choices{Policy: ledger.Policy{Truncated: ledger.Earliest}})
	if err != nil {
		t.Fatal(err)
	}
	repair.Count(t.Context(), w.resources)
	if got := amounts(repair.Plan); got != "up to 900, 900" {
		t.Errorf("repair repeats %s, want up to 900, 900", got)
	}

	w = newWorld(t, 2)
	w.gone(0, 700)
	ask := admin.BackfillAsk{Ranges: map[fencepost.TopicPartition]fencepost.OffsetRange{tp(0): {From: 600, Until: 800}, tp(1): {From: 600, Until: 800}}}
	r := w.resources
	r.Group = "trips-backfill"
	b, err := admin.PlanBackfill(t.Context(), r, group, ask, "")
	if err != nil || b.Ranges[0].Dense || !b.Ranges[1].Dense || b.Ranges[0].Again != 200 {
		t.Errorf("backfill: %+v, %v; want 200 again, exactly so for the second alone", b, err)
	}

	to := newWorld(t, 2)
	to.commit(tp(0), 1000)
	to.cluster.gone = map[fencepost.TopicPartition]map[fencepost.Offset]bool{tp(0): {950: true}, tp(1): {700: true}}
	for p := range int32(2) {
		held := w.positions()[tp(p)]
		next := held
		next.Offset, next.Fence, next.LeaderEpoch = 900, held.Fence+1, fencepost.NoEpoch
		w.move(ledger.Move{TopicPartition: tp(p), Held: held, Next: next, Cause: ledger.CauseRewind})
	}
	c, err := admin.PlanCopy(t.Context(), w.look(), to.resources, admin.CopyOptions{Over: true, From: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if amounts(c.Plan) != "up to 100, 100" || c.Lines[0].Full || !c.Lines[1].Full || c.Lines[0].Unread() != 100 {
		t.Errorf("copy repeats %s, %+v; want up to 100, 100, and the same unread", amounts(c.Plan), c.Lines)
	}
}

// TestO16TimesPastTheLastRecord: a time that no record reaches is refused where it would pass records that are unread, and noted where
// the position stays.
func TestO16TimesPastTheLastRecord(t *testing.T) {
	w := newWorld(t, 3)
	w.bounds(1, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1200, 1200 })
	before := w.positions()
	for _, to := range []string{"2030-01-01T00:00:00Z", "-30m"} {
		p, err := w.plan(to, false, "trips:0,2")
		if err != nil || len(p.Lines) != 0 || fmt.Sprint(p.PastLast) != "[trips:0 trips:2]" {
			t.Errorf("--to %s at the end: got %q, past the last %v, %v; want nothing to move, and both named", to, told(p), p.PastLast, err)
		}
		_, err = w.plan(to, false)
		fault := wantFault(t, err, "out-of-bounds", 4)
		if want := "trips:1  no record at or after "; !strings.Contains(fault.Error(), want) || !strings.HasPrefix(fault.Error(), "1 of 3 targets lies outside the log; nothing was changed") {
			t.Errorf("error is %q, want in it %q", fault, want)
		}
		if p, err = w.plan(to, true); err != nil || told(p) != "1 skip 1000>1200 0 200" || len(p.PastLast) != 3 {
			t.Errorf("--to %s --clamp: got %q, past the last %v, %v; want a skip to the end", to, told(p), p.PastLast, err)
		}
	}
	// Clamped, it never goes back behind a worker.
	busy := newWorld(t, 1)
	busy.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1200, 1200 })
	p, err := busy.plan("-30m", true)
	if err != nil {
		t.Fatal(err)
	}
	busy.commit(tp(0), 1300)
	if d, err := p.Execute(t.Context(), busy.resources, ""); err != nil || len(d.Moves) != 0 || busy.positions()[tp(0)].Offset != 1300 {
		t.Errorf("a worker was past the end that was taken: %+v, %v, at %v; want it left there", d, err, busy.positions()[tp(0)])
	}
	// Of many, some are named.
	many := newWorld(t, 30)
	for p := range int32(30) {
		many.bounds(p, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1200, 1200 })
	}
	_, err = many.plan("-30m", false)
	if fault := wantFault(t, err, "out-of-bounds", 4); strings.Count(fault.Error(), "no record at or after") != 20 || !strings.HasSuffix(fault.Error(), "\n  and 10 more") {
		t.Errorf("30 targets: error is %q, want 20 of them and how many more", fault)
	}
	// The marker of a transaction is no record: brokers name its offset for a time that only it reaches.
	w.gone(1, 1199)
	w.cluster.stamp = func(tp fencepost.TopicPartition, o fencepost.Offset) time.Time {
		if o == 1199 {
			return now
		}
		return producer
	}
	_, err = w.plan("-30m", false, "trips:1")
	wantFault(t, err, "out-of-bounds", 4)
	// Of an empty partition there is nothing to pass.
	empty := newWorld(t, 1)
	empty.cluster.bounds[tp(0)] = fencepost.LogOffsets{TopicID: topicID, Earliest: 1000, LastStableOffset: 1000, HighWatermark: 1000, EpochEnd: 1000}
	if p, err := empty.plan("-30m", false); err != nil || len(p.Lines) != 0 || len(p.PastLast) != 1 {
		t.Errorf("an empty partition: got %q, %v, want a note", told(p), err)
	}
	w.wantUnchanged(before)
}

// TestO25OpenTransactions: an open transaction is named with what it holds back and since when, also where something is left to read
// before it, or only its neighbours' markers are.
func TestO25OpenTransactions(t *testing.T) {
	w := newWorld(t, 3)
	open := source.Transaction{ProducerID: 9012, TransactionalID: "billing-2", From: 1010, Since: now.Add(-10 * time.Minute)}
	w.resources.Cluster = transactions{w.cluster, map[fencepost.TopicPartition]source.Transaction{tp(0): open, tp(1): open, tp(2): open}, nil}
	for p := range int32(3) {
		w.bounds(p, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark, b.EpochEnd = 1010, 1017, 1017 })
	}
	w.commit(tp(0), 1010)
	for o := range fencepost.Offset(10) {
		w.gone(1, 1000+o)
	}
	for p, want := range []struct {
		state admin.State
		time  time.Duration
	}{{admin.Blocked, 10 * time.Minute}, {admin.Blocked, 10 * time.Minute}, {admin.StateUnknown, time.Hour}} {
		s := w.standing(int32(p))
		if says := "billing-2's transaction (producer 9012) holds 7 offsets back from 1010 on, open since 2026-11-21 03:02:45 +00:00"; s.Reason != says {
			t.Errorf("%s: got reason %q, want %q", s.TopicPartition, s.Reason, says)
		}
		if s.State != want.state || s.LagTime != want.time || s.Open == nil {
			t.Errorf("%s: %s, %s, %v; want %s, %s and the transaction", s.TopicPartition, s.State, s.LagTime, s.Open, want.state, want.time)
		}
	}
}

// TestO25CopyOfATruncatedPosition: where nobody knows at which offset the log was truncated, all that is read from the beginning may have
// been applied; set and repair say the same.
func TestO25CopyOfATruncatedPosition(t *testing.T) {
	w := newWorld(t, 1)
	w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark, b.EpochEnd = 300, 300, -1 })
	v := w.look()
	c, err := admin.PlanCopy(t.Context(), v, newWorld(t, 0).on(w.cluster), admin.CopyOptions{From: "a", Policy: ledger.Policy{Truncated: ledger.Earliest}})
	if err != nil {
		t.Fatal(err)
	}
	want := "trips:0: the log was truncated, and where is not known: all that is unread may have been applied already"
	if got := amounts(c.Plan); got != "up to 300" || len(c.Notes) != 1 || c.Notes[0] != want || c.Lines[0].Unread() != 300 {
		t.Errorf("copy repeats %s, notes %q; want up to 300, and %q", got, c.Notes, want)
	}
	if got := amounts(w.planned("earliest")); got != "up to 300" {
		t.Errorf("set --to earliest repeats %s, want up to 300", got)
	}
	repair, err := admin.PlanRepair(w.resources, v, admin.Selection{}, admin.Choices{Policy: ledger.Policy{Truncated: ledger.Earliest}})
	if err != nil {
		t.Fatal(err)
	}
	repair.Count(t.Context(), w.resources)
	if got := amounts(repair.Plan); got != "up to 300" {
		t.Errorf("repair repeats %s, want up to 300", got)
	}
}

// on is the world's resources with another's brokers, and an empty ledger.
func (w *world) on(c *cluster) admin.Resources {
	r := w.resources
	r.Ledger, r.History, r.Cluster, r.Reader = memory.Open(), nil, c, c
	return r
}
