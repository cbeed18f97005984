package sqlite

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// micros reads a timestamp's text, with the standard library as the slow twin of stamper.
func micros(t interface{ Errorf(string, ...any) }, text string) int64 {
	at, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		t.Errorf("timestamp %q: %v", text, err)
	}
	return at.UnixMicro()
}

func TestStampReadsBackAndSorts(t *testing.T) {
	low, high := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro(), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC).UnixMicro()
	rapid.Check(t, func(t *rapid.T) {
		var s stamper
		a := rapid.Int64Range(low, high).Draw(t, "a")
		b := rapid.OneOf(rapid.Int64Range(low, high), rapid.Int64Range(max(low, a-2_000_000), min(high, a+2_000_000))).Draw(t, "b")
		unit := rapid.SampledFrom([]int64{1, 1000, 1_000_000}).Draw(t, "unit")
		a, b = a/unit*unit, b/unit*unit
		text, ok := s.write(a)
		textA := string(text)
		text, ok2 := s.write(b)
		textB := string(text)
		if !ok || !ok2 {
			t.Fatalf("%d and %d: refused, want their text", a, b)
		}
		if got := micros(t, textA); got != a {
			t.Errorf("%q reads back as %d, want %d", textA, got, a)
		}
		if (a < b) != (textA < textB) {
			t.Errorf("%q and %q do not sort as %d and %d", textA, textB, a, b)
		}
	})
}

func TestStampForms(t *testing.T) {
	var s stamper
	for text, at := range map[string]time.Time{
		"2001-01-01 00:01:00":        time.Date(2001, 1, 1, 0, 1, 0, 0, time.UTC),
		"2001-01-01 00:01:00.500":    time.Date(2001, 1, 1, 0, 1, 0, 500_000_000, time.UTC),
		"2001-01-01 00:01:00.000250": time.Date(2001, 1, 1, 0, 1, 0, 250_000, time.UTC),
		"1969-12-31 23:59:59":        time.Unix(-1, 0).UTC(),
	} {
		if got, ok := s.write(at.UnixMicro()); string(got) != text || !ok {
			t.Errorf("%v: got %q, want %q", at, got, text)
		}
	}
	for _, year := range []int{-1, 10_000} {
		if got, ok := s.write(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC).UnixMicro()); ok {
			t.Errorf("year %d: got %q, want it refused: SQLite's date functions do not read it", year, got)
		}
	}
}
