package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// target is a table as information_schema describes it.
type target struct {
	name    string // as SQL, with its database
	columns []targetColumn
	unique  []index
	engine  string
	atomic  bool // its engine has transactions
}

type targetColumn struct {
	name      string
	typ       string // varchar
	sql       string // varchar(20) character set utf8mb4 collate utf8mb4_general_ci
	notNull   bool
	fallback  bool // has a default, or counts by itself
	counts    bool // auto_increment
	generated bool // can not be written
}

type index struct {
	name    string
	columns []string
	prefix  bool // of a part of a value
}

func (t *target) column(name string) *targetColumn {
	i := slices.IndexFunc(t.columns, func(c targetColumn) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return &t.columns[i]
}

const targetSQL = `select t.engine, coalesce(e.transactions, 'NO') from information_schema.tables t left join information_schema.engines e on e.engine = t.engine
  where t.table_schema = @schema and t.table_name = @table;
select column_name, data_type, column_type, is_nullable = 'NO', column_default is not null, extra like '%auto_increment%',
  coalesce(generation_expression, '') <> '', character_set_name, collation_name
  from information_schema.columns where table_schema = @schema and table_name = @table order by ordinal_position;
select index_name, column_name, sub_part is not null from information_schema.statistics
  where table_schema = @schema and table_name = @table and non_unique = 0 order by index_name, seq_in_index`

// readTarget asks about the Config's table.
func readTarget(ctx context.Context, s *session, c Config) (*target, error) {
	schema, table := c.place(s.config.DBName)
	res, err := s.exec(ctx, fill(targetSQL, "@schema", quote(schema), "@table", quote(table)))
	if err != nil {
		s.rollback(ctx, err)
		return nil, s.edge(ctx, err)
	}
	if len(res[0]) == 0 {
		return nil, &fencepost.Fault{Code: "table-not-found", Help: ddlHelp,
			Err: fmt.Errorf("database %s has no table %s, or this user has no right on it", schema, table)}
	}
	isTrue := func(b []byte) bool { return string(b) == "1" }
	t := &target{name: ident(schema) + "." + ident(table), engine: string(res[0][0][0]), atomic: string(res[0][0][1]) == "YES"}
	for _, r := range res[1] {
		col := targetColumn{name: string(r[0]), typ: strings.ToLower(string(r[1])), sql: string(r[2]), notNull: isTrue(r[3]),
			fallback: isTrue(r[4]) || isTrue(r[5]), counts: isTrue(r[5]), generated: isTrue(r[6])}
		if r[7] != nil && col.typ != "json" {
			col.sql += " character set " + string(r[7]) + " collate " + string(r[8])
		}
		t.columns = append(t.columns, col)
	}
	for _, r := range res[2] {
		if n := len(t.unique); n == 0 || t.unique[n-1].name != string(r[0]) {
			t.unique = append(t.unique, index{name: string(r[0])})
		}
		last := &t.unique[len(t.unique)-1]
		last.columns, last.prefix = append(last.columns, string(r[1])), last.prefix || isTrue(r[2])
	}
	return t, nil
}

// misfit is why a batch can not go into a table.
type misfit struct {
	code, text, help string
	column           string // of the schema; empty: not about one
}

// fault is the misfit as an error. A caller that looks for *sink.Rejected finds it.
func (m misfit) fault() error {
	return &fencepost.Fault{Code: m.code, Help: m.help, Err: &sink.Rejected{Reason: m.text, Hint: m.help}}
}

// faults compares the columns of a schema with the table.
func (t *target) faults(c Config, columns []fencepost.ColumnSpec) (bad []misfit) {
	if !t.atomic {
		bad = append(bad, misfit{code: "table-not-transactional", text: fmt.Sprintf("table %s is of engine %s, which has no transactions: rows and moves would part", c.Table, t.engine),
			help: fmt.Sprintf("ALTER TABLE %s ENGINE=InnoDB;", c.Table)})
	}
	for _, spec := range columns {
		col := t.column(spec.Name)
		if col == nil {
			sql, _ := natural(spec.Type)
			bad = append(bad, misfit{"column-missing", fmt.Sprintf("table %s has no column %s", c.Table, spec.Name),
				fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s;   or drop it from schema", c.Table, plain(spec.Name), sql), spec.Name})
			continue
		}
		if m := t.misfit(c, spec, col); m.code != "" {
			bad = append(bad, m)
		}
	}
	for _, m := range fencepost.MetaColumns() {
		if col := t.column(m.Name); col != nil {
			if f := t.misfit(c, m, col); f.code != "" {
				f.column = ""
				bad = append(bad, f)
			}
		}
	}
	filled := func(name string) bool {
		return slices.ContainsFunc(slices.Concat(columns, fencepost.MetaColumns()), func(s fencepost.ColumnSpec) bool { return s.Name == name })
	}
	for _, col := range t.columns {
		if col.notNull && !col.fallback && !col.generated && !filled(col.name) {
			bad = append(bad, misfit{code: "column-unfilled",
				text: fmt.Sprintf("table %s wants a value in column %s (not null, no default), and the schema has none", c.Table, col.name),
				help: fmt.Sprintf("add %s to schema; or ALTER TABLE %s ALTER COLUMN %s SET DEFAULT ...", col.name, c.Table, plain(col.name))})
		}
	}
	return append(bad, t.keyFaults(c, filled)...)
}

// misfit compares one column of the schema with the table's column of that name.
func (t *target) misfit(c Config, spec fencepost.ColumnSpec, col *targetColumn) misfit {
	switch _, ok := pairOf(spec.Type, col.typ); {
	case col.generated:
		return misfit{"column-type", fmt.Sprintf("column %s of table %s is generated: it can not be written", spec.Name, c.Table),
			"drop it from schema", spec.Name}
	case !ok:
		return misfit{"column-type", fmt.Sprintf("column %s is %s, and %s in table %s does not take that", spec.Name, spec.Type, col.typ, c.Table),
			fmt.Sprintf("%s goes into %s", spec.Type, strings.Join(fitting(spec.Type), ", ")), spec.Name}
	}
	return misfit{}
}

// keyFaults looks at the Config's Key. ON DUPLICATE KEY UPDATE replaces the row that it meets in any unique index, so
// that a second one would let a row replace another one that has nothing to do with its key.
func (t *target) keyFaults(c Config, filled func(string) bool) (bad []misfit) {
	if len(c.Key) == 0 {
		return nil
	}
	for _, k := range c.Key {
		if t.column(k) == nil || !filled(k) {
			bad = append(bad, misfit{code: "key-unknown", text: fmt.Sprintf("key column %s is not in both schema and table %s", k, c.Table),
				help: "name columns of the schema"})
		}
	}
	if len(bad) > 0 {
		return bad
	}
	want, keyed := slices.Sorted(slices.Values(c.Key)), false
	for _, i := range t.unique {
		switch {
		case !i.prefix && slices.Equal(slices.Sorted(slices.Values(i.columns)), want):
			keyed = true
		case slices.ContainsFunc(i.columns, func(n string) bool { return t.column(n) != nil && t.column(n).counts && !filled(n) }):
			// a number of the server's own never meets another row
		default:
			bad = append(bad, misfit{code: "key-not-unique", text: fmt.Sprintf("table %s has another unique index, on (%s): an upsert would replace rows by that one too", c.Table, strings.Join(i.columns, ", ")),
				help: fmt.Sprintf("ALTER TABLE %s DROP INDEX %s;   or write the upsert as sql", c.Table, ident(i.name))})
		}
	}
	if !keyed {
		bad = append(bad, misfit{code: "key-not-unique", text: fmt.Sprintf("table %s has no unique index on exactly (%s)", c.Table, strings.Join(c.Key, ", ")),
			help: fmt.Sprintf("ALTER TABLE %s ADD UNIQUE INDEX (%s);", c.Table, plains(c.Key))})
	}
	return bad
}
