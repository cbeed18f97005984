package servers

import (
	"os"
	"testing"
)

func TestStepIsDoneUntilItsRecipeOrItsResultChanges(t *testing.T) {
	k := kit{dir: t.TempDir()}
	s := step{name: "x", result: k.path("result"), recipe: "one"}
	if k.done(s) {
		t.Fatal("done before it was made")
	}
	for _, file := range []string{s.result, k.mark(s)} {
		if err := os.WriteFile(file, []byte(s.digest()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !k.done(s) {
		t.Error("not done after it was made")
	}
	changed := s
	changed.recipe = "two"
	if k.done(changed) {
		t.Error("done though its recipe changed")
	}
	if err := os.Remove(s.result); err != nil {
		t.Fatal(err)
	}
	if k.done(s) {
		t.Error("done though its result is gone")
	}
}
