package ledger_test

import (
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"pgregory.net/rapid"
)

// E10: what builds of before wrote is what is written: they read it, and theirs is read.
func TestE10BackfillsReadAsBefore(t *testing.T) {
	at := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	r := fencepost.OffsetRange{From: 410_200, Until: 421_000}
	for text, want := range map[string]ledger.Move{
		"backfill [410200 .. 421000) of group trips: wrong rate": {Backfill: ledger.Backfill{Range: r, Of: "trips"}, Why: "wrong rate"},
		"backfill [410200 .. 421000) of group trips":             {Backfill: ledger.Backfill{Range: r, Of: "trips"}},
		"backfill [410200 .. 421000) from 2026-11-21T00:00:00Z to 2026-11-21T00:00:00.5Z of group trips: a: b": {
			Backfill: ledger.Backfill{Range: r, Of: "trips", Since: at, Before: at.Add(500 * time.Millisecond)}, Why: "a: b"},
		"not in the backfill": {Why: "not in the backfill"},
		"earliest":            {Why: "earliest"},
		"":                    {},
	} {
		want.Cause = ledger.CauseStart
		got := ledger.Move{Cause: ledger.CauseStart}
		if got.SetReason(text); got != want {
			t.Errorf("%q reads as %+v, %q", text, got.Backfill, got.Why)
		}
		if back := want.Reason(); back != text {
			t.Errorf("%q is written as %q", text, back)
		}
	}
}

// E10: an operator's text is no range, whatever it is, and nothing but a start begins a backfill.
func TestE10WordsAreNoBackfill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`-?[0-9,]{1,20}`)
		words := rapid.OneOf(rapid.String(), rapid.Just("backfill [0 .. 5) of group trips"), rapid.Custom(func(t *rapid.T) string {
			return rapid.StringMatching(` {0,2}`).Draw(t, "spaces") + "backfill [" + number.Draw(t, "from") + " .. " + number.Draw(t, "until") + ")" +
				rapid.SampledFrom([]string{"", " from yesterday to now", " of group g", " of group g: x", ` of group "g: h": x`, " of group "}).Draw(t, "rest")
		}))
		m := ledger.Move{Cause: ledger.Cause(rapid.IntRange(1, 6).Draw(t, "cause")), Why: words.Draw(t, "why")}
		if m.Cause == ledger.CauseStart && rapid.Bool().Draw(t, "a backfill") {
			from := rapid.Int64Min(0).Draw(t, "from")
			m.Backfill = ledger.Backfill{Of: fencepost.Group(rapid.OneOf(rapid.StringN(1, 9, -1), rapid.SampledFrom([]string{"a: b", `"`, `"x"`, ":", "a:", " of group "})).Draw(t, "group")),
				Range: fencepost.OffsetRange{From: fencepost.Offset(from), Until: fencepost.Offset(rapid.Int64Min(from).Draw(t, "until"))}}
			if rapid.Bool().Draw(t, "by time") {
				m.Backfill.Since = time.Unix(0, rapid.Int64().Draw(t, "since")).UTC()
				m.Backfill.Before = time.Unix(0, rapid.Int64().Draw(t, "before")).UTC()
			}
		}
		back := ledger.Move{Cause: m.Cause}
		if back.SetReason(m.Reason()); back != m {
			t.Fatalf("%+v, %q: written as %q, read as %+v, %q", m.Backfill, m.Why, m.Reason(), back.Backfill, back.Why)
		}
	})
}
