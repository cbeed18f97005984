package arch

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	inCode  = regexp.MustCompile("`[^`\n]*`")
	linked  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
)

// linkFaults lists the links of a document that lead nowhere: to no file of the tree, or to no heading of that file.
func linkFaults(root, document, text string) (faults []string) {
	for _, m := range linked.FindAllStringSubmatch(inCode.ReplaceAllString(fenced.ReplaceAllString(text, ""), ""), -1) {
		to := m[1]
		if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
			continue
		}
		path, anchor, _ := strings.Cut(to, "#")
		file, target := filepath.Join(root, filepath.Dir(document), filepath.FromSlash(path)), text
		if path != "" {
			if _, err := os.Stat(file); err != nil {
				faults = append(faults, fmt.Sprintf("%s links %s, which is not there", document, to))
				continue
			}
			if strings.HasSuffix(path, ".md") {
				b, err := os.ReadFile(file)
				if err != nil {
					faults = append(faults, err.Error())
					continue
				}
				target = string(b)
			}
		}
		if anchor != "" && !anchors(target)[anchor] {
			faults = append(faults, fmt.Sprintf("%s links %s, and no heading there has that anchor", document, to))
		}
	}
	return faults
}

// anchors are the names of a document's headings in links, as GitHub makes them.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		var b strings.Builder
		for _, r := range strings.ToLower(linked.ReplaceAllString(m[1], "]")) {
			switch {
			case r == ' ':
				b.WriteByte('-')
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				b.WriteRune(r)
			}
		}
		name := b.String()
		for n := 1; all[name]; n++ { // the second heading of the same words
			name = fmt.Sprintf("%s-%d", b.String(), n)
		}
		all[name] = true
	}
	return all
}

// Each relative link in a document of the tree leads to a file of the tree and, with an anchor, to a heading of it.
func TestLinksLeadSomewhere(t *testing.T) {
	root := filepath.Join("..", "..")
	documents, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(root, "docs"), func(path string, d os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			documents = append(documents, path)
		}
		return err
	})
	if err != nil || len(documents) < 20 {
		t.Fatalf("%d documents: %v", len(documents), err)
	}
	links := 0
	for _, path := range documents {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		links += len(linked.FindAllString(string(text), -1))
		for _, f := range linkFaults(root, name, string(text)) {
			t.Error(f)
		}
	}
	if links < 30 {
		t.Errorf("%d links: the pattern does not find them", links)
	}
}

// A link to nothing is found, whatever its form; what is shown as code is no link.
func TestDeadLinksAreFound(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "there.md"), []byte("# A heading, `coded`\n```sh\n# a comment\n```\n## Again\n## Again\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		want int
	}{
		{"[a](there.md) [b](there.md#a-heading-coded) [c](there.md#again-1) [d](https://example.org/x)", 0},
		{"## Here\n[a](#here)", 0},
		{"[a](gone.md)", 1},
		{"[a](there.md#a-comment)", 1},
		{"[a](there.md#again-2) and [b](#here)", 2},
		{"`[a](gone.md)`\n```text\n[a](gone.md)\n```\n", 0},
	} {
		if got := linkFaults(root, "page.md", c.text); len(got) != c.want {
			t.Errorf("%q: got %q, want %d faults", c.text, got, c.want)
		}
	}
}
