package pipeline

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/debezium"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/pipeline/kinds"
)

func draftOf(sink string) Draft {
	return Draft{Group: "flights-to-" + sink, Source: kinds.Source{Brokers: []string{"localhost:9092"}}, Topic: "flights", Sink: sink, Decode: "json",
		Columns: []keys.DraftColumn{{Name: "date", Type: fencepost.Timestamp, Seen: "2001-01-01T00:01:00 in the sample: no zone, read as UTC"},
			{Name: "delay", Type: fencepost.Int, Seen: "-51 .. 573"}, {Name: "at", Type: fencepost.Timestamp, From: "_at", Unit: "ms", Null: true}}}
}

// commented is a key that a draft has behind "#".
var commented = regexp.MustCompile(`(?m)^( *)# ([a-z_]+: .*)$`)

// TestDraftIsAccepted: the reader accepts a draft unchanged, and with any one of its "#" taken away, whose default
// then changes nothing.
func TestDraftIsAccepted(t *testing.T) {
	for _, name := range append(Sinks(), "registry", "avro", "protobuf", "stream") {
		sink, draft := name, draftOf(name)
		if decode := map[string]string{"registry": "json_schema", "avro": "avro", "protobuf": "protobuf"}[name]; decode != "" {
			sink, draft = "sqlite", draftOf("sqlite")
			draft.Decode = decode
		}
		if name == "stream" {
			sink, draft = "sqlite", draftOf("sqlite")
			draft.Envelope, draft.Key, draft.Accepts = debeziumSchema, []string{"delay"}, debezium.Losses()
			draft.Columns[0].Scale, draft.Columns[0].Type = "2", fencepost.Decimal
		}
		text := draft.Text()
		golden(t, "testdata/draft-"+name+".yaml", text)
		want, err := Parse("f.yaml", []byte(text), testEnvironment())
		if err != nil {
			t.Fatalf("%s:\n%v", sink, err)
		}
		places := commented.FindAllStringSubmatchIndex(text, -1)
		if len(places) < 17 {
			t.Fatalf("%s: found %d keys behind #, want all of them", sink, len(places))
		}
		for _, m := range places {
			line := text[m[4]:m[5]]
			if strings.HasPrefix(line, "date:") {
				continue // the long form is beside the short one: it replaces it
			}
			got, err := Parse("f.yaml", []byte(text[:m[0]]+text[m[2]:m[3]]+line+text[m[1]:]), testEnvironment())
			if err != nil {
				t.Errorf("%s: with %q:\n%v", sink, line, err)
				continue
			}
			if a, b := withoutPlaces(want), withoutPlaces(got); a != b {
				t.Errorf("%s: with %q, which says the default:\ngot  %s\nwant %s", sink, line, b, a)
			}
		}
	}
}

// withoutPlaces is a File without its places.
func withoutPlaces(f *File) string {
	c := *f
	c.places = nil
	c.Schema = append([]Column(nil), f.Schema...)
	for i := range c.Schema {
		c.Schema[i].At = keys.Place{}
	}
	return fields(c)
}

// TestDraftHasEveryKey: a key that is implemented is in the file that init writes.
func TestDraftHasEveryKey(t *testing.T) {
	texts := ""
	for _, sink := range Sinks() {
		texts += draftOf(sink).Text()
	}
	framed := draftOf("sqlite")
	framed.Decode = "protobuf"
	texts += framed.Text()
	framed.Decode = "avro"
	texts += framed.Text()
	for i := range fileKeys {
		if !regexp.MustCompile(`\b` + fileKeys[i].Name() + `:`).MatchString(texts) {
			t.Errorf("%s is in no draft", fileKeys[i].Path)
		}
	}
	for _, line := range strings.Split(texts, "\n") {
		if len([]rune(line)) > 100 {
			t.Errorf("%q is wider than 100 columns", line)
		}
	}
}

// TestDraftQuotes: whatever topics, groups and fields are called, the file says just that.
func TestDraftQuotes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(1, 12, 40)
		d := Draft{Group: "g", Source: kinds.Source{Brokers: []string{"b:1"}}, Topic: name.Draw(t, "topic"), Sink: "sqlite", Decode: "json"}
		d.Columns = []keys.DraftColumn{{Name: strings.NewReplacer("_", "", "\x00", "").Replace(name.Draw(t, "column")) + "x", From: decode.Literal(name.Draw(t, "field")), Type: fencepost.Text}}
		if strings.Contains(d.Topic+d.Columns[0].From, "${") {
			t.Skip("a reference")
		}
		f, err := Parse("f.yaml", []byte(d.Text()), testEnvironment())
		if err != nil {
			t.Fatalf("%v\n%s", err, d.Text())
		}
		if f.Source.Topics[0] != d.Topic || f.Schema[0].Name != d.Columns[0].Name || f.Schema[0].From != d.Columns[0].From {
			t.Fatalf("got %q %q %q, want %q %q %q", f.Source.Topics[0], f.Schema[0].Name, f.Schema[0].From,
				d.Topic, d.Columns[0].Name, d.Columns[0].From)
		}
	})
}

