package sqlstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
)

// What is missing from a layout is reported at once, with the words of a URL.
func TestTableLayoutValidate(t *testing.T) {
	full := func(pairs ...string) (l TableLayout) {
		for i := 0; i < len(pairs); i += 2 {
			if !l.Set(pairs[i], pairs[i+1]) {
				t.Fatalf("no key %s", pairs[i])
			}
		}
		return l
	}
	for _, c := range []struct {
		layout TableLayout
		want   string // empty: valid
	}{
		{full("table", "s.t", "topic", "a", "partition", "b", "offset", "c", "from", "d", "group_column", "e", "group", "f", "where", "g", "latest", "h"), ""},
		{full("table", "t", "topic_partition", "a", "separator", "-", "offset", "c"), ""},
		{full(), "offset: which column holds the number?; partition: which column?; table: which one?; topic: which column? ('orders') for a table of one topic"},
		{full("table", "a.b.c", "topic", "a", "partition", "b", "offset", "c"), "table: neither NAME nor SCHEMA.NAME"},
		{full("table", "t", "topic_partition", "a", "offset", "c"), "separator: what stands between topic and partition?"},
		{full("table", "t", "topic_partition", "a", "separator", "-", "topic", "b", "offset", "c"), "topic_partition holds both"},
		{full("table", "t", "topic", "a", "partition", "b", "offset", "c", "group", "g"), "group without group_column"},
		{full("table", "t", "topic", "a", "partition", "b", "offset", "c", "where", "x\x00"), "where holds a NUL byte"},
	} {
		err := c.layout.Validate()
		var f *fencepost.UserError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%+v: %v, want none", c.layout, err)
		case c.want != "" && (!errors.As(err, &f) || f.Code != "layout-incomplete" || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%+v: %v, want %q", c.layout, err, c.want)
		}
	}
	var l TableLayout
	if l.Set("password", "x") {
		t.Error("Set took a key that is no part of a layout")
	}
	for _, name := range Presets() {
		if l, ok := Preset(name); !ok || l.Table != name || l.Validate() != nil {
			t.Errorf("preset %s: %+v, %v, %v", name, l, ok, l.Validate())
		}
	}
	if _, ok := Preset("fencepost_ledger"); ok {
		t.Error("a preset that nobody knows")
	}
}

// A row with both ends is a range.
func TestTableForeignRange(t *testing.T) {
	l := TableLayout{Table: "t", Topic: "a", Partition: "b", Offset: "c", From: "d"}
	s := func(v string) *string { return &v }
	f, err := l.Foreign([]TableRow{{nil, s("t"), s("1"), s("31007"), s("30000")}})
	want := foreign.Entry{TopicPartition: fencepost.TopicPartition{Topic: "t", Partition: 1}, From: 30000, Until: 31007, Raw: "30000|31007", Where: "table t row t:1"}
	if err != nil || len(f.Entries) != 1 || f.Entries[0] != want {
		t.Errorf("%+v, %v; want %+v", f, err, want)
	}
	for _, bad := range []TableRow{{nil, s("t"), s("1"), s("5"), s("6")}, {nil, s("t"), s("1"), s("5"), nil}, {nil, s("t"), s("1"), s("5"), s("-1")}} {
		if f, err := l.Foreign([]TableRow{bad}); err == nil {
			t.Errorf("%+v: %+v, want an error", bad, f)
		}
	}
}

// A history without `latest` does not fill the memory: no more rows are asked for than are refused.
func TestTableBounds(t *testing.T) {
	l, _ := Preset("txn_offsets")
	same := func(s string) string { return s }
	if q := l.Query(Spelling{Ident: same, Literal: same, Text: same}); !strings.HasSuffix(q, fmt.Sprintf(" LIMIT %d", mostRows+1)) {
		t.Errorf("%s: no limit", q)
	}
	topic, zero := "t", "0"
	rows := slices.Repeat([]TableRow{{nil, &topic, &zero, &zero, nil}}, mostRows+1)
	if _, err := l.Foreign(rows); err == nil || !strings.Contains(err.Error(), "more than 1000000") {
		t.Errorf("%d rows: %v", len(rows), err)
	}
}

// docs/layouts.md names every preset with its columns, and every key of a URL.
func TestLayoutsPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "layouts.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, name := range Presets() {
		_, row, ok := strings.Cut(page, "| `"+name+"` | `"+name+"(")
		row, _, _ = strings.Cut(row, ")")
		l, _ := Preset(name)
		for _, c := range []string{l.GroupColumn, l.Topic, l.Partition, l.Offset} {
			if !ok || c != "" && !slices.Contains(strings.Split(row, ", "), c) {
				t.Errorf("docs/layouts.md: the row of %s is %q and lacks %q", name, row, c)
			}
		}
	}
	if n := len(TableKeys()); n != 11 {
		t.Errorf("%d keys: %q", n, TableKeys())
	}
	for _, key := range TableKeys() {
		if !strings.Contains(page, "`"+key+"`") {
			t.Errorf("docs/layouts.md does not say what %s= is", key)
		}
	}
}
