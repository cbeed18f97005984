package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// codeForm is a code of several words. In the sources of the rooms nothing else is written like this, apart from
// notCodes.
var codeForm = regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)

// notCodes are words with a hyphen in them that are no codes.
var notCodes = []string{"no-progress", "plan-out", "from-brokers", "fencepost-broker", "fencepost-init", "fencepost-quickstart", "quickstart-control", "maxmemory-policy",
	"batch-start", "last-processed", // meanings
	"pattern-a", "group-topic", "topic-group", "group-dash", "group-underscore", "topic-string", "topic-partition", "single-znode",
	"single-znode-topic", "spark-checkpoint", "kafka-csv", // layouts
}

// oneWord are the codes of a single word, which no form tells from other words.
var oneWord = []string{"usage", "unexpected", "recreated", "truncated"}

// TestEveryCodeHasItsPage reads all sources for error codes and compares them with the pages of `fencepost help CODE`:
// none without a page, no page without a code.
func TestEveryCodeHasItsPage(t *testing.T) {
	used := map[string]string{} // :: code -> a file that names it
	for _, dir := range []string{".", "ledger", "sink", "apart", "source", "engine", "decode", "kafka", "postgres", "mysql", "sqlite", "redis", "cmd/fencepost", "internal/broker",
		"internal/admin", "internal/target", "internal/view", "internal/foreign/offsetfile", "internal/pipeline", "internal/pipeline/keys", "internal/pipeline/kinds", "internal/sqlstore", "internal/console", "internal/logs", "internal/quickstart", "zookeeper"} {
		files, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no sources in %s: %v", dir, err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				literals(t, file, used)
			}
		}
	}
	for code, file := range used {
		if _, err := fs.Stat(codes, "codes/"+code+".md"); err != nil {
			t.Errorf("%s names the code %s, and codes/%s.md is not there", file, code, code)
		}
	}
	for _, code := range codeNames() {
		if used[code] == "" && !slices.Contains(oneWord, code) {
			t.Errorf("codes/%s.md is about a code that no source names", code)
		}
		page, err := codes.ReadFile("codes/" + code + ".md")
		if err != nil || !strings.HasPrefix(string(page), code+"   (") {
			t.Errorf("codes/%s.md does not begin with its code: %v", code, err)
		}
		for _, line := range strings.Split(string(page), "\n") {
			if len(line) > 100 {
				t.Errorf("codes/%s.md: %q is wider than 100 columns", code, line)
			}
		}
	}
}

// literals adds the strings of a source file that have the form of a code.
func literals(t *testing.T, file string, used map[string]string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		s, err := strconv.Unquote(lit.Value)
		if err == nil && codeForm.MatchString(s) && !slices.Contains(notCodes, s) {
			used[s] = file
		}
		return true
	})
}
