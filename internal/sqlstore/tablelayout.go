package sqlstore

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
)

// TableLayout says where a SQL table of another program keeps its offsets. There is no standard: one name of a table
// was seen with four orders of columns. What the numbers mean is not part of it: see foreign.Meaning.
//
// A column is its name, which is quoted, or an SQL expression in parentheses, which is used unchanged:
// ("until" + 1), ('orders') for a table of one topic. Where is the user's own SQL too. All of it runs in a transaction
// that may only read.
type TableLayout struct {
	Table     string // NAME or SCHEMA.NAME
	Topic     string // column; with Partition
	Partition string // column
	// TopicPartition, instead of Topic and Partition: a column that holds both, as orders-eu-3. It is split at the last
	// Separator, since topics hold the same characters.
	TopicPartition string
	Separator      string
	Offset         string // column: the number, or the second one of two
	From           string // column: the first one of two. Empty: the table keeps one
	GroupColumn    string // column. Empty: the table is one group's
	// Group, with GroupColumn: only its rows. Empty: the table must hold one group only.
	Group fencepost.Group
	Where string // SQL condition on rows. Empty: all
	// Latest, for a history that is only appended to: the column whose greatest value marks the row that counts, for
	// each group, topic and partition. Empty: a partition has one row.
	Latest string
}

// presets are tables that programs in the open are known to make.
var presets = []struct {
	name   string
	layout TableLayout
}{
	{"txn_offsets", TableLayout{Topic: "topic", Partition: "part", Offset: "off"}},
	{"streaming_offset", TableLayout{Topic: "topic", GroupColumn: "groupid", Partition: "partitions", Offset: "offset"}},
	{"offset_2020", TableLayout{GroupColumn: "group_id", Topic: "topic", Partition: "partition_id", Offset: "topic_offset"}},
	{"kafka_offset", TableLayout{Topic: "topic", Partition: "partition", Offset: "offset"}},
	{"kafka_offset_journal", TableLayout{GroupColumn: "consumer_group", Topic: "topic", Partition: "partition", Offset: "last_processed_offset"}},
	{"SilverbackKafkaOffsets", TableLayout{GroupColumn: "GroupId", Topic: "Topic", Partition: "Partition", Offset: "Offset"}},
}

// Preset is the layout of a table by the name that its program gives it; ok is false for a name that is not known.
func Preset(name string) (t TableLayout, ok bool) {
	for _, p := range presets {
		if p.name == name {
			p.layout.Table = name
			return p.layout, true
		}
	}
	return TableLayout{}, false
}

// Presets lists the names that [Preset] knows.
func Presets() (names []string) {
	for _, p := range presets {
		names = append(names, p.name)
	}
	return names
}

// TableKeys lists the keys of a URL that [TableLayout.Set] takes.
func TableKeys() []string { return slices.Sorted(maps.Keys((&TableLayout{}).fields())) }

// fields are the words of a URL for a TableLayout.
func (t *TableLayout) fields() map[string]*string {
	return map[string]*string{"table": &t.Table, "topic": &t.Topic, "partition": &t.Partition, "topic_partition": &t.TopicPartition,
		"separator": &t.Separator, "offset": &t.Offset, "from": &t.From, "group_column": &t.GroupColumn, "group": (*string)(&t.Group),
		"where": &t.Where, "latest": &t.Latest}
}

// Set fills the field that a URL calls key: table, topic, partition, topic_partition, separator, offset, from,
// group_column, group, where, latest. ok is false for any other key.
func (t *TableLayout) Set(key, value string) (ok bool) {
	field, ok := t.fields()[key]
	if ok {
		*field = value
	}
	return ok
}

