package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

// table is a table as SQLite describes it.
type table struct {
	name    string
	strict  bool
	columns []tableColumn
}

// tableColumn is one column of a table; generated columns are none.
type tableColumn struct {
	name       string
	notNull    bool
	hasDefault bool
	rowid      bool // INTEGER PRIMARY KEY: SQLite fills it
	declared   string
	key        bool // of the primary key
}

// table reads the columns of a table. Errors: a *fencepost.UserError if there is none.
func (c *conn) table(name string) (*table, error) {
	st, err := c.stmt(`SELECT name, "notnull", dflt_value IS NOT NULL, pk = 1 AND upper(type) = 'INTEGER', type, pk > 0,
  EXISTS (SELECT 1 FROM pragma_table_list WHERE schema = 'main' AND lower(name) = lower(?1) AND strict) FROM pragma_table_info(?1, 'main')`)
	if err != nil {
		return nil, fmt.Errorf("read columns of table %s: %w", name, err)
	}
	defer st.Reset()
	st.BindText(1, name)
	t := &table{name: name}
	for {
		has, err := st.Step()
		if err != nil {
			return nil, fmt.Errorf("read columns of table %s: %w", name, err)
		}
		if !has {
			break
		}
		t.columns = append(t.columns, tableColumn{name: st.ColumnText(0), notNull: st.ColumnBool(1), hasDefault: st.ColumnBool(2),
			rowid: st.ColumnBool(3), declared: st.ColumnText(4), key: st.ColumnBool(5)})
		t.strict = st.ColumnBool(6)
	}
	if len(t.columns) == 0 {
		return nil, noTable(c.path, name)
	}
	return t, nil
}

// noTable is the UserError of a table that does not exist.
func noTable(path, name string) *fencepost.UserError {
	return &fencepost.UserError{Code: "table-not-found", Err: fmt.Errorf("database %s has no table %s", filepath.Base(path), name),
		Help: "fencepost ddl FILE | sqlite3 " + path}
}

// column finds a column as SQLite does, without case; nil if there is none.
func (t *table) column(name string) *tableColumn {
	i := slices.IndexFunc(t.columns, func(c tableColumn) bool { return strings.EqualFold(c.name, name) })
	if i < 0 {
		return nil
	}
	return &t.columns[i]
}

// missing is those of the columns that the table does not have.
func (t *table) missing(columns []fencepost.ColumnSpec) (missing []fencepost.ColumnSpec) {
	for _, col := range columns {
		if t.column(col.Name) == nil {
			missing = append(missing, col)
		}
	}
	return missing
}

// collated is a column of a key with the collation that its unique index compares by.
type collated struct{ column, collation string }

// merged lists the columns of the key that a unique index over exactly them compares by another collation than BINARY.
// keyed: there is such an index, or the key is the rowid.
func (c *conn) merged(t *table, key []string) (list []collated, keyed bool, err error) {
	if len(key) == 0 {
		return nil, false, nil
	}
	if col := t.column(key[0]); len(key) == 1 && col != nil && col.rowid {
		return nil, true, nil
	}
	indexes, err := c.uniqueOver(t, key)
	if err != nil {
		return nil, false, err
	}
	for _, col := range slices.Concat(indexes...) {
		if !strings.EqualFold(col.collation, "BINARY") && !slices.Contains(list, col) {
			list = append(list, col)
		}
	}
	slices.SortFunc(list, func(a, b collated) int { return strings.Compare(a.column+a.collation, b.column+b.collation) })
	return list, len(indexes) > 0, nil
}

// uniqueOver lists the unique indexes on exactly the columns of the key, in the order in which SQLite looks at them.
func (c *conn) uniqueOver(t *table, key []string) (indexes [][]collated, err error) {
	st, err := c.stmt(`SELECT l.name, x.name, x.coll FROM pragma_index_list(?1, 'main') l, pragma_index_xinfo(l.name, 'main') x
  WHERE l."unique" AND x.key ORDER BY l.seq, x.seqno`)
	if err != nil {
		return nil, fmt.Errorf("read indexes of table %s: %w", t.name, err)
	}
	defer st.Reset()
	st.BindText(1, t.name)
	last := ""
	for {
		has, err := st.Step()
		if err != nil {
			return nil, fmt.Errorf("read indexes of table %s: %w", t.name, err)
		}
		if !has {
			break
		}
		if name := st.ColumnText(0); name != last || len(indexes) == 0 {
			last, indexes = name, append(indexes, nil)
		}
		at := &indexes[len(indexes)-1]
		*at = append(*at, collated{st.ColumnText(1), st.ColumnText(2)})
	}
	return slices.DeleteFunc(indexes, func(index []collated) bool {
		isKey := func(k string) bool {
			return slices.ContainsFunc(index, func(c collated) bool { return strings.EqualFold(c.column, k) })
		}
		return len(index) != len(key) || slices.ContainsFunc(key, func(k string) bool { return !isKey(k) })
	}), nil
}

