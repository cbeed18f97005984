package admin_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/ledger"
)

func target(t *testing.T, s string) admin.Destination {
	t.Helper()
	to, err := admin.ParseDestination(s, now)
	if err != nil {
		t.Fatalf("%q is no target", s)
	}
	return to
}

// plan plans a target for the partitions that texts choose.
func (w *world) plan(to string, clamp bool, texts ...string) (*admin.Plan, error) {
	w.t.Helper()
	sel, err := admin.ParseSelection(texts)
	if err != nil {
		w.t.Fatal(err)
	}
	return admin.PlanSet(w.t.Context(), w.resources, w.look(), sel, target(w.t, to), clamp)
}

func (w *world) planned(to string, texts ...string) *admin.Plan {
	w.t.Helper()
	p, err := w.plan(to, false, texts...)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// told is a plan's lines as `partition cause held>next repeats loses`.
func told(p *admin.Plan) string {
	var lines []string
	for _, l := range p.Lines {
		lines = append(lines, fmt.Sprintf("%d %s %d>%d %d %d", l.Partition, l.Cause, l.Held.Offset, l.Next.Offset, l.Repeats, l.AtMost))
	}
	return strings.Join(lines, ", ")
}

// O1: each form of target, per topic, per partition and for all.
func TestTargets(t *testing.T) {
	w := newWorld(t, 3)
	w.bounds(1, func(b *fencepost.LogOffsets) { b.Earliest, b.LastStableOffset, b.HighWatermark = 500, 1200, 1200 })
	for _, c := range []struct {
		to, topic, want string
	}{
		{"earliest", "trips", "0 rewind 1000>0 1000 0, 1 rewind 1000>500 500 0, 2 rewind 1000>0 1000 0"},
		{"latest", "trips:1", "1 skip 1000>1200 0 200"},
		{"latest", "trips:0", ""},
		{"700", "trips:0-1", "0 rewind 1000>700 300 0, 1 rewind 1000>700 300 0"},
		{"1,000", "trips", ""},
		{"+7", "trips:1", "1 skip 1000>1007 0 7"},
		{"-1000", "trips:0,2", "0 rewind 1000>0 1000 0, 2 rewind 1000>0 1000 0"},
		{"-30m", "trips:0", ""},
		{"-2h", "trips:1", "1 rewind 1000>500 500 0"},
		{"2026-11-21T00:00:00Z", "trips:1", "1 rewind 1000>500 500 0"},
	} {
		if got := told(w.planned(c.to, c.topic)); got != c.want {
			t.Errorf("--to %s --topic %s: got %q, want %q", c.to, c.topic, got, c.want)
		}
	}
	for _, bad := range []string{"", "now", "--7", "1.5", "+", "-", "+2h", "99999999999999999999"} {
		if to, err := admin.ParseDestination(bad, now); err == nil {
			t.Errorf("%q is taken for a target: %+v", bad, to)
		}
	}
}

// Targets outside of the log are all named and refused, the good ones with them, unless they are to be clamped.
func TestTargetsOutsideTheLog(t *testing.T) {
	w := newWorld(t, 3)
	w.bounds(1, func(b *fencepost.LogOffsets) { b.Earliest, b.LastStableOffset, b.HighWatermark = 500, 1200, 1200 })
	before := w.positions()
	_, err := w.plan("-600", false)
	fault := wantFault(t, err, "out-of-bounds", 4)
	if want := "1 of 3 targets lies outside the log; nothing was changed\n  trips:1  1,000 - 600 = 400 is below earliest 500"; fault.Error() != want {
		t.Errorf("error is %q, want %q", fault, want)
	}
	for _, to := range []string{"1201", "+201", "9223372036854775807", "+9223372036854775807", "-9223372036854775807"} {
		_, err := w.plan(to, false, "trips:1")
		wantFault(t, err, "out-of-bounds", 4)
	}
	p, err := w.plan("-600", true)
	if err != nil || told(p) != "0 rewind 1000>400 600 0, 1 rewind 1000>500 500 0, 2 rewind 1000>400 600 0" {
		t.Errorf("clamped: got %q, %v", told(p), err)
	}
	if p, err = w.plan("+9223372036854775807", true, "trips:1"); err != nil || told(p) != "1 skip 1000>1200 0 200" {
		t.Errorf("clamped past the largest integer: got %q, %v; want the end", told(p), err)
	}
	w.wantUnchanged(before)
}

// Executed, a plan is read back; the history shows who and why.
func TestExecute(t *testing.T) {
	w := newWorld(t, 2)
	p := w.planned("-1000", "trips:1")
	d, err := p.Execute(t.Context(), w.resources, "wrong rate")
	if err != nil || len(d.Moves) != 1 || d.WentOn != 0 {
		t.Fatalf("executed: %+v, %v", d, err)
	}
	if got := w.positions(); got[tp(0)].Offset != 1000 || got[tp(1)].Offset != 0 || got[tp(1)].Fence == 101 {
		t.Errorf("positions are %v, want trips:1 at 0 under another fence", got)
	}
	m, err := admin.Moves(t.Context(), w.resources, admin.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	last := m.Moves[len(m.Moves)-1]
	if last.Cause != ledger.CauseRewind || last.Who != "oncall@bastion" || last.Why != "wrong rate" {
		t.Errorf("recorded as %s by %s: %s", last.Cause, last.Who, last.Why)
	}
}

// busy is a ledger on which a worker commits right before each of the first moves of an operator.
type busy struct {
	ledger.Ledger
	times  int
	commit func()
}

func (b *busy) Move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	if b.times > 0 && w.Who == "oncall@bastion" {
		b.times--
		b.commit()
	}
	return b.Ledger.Move(ctx, w, moves)
}

// A relative target counts from the position that is held at the compare-and-set: a worker that commits in between
// changes what is moved, and never by how much.
func TestRelativeTargetsCountFromTheCompareAndSet(t *testing.T) {
	w := newWorld(t, 2)
	for _, p := range []int32{0, 1} {
		w.bounds(p, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1100, 1100 })
	}
	p := w.planned("-1000")
	until := fencepost.Offset(1000)
	w.resources.Ledger = &busy{Ledger: w.store, times: 3, commit: func() { until += 10; w.commit(tp(1), until) }}
	d, err := p.Execute(t.Context(), w.resources, "")
	if err != nil || len(d.Moves) != 2 {
		t.Fatalf("executed: %+v, %v", d, err)
	}
	if got := w.positions(); got[tp(0)].Offset != 0 || got[tp(1)].Offset != 30 {
		t.Errorf("positions are %d and %d, want 0 and 30: 1,000 back from 1,030", got[tp(0)].Offset, got[tp(1)].Offset)
	}
	for _, m := range d.Moves {
		if m.Held.Offset-m.Next.Offset != 1000 {
			t.Errorf("%s went back by %d, want 1,000", m.TopicPartition, m.Held.Offset-m.Next.Offset)
		}
	}
}

