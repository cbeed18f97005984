package sqlite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

// keyed makes an upsert of a batch of these columns delete where a row is a delete, and update where one does not hold all columns. Under the
// file's one lock rows are taken in their order, so that the last one of a key decides. A delete by a key with a null deletes nothing,
// since no row has such a key.
//
// Keys are compared as the unique index compares them, whose collation may be another one than the column's.
func (in *insert) keyed(c *conn, t *table, columns []fencepost.ColumnSpec) error {
	if len(in.key) == 0 || !sink.Deletes(columns) && !sink.Partial(columns) {
		return nil
	}
	indexes, err := c.uniqueOver(t, in.key)
	if err != nil {
		return err
	}
	for _, k := range in.key {
		i := slices.IndexFunc(in.sources, func(s source) bool { return strings.EqualFold(s.name, k) })
		if i < 0 {
			return nil // the upsert itself is refused
		}
		condition := quote(in.sources[i].name) + " = ?"
		if len(indexes) > 0 {
			condition += " COLLATE " + quote(collationOf(indexes[0], k))
		}
		in.where, in.by = append(in.where, condition), append(in.by, in.sources[i])
	}
	if sink.Deletes(columns) {
		in.gone = &insert{table: in.table, sources: in.by, only: "DELETE FROM " + in.into + " WHERE " + strings.Join(in.where, " AND ")}
	}
	return nil
}

// collationOf is that of a column of an index. REQUIRES: the index has it.
func collationOf(index []collated, column string) string {
	i := slices.IndexFunc(index, func(c collated) bool { return strings.EqualFold(c.column, column) })
	return index[i].collation
}

// written is the columns of a batch without fencepost.MetaOp, where the table has no such column.
//
// Errors: sink.DeletesNotTaken where a delete would be appended as a row.
func (t *table) written(key []string, columns []fencepost.ColumnSpec) ([]fencepost.ColumnSpec, error) {
	if !sink.Deletes(columns) || t.column(fencepost.MetaOp) != nil {
		return columns, nil
	}
	if len(key) == 0 {
		return nil, sink.DeletesNotTaken(fmt.Sprintf("table %s has neither a key nor a column %s", t.name, fencepost.MetaOp),
			"key: [COLUMN] upserts and deletes;   or "+addColumn(t.name, fencepost.ColumnSpec{Name: fencepost.MetaOp, Type: fencepost.Text}))
	}
	return slices.DeleteFunc(slices.Clone(columns), func(c fencepost.ColumnSpec) bool { return c.Name == fencepost.MetaOp }), nil
}

// unmentioned is the refusal of SQL that reads every record as a row, where some are deletes. nil: there is nothing to refuse.
func (cfg Config) unmentioned(columns []fencepost.ColumnSpec) error {
	if cfg.SQL == "" || !sink.Deletes(columns) || mentions(cfg.SQL, fencepost.MetaOp) {
		return nil
	}
	return sqlstore.SQLWithoutOp()
}
