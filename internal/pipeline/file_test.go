package pipeline

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/pipeline/kinds"
)

var update = flag.Bool("update", false, "write the golden files")

// testEnvironment has a fixed set of variables, so that the nearest of them is always the same.
func testEnvironment() *keys.Environment {
	set := map[string]string{"DATABASE_URL": "postgres://app:hunter2@localhost/shop", "HOSTNAME": "node3", "PW": "hunter2",
		"EMPTY": "", "KAFKA_PASSWORD": "sixteen letters!"}
	return &keys.Environment{
		Lookup:   func(name string) (string, bool) { v, ok := set[name]; return v, ok },
		Names:    func() []string { return []string{"DATABASE_URL", "EMPTY", "HOSTNAME", "KAFKA_PASSWORD", "PW"} },
		ReadFile: os.ReadFile,
	}
}

// TestBadFiles reads each file of testdata/bad and compares all findings with the .txt beside it.
func TestBadFiles(t *testing.T) {
	names, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files to read: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse("bad.yaml", src, testEnvironment())
			if err == nil {
				t.Fatalf("%s was found good", name)
			}
			got := err.Error()
			var fault *fencepost.UserError
			if errors.As(err, &fault) {
				got = fmt.Sprintf("error[%s]: %v\nhelp: %s\n", fault.Code, fault, fault.Help)
			}
			if strings.Contains(got, "hunter2") || strings.Contains(got, "sixteen letters") {
				t.Errorf("a secret was printed:\n%s", got)
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".txt", got)
		})
	}
}

// TestGoodFiles reads each file of testdata/good; the .txt beside it shows what was made of it.
func TestGoodFiles(t *testing.T) {
	names, _ := filepath.Glob("testdata/good/*.yaml")
	if len(names) == 0 {
		t.Fatal("no files to read")
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Parse("good.yaml", src, testEnvironment())
			if err != nil {
				t.Fatalf("found bad:\n%v", err)
			}
			f.places = nil
			for i := range f.Schema {
				f.Schema[i].At = keys.Place{}
			}
			for i := range f.Key.Schema {
				f.Key.Schema[i].At = keys.Place{}
			}
			if !f.Policy.Start.Time.IsZero() {
				f.Policy.Start.Time = f.Policy.Start.Time.UTC()
			}
			for _, format := range []string{"%v", "%+v", "%#v"} {
				got := strings.NewReplacer("{", "{\n", ", ", "\n").Replace(fmt.Sprintf(format, *f))
				if strings.Contains(got, "hunter2") {
					t.Errorf("a secret was printed by %s:\n%s", format, got)
				}
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".txt", fields(*f))
		})
	}
}

// fields prints a File for a golden file, a part a line.
func fields(f File) string {
	p := f.Promise()
	apart := ""
	var mirrors []kinds.Mirror
	for _, m := range f.Mirrors {
		mirrors = append(mirrors, m.Is)
	}
	if f.Apart() || len(f.Mirrors) > 0 {
		apart = fmt.Sprintf("ledger     %s: %+v, mirrors %+v\n", f.LedgerURL(), f.Ledger.Is, mirrors)
	}
	if len(f.Registry.URLs) > 0 {
		apart += fmt.Sprintf("registry   %+v\n", f.Registry)
	}
	if f.OnError != (engine.OnError{}) {
		apart += fmt.Sprintf("on error   %+v\n", f.OnError)
	}
	if f.Protobuf != (kinds.Protobuf{}) {
		apart += fmt.Sprintf("protobuf   %+v\n", f.Protobuf)
	}
	if f.Decode == "csv" {
		apart += fmt.Sprintf("csv        %+v\n", f.CSV)
	}
	if len(f.Key.Schema) > 0 {
		apart += fmt.Sprintf("key        %+v\n", f.Key)
	}
	if f.Where.Text != "" {
		apart += fmt.Sprintf("where      %s\n", f.Where)
	}
	return apart + fmt.Sprintf("group      %s\nsource     %+v\ndecode     %s, refuse unknown %t, tombstone %s\nschema     %+v\nsink       %s %+v\ninto       %s\nkeep       %s\nbatch      %+v\n"+
		"rate       %d\npolicy     %+v\nwatch      %s, drain %s, log %s\npromise    %s\nbecause    %s\ncolumns    [%s]\n",
		f.Group, f.Source, f.Decode, f.RefuseUnknown, f.Tombstone, f.Schema, f.Sink.Kind, f.Sink.Is, f.About().Into, f.KeepCommits, f.Batch, f.Rate, f.Policy,
		f.Watch, f.Drain, f.LogFormat, p.Words, p.Because, columnsText(f.Columns()))
}