// A log that has grown since the plan is looked at again before a target is called outside of it.
func TestRelativeTargetsFollowTheLog(t *testing.T) {
	w := newWorld(t, 1)
	w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1100, 1100 })
	p := w.planned("+100")
	w.resources.Ledger = &busy{Ledger: w.store, times: 1, commit: func() {
		w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1300, 1300 })
		w.commit(tp(0), 1050)
	}}
	if _, err := p.Execute(t.Context(), w.resources, ""); err != nil {
		t.Fatal(err)
	}
	if at := w.positions()[tp(0)].Offset; at != 1150 {
		t.Errorf("position is %d, want 1,150", at)
	}
}

// A clamped target is the log's end of now, and not that of the plan: a worker may have gone on past it. Then a skip would take the
// position back, and a rewind would go back further than asked, so that more records are applied twice.
func TestClampedTargetsFollowTheLog(t *testing.T) {
	for _, c := range []struct {
		name, to string
		grows    bool // the brokers say so when they are asked again
		want     fencepost.Offset
	}{
		{"a skip, and the log has grown", "+200", true, 1300},
		{"a skip, and an end of just before", "+200", false, 1150},
		{"a rewind, and the log has grown", "-10", true, 1140},
		{"a rewind, and an end of just before", "-10", false, 1140},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1100, 1100 })
			p, err := w.plan(c.to, true)
			if err != nil {
				t.Fatal(err)
			}
			w.resources.Ledger = &busy{Ledger: w.store, times: 1, commit: func() {
				if c.grows {
					w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1300, 1300 })
				}
				w.commit(tp(0), 1150)
			}}
			if _, err := p.Execute(t.Context(), w.resources, ""); err != nil {
				t.Fatal(err)
			}
			if at := w.positions()[tp(0)].Offset; at != c.want {
				t.Errorf("position is %d, want %d", at, c.want)
			}
		})
	}
}

