package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/expr-lang/expr/builtin"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/expression"
	"github.com/fencepost/fencepost/internal/health"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/metrics"
)

// TestReference: the pages of docs/reference are what the code says now. UPDATE=1 writes them.
func TestReference(t *testing.T) {
	for name, page := range map[string]func(*testing.T) string{
		"pipeline-file.md": pipelinePage, "commands.md": commandsPage, "error-codes.md": codesPage, "exit-codes.md": exitsPage,
		"metadata-columns.md": metadataPage, "expressions.md": expressionsPage, "events.md": eventsPage, "metrics.md": metricsPage,
	} {
		t.Run(name, func(t *testing.T) {
			got := page(t)
			file := filepath.Join("../../docs/reference", name)
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := gocmp.Diff(string(want), got); d != "" {
				t.Errorf("docs/reference/%s is not what the code says: UPDATE=1 go test ./cmd/fencepost -run TestReference\n-page +code:\n%s", name, d)
			}
		})
	}
}

// cell is text as a cell of a table in Markdown.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(s)
}

// code is text as code in a cell; empty stays empty.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.NewReplacer("|", `\|`).Replace(s) + "`"
}

func pipelinePage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# The pipeline file\n\nEvery key, in the order of the file that `fencepost init` writes. `fencepost help KEY` prints one of them, `fencepost init --schema` all of\n" +
		"them as a JSON Schema for editors. A value may be `${NAME}` from the environment or `${file:PATH}`. An unknown key is an error.\n")
	var sections []string // paths of mappings that hold values, "" first
	rows, about := map[string][]string{}, map[string]string{}
	for _, p := range pipeline.Keys() {
		about[p.Path] = p.Meaning
		if p.Keys != nil && p.Default == "" {
			continue
		}
		def := code(p.Default)
		if p.Must {
			def = "none: needed"
		}
		parent, _ := keys.Split(p.Path)
		if rows[parent] == nil {
			sections = append(sections, parent)
		}
		rows[parent] = append(rows[parent], fmt.Sprintf("| `%s` | %s | %s | %s |\n", p.Path, cell(p.Meaning), def, code(p.Example)))
	}
	for _, path := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n", cmp.Or(path, "The file itself"))
		if about[path] != "" {
			fmt.Fprintf(&b, "%s\n\n", cell(about[path]))
		}
		b.WriteString("| key | meaning | default | example |\n|---|---|---|---|\n" + strings.Join(rows[path], ""))
	}
	return b.String()
}

// printed is what a command line prints on stdout.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if exit := run(t.Context(), append([]string{"fencepost"}, args...), &out, &errs); exit != 0 {
		t.Fatalf("fencepost %s: exit %d\n%s", strings.Join(args, " "), exit, errs.String())
	}
	return out.String()
}

func commandsPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Commands\n\nWhat `--help` prints, of the program and of each verb.\n\n")
	screen := func(args ...string) {
		fmt.Fprintf(&b, "## %s\n\n```text\n%s```\n\n", strings.TrimSpace("fencepost "+strings.Join(args, " ")), printed(t, append(args, "--help")...))
	}
	screen()
	a := &app{stdout: &b, stderr: &b, env: pipeline.Process(), program: "fencepost"}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			if c.Hidden {
				continue
			}
			if _, ok := manuals[verbPath(c)]; ok {
				screen(strings.Fields(verbPath(c))...)
			}
			walk(c)
		}
	}
	walk(a.root())
	return strings.TrimSuffix(b.String(), "\n")
}

func codesPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Error codes\n\nThe word between the brackets of `error[...]`, stable, the same in json and in logs. `fencepost help CODE` prints a code's page.\n\n")
	for _, name := range codes.Names() {
		c, _ := codes.Find(name)
		fmt.Fprintf(&b, "## %s\n\n```text\n%s```\n\n", name, c.Page())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func exitsPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Exit codes\n\n`fencepost check` ends with 2 only if the file cannot be read or is no YAML, with 3 for whatever it finds, and with 1 if something did not\n" +
		"answer. For a service that starts workers again, as [deploy/systemd](../../deploy/systemd) does: `RestartPreventExitStatus=2 3 4`.\n\n| code | meaning | errors that end a command with it |\n|---|---|---|\n")
	for exit, meaning := range []string{"ok", "error", "usage, the file included", "findings: something needs a person", "refused for safety: nothing was changed"} {
		var with []string
		for _, name := range codes.Names() {
			if c, _ := codes.Find(name); c.Exit == exit && exit > 0 {
				with = append(with, "`"+name+"`")
			}
		}
		fmt.Fprintf(&b, "| %d | %s | %s |\n", exit, meaning, strings.Join(with, " "))
	}
	var parks []string
	for _, name := range codes.Names() {
		if c, _ := codes.Find(name); c.Exit == 0 {
			parks = append(parks, "`"+name+"`")
		}
	}
	fmt.Fprintf(&b, "\nThese park a partition and end no command: %s.\n\nA signal that comes a second time ends `run` by itself, as the shell shows it (130, 143).\n", strings.Join(parks, " "))
	return b.String()
}