// columnsText is each column with its type, and whether rows may leave it to its default; or as it is.
func columnsText(columns []fencepost.ColumnSpec) string {
	var all []string
	for _, c := range columns {
		text := fmt.Sprintf("{%s %s %t}", c.Name, c.Type, c.Default)
		if c.Partial {
			text += "+partial"
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

func TestSecretsResolveLate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pw")
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n")
	f, err := Parse("f.yaml", []byte("group: g\nsource: {brokers: [h:1], topics: [t], sasl: {mechanism: PLAIN, user: u, password: '${file:"+path+"}'}}\n"+
		"schema: {a: text}\nsink: {sqlite: {path: a.db, table: t}}\n"), testEnvironment())
	if err != nil {
		t.Fatal(err)
	}
	write("second\n")
	if got, err := f.Source.SASL.Password.Reveal(); got != "second" || err != nil {
		t.Errorf("after the file changed: got %q, %v, want second", got, err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format, f.Source.SASL); strings.Contains(s, path) || strings.Contains(s, "second") {
			t.Errorf("%s prints the secret: %s", format, s)
		}
	}
}

func TestLoadFaults(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"flights.yaml": "group: a", "empty.yaml": "# nothing\n", "binary.yaml": "\xff\xfe"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, make([]byte, mostBytes+1), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, code, help string }{
		{"flights.yml", "file-not-found", "flights.yaml exists"},
		{"quite-other", "file-not-found", "fencepost init"},
		{"empty.yaml", "file-empty", "fencepost init"},
		{"binary.yaml", "yaml-syntax", "fencepost init"},
		{"large.yaml", "file-not-readable", "pipeline file"},
		{"flights.yaml/x", "file-not-readable", "ls -l"},
		{".", "file-is-folder", ".yaml"},
	} {
		_, err := Load(filepath.Join(dir, c.name), testEnvironment())
		var fault *fencepost.UserError
		if !errors.As(err, &fault) || fault.Code != c.code || fault.Exit != 2 || !strings.Contains(fault.Help, c.help) {
			t.Errorf("load %s: got %+v, want %s, exit 2, with help about %q", c.name, fault, c.code, c.help)
		}
	}
}

// TestLedgerURL: each ledger is named by what people would type, and no password is in it.
func TestLedgerURL(t *testing.T) {
	for sink, want := range map[string]string{
		"sqlite: {path: a.db, table: t}":                                                "sqlite:a.db",
		"postgres: {dsn: 'postgres://app:hunter2@h/shop', table: t}":                    "postgres://app@h:5432/shop",
		"mysql: {dsn: 'mysql://app:hunter2@h/shop', table: t}":                          "mysql://app@h:3306/shop",
		"redis: {addr: h, commands: [SADD a b]}":                                        "redis://h:6379/0",
		"redis: {addr: 'h:7000', db: 3, password: '${PW}', commands: [SADD a b]}":       "redis://:***@h:7000/3",
		"redis: {addr: h, user: app, tls: {enabled: true}, commands: [SADD a b]}":       "rediss://app@h:6379/0",
		"redis: {addr: '[::1]:6379', user: app, password: x, commands: ['SADD a {a}']}": "redis://app:***@[::1]:6379/0",
	} {
		f, err := Parse("f.yaml", []byte("group: g\nsource: {brokers: ['h:1'], topics: [t]}\nschema: {a: text}\nsink: {"+sink+"}\n"), testEnvironment())
		if err != nil {
			t.Errorf("%s: %v", sink, err)
			continue
		}
		if got := f.LedgerURL(); got != want {
			t.Errorf("%s: got %s, want %s", sink, got, want)
		}
	}
}

// TestREADME: the pipeline files that the README shows are good ones.
func TestREADME(t *testing.T) {
	src, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(src, -1)
	if len(blocks) == 0 {
		t.Fatal("the README shows no pipeline file")
	}
	for _, b := range blocks {
		if _, err := Parse("README.md", b[1], testEnvironment()); err != nil {
			t.Error(err)
		}
	}
}

// FuzzParse holds the reader to its law: no input makes it panic, and what it finds it can print.
func FuzzParse(f *testing.F) {
	for _, dir := range []string{"bad", "good"} {
		names, _ := filepath.Glob("testdata/" + dir + "/*.yaml")
		for _, name := range names {
			src, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	env := testEnvironment()
	env.ReadFile = func(string) ([]byte, error) { return nil, os.ErrNotExist }
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Parse("f.yaml", src, env)
		if (file == nil) == (err == nil) {
			t.Fatalf("got %v and %v, want one of them", file, err)
		}
		if err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}

// No way to format a file prints a password, wherever one is in it.
func TestFileShowsNoSecret(t *testing.T) {
	for _, stores := range []string{
		"sink: {postgres: {dsn: 'postgres://a:hunter2@h/d', table: t}}\nledger: {mysql: {dsn: 'mysql://a:hunter2@h/d'}}\n",
		"sink: {mysql: {dsn: 'mysql://a:hunter2@h/d', table: t}}\nledger: {postgres: {dsn: 'postgres://a:hunter2@h/d'}}\n",
		"sink: {redis: {addr: h, password: hunter2, commands: [SADD a b]}}\nledger: {zookeeper: {servers: [z], user: u, password: hunter2}}\n",
		"sink: {sqlite: {path: a.db, table: t}}\nledger: {redis: {addr: h, password: hunter2}}\n",
		"sink: {sqlite: {path: a.db, table: t}}\nmirror: {redis: {addr: h, password: hunter2, key: k}, zookeeper: {servers: [z], user: u, password: hunter2}}\n",
	} {
		f, err := Parse("f.yaml", []byte("group: g\nsource: {brokers: ['h:1'], topics: [t], sasl: {mechanism: PLAIN, user: u, password: hunter2}}\n"+
			"schema: {a: text}\n"+stores), testEnvironment())
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			for what, v := range map[string]any{"the file": *f, "its sink": f.Sink.Is, "its ledger": f.Ledger.Is, "its mirrors": f.Mirrors} {
				if s := fmt.Sprintf(format, v); strings.Contains(s, "hunter2") {
					t.Errorf("%s prints a secret of %s:\n%s", format, what, s)
				}
			}
		}
	}
}

// H12: values from the environment, in the forms that peers take: lists in one variable, defaults, and keys set besides the file.
func TestH12ValuesFromTheEnvironment(t *testing.T) {
	vars := map[string]string{"KB": "a:1, b:2", "EMPTY": "", "BAD": "a:1,,b:2"}
	env := &keys.Environment{Names: func() []string { return nil }, Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }}
	const rest = "\ndecode: raw\nsink: {sqlite: {path: f.db, table: t}}\n"
	for _, c := range []struct {
		source string
		set    []string
		want   string // brokers | topics | group, or a part of the error
	}{
		{source: `{brokers: "${KB}", topics: [t]}`, want: "[a:1 b:2] [t] g"},
		{source: `{brokers: ["${KB}", "c:3"], topics: [t]}`, want: "[a:1 b:2 c:3] [t] g"},
		{source: `{brokers: "${NONE:-x:1,y:2}", topics: ["${EMPTY:-t}"]}`, want: "[x:1 y:2] [t] g"},
		{source: `{brokers: "${KB}", topics: "${TOPIC:-}t"}`, want: "[a:1 b:2] [t] g"},
		{source: `{brokers: "${BAD}", topics: [t]}`, want: "brokers: an entry is empty"},
		{source: `{brokers: "${NONE}", topics: [t]}`, want: "NONE is not set"},
		{source: `{brokers: [z:9], topics: [t]}`, set: []string{"source.brokers=${KB}", "source.topics=[u, v]", "group=h"}, want: "[a:1 b:2] [u v] h"},
		{source: `{brokers: [z:9], topics: [t]}`, set: []string{"source.topics=[u", "group=h"}, want: "--set source.topics"},
		{source: `{brokers: [z:9], topics: [t]}`, set: []string{"sink.sqlite.pth=x"}, want: "--set: error[unknown-key]: sink.sqlite has no key pth"},
		{source: `{brokers: [z:9], topics: [t]}`, set: []string{"source.sasl={mechanism: PLAIN, user: u, password: hunter2}", "batch.records=x"}, want: "is not a whole number"},
	} {
		env.Set = c.set
		f, err := Parse("f.yaml", []byte("group: g\nsource: "+c.source+rest), env)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprintf("%v %v %s", f.Source.Brokers, f.Source.Topics, f.Group)
		}
		if !strings.Contains(got, c.want) || strings.Contains(got, "hunter2") {
			t.Errorf("%s %v: got %s, want %s", c.source, c.set, got, c.want)
		}
	}
}

// What decodes a record for people has the columns that a run has: one that is left to the table's default says so.
func TestColumnsKnowTheTablesDefault(t *testing.T) {
	factory, err := decode.JSON(decode.Config{Fields: []decode.Field{{Column: "a", Type: fencepost.Int, Missing: decode.Absent()}}})
	if err != nil {
		t.Fatal(err)
	}
	d := factory()
	row := columnsOf(d)
	if err := decoded(t.Context(), d, &fencepost.Record{Value: []byte(`{}`)}, row); err != nil || !row[0].Absent(0) {
		t.Errorf("%+v, %v: want it left to the default", row, err)
	}
}
