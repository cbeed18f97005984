package postgres

import (
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// lackingSQL is deletesSQL for a batch in which rows do not hold all columns, as sqlstore has it: the rows of their keys are locked in the same
// pass, and updated at the end, but for what is unchanged. A row that is not there, and one whose key another row of the batch has by other
// values, fail the statement by a cast, in the pass itself.
const lackingSQL = `with b as materialized (select b.*, l.*, case when b.@lacks and (l.@locked is null or b.@mixed) then ('unsent:@secret:' || b.@row)::int end as @failed` +
	` from (select distinct on (@key) b.*, @lack as @lacks, @mix as @mixed from @stage b window w as (partition by @key) order by @key, @row desc) b` +
	` left join lateral (select true from @table t where (b.@delete or b.@lacks) and @meets for no key update) l (@locked) on true), ` +
	`d as (delete from @table t using b where b.@locked and b.@delete and @meets), ` +
	`u as (update @table t set @set from b where b.@locked and b.@lacks and b.@failed is null and @meets) ` +
	`@insertselect @values from b where not b.@delete and not b.@lacks and b.@failed is null@conflict`

// lackingColumns is the plan for the batches of p in which rows do not hold all columns.
func (p *plan) lackingColumns(t *sqlstore.Target, k keyed, columns []fencepost.ColumnSpec) *plan {
	own := func(name string) string { return ours(k.names, name) }
	d, deleted := p, own("fencepost_delete")
	deletes := slices.ContainsFunc(columns, func(c fencepost.ColumnSpec) bool { return c.Name == fencepost.MetaOp })
	if deletes {
		d, deleted = p.withDeletes()
	} else {
		copied := *p
		d = &copied
	}
	fields, flags := sqlstore.Unchanged(d.fields, columns, kindUnchanged, "boolean", func(fields []field, name string) string { return ours(sqlstore.Names(fields), name) })
	d.fields = fields
	d.stage(t)
	var lack, mix, set []string
	for _, name := range k.names {
		if flag := flags[name]; flag != "" {
			lack, mix = append(lack, "b."+flag), append(mix, "b."+flag+" and not bool_and(b."+flag+") over w")
		}
	}
	for _, name := range k.others() {
		value := k.value(name)
		if flag := flags[name]; flag != "" {
			value = "case when b." + flag + " then t." + ident(name) + " else " + value + " end"
		}
		set = append(set, ident(name)+" = "+value)
	}
	is := "b." + ident(deleted)
	if !deletes {
		is = "false"
	}
	statement := strings.ReplaceAll(lackingSQL, "b.@delete", is)
	d.lacking = func(secret string) string {
		return sqlstore.Fill(statement, "@key", k.key, "@stage", stageTable, "@row", k.row, "@table", t.SQL, "@meets", k.meets(), "@secret", secret,
			"@lacks", own("fencepost_lacks"), "@mixed", own("fencepost_mixed"), "@locked", own("fencepost_locked"), "@failed", own("fencepost_failed"),
			"@lack", strings.Join(lack, " or "), "@mix", strings.Join(mix, " or "), "@set", strings.Join(set, ", "),
			"@insert", k.insert(), "@values", sqlstore.Join(k.names, k.value), "@conflict", k.conflict())
	}
	return d
}
