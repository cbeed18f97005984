package screen

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

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
