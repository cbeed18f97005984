package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// TargetSQL knows what a database's tables take.
type TargetSQL[S Session] struct {
	// Read asks the catalogue about the job's table. Its errors are those of Errors.Edge.
	Read func(S, context.Context, Job) (*Target, error)
	// Try sends an empty batch of these columns through everything but the compare-and-set and the COMMIT. t is the job's
	// table; nil: it has SQL. ended says how the SQL ended its transaction. Try returns the driver's errors.
	Try func(s S, ctx context.Context, j Job, t *Target, columns []fencepost.ColumnSpec) (ended string, err error)
	// Namesake returns the name of the table of the user's own that SQL may mean by batch, the temporary table that holds a
	// batch's rows; empty: there is none. REQUIRES: an open session. Namesake returns the driver's errors.
	Namesake func(S, context.Context) (table string, err error)
	// Parted returns why what a batch wrote does not share the fate of its moves. detail is that of the outcome.
	Parted func(detail string) Misfit
	// Pairs knows which types go together.
	Pairs interface {
		Takes(from fencepost.Type, to string) bool
		Fitting(from fencepost.Type) []string
	}
	// Narrows returns what a column makes of values that it cannot hold whole, without an error: rounded to 2 places. Empty:
	// it keeps or refuses every value.
	Narrows func(s S, from fencepost.Type, col *Column) string
	// Natural returns the type that DDL gives a column of the schema.
	Natural func(fencepost.Type) string
	// Retype changes the type of a column: @table, @column, @type.
	Retype string
	// Provenance writes _topic, _partition and _offset, whatever their types, as values that sort as a topic, a partition
	// and an offset do.
	Provenance func(S) [3]string
}

// Target is a table as the catalogue describes it.
type Target struct {
	SQL     string // its name as SQL
	Columns []Column
	// Shape stands for all that a plan for this table depends on: the names and types of its columns, and whether rows may be
	// written into it directly. A commit of a plan compares it under the table's lock. Empty: the connector does not compare.
	Shape string
	// Staged: rows always go through a temporary table.
	Staged bool
	// KeyIndex is the name of the unique index by which an upsert by the job's key goes, where the connector's SQL names it; else empty.
	KeyIndex string
	// Open: rules, triggers or partitions decide what a batch writes besides, so that only its transaction shows that.
	Open bool
	// Faults are the reasons why the table cannot take any batch. KeyFaults returns those why it cannot be upserted by the
	// job's key. filled reports whether a batch fills a column. REQUIRES: the table has all columns of the key.
	Faults    []Misfit
	KeyFaults func(filled func(column string) bool) []Misfit
	// NullKeys is what becomes of rows with a null in the job's key, where one of its columns takes it: are appended.
	NullKeys string
	// EqualNulls: rows with the same nulls in the job's key are one key to the table.
	EqualNulls bool
}

// namesake refuses SQL where the database has a table of its own that it may mean by batch.
func (d *Dialect[S]) namesake(ctx context.Context, s S) error {
	if _, err := s.Open(ctx); err != nil {
		return err
	}
	table, err := d.Target.Namesake(s, ctx)
	switch {
	case err != nil:
		return d.failed(ctx, s, err)
	case table == "":
		return nil
	}
	return ambiguous(table)
}

// ambiguous is the refusal of SQL that may mean a table by batch. One of the two hides the other: rows would be read out of
// the wrong table, or written into it.
func ambiguous(table string) error {
	return &fencepost.UserError{Code: "sql-refused", Help: "rename that table, or have the user of dsn work where it is not found by its bare name",
		Err: fmt.Errorf("the SQL's batch can mean table %s: the rows of a batch are in a temporary table of that name", table)}
}

// Column is a column of a table.
type Column struct {
	Name      string
	Type      string // as Pairs has it
	SQL       string // as DDL has it
	Stage     string // the built-in type that a value of it has in a temporary table
	Cast      string // what turns such a value into one of the column, behind it; empty: the assignment does
	Base      string // what makes of a value one of the type that its domain is over, behind it, where the domain has no operators; empty: it has
	Collate   string // what makes such a value compare as the column does, behind it; empty: nothing
	Converts  string // what turns a text of the table batch into such a value in SQL, behind it; empty: the assignment does
	Shown     string // as messages have it
	Unfilled  string // what the server puts into a column that a batch does not fill: default
	Required  bool   // a batch must fill it
	Generated bool   // it cannot be written
	Nullable  bool   // it takes a null
	Default   string // what the server evaluates for a row that leaves it out, as SQL; empty: null
	Unleft    string // why a row cannot leave it out where others fill it; empty: it can
	Merges    string // what its comparison does not tell apart: case, accents; empty: every value is told apart
	Exact     string // the statement after which it tells every value apart
	// Denied is why this user may not leave it to its default. nil: the user may.
	Denied *Misfit
}

