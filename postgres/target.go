package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// target is a table as the catalogue describes it.
type target struct {
	columns []targetColumn
	// staged: the rows go through a temporary table, because writing them directly would hold locks that another owner
	// may need while this client sends (law 11: unique keys, triggers), or COPY can not write there at all (views,
	// row security).
	staged bool
	// keyed: a unique index is exactly the Config's Key.
	keyed bool
}

type targetColumn struct {
	name      string
	typ       string // pg_type's name, of what a domain is over; "enum" for enumerations
	sql       string // the type as DDL names it
	notNull   bool
	fallback  bool // has a default, or is an identity
	generated bool // can not be written
}

func (t *target) column(name string) *targetColumn {
	i := slices.IndexFunc(t.columns, func(c targetColumn) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return &t.columns[i]
}

const targetSQL = `select a.attname, case when coalesce(b.typtype, t.typtype) = 'e' then 'enum' else coalesce(b.typname, t.typname) end,
  format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef or a.attidentity <> '', a.attgenerated <> ''
 from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_type b on b.oid = t.typbasetype
 where a.attrelid = to_regclass(@table) and a.attnum > 0 and not a.attisdropped order by a.attnum;
select c.relkind not in ('r', 'p') or c.relrowsecurity
  or exists (select from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal)
  or exists (select from pg_index i where (i.indisunique or i.indisexclusion)
    and (i.indrelid = c.oid or i.indrelid in (select relid from pg_partition_tree(c.oid)))),
  exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indimmediate and i.indpred is null and i.indexprs is null
    and (select array_agg(a.attname::text order by a.attname::text) from unnest(i.indkey::int2[]) with ordinality k (num, n)
      join pg_attribute a on a.attrelid = c.oid and a.attnum = k.num where k.n <= i.indnkeyatts)
      = (select array_agg(k order by k) from unnest(@key::text[]) k))
 from pg_class c where c.oid = to_regclass(@table)`

// readTarget asks the catalogue about the Config's table.
func readTarget(ctx context.Context, s *session, c Config) (*target, error) {
	key := make([]ledger.Move, len(c.Key)) // texts makes arrays of what moves say
	for i, k := range c.Key {
		key[i].Topic = k
	}
	sql := strings.NewReplacer("@table", quote(c.table()),
		"@key", texts(key, func(m ledger.Move) string { return m.Topic })).Replace(targetSQL)
	res, err := s.exec(ctx, sql)
	if err != nil {
		s.rollback(ctx)
		return nil, s.edge(ctx, err)
	}
	if len(res[1].Rows) == 0 {
		return nil, &fencepost.Fault{Code: "table-not-found", Help: ddlHelp,
			Err: fmt.Errorf("database %s has no table %s", s.config.Database, c.Table)}
	}
	isTrue := func(b []byte) bool { return string(b) == "t" }
	t := &target{staged: isTrue(res[1].Rows[0][0]), keyed: isTrue(res[1].Rows[0][1])}
	for _, r := range res[0].Rows {
		t.columns = append(t.columns, targetColumn{name: string(r[0]), typ: string(r[1]), sql: string(r[2]),
			notNull: isTrue(r[3]), fallback: isTrue(r[4]), generated: isTrue(r[5])})
	}
	return t, nil
}

// misfit is why a batch can not go into a table.
type misfit struct {
	code, text, help string
	column           string // of the schema; empty: not about one
}

// fault is the misfit as an error. A caller that looks for *sink.Rejected finds it.
func (m misfit) fault() error {
	return &fencepost.Fault{Code: m.code, Help: m.help, Err: &sink.Rejected{Reason: m.text, Hint: m.help}}
}

// faults compares the columns of a schema with the table.
func (t *target) faults(c Config, columns []fencepost.ColumnSpec) (bad []misfit) {
	for _, spec := range columns {
		col := t.column(spec.Name)
		if col == nil {
			sql, _ := natural(spec.Type)
			bad = append(bad, misfit{"column-missing", fmt.Sprintf("table %s has no column %s", c.Table, spec.Name),
				fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s;   or drop it from schema", c.Table, plain(spec.Name), sql), spec.Name})
			continue
		}
		if m := t.misfit(c, spec, col); m.code != "" {
			bad = append(bad, m)
		}
	}
	for _, m := range fencepost.MetaColumns() {
		if col := t.column(m.Name); col != nil {
			if f := t.misfit(c, m, col); f.code != "" {
				f.column = ""
				bad = append(bad, f)
			}
		}
	}
	filled := func(name string) bool {
		return slices.ContainsFunc(slices.Concat(columns, fencepost.MetaColumns()), func(s fencepost.ColumnSpec) bool { return s.Name == name })
	}
	for _, col := range t.columns {
		if col.notNull && !col.fallback && !col.generated && !filled(col.name) {
			bad = append(bad, misfit{code: "column-unfilled",
				text: fmt.Sprintf("table %s wants a value in column %s (not null, no default), and the schema has none", c.Table, col.name),
				help: fmt.Sprintf("add %s to schema; or ALTER TABLE %s ALTER COLUMN %s SET DEFAULT ...", col.name, c.Table, plain(col.name))})
		}
	}
	return append(bad, t.keyFaults(c, filled)...)
}

// misfit compares one column of the schema with the table's column of that name.
func (t *target) misfit(c Config, spec fencepost.ColumnSpec, col *targetColumn) misfit {
	switch _, ok := pairOf(spec.Type, col.typ); {
	case col.generated:
		return misfit{"column-type", fmt.Sprintf("column %s of table %s is generated: it can not be written", spec.Name, c.Table),
			"drop it from schema", spec.Name}
	case !ok:
		return misfit{"column-type", fmt.Sprintf("column %s is %s, and %s in table %s does not take that", spec.Name, spec.Type, col.sql, c.Table),
			fmt.Sprintf("%s goes into %s", spec.Type, strings.Join(fitting(spec.Type), ", ")), spec.Name}
	}
	return misfit{}
}

// keyFaults looks at the Config's Key.
func (t *target) keyFaults(c Config, filled func(string) bool) (bad []misfit) {
	if len(c.Key) == 0 {
		return nil
	}
	for _, k := range c.Key {
		if t.column(k) == nil || !filled(k) {
			bad = append(bad, misfit{code: "key-unknown", text: fmt.Sprintf("key column %s is not in both schema and table %s", k, c.Table),
				help: "name columns of the schema"})
		}
	}
	if len(bad) == 0 && !t.keyed {
		bad = append(bad, misfit{code: "key-not-unique", text: fmt.Sprintf("table %s has no unique index on exactly (%s)", c.Table, strings.Join(c.Key, ", ")),
			help: fmt.Sprintf("CREATE UNIQUE INDEX ON %s (%s);", c.Table, plains(c.Key))})
	}
	return bad
}

// plan is how a batch of certain columns is written.
type plan struct {
	specs  []fencepost.ColumnSpec // of the batch
	fields []field
	create string // makes the temporary table; empty: none
	copy   string // the COPY statement
	after  string // statements behind the COPY, each with its semicolon; @savepoint is the savepoint's name
}

const (
	stageTable = "pg_temp.fencepost_batch"
	rowColumn  = "fencepost_row"
)

// fits reports whether the plan was made for a batch of these columns.
func (p *plan) fits(b *fencepost.Batch) bool {
	return p != nil && slices.EqualFunc(p.specs, b.Columns, func(s fencepost.ColumnSpec, c fencepost.Column) bool {
		return s.Name == c.Name && s.Type == c.Type
	})
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
func planTable(c Config, t *target, columns []fencepost.ColumnSpec) (*plan, error) {
	if bad := t.faults(c, columns); len(bad) > 0 {
		return nil, bad[0].fault()
	}
	p := &plan{specs: columns}
	var names, types []string
	for _, spec := range withMeta(columns, func(n string) bool { return t.column(n) != nil }) {
		col := t.column(spec.Name)
		if col == nil {
			continue // _key or _headers that an earlier schema of the table asked for
		}
		pair, _ := pairOf(spec.Type, col.typ)
		p.fields = append(p.fields, field{spec.Name, spec.Type, meta(spec.Name), pair.kind, col.sql})
		names, types = append(names, spec.Name), append(types, ident(spec.Name)+" "+col.sql)
	}
	list := idents(names, "")
	if !t.staged && len(c.Key) == 0 {
		p.copy = "copy " + c.table() + " (" + list + ") from stdin binary"
		return p, nil
	}
	p.create = "drop table if exists " + stageTable + "; create temporary table fencepost_batch (" + strings.Join(types, ", ")
	if len(c.Key) == 0 {
		p.create += ") on commit delete rows"
		p.copy = "copy " + stageTable + " (" + list + ") from stdin binary"
		p.after = "insert into " + c.table() + " (" + list + ") select " + list + " from " + stageTable + "; "
		return p, nil
	}
	p.create += ", " + rowColumn + " bigint) on commit delete rows"
	p.fields = append(p.fields, field{rowColumn, fencepost.Int, fromRow, kindInt8, "bigint"})
	p.copy = "copy " + stageTable + " (" + list + ", " + rowColumn + ") from stdin binary"
	p.after = upsertSQL(c, names)
	return p, nil
}

// upsertSQL takes the last row of each key, in the order of the keys: two lanes that meet in the same keys lock them
// in the same order. The same key twice in one statement would be an error (21000).
func upsertSQL(c Config, names []string) string {
	key, list := idents(c.Key, ""), idents(names, "")
	var set []string
	for _, n := range names {
		if !slices.Contains(c.Key, n) {
			set = append(set, ident(n)+" = excluded."+ident(n))
		}
	}
	do := "do nothing"
	if len(set) > 0 {
		do = "do update set " + strings.Join(set, ", ")
	}
	return fmt.Sprintf("insert into %s (%s) select distinct on (%s) %s from %s order by %s, %s desc on conflict (%s) %s; ",
		c.table(), list, key, list, stageTable, key, rowColumn, key, do)
}

// planSQL plans user SQL over the temporary table `batch`.
func planSQL(c Config, columns []fencepost.ColumnSpec) *plan {
	p := &plan{specs: columns}
	var list, types []string
	for _, spec := range withMeta(columns, func(n string) bool { return sqlstore.NamesWord(c.SQL, n) }) {
		sql, typ := natural(spec.Type)
		pair, _ := pairOf(spec.Type, typ)
		p.fields = append(p.fields, field{spec.Name, spec.Type, meta(spec.Name), pair.kind, sql})
		list, types = append(list, spec.Name), append(types, ident(spec.Name)+" "+sql)
	}
	p.create = "drop table if exists pg_temp.batch; create temporary table batch (" + strings.Join(types, ", ") + ") on commit delete rows"
	p.copy = "copy pg_temp.batch (" + idents(list, "") + ") from stdin binary"
	// The line break ends a comment at the end of the user's text. Deferred constraints are looked at before the
	// ledger's rows are locked, and as errors of rows.
	p.after = "savepoint @savepoint; " + c.SQL + "\n; release savepoint @savepoint; set constraints all immediate; "
	return p
}
