package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// index is a unique index.
type index struct {
	name    string
	columns []string
	prefix  bool // of a part of a value
}

const targetSQL = `select coalesce(t.engine, ''), coalesce(e.transactions, 'NO'), coalesce(e.xa, 'NO'), coalesce(v.is_updatable, ''),
  (select count(*) from information_schema.triggers where event_object_schema = @schema and event_object_table = @table)
  from information_schema.tables t left join information_schema.engines e on e.engine = t.engine
  left join information_schema.views v on v.table_schema = t.table_schema and v.table_name = t.table_name
  where t.table_schema = @schema and t.table_name = @table;
select column_name, data_type, column_type, is_nullable = 'NO', column_default is not null, extra like '%auto_increment%',
  coalesce(generation_expression, '') <> '', character_set_name, collation_name, column_default, extra like '%DEFAULT_GENERATED%'
  from information_schema.columns where table_schema = @schema and table_name = @table order by ordinal_position;
select index_name, column_name, sub_part is not null from information_schema.statistics
  where table_schema = @schema and table_name = @table and non_unique = 0 order by index_name, seq_in_index`

// namesakeSQL selects the user's own table that the temporary one hides. Servers that list temporary tables mark them.
const namesakeSQL = `select table_name from information_schema.tables
  where table_schema = @schema and table_name = 'batch' and binary table_name = 'batch' and table_type in ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')`

// namesake is sqlstore.TargetSQL.Namesake.
func (s *session) namesake(ctx context.Context) (table string, err error) {
	res, err := s.Exec(ctx, sqlstore.Fill(namesakeSQL, "@schema", quote(s.config.DBName)))
	if err != nil || len(res[0]) == 0 {
		return "", err
	}
	return s.config.DBName + ".batch", nil
}

// target is sqlstore.TargetSQL.Read.
func (s *session) target(ctx context.Context, j sqlstore.Job) (*sqlstore.Target, error) {
	schema, table := s.tableName(j)
	res, err := s.Exec(ctx, sqlstore.Fill(targetSQL, "@schema", quote(schema), "@table", quote(table)))
	if err != nil {
		s.Rollback(ctx, err)
		return nil, s.edge(ctx, err)
	}
	if len(res[0]) == 0 {
		return nil, s.notThere(ctx, j, schema, table)
	}
	about := res[0][0]
	view := string(about[3])
	t := &sqlstore.Target{SQL: ident(schema) + "." + ident(table), Open: view != "" || string(about[4]) != "0"}
	if m, ok := engineFault(sqlstore.Qualified(j.Table, plain), string(about[0]), string(about[1]), string(about[2])); view == "" && !ok {
		t.Faults = append(t.Faults, m)
	}
	for _, r := range res[1] {
		col := columnOf(r)
		if col.Default = s.defaultOf(r); strings.Contains(col.Default, "`") {
			col.Unleft = "its default is made of other columns"
		}
		if view != "" && col.Default == "" {
			col.Unleft = "the view has none, and its table's is not the view's to give"
		}
		t.Columns = append(t.Columns, col)
	}
	t.Shape = shapeOf(schema, table, j, res[1], res[2])
	unique := indexesOf(res[2])
	for i := range t.Columns {
		s.mend(&t.Columns[i], j)
	}
	t.NullKeys = "are appended"
	t.KeyIndex = keyIndex(j.Key, unique)
	t.KeyFaults = func(filled func(string) bool) []sqlstore.Misfit { return keyFaults(t, j, unique, filled) }
	if view != "" {
		t.KeyFaults = func(func(string) bool) []sqlstore.Misfit { return viewKeyed(j) }
	}
	if view == "NO" {
		t.Faults = append(t.Faults, unwritable(j))
	}
	return t, nil
}

// tableName is the schema and the name of the job's table.
func (s *session) tableName(j sqlstore.Job) (schema, table string) {
	parts, _ := sqlstore.ParseName(j.Table)
	if len(parts) == 2 {
		return parts[0], parts[1]
	}
	return s.config.DBName, parts[0]
}

// nearSQL selects a table of that name in another case, or of a name that is all of what was written.
const nearSQL = `select table_schema, table_name from information_schema.tables where table_schema in (@schema, @database)
  and lower(table_name) in (lower(@table), lower(@whole)) order by table_schema = @schema desc, table_name limit 1`

