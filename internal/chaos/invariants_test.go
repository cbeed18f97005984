package chaos

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var tp = fencepost.TopicPartition{Topic: "t"}

const a, b = "1@test", "2@test" // two workers

// entries is the records [from, until), as the log says them.
func entries(from, until int64) (list []Entry) {
	for o := from; o < until; o++ {
		list = append(list, Entry{fencepost.Offset(o), o * 10})
	}
	return list
}

// moved is a move as a ledger recorded it.
func moved(cause ledger.Cause, who string, from, until int64, was, is ledger.Fence) ledger.Recorded {
	r := ledger.Recorded{Who: who, Move: ledger.Move{TopicPartition: tp, Cause: cause, Held: position(from, was), Next: position(until, is)}}
	switch cause {
	case ledger.CauseCommit:
		r.Commits = 1
	case ledger.CauseStart:
		r.Held = ledger.Position{}
	case ledger.CauseRewind:
		r.Why = "4 back: order 1"
	}
	return r
}

func position(o int64, f ledger.Fence) ledger.Position {
	return ledger.Position{Offset: fencepost.Offset(o), Fence: f, LeaderEpoch: fencepost.NoEpoch}
}

// right is a run that kept every promise: ten records, a hand-over at 6, a rewind from 8 to 4 that was ordered, and all applied.
func right() Facts {
	return Facts{
		Log:  map[fencepost.TopicPartition][]Entry{tp: entries(0, 10)},
		Rows: map[fencepost.TopicPartition][]Entry{tp: slices.Concat(entries(0, 6), entries(6, 8), entries(4, 10))},
		Moves: []ledger.Recorded{
			moved(ledger.CauseStart, a, 0, 0, 0, 1), moved(ledger.CauseCommit, a, 0, 6, 1, 1), moved(ledger.CauseCommit, b, 6, 8, 1, 1),
			moved(ledger.CauseRewind, "operator", 8, 4, 1, 2), moved(ledger.CauseCommit, a, 4, 10, 2, 2),
		},
		Snapshot: ledger.Snapshot{Positions: map[fencepost.TopicPartition]ledger.Position{tp: position(10, 2)}},
		Orders:   []Order{{"order 1", 4}},
		Seen:     []Sighting{{0, tp, position(0, 1)}, {1, tp, position(6, 1)}, {2, tp, position(4, 2)}, {3, tp, position(10, 2)}},
		Drained:  time.Second, Limit: time.Minute,
	}
}

func TestARightRunHasNoViolation(t *testing.T) {
	if got := Check(right()); len(got) > 0 {
		t.Errorf("violations %q", got)
	}
}

