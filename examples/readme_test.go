package examples

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The code that a document shows is code that compiles: each block marked as go must be a whole file of an example, or a
// region of one, word for word, between lines that say
//
//	// readme:start
//	// readme:end
const (
	startMark = "// readme:start"
	endMark   = "// readme:end"
)

// regions are the marked regions of a source, without surrounding blank lines.
func regions(source string) (list []string, err error) {
	var open []string
	inside := false
	for n, line := range strings.Split(source, "\n") {
		switch mark := strings.TrimSpace(line); {
		case mark == startMark && inside, mark == endMark && !inside:
			return nil, fmt.Errorf("line %d: %s out of turn", n+1, mark)
		case mark == startMark:
			inside, open = true, nil
		case mark == endMark:
			inside = false
			list = append(list, plain(open))
		case inside:
			open = append(open, line)
		}
	}
	if inside {
		return nil, fmt.Errorf("%s without %s", startMark, endMark)
	}
	return list, nil
}

// blocks are the go blocks of a Markdown document, indented ones and those with attributes behind the language too.
func blocks(document string) (list []string) {
	var open []string
	fence, wanted := "", false
	for _, line := range strings.Split(document, "\n") {
		text := strings.TrimSpace(line)
		ticks := text[:len(text)-len(strings.TrimLeft(text, "`"))]
		switch {
		case fence == "" && len(ticks) >= 3:
			language, _, _ := strings.Cut(strings.TrimSpace(text[len(ticks):]), " ")
			fence, wanted, open = ticks, language == "go" || language == "golang", nil
		case fence != "" && len(ticks) >= len(fence) && ticks == text:
			if wanted {
				list = append(list, plain(open))
			}
			fence = ""
		case fence != "":
			open = append(open, line)
		}
	}
	if fence != "" && wanted { // never closed: all that is left
		list = append(list, plain(open))
	}
	return list
}

// whole is a source as a document shows all of it: without the marks, and the blank line behind each.
func whole(source string) string {
	lines := strings.Split(source, "\n")
	for i, line := range lines {
		if mark := strings.TrimSpace(line); mark == startMark || mark == endMark {
			lines[i] = ""
		}
	}
	return squeeze.ReplaceAllString(plain(lines), "\n\n")
}

var squeeze = regexp.MustCompile(`\n{3,}`)

// plain is lines without the indentation that all of them share, surrounding blank lines and trailing space.
func plain(lines []string) string {
	indent := ""
	for i, first := 0, true; i < len(lines); i++ {
		line := lines[i]
		if strings.TrimSpace(line) == "" {
			continue
		}
		own := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if first {
			indent, first = own, false
		}
		for !strings.HasPrefix(own, indent) {
			indent = indent[:len(indent)-1]
		}
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight(strings.TrimPrefix(line, indent), " \t\r") + "\n")
	}
	return strings.Trim(b.String(), "\n")
}

// sources are the files of all examples. :: file -> text
func sources(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[file] = string(source)
	}
	return all
}

// marked are the regions of all examples, with their files.
func marked(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for file, source := range sources(t) {
		list, err := regions(source)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, r := range list {
			all[r] = file
		}
	}
	return all
}

// strangers are the go blocks of a document that are none of these.
func strangers(document string, all map[string]string) []string {
	return slices.DeleteFunc(blocks(document), func(b string) bool { _, ok := all[b]; return ok })
}

func TestReadmeShowsCodeThatCompiles(t *testing.T) {
	shown := marked(t)
	for file, source := range sources(t) {
		shown[whole(source)] = file
	}
	for _, page := range []string{"README.md", "docs/connectors.md", "docs/guides/direct-stream.md"} {
		text, err := os.ReadFile("../" + page)
		if err != nil {
			t.Fatal(err)
		}
		if len(blocks(string(text))) == 0 {
			t.Errorf("%s shows no Go", page)
		}
		for _, b := range strangers(string(text), shown) {
			t.Errorf("%s shows Go that is in no example: put it between %q and %q in a file below examples/, and copy it from there:\n%s",
				page, startMark, endMark, b)
		}
	}
}

// README's program is whole: copied into an empty file it compiles.
func TestH9ReadmeProgramCompiles(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	programs := slices.DeleteFunc(blocks(string(text)), func(b string) bool { return !strings.HasPrefix(b, "package main\n") })
	if len(programs) == 0 {
		t.Fatal("README.md shows no whole program: a block that begins with package main")
	}
	for _, p := range programs {
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(p+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput(); err != nil {
			t.Errorf("README's program: %v\n%s", err, out)
		}
	}
}

// Each region is complete by itself as declarations, and the embedding is as short as we say.
func TestRegionsAreShortDeclarations(t *testing.T) {
	embeddings := 0
	for region, file := range marked(t) {
		f, err := parser.ParseFile(token.NewFileSet(), file, "package p\n"+region, 0)
		if err != nil {
			t.Errorf("%s: a region is no list of declarations: %v\n%s", file, err, region)
			continue
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "run" {
				embeddings++
				if n := strings.Count(region, "\n") + 1; n > 15 {
					t.Errorf("%s: the embedding takes %d lines, want at most 15", file, n)
				}
			}
		}
	}
	if embeddings < 2 {
		t.Errorf("embeddings marked: %d, want postgres-handler's and sqlite-handler's", embeddings)
	}
}

// Blocks that are no region are found, whatever their fence; other languages are not looked at.
func TestStrangersAreFound(t *testing.T) {
	all := map[string]string{"func run() {\n\tgo()\n}": "a.go"}
	const region = "func run() {\n\tgo()\n}\n"
	for _, c := range []struct {
		what, document string
		want           int
	}{
		{"the region", "text\n```go\n" + region + "```\n", 0},
		{"the region, indented in a list", "- item\n  ```go\n  func run() {\n  \tgo()\n  }\n  ```\n", 0},
		{"one word changed", "```go\n" + strings.Replace(region, "go()", "stop()", 1) + "```\n", 1},
		{"a line left out", "```go\nfunc run() {\n}\n```\n", 1},
		{"a part of it", "```go\ngo()\n```\n", 1},
		{"another fence and name", "````golang title=x\nx := 1\n````\n", 1},
		{"another language", "```yaml\nsink: {}\n```\n```\nplain\n```\n", 0},
		{"a fence that is never closed", "```go\nx := 1\n", 1},
		{"a stranger behind a region", "```go\n" + region + "```\n```go\nx()\n```\n", 1},
	} {
		if got := strangers(c.document, all); len(got) != c.want {
			t.Errorf("%s: strangers found: %d, want %d: %q", c.what, len(got), c.want, got)
		}
	}
	for _, source := range []string{startMark, endMark, startMark + "\n" + startMark} {
		if list, err := regions(source); err == nil {
			t.Errorf("regions of %q: got %q, want an error", source, list)
		}
	}
}
