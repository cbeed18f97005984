package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// readTable reads a table that the statements made.
func readTable(t *testing.T, table sqlstore.TableLayout, statements ...string) (foreign.Offsets, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.db")
	for _, s := range statements {
		execute(t, path, s)
	}
	l, err := OpenLayout(t.Context(), path, table)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Foreign(t.Context())
}

// told is entries as people compare them.
func told(f foreign.Offsets) string {
	var lines []string
	for _, e := range f.Entries {
		lines = append(lines, e.TopicPartition.String()+"="+e.Raw)
	}
	return strings.Join(append(lines, f.Notes...), " ")
}

func preset(t *testing.T, name string) sqlstore.TableLayout {
	t.Helper()
	table, ok := sqlstore.Preset(name)
	if !ok {
		t.Fatalf("no preset %s", name)
	}
	return table
}

// Every preset reads the table as its program makes it.
func TestPresets(t *testing.T) {
	for name, c := range map[string]struct{ ddl, rows, want string }{
		"txn_offsets": {"topic TEXT, part INT, off BIGINT, PRIMARY KEY (topic, part)", "('a-b', 0, 5), ('a-b', 10, 7), ('a.b_c', 2, 1099511627776)",
			"a-b:0=5 a-b:10=7 a.b_c:2=1099511627776"},
		"streaming_offset": {"topic TEXT, groupid TEXT, partitions INT, offset BIGINT", "('t', 'eu:g', 0, 5)", "t:0=5"},
		"offset_2020":      {"group_id TEXT, topic TEXT, partition_id INT, topic_offset BIGINT", "('g', 't', 3, 9)", "t:3=9"},
		"kafka_offset":     {"topic TEXT, partition INT, offset BIGINT, updated_at TEXT", "('t', 0, 0, '2026')", "t:0=0"},
		"kafka_offset_journal": {"consumer_group TEXT, topic TEXT, partition INT, last_processed_offset BIGINT, updated_at TEXT",
			"('g', 't', 0, 41, '2026')", "t:0=41"},
		"SilverbackKafkaOffsets": {"GroupId TEXT, Topic TEXT, Partition INT, Offset BIGINT", "('g', 't', 0, 5)", "t:0=5"},
	} {
		f, err := readTable(t, preset(t, name), "CREATE TABLE "+name+" ("+c.ddl+")", "INSERT INTO "+name+" VALUES "+c.rows)
		if err != nil || told(f) != c.want {
			t.Errorf("%s: %s, %v; want %s", name, told(f), err, c.want)
		}
	}
	if n := len(sqlstore.Presets()); n != 6 {
		t.Errorf("%d presets, the fixtures are of 6", n)
	}
}

// A custom mapping: names that need quotes, both ends of a range, a key of both, a filter, a group, a history.
func TestCustomTable(t *testing.T) {
	const ddl = "CREATE TABLE `my ``odd`` table` (`the \"key\"` TEXT COLLATE NOCASE, lo, hi, who TEXT COLLATE NOCASE, seq)"
	table := sqlstore.TableLayout{Table: "my `odd` table", TopicPartition: `the "key"`, Separator: "-", Offset: "hi"}
	rows := func(values string) string { return "INSERT INTO `my ``odd`` table` VALUES " + values }
	for _, c := range []struct {
		what, rows, want string
		change           func(*sqlstore.TableLayout)
	}{
		{"split from the right", "('a-1-b-3', 1, ' 5 ', 'g', 1)", "a-1-b:3=5", nil},
		{"a longer separator", "('a::b::3', 1, 5, 'g', 1)", "a::b:3=5", func(l *sqlstore.TableLayout) { l.Separator = "::" }},
		{"both ends", "('a-3', 1, 5, 'g', 1)", "a:3=1|5", func(l *sqlstore.TableLayout) { l.From = "lo" }},
		{"an expression", "('a-3', 1, 5, 'g', 1)", "a:3=6", func(l *sqlstore.TableLayout) { l.Offset = "(hi + 1)" }},
		{"one topic", "('a-3', 1, 5, 'g', 7)", "o'clock:7=5", func(l *sqlstore.TableLayout) {
			l.TopicPartition, l.Separator, l.Topic, l.Partition = "", "", "('o''clock')", "seq"
		}},
		{"a filter", "('a-3', 1, 5, 'g', 1), ('a-3', 1, 6, 'g', 2)", "a:3=6", func(l *sqlstore.TableLayout) { l.Where = "seq = 2 OR seq = 3 -- not 1" }},
		{"a group of two that differ by case", "('a-3', 1, 5, 'G', 1), ('a-3', 1, 6, 'g', 2)", "a:3=6", func(l *sqlstore.TableLayout) { l.GroupColumn, l.Group = "who", "g" }},
		{"a group with quotes", "('a-3', 1, 5, 'it''s:me', 1), ('a-3', 1, 6, 'g', 2)", "a:3=5", func(l *sqlstore.TableLayout) { l.GroupColumn, l.Group = "who", "it's:me" }},
		{"a history", "('a-3', 1, 9, 'g', 1), ('a-3', 1, 6, 'g', 2), ('A-3', 1, 5, 'g', 1), ('a-3', 1, 7, 'g', NULL)", "A:3=5 a:3=6",
			func(l *sqlstore.TableLayout) { l.Latest = "seq" }},
		{"a history that says the same twice", "('a-3', 1, 6, 'g', 2), ('a-3', 1, 6, 'g', 2)", "a:3=6", func(l *sqlstore.TableLayout) { l.Latest = "seq" }},
		{"greatest", "('a-3', 1, 9223372036854775807, 'g', 2)", "a:3=9223372036854775807", nil},
		{"an empty table", "", "table my `odd` table has no such row", nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			l := table
			if c.change != nil {
				c.change(&l)
			}
			statements := []string{ddl}
			if c.rows != "" {
				statements = append(statements, rows(c.rows))
			}
			f, err := readTable(t, l, statements...)
			if err != nil || told(f) != c.want {
				t.Errorf("%s, %v; want %s", told(f), err, c.want)
			}
		})
	}
}

