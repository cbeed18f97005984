package quickstart

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/broker"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func wantFault(t *testing.T, err error, code string, exit int) {
	t.Helper()
	f, ok := errors.AsType[*fencepost.UserError](err)
	if !ok || f.Code != code || f.Exit != exit {
		t.Errorf("got %#v, want a fault %s with exit %d", err, code, exit)
		return
	}
	if f.Help == "" {
		t.Errorf("%s names no remedy", code)
	}
}

func TestFolderOfOthersIsRefusedUntouched(t *testing.T) {
	dir := t.TempDir()
	// Even one that has a name of ours in it.
	write(t, filepath.Join(dir, databaseName), "precious")
	_, err := claim(dir)
	wantFault(t, err, "folder-foreign", 4)
	entries, _ := os.ReadDir(dir)
	text, _ := os.ReadFile(filepath.Join(dir, databaseName))
	if len(entries) != 1 || string(text) != "precious" {
		t.Errorf("the refused folder holds %v with %q, want it as it was", entries, text)
	}
}

func TestFolderOfOursStartsClean(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	f, err := claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f.in(databaseName), "old")
	write(t, f.in(controlName+"-wal"), "old")
	write(t, f.in("broker/partitions/flights-0/0.dat"), "old")
	write(t, f.in("notes.txt"), "somebody's")
	if _, err := claim(dir); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if len(names) != 2 || names[0] != markName || names[1] != "notes.txt" {
		t.Errorf("the emptied folder holds %v, want the mark and what is not ours", names)
	}
}

func TestFolderInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	f, err := claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := broker.Start(broker.Config{Dir: f.in(brokerName)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = claim(dir)
	wantFault(t, err, "folder-in-use", 4)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := claim(dir); err != nil {
		t.Errorf("after the broker has ended the folder is refused still: %v", err)
	}
}

func TestFolderThatIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "")
	_, err := claim(path)
	wantFault(t, err, "folder-not-writable", 1)
}

func TestFolderThatAFileCanNotName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "${HOME}")
	_, err := claim(dir)
	wantFault(t, err, "usage", 2)
	if _, err := os.Stat(dir); err == nil {
		t.Error("the refused folder was made")
	}
}
