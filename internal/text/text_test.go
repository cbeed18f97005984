package text

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Count(0), "0"}, {Count(999), "999"}, {Count(1000), "1,000"}, {Count(3_000_000), "3,000,000"}, {Count(-1000), "-1,000"},
		{Count(-999), "-999"}, {Count(int64(math.MinInt64)), "-9,223,372,036,854,775,808"},
		{Rate(3_000_000, 2400*time.Millisecond), "1,250,000/s"}, {Rate(5, time.Second), "5/s"}, {Rate(5, 0), "0/s"},
		{Rate(31_204, time.Second), "31,204/s"}, {Rate(1_262_413, time.Second), "1,262,000/s"},
		{Size(142 << 20), "142 MiB"}, {Size(5 << 10), "5 KiB"}, {Size(7), "7 B"}, {Size(20 << 30), "20 GiB"},
		{Plural(1, "commit"), "1 commit"}, {Plural(0, "gap"), "0 gaps"}, {Plural(1200, "record"), "1,200 records"},
		{Duration(0), "0s"}, {Duration(4 * time.Millisecond), "4ms"}, {Duration(10 * time.Microsecond), "1ms"},
		{Duration(300 * time.Millisecond), "0.3s"}, {Duration(2400 * time.Millisecond), "2.4s"}, {Duration(30 * time.Second), "30s"},
		{Duration(760 * time.Second), "12m40s"}, {Duration(6*time.Hour + 40*time.Minute), "6h40m"}, {Duration(time.Hour), "1h"},
		{Duration(2*time.Hour + 5*time.Minute), "2h05m"}, {Duration(148 * time.Hour), "6d4h"}, {Duration(-time.Second), "-1s"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// E6: what is printed reads back as itself, with either separator and without any.
func TestE6CountsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-2_000_000, 2_000_000)).Draw(t, "n")
		printed := Count(n)
		for _, sep := range []rune{',', '_', -1} {
			text := strings.Map(func(r rune) rune {
				if r == ',' {
					return sep
				}
				return r
			}, printed)
			if got, ok := ParseCount(text); !ok || got != n {
				t.Fatalf("ParseCount(%q): got %d, %t, want %d", text, got, ok, n)
			}
		}
	})
}

