package codes

import (
	"fmt"
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

// codeForm is a code of several words. In the sources of these packages nothing else is written like this, apart from
// notCodes.
var codeForm = regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)

// notCodes are words with a hyphen in them that are no codes.
var notCodes = []string{"log-level", "no-progress", "plan-out", "from-brokers", "fencepost-broker", "fencepost-init", "fencepost-quickstart", "quickstart-control", "maxmemory-policy",
	"batch-start", "last-processed", // meanings
	"cut-off",                                                                                        // a state
	"no-store",                                                                                       // of HTTP
	"no-records", "allow-changes", "token-file", "http-tls", "http-token-file", "kafka-lag-exporter", // flags, and another program
	// events
	"committed-elsewhere", "ends-fixed", "left-behind", "mirror-failed", "other-copy", "pipeline-changed", "pipeline-left", "presence-failed", "report-failed",
	"sink-went-back", "workers-gone",
	"dead-letters", // a verb
	"pattern-a", "group-topic", "topic-group", "group-dash", "group-underscore", "topic-string", "topic-partition", "single-znode",
	"single-znode-topic", "spark-checkpoint", "kafka-csv", "get-offsets", // layouts
}

// oneWord are the codes of a single word, whose form is that of any word.
var oneWord = []string{"usage", "unexpected", "recreated", "truncated"}

// sources are the packages whose code names codes.
var sources = []string{".", "ledger", "sink", "connector/atleastonce", "source", "engine", "decode", "decode/debezium", "decode/registry", "connector/kafka", "connector/postgres", "connector/mysql", "connector/sqlite", "connector/redis", "cmd/fencepost", "internal/broker", "internal/admin", "internal/target", "internal/view", "internal/foreign/offsetfile", "internal/pipeline", "internal/pipeline/keys", "internal/pipeline/kinds", "internal/sqlstore", "internal/console", "internal/health", "internal/logs", "internal/quickstart", "connector/zookeeper"}

// sourceFiles are a package's files, without its tests.
func sourceFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources in %s: %v", dir, err)
	}
	return slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
}

// TestCodes reads all sources for error codes and compares them with the table and the pages of
// `fencepost help CODE`: none is missing in either, and none is there for nothing.
func TestCodes(t *testing.T) {
	used := map[string]string{} // :: code -> a file that names it
	for _, dir := range sources {
		for _, file := range sourceFiles(t, dir) {
			literals(t, file, used)
		}
	}
	for code, file := range used {
		if _, ok := Find(code); !ok {
			t.Errorf("%s names the code %s, which is not in the table", file, code)
		}
	}
	for _, code := range all {
		if used[code.Name] == "" && !slices.Contains(oneWord, code.Name) {
			t.Errorf("the code %s is named by no source", code.Name)
		}
		page := code.Page()
		head := fmt.Sprintf("exit %d", code.Exit)
		if code.Exit == 0 {
			head = "parked: "
		}
		first, _, _ := strings.Cut(page, "\n")
		first = strings.Replace(first, "exit 3 from check, otherwise ", "exit ", 1)
		first = strings.Replace(first, "(said: ", "(parked: ", 1) // of what a worker says and nothing ends by
		if !strings.HasPrefix(first, code.Name+"   ("+head) {
			t.Errorf("pages/%s.md begins with %q, want %q: the status of the table", code.Name, first, code.Name+"   ("+head)
		}
		for _, line := range strings.Split(page, "\n") {
			if len(line) > 100 {
				t.Errorf("pages/%s.md: %q is wider than 100 columns", code.Name, line)
			}
		}
	}
	files, err := fs.Glob(pages, "pages/*.md")
	if err != nil || len(files) != len(all) {
		t.Errorf("there are %d pages of %d codes (%v): each has one", len(files), len(all), err)
	}
	if !slices.IsSortedFunc(all, func(a, b Code) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the table is not in alphabetical order, by which Find looks for a code")
	}
}

// An error that says its own exit status says that of its code: the page holds wherever it comes from.
func TestExitsAgree(t *testing.T) {
	own := map[string][]int{"sql-failed": {2}, "sql-refused": {2}, // what a file has as its SQL is usage, what a run finds is not
		"folder-foreign": {4}, "folder-in-use": {4}} // quickstart refuses for safety where a broker only fails
	for _, dir := range sources {
		for _, file := range sourceFiles(t, dir) {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				lit, ok := n.(*ast.CompositeLit)
				if !ok {
					return true
				}
				name, exit := "", 0
				for _, e := range lit.Elts {
					kv, ok := e.(*ast.KeyValueExpr)
					if !ok {
						continue
					}
					key, ok1 := kv.Key.(*ast.Ident)
					value, ok2 := kv.Value.(*ast.BasicLit)
					switch {
					case ok1 && ok2 && key.Name == "Code":
						name, _ = strconv.Unquote(value.Value)
					case ok1 && ok2 && key.Name == "Exit":
						exit, _ = strconv.Atoi(value.Value)
					}
				}
				if c, ok := Find(name); ok && exit != 0 && exit != c.Exit && !slices.Contains(own[name], exit) {
					t.Errorf("%s: a fault %s has the exit status %d, its code %d", file, name, exit, c.Exit)
				}
				return true
			})
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

// embedded are the packages that a program without a pipeline file uses too, apart from those whose remedies are still theirs.
var embedded = []string{".", "engine", "ledger", "sink", "source", "connector/atleastonce", "connector/memory", "connector/kafka", "connector/redis", "connector/zookeeper"}

// programWords is what only a program of verbs and files has: a verb, FILE, a key of the file.
var programWords = regexp.MustCompile(`\bfencepost [a-z]+ |\bFILE\b|\bsource\.[a-z]|\brun (waits|tries|goes)`)

// What the engine, the ledger and the connectors say names no file, no key and no verb: a program that embeds them has none.
func TestEmbeddedRoomsNameNoFile(t *testing.T) {
	for _, dir := range embedded {
		for _, file := range sourceFiles(t, dir) {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil && programWords.MatchString(s) {
						t.Errorf("%s: %q: say a code and facts, and the remedy in internal/codes", file, s)
					}
				}
				return true
			})
		}
	}
}
