package sinktest

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/google/go-cmp/cmp"
)

// equal reports whether the text that a server shows is the value: numbers and times by what they mean, JSON by what it
// holds, UUIDs by their digits.
func equal(from fencepost.Type, want any, shown string) bool {
	switch want := want.(type) {
	case bool:
		return truth[shown] == want && (want || shown == "f" || shown == "false" || shown == "0")
	case []byte:
		return string(want) == shown
	case float64:
		got, err := strconv.ParseFloat(shown, 64)
		return err == nil && (got == want || got != got && want != want)
	case int64:
		if from == fencepost.Timestamp {
			got, ok := shownTime(shown)
			return ok && got.Cmp(big.NewInt(want)) == 0
		}
		return sameNumber(big.NewRat(1, 1).SetInt64(want), shown)
	case string:
		return equalText(from, want, shown)
	}
	return false
}

var truth = map[string]bool{"t": true, "true": true, "1": true}

func equalText(from fencepost.Type, want, shown string) bool {
	switch from {
	case fencepost.Decimal:
		n, ok := new(big.Rat).SetString(want)
		return want == shown || ok && sameNumber(n, shown)
	case fencepost.Time:
		return want == trimmed(shown)
	case fencepost.Date:
		day, ok := shownTime(want)
		got, ok2 := shownTime(shown)
		return ok && ok2 && day.Cmp(got) == 0
	case fencepost.JSON:
		if strings.HasPrefix(shown, "{") && strings.HasPrefix(want, "[") {
			return equalArray(want, shown)
		}
		return cmp.Equal(jsonValue(want), jsonValue(shown), cmp.Comparer(func(a, b json.Number) bool {
			n, ok := new(big.Rat).SetString(a.String())
			return a == b || ok && sameNumber(n, b.String())
		}))
	default:
		return want == shown || len(want) >= 32 && len(want) <= 38 && uuidDigits(want) == uuidDigits(shown)
	}
}

// trimmed is a time of day without the zeros at the end of its fraction.
func trimmed(clock string) string {
	if strings.Contains(clock, ".") {
		clock = strings.TrimRight(strings.TrimRight(clock, "0"), ".")
	}
	return clock
}

// equalArray compares a JSON array of scalars with an array as Postgres shows one: {x,"",NULL}.
func equalArray(want, shown string) bool {
	values, ok := jsonValue(want).([]any)
	shown = strings.Trim(shown, "{}")
	if !ok || len(values) == 0 {
		return ok && shown == ""
	}
	elements := strings.Split(shown, ",") // no text of the suite has a comma
	return slices.EqualFunc(values, elements, func(v any, shown string) bool {
		switch v := v.(type) {
		case nil:
			return shown == "NULL"
		case bool:
			return shown == "t" && v || shown == "f" && !v
		case json.Number:
			n, ok := new(big.Rat).SetString(v.String())
			return ok && sameNumber(n, shown)
		}
		return fmt.Sprint(v) == strings.Trim(shown, `"`)
	})
}

func uuidDigits(s string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "{", "", "}", "").Replace(s))
}

func sameNumber(n *big.Rat, shown string) bool {
	got, ok := new(big.Rat).SetString(shown)
	return ok && got.Cmp(n) == 0
}

// near reports whether a value that check says is changed is as near as it says: rounded, cut or padded, not garbled.
func near(from fencepost.Type, want any, shown, note string) bool {
	switch want := want.(type) {
	case int64:
		if from == fencepost.Timestamp {
			got, ok := shownTime(shown)
			return ok && new(big.Int).Abs(got.Sub(got, big.NewInt(want))).Cmp(unit(note)) < 0
		}
		return nearNumber(new(big.Rat).SetInt64(want), shown, note)
	case float64:
		return !math.IsNaN(want) && !math.IsInf(want, 0) && nearNumber(new(big.Rat).SetFloat64(want), shown, note)
	case string:
		switch from {
		case fencepost.Decimal:
			n, ok := new(big.Rat).SetString(want)
			return ok && nearNumber(n, shown, note)
		case fencepost.JSON:
			return strings.Contains(note, "53 bits") && cmp.Equal(jsonValue(want), jsonValue(shown), cmp.Comparer(sameDouble))
		}
		if from == fencepost.Time {
			w, err1 := time.Parse(time.TimeOnly, want)
			g, err2 := time.Parse(time.TimeOnly, shown)
			return shown == "24:00:00" && unit(note).Sign() > 0 || err1 == nil && err2 == nil && big.NewInt(w.Sub(g).Abs().Microseconds()).Cmp(unit(note)) < 0
		}
		return strings.TrimRight(want, " ") == strings.TrimRight(shown, " ") || strings.EqualFold(want, shown)
	}
	return false
}

// sameDouble reports whether two numbers are the same double.
func sameDouble(a, b json.Number) bool {
	x, err := a.Float64()
	y, err2 := b.Float64()
	return err == nil && err2 == nil && x == y
}

// unit is the microseconds to which a note says that times are cut or rounded.
func unit(note string) *big.Int {
	switch {
	case strings.Contains(note, "to the day"):
		return big.NewInt(86_400_000_000)
	case strings.Contains(note, "to whole seconds"):
		return big.NewInt(1_000_000)
	case strings.Contains(note, "to milliseconds"):
		return big.NewInt(1_000)
	}
	return big.NewInt(0)
}

// nearNumber: within half of the last place, or within 24 bits, as the note says.
func nearNumber(n *big.Rat, shown, note string) bool {
	got, ok := new(big.Rat).SetString(shown)
	if !ok {
		return false
	}
	off := new(big.Rat).Abs(new(big.Rat).Sub(got, n))
	var places int
	if _, err := fmt.Sscanf(note, "rounded to %d place", &places); err == nil {
		return off.Cmp(new(big.Rat).SetFloat64(0.5*math.Pow10(-places)*(1+1e-9))) <= 0
	}
	bits := new(big.Rat).Mul(new(big.Rat).Abs(n), big.NewRat(1, 1<<24))
	return strings.Contains(note, "24 bits") && got.Sign() == n.Sign() && off.Cmp(bits.Add(bits, new(big.Rat).SetFloat64(math.SmallestNonzeroFloat32))) <= 0
}

// shownTime reads a time as servers show it, in UTC: Unix microseconds.
func shownTime(s string) (us *big.Int, ok bool) {
	s, bc := strings.CutSuffix(s, " BC")
	s = strings.TrimSuffix(s, "+00")
	date, clock, _ := strings.Cut(s, " ")
	parts := strings.Split(strings.TrimPrefix(date, "-"), "-")
	if len(parts) != 3 {
		return nil, false
	}
	var n [3]int
	for i, p := range parts {
		v, err := strconv.Atoi(p)
		if err != nil {
			return nil, false
		}
		n[i] = v
	}
	if bc {
		n[0] = 1 - n[0]
	}
	if strings.HasPrefix(date, "-") {
		n[0] = -n[0]
	}
	if clock == "" {
		clock = "00:00:00"
	}
	at, err := time.Parse("15:04:05.999999", clock)
	if err != nil {
		return nil, false
	}
	day := time.Date(n[0], time.Month(n[1]), n[2], at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
	us = big.NewInt(day.Unix())
	return us.Add(us.Mul(us, big.NewInt(1_000_000)), big.NewInt(int64(at.Nanosecond()/1000))), true
}

// Shows reports whether a value of a type of the schema is what another client shows of it: want is the value as a Column holds it (of a timestamp
// the microseconds since 1970 UTC), shown its text, and of bytes the bytes.
func Shows(from fencepost.Type, want any, shown string) bool { return equal(from, want, shown) }
