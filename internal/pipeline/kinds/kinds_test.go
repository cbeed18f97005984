package kinds

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fencepost/fencepost/internal/pipeline/keys"
)

// A technology is named by its own file alone: what asks for a name elsewhere would have to be found when the next one joins.
func TestNamesStandInOneFile(t *testing.T) {
	var names []string
	for _, k := range all {
		names = append(names, k.Name)
	}
	var files []string
	for _, dir := range []string{".", "..", "../keys", "../../../cmd/fencepost"} {
		found, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(found) < 4 {
			t.Fatalf("%s has %d files, %v", dir, len(found), err)
		}
		files = append(files, found...)
	}
	in := map[string][]string{} // :: name -> the files that have it
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, s := range texts(t, file) {
			if slices.Contains(names, s) && !slices.Contains(in[s], file) {
				in[s] = append(in[s], file)
			}
		}
	}
	for _, name := range names {
		if want := name + ".go"; !slices.Equal(in[name], []string{want}) {
			t.Errorf("%q is a text in %q, want it in %s alone", name, in[name], want)
		}
	}
}

// texts are the string literals of a source file.
func texts(t *testing.T, file string) (all []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, _ := strconv.Unquote(lit.Value)
			all = append(all, s)
		}
		return true
	})
	return all
}

// A technology is in a place whole: with its rows, of which the first is its own, and what reads them; as a sink with what to type next.
func TestKindsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range all {
		if seen[k.Name] {
			t.Errorf("%s is listed twice", k.Name)
		}
		seen[k.Name] = true
		whole(t, k.Name, k.Sink)
		whole(t, k.Name, k.Ledger)
		whole(t, k.Name, k.Mirror)
		if (k.Sink.Keys == nil) != (k.Next == nil) {
			t.Errorf("%s: a sink says what to type next, and nothing else does", k.Name)
		}
	}
}

func whole[T any](t *testing.T, name string, s Section[T]) {
	t.Helper()
	if (s.Keys == nil) != (s.Read == nil) {
		t.Errorf("%s has a section with keys and nothing to read them, or the other way round", name)
	}
	if s.Keys == nil {
		return
	}
	rows := s.Keys("place." + name)
	if rows[0].Path != "place."+name || rows[0].Form != keys.FormMap {
		t.Errorf("%s: the first row is %s, want the technology's own, a mapping", name, rows[0].Path)
	}
	for _, row := range rows[1:] {
		if !strings.HasPrefix(row.Path, "place."+name+".") {
			t.Errorf("%s: the row %s is not below it", name, row.Path)
		}
	}
}