// Validate joins all that is missing from a layout, or contradicts itself in it, with the words of a URL.
//
// Errors: *fencepost.UserError layout-incomplete.
func (t TableLayout) Validate() error {
	var errs []error
	miss := func(bad bool, text string) {
		if bad {
			errs = append(errs, errors.New(text))
		}
	}
	miss(t.Table == "", "table: which one?")
	_, err := ParseName(t.Table)
	miss(t.Table != "" && err != nil, "table: neither NAME nor SCHEMA.NAME")
	miss(t.Offset == "", "offset: which column holds the number?")
	if t.TopicPartition != "" {
		miss(t.Topic != "" || t.Partition != "", "topic_partition holds both: leave topic and partition out")
		miss(t.Separator == "", "separator: what stands between topic and partition?")
	} else {
		miss(t.Separator != "", "separator is for topic_partition")
		miss(t.Topic == "", "topic: which column? ('orders') for a table of one topic")
		miss(t.Partition == "", "partition: which column?")
	}
	miss(t.Group != "" && t.GroupColumn == "", "group without group_column: which column holds it?")
	for key, field := range t.fields() {
		miss(strings.ContainsRune(*field, 0), key+" holds a NUL byte")
	}
	if len(errs) == 0 {
		return nil
	}
	slices.SortStableFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return &fencepost.UserError{Code: "layout-incomplete", Exit: 2, Err: fmt.Errorf("the table's layout: %w", joined(errs)),
		Help: "?table=NAME&topic=COLUMN&partition=COLUMN&offset=COLUMN; or layout=" + strings.Join(Presets(), "|")}
}

// joined is errors on one line.
func joined(errs []error) error {
	texts := make([]string, len(errs))
	for i, e := range errs {
		texts[i] = e.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}

// column is a column as SQL.
func (d Spelling) column(c string) string {
	if strings.HasPrefix(c, "(") && strings.HasSuffix(c, ")") {
		return c
	}
	return d.Ident(c)
}

// columns are the expressions of a row: group, topic, partition, offset, from. An empty one is not there.
func (t TableLayout) columns(d Spelling) [5]string {
	list := [5]string{t.GroupColumn, t.Topic, t.Partition, t.Offset, t.From}
	if t.TopicPartition != "" {
		list[1], list[2] = t.TopicPartition, ""
	}
	for i, c := range list {
		if c != "" {
			list[i] = d.column(c)
		}
	}
	return list
}

// mostRows is how many partitions a table may hold. More rows are a history, which would not fit into memory.
const mostRows = 1_000_000

// Query is the SELECT whose rows [TableLayout.Foreign] reads: five columns of text each, group, topic (or topic and
// partition together), partition, offset, from; null where the layout has no such column. REQUIRES: a valid layout.
func (t TableLayout) Query(d Spelling) string {
	columns := t.columns(d)
	var selected, key []string
	for i, c := range columns {
		if c == "" {
			selected = append(selected, fmt.Sprintf("NULL AS c%d", i))
			continue
		}
		selected = append(selected, fmt.Sprintf("%s AS c%d", d.Text(c), i))
		if i < 3 {
			key = append(key, d.Text(c))
		}
	}
	if t.Latest != "" {
		// rank, not row_number: of two rows that are both the last, neither is chosen. Databases differ in where null
		// sorts.
		latest := d.column(t.Latest)
		selected = append(selected, fmt.Sprintf("rank() OVER (PARTITION BY %s ORDER BY CASE WHEN %s IS NULL THEN 1 ELSE 0 END, %s DESC) AS latest",
			strings.Join(key, ", "), latest, latest))
	}
	q := "SELECT " + strings.Join(selected, ", ") + " FROM " + Qualified(t.Table, d.Ident)
	var conditions []string
	if t.Where != "" {
		conditions = append(conditions, "("+t.Where+"\n)") // the line end closes a comment
	}
	if t.Group != "" {
		conditions = append(conditions, d.Text(columns[0])+" = "+d.Text(d.Literal(string(t.Group))))
	}
	if len(conditions) > 0 {
		q += " WHERE " + strings.Join(conditions, " AND ")
	}
	if t.Latest != "" {
		q = "SELECT c0, c1, c2, c3, c4 FROM (" + q + ") AS history WHERE latest = 1"
	}
	return fmt.Sprintf("%s LIMIT %d", q, mostRows+1)
}

// Probe is a SELECT without rows whose one column has the type of the offset's. REQUIRES: a valid layout.
func (t TableLayout) Probe(d Spelling) string {
	return "SELECT " + d.column(t.Offset) + " AS o FROM " + Qualified(t.Table, d.Ident) + " LIMIT 0"
}

// Narrow is the note about an offset column whose integers have 32 bits.
func (t TableLayout) Narrow() string {
	return fmt.Sprintf("column %s of %s is a 32-bit INTEGER: it holds offsets only up to 2147483647", t.Offset, t.Table)
}
