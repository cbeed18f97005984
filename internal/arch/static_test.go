package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// README promises one static binary: what its command builds has no part in C. (Linked so, it needs no libc: the build itself would take a
// minute here.)
func TestH9TheCommandOfREADMEIsStatic(t *testing.T) {
	root := filepath.Join("..", "..")
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^((?:\w+=\S+ )*)go build -o fencepost (\S+)$`).FindSubmatch(readme)
	if m == nil {
		t.Fatal("README has no go build")
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if .CgoFiles}}{{.ImportPath}}{{end}}", string(m[2]))
	list.Dir, list.Env = root, append(os.Environ(), "CGO_ENABLED=1") // as where a compiler is there
	list.Env = append(list.Env, strings.Fields(string(m[1]))...)
	out, err := list.CombinedOutput()
	if err != nil || len(strings.TrimSpace(string(out))) > 0 {
		t.Errorf("%s: %v: C in\n%s", m[0], err, out)
	}
}
