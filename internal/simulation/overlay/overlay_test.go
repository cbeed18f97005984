package overlay

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Every edit of the runtime finds its text in the installed release. A release that moves one is reported here, and not by
// simulations that differ.
func TestTheInstalledReleaseCanBeEdited(t *testing.T) {
	edits, err := Runtime()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Files(t.TempDir(), edits...); err != nil {
		t.Error(err)
	}
}

// Every edit of kfake finds its text in the version that go.mod names, and the go command takes the copy.
func TestTheBrokersCanBeEdited(t *testing.T) {
	dir := t.TempDir()
	modules, err := Brokers(dir)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-modfile", modules, "-f", "{{.Dir}}", kfake).CombinedOutput()
	if got, want := strings.TrimSpace(string(out)), filepath.Join(dir, "kfake"); err != nil || got != want {
		t.Errorf("the brokers are taken from: got %q, %v, want %q", got, err, want)
	}
}

// A text that is not in its file, or in it twice, is an error that names both.
func TestATextThatIsNotThereOnce(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.go")
	if err := os.WriteFile(file, []byte("package a // a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, old := range []string{"package b", " a"} {
		_, err := Files(dir, Edit{file, old, ""})
		if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), old) {
			t.Errorf("replace %q: got %v, want an error that names file and text", old, err)
		}
	}
}

// Several edits of one file are made one behind the other.
func TestEditsOfOneFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.go")
	if err := os.WriteFile(file, []byte("one two"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Files(dir, Edit{file, "one", "1"}, Edit{file, "two", "2"}); err != nil {
		t.Fatal(err)
	}
	copies, _ := filepath.Glob(filepath.Join(dir, "*.txt"))
	if len(copies) != 1 {
		t.Fatalf("copies: got %q, want one", copies)
	}
	if b, _ := os.ReadFile(copies[0]); string(b) != "1 2" {
		t.Errorf("the copy: got %q, want 1 2", b)
	}
}
