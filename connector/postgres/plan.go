package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

type field = sqlstore.Field[kind]

// plan is how a batch of certain columns is written.
type plan struct {
	fields []field
	create string // makes the temporary table; empty: none
	copy   string // the COPY statement
	after  string // statements behind the COPY, each with its semicolon; @savepoint is the savepoint's name
}

const (
	stageTable = "pg_temp.fencepost_batch"
	rowColumn  = "fencepost_row"
)

// makePlan plans for a batch of these columns, into a table or, where that is nil, for SQL.
func makePlan(j sqlstore.Job, t *sqlstore.Target, columns []fencepost.ColumnSpec) *plan {
	if t == nil {
		return planSQL(j, columns)
	}
	return planTable(j, t, columns)
}

// planTable plans append and upsert. REQUIRES: the table takes the columns.
func planTable(j sqlstore.Job, t *sqlstore.Target, columns []fencepost.ColumnSpec) *plan {
	p := &plan{fields: sqlstore.FieldsOf(t, columns, pairs)}
	names := sqlstore.Names(p.fields)
	list := idents(names)
	if !t.Staged && len(j.Key) == 0 {
		p.copy = "copy " + t.SQL + " (" + list + ") from stdin binary"
		return p
	}
	p.create = "drop table if exists " + stageTable + "; create temporary table fencepost_batch (" + declared(p.fields)
	if len(j.Key) == 0 {
		p.create += ") on commit delete rows"
		p.copy = "copy " + stageTable + " (" + list + ") from stdin binary"
		p.after = "insert into " + t.SQL + " (" + list + ") select " + list + " from " + stageTable + "; "
		return p
	}
	p.create += ", " + rowColumn + " bigint) on commit delete rows"
	p.fields = append(p.fields, field{Name: rowColumn, From: sqlstore.FromRow, Kind: kindInt8, Type: "bigint"})
	p.copy = "copy " + stageTable + " (" + list + ", " + rowColumn + ") from stdin binary"
	p.after = upsertSQL(t.SQL, j.Key, names)
	return p
}

// declared is the columns of a temporary table.
func declared(fields []field) string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = ident(f.Name) + " " + f.Type
	}
	return strings.Join(list, ", ")
}

// upsertSQL takes the last row of each key, in the order of the keys: two lanes that meet in the same keys lock them
// in the same order. The same key twice in one statement would be an error (21000).
func upsertSQL(table string, keys, names []string) string {
	key, list := idents(keys), idents(names)
	var set []string
	for _, n := range names {
		if !slices.Contains(keys, n) {
			set = append(set, ident(n)+" = excluded."+ident(n))
		}
	}
	do := "do nothing"
	if len(set) > 0 {
		do = "do update set " + strings.Join(set, ", ")
	}
	return fmt.Sprintf("insert into %s (%s) select distinct on (%s) %s from %s order by %s, %s desc on conflict (%s) %s; ",
		table, list, key, list, stageTable, key, rowColumn, key, do)
}

// planSQL plans user SQL over the temporary table `batch`.
func planSQL(j sqlstore.Job, columns []fencepost.ColumnSpec) *plan {
	p := &plan{fields: sqlstore.Fields(columns, j.Mentions, func(c fencepost.ColumnSpec) (sql string, k kind, ok bool) {
		sql, typ := natural(c.Type)
		k, _ = pairs.Kind(c.Type, typ)
		return sql, k, true
	})}
	p.create = "drop table if exists pg_temp.batch; create temporary table batch (" + declared(p.fields) + ") on commit delete rows"
	p.copy = "copy pg_temp.batch (" + idents(sqlstore.Names(p.fields)) + ") from stdin binary"
	// The line break ends a comment at the end of the user's text. Deferred constraints are looked at before the
	// ledger's rows are locked, and as errors of rows.
	p.after = "savepoint @savepoint; " + j.SQL + "\n; release savepoint @savepoint; set constraints all immediate; "
	return p
}