// wrongs are runs that broke a promise, each made of the right one, and the invariants that it broke.
var wrongs = map[string]struct {
	wrong func(*Facts)
	want  []string
}{
	"a committed record without a row":         {func(f *Facts) { rows(f, entries(0, 5), entries(6, 8), entries(4, 10)) }, []string{"I1"}},
	"a record that no worker came to":          {func(f *Facts) { f.Log[tp] = entries(0, 11) }, []string{"I1"}},
	"a partition without a position":           {func(f *Facts) { f.Log[fencepost.TopicPartition{Topic: "t", Partition: 1}] = entries(0, 1) }, []string{"I1"}},
	"a record that was not applied again":      {func(f *Facts) { rows(f, entries(0, 6), entries(6, 8), entries(5, 10)) }, []string{"I1"}},
	"a row twice":                              {func(f *Facts) { f.Rows[tp] = append(f.Rows[tp], entries(9, 10)...) }, []string{"I2"}},
	"a row of a record that no commit covers":  {func(f *Facts) { f.Log[tp] = entries(0, 11); f.Rows[tp] = append(f.Rows[tp], entries(10, 11)...) }, []string{"I1", "I5"}},
	"a row of a record that is not in the log": {func(f *Facts) { f.Rows[tp] = append(f.Rows[tp], entries(77, 78)...) }, []string{"I5"}},
	"a partition that only the store knows":    {func(f *Facts) { f.Rows[fencepost.TopicPartition{Topic: "u"}] = entries(0, 1) }, []string{"I5"}},
	"a hole in the chain": {func(f *Facts) {
		f.Moves[2] = moved(ledger.CauseCommit, b, 7, 8, 1, 1)
		rows(f, entries(0, 6), entries(7, 8), entries(4, 10))
	}, []string{"I3"}},
	"an end of the chain that is no position": {func(f *Facts) { f.Snapshot.Positions[tp] = position(9, 2) }, []string{"I3"}},
	"rows in another order than the log's":    {func(f *Facts) { rows(f, entries(1, 6), entries(0, 1), entries(6, 8), entries(4, 10)) }, []string{"I4"}},
	"rows in another order than the commits":  {func(f *Facts) { rows(f, entries(0, 6), entries(4, 10), entries(6, 8)) }, []string{"I4"}},
	"a commit under a fence that was replaced": {func(f *Facts) {
		f.Moves = append(f.Moves, moved(ledger.CauseCommit, b, 8, 9, 1, 1))
		f.Rows[tp] = append(f.Rows[tp], entries(8, 9)...)
	}, []string{"I3", "I6"}},
	"a commit behind where another had come to": {func(f *Facts) {
		f.Moves[2] = moved(ledger.CauseCommit, b, 5, 8, 1, 1)
		rows(f, entries(0, 6), entries(5, 8), entries(4, 10))
	}, []string{"I3", "I6"}},
	"a position that no move made":                {func(f *Facts) { f.Seen[1].Position = position(3, 1) }, []string{"I7"}},
	"a position that came back":                   {func(f *Facts) { f.Seen = append(f.Seen, Sighting{4, tp, position(6, 1)}) }, []string{"I7"}},
	"what was applied too late":                   {func(f *Facts) { f.Drained = 2 * time.Minute }, []string{"I8"}},
	"what was not applied at all":                 {func(f *Facts) { f.Behind = "t:0 is at 3 of 10" }, []string{"I8"}},
	"a row that says something else":              {func(f *Facts) { f.Rows[tp][3].Value = 31 }, []string{"I9"}},
	"a row that says something else the 2nd time": {func(f *Facts) { f.Rows[tp][9].Value = 31 }, []string{"I9"}},
	"a rewind that was not ordered":               {func(f *Facts) { f.Orders = nil }, []string{"I10"}},
	"a rewind that went further than ordered":     {func(f *Facts) { f.Orders[0].Most = 3 }, []string{"I10"}},
	"an order that was done twice": {func(f *Facts) {
		f.Moves = append(f.Moves, moved(ledger.CauseRewind, "operator", 10, 9, 2, 3), moved(ledger.CauseCommit, a, 9, 10, 3, 3))
		f.Snapshot.Positions[tp] = position(10, 3)
		f.Rows[tp] = append(f.Rows[tp], entries(9, 10)...)
	}, []string{"I10"}},
	"a gap": {func(f *Facts) {
		f.Moves[2] = moved(ledger.CauseGap, b, 6, 8, 1, 3)
		f.Moves[3] = moved(ledger.CauseRewind, "operator", 8, 4, 3, 2)
		rows(f, entries(0, 6), entries(4, 10))
	}, []string{"I10"}},
	"a gap that lost records": {func(f *Facts) {
		f.Moves[4] = moved(ledger.CauseCommit, a, 4, 8, 2, 2)
		f.Moves = append(f.Moves, moved(ledger.CauseGap, b, 8, 10, 2, 3))
		f.Snapshot.Positions[tp] = position(10, 3)
		f.Seen = f.Seen[:3]
		rows(f, entries(0, 6), entries(6, 8), entries(4, 8))
	}, []string{"I1", "I10"}},
	"a start in the middle": {func(f *Facts) {
		f.Moves = append(f.Moves, moved(ledger.CauseStart, b, 0, 0, 0, 3), moved(ledger.CauseCommit, b, 0, 10, 3, 3))
		f.Snapshot.Positions[tp] = position(10, 3)
		f.Rows[tp] = append(f.Rows[tp], entries(0, 10)...)
	}, []string{"I3", "I10"}},
}

// rows puts other rows in the place of those of the right run.
func rows(f *Facts, list ...[]Entry) { f.Rows[tp] = slices.Concat(list...) }

// Each invariant is broken by a history of its own, and found under its own name.
func TestEachInvariantIsFound(t *testing.T) {
	for name, c := range wrongs {
		t.Run(name, func(t *testing.T) {
			f := right()
			c.wrong(&f)
			got := Check(f)
			if names := invariants(got); !slices.Equal(names, c.want) {
				t.Errorf("found %q, want %q:\n%q", names, c.want, got)
			}
		})
	}
}

