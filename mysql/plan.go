package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// plan is how a batch of certain columns is written.
type plan struct {
	specs  []fencepost.ColumnSpec // of the batch
	fields []field
	direct string // INSERT ... VALUES, for rows that travel in the flush itself; empty: always through the stage
	behind string // what follows the rows of direct: ON DUPLICATE KEY UPDATE
	create string // makes the temporary table
	clear  string // empties it; outside of a transaction, for it may end one
	fill   string // INSERT ... VALUES into it
	after  string // statements of the transaction behind the rows; @savepoint and @secret are the connection's
	made   bool   // the temporary table is there
}

// rowColumn counts the rows of a stage in the order in which they came.
const rowColumn = "fencepost_row"

// fits reports whether the plan was made for a batch of these columns.
func (p *plan) fits(b *fencepost.Batch) bool {
	return p != nil && slices.EqualFunc(p.specs, b.Columns, func(s fencepost.ColumnSpec, c fencepost.Column) bool {
		return s.Name == c.Name && s.Type == c.Type
	})
}

// makePlan plans for a batch of these columns.
func makePlan(ctx context.Context, s *session, c Config, specs []fencepost.ColumnSpec) (*plan, error) {
	if c.form() == formSQL {
		return planSQL(s, c, specs), nil
	}
	t, err := readTarget(ctx, s, c)
	if err != nil {
		return nil, err
	}
	return planTable(s, c, t, specs)
}

// meta is where a metadata column comes from, if it is no Column of the batch.
func meta(name string) from {
	switch name {
	case fencepost.MetaTopic:
		return fromTopic
	case fencepost.MetaPartition:
		return fromPartition
	case fencepost.MetaOffset:
		return fromOffset
	case fencepost.MetaTimestamp:
		return fromTime
	}
	return fromColumn
}

// withMeta is the columns of a batch and those metadata columns that cost nothing and that want names.
func withMeta(columns []fencepost.ColumnSpec, want func(string) bool) []fencepost.ColumnSpec {
	all := slices.Clone(columns)
	for _, m := range fencepost.MetaColumns() {
		if meta(m.Name) != fromColumn && want(m.Name) {
			all = append(all, m)
		}
	}
	return all
}

// planTable plans append and upsert.
func planTable(s *session, c Config, t *target, columns []fencepost.ColumnSpec) (*plan, error) {
	if bad := t.faults(c, columns); len(bad) > 0 {
		return nil, bad[0].fault()
	}
	p := &plan{specs: columns}
	var list, types []string
	for _, spec := range withMeta(columns, func(n string) bool { return t.column(n) != nil }) {
		col := t.column(spec.Name)
		if col == nil {
			continue // _key or _headers that an earlier schema of the table asked for
		}
		pair, _ := pairOf(spec.Type, col.typ)
		p.fields = append(p.fields, field{spec.Name, spec.Type, meta(spec.Name), pair.kind})
		list, types = append(list, spec.Name), append(types, ident(spec.Name)+" "+col.sql+" null")
	}
	stage, columnList := ident(s.config.DBName)+".fencepost_batch", idents(list)
	into := "insert into " + t.name + " (" + columnList + ") "
	p.direct = into + "values "
	p.after = into + "select " + columnList + " from " + stage
	if len(c.Key) > 0 {
		p.behind = onDuplicate(c.Key, list)
		p.after += " order by " + idents(c.Key) + ", " + rowColumn + p.behind
		types = append(types, rowColumn+" bigint not null auto_increment primary key")
	}
	p.after += "; "
	p.stage(stage, columnList, types)
	return p, nil
}

// stage sets the statements of the temporary table.
func (p *plan) stage(table, columns string, types []string) {
	p.create = "drop temporary table if exists " + table + "; create temporary table " + table + " (" + strings.Join(types, ", ") + ") engine=InnoDB"
	p.clear = "truncate table " + table + "; "
	p.fill = "insert into " + table + " (" + columns + ") values "
}

// onDuplicate replaces what a row of the same key holds. The server takes the rows of one INSERT in their order, so that
// the last one of a key stands.
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
func planSQL(s *session, c Config, columns []fencepost.ColumnSpec) *plan {
	p := &plan{specs: columns}
	var list, types []string
	for _, spec := range withMeta(columns, func(n string) bool { return sqlstore.NamesWord(c.SQL, n) }) {
		sql, kind := natural(spec.Type)
		p.fields = append(p.fields, field{spec.Name, spec.Type, meta(spec.Name), kind})
		if spec.Type == fencepost.Text {
			sql += " character set utf8mb4 collate " + s.server.collation
		}
		list, types = append(list, spec.Name), append(types, ident(spec.Name)+" "+sql+" null")
	}
	p.stage(ident(s.config.DBName)+".batch", idents(list), types)
	p.clear += "set @fencepost_at = null; "
	// The line break ends a comment at the end of the user's text.
	p.after = "savepoint @savepoint; set @fencepost_at = '@secret'; " + c.SQL + "\n; release savepoint @savepoint; "
	return p
}