func metadataPage(t *testing.T) string {
	meanings := map[string]string{
		fencepost.MetaTopic: "the record's topic", fencepost.MetaPartition: "its partition", fencepost.MetaOffset: "its offset",
		fencepost.MetaTimestamp: "its timestamp, as the producer or the broker set it", fencepost.MetaKey: "its key; null where it has none",
		fencepost.MetaHeaders: `its headers, in order: [["name", "the value in base64, or null"], ...]`,
	}
	var b strings.Builder
	b.WriteString("# Metadata columns\n\nWhat every record has besides the columns of `schema`. A table that has a column of that name gets it filled; in `sql:` and in expressions\n" +
		"they are there by name. Columns of `schema` may not begin with `_`. `audit` rests on the first three.\n\n| column | type | holds |\n|---|---|---|\n")
	for _, c := range fencepost.MetaColumns() {
		if meanings[c.Name] == "" {
			t.Errorf("%s: no meaning", c.Name)
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", c.Name, c.Type, meanings[c.Name])
	}
	fmt.Fprintf(&b, "\nTwo more are there where the file asks for them, and a `table:` has a column for them:\n\n| column | type | holds |\n|---|---|---|\n"+
		"| `%s` | `text` | with `envelope:` or `tombstone: delete`, what the record does to its row: `c`, `u`, `r`, or `d` for a delete; an upsert needs no such column |\n"+
		"| `%s` | `int` | with `explode:`, the place of the row's element in the array, from 0 ([several rows of one record](../types.md#several-rows-of-one-record)) |\n",
		fencepost.MetaOp, fencepost.MetaIndex)
	return b.String()
}

// shown are expressions without a column, whose values the page shows.
var shown = []string{
	`2 + 3 * 4`, `7 % 3`, `7 / 2`, `int(7 / 2)`, `"ab" + "cd"`, `upper("ord")`, `trim("  x ")`, `split("a,b", ",")[1]`, `"ab" in ["ab", "cd"]`,
	`3 > 2 ? "late" : "early"`, `"ORD" matches "^O"`, `len("ORD")`, `"abc"[0:2]`, `int("12") + 1`, `fromJSON("{\"a\": {\"b\": 7}}").a.b`,
	`date("2026-11-21T03:00:00Z").Format("2006-01-02")`, `date("2026-11-21T03:00:00Z").Year()`, `duration("1h30m").Minutes()`,
	`max(3, 7)`, `round(2.5)`, `nil ?? "none"`, `toBase64("ab")`, `fromJSON("9007199254740993")`, `2 ** 10`, `9007199254740993 > 9007199254740992.0`,
}

func expressionsPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Expressions\n\nWhat stands behind `where:`, behind `expr:` of a column of `schema`, and in `{...}` and `where:` of a Redis command. The language is that of\n" +
		"github.com/expr-lang/expr, typed over the columns of `schema` and the metadata columns; `check` shows an error with its line and column.\n\n" +
		"## Nulls\n\nA null makes null of what names its column, as in SQL, and a condition over null does not hold: the row is dropped. Left of `??`, or beside `== nil`\n" +
		"and `!= nil`, it is a value. `and`, `or` and `not` are those of SQL: `n > 0 or true` holds for a null `n`. Within the arguments of a function, or a branch of\n" +
		"`? :`, a null makes null of the whole.\n\n" +
		"## Numbers\n\nA number is exact, or the record is bad and parks its partition (`record-undecodable`): a sum, difference or product of ints beyond 64 bits, an int beside a\n" +
		"float where no float has its value, a division by zero, what is beyond a float. An int and a float are compared by their values. `/` gives a float, the nearest\n" +
		"one. A decimal is a text: `float(price) * 2`, and `float(...)` is the nearest float, also of an int. Whole numbers of `fromJSON` are ints.\n\n" +
		"## Computed columns\n\n`{type: int, expr: \"delay * 60\"}` makes a column of the others, and of computed ones above it; computed columns are the last ones. `mismatch:` says what becomes of\n" +
		"a value that does not fit, or cannot be computed. Fit: an int into int float decimal json (with a unit also timestamp date time), a float into float decimal json, a\n" +
		"bool into bool json, a time into timestamp json, a text into all but int float bool as a string of a record would (bytes: its bytes; json: one JSON value).\n" +
		"`where:` is asked before columns are computed that it does not name.\n\n" +
		"## Values\n\n| expression | value |\n|---|---|\n")
	for _, text := range shown {
		p, err := expression.Compile(text, nil, expression.Any)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		value, ok := p.Constant()
		if !ok {
			t.Errorf("%s: names a column", text)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", code(text), code(value))
	}
	functions := slices.DeleteFunc(slices.Sorted(slices.Values(builtin.Names)), func(name string) bool {
		_, err := expression.Compile(name+"([1])", nil, expression.Any)
		return err != nil && strings.HasPrefix(err.Error(), name+"() ")
	})
	b.WriteString("\n## Functions\n\n`" + strings.Join(functions, "` `") + "`\n\nNot there: `now`, of which a batch that is tried again would get another value, and `sum`, `mean` and `median`, which wrap or round;\n" +
		"`reduce(LIST, #acc + #)` is a sum.\n")
	return b.String()
}

