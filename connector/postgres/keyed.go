package postgres

import (
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
	return k.insert() + fmt.Sprintf("select distinct on (%s) %s from %s order by %[1]s, %[4]s desc", k.key, sqlstore.Join(k.names, k.value), stageTable, k.row) + k.conflict()
}

func (k keyed) insert() string {
	return "insert into " + k.target.SQL + " (" + idents(k.names) + ") " + overriding
}

func (k keyed) conflict() string {
	var set []string
	for _, n := range k.names {
		if !slices.Contains(k.keys, n) {
			set = append(set, ident(n)+" = excluded."+ident(n))
		}
	}
	do := "do nothing"
	if len(set) > 0 {
		do = "do update set " + strings.Join(set, ", ")
	}
	return " on conflict (" + idents(k.keys) + ") " + do + "; "
}

// deletesSQL upserts and deletes, as sqlstore has it. delete is the column that says which rows are deletes.
//
// One pass over the keys locks all their rows in the order of the keys, as an upsert alone does: the INSERT takes a row, and locks or makes
// that of its key, before it asks for the next one; of a delete the lateral join locks the row, and the condition, which needs its
// result, passes it over. The design that lost locked the rows that are there first, and then upserted: of two lanes one waited for a
// row that the other had locked, while that one waited for a key that the first had just inserted.
func (k keyed) deletesSQL(delete string) string {
	last := fmt.Sprintf("(select distinct on (%s) * from %s order by %[1]s, %[3]s desc) b", k.key, stageTable, k.row)
	return sqlstore.Fill(`@insertselect @values from @last left join lateral (select true from @table t where b.@delete and @meets for no key update) l (@locked)`+
		` on true where not coalesce(@locked, b.@delete)@conflict`+
		`delete from @table t using @last where b.@delete and @meets; `,
		"@table", k.target.SQL, "@meets", k.meets(), "@last", last, "@delete", ident(delete), "@locked", ours(k.names, "fencepost_locked"),
		"@insert", k.insert(), "@values", sqlstore.Join(k.names, k.value), "@conflict", k.conflict())
}

// staged is a key column of row b of the temporary table, as a value of the table's column.
func (k keyed) staged(name string) string {
	c := k.target.Column(name)
	return "b." + ident(name) + c.Cast + c.Collate
}

// meets holds where row b of the temporary table and row t of the table have one key. A key with a null is no row's key, unless
// the index has nulls for equal.
func (k keyed) meets() string {
	var all []string
	for _, name := range k.keys {
		same := "t." + ident(name) + " = " + k.staged(name)
		if k.target.EqualNulls && k.target.Column(name).Nullable { // an index serves this, and no IS NOT DISTINCT FROM
			same = "(" + same + " or t." + ident(name) + " is null and b." + ident(name) + " is null)"
		}
		all = append(all, same)
	}
	return strings.Join(all, " and ")
}

// deleting is the plan for the batches of p in which rows are deletes.
func (p *plan) deleting(t *sqlstore.Target, k keyed) *plan {
	d := *p
	name := ours(sqlstore.Names(p.fields), "fencepost_delete")
	d.fields = append(slices.Clip(p.fields), field{Name: name, From: sqlstore.FromDelete, Kind: kindDelete, Type: "boolean", Of: fencepost.MetaOp})
	d.insert = k.deletesSQL(name)
	d.stage(t)
	return &d
}

// of is the plan for a batch.
func (p *plan) of(b *fencepost.Batch) *plan {
	if p.deletes != nil && sink.AnyDelete(b) {
		return p.deletes
	}
	return p
}
