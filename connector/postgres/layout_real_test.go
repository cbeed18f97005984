//go:build realservers

package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// foreign reads a table of the store.
func (s *store) foreign(t *testing.T, table sqlstore.TableLayout) (foreign.Offsets, error) {
	t.Helper()
	l, err := OpenLayout(t.Context(), s.dsn, table)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Foreign(t.Context())
}

// told is entries and notes as people compare them.
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
	s := newStore(t)
	fixtures := map[string]struct{ ddl, rows, want string }{
		"txn_offsets": {"topic text, part int, off bigint, primary key (topic, part)", "('a-b', 0, 5), ('a-b', 10, 7), ('a.b_c', 2, 1099511627776)",
			"a-b:0=5 a-b:10=7 a.b_c:2=1099511627776"},
		"streaming_offset": {`topic varchar(90), groupid char(20), partitions int, "offset" numeric(20)`, "('t', 'eu:g', 0, 5)", "t:0=5"},
		"offset_2020":      {"group_id text, topic char(9), partition_id smallint, topic_offset text", "('g', 't', 3, ' 9 ')", "t:3=9"},
		"kafka_offset":     {`topic text, partition int, "offset" bigint, updated_at timestamptz`, "('t', 0, 0, now())", "t:0=0"},
		"kafka_offset_journal": {"consumer_group text, topic text, partition int, last_processed_offset bigint, updated_at timestamptz",
			"('g', 't', 0, 41, now())", "t:0=41"},
		"SilverbackKafkaOffsets": {`"GroupId" text, "Topic" text, "Partition" int, "Offset" int`, "('g', 't', 0, 5)",
			"t:0=5 column Offset of SilverbackKafkaOffsets is a 32-bit INTEGER: it holds offsets only up to 2147483647"},
	}
	for _, name := range sqlstore.Presets() {
		c, ok := fixtures[name]
		if !ok {
			t.Errorf("preset %s has no fixture", name)
			continue
		}
		s.exec(t, "create table "+ident(name)+" ("+c.ddl+")")
		s.exec(t, "insert into "+ident(name)+" values "+c.rows)
		f, err := s.foreign(t, preset(t, name))
		if err != nil || told(f) != c.want {
			t.Errorf("%s: %s, %v; want %s", name, told(f), err, c.want)
		}
	}
}

// A custom mapping: names that need quotes, both ends of a range, a key of both, a filter, a group, a history.
func TestCustomTable(t *testing.T) {
	table := sqlstore.TableLayout{Table: `other.my "odd" table`, TopicPartition: "the key", Separator: "-", Offset: "hi"}
	s := newStore(t)
	s.exec(t, `create schema other`)
	s.exec(t, `create table other."my ""odd"" table" ("the key" text, lo bigint, hi bigint, who text, seq int)`)
	for _, c := range []struct {
		what, rows, want string
		change           func(*sqlstore.TableLayout)
	}{
		{"split from the right", "('a-1-b-3', 1, 5, 'g', 1)", "a-1-b:3=5", nil},
		{"both ends", "('a-3', 1, 5, 'g', 1)", "a:3=1|5", func(l *sqlstore.TableLayout) { l.From = "lo" }},
		{"an expression", "('a-3', 1, 5, 'g', 1)", "a:3=6", func(l *sqlstore.TableLayout) { l.Offset = "(hi + 1)" }},
		{"one topic", "('a-3', 1, 5, 'g', 7)", "o'clock:7=5", func(l *sqlstore.TableLayout) {
			l.TopicPartition, l.Separator, l.Topic, l.Partition = "", "", "('o''clock')", "seq"
		}},
		{"a filter", "('a-3', 1, 5, 'g', 1), ('a-3', 1, 6, 'g', 2)", "a:3=6", func(l *sqlstore.TableLayout) { l.Where = "seq = 2 or seq = 3 -- not 1" }},
		{"a group of two", "('a-3', 1, 5, 'G', 1), ('a-3', 1, 6, 'it''s:me', 2)", "a:3=6", func(l *sqlstore.TableLayout) { l.GroupColumn, l.Group = "who", "it's:me" }},
		{"a history", "('a-3', 1, 9, 'g', 1), ('a-3', 1, 6, 'g', 2), ('A-3', 1, 5, 'g', 1), ('a-3', 1, 7, 'g', null)", "A:3=5 a:3=6",
			func(l *sqlstore.TableLayout) { l.Latest = "seq" }},
		{"an empty table", "", `table other.my "odd" table has no such row`, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			s.exec(t, `truncate other."my ""odd"" table"`)
			if c.rows != "" {
				s.exec(t, `insert into other."my ""odd"" table" values `+c.rows)
			}
			l := table
			if c.change != nil {
				c.change(&l)
			}
			f, err := s.foreign(t, l)
			if err != nil || told(f) != c.want {
				t.Errorf("%s, %v; want %s", told(f), err, c.want)
			}
		})
	}
}