// notThere is the error of a table that is not there.
func (s *session) notThere(ctx context.Context, j sqlstore.Job, schema, table string) error {
	res, err := s.Exec(ctx, sqlstore.Fill(nearSQL, "@schema", quote(schema), "@database", quote(s.config.DBName), "@table", quote(table), "@whole", quote(j.Table)))
	if err != nil {
		s.Rollback(ctx, err)
		return s.edge(ctx, err)
	}
	if len(res[0]) == 0 {
		return &fencepost.UserError{Code: "table-not-found", Help: ddlHelp,
			Err: fmt.Errorf("database %s has no table %s, or this user has no right on it", schema, table)}
	}
	return system.NotThere(j, schema, []string{string(res[0][0][0]), string(res[0][0][1])})
}

// viewKeyed is the refusal of an upsert through a view: which index of which table would decide, the view does not say.
func viewKeyed(j sqlstore.Job) []sqlstore.Misfit {
	return []sqlstore.Misfit{{Code: "key-not-unique", Text: fmt.Sprintf("%s is a view, which has no unique index", j.Table),
		Help: "name the table behind it in table; or write the upsert as sql"}}
}

// unwritable is the refusal of a view that takes no rows.
func unwritable(j sqlstore.Job) sqlstore.Misfit {
	return sqlstore.Misfit{Code: "table-not-writable", Text: fmt.Sprintf("view %s takes no rows: the server can not tell which ones of its tables they are for", j.Table),
		Help: "name the table behind it in table; or write into its tables by sql"}
}

// columnsSQL and uniqueSQL count the columns and the parts of unique indexes that a table has, and those of them that are
// listed.
const (
	columnsSQL = `(select concat(count(*), ' ', coalesce(sum((column_name, column_type, coalesce(collation_name, ''), coalesce(column_default, '')) in (@listed)), 0))
  from information_schema.columns where table_schema = @schema and table_name = @table)`
	uniqueSQL = `(select concat(count(*), ' ', coalesce(sum((index_name, column_name, sub_part is not null) in (@listed)), 0))
  from information_schema.statistics where table_schema = @schema and table_name = @table and non_unique = 0)`
)

// shapeOf is sqlstore.Target.Shape: a condition that holds where the table has other columns, or columns of other types, than
// it had, or, for an upsert, other unique indexes. columns and unique are the rows of targetSQL.
func shapeOf(schema, table string, j sqlstore.Job, columns, unique sqlstore.Rows) string {
	same := func(count string, rows sqlstore.Rows, parts ...int) string {
		listed := make([]string, len(rows))
		for i, r := range rows {
			texts := make([]string, len(parts))
			for k, p := range parts {
				texts[k] = quote(string(r[p]))
			}
			listed[i] = "(" + strings.Join(texts, ", ") + ")"
		}
		all := itoa(int64(len(rows)))
		return sqlstore.Fill(count, "@schema", quote(schema), "@table", quote(table), "@listed", strings.Join(listed, ", ")) + " <> '" + all + " " + all + "'"
	}
	shape := same(columnsSQL, columns, 0, 2, 8, 9)
	if len(j.Key) > 0 && len(unique) > 0 {
		shape += " or " + same(uniqueSQL, unique, 0, 1, 2)
	}
	return shape
}

func isTrue(b []byte) bool { return string(b) == "1" }

// counted is what the server puts into an AUTO_INCREMENT column.
const counted = "auto_increment"

// columnOf reads a row of the second select of targetSQL.
func columnOf(r [][]byte) sqlstore.Column {
	col := sqlstore.Column{Name: string(r[0]), Type: strings.ToLower(string(r[1])), SQL: string(r[2]), Generated: isTrue(r[6]), Unfilled: "null or default"}
	notNull, fallback, counts := isTrue(r[3]), isTrue(r[4]), isTrue(r[5])
	switch {
	case col.Generated:
		col.Unfilled = "generated"
	case counts:
		col.Unfilled = counted
	case notNull:
		col.Unfilled, col.Required = "default", !fallback
	}
	if col.Nullable = !notNull; counts {
		col.Unleft = "the server counts it"
	}
	if col.Shown = col.Type; r[7] != nil && col.Type != "json" {
		col.Merges = mergedBy(string(r[8]))
		col.SQL += " character set " + string(r[7]) + " collate " + string(r[8])
	}
	return col
}

