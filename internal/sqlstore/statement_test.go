package sqlstore

import "testing"

func TestNamesAreWords(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{"select _key from batch", true}, {"_key", true}, {"b._key,", true}, {`"_key"`, true},
		{"_keys", false}, {"my_key", false}, {"x_key and _key", true}, {"", false}, {"ß_key", false},
	} {
		if got := NamesWord(c.text, "_key"); got != c.want {
			t.Errorf("sqlstore.NamesWord(%q, _key): got %t, want %t", c.text, got, c.want)
		}
	}
}

// A name is quoted where a person would have to.
func TestPlain(t *testing.T) {
	quoted := func(s string) string { return "<" + s + ">" }
	reserved := func(s string) bool { return s == "order" }
	for name, want := range map[string]string{"delay": "delay", "_x9": "_x9", "9x": "<9x>", "Delay": "<Delay>", "a b": "<a b>", "order": "<order>", "": "<>", "ä": "<ä>"} {
		if got := Plain(name, quoted, reserved); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}
