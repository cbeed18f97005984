package decode

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
)

// H3: values of the record itself, beside its value.
func TestH3ValuesOfTheRecord(t *testing.T) {
	of := func(c string, typ fencepost.Type, from string, missing Rule) Field {
		return Field{Column: c, Type: typ, From: from, Missing: missing}
	}
	c := Config{Tombstone: NullsTombstone, Fields: []Field{
		of("topic", fencepost.Text, "_topic", Rule{}), of("p", fencepost.Int, "_partition", Rule{}), of("o", fencepost.Int, "_offset", Rule{}),
		of("at", fencepost.Timestamp, "_timestamp", Rule{}), of("raw", fencepost.Bytes, "_key", Rule{}), of("k", fencepost.Text, "_key", Rule{}),
		of("trace", fencepost.Text, "_headers.trace", Null()), of("n", fencepost.Int, `_headers."a.b"`, Default("7")), of("field", fencepost.Text, `"_key"`, Null()),
	}}
	factory, err := JSON(c)
	if err != nil {
		t.Fatal(err)
	}
	d := factory()
	r := fencepost.Record{TopicPartition: fencepost.TopicPartition{Topic: "t", Partition: 3}, Offset: 42, Timestamp: 1500, Key: []byte("k1"), Value: []byte(`{"_key":"x"}`),
		Headers: []fencepost.Header{{Key: "trace", Value: []byte("old")}, {Key: "a.b", Value: []byte("12")}, {Key: "trace", Value: []byte("new")}}}
	bare := r
	bare.Key, bare.Headers, bare.Value = nil, nil, nil
	for _, one := range []struct {
		record fencepost.Record
		want   string
	}{
		{r, `"t" | 3 | 42 | 1970-01-01T00:00:01.5Z | 6b31 | "k1" | "new" | 12 | "x"`},
		{bare, `"t" | 3 | 42 | 1970-01-01T00:00:01.5Z | null | null | null | 7 | null`},
	} {
		row, err := decodeRow(d, columnsOf(d), &one.record)
		if got := strings.Join(row, " | "); err != nil || got != one.want {
			t.Errorf("got %s, %v\nwant %s", got, err, one.want)
		}
	}
	for _, one := range []struct {
		typ            fencepost.Type
		key, want, bad string
	}{
		{fencepost.Int, "12", "12", ""}, {fencepost.UUID, "6BA7B810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", ""},
		{fencepost.JSON, `{"id":1}`, `{"id":1}`, ""}, {fencepost.Timestamp, "2001-01-01T00:01:00Z", "2001-01-01T00:01:00Z", ""},
		{fencepost.Int, "x", "", "field _key"}, {fencepost.JSON, "{", "", "field _key: { does not fit json"}, {fencepost.Text, "\xff", "", "does not fit text"}, {fencepost.Text, "a\x00", "", "does not fit text"},
	} {
		factory, err := JSON(Config{Fields: []Field{{Column: "k", Type: one.typ, From: "_key"}}})
		if err != nil {
			t.Fatal(err)
		}
		d := factory()
		row, err := decodeRow(d, columnsOf(d), &fencepost.Record{Key: []byte(one.key), Value: []byte("{}")})
		if one.bad != "" && (err == nil || !strings.Contains(err.Error(), one.bad)) || one.bad == "" && (err != nil || row[0] != one.want) {
			t.Errorf("%s of %q: got %v, %v", one.typ, one.key, row, err)
		}
	}
}

// H3: a path that can not be is refused when the decoder is made.
func TestH3BadPaths(t *testing.T) {
	for from, want := range map[string]string{"a..b": "a name is empty", ".a": "a name is empty", "a.": "a name is empty", "[0]": "a name is empty", "a[x]": "the place of an element",
		"a[0": "the place of an element", "a[-1]": "the place of an element", "a[0]b": "a dot or [ is missing before b", `"a`: "does not end", "_key.id": "_key has no parts",
		"_headers": "one header is _headers.NAME", "_headers[0]": "one header is _headers.NAME", "_offset": "offset is an int"} {
		_, err := JSON(Config{Fields: []Field{{Column: "c", Type: fencepost.Text, From: from}}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", from, err, want)
		}
	}
}

// H3: Literal writes any name so that it is read as that name.
func TestH3LiteralsReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"_key", "_keys", "a.b", "a[0]", `"`, "", "_headers.x"})).Draw(rt, "name")
		p, err := parsePath(Literal(name))
		if err != nil {
			rt.Fatalf("%q: %v", name, err)
		}
		if d := cmp.Diff(Path{Steps: []Step{{Name: name, Index: -1}}}, p); d != "" {
			rt.Fatalf("%q (-want +got):\n%s", name, d)
		}
	})
}