// Column finds a column. nil: there is none.
func (t *Target) Column(name string) *Column {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Columns[i]
}

// Has reports whether the table has a column.
func (t *Target) Has(name string) bool { return t.Column(name) != nil }

// notTransactional is the code of a target that does not share the ledger's fate.
const notTransactional = "table-not-transactional"

// Misfit is why a batch cannot go into a table.
type Misfit struct {
	Code, Text, Help string
	Column           string // of the schema; empty: not about one
	Stands           bool   // the batch wrote what no rollback takes back
}

// Fault returns the misfit as an error, in which errors.As finds a *sink.Rejected, so that the batch's partitions park. What
// is committed would be committed once more after each try: there it ends the run.
func (m Misfit) Fault() error {
	if m.Stands {
		return &fencepost.UserError{Code: m.Code, Help: m.Help, Err: errors.New(m.Text)}
	}
	return &fencepost.UserError{Code: m.Code, Help: m.Help, Err: &sink.Rejected{Reason: m.Text, Hint: m.Help}}
}

// filled reports whether a batch of these columns fills a column of the table.
func filled(columns []fencepost.ColumnSpec, name string) bool {
	is := func(s fencepost.ColumnSpec) bool { return s.Name == name }
	return slices.ContainsFunc(columns, is) || slices.ContainsFunc(fencepost.MetaColumns(), is)
}

