package ledger

import (
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
)

// Backfill is what the start of a backfill's partition is for: an old range to run again, under a group of its own. It
// is kept in the move, so that a run that goes on means the same offsets for ever.
type Backfill struct {
	Range fencepost.OffsetRange // of the partition
	Of    fencepost.Group       // whose records run again; empty: the move begins no backfill
	// Since and Before are the time of records that was asked for, [Since, Before), in UTC; zero: offsets were named.
	Since, Before time.Time
}

// Span is the time that was asked for, as people read it: " from 2026-11-21T00:00:00Z to 2026-11-21T01:00:00Z"; empty
// where offsets were named.
func (b Backfill) Span() string {
	if b.Since.IsZero() && b.Before.IsZero() {
		return ""
	}
	return " from " + b.Since.UTC().Format(time.RFC3339Nano) + " to " + b.Before.UTC().Format(time.RFC3339Nano)
}

// valid reports whether it can be kept and read back.
func (b Backfill) valid() bool {
	year := func(t time.Time) bool { return t.Location() == time.UTC && 0 <= t.Year() && t.Year() <= 9999 }
	return b.Of != "" && b.Range.Valid() && year(b.Since) && year(b.Before)
}

// Reason is what a ledger keeps of why a move was made, and what people read: Why, behind what a backfill is for.
//
//	backfill [410200 .. 421000) of group trips: wrong rate
//	backfill [0 .. 700) from 2026-11-21T00:00:00Z to 2026-11-21T01:00:00Z of group trips
//
// Ledgers have one column for both, which was there before Backfill was a field: [Move.SetReason] reads it back.
func (m Move) Reason() string {
	b := m.Backfill
	if b == (Backfill{}) {
		if m.Cause == CauseStart && reads(strings.TrimLeft(m.Why, " ")) {
			return " " + m.Why // an operator's text that looks like ours
		}
		return m.Why
	}
	group := string(b.Of)
	if strings.Contains(group, ": ") || strings.HasPrefix(group, `"`) {
		group = strconv.Quote(group)
	}
	text := "backfill " + b.Range.String() + b.Span() + " of group " + group
	if m.Why != "" {
		text += ": " + m.Why
	}
	return text
}

// SetReason takes what Reason made apart, into Why and Backfill. Only a start has a Backfill.
func (m *Move) SetReason(text string) {
	m.Why, m.Backfill = text, Backfill{}
	if m.Cause != CauseStart {
		return
	}
	if b, why, ok := readBackfill(text); ok {
		m.Why, m.Backfill = why, b
	} else if strings.HasPrefix(text, " ") && reads(strings.TrimLeft(text, " ")) {
		m.Why = text[1:]
	}
}

func reads(text string) bool {
	_, _, ok := readBackfill(text)
	return ok
}

// readBackfill reads `backfill [A .. B)[ from T to T] of group G[: WHY]`.
func readBackfill(text string) (b Backfill, why string, ok bool) {
	rest, begins := strings.CutPrefix(text, "backfill [")
	from, rest, ranged := strings.Cut(rest, " .. ")
	until, rest, closed := strings.Cut(rest, ")")
	span, rest, named := strings.Cut(rest, " of group ")
	if !begins || !ranged || !closed || !named {
		return Backfill{}, "", false
	}
	group, why, ok := readGroup(rest)
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(until, 10, 64)
	b = Backfill{Range: fencepost.OffsetRange{From: fencepost.Offset(first), Until: fencepost.Offset(last)}, Of: group}
	if span != "" {
		since, before, _ := strings.Cut(strings.TrimPrefix(span, " from "), " to ")
		b.Since, _ = time.Parse(time.RFC3339Nano, since)
		b.Before, _ = time.Parse(time.RFC3339Nano, before)
	}
	return b, why, ok && err1 == nil && err2 == nil && b.valid() && b.Range.String() == "["+from+" .. "+until+")" && b.Span() == span
}

// readGroup reads a group's name, in quotes where it would not end, and the reason behind it.
func readGroup(text string) (g fencepost.Group, why string, ok bool) {
	name, why, reasoned := strings.Cut(text, ": ")
	if quoted, err := strconv.QuotedPrefix(text); err == nil && strings.HasPrefix(text, `"`) {
		name, _ = strconv.Unquote(quoted)
		why, reasoned = strings.CutPrefix(text[len(quoted):], ": ")
		if !reasoned && why != "" {
			return "", "", false
		}
	}
	return fencepost.Group(name), why, name != "" && reasoned == (why != "")
}