// eventsPage prints the events from their declarations in package engine.
func eventsPage(t *testing.T) string {
	file, err := parser.ParseFile(token.NewFileSet(), "../../engine/event.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile("../../internal/logs/testdata/text.txt")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Events\n\nA run reports these facts, once and in order: logs, the terminal and programs (`engine.Config.Events`, `Engine.Subscribe`) get the same ones.\n\n")
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.TYPE {
			continue
		}
		for _, spec := range group.Specs {
			s := spec.(*ast.TypeSpec)
			fields, isStruct := s.Type.(*ast.StructType)
			doc := s.Doc
			if doc == nil {
				doc = group.Doc
			}
			if !isStruct || doc == nil {
				continue
			}
			fmt.Fprintf(&b, "## %s\n\n%s\n", s.Name, strings.TrimSpace(doc.Text()))
			eventFields(&b, fields)
			b.WriteString("\n")
		}
	}
	b.WriteString("## As JSON lines\n\n`fencepost run FILE --events events.jsonl` appends each event as one line, `--events -` prints them. `Progress` is left out: it is state, and\n" +
		"`run --http` answers it. Names only grow within format 1. What is not known is null or left out. Where a run reports faster than a\n" +
		"file takes it, events are left out, and the line `left-out` says how many. These are lines of a test:\n\n```json\n")
	shown, err := os.ReadFile("../../internal/events/testdata/lines.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	b.Write(shown)
	b.WriteString("```\n\n")
	b.WriteString("## As lines of the log\n\nEach `msg` is constant; `log_format: json` has the same attributes. These are the lines of a test:\n\n```text\n")
	b.Write(lines)
	b.WriteString("```\n")
	return b.String()
}

func eventFields(b *strings.Builder, s *ast.StructType) {
	var lines []string
	for _, f := range s.Fields.List {
		text := strings.TrimSpace(f.Doc.Text() + " " + f.Comment.Text())
		for _, name := range f.Names {
			if text != "" {
				lines = append(lines, fmt.Sprintf("- `%s`: %s", name, strings.Join(strings.Fields(text), " ")))
			}
		}
	}
	if len(lines) > 0 {
		b.WriteString("\n" + strings.Join(lines, "\n") + "\n")
	}
}

// described is what a description says of itself: its name, help and labels.
var described = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: "([^"]*)", unit: "[^"]*", constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}\}$`)

func metricsPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Metrics\n\n`fencepost run FILE --http 9464` answers `/metrics` for Prometheus; a program has the same by package `metrics`. Counters end in `_total`,\n" +
		"those of seconds are native histograms (and have classic buckets for who scrapes text). What is not known is absent, never 0. Beside these there are\n" +
		"`go_...`, `process_...` and `fencepost_build_info`.\n")
	m := metrics.New(metrics.Config{Group: "g"})
	for _, part := range []struct {
		title, text string
		of          prometheus.Collector
	}{
		{"The worker and its partitions", fmt.Sprintf("Those named `partition_...` have labels `topic` and `partition`; where a worker holds more than %d, they are left out, and `partitions_left_out` says so.", metrics.DefaultPartitions), m},
		{"The process", "", health.New(health.Config{Group: "g"}).Collector()},
		{"Names of kafka-lag-exporter", "Added where a scrape asks for them: `/metrics?names=kafka-lag-exporter&cluster=NAME` (in Prometheus: `params: {names: [kafka-lag-exporter], cluster: [NAME]}`). " +
			"Sums and maxima are those of one worker's partitions: sum them, and take the maximum, over workers.", metrics.LagExporter("c", m)},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n", part.title)
		if part.text != "" {
			b.WriteString(part.text + "\n\n")
		}
		b.WriteString("| name | labels | meaning |\n|---|---|---|\n")
		descs := make(chan *prometheus.Desc, 100)
		part.of.Describe(descs)
		close(descs)
		for d := range descs {
			said := described.FindStringSubmatch(d.String())
			if said == nil {
				t.Fatalf("%s is not read", d)
			}
			var labels []string
			for _, l := range append(strings.Split(said[3], ","), strings.Split(said[4], ",")...) {
				if l, _, _ = strings.Cut(l, "="); l != "" {
					labels = append(labels, "`"+l+"`")
				}
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", said[1], strings.Join(labels, " "), cell(said[2]))
		}
	}
	return b.String()
}
