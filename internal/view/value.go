package view

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// Number is a count. Below 0 it is not known: null in json, "-" for people.
type Number int64

// MarshalJSON is the number, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if n < 0 {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, int64(n), 10), nil
}

// IsZero reports whether the number is not known: omitzero leaves it out.
func (n Number) IsZero() bool { return n < 0 }

// String is the number for people: 1,000.
func (n Number) String() string {
	if n < 0 {
		return "-"
	}
	return text.Count(n)
}

// Loss is the number where "-" would read as none: unknown.
func (n Number) Loss() string {
	if n < 0 {
		return "unknown"
	}
	return text.Count(n)
}

// amount is how many records there are, or the most there can be. Below 0 it is not known.
func amount[T ~int64](n T, exact bool) string {
	if n < 0 {
		return Number(n).Loss()
	}
	return text.Amount{N: int64(n), Most: !exact}.String()
}

// Word is a text that may be missing. "" and "-" are null in json.
type Word string

// MarshalJSON is the text, or null.
func (w Word) MarshalJSON() ([]byte, error) {
	if w.cell() == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(w))
}

// cell is the text of csv.
func (w Word) cell() string {
	if w == "-" {
		return ""
	}
	return string(w)
}

// Instant is a time. The zero one is null in json, "-" for people.
type Instant struct{ time.Time }

// MarshalJSON is the time in UTC with milliseconds, or null.
func (t Instant) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// Age is a duration. Below 0 it is not known: null in json, "-" for people.
type Age time.Duration

// MarshalJSON is the duration in seconds, or null.
func (a Age) MarshalJSON() ([]byte, error) {
	if a < 0 {
		return []byte("null"), nil
	}
	return json.Marshal(time.Duration(a).Round(time.Millisecond).Seconds())
}

// IsZero reports whether the duration is not known: omitzero leaves it out.
func (a Age) IsZero() bool { return a < 0 }

// String is the duration for people, in whole seconds: 2h05m.
func (a Age) String() string {
	if a < 0 {
		return "-"
	}
	return text.Duration(time.Duration(a).Round(time.Second))
}

// Ago is how long before now a time was. Clocks of two machines may differ, and nothing is younger than now.
func Ago(now, at time.Time) string { return Age(max(0, now.Sub(at))).String() + " ago" }

// Verdict is a ledger.Verdict. The unset one is null in json, "-" for people.
type Verdict ledger.Verdict

// MarshalJSON is the verdict as programs read it, aged-out, or null.
func (v Verdict) MarshalJSON() ([]byte, error) {
	if v == Verdict(ledger.VerdictUnset) {
		return []byte("null"), nil
	}
	return json.Marshal(Kebab(ledger.Verdict(v)))
}

// String is the verdict for people: aged out.
func (v Verdict) String() string {
	if v == Verdict(ledger.VerdictUnset) {
		return "-"
	}
	return ledger.Verdict(v).String()
}

// Kebab is a verdict as programs read it, and as error codes are written: aged-out.
func Kebab(v ledger.Verdict) string { return strings.ReplaceAll(v.String(), " ", "-") }

// Position is a ledger.Position. Its fields are null where another program's position has none.
type Position struct {
	Offset      fencepost.Offset `json:"offset"`
	LeaderEpoch Number           `json:"leader_epoch"`
	Fence       Word             `json:"fence"`
	TopicID     Word             `json:"topic_id"`
}

// position is nil for an absent one.
func position(p ledger.Position) *Position {
	if p.Absent() {
		return nil
	}
	out := &Position{Offset: p.Offset, LeaderEpoch: Number(p.LeaderEpoch), TopicID: Word(p.TopicID.String())}
	if p.Fence != 0 {
		out.Fence = Word(p.Fence.String())
	}
	return out
}

// String is the offset for people; "-" for an absent position.
func (p *Position) String() string {
	if p == nil {
		return "-"
	}
	return text.Count(p.Offset)
}

// Next is where a planned move leads: it has no fence yet.
type Next struct {
	Offset fencepost.Offset `json:"offset"`
}