// latest never takes a position back to an end that a worker has passed meanwhile.
func TestLatestNeverGoesBack(t *testing.T) {
	w := newWorld(t, 1)
	w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1100, 1100 })
	p := w.planned("latest")
	w.resources.Ledger = &busy{Ledger: w.store, times: 1, commit: func() { w.commit(tp(0), 1150) }}
	if d, err := p.Execute(t.Context(), w.resources, ""); err != nil || len(d.Moves) != 0 {
		t.Fatalf("executed: %+v, %v; want no move left to make", d, err)
	}
	if at := w.positions()[tp(0)].Offset; at != 1150 {
		t.Errorf("position is %d, want 1,150", at)
	}
}

// Another operator's move is not followed: another fence means another decision.
func TestAnotherOperatorsMoveMakesAPlanStale(t *testing.T) {
	w := newWorld(t, 2)
	p := w.planned("-10")
	held := w.positions()[tp(1)]
	next := held
	next.Offset, next.Fence = 500, 77
	w.move(ledger.Move{TopicPartition: tp(1), Held: held, Next: next, Cause: ledger.CauseRewind})
	before := w.positions()
	_, err := p.Execute(t.Context(), w.resources, "")
	fault := wantFault(t, err, "plan-stale", 4)
	if want := "trips:1 is at 500, the plan says 1,000; nothing was changed"; fault.Error() != want {
		t.Errorf("error is %q, want %q", fault, want)
	}
	w.wantUnchanged(before)
}

// O2: a saved plan is exact. It survives the file, and a commit makes it stale.
func TestSavedPlan(t *testing.T) {
	w := newWorld(t, 2)
	text := w.planned("-10").Encode()
	p, err := admin.DecodePlan(text)
	if err != nil || told(p) != "0 rewind 1000>990 10 0, 1 rewind 1000>990 10 0" {
		t.Fatalf("read back: %q, %v", told(p), err)
	}
	if string(p.Encode()) != string(text) {
		t.Errorf("written again it is %s, was %s", p.Encode(), text)
	}
	if err := p.Recheck(w.look()); err != nil {
		t.Fatal(err)
	}
	w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1100, 1100 })
	w.commit(tp(0), 1001)
	before := w.positions()
	wantFault(t, p.Recheck(w.look()), "plan-stale", 4)
	_, err = p.Execute(t.Context(), w.resources, "")
	wantFault(t, err, "plan-stale", 4)
	w.wantUnchanged(before)
	for _, bad := range []string{"", "{}", strings.Replace(string(text), `"offset": 990`, `"offset": -1`, 1),
		strings.Replace(string(text), `"cause": "rewind"`, `"cause": "commit"`, 1), strings.Replace(string(text), `"fence": "`, `"fence": "zz`, 1),
		strings.Replace(string(text), `"ledger_id": "`, `"ledger_id": "zz`, 1)} {
		_, err := admin.DecodePlan([]byte(bad))
		wantFault(t, err, "plan-damaged", 2)
	}
}

// lossy is a ledger whose first answer is lost, after or before the move was made.
type lossy struct {
	ledger.Ledger
	made bool
	done bool
}

func (l *lossy) Move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	if l.done {
		return l.Ledger.Move(ctx, w, moves)
	}
	l.done = true
	if l.made {
		if err := l.Ledger.Move(ctx, w, moves); err != nil {
			return err
		}
	}
	return fmt.Errorf("connection cut: %w", ledger.ErrUnknown)
}

// A lost answer is resolved by the same moves again (law 7): made once, whether it had happened or not.
func TestALostAnswerIsResolved(t *testing.T) {
	for _, made := range []bool{false, true} {
		w := newWorld(t, 2)
		p := w.planned("-10")
		w.resources.Ledger = &lossy{Ledger: w.store, made: made}
		if d, err := p.Execute(t.Context(), w.resources, ""); err != nil || len(d.Moves) != 2 {
			t.Fatalf("made %t: %+v, %v", made, d, err)
		}
		if at := w.positions(); at[tp(0)].Offset != 990 || at[tp(1)].Offset != 990 {
			t.Errorf("made %t: positions are %v, want 990 both", made, at)
		}
	}
}

// What cannot be set in this state is refused, with the reason.
func TestSetRefused(t *testing.T) {
	for name, change := range map[string]func(*world){
		"unknown":   func(w *world) { w.bounds(0, func(b *fencepost.LogOffsets) { b.Err = fencepost.ErrNoAnswer }) },
		"missing":   func(w *world) { w.bounds(0, func(b *fencepost.LogOffsets) { b.Err = fencepost.ErrNoTopic }) },
		"recreated": func(w *world) { w.bounds(0, func(b *fencepost.LogOffsets) { b.TopicID = otherID }) },
		"cluster":   func(w *world) { w.cluster.id = "c2" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			change(w)
			before := w.positions()
			_, err := w.plan("0", false)
			wantFault(t, err, "set-refused", 4)
			w.wantUnchanged(before)
		})
	}
}