// invariants is which invariants were broken, each once, in their order.
func invariants(violations []Violation) (names []string) {
	for _, v := range violations {
		if !slices.Contains(names, v.Invariant) {
			names = append(names, v.Invariant)
		}
	}
	return names
}

// A move that an operator ordered passes records: they are not lost.
func TestAnOrderedSkipIsNoLoss(t *testing.T) {
	f := right()
	f.Moves[4] = moved(ledger.CauseCommit, a, 4, 8, 2, 2)
	f.Moves = append(f.Moves, moved(ledger.CauseSkip, "operator", 8, 10, 2, 3))
	f.Snapshot.Positions[tp] = position(10, 3)
	f.Seen = f.Seen[:3]
	f.Moves[5].Why = "order 2"
	f.Orders = append(f.Orders, Order{"order 2", 2})
	f.Rows[tp] = slices.Concat(entries(0, 6), entries(6, 8), entries(4, 8))
	if got := Check(f); len(got) > 0 {
		t.Errorf("violations %q", got)
	}
}

// Where rows and ledger are two stores, rows may come twice, and without a move. Nothing else is allowed that is not without it.
func TestAtLeastOnce(t *testing.T) {
	for name, c := range map[string]struct {
		wrong func(*Facts)
		want  []string
	}{
		"rows that came twice":               {func(f *Facts) { rows(f, entries(0, 6), entries(0, 8), entries(4, 10)) }, nil},
		"rows of a batch that was not moved": {func(f *Facts) { f.Rows[tp] = append(f.Rows[tp], entries(8, 10)...) }, nil},
		"a committed record without a row":   {func(f *Facts) { rows(f, entries(0, 5), entries(6, 8), entries(4, 10)) }, []string{"I1"}},
		"a row of no record":                 {func(f *Facts) { f.Rows[tp] = append(f.Rows[tp], entries(77, 78)...) }, []string{"I5"}},
		"a row that says something else":     {func(f *Facts) { f.Rows[tp][3].Value = 31 }, []string{"I9"}},
		"a hole in the chain":                {func(f *Facts) { f.Moves[2].Held.Offset = 7 }, []string{"I3"}},
	} {
		f := right()
		f.AtLeastOnce = true
		c.wrong(&f)
		if got := invariants(Check(f)); !slices.Equal(got, c.want) {
			t.Errorf("%s: found %q, want %q", name, got, c.want)
		}
	}
}

// Of many places the first few are named, and how many more there are.
func TestFewAreNamed(t *testing.T) {
	f := right()
	f.Rows = nil
	got := Check(f)
	if len(got) != 6 || !strings.Contains(got[5].Text, "5 more") {
		t.Errorf("violations %q", got)
	}
}

func TestWatchSeesAStepBack(t *testing.T) {
	var w Watch
	at := func(o int64, f ledger.Fence) ledger.Snapshot {
		return ledger.Snapshot{Positions: map[fencepost.TopicPartition]ledger.Position{tp: position(o, f)}}
	}
	for i, s := range []ledger.Snapshot{{}, at(0, 1), at(5, 1), at(5, 1), at(2, 2), at(9, 2)} {
		if got := w.See(time.Duration(i), s); len(got) > 0 {
			t.Errorf("look %d: %q", i, got)
		}
	}
	if n := len(w.Seen()); n != 4 {
		t.Errorf("%d sightings, want 4: one for each change", n)
	}
	for _, s := range []ledger.Snapshot{at(8, 2), {}} {
		if got := invariants(w.See(9, s)); !slices.Equal(got, []string{"I7"}) {
			t.Errorf("a step back to %v is %q", s.Positions, got)
		}
	}
}

func TestHistoryHasTimes(t *testing.T) {
	var h History
	h.Add(1500*time.Millisecond, "%s", Fault{Kind: KillBroker, Target: 1, For: 2 * time.Second})
	h.Add(2*time.Second, "%s", Fault{Kind: CutWire, Target: 2, Amount: 17})
	want := "   1.500s  kill -9 broker 1, for 2s\n   2.000s  cut the store's answers at a byte, worker 2, 17"
	if got := h.String(); got != want {
		t.Errorf("the history is\n%s\nwant\n%s", got, want)
	}
}
