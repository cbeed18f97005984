package servers

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

func TestAbandonedFolderIsRemovedByTheNext(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dead, err := newFolder("x")
	if err != nil {
		t.Fatal(err)
	}
	living, err := newFolder("x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead.path); err != nil {
		t.Fatalf("a folder with an owner was removed: %v", err)
	}
	dead.alive.Close() // as the end of its process would

	next, err := newFolder("x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of a dead owner: %v, want it removed", err)
	}
	for _, f := range []*folder{living, next} {
		if _, err := os.Stat(f.path); err != nil {
			t.Errorf("a folder with an owner was removed: %v", err)
		}
		if err := f.remove(); err != nil {
			t.Error(err)
		}
	}
}
