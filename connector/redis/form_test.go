package redis

import (
	"math"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
)

// What each form makes of keys and fields: the number behind the last separator is the partition, whatever the topic's
// name holds.
func TestPatterns(t *testing.T) {
	const group = "de:lta"
	for _, c := range []struct{ form, topic, s, want string }{
		{"<topic>|<partition>", "", "orders|0", "orders:0"},
		{"<topic>|<partition>", "", " orders.v1_eu-1 | 12 ", "orders.v1_eu-1:12"},
		{"<topic>|<partition>", "", "orders|-1", ""},
		{"<topic>|<partition>", "", "orders|x", ""},
		{"<topic>|<partition>", "", "orders|2147483648", ""},
		{"<topic>|<partition>", "", "or ders|1", ""},
		{"<topic>|<partition>", "", "a|b|1", ""},
		{"<topic>|<partition>", "", "|1", ""},
		{"<topic>|<partition>", "", "..|1", ""},
		{"<topic>-<partition>", "", "orders-0", "orders:0"},
		{"<topic>-<partition>", "", "a-1-2", "a-1:2"},
		{"<topic>-<partition>", "", "a--2", "a-:2"},
		{"<topic>-<partition>", "", "a_b.c-2147483647", "a_b.c:2147483647"},
		{"<topic>_<partition>", "", "a_1_2", "a_1:2"},
		{"<topic>_<partition>", "", "__consumer_offsets_49", "__consumer_offsets:49"},
		{"<topic>_<partition>", "a_1", "a_1_2", "a_1:2"},
		{"<topic>_<partition>", "a", "a_1_2", ""},
		{"<topic>_<partition>", "a.b", "axb_2", ""},
		{"<partition>", "", " 7\n", ":7"},
		{"<partition>", "", "7.0", ""},
		{"offset:<group>:<topic>", "", "offset:de:lta:a-b", "a-b:0"},
		{"offset:<group>:<topic>", "", "offset:de:lta:x:a", ""},
		{"offset:<group>:<topic>", "", "offset:de:ltb:a", ""},
		{"offset:<topic>:<group>", "", "offset:a.b:de:lta", "a.b:0"},
		{"offset:<topic>:<group>", "", "offset:a:x:de:lta", ""},
		{"<group>#<topic>", "", "de:lta#a_b", "a_b:0"},
		{"<group>:<topic>:<partition>", "", "de:lta:a-b.c_d:3", "a-b.c_d:3"},
		{"<group>:<topic>:<partition>", "", "de:lta:a", ""},
		{"my<group>", "", "myde:lta", ":0"},
	} {
		p, err := compiled(c.form, group, c.topic)
		if err != nil {
			t.Fatalf("%s: %v", c.form, err)
		}
		got := ""
		if tp, ok := p.match(c.s, fencepost.TopicPartition{}); ok {
			got = tp.String()
		}
		if got != c.want {
			t.Errorf("%s (topic %q) of %q: got %q, want %q", c.form, c.topic, c.s, got, c.want)
		}
	}
	for _, bad := range []string{"<what>", "<topic", "<topic>-<topic>", "<partition><partition>"} {
		if _, err := compiled(bad, group, ""); err == nil {
			t.Errorf("%s: taken as a form", bad)
		}
	}
	p, err := compiled("offset:<group>:<topic>", `a*[b]?\`, "")
	if want := `offset:a\*\[b\]\?\\:*`; err != nil || p.glob != want {
		t.Errorf("what SCAN gets: %s, %v; want %s", p.glob, err, want)
	}
}

// What a value says: 64 bits, white space, and nothing else than digits.
func TestValues(t *testing.T) {
	const none = foreign.NoFrom
	type want struct{ from, until fencepost.Offset }
	for _, c := range []struct {
		layout, value string
		want          *want // nil: refused
	}{
		{"group-topic", "183", &want{none, 183}},
		{"group-topic", " 183\r\n", &want{none, 183}},
		{"group-topic", "0", &want{none, 0}},
		{"group-topic", "1099511627776", &want{none, 1 << 40}},
		{"group-topic", "9007199254740993", &want{none, 1<<53 + 1}},
		{"group-topic", "9223372036854775807", &want{none, math.MaxInt64}},
		{"group-topic", "9223372036854775808", nil},
		{"group-topic", "-1", nil},
		{"group-topic", "1.0", nil},
		{"group-topic", "1e3", nil},
		{"group-topic", "0x10", nil},
		{"group-topic", "1 2", nil},
		{"group-topic", "", nil},
		{"group-topic", "null", nil},
		{"group-topic", "30|40", nil},
		{"pattern-a", "30000|31007", &want{30000, 31007}},
		{"pattern-a", " 30000 | 31007 ", &want{30000, 31007}},
		{"pattern-a", "7|7", &want{7, 7}},
		{"pattern-a", "100|160|00a3000000000001|7|AAECAwQFBgcICQoLDA0ODw|0|-1|3|1700000000000000|4711@h", &want{100, 160}},
		{"pattern-a", "31007", nil},
		{"pattern-a", "31007|30000", nil},
		{"pattern-a", "-5|5", nil},
		{"pattern-a", "|5", nil},
		{"pattern-a", "5|", nil},
		{"pattern-a", "5|9223372036854775808", nil},
		{"quarkus", `{"state":{"n":1,"offset":9},"offset":1099511627776}`, &want{none, 1 << 40}},
		{"quarkus", ` {"offset" : 5 } `, &want{none, 5}},
		{"quarkus", `{"state":null}`, nil},
		{"quarkus", `{"Offset":5}`, nil},
		{"quarkus", `{"offset":"5"}`, nil},
		{"quarkus", `{"offset":5.0}`, nil},
		{"quarkus", `{"offset":-5}`, nil},
		{"quarkus", `{"offset":null}`, nil},
		{"quarkus", `{"offset":5`, nil},
		{"quarkus", `5`, nil},
	} {
		from, until, err := forms[c.layout].value(c.value)
		switch {
		case c.want == nil && err == nil:
			t.Errorf("%s: %q is read as %d, %d; want a refusal", c.layout, c.value, from, until)
		case c.want != nil && (err != nil || want{from, until} != *c.want):
			t.Errorf("%s: %q is read as %d, %d, %v; want %+v", c.layout, c.value, from, until, err, *c.want)
		}
	}
}

// Whatever a hash contains: what is accepted keeps an Entry's guarantees, and writing it again gives the same entry.
func FuzzPatternA(f *testing.F) {
	for _, s := range []string{"orders|0", "a|b|1", " a | 2 ", "|", "a|-1", "a|2147483648"} {
		f.Add(s, "1|2")
	}
	for _, s := range []string{"1", "|", "2|1", " 1|2 ", "1|2|3|4", "9223372036854775808|1", "-1|1", "٣|٤"} {
		f.Add("orders|0", s)
	}
	p, err := compiled(forms["pattern-a"].field, "", "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if tp, ok := p.match(name, fencepost.TopicPartition{}); ok {
			if tp.Partition < 0 || tp.Topic == "" || strings.ContainsAny(tp.Topic, "| \t\n") {
				t.Fatalf("field %q is read as %+v", name, tp)
			}
			if again, ok := p.match(field(tp), fencepost.TopicPartition{}); !ok || again != tp {
				t.Fatalf("field %q is read as %s, and that as %s", name, tp, again)
			}
		}
		if from, until, err := rangeValue(value); err == nil && (from < 0 || from > until) {
			t.Fatalf("value %q is read as %d, %d", value, from, until)
		}
	})
}

// What cannot be a layout is reported before anything is asked.
func TestLayoutConfig(t *testing.T) {
	for name, as := range map[string]LayoutConfig{
		"no name":              {},
		"unknown name":         {Name: "pattern-b"},
		"pattern-a, no key":    {Name: "pattern-a", Group: "g"},
		"no group":             {Name: "group-topic"},
		"a key without topics": {Name: "group-topic", Group: "g", Key: "offset:<group>"},
		"the topic twice":      {Name: "group-dash", Group: "g", Key: "<group>:<topic>"},
		"no partition":         {Name: "topic-string", Key: "<topic>"},
		"a strange word":       {Name: "topic-string", Key: "<topic>_<part>"},
	} {
		_, err := OpenLayout(Config{Addr: "h"}, as)
		if f, ok := err.(*fencepost.UserError); !ok || f.Exit != 2 {
			t.Errorf("%s: got %v, want a Fault of exit 2", name, err)
		}
	}
	if _, err := OpenLayout(Config{}, LayoutConfig{Name: "pattern-a", Key: "k"}); err == nil {
		t.Error("a layout without an address was opened")
	}
	for _, name := range LayoutNames() {
		l, err := OpenLayout(Config{Addr: "h"}, LayoutConfig{Name: name, Group: "g", Key: map[bool]string{true: "k"}[name == "pattern-a"]})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, ok := l.(foreign.LiveLayout); ok != (name == "pattern-a") {
			t.Errorf("layout %s may be written: %t", name, ok)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}