// defaultOf is the default of a column as SQL. MariaDB shows it so; MySQL shows the text of a literal, and says where it is an
// expression.
func (s *session) defaultOf(r [][]byte) string {
	switch text := string(r[9]); {
	case r[9] == nil, s.server.mariadb && text == "NULL":
		return ""
	case s.server.mariadb, isTrue(r[10]), strings.HasPrefix(text, "b'"):
		return text
	default:
		return quote(text)
	}
}

// mergedBy returns what a collation does not tell apart. Only binary ones without padding tell all strings apart: the others
// pass over characters without a weight, and most of them pad with blanks.
func mergedBy(collation string) string {
	switch {
	case collation == "binary", strings.HasSuffix(collation, "_nopad_bin"), strings.HasSuffix(collation, "_0900_bin"):
		return ""
	case strings.HasSuffix(collation, "_bin"):
		return "trailing blanks (" + collation + ")"
	}
	return "what its collation " + collation + " takes for equal (case, accents, trailing blanks)"
}

// mend sets Column.Exact.
func (s *session) mend(col *sqlstore.Column, j sqlstore.Job) {
	sql := ""
	switch {
	case col.Merges != "":
		sql, _, _ = strings.Cut(col.SQL, " character set ")
		sql += " CHARACTER SET utf8mb4 COLLATE " + s.server.names()
	case col.Type == "datetime" || col.Type == "timestamp":
		sql = col.Type + "(6)"
	case col.Type == "date":
		sql = "datetime(6)"
	case col.Type == "float":
		sql = "double"
	case col.Type == "decimal":
		sql, _ = natural(fencepost.Decimal)
	default:
		return
	}
	if !col.Nullable {
		sql += " NOT NULL"
	}
	col.Exact = fmt.Sprintf("ALTER TABLE %s MODIFY %s %s;", sqlstore.Qualified(j.Table, plain), plain(col.Name), sql)
}

// indexesOf reads the third select of targetSQL.
func indexesOf(rows sqlstore.Rows) (list []index) {
	for _, r := range rows {
		if n := len(list); n == 0 || list[n-1].name != string(r[0]) {
			list = append(list, index{name: string(r[0])})
		}
		last := &list[len(list)-1]
		last.columns, last.prefix = append(last.columns, string(r[1])), last.prefix || isTrue(r[2])
	}
	return list
}

// keyIndex is the name of the first unique index on exactly the key; empty: there is none.
func keyIndex(key []string, unique []index) string {
	i := slices.IndexFunc(unique, func(i index) bool { return i.over(key) })
	if i < 0 {
		return ""
	}
	return unique[i].name
}

// over reports whether an index is on exactly these columns.
func (i index) over(key []string) bool {
	return !i.prefix && slices.Equal(slices.Sorted(slices.Values(i.columns)), slices.Sorted(slices.Values(key)))
}

// keyFaults looks at the job's Key. ON DUPLICATE KEY UPDATE replaces the row that it meets in any unique index, so
// that a second one would let a row replace another one that has nothing to do with its key.
func keyFaults(t *sqlstore.Target, j sqlstore.Job, unique []index, filled func(string) bool) (bad []sqlstore.Misfit) {
	for _, i := range unique {
		switch {
		case i.over(j.Key):
		case slices.ContainsFunc(i.columns, func(n string) bool { return t.Has(n) && t.Column(n).Unfilled == counted && !filled(n) }):
			// a number of the server's own never meets another row
		default:
			bad = append(bad, sqlstore.Misfit{Code: "key-not-unique", Text: fmt.Sprintf("table %s has another unique index, on (%s): an upsert would replace rows by that one too", j.Table, strings.Join(i.columns, ", ")),
				Help: fmt.Sprintf("ALTER TABLE %s DROP INDEX %s;   or write the upsert as sql", sqlstore.Qualified(j.Table, plain), ident(i.name))})
		}
	}
	if t.KeyIndex == "" {
		bad = append(bad, sqlstore.Misfit{Code: "key-not-unique", Text: fmt.Sprintf("table %s has no unique index on exactly (%s)", j.Table, strings.Join(j.Key, ", ")),
			Help: fmt.Sprintf("ALTER TABLE %s ADD UNIQUE INDEX (%s);", sqlstore.Qualified(j.Table, plain), plains(j.Key))})
	}
	return bad
}
