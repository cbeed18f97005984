package screen

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Count(0), "0"}, {Count(999), "999"}, {Count(1000), "1,000"}, {Count(3_000_000), "3,000,000"}, {Count(-1000), "-1,000"},
		{Count(-999), "-999"},
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

// TestWrap holds Wrap to what it may change: white space alone, and no line is wider than asked for unless it is one
// word.
func TestWrap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.StringMatching(`[a-zé]{0,12}`)).Draw(t, "words"), " ")
		indent, width := rapid.IntRange(0, 10).Draw(t, "indent"), rapid.IntRange(12, 40).Draw(t, "width")
		got := Wrap(text, indent, width)
		if a, b := strings.Fields(got), strings.Fields(text); strings.Join(a, " ") != strings.Join(b, " ") {
			t.Fatalf("Wrap(%q, %d, %d): got %q, other words", text, indent, width, got)
		}
		for i, line := range strings.Split(got, "\n") {
			if i == 0 {
				line = strings.Repeat(" ", indent) + line
			} else if !strings.HasPrefix(line, strings.Repeat(" ", indent)) {
				t.Fatalf("line %d of %q is not indented by %d", i, got, indent)
			}
			if utf8.RuneCountInString(line) > width && len(strings.Fields(line)) > 1 {
				t.Fatalf("line %q is wider than %d", line, width)
			}
		}
	})
	if got := Wrap("a b", 0, 0); got != "a b" {
		t.Errorf("width 0: got %q, want it as it is", got)
	}
}