// What cannot be an offset is refused, and the row is named.
func TestDamagedTable(t *testing.T) {
	txn := preset(t, "txn_offsets")
	journal := preset(t, "kafka_offset_journal")
	latest := txn
	latest.Latest = "seq"
	for _, c := range []struct {
		what, ddl, rows string
		table           sqlstore.TableLayout
		code, want      string
	}{
		{"null", "topic, part, off", "('t', 3, NULL)", txn, "layout-damaged", `table txn_offsets, row topic "t", part "3": the offset is null`},
		{"negative", "topic, part, off", "('t', 3, -5)", txn, "layout-damaged", `row topic "t", part "3": the offset -5 is negative`},
		{"text", "topic, part, off", "('t', 3, 'five')", txn, "layout-damaged", `the offset "five" is no integer`},
		{"a fraction", "topic, part, off", "('t', 3, 5.5)", txn, "layout-damaged", `the offset "5.5" is no integer`},
		{"too large", "topic, part, off", "('t', 3, '9223372036854775808')", txn, "layout-damaged", "does not fit into 64 bits"},
		{"no topic", "topic, part, off", "(NULL, 3, 5)", txn, "layout-damaged", `row topic null, part "3": the topic is null`},
		{"an empty topic", "topic, part, off", "('', 3, 5)", txn, "layout-damaged", "the topic is empty"},
		{"no partition", "topic, part, off", "('t', NULL, 5)", txn, "layout-damaged", "the partition is null"},
		{"a partition of 33 bits", "topic, part, off", "('t', 4294967296, 5)", txn, "layout-damaged", `"4294967296" is no partition`},
		{"twice", "topic, part, off", "('t', 3, 5), ('t', 3, 5)", txn, "layout-damaged", "t:3 stands there twice, with 5 and with 5"},
		{"two that are the last", "topic, part, off, seq", "('t', 3, 5, 9), ('t', 3, 6, 9)", latest, "layout-damaged", "stands there twice"},
		{"two groups", "consumer_group, topic, partition, last_processed_offset", "('b', 't', 3, 5), ('a', 't', 3, 5)", journal, "choice-needed", "2 groups: a, b"},
		{"no table", "", "", preset(t, "kafka_offset"), "table-not-found", "no such table: kafka_offset"},
		{"no column", "topic, part, offs", "('t', 3, 5)", txn, "column-missing", "no such column: off"},
		{"a filter that is no SQL", "topic, part, off", "('t', 3, 5)", sqlstore.TableLayout{Table: "txn_offsets", Topic: "topic", Partition: "part", Offset: "off", Where: "off >"}, "sql-refused", "syntax error"},
		{"a filter that would end the statement", "topic, part, off", "('t', 3, 5)", sqlstore.TableLayout{Table: "txn_offsets", Topic: "topic", Partition: "part", Offset: "off", Where: "1=1); DELETE FROM txn_offsets; SELECT (1"}, "sql-refused", "it ends the statement"},
	} {
		t.Run(c.what, func(t *testing.T) {
			statements := []string{"CREATE TABLE x (y)"}
			if c.ddl != "" {
				name := c.table.Table
				statements = append(statements, "CREATE TABLE "+name+" ("+c.ddl+")", "INSERT INTO "+name+" VALUES "+c.rows)
			}
			f, err := readTable(t, c.table, statements...)
			var fault *fencepost.UserError
			if !errors.As(err, &fault) || fault.Code != c.code || !strings.Contains(err.Error(), c.want) || fault.Help == "" {
				t.Errorf("%s, %v; want %s with %q and a remedy", told(f), err, c.code, c.want)
			}
		})
	}
}

// To look at a file that is not there makes none, and to look at one changes nothing.
func TestLayoutLooksOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.db")
	l, err := OpenLayout(t.Context(), path, preset(t, "txn_offsets"))
	if err != nil {
		t.Fatal(err)
	}
	var fault *fencepost.UserError
	if _, err := l.Foreign(t.Context()); !errors.As(err, &fault) || fault.Code != "file-not-found" {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the look made it: %v", err)
	}
	execute(t, path, "CREATE TABLE txn_offsets (topic, part, off)")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Foreign(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the look changed the file: %v", err)
	}
}
