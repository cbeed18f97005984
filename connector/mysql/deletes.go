package mysql

import (
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

// deletesSQL deletes and upserts, as sqlstore has it. MySQL opens a temporary table once in a statement, so that a window finds the last rows.
// A locking read locks rows in the order in which its join finds them: the keys come first, and a derived table keeps its order only
// with a LIMIT. What is not there cannot be locked first: two lanes that meet in such keys may lose a deadlock, and the flush that lost it is sent
// again at once. Deletes come before upserts, whose order is that of the keys.
const deletesSQL = "select straight_join count(*) into @fencepost_locked from (select @key from @stage order by @key limit 18446744073709551615) b " +
	"join @table t force index (@index) on @meets for update; " +
	"delete t from @last b straight_join @table t force index (@index) on @meets where b.@nth = 1 and b.@delete = 1; " +
	"insert into @table (@columns) select @columns from @last b where b.@nth = 1 and b.@delete = 0 order by @key@behind; "

// deleting is the plan for the batches of p in which rows are deletes. They always go through the temporary table.
func (p *plan) deleting(t *sqlstore.Target, key []string, stage, row, behind string) *plan {
	d, own := p.withDeletes()
	d.stage(stage, behind)
	after := sqlstore.Fill(deletesSQL, "@stage", stage, "@table", t.SQL, "@index", ident(t.KeyIndex), "@key", idents(key), "@columns", idents(sqlstore.Names(p.fields)),
		"@last", lastRows(t, key, stage, row, ours(p.fields, nthColumn), ""), "@nth", ours(p.fields, nthColumn), "@delete", ident(own),
		"@meets", meets(key), "@behind", p.behind)
	d.after = func(*session) string { return after }
	return d
}

// withDeletes is p with one more field, which says which rows are deletes, and its name.
func (p *plan) withDeletes() (d *plan, name string) {
	out := *p
	name = ours(p.fields, "fencepost_delete")
	out.direct, out.behind = "", ""
	out.fields = append(p.fields[:len(p.fields):len(p.fields)], field{Name: name, From: sqlstore.FromDelete, Type: "tinyint", Of: fencepost.MetaOp})
	return &out, name
}

// meets holds where row b of the temporary table and row t of the table have one key: their columns are of one type and collation. A key
// with a null is no row's.
func meets(key []string) string {
	all := make([]string, len(key))
	for i, name := range key {
		all[i] = "t." + ident(name) + " = b." + ident(name)
	}
	return strings.Join(all, " and ")
}

// nthColumn counts the rows of a key, the last one first.
const nthColumn = "fencepost_nth"

// lastRows numbers the rows of each key of the temporary table. Each null is a key of its own, as it is in a unique index. more is further
// columns, over the window w of a key's rows.
func lastRows(t *sqlstore.Target, key []string, stage, row, nth, more string) string {
	one := idents(key)
	var null []string
	for _, name := range key {
		if t.Column(name).Nullable {
			null = append(null, ident(name)+" is null")
		}
	}
	if len(null) > 0 {
		one += ", case when " + strings.Join(null, " or ") + " then " + row + " end"
	}
	return "(select s.*, row_number() over (partition by " + one + " order by " + row + " desc) as " + nth + more + " from " + stage + " s window w as (partition by " + one + "))"
}

// of is the plan for a batch.
func (p *plan) of(b *fencepost.Batch) *plan {
	switch {
	case p.partial != nil && sink.AnyUnchanged(b):
		return p.partial
	case p.deletes != nil && sink.AnyDelete(b):
		return p.deletes
	}
	return p
}