// TestJSONSchema compares the schema with the table of keys, key by key.
func TestJSONSchema(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(JSONSchema(), &root); err != nil {
		t.Fatal(err)
	}
	for i := range fileKeys {
		at := root
		for _, name := range strings.Split(fileKeys[i].Path, ".") {
			properties, ok := at["properties"].(map[string]any)
			if ok {
				at, ok = properties[name].(map[string]any)
			}
			if !ok {
				t.Fatalf("the schema has no %s", fileKeys[i].Path)
			}
		}
		if fileKeys[i].Doc != "" && at["description"] != fileKeys[i].Doc {
			t.Errorf("%s: got description %v, want %q", fileKeys[i].Path, at["description"], fileKeys[i].Doc)
		}
	}
	golden(t, "testdata/schema.json", string(JSONSchema()))
}

// TestDefaultsParse: each default of the table is a value of its key.
func TestDefaultsParse(t *testing.T) {
	for i := range fileKeys {
		k := &fileKeys[i]
		switch k.Form {
		case keys.FormMap, keys.FormTexts, keys.FormOwn, keys.FormSQL, keys.FormSecret, keys.FormStore:
			continue
		}
		if k.Must {
			continue
		}
		if _, want := keys.Parse(k, strings.Trim(k.Def, `"`)); want != "" {
			t.Errorf("%s: the default %s is not %s", k.Path, k.Def, want)
		}
	}
}

func TestPointed(t *testing.T) {
	f, err := Parse("f.yaml", []byte("group: g\nsource:\n  brokers: [b:1]\n  topics: [t]\nschema: {a: text}\nsink:\n  sqlite:\n    path: a.db\n    table: t\n"), testEnvironment())
	if err != nil {
		t.Fatal(err)
	}
	for help, want := range map[string]string{
		"start it, or mend source.brokers; to try one: fencepost broker": "start it, or mend source.brokers (f.yaml:3); to try one: fencepost broker",
		"mend source.topics, or create it":                               "mend source.topics (f.yaml:4), or create it",
		"fencepost ddl FILE | psql":                                      "fencepost ddl f.yaml | psql",
		"source.tls.enabled: true":                                       "source.tls.enabled: true",
	} {
		if got := f.pointed(help); got != want {
			t.Errorf("pointed(%q): got %q, want %q", help, got, want)
		} else if again := f.pointed(got); again != got {
			t.Errorf("pointed(%q) once more: got %q", got, again)
		}
	}
	fault, ok := f.Pointed(fmt.Errorf("open: %w", fencepost.ErrNoTopic)).(*fencepost.UserError)
	if !ok || fault.Code != "topic-not-found" || !strings.Contains(fault.Help, "f.yaml:4") {
		t.Errorf("got %+v, want topic-not-found with a line", fault)
	}
}

// TestReportExit: what is wrong weighs more than what is silent.
func TestReportExit(t *testing.T) {
	ok, silent, wrong := fencepost.Finding{OK: true}, fencepost.Finding{Silent: true}, fencepost.Finding{}
	for _, c := range []struct {
		found []fencepost.Finding
		want  int
	}{
		{nil, 0}, {[]fencepost.Finding{ok}, 0}, {[]fencepost.Finding{ok, silent}, 1}, {[]fencepost.Finding{silent, wrong, silent}, 3},
	} {
		if got := (Report{Findings: c.found}).Exit(); got != c.want {
			t.Errorf("exit of %+v: got %d, want %d", c.found, got, c.want)
		}
	}
}

// H8: a draft for Redis counts records. A number may as well be an ID or a time: its sum is behind "#".
func TestH8TheRedisDraftCounts(t *testing.T) {
	d := draftOf("redis")
	d.Columns = []keys.DraftColumn{{Name: "click_id", Type: fencepost.Int, Seen: "9,007,199,254,740,993 .. 9,007,199,254,741,993"}, {Name: "at", Type: fencepost.Int}}
	var live []string
	for line := range strings.Lines(d.Text()) {
		if word := strings.TrimSpace(line); strings.HasPrefix(word, "- ") {
			live = append(live, word)
		}
	}
	if len(live) != 1 || !strings.HasPrefix(live[0], "- HINCRBY flights records 1 ") {
		t.Errorf("the draft's commands: %q", live)
	}
}

// H11: each key of a column, and each metadata column with its type, is in the file that init writes.
func TestH11EveryKeyOfAColumn(t *testing.T) {
	text := draftOf("sqlite").Text()
	for _, key := range columnKeys {
		if !strings.Contains(text, key+":") {
			t.Errorf("%s is not in the draft", key)
		}
	}
	for _, c := range fencepost.MetaColumns() {
		if !strings.Contains(text, c.Name+" "+c.Type.String()) {
			t.Errorf("%s is not in the draft with its type", c.Name)
		}
	}
}