// nullable lists the columns of the key that take a null, which no other null is equal to. The rowid takes one as well:
// SQLite then counts a new one.
func (t *table) nullable(key []string) (list []string) {
	for _, k := range key {
		if c := t.column(k); c != nil && !c.notNull {
			list = append(list, k)
		}
	}
	return list
}

// idle is the columns that a batch of these columns does not fill.
func (t *table) idle(columns []fencepost.ColumnSpec) (idle []tableColumn) {
	for _, tc := range t.columns {
		fills := func(col fencepost.ColumnSpec) bool { return strings.EqualFold(col.Name, tc.name) }
		if !slices.ContainsFunc(columns, fills) && !slices.ContainsFunc(fencepost.MetaColumns(), fills) {
			idle = append(idle, tc)
		}
	}
	return idle
}

// rows is the effect that appends a batch to a table, or upserts it.
type rows struct {
	table   string
	key     []string
	columns []fencepost.ColumnSpec // that insert was made for
	insert  *insert                // nil: not compiled
	schema  string                 // SQLite's count of the file's schema changes, as of the compilation
}

// before compiles the inserts, again if the batch has other columns than the last one.
func (r *rows) before(_ context.Context, c *conn, b *fencepost.Batch) error {
	if r.insert != nil && sqlstore.SameColumns(r.columns, b.Columns) {
		return nil
	}
	return r.compile(c, b)
}

const schemaVersion = "PRAGMA main.schema_version"

// compile makes the inserts of a batch of these columns for the table as it is.
func (r *rows) compile(c *conn, b *fencepost.Batch) (err error) {
	r.forget()
	if r.schema, err = c.text(schemaVersion); err != nil {
		return err
	}
	t, err := c.table(r.table)
	if err != nil {
		return err
	}
	r.columns = sqlstore.Specs(b.Columns)
	if _, err := t.written(r.key, r.columns); err != nil {
		return err
	}
	if missing := t.missing(schemaOf(r.columns)); len(missing) > 0 {
		return &fencepost.UserError{Code: "column-missing", Err: fmt.Errorf("table %s has no column %s", r.table, missing[0].Name),
			Help: addColumn(r.table, missing[0])}
	}
	if bad := t.misfits(r.columns); len(bad) > 0 {
		return bad[0].fault()
	}
	r.insert = newInsert(t, r.key, sourcesOf(t, r.columns))
	return r.insert.keyed(c, t, r.columns)
}

// apply inserts the rows of the batch's segments. Under the lock the table cannot change; before it, its
// columns may have been given other types, which SQLite's prepared statements follow without an error.
func (r *rows) apply(_ context.Context, c *conn, b *fencepost.Batch) error {
	now, err := c.text(schemaVersion)
	if err == nil && now != r.schema {
		err = r.compile(c, b)
	}
	if err != nil {
		return err
	}
	err = r.insert.fill(c, b)
	if err != nil && refusesRows(err) {
		err = rejected(r.table, err)
	}
	return sink.Name(err, sink.RowOf(b, r.insert.bad))
}

func (r *rows) forget() {
	if r.insert != nil {
		r.insert.forget()
		r.insert = nil
	}
}

// schemaOf is the columns without metadata.
func schemaOf(columns []fencepost.ColumnSpec) []fencepost.ColumnSpec {
	return slices.DeleteFunc(slices.Clone(columns), func(c fencepost.ColumnSpec) bool { return strings.HasPrefix(c.Name, "_") })
}

// sourcesOf says where a batch's values come from for each column of the table that a batch fills.
func sourcesOf(t *table, columns []fencepost.ColumnSpec) []source {
	var sources []source
	for i, col := range columns {
		if tc := t.column(col.Name); tc != nil {
			sources = append(sources, source{name: tc.name, from: sqlstore.FromColumn, column: i, left: col.Default, partial: col.Partial})
		}
	}
	for _, m := range fencepost.MetaColumns() {
		if tc := t.column(m.Name); tc != nil && sqlstore.SourceOf(m.Name) != sqlstore.FromColumn {
			sources = append(sources, source{name: tc.name, from: sqlstore.SourceOf(m.Name)})
		}
	}
	return sources
}

// newInsert makes the statement's text for a table.
func newInsert(t *table, key []string, sources []source) *insert {
	tail := ""
	if len(key) > 0 {
		var set []string
		for _, s := range sources {
			if !slices.ContainsFunc(key, func(k string) bool { return strings.EqualFold(k, s.name) }) {
				set = append(set, fmt.Sprintf("%s = excluded.%s", quote(s.name), quote(s.name)))
			}
		}
		do := "DO NOTHING"
		if len(set) > 0 {
			do = "DO UPDATE SET " + strings.Join(set, ", ")
		}
		tail = fmt.Sprintf(" ON CONFLICT (%s) %s", sqlstore.Join(key, quote), do)
	}
	return &insert{table: t.name, into: "main." + quote(t.name), tail: tail, key: key, sources: sources}
}
