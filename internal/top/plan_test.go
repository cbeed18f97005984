package top

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/ledger"
)

// newest is the newest move of a group.
func (w *world) newest() ledger.Recorded {
	w.t.Helper()
	told, err := admin.Moves(w.t.Context(), w.pipeline().Resources, admin.Filter{})
	if err != nil || len(told.Moves) == 0 {
		w.t.Fatalf("moves: %v", err)
	}
	return told.Moves[len(told.Moves)-1]
}

// expects fails where a screen does not say all of some texts.
func (d *driver) expects(want ...string) {
	d.t.Helper()
	bare := strings.Join(strings.Fields(strings.ReplaceAll(d.text(), "\\\n", "")), " ")
	for _, one := range want {
		if !strings.Contains(bare, one) {
			d.t.Errorf("%q is not there:\n%s", one, d.text())
		}
	}
}

// TestNothingIsChangedWithoutLeave: without AllowChanges no keys execute a plan, and each plan says how to do it.
func TestNothingIsChangedWithoutLeave(t *testing.T) {
	w := trips(t)
	w.letters = []ledger.Letter{letterAt(3, 1, "x")}
	d := drive(t, Config{}, w)
	before := w.position(7)
	for _, plan := range [][]string{{"s"}, {"m", "text:-10", "enter"}, {"t", "d"}} {
		d.keys(plan...)
		d.expects("Nothing was changed.", "--execute", "--allow-changes")
		d.keys("e", "tab", "enter", "enter", "e", "e", "tab", "enter")
		d.keys("esc", "esc", "esc")
		d.keys("enter")
	}
	if now := w.position(7); now != before || w.letters[0].Discarded != "" {
		t.Errorf("it was changed: %v, %q", now, w.letters[0].Discarded)
	}
}

// TestAPlanTakesThreeKeys: e, TAB, ENTER, and nothing else, execute; the move has who and why.
func TestAPlanTakesThreeKeys(t *testing.T) {
	for _, keys := range []string{"", "enter", "e enter", "e esc", "e tab esc", "e tab tab enter", "e j enter", "e tab j enter", "tab enter", "e q", "e tab q"} {
		w := trips(t)
		d := drive(t, Config{AllowChanges: true}, w)
		before := w.position(7)
		d.keys("s")
		d.keys(strings.Fields(keys)...)
		if now := w.position(7); now != before {
			t.Errorf("%q executed", keys)
		}
	}
	w := trips(t)
	d := drive(t, Config{AllowChanges: true}, w)
	before := w.position(7)
	d.keys("s", "y", "text:INC-4412", "enter")
	d.expects("--record skip --why INC-4412 --execute", "who oncall@bastion")
	d.keys("e", "tab", "enter")
	d.expects("verified 1 of 1 partition", "loses at most 1", "done, and read back")
	if now := w.position(7); now.Offset != before.Offset+1 || now.Fence == before.Fence {
		t.Errorf("position %v, was %v", now, before)
	}
	if m := w.newest(); m.Cause != ledger.CauseSkip || m.Who != "oncall@bastion" || m.Reason() != "INC-4412" {
		t.Errorf("recorded: %v by %q: %q", m.Cause, m.Who, m.Reason())
	}
	d.keys("e")
	d.expects("there is nothing to execute")
	d.keys("tab", "enter")
	if now := w.position(7); now.Offset != before.Offset+1 {
		t.Error("a plan that was executed was executed again")
	}
}

// TestWhatAMoveHasPassedIsNotLate: once a record is passed, what was lost says so.
func TestWhatAMoveHasPassedIsNotLate(t *testing.T) {
	w := newWorld(t, "trips", 2)
	w.log(0, 0, 2000, 2000)
	d := drive(t, Config{}, w)
	d.expects("lost 0 in 24h")
	w.to(0, 1300, ledger.CauseSkip, 300, "other@laptop", "")
	d.look()
	d.expects("lost at most 300 in 24h")
}

// TestMarkedPartitionsMoveTogether: offsets set, of those that are marked.
func TestMarkedPartitionsMoveTogether(t *testing.T) {
	w := newWorld(t, "trips", 4)
	d := drive(t, Config{AllowChanges: true}, w)
	d.keys("j", "space", "space", "m", "text:-100", "enter")
	d.expects("rewind 2 partitions, 2 stay", "200 records are applied again into trips", "fencepost offsets set trips.yaml --topic trips:1-2 --to -100 --execute", "Safe while workers run")
	d.keys("e", "tab", "enter")
	d.expects("verified 2 of 2 partitions hold the new Fence")
	for p, want := range []int64{1000, 900, 900, 1000} {
		if got := w.position(int32(p)).Offset; int64(got) != want {
			t.Errorf("trips:%d is at %d, want %d", p, got, want)
		}
	}
	d.keys("esc", "m", "text:7000", "enter")
	d.expects("out-of-bounds", "nothing was changed")
	d.keys("esc", "m", "text:yesterday", "enter")
	d.expects("error[usage]: yesterday: no target")
}

