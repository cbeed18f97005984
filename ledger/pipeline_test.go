package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/google/go-cmp/cmp"
)

// H1: who may begin with what, beside whom.
func TestH1Admit(t *testing.T) {
	was := ledger.Pipeline{Parts: []ledger.Part{{"topics", "h1", false}, {"column id", "int", false}, {"table", "h1", true}, {"statement", "a\nb", false}}}
	is := func(change func([]ledger.Part) []ledger.Part) ledger.Pipeline {
		return ledger.Pipeline{Parts: change(append([]ledger.Part(nil), was.Parts...))}
	}
	same := is(func(p []ledger.Part) []ledger.Part { return p })
	column := is(func(p []ledger.Part) []ledger.Part { return append(p, ledger.Part{Name: "column x", Text: "int"}) })
	table := is(func(p []ledger.Part) []ledger.Part { p[2].Text = "h1b"; return p })
	statement := is(func(p []ledger.Part) []ledger.Part { p[3].Text = "a\nc"; return p })
	less := is(func(p []ledger.Part) []ledger.Part { return p[1:] })
	for _, c := range []struct {
		was, is ledger.Pipeline
		live    int
		changed bool
		want    string
	}{
		{was, same, 3, false, "taken"},
		{ledger.Pipeline{}, table, 3, false, "taken"}, // nothing is known
		{was, column, 0, false, "taken: column x added"},
		{was, column, 1, false, "refused: column x added"},
		{was, column, 1, true, "taken: column x added"},
		{column, was, 0, false, "taken: column x left out"},
		{was, table, 0, false, "refused: table h1b instead of h1"},
		{was, table, 0, true, "taken: table h1b instead of h1"},
		{was, statement, 0, false, "taken: statement changed"},
		{was, less, 1, false, "refused: topics left out"},
	} {
		all, refused := ledger.Admit(c.was, c.is, c.live, c.changed)
		got := map[bool]string{true: "refused", false: "taken"}[refused]
		for i, d := range all {
			got += map[bool]string{true: ": ", false: ", "}[i == 0] + d.String()
		}
		if got != c.want {
			t.Errorf("%d live, changed %t: got %q, want %q", c.live, c.changed, got, c.want)
		}
	}
}

// A pipeline comes back as it was written, and what no program wrote is an error.
func TestPipelinesReadBack(t *testing.T) {
	s := memory.Open()
	want := ledger.Pipeline{Who: "w1@node3", Since: time.Date(2026, 11, 21, 3, 12, 45, 0, time.UTC)}
	for i, text := range []string{"", "größe", `"quoted" = \x`, "two\nlines\x00", strings.Repeat("s", 5000)} {
		want.Parts = append(want.Parts, ledger.Part{Name: fmt.Sprintf("column %q=%d", text[:min(3, len(text))], i), Text: text, Place: i%2 == 0})
	}
	if err := ledger.WritePipeline(t.Context(), s, "g", want); err != nil {
		t.Fatal(err)
	}
	known, err := ledger.ReadReports(t.Context(), s, "g")
	if diff := cmp.Diff(want, known.Pipeline); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{"x", `who="w"`, `since="2026-11-21T03:12:45Z" part="no name"`} {
		if err := s.PutReports(t.Context(), "g", map[string]string{"pipeline": bad}); err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.ReadReports(t.Context(), s, "g"); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
