//go:build realservers && before

package manual

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestLedgersOfTheBuildBefore takes a group of each store back and forth between the program of another revision and this
// one. FENCEPOST_BEFORE is the other program; make before BEFORE=REVISION builds it.
func TestLedgersOfTheBuildBefore(t *testing.T) {
	before, err := filepath.Abs(os.Getenv("FENCEPOST_BEFORE"))
	if err != nil || os.Getenv("FENCEPOST_BEFORE") == "" {
		t.Fatal("FENCEPOST_BEFORE names no program: make before BEFORE=REVISION")
	}
	dir := t.TempDir()
	if err := os.Symlink(before, filepath.Join(dir, "before")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	commands["same"] = same
	runScripts(t, "testdata/before")
}

// same fails unless both programs show the same positions and the same moves.
func same(ts *testscript.TestScript, _ bool, _ []string) {
	for _, show := range [][]string{{"offsets", "show", "group.yaml", "--all", "-o", "csv"}, {"moves", "group.yaml", "--commits", "-o", "json"}} {
		var said [2]string
		for i, program := range []string{"before", "fencepost"} {
			ts.Check(ts.Exec(program, show...))
			said[i] = ts.ReadFile("stdout")
		}
		if slices.Contains(show, "csv") {
			said[1] = cut(ts, said[1], said[0])
		}
		if said[0] != said[1] {
			ts.Fatalf("%v: the build before shows\n%s\nand this one\n%s", show, said[0], said[1])
		}
	}
}

// cut takes away from csv the columns that this program has behind those of the other one: names only grow.
func cut(ts *testscript.TestScript, text, other string) string {
	head, _, _ := strings.Cut(other, "\n")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	ts.Check(err)
	var b strings.Builder
	out := csv.NewWriter(&b)
	for _, row := range rows {
		ts.Check(out.Write(row[:strings.Count(head, ",")+1]))
	}
	out.Flush()
	return b.String()
}
