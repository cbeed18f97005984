package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	namedTest    = regexp.MustCompile("`((?:Test|Fuzz|Example)[A-Za-z0-9]+)`")
	namedPackage = regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|[^|]*\\|([^|]*)\\|$")
	quoted       = regexp.MustCompile("`([^`]+)`")
	testFunc     = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)[A-Za-z0-9_]+)\(`)
)

// docs/design.md names a test for each fact, and the files of each package: all of them must exist.
func TestDesignNamesWhatExists(t *testing.T) {
	root := filepath.Join("..", "..")
	design, err := os.ReadFile(filepath.Join(root, "docs", "design.md"))
	if err != nil {
		t.Fatal(err)
	}
	wantTests(t, root, "docs/design.md", design)
	packages := namedPackage.FindAllStringSubmatch(string(design), -1)
	if len(packages) < 10 {
		t.Errorf("docs/design.md maps %d packages: the pattern does not find them", len(packages))
	}
	for _, m := range packages {
		for _, dir := range quoted.FindAllStringSubmatch(m[1], -1) {
			pkg := filepath.Join(root, filepath.FromSlash(dir[1]))
			if _, err := os.Stat(pkg); err != nil {
				t.Errorf("the file map names %s: %v", dir[1], err)
			}
			for _, file := range quoted.FindAllStringSubmatch(m[2], -1) {
				if _, err := os.Stat(filepath.Join(pkg, file[1])); err != nil {
					t.Errorf("the file map names %s of %s: %v", file[1], dir[1], err)
				}
			}
		}
	}
}

// docs/reliability.md names a test for each fault that it says was tried.
func TestReliabilityNamesWhatExists(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "reliability.md"))
	if err != nil {
		t.Fatal(err)
	}
	wantTests(t, root, "docs/reliability.md", page)
}

// wantTests wants each test that a page names.
func wantTests(t *testing.T, root, name string, page []byte) {
	t.Helper()
	tests := allTests(t, root)
	named := namedTest.FindAllStringSubmatch(string(page), -1)
	if len(named) < 10 {
		t.Errorf("%s names %d tests: the pattern does not find them", name, len(named))
	}
	for _, m := range named {
		if !tests[m[1]] {
			t.Errorf("%s names %s, which is no test", name, m[1])
		}
	}
}

// allTests is the names of all test functions in the module, whatever their build tags.
func allTests(t *testing.T, root string) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(path)
		for _, m := range testFunc.FindAllStringSubmatch(string(src), -1) {
			tests[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}
