package keys

import "testing"

// A list may have fewer entries than what was made of it: none, where another key's value replaces it.
func TestItemAt(t *testing.T) {
	table := Table{{Path: "a", Form: FormTexts}, {Path: "b", Form: FormTexts}}
	r, err := Read(table, "f.yaml", []byte("a: []\nb: [x, y]\n"), &Environment{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path         string
		i            int
		line, column int
	}{{"a", 0, 1, 4}, {"b", 0, 2, 5}, {"b", 1, 2, 8}, {"b", 7, 2, 8}} {
		if at := r.ItemAt(c.path, c.i); at.Line != c.line || at.Column != c.column {
			t.Errorf("entry %d of %s is at %+v, want %d:%d", c.i, c.path, at, c.line, c.column)
		}
	}
}
