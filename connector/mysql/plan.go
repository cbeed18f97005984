package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

type field = sqlstore.Field[kind]

// plan is how a batch of certain columns is written.
type plan struct {
	// deletes is the plan for batches in which rows are deletes; nil: none come.
	deletes *plan
	// partial is the plan for batches in which rows do not hold all columns, and others may be deletes; nil: none come.
	partial *plan
	fields  []field
	direct  string // INSERT ... VALUES, for rows that travel in the flush itself; empty: always through the stage
	behind  string // what follows the rows of direct: ON DUPLICATE KEY UPDATE
	create  string // makes the temporary table
	clear   string // empties it; outside of a transaction, for it may end one
	fill    string // INSERT ... VALUES into it
	// after is the statements of the transaction behind the rows, each with its semicolon.
	after func(s *session) string
	shape string // sqlstore.Target.Shape; empty: there is no table
	// temporary: the texts of the statements mention temporary tables, so that wrote cannot distinguish them.
	temporary bool
}

// rowColumn counts the rows of a stage in the order in which they came. Where the table has a column of that name, it gets
// underscores behind it.
const rowColumn = "fencepost_row"

// plan plans for a batch of these columns, into a table or, where that is nil, for SQL.
func (s *session) plan(j sqlstore.Job, t *sqlstore.Target, columns []fencepost.ColumnSpec) *plan {
	if t == nil {
		return planSQL(s, j, columns)
	}
	return planTable(s, j, t, columns)
}

// foreseen is plan. It refuses what leads to a table that does not share the ledger's fate.
func (s *session) foreseen(ctx context.Context, j sqlstore.Job, t *sqlstore.Target, columns []fencepost.ColumnSpec) (*plan, error) {
	p := s.plan(j, t, columns)
	if t != nil && !t.Open {
		return p, nil
	}
	r, err := s.reaches(ctx, j, t)
	if err != nil {
		return nil, err
	}
	if len(r.misfits) > 0 {
		return nil, r.misfits[0].Fault()
	}
	p.temporary = r.temporary
	for _, other := range []*plan{p.deletes, p.partial} {
		if other != nil {
			other.temporary = r.temporary
		}
	}
	return p, nil
}

// planTable plans append and upsert. REQUIRES: the table takes the columns.
func planTable(s *session, j sqlstore.Job, t *sqlstore.Target, columns []fencepost.ColumnSpec) *plan {
	p := &plan{fields: sqlstore.FieldsOf(t, columns, pairs)}
	for i, f := range p.fields {
		if slices.ContainsFunc(columns, func(c fencepost.ColumnSpec) bool { return c.Default && c.Name == f.Name }) {
			p.fields[i].Default = t.Column(f.Name).Default // a row that leaves it out takes it in the temporary table
		}
	}
	row := ours(p.fields, rowColumn)
	stage, columnList := ident(s.config.DBName)+".fencepost_batch", idents(sqlstore.Names(p.fields))
	into := "insert into " + t.SQL + " (" + columnList + ") "
	p.direct = into + "values "
	after := into + "select " + columnList + " from " + stage
	behind := ""
	if len(j.Key) > 0 {
		p.behind = onDuplicate(j.Key, sqlstore.Names(p.fields))
		after += " order by " + idents(j.Key) + ", " + row + p.behind
		behind = ", " + row + " bigint not null auto_increment primary key"
	}
	p.after = func(*session) string { return after + "; " }
	p.shape = t.Shape
	p.stage(stage, behind)
	if j.Deleting(columns) {
		p.deletes = p.deleting(t, j.Key, stage, row, behind)
	}
	if len(j.Key) > 0 && sink.Partial(columns) {
		p.partial = p.lackingColumns(t, j.Key, columns, stage, row, behind)
	}
	return p
}

// ours is a name for a column of our own beside these: the name, unless one of them has it.
func ours(fields []field, name string) string {
	for slices.ContainsFunc(fields, func(f field) bool { return strings.EqualFold(f.Name, name) }) {
		name += "_"
	}
	return name
}

// stage sets the statements of the temporary table, which has the fields and the columns behind them.
func (p *plan) stage(table, behind string) {
	types := make([]string, len(p.fields))
	for i, f := range p.fields {
		types[i] = ident(f.Name) + " " + f.Type + " null"
		if f.Default != "" {
			types[i] += " default (" + f.Default + ")"
		}
	}
	p.create = "drop temporary table if exists " + table + "; create temporary table " + table + " (" + strings.Join(types, ", ") + behind + ") engine=InnoDB"
	p.clear = "truncate table " + table + "; "
	p.fill = "insert into " + table + " (" + idents(sqlstore.Names(p.fields)) + ") values "
}

// onDuplicate replaces what a row of the same key holds. The server takes the rows of one INSERT in their order, so that
// the last one of a key remains.
func onDuplicate(key, names []string) string {
	var set []string
	for _, n := range names {
		if !slices.Contains(key, n) {
			set = append(set, fmt.Sprintf("%s = values(%[1]s)", ident(n)))
		}
	}
	if len(set) == 0 {
		set = []string{fmt.Sprintf("%s = values(%[1]s)", ident(key[0]))}
	}
	return " on duplicate key update " + strings.Join(set, ", ")
}

// planSQL plans user SQL over the temporary table `batch`.
func planSQL(s *session, j sqlstore.Job, columns []fencepost.ColumnSpec) *plan {
	p := &plan{fields: sqlstore.Fields(columns, j.Mentions, func(c fencepost.ColumnSpec) (sql string, k kind, ok bool) {
		sql, k = natural(c.Type)
		if c.Type == fencepost.Text {
			sql += " character set utf8mb4 collate " + s.server.collation
		}
		return sql, k, true
	})}
	p.stage(ident(s.config.DBName)+".batch", "")
	p.clear += "set @fencepost_at = null; "
	own := sqlstore.Fill(namesakeSQL, "@schema", quote(s.config.DBName))
	p.after = func(s *session) string {
		// The line break ends a comment at the end of the user's text.
		return "savepoint " + s.savepoint() + "; set @fencepost_at = '" + s.secret + "'; " + j.SQL +
			"\n; release savepoint " + s.savepoint() + "; set @fencepost_at = null; " +
			sqlstore.Fill(refuse, "@cases", "when exists ("+own+") then '~namesake:"+s.secret+"'")
	}
	return p
}

// whole fails by itself if the batch was not written as it was planned, or into what does not share the ledger's fate.
func (p *plan) whole(s *session) string {
	if p.temporary {
		return p.same(s)
	}
	return p.same(s) + wrote(s.secret)
}

// same fails by itself if the table is not as it was planned for. REQUIRES: an INSERT in front of it, which has locked the
// table's definition.
func (p *plan) same(s *session) string {
	if p.shape == "" {
		return ""
	}
	return sqlstore.Fill(refuse, "@cases", "when "+p.shape+" then '~changed:"+s.secret+"'")
}