// E6: what reads as a number is that number printed, once the separators are taken out of both and zeros from the front.
// No text with a separator is read that the printer would have placed otherwise.
func TestE6CountsAreNotGuessed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[-+]?[0-9,_]{0,12}`).Draw(t, "text")
		n, ok := ParseCount(text)
		if !ok {
			return
		}
		if strings.ContainsAny(text, ",_") && strings.ReplaceAll(text, "_", ",") != Count(n) {
			t.Fatalf("ParseCount(%q): got %d, which is written %s", text, n, Count(n))
		}
	})
	for _, bad := range []string{"", "-", "1,2", "12,50", "1,,2", ",5", "5,", "1234,567", "1,2345", "0,001", "-,123", "+5", "--5", "1,234_567", "1.5", " 1", "1 ",
		"99999999999999999999", "1e3", "0x10", "١"} {
		if n, ok := ParseCount(bad); ok {
			t.Errorf("ParseCount(%q): got %d, want no number", bad, n)
		}
	}
}

func TestSizesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.Int64Range(1, MaxSize), rapid.Int64Range(1, 4096)).Draw(t, "bytes")
		got, ok := ParseSize(Size(n))
		if !ok || got > n || float64(n-got) > float64(n)/2 || n < 1024 && got != n {
			t.Fatalf("ParseSize(%q): got %d, %t, of %d", Size(n), got, ok, n)
		}
	})
	for text, want := range map[string]int64{"8MiB": 8 << 20, "8 MiB": 8 << 20, "1,024 KiB": 1 << 20, "20_000": 20_000, "7B": 7, "1024GiB": 1 << 40} {
		if got, ok := ParseSize(text); !ok || got != want {
			t.Errorf("ParseSize(%q): got %d, %t, want %d", text, got, ok, want)
		}
	}
	for _, bad := range []string{"", "0", "-1", "MiB", "1,2 KiB", "8MB", "1.5MiB", "1025GiB", "99999999999999GiB"} {
		if n, ok := ParseSize(bad); ok {
			t.Errorf("ParseSize(%q): got %d, want no size", bad, n)
		}
	}
}

// A duration reads back to within the smaller of the units that it is written in.
func TestDurationsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.OneOf(rapid.Int64Range(0, int64(2*time.Minute)), rapid.Int64Range(0, int64(mostDays*24*time.Hour))).Draw(t, "ns"))
		got, ok := ParseDuration(Duration(d))
		unit := time.Hour
		switch {
		case d < 100*time.Millisecond:
			unit = time.Millisecond
		case d < time.Minute:
			unit = 100 * time.Millisecond
		case d < time.Hour:
			unit = time.Second
		case d < 24*time.Hour:
			unit = time.Minute
		}
		if !ok || (got-d).Abs() > unit {
			t.Fatalf("ParseDuration(%q): got %s, %t, of %s", Duration(d), got, ok, d)
		}
	})
	for _, c := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"5s", 5 * time.Second, true}, {"12m40s", 760 * time.Second, true}, {"6d4h", 148 * time.Hour, true}, {"2d", 48 * time.Hour, true},
		{"0", 0, true}, {"5", 0, false}, {"-1s", 0, false}, {"", 0, false}, {"d", 0, false}, {"99999d", 0, false}, {"1h d", 0, false},
	} {
		if got, ok := ParseDuration(c.text); got != c.want || ok != c.ok {
			t.Errorf("ParseDuration(%q): got %v, %t, want %v, %t", c.text, got, ok, c.want, c.ok)
		}
	}
}

func TestParseSpan(t *testing.T) {
	for text, want := range map[string][2]int32{"7": {7, 7}, "2-4": {2, 4}, "0-0": {0, 0}, "2147483647": {math.MaxInt32, math.MaxInt32}} {
		if first, last, ok := ParseSpan(text); !ok || first != want[0] || last != want[1] {
			t.Errorf("ParseSpan(%q): got %d to %d, %t, want %v", text, first, last, ok, want)
		}
	}
	for _, bad := range []string{"", "-", "-1", "1-", "4-2", "+1", "1-+2", "1,000", "2147483648", "1-2-3", "x"} {
		if first, last, ok := ParseSpan(bad); ok {
			t.Errorf("ParseSpan(%q): got %d to %d, want none", bad, first, last)
		}
	}
}

// A point in time is local unless it says an offset, and an age counts back from now.
func TestTimes(t *testing.T) {
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.Local)
	for s, want := range map[string]time.Time{
		"2026-11-20":                 time.Date(2026, 11, 20, 0, 0, 0, 0, time.Local),
		"2026-11-20T03:00":           time.Date(2026, 11, 20, 3, 0, 0, 0, time.Local),
		"2026-11-20 03:00:07":        time.Date(2026, 11, 20, 3, 0, 7, 0, time.Local),
		"2026-11-20T03:00:07Z":       time.Date(2026, 11, 20, 3, 0, 7, 0, time.UTC),
		"2026-11-20 03:00:07 -05:00": time.Date(2026, 11, 20, 8, 0, 7, 0, time.UTC),
		"24h":                        now.Add(-24 * time.Hour),
		"7d":                         now.Add(-7 * 24 * time.Hour),
	} {
		if got, err := ParsePast(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %s, %v, want %s", s, got, err, want)
		}
	}
	for _, bad := range []string{"", "yesterday", "2026-11-32", "3:00", "-2h", "24"} {
		if got, err := ParsePast(bad, now); err == nil {
			t.Errorf("%q: got %s, want no time", bad, got)
		}
	}
}

// Exact loses nothing of a duration, and writes no unit of which there is none.
func TestExact(t *testing.T) {
	for d, want := range map[time.Duration]string{
		30 * time.Minute: "30m", 24 * time.Hour: "24h", 90 * time.Second: "1m30s", 100 * time.Millisecond: "100ms", 0: "0s", 10 * time.Hour: "10h",
		time.Hour + time.Second: "1h0m1s",
	} {
		got := Exact(d)
		if back, ok := ParseDuration(got); got != want || !ok || back != d {
			t.Errorf("%v: got %s, which reads as %s, %t; want %s", d, got, back, ok, want)
		}
	}
}

// Words are joined as people list them.
func TestList(t *testing.T) {
	for want, words := range map[string][]string{"": nil, "a": {"a"}, "a and b": {"a", "b"}, "a, b and c": {"a", "b", "c"}} {
		if got := List(words); got != want {
			t.Errorf("%v: got %q, want %q", words, got, want)
		}
	}
}

// Runs of neighbours fold, and no partition is in two of them.
func TestSpans(t *testing.T) {
	type part struct {
		topic string
		n     int32
	}
	for want, parts := range map[string][]part{
		"": nil, "t:3": {{"t", 3}}, "t:0-1": {{"t", 0}, {"t", 1}},
		"t:0-2 t:4 t:6-7": {{"t", 0}, {"t", 1}, {"t", 2}, {"t", 4}, {"t", 6}, {"t", 7}}, "t:1 t:3 t:5": {{"t", 1}, {"t", 3}, {"t", 5}},
		"t:0 u:1-2":               {{"t", 0}, {"u", 1}, {"u", 2}},
		"t:2147483646-2147483647": {{"t", 2147483646}, {"t", 2147483647}},
		"t:2147483647 u:0":        {{"t", 2147483647}, {"u", 0}},
	} {
		got := strings.Join(Spans(len(parts), func(i int) (string, int32) { return parts[i].topic, parts[i].n }), " ")
		if got != want {
			t.Errorf("%v: %q, want %q", parts, got, want)
		}
	}
}
