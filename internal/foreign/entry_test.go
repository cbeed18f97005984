package foreign

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
)

// The number does not say what it means: what each meaning makes of one number and of two.
func TestResume(t *testing.T) {
	one := Entry{From: NoFrom, Until: 31007, Raw: "31007", Where: "field orders|0"}
	two := Entry{From: 30000, Until: 31007, Raw: "30000|31007", Where: "field orders|0"}
	for _, c := range []struct {
		entry Entry
		means string
		want  fencepost.Offset
	}{
		{one, "next", 31007}, {one, "batch-start", 31007}, {one, "last-processed", 31008},
		{two, "next", 31007}, {two, "batch-start", 30000}, {two, "last-processed", 31008},
	} {
		m, ok := ParseMeaning(c.means)
		if !ok || m.String() != c.means {
			t.Fatalf("ParseMeaning(%q) = %s, %v", c.means, m, ok)
		}
		if got, err := c.entry.Resume(m); err != nil || got != c.want {
			t.Errorf("%s under %s resumes at %d, %v; want %d", c.entry.Raw, m, got, err, c.want)
		}
	}
	for _, bad := range []struct {
		entry Entry
		m     Meaning
	}{{two, MeaningUnset}, {Entry{Until: math.MaxInt64}, MeaningLastProcessed}} {
		if got, err := bad.entry.Resume(bad.m); err == nil {
			t.Errorf("%d under %s resumes at %d, want an error", bad.entry.Until, bad.m, got)
		}
	}
	for _, s := range []string{"", "unset", "Next", "last"} {
		if m, ok := ParseMeaning(s); ok {
			t.Errorf("ParseMeaning(%q) = %s, want none", s, m)
		}
	}
}

// docs/layouts.md says of every meaning where it resumes, with one number and with two.
func TestMeaningsPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "layouts.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for m := MeaningNext; int(m) < len(meanings); m++ {
		one, _ := Entry{From: NoFrom, Until: 183}.Resume(m)
		two, _ := Entry{From: 150, Until: 183}.Resume(m)
		_, row, _ := strings.Cut(page, "| `"+m.String()+"` | ")
		row, _, _ = strings.Cut(row, "\n")
		if want := fmt.Sprintf("| %d | %d |", one, two); !strings.HasSuffix(row, want) {
			t.Errorf("docs/layouts.md: the row of %s ends %q, want %q", m, row, want)
		}
	}
}
