package sqlstore

import (
	"slices"
	"testing"
)

// A name reads back as it was written, whatever is in it.
func TestV24NamesReadBack(t *testing.T) {
	for text, want := range map[string][]string{"orders": {"orders"}, "sales.Orders": {"sales", "Orders"}, `"my.table"`: {"my.table"}, `a."b""c"`: {"a", `b"c`}, `"a.b".c`: {"a.b", "c"},
		"": nil, ".a": nil, "a.": nil, "a.b.c": nil, `"a`: nil, `"a"b`: nil, `""`: nil, `a.""`: nil, `"a""`: nil} {
		got, err := ParseName(text)
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
	for _, parts := range [][]string{{"a"}, {"a", "b"}, {"a.b"}, {`a"b`, "c.d"}, {`"`, "."}, {"ä b", "c"}} {
		text := Named(parts...)
		if text[0] == '\'' {
			text = text[1 : len(text)-1]
		}
		if got, err := ParseName(text); err != nil || !slices.Equal(got, parts) {
			t.Errorf("%q is written %s, which reads %q, %v", parts, text, got, err)
		}
	}
}
