package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// modulePath is the module's name, as its packages import each other.
const modulePath = "github.com/fencepost/fencepost"

// pkg is one package: its folder below the module's root, "." for the root itself, and its files but the tests.
type pkg struct {
	dir   string
	files map[string]*ast.File // :: file name -> syntax
	set   *token.FileSet
}

// at names a place for a person: file and line below the module's root.
func (r pkg) at(pos token.Pos) string {
	p := r.set.Position(pos)
	return fmt.Sprintf("%s:%d", filepath.ToSlash(filepath.Join(r.dir, filepath.Base(p.Filename))), p.Line)
}

// named is the package in a sentence.
func (r pkg) named() string {
	if r.dir == "." {
		return "the root"
	}
	return r.dir
}

// load parses every package of the module that lies in root. Folders that go leaves out are left out: testdata, those
// that begin with a dot or an underscore, and modules of their own.
func load(t *testing.T, root string) []pkg {
	t.Helper()
	packages := map[string]pkg{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, own := os.Stat(filepath.Join(path, "go.mod"))
			if path != root && (own == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		r, ok := packages[filepath.ToSlash(dir)]
		if !ok {
			r = pkg{dir: filepath.ToSlash(dir), files: map[string]*ast.File{}, set: token.NewFileSet()}
			packages[r.dir] = r
		}
		r.files[d.Name()], err = parser.ParseFile(r.set, path, nil, parser.ParseComments)
		return err
	})
	if err != nil {
		t.Fatalf("read the module: %v", err)
	}
	var all []pkg
	for _, r := range packages {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b pkg) int { return strings.Compare(a.dir, b.dir) })
	return all
}

// imports lists what a package imports, with where.
func (r pkg) imports() (paths map[string]token.Pos) {
	paths = map[string]token.Pos{}
	for _, f := range r.files {
		for _, i := range f.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			paths[path] = i.Pos()
		}
	}
	return paths
}

// outside reports whether an import path is neither of the standard library nor of this module.
func outside(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".") && !ours(path)
}

// ours reports whether an import path is of this module.
func ours(path string) bool { return path == modulePath || strings.HasPrefix(path, modulePath+"/") }

// under reports whether a path is one of the given ones or lies below one that ends in "/...".
func under(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		above, deep := strings.CutSuffix(p, "/...")
		return p == "..." || path == above || deep && strings.HasPrefix(path, above+"/")
	})
}
