package mysql

import (
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

// lackingSQL is deletesSQL for a batch in which rows do not hold all columns, as sqlstore has it. Behind the locks it fails by itself where such a
// row is not there, or another row of the batch has its key by other values.
const lackingSQL = "select straight_join count(*) into @fencepost_locked from (select @key from @stage order by @key limit 18446744073709551615) b " +
	"join @table t force index (@index) on @meets for update; @refuse" +
	"delete t from @last b straight_join @table t force index (@index) on @meets where b.@nth = 1 and @delete; " +
	"update @last b straight_join @table t force index (@index) on @meets set @set where b.@nth = 1 and b.@lacks = 1; " +
	"insert into @table (@columns) select @columns from @last b where b.@nth = 1 and not @delete and b.@lacks = 0 order by @key@behind; "

// lackingCase is the case of refuse.
const lackingCase = "when exists (select 1 from @last b left join @table t force index (@index) on @meets where b.@nth = 1 and b.@lacks = 1 and (b.@mixed = 1 or t.@first is null)) then '~unsent:@secret'"

// lackingColumns is the plan for the batches of p in which rows do not hold all columns.
func (p *plan) lackingColumns(t *sqlstore.Target, key []string, columns []fencepost.ColumnSpec, stage, row, behind string) *plan {
	d, deleted := p.withDeletes()
	is := "b." + ident(deleted) + " = 1"
	if !sink.Deletes(columns) {
		d.fields, is = p.fields, "0 = 1"
	}
	fields, flags := sqlstore.Unchanged(d.fields, columns, kindInt, "tinyint", ours)
	d.fields = fields
	d.stage(stage, behind)
	nth, lacks, mixed := ours(p.fields, nthColumn), ours(p.fields, "fencepost_lacks"), ours(p.fields, "fencepost_mixed")
	lack, mix, set := lacking(p.fields, key, flags)
	last := lastRows(t, key, stage, row, nth, ", "+lack+" as "+lacks+", "+mix+" as "+mixed)
	pairs := []string{"@stage", stage, "@table", t.SQL, "@index", ident(t.KeyIndex), "@key", idents(key), "@first", ident(key[0]), "@columns", idents(sqlstore.Names(p.fields)),
		"@last", last, "@nth", nth, "@lacks", lacks, "@mixed", mixed, "@delete", is, "@set", set, "@meets", meets(key), "@behind", p.behind}
	d.after = func(s *session) string {
		refusal := sqlstore.Fill(refuse, "@cases", sqlstore.Fill(lackingCase, append(pairs, "@secret", s.secret)...))
		return sqlstore.Fill(lackingSQL, append(pairs, "@refuse", refusal)...)
	}
	return d
}

// lacking is, in SQL, whether a row of the temporary table lacks a column, whether another row of its key has one that it lacks, and what an update sets.
func lacking(fields []field, key []string, flags map[string]string) (lack, mix, set string) {
	var lacks, mixes, sets []string
	isKey := map[string]bool{}
	for _, k := range key {
		isKey[k] = true
	}
	for _, f := range fields {
		name, flag := ident(f.Name), flags[f.Name]
		switch {
		case isKey[f.Name]:
		case flag == "":
			sets = append(sets, "t."+name+" = b."+name)
		default:
			lacks, mixes = append(lacks, flag+" = 1"), append(mixes, flag+" = 1 and min("+flag+") over w = 0")
			sets = append(sets, "t."+name+" = if(b."+flag+" = 1, t."+name+", b."+name+")")
		}
	}
	return "(" + strings.Join(lacks, " or ") + ")", "(" + strings.Join(mixes, " or ") + ")", strings.Join(sets, ", ")
}