// TestAStalePlanIsRefused: somebody else was faster, and nothing is changed.
func TestAStalePlanIsRefused(t *testing.T) {
	w := newWorld(t, "trips", 2)
	d := drive(t, Config{AllowChanges: true}, w)
	d.keys("m", "text:-100", "enter", "e", "tab")
	w.to(0, 400, ledger.CauseRewind, 0, "other@laptop", "mine")
	d.keys("enter")
	d.expects("plan-stale", "trips:0 is at 400, the plan says 1,000; nothing was changed")
	if got := w.position(0).Offset; got != 400 {
		t.Errorf("it stands at %d", got)
	}
}

// TestAPlanFollowsItsWorkers: commits between a plan and its execution are no other hand; the destination counts from what is held.
func TestAPlanFollowsItsWorkers(t *testing.T) {
	w := newWorld(t, "trips", 1)
	w.log(0, 0, 5000, 5000)
	d := drive(t, Config{AllowChanges: true}, w)
	d.keys("m", "text:-100", "enter")
	w.commit(0, 1500)
	d.keys("e", "tab", "enter")
	d.expects("1,500 -> 1,400", "verified")
}

// TestChoices: each choice of a verdict leads to its own plan.
func TestChoices(t *testing.T) {
	for choice, want := range map[string]string{"earliest": "2,000", "latest": "9,000"} {
		w := newWorld(t, "trips", 2)
		w.log(1, 2000, 9000, 9000)
		d := drive(t, Config{AllowChanges: true}, w)
		d.keys("enter", "c")
		p := d.here().(*choices)
		p.put(slices.IndexFunc(p.rows, func(r row) bool { return r.id == choice }))
		d.keys("enter")
		d.expects(choice, "fencepost offsets repair trips.yaml --topic trips:1 --policy "+choice+" --execute")
		d.keys("e", "tab", "enter")
		d.expects("1,000 -> "+want, "verified")
	}
}

// TestLettersAreDiscarded: those that are marked, once, and with who and why.
func TestLettersAreDiscarded(t *testing.T) {
	w := newWorld(t, "trips", 8)
	w.letters = []ledger.Letter{letterAt(3, 1, "x"), letterAt(5, 2, "y"), letterAt(5, 3, "z")}
	d := drive(t, Config{AllowChanges: true}, w)
	d.keys("t", "j", "space", "d", "y", "text:test", "enter", "e", "tab", "enter")
	d.expects("1 dead letter discarded")
	if w.letters[0].Discarded != "" || !strings.Contains(w.letters[1].Discarded, "oncall@bastion") || !strings.Contains(w.letters[1].Discarded, "test") {
		t.Errorf("discarded: %q, %q", w.letters[0].Discarded, w.letters[1].Discarded)
	}
	d.keys("esc", "g", "j", "d")
	d.expects("no dead letter waits here")
	d.keys("G", "d")
	w.letters[2].Discarded = "by another"
	d.keys("e", "tab", "enter")
	d.expects("plan-stale")
}

// TestLettersAreReplayed by the pipeline's own decoder and sink, and each says what became of it.
func TestLettersAreReplayed(t *testing.T) {
	w := newWorld(t, "trips", 8)
	w.letters = []ledger.Letter{letterAt(3, 1, "x"), letterAt(5, 2, "y")}
	d := drive(t, Config{AllowChanges: true}, w)
	var got []ledger.Letter
	d.sources[0].Resources.Replay = func(_ context.Context, letters []ledger.Letter, f func(admin.Replayed)) error {
		got = letters
		f(admin.Replayed{Letter: letters[0], Outcome: "applied"})
		f(admin.Replayed{Letter: letters[1], Outcome: "bad", Why: "as before"})
		return nil
	}
	d.keys("t", "space", "space", "r", "e", "tab", "enter")
	d.expects("trips:3:1 applied", "trips:5:2 bad: as before")
	if len(got) != 2 {
		t.Errorf("%d letters were replayed", len(got))
	}
}
