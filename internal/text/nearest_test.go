package text

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	for _, c := range []struct{ word, want string }{
		{"topic", "topics"}, {"grup", "group"}, {"broekrs", "brokers"}, {"GROUP", "group"}, {"x", ""}, {"something_else", ""}, {"", ""},
	} {
		if got := Nearest(c.word, []string{"group", "brokers", "topics", "start"}); got != c.want {
			t.Errorf("Nearest(%q): got %q, want %q", c.word, got, c.want)
		}
	}
}

// E15 (i): two letters that changed places are one change. As two replaced ones they would be too many in a word of four.
func TestE15SwappedLetters(t *testing.T) {
	t.Run("in a word", func(t *testing.T) {
		for word, want := range map[string]string{"isnk": "sink", "snik": "sink", "sikn": "sink", "nisk": "", "knsi": ""} {
			if got := Nearest(word, []string{"sink"}); got != want {
				t.Errorf("Nearest(%q): got %q, want %q", word, got, want)
			}
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		few := rapid.StringOfN(rapid.SampledFrom([]rune("abé")), 0, 6, -1)
		a, b := few.Draw(t, "a"), few.Draw(t, "b")
		if got, want := Distance(a, b), slowDistance([]rune(a), []rune(b)); got != want {
			t.Fatalf("Distance(%q, %q): got %d, want %d", a, b, got, want)
		}
	})
}

// slowDistance is distance as it is defined: the least of all the ways to make the ends of a and b equal.
func slowDistance(a, b []rune) int {
	n, m := len(a), len(b)
	if n == 0 || m == 0 {
		return n + m
	}
	if a[n-1] == b[m-1] {
		return slowDistance(a[:n-1], b[:m-1])
	}
	least := 1 + min(slowDistance(a[:n-1], b), slowDistance(a, b[:m-1]), slowDistance(a[:n-1], b[:m-1]))
	if n > 1 && m > 1 && a[n-1] == b[m-2] && a[n-2] == b[m-1] {
		least = min(least, 1+slowDistance(a[:n-2], b[:m-2]))
	}
	return least
}

// What cannot have been meant is not offered, however short the word is.
func TestNearestOfManyWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "word")
		candidates := rapid.SliceOf(rapid.StringMatching(`[a-z]{1,8}`)).Draw(t, "candidates")
		got := Nearest(word, candidates)
		for _, c := range candidates {
			if c == word && got != word {
				t.Fatalf("Nearest(%q): got %q, and the word itself is a candidate", word, got)
			}
		}
		if got != "" && Distance(word, got) > 3 && !strings.HasPrefix(got, word) && !strings.HasPrefix(word, got) {
			t.Fatalf("Nearest(%q): got %q, which is %d letters away", word, got, Distance(word, got))
		}
	})
}
