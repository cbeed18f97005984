package admin

import (
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
)

// DestinationKind says what a Destination counts from.
type DestinationKind uint8

// The kinds of destination.
const (
	ToEarliest DestinationKind = iota
	ToLatest
	ToOffset // Destination.N itself
	ToShift  // Destination.N from the position, forward or back
	ToTime   // the first record at or after Destination.Time
)

// Destination is where positions are to be set.
type Destination struct {
	Kind DestinationKind
	N    int64
	Time time.Time
	text string // as it was written
}

// String is the destination as it was written.
func (t Destination) String() string { return t.text }

// offsetOf is an offset as a destination.
func offsetOf(at fencepost.Offset) Destination {
	return Destination{Kind: ToOffset, N: int64(at), text: text.Count(at)}
}

// ParseDestination reads `earliest`, `latest`, N, +N, -N, -DURATION or a time, of now's zone where it has no offset.
//
// Errors: text.ErrNoTime where it is none of them, *text.LocalTimeError.
func ParseDestination(s string, now time.Time) (Destination, error) {
	t := Destination{text: s}
	switch s {
	case "earliest":
		return t, nil
	case "latest":
		t.Kind = ToLatest
		return t, nil
	case "":
		return t, text.ErrNoTime
	}
	sign, number := s[:1], s[1:]
	if sign != "+" && sign != "-" {
		sign, number = "", s
	}
	if n, ok := text.ParseCount(number); ok && n >= 0 {
		switch sign {
		case "":
			t.Kind, t.N = ToOffset, n
		case "+":
			t.Kind, t.N = ToShift, n
		case "-":
			t.Kind, t.N = ToShift, -n
		}
		return t, nil
	}
	t.Kind = ToTime
	if back, ok := strings.CutPrefix(s, "-"); ok {
		d, ok := text.ParseDuration(back)
		if !ok {
			return t, text.ErrNoTime
		}
		t.Time = now.Add(-d)
		return t, nil
	}
	var err error
	t.Time, err = text.ParseTime(s, now.Location())
	return t, err
}
