package text

import (
	"os/exec"
	"testing"
)

// Each word comes out of a shell as it was.
func TestShell(t *testing.T) {
	for word, want := range map[string]string{
		"trips.yaml": "trips.yaml", "a/b-c_d.yaml": "a/b-c_d.yaml", "my trips.yaml": "'my trips.yaml'", "it's.yaml": `'it'\''s.yaml'`,
		"a$HOME.yaml": "'a$HOME.yaml'", "": "''", "~x": "'~x'", "sqlite:x.db?group=g": "'sqlite:x.db?group=g'",
	} {
		if got := Shell(word); got != want {
			t.Errorf("%s: got %s, want %s", word, got, want)
		}
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+Shell(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%s: the shell makes %q of it (%v)", word, out, err)
		}
	}
}
