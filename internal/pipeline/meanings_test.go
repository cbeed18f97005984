package pipeline

import (
	"strings"
	"testing"
)

// Each meaning is some key's, and each key that holds a value has one.
func TestMeaningsAreOfKeys(t *testing.T) {
	used := map[string]bool{}
	for _, p := range Keys() {
		used[p.Path], used[anyStore(p.Path)] = true, true
		if p.Meaning == "" && p.Keys == nil {
			t.Errorf("%s has no meaning", p.Path)
		}
	}
	for path := range examples {
		if !used[path] {
			t.Errorf("%s, of which there is an example, is no key", path)
		}
	}
	for path, text := range meanings {
		if !used[path] {
			t.Errorf("%s is no key", path)
		}
		if !strings.HasSuffix(text, ".") {
			t.Errorf("%s: %q is no sentence", path, text)
		}
	}
}
