package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

// keyed is how the rows of the temporary table meet those of a table with a key. Keys are compared as the table compares them: in its
// types and collations.
type keyed struct {
	target *sqlstore.Target
	keys   []string
	names  []string // columns that are written
	row    string   // column that counts the rows
	key    string   // what makes rows those of one key, as SQL
	value  func(name string) string
}

func keyedBy(t *sqlstore.Target, keys, names []string, value func(string) string) keyed {
	k := keyed{target: t, keys: keys, names: names, row: ours(names, rowColumn), value: value}
	k.key = sqlstore.Join(keys, func(name string) string { return value(name) + t.Column(name).Collate })
	if null := nullable(t, keys); len(null) > 0 && !t.EqualNulls {
		k.key += ", case when " + strings.Join(null, " or ") + " then " + k.row + " end" // each null is a key of its own
	}
	return k
}

// nullable asks, in SQL, whether each column of the key that takes null is null.
func nullable(t *sqlstore.Target, key []string) (null []string) {
	for _, name := range key {
		if t.Column(name).Nullable {
			null = append(null, ident(name)+" is null")
		}
	}
	return null
}

// upsertSQL takes the last row of each key, in the order of the keys: two lanes that meet in the same keys lock them
// in the same order. The same key twice in one statement would be an error (21000).
func (k keyed) upsertSQL() string {
	return k.insert() + fmt.Sprintf("select distinct on (%s) %s from %s b order by %[1]s, %[4]s desc", k.key, sqlstore.Join(k.names, k.value), stageTable, k.row) + k.conflict()
}

func (k keyed) insert() string {
	return "insert into " + k.target.SQL + " (" + idents(k.names) + ") " + overriding
}

// others are the columns beside those of the key.
func (k keyed) others() []string {
	return slices.DeleteFunc(slices.Clone(k.names), func(n string) bool { return slices.Contains(k.keys, n) })
}

func (k keyed) conflict() string {
	var set []string
	for _, n := range k.others() {
		set = append(set, ident(n)+" = excluded."+ident(n))
	}
	do := "do nothing"
	if len(set) > 0 {
		do = "do update set " + strings.Join(set, ", ")
	}
	return " on conflict (" + idents(k.keys) + ") " + do + "; "
}

// deletesSQL upserts and deletes, as sqlstore has it. delete is the column that says which rows are deletes.
//
// It is one statement, and one pass over the keys locks all their rows in the order of the keys, as an upsert alone does: the INSERT takes a
// row, and locks or makes that of its key, before it asks for the next one; the lateral join locks the row of a delete. The rows
// that were locked so are deleted at the end, by the same snapshot.
//
// Two designs lost. One locked the rows that are there first, and then upserted: of two lanes one waited for a row that the other had locked, while that
// one waited for a key that the first had just inserted. The other deleted in a statement of its own: that saw, and locked out of
// order, rows that had come into being since. Of a key that two lanes write at once, either may be the last.
func (k keyed) deletesSQL(delete string) string {
	locked := ours(k.names, "fencepost_locked")
	return sqlstore.Fill(`with b as materialized (select b.*, l.* from (select distinct on (@key) * from @stage b order by @key, @row desc) b`+
		` left join lateral (select true from @table t where b.@delete and @meets for no key update) l (@locked) on true), `+
		`d as (delete from @table t using b where b.@locked and @meets) `+
		`@insertselect @values from b where not @delete@conflict`,
		"@key", k.key, "@stage", stageTable, "@row", k.row, "@table", k.target.SQL, "@meets", k.meets(), "@delete", ident(delete), "@locked", locked,
		"@insert", k.insert(), "@values", sqlstore.Join(k.names, k.value), "@conflict", k.conflict())
}

// meets holds where row b of the temporary table and row t of the table have one key. A key with a null is no row's key, unless
// the index has nulls for equal.
func (k keyed) meets() string {
	var all []string
	for _, name := range k.keys {
		c := k.target.Column(name)
		same := "t." + ident(name) + c.Base + " = b." + ident(name) + cmp.Or(c.Base, c.Cast) + c.Collate
		if k.target.EqualNulls && c.Nullable { // an index serves this, and no IS NOT DISTINCT FROM
			same = "(" + same + " or t." + ident(name) + " is null and b." + ident(name) + " is null)"
		}
		all = append(all, same)
	}
	return strings.Join(all, " and ")
}

// deleting is the plan for the batches of p in which rows are deletes.
func (p *plan) deleting(t *sqlstore.Target, k keyed) *plan {
	d, name := p.withDeletes()
	d.insert = k.deletesSQL(name)
	d.stage(t)
	return d
}

// withDeletes is p with one more field, which says which rows are deletes, and its name.
func (p *plan) withDeletes() (d *plan, name string) {
	out := *p
	name = ours(sqlstore.Names(p.fields), "fencepost_delete")
	out.fields = append(slices.Clip(p.fields), field{Name: name, From: sqlstore.FromDelete, Kind: kindDelete, Type: "boolean", Of: fencepost.MetaOp})
	return &out, name
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
