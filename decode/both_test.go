package decode_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/internal/carts"
)

// TestBoth: the columns of value and key are one row, of an exploded record in each; a bad key makes the record bad, and one that is
// missing is what its columns say.
func TestBoth(t *testing.T) {
	must := func(f decode.Factory, err error) decode.Factory {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	value := must(decode.JSON(decode.Config{Tombstone: decode.DeleteTombstone, Fields: []decode.Field{{Column: "n", Type: fencepost.Int, Missing: decode.Null()}}}))
	lines := must(decode.JSON(decode.Config{Explode: "l", Tombstone: decode.SkipTombstone, Fields: []decode.Field{{Column: "n", Type: fencepost.Int, From: "l[]"}}}))
	id := must(decode.JSON(decode.Config{Key: true, Fields: []decode.Field{{Column: "id", Type: fencepost.Int}, {Column: "at", Type: fencepost.Int, From: "_offset"}}}))
	idOrNull := must(decode.JSON(decode.Config{Key: true, Fields: []decode.Field{{Column: "id", Type: fencepost.Int, Missing: decode.Default("-1")}}}))
	text := must(decode.RawKey(decode.Field{Column: "id", Type: fencepost.Text}))
	number := must(decode.RawKey(decode.Field{Column: "id", Type: fencepost.Int, Missing: decode.Null()}))
	for _, c := range []struct {
		value, key decode.Factory
		k, v, want string
	}{
		{value, id, `{"id":7}`, `{"n":1}`, `1 | "u" | 7 | 0`}, {value, id, `{"id":7}`, "-", `null | "d" | 7 | 0`},
		{lines, id, `{"id":7}`, `{"l":[1,2]}`, "1 | 0 | 7 | 0; 2 | 1 | 7 | 0"}, {lines, id, `bad`, `{"l":[]}`, "none"}, {lines, id, `bad`, "-", "none"},
		{value, id, "-", `{"n":1}`, "bad: key: record has no key"}, {value, idOrNull, "-", `{"n":1}`, `1 | "u" | -1`}, {value, idOrNull, "{}", `{"n":1}`, `1 | "u" | -1`},
		{value, id, `{}`, `{"n":1}`, "bad: key: field id is missing"}, {value, id, `7`, `{"n":1}`, "bad: key: value is an integer, not an object"},
		{value, text, "a b", `{"n":1}`, `1 | "u" | "a b"`}, {value, text, "7", "-", `null | "d" | "7"`}, {value, text, "-", `{"n":1}`, "bad: key: record has no key"},
		{value, number, "42", `{"n":1}`, `1 | "u" | 42`}, {value, number, "-", `{"n":1}`, `1 | "u" | null`}, {value, number, "x", `{"n":1}`, "bad: key: field id: x does not fit int"},
	} {
		d := must(decode.Both(c.value, c.key))()
		columns := columnsOf(d)
		r := &fencepost.Record{Key: []byte(c.k), Value: []byte(c.v)}
		if c.k == "-" {
			r.Key = nil
		}
		if c.v == "-" {
			r.Value = nil
		}
		err := d.Decode(r, columns)
		var got string
		if b, ok := errors.AsType[*fencepost.BadRecord](err); ok {
			got = "bad: " + b.Reason
		} else if errors.Is(err, fencepost.ErrNoRow) {
			got = "none"
		} else if err != nil {
			got = err.Error()
		} else {
			got = strings.Join(carts.Shown(columns, 0), "; ")
		}
		if got != c.want {
			t.Errorf("key %s, value %s: got %s, want %s", c.k, c.v, got, c.want)
		}
	}
	if _, err := decode.Both(text, id); err == nil || !strings.Contains(err.Error(), "id: is of the value and of the key") {
		t.Errorf("two columns of one name: got %v", err)
	}
	if _, err := decode.RawKey(decode.Field{Column: "id", Type: fencepost.Text, From: "x"}); err == nil || !strings.Contains(err.Error(), "a raw key has no fields") {
		t.Errorf("a field of a raw key: got %v", err)
	}
}
