package postgres

import (
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

type field = sqlstore.Field[kind]

// plan is how a batch of certain columns is written.
type plan struct {
	job    sqlstore.Job
	fields []field
	create string // makes the temporary table of the transaction, with its semicolon; empty: there is none
	copy   string // the COPY statement
	insert string // what becomes of the rows of a temporary table, with its semicolon; empty: there is none, or user SQL reads them
	// lacking is insert where rows do not hold all columns; nil: none come.
	lacking func(secret string) string
	// after is the statements behind that, each with its semicolon.
	after func(s *session) string
	// deletes is the plan for batches in which rows are deletes; nil: none come.
	deletes *plan
	// partial is the plan for batches in which rows do not hold all columns, and others may be deletes; nil: none come.
	partial *plan
	// open: what the batch writes shows in its transaction only.
	open bool
	// seen: a flush has looked at all that the statements can reach, so that what later ones write is enough.
	seen bool
}

const (
	stageTable = "pg_temp.fencepost_batch"
	rowColumn  = "fencepost_row"
)

// immediate has deferred triggers run, before the ledger's rows are locked, and constraints checked, as errors of rows.
const immediate = "set constraints all immediate; "

// query is everything of a batch up to its compare-and-set. What a transaction needs of temporary tables it makes itself,
// and its end drops them: the next one on this connection, which behind a pooler may be another pipeline's, finds nothing.
func (p *plan) query(s *session) string {
	insert := p.insert
	if p.lacking != nil {
		insert = p.lacking(s.secret)
	}
	sql := p.create + p.copy + "; " + insert + p.after(s)
	switch {
	case !p.open:
	case p.seen:
		sql += wroteSQL(p.job, s.secret)
	default:
		sql += reachesSQL(p.job, s.secret)
	}
	return sql
}

// makePlan plans for a batch of these columns, into a table or, where that is nil, for SQL.
func makePlan(j sqlstore.Job, t *sqlstore.Target, columns []fencepost.ColumnSpec) *plan {
	if t == nil {
		return planSQL(j, columns)
	}
	return planTable(j, t, columns)
}

// planTable plans append and upsert. REQUIRES: the table takes the columns.
func planTable(j sqlstore.Job, t *sqlstore.Target, columns []fencepost.ColumnSpec) *plan {
	p := &plan{job: j, open: t.Open, fields: sqlstore.FieldsOf(t, columns, pairs)}
	names := sqlstore.Names(p.fields)
	list := idents(names)
	p.after = func(s *session) string {
		// The table is locked by the COPY or the INSERT in front of it.
		sql := sqlstore.Fill(sameSQL, "@oid", "to_regclass("+quote(t.SQL)+")", "@shape", quote(t.Shape), "@secret", s.secret) + sameDefaults(t, columns, s.secret)
		if t.Open {
			sql += immediate
		}
		return sql
	}
	left := leave(p, t, columns)
	if !t.Staged && len(j.Key) == 0 && len(left) == 0 {
		p.copy = "copy " + t.SQL + " (" + list + ") from stdin binary"
		return p
	}
	value := func(name string) string {
		v := "b." + ident(name) + t.Column(name).Cast
		if flag := left[name]; flag != "" {
			v = "case when b." + flag + " then " + t.Column(name).Default + " else " + v + " end"
		}
		return v
	}
	p.insert = "insert into " + t.SQL + " (" + list + ") " + overriding + "select " + sqlstore.Join(names, value) + " from " + stageTable + " b; "
	if len(j.Key) > 0 {
		k := keyedBy(t, j.Key, names, value)
		p.insert = k.upsertSQL()
		p.fields = append(p.fields, field{Name: k.row, From: sqlstore.FromRow, Kind: kindInt8, Type: "bigint"})
		if j.Deleting(columns) {
			p.deletes = p.deleting(t, k)
		}
		if sink.Partial(columns) {
			p.partial = p.lackingColumns(t, k, columns)
		}
	}
	p.stage(t)
	return p
}

// stage sets the statements of the temporary table.
func (p *plan) stage(t *sqlstore.Target) {
	staged := make([]string, len(p.fields)) // :: field -> its declaration
	for i, f := range p.fields {
		typ := f.Type
		if f.Of == "" && f.From != sqlstore.FromRow { // else it is one of our own
			typ = t.Column(f.Name).Stage
		}
		staged[i] = ident(f.Name) + " " + typ
	}
	p.create = "create temporary table fencepost_batch (" + strings.Join(staged, ", ") + ") on commit drop; "
	p.copy = "copy " + stageTable + " (" + idents(sqlstore.Names(p.fields)) + ") from stdin binary"
}

// ours is a name for a column of our own beside these: the name, unless one of them has it.
func ours(names []string, name string) string {
	for slices.Contains(names, name) {
		name += "_"
	}
	return name
}

// leave adds a field for each column that rows may leave to its default, and returns their names. :: column -> its field
func leave(p *plan, t *sqlstore.Target, columns []fencepost.ColumnSpec) map[string]string {
	left := map[string]string{}
	for _, c := range columns {
		if c.Default && t.Column(c.Name).Default != "" {
			left[c.Name] = ours(sqlstore.Names(p.fields), "fencepost_absent_"+itoa(int64(len(left))))
			p.fields = append(p.fields, field{Name: left[c.Name], From: sqlstore.FromAbsence, Kind: kindAbsence, Type: "boolean", Of: c.Name})
		}
	}
	return left
}

// sameDefaults fails by itself, as sameSQL does, unless the columns that rows may leave out still have the defaults of the plan.
func sameDefaults(t *sqlstore.Target, columns []fencepost.ColumnSpec, secret string) string {
	var list []string
	for _, c := range columns {
		if c.Default {
			list = append(list, "("+quote(c.Name)+", "+quote(t.Column(c.Name).Default)+")")
		}
	}
	if len(list) == 0 {
		return ""
	}
	// The name is the catalogue's: a planner that knows it beforehand would make the failing cast.
	return sqlstore.Fill(`select ('changed:@secret:' || a.attname)::int from (values @list) v (name, def)
  join pg_attribute a on a.attrelid = to_regclass(@table) and a.attname = v.name left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where v.def is distinct from coalesce(pg_get_expr(d.adbin, d.adrelid), ''); `, "@secret", secret, "@list", strings.Join(list, ", "), "@table", quote(t.SQL))
}

// declared is the columns of a temporary table.
func declared(fields []field) string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = ident(f.Name) + " " + f.Type
	}
	return strings.Join(list, ", ")
}

// overriding has an INSERT write what a batch says into columns that are generated always as identity, as COPY does.
const overriding = "overriding system value "

// planSQL plans user SQL over the temporary table `batch`.
func planSQL(j sqlstore.Job, columns []fencepost.ColumnSpec) *plan {
	p := &plan{job: j, open: true, fields: sqlstore.Fields(columns, j.Mentions, func(c fencepost.ColumnSpec) (sql string, k kind, ok bool) {
		sql, typ := natural(c.Type)
		k, _ = pairs.Kind(c.Type, typ)
		return sql, k, true
	})}
	p.create = "create temporary table batch (" + declared(p.fields) + ") on commit drop; "
	p.copy = "copy pg_temp.batch (" + idents(sqlstore.Names(p.fields)) + ") from stdin binary"
	p.after = func(s *session) string {
		// The line break ends a comment at the end of the user's text.
		return "savepoint " + s.savepoint() + "; " + j.SQL + "\n; release savepoint " + s.savepoint() + "; " + immediate +
			sqlstore.Fill(aloneSQL, "@secret", s.secret)
	}
	return p
}