// What cannot be an offset is refused, and the row is named; a filter can neither write nor end the transaction.
func TestDamagedTable(t *testing.T) {
	txn := preset(t, "txn_offsets")
	where := func(w string) sqlstore.TableLayout { l := txn; l.Where = w; return l }
	latest := txn
	latest.Latest = "seq"
	s := newStore(t)
	s.exec(t, "create table txn_offsets (topic text, part text, off text, seq int)")
	s.exec(t, "create function grow() returns boolean language sql as $$ insert into txn_offsets values ('x', '1', '1', 1); select true $$")
	for _, c := range []struct {
		what, rows string
		table      sqlstore.TableLayout
		code, want string
	}{
		{"null", "('t', '3', null)", txn, "layout-damaged", `table txn_offsets, row topic "t", part "3": the offset is null`},
		{"negative", "('t', '3', '-5')", txn, "layout-damaged", "the offset -5 is negative"},
		{"text", "('t', '3', 'five')", txn, "layout-damaged", `the offset "five" is no integer`},
		{"too large", "('t', '3', '9223372036854775808')", txn, "layout-damaged", "does not fit into 64 bits"},
		{"no topic", "(null, '3', '5')", txn, "layout-damaged", "the topic is null"},
		{"a partition that is none", "('t', 'x', '5')", txn, "layout-damaged", `"x" is no partition`},
		{"twice", "('t', '3', '5'), ('t', '3', '6')", txn, "layout-damaged", "t:3 stands there twice, with 5 and with 6"},
		{"two that are the last", "('t', '3', '5', 9), ('t', '3', '6', 9)", latest, "layout-damaged", "stands there twice"},
		{"no table", "('t', '3', '5')", preset(t, "kafka_offset"), "table-not-found", "kafka_offset"},
		{"no column", "('t', '3', '5')", sqlstore.TableLayout{Table: "txn_offsets", Topic: "topik", Partition: "part", Offset: "off"}, "column-missing", "topik"},
		{"a filter that is no SQL", "('t', '3', '5')", where("off >"), "sql-refused", "syntax error"},
		{"a filter that divides by zero", "('t', '3', '5')", where("1/(length(off)-1) > 0"), "sql-refused", "division by zero"},
		{"a filter that would end the statement", "('t', '3', '5')", where("true); commit; delete from txn_offsets; select (true"), "sql-refused", "multiple commands"},
		{"a filter that writes", "('t', '3', '5')", where("grow()"), "sql-refused", "read-only"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s.exec(t, "truncate txn_offsets")
			s.exec(t, "insert into txn_offsets values "+c.rows)
			before := one[int](t, s, "select count(*) from txn_offsets")
			f, err := s.foreign(t, c.table)
			var fault *fencepost.UserError
			if !errors.As(err, &fault) || fault.Code != c.code || !strings.Contains(err.Error(), c.want) || fault.Help == "" {
				t.Errorf("%s, %v; want %s with %q and a remedy", told(f), err, c.code, c.want)
			}
			if after := one[int](t, s, "select count(*) from txn_offsets"); after != before {
				t.Errorf("the look left %d rows of %d", after, before)
			}
		})
	}
}