// A selection that names what is not there does not pass for "nothing to do".
func TestSelections(t *testing.T) {
	w := newWorld(t, 2)
	for _, text := range []string{"tripz", "trips:2", "trips:0-2"} {
		_, err := w.plan("0", false, text)
		wantFault(t, err, "nothing-selected", 2)
	}
	for _, text := range []string{"", ":1", "trips:", "trips:a", "trips:3-1", "trips:-1", "trips:0-999999999"} {
		if _, err := admin.ParseSelection([]string{text}); err == nil {
			t.Errorf("%q is taken for a selection", text)
		}
	}
	sel, err := admin.ParseSelection([]string{"trips:0,2-3", "weather"})
	if err != nil || !sel.Has(tp(2)) || sel.Has(tp(1)) || !sel.Has(fencepost.TopicPartition{Topic: "weather", Partition: 9}) {
		t.Errorf("selection %+v, %v", sel, err)
	}
}

// A topic that the group has not started is started as a whole, so that no partition of it looks like a lost row.
func TestSetStartsATopicAsAWhole(t *testing.T) {
	w := newWorld(t, 1)
	w.cluster.topics["new"] = fencepost.Topic{ID: otherID, Partitions: 2}
	for p := range int32(2) {
		w.cluster.bounds[fencepost.TopicPartition{Topic: "new", Partition: p}] = fencepost.LogOffsets{TopicID: otherID, LastStableOffset: 50, HighWatermark: 50}
	}
	_, err := w.plan("10", false, "new:1")
	wantFault(t, err, "set-refused", 4)
	if _, err := w.planned("10", "new").Execute(t.Context(), w.resources, ""); err != nil {
		t.Fatal(err)
	}
	for _, s := range w.look().Standings {
		if s.Decision.Verdict != ledger.OK {
			t.Errorf("%s is %s, want ok", s.TopicPartition, s.Decision.Verdict)
		}
	}
}

// meddling is a ledger in which another operator moves a partition right after the first.
type meddling struct {
	ledger.Ledger
	after func()
}

func (m *meddling) Move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	err := m.Ledger.Move(ctx, w, moves)
	m.after()
	return err
}

// "verified" is said only after reading back: what does not read back as it was set is reported.
func TestWhatDoesNotReadBackIsTold(t *testing.T) {
	w := newWorld(t, 1)
	p := w.planned("-10")
	w.resources.Ledger = &meddling{w.store, func() {
		held := w.positions()[tp(0)]
		next := held
		next.Offset, next.Fence = 500, 77
		w.move(ledger.Move{TopicPartition: tp(0), Held: held, Next: next, Cause: ledger.CauseRewind})
	}}
	_, err := p.Execute(t.Context(), w.resources, "")
	wantFault(t, err, "not-verified", 0)
}

// A worker that goes on from where it was set is no reason for doubt.
func TestAWorkerMayGoOnBeforeTheReadBack(t *testing.T) {
	w := newWorld(t, 1)
	p := w.planned("-10")
	w.resources.Ledger = &meddling{w.store, func() { w.commit(tp(0), 995) }}
	if d, err := p.Execute(t.Context(), w.resources, ""); err != nil || d.WentOn != 1 {
		t.Errorf("executed: %+v, %v; want one that went on", d, err)
	}
}

// E6: a number of which some digits are missing is no target. Read without its commas, 1,2 would be 12.
func TestE6CommasOfATarget(t *testing.T) {
	for _, bad := range []string{"1,2", "12,50", "1,,2", ",5", "5,", "1234,567", "1,2345", "0,001", "-,123", "+,123", "-1,2", "+1,2", "+-5", "-+5", "1,234_567"} {
		if to, err := admin.ParseDestination(bad, now); err == nil {
			t.Errorf("--to %s is taken for %d", bad, to.N)
		}
	}
	for text, want := range map[string]int64{"1,234": 1234, "-123,456": -123456, "+1,000,000": 1_000_000, "20_000": 20_000} {
		if to, err := admin.ParseDestination(text, now); err != nil || to.N != want {
			t.Errorf("--to %s: got %d, %v, want %d", text, to.N, err, want)
		}
	}
}