// unfilled lists the table's columns that a batch does not fill.
func (t *Target) unfilled(columns []fencepost.ColumnSpec) string {
	var names []string
	for _, c := range t.Columns {
		if !filled(columns, c.Name) {
			names = append(names, c.Name+" ("+c.Unfilled+")")
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; not filled: " + strings.Join(names, ", ")
}

// name is the job's table as a person would type it.
func (d *Dialect[S]) name(j Job) string { return Qualified(j.Table, d.Plain) }

// tooLong lists the names of the job and of a schema that are longer than the server takes. It may cut them without an error, and
// never find what it is asked for.
func (d *Dialect[S]) tooLong(j Job, columns []fencepost.ColumnSpec) (bad []Misfit) {
	parts, _ := ParseName(j.Table)
	for _, p := range parts {
		if how := d.TooLong(p); how != "" {
			bad = append(bad, Misfit{Code: "name-too-long", Text: "table " + p + " " + how, Help: "give it a shorter name"})
		}
	}
	for _, c := range columns {
		if how := d.TooLong(c.Name); how != "" {
			bad = append(bad, Misfit{Code: "name-too-long", Column: c.Name, Text: "column " + c.Name + " " + how,
				Help: fmt.Sprintf("give it a shorter name, and say where it is from: {type: %s, from: %s}", c.Type, c.Name)})
		}
	}
	return bad
}

// CheckNames finds the names of a table and of columns that the server does not take. Without a table there are none.
func (d *Dialect[S]) CheckNames(table string, columns []fencepost.ColumnSpec) []fencepost.Finding {
	if table == "" {
		return nil
	}
	if _, err := ParseName(table); err != nil {
		return []fencepost.Finding{{Subject: "database", Key: "table", Code: "bad-value", Text: "table: " + err.Error(), Help: "table: NAME, or SCHEMA.NAME"}}
	}
	return findings(d.tooLong(Job{Table: table}, columns))
}

// NotThere is the error of a table that is not there, with the names of one that may be meant.
func (y System) NotThere(j Job, database string, near []string) error {
	fault := &fencepost.UserError{Code: "table-not-found", Help: y.DDL, Err: fmt.Errorf("database %s has no table %s", database, j.Table)}
	if len(near) > 0 {
		fault.Help = "table: " + Named(near...)
		fault.Err = fmt.Errorf("database %s has no table %s, but it has %s", database, j.Table, strings.Trim(Named(near...), "'"))
	}
	return fault
}

// target reads the job's table, and refuses one that does not take these columns. nil: the job has no table.
func (d *Dialect[S]) target(ctx context.Context, s S, j Job, columns []fencepost.ColumnSpec) (*Target, error) {
	if j.Table == "" {
		return nil, nil
	}
	if bad := d.tooLong(j, columns); len(bad) > 0 {
		return nil, bad[0].Fault()
	}
	t, err := d.Target.Read(s, ctx, j)
	if err != nil {
		return nil, err
	}
	if bad := d.misfits(t, j, columns); len(bad) > 0 {
		return nil, bad[0].Fault()
	}
	return t, nil
}

// misfits compares the columns of a schema with the table.
func (d *Dialect[S]) misfits(t *Target, j Job, columns []fencepost.ColumnSpec) []Misfit {
	bad := slices.Clone(t.Faults)
	for _, spec := range columns {
		col := t.Column(spec.Name)
		switch {
		case col == nil && spec.Name == fencepost.MetaOp:
			bad = append(bad, d.withoutOp(j)...)
			continue
		case col == nil && spec.Name == fencepost.MetaIndex:
			bad = append(bad, Misfit{Code: "column-missing", Text: fmt.Sprintf("table %s has no column %s, by which the rows of an exploded record are told apart", j.Table, spec.Name),
				Help: fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s;", d.name(j), spec.Name, d.Target.Natural(spec.Type))})
			continue
		case col == nil:
			bad = append(bad, Misfit{Code: "column-missing", Column: spec.Name, Text: fmt.Sprintf("table %s has no column %s", j.Table, spec.Name),
				Help: fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s;   or drop it from schema", d.name(j), d.Plain(spec.Name), d.Target.Natural(spec.Type))})
			continue
		}
		bad = append(bad, d.misfit(j, spec, col, spec.Name)...)
	}
	for _, m := range fencepost.MetaColumns() {
		if col := t.Column(m.Name); col != nil {
			bad = append(bad, d.misfit(j, m, col, "")...)
		}
	}
	for _, col := range t.Columns {
		if col.Denied != nil && !filled(columns, col.Name) {
			bad = append(bad, *col.Denied)
		}
		if col.Required && !filled(columns, col.Name) {
			bad = append(bad, Misfit{Code: "column-unfilled",
				Text: fmt.Sprintf("table %s wants a value in column %s (not null, no default), and the schema has none", j.Table, col.Name),
				Help: fmt.Sprintf("add %s to schema; or ALTER TABLE %s ALTER COLUMN %s SET DEFAULT ...", col.Name, d.name(j), d.Plain(col.Name))})
		}
	}
	return append(bad, t.keyMisfits(j, func(name string) bool { return filled(columns, name) })...)
}

// misfit compares one column with the table's column of that name. about is Misfit.Column.
func (d *Dialect[S]) misfit(j Job, spec fencepost.ColumnSpec, col *Column, about string) []Misfit {
	switch {
	case col.Generated:
		return []Misfit{{Code: "column-type", Column: about, Text: fmt.Sprintf("column %s of table %s is generated: it can not be written", spec.Name, j.Table),
			Help: "drop it from schema"}}
	case spec.Default && slices.Contains(j.Key, spec.Name):
		return []Misfit{{Code: "key-unknown", Column: about, Text: fmt.Sprintf("key column %s may be left to the table's default, which is no key of the record", spec.Name),
			Help: "missing: error, or a value"}}
	case spec.Partial && slices.Contains(j.Key, spec.Name):
		return []Misfit{{Code: "key-unknown", Column: about, Text: fmt.Sprintf("key column %s is one that a record may not hold", spec.Name), Help: "name other columns in key"}}
	case spec.Default && col.Unleft != "":
		return []Misfit{{Code: "column-type", Column: about, Text: fmt.Sprintf("column %s of table %s can not be left to its default by some rows: %s", spec.Name, j.Table, col.Unleft),
			Help: "missing: null, or a value; or drop it from schema"}}
	case !d.Target.Pairs.Takes(spec.Type, col.Type):
		return []Misfit{{Code: "column-type", Column: about, Text: fmt.Sprintf("column %s is %s, and %s in table %s does not take that", spec.Name, spec.Type, col.Shown, j.Table),
			Help: fmt.Sprintf("%s%s goes into %s; or let SQL convert it: %s", d.widened(j, spec, col), spec.Type, strings.Join(d.Target.Pairs.Fitting(spec.Type), ", "), d.converted(j, spec, col))}}
	}
	return nil
}

// widened is the statement that makes of a column one that takes the schema's type, where each of its values has one there; else empty.
func (d *Dialect[S]) widened(j Job, spec fencepost.ColumnSpec, col *Column) string {
	number := d.Target.Pairs.Takes(fencepost.Int, col.Type)
	if spec.Type != fencepost.Text && !(number && (spec.Type == fencepost.Float || spec.Type == fencepost.Decimal)) {
		return ""
	}
	return Fill(d.Target.Retype, "@table", d.name(j), "@column", d.Plain(spec.Name), "@type", d.Target.Natural(spec.Type)) + "   "
}

// converted is a line of the file by which SQL makes of a column what its namesake in the table takes.
func (d *Dialect[S]) converted(j Job, spec fencepost.ColumnSpec, col *Column) string {
	name := d.Plain(spec.Name)
	return fmt.Sprintf("sql: INSERT INTO %s (%s) SELECT %s%s FROM batch", j.Table, name, name, col.Converts)
}

// keyMisfits checks the job's Key.
func (t *Target) keyMisfits(j Job, filled func(string) bool) (bad []Misfit) {
	for _, k := range j.Key {
		if !t.Has(k) || !filled(k) {
			bad = append(bad, Misfit{Code: "key-unknown", Text: fmt.Sprintf("key column %s is not in both schema and table %s", k, j.Table),
				Help: "name columns of the schema"})
		}
	}
	if len(j.Key) == 0 || len(bad) > 0 {
		return bad
	}
	return t.KeyFaults(filled)
}

// merges lists the columns of the job's key that take different values for one key. An upsert writes all the same, so that
// only `check` refuses it.
func (d *Dialect[S]) merges(s S, t *Target, j Job, columns []fencepost.ColumnSpec) (bad []Misfit) {
	for _, k := range j.Key {
		col := t.Column(k)
		why := ""
		if col.Merges != "" {
			why = "does not tell apart " + col.Merges
		} else if how := d.narrows(s, columns, col); how != "" {
			why = "is " + how
		}
		if why != "" {
			bad = append(bad, Misfit{Code: "key-merges", Text: fmt.Sprintf("key column %s of table %s %s: rows of different keys become one", k, j.Table, why),
				Help: col.Exact})
		}
	}
	return bad
}

// narrows returns what a column makes of the values of the schema's column of that name.
func (d *Dialect[S]) narrows(s S, columns []fencepost.ColumnSpec, col *Column) string {
	i := slices.IndexFunc(columns, func(c fencepost.ColumnSpec) bool { return c.Name == col.Name })
	if i < 0 {
		return ""
	}
	return d.Target.Narrows(s, columns[i].Type, col)
}

// notes says what the table does to values and rows without an error. REQUIRES: it takes the columns.
func (d *Dialect[S]) notes(s S, t *Target, j Job, columns []fencepost.ColumnSpec) string {
	var b strings.Builder
	all := slices.Concat(columns, fencepost.MetaColumns())
	for i := range t.Columns {
		if how := d.narrows(s, all, &t.Columns[i]); how != "" {
			fmt.Fprintf(&b, "; %s is %s", t.Columns[i].Name, how)
		}
	}
	for _, c := range columns {
		if c.Default && t.Column(c.Name).Default == "" {
			fmt.Fprintf(&b, "; %s has no default: null where it is missing", c.Name)
		}
	}
	var null []string
	for _, k := range j.Key {
		if t.Column(k).Nullable {
			null = append(null, k)
		}
	}
	if len(null) > 0 {
		fmt.Fprintf(&b, "; rows with null in %s %s", strings.Join(null, " or "), t.NullKeys)
	}
	return b.String()
}

// batchNotes says what the temporary table `batch` does to values without an error.
func (d *Dialect[S]) batchNotes(s S, columns []fencepost.ColumnSpec) string {
	var b strings.Builder
	for _, c := range columns {
		sql := d.Target.Natural(c.Type)
		name, _, _ := strings.Cut(sql, "(")
		if how := d.Target.Narrows(s, c.Type, &Column{Type: name, SQL: sql}); how != "" {
			fmt.Fprintf(&b, "; %s is %s", c.Name, how)
		}
	}
	return b.String()
}

// Modifiers returns the numbers in the parentheses of a type: 10 and 2 of decimal(10,2).
func Modifiers(sql string) (list []int) {
	_, inside, _ := strings.Cut(sql, "(")
	inside, _, _ = strings.Cut(inside, ")")
	for word := range strings.SplitSeq(inside, ",") {
		if n, err := strconv.Atoi(strings.TrimSpace(word)); err == nil {
			list = append(list, n)
		}
	}
	return list
}

// Rounded is the note about a number that keeps so many digits behind the point.
func Rounded(places int) string {
	if places == 1 {
		return "rounded to 1 place"
	}
	return fmt.Sprintf("rounded to %d places", places)
}

// Seconds is the note about a time that keeps so many digits of a second. how is rounded, or cut.
func Seconds(how string, digits int) string {
	switch digits {
	case 0:
		return how + " to whole seconds"
	case 3:
		return how + " to milliseconds"
	}
	return fmt.Sprintf("%s to %d digits of a second", how, digits)
}
