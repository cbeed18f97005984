package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost/internal/sqlstore"
)

// shapeSQL is sqlstore.Target.Shape, of the rows of shapeFrom. Values travel in the binary form of their columns' types, which
// COPY cannot distinguish from another type's of the same width; what makes a table staged decides over locks; and what takes null,
// and what null is to an index, decides which rows of a batch have one key.
const (
	shapeSQL = `min(concat_ws(' ', c.relkind, c.relpersistence, c.relrowsecurity, c.relhastriggers, c.relhasrules)) || ' ' ||
  (select concat(count(*), '/', count(*) filter (where to_jsonb(i) @> '{"indnullsnotdistinct": true}'))
    from pg_index i where i.indrelid = @oid and (i.indisunique or i.indisexclusion)) || ' ' ||
  string_agg(concat_ws(' ', quote_ident(a.attname), a.atttypid, a.atttypmod, a.attcollation, a.attgenerated, a.attnotnull), ',' order by a.attnum)`
	shapeFrom = ` from pg_class c join pg_attribute a on a.attrelid = c.oid where c.oid = @oid and a.attnum > 0 and not a.attisdropped`
)

// sameSQL fails by itself, as compareSQL does, unless the table still has the shape that the rows were encoded for. What it
// costs is its planning, in each commit. REQUIRES: the transaction holds a lock on the table that keeps its shape from
// changing, as any INSERT and COPY does.
const sameSQL = `select ('changed:@secret:' || count(*))::int` + shapeFrom + ` having ` + shapeSQL + ` is distinct from @shape; `

// The table of targetSQL is looked up once, and read as of one moment: of a table that is swapped in between, the columns
// of the one would go with the shape of the other, and no commit would notice.
const (
	pinSQL = snapshot + `select set_config('fencepost.target', coalesce(to_regclass(@table)::oid::text, ''), true); `
	pinned = `nullif(current_setting('fencepost.target'), '')::oid`
)

// keyedSQL holds for an index i of the table c by which an upsert by the key goes.
const keyedSQL = `i.indrelid = c.oid and i.indisunique and i.indimmediate and i.indpred is null and i.indexprs is null
  and (select array_agg(e.attname::text order by e.attname::text) from unnest(i.indkey::int2[]) with ordinality k (num, n)
    join pg_attribute e on e.attrelid = c.oid and e.attnum = k.num where k.n <= i.indnkeyatts)
    = (select array_agg(k order by k) from unnest(@key::text[]) k)`

// targetSQL selects the columns, the table, its shape, and what of it is loose. A temporary table has built-in types only, so that no
// worker blocks a DROP TYPE; what is of another type travels as text. Keys are compared by the index's
// collation, which may merge what the column's does not. A view's column may be computed;
// where a trigger takes its rows, none is.
const targetSQL = pinSQL + `select a.attname, case when coalesce(b.typtype, t.typtype) = 'e' then 'enum' when t.typcategory = 'A' and b.oid is null then format_type(t.oid, null) else coalesce(b.typname, t.typname) end,
  format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef or a.attidentity <> '',
  a.attgenerated <> '' or c.relkind = 'v' and pg_relation_is_updatable(c.oid, false) & 8 <> 0 and not pg_column_is_updatable(c.oid, a.attnum, false),
  case when coalesce(b.typnamespace, t.typnamespace) <> 'pg_catalog'::regnamespace then null
    when b.oid is null then format_type(t.oid, a.atttypmod) else format_type(b.oid, t.typtypmod) end,
  (select quote_ident(n.nspname) || '.' || quote_ident(k.collname) from pg_collation k join pg_namespace n on n.oid = k.collnamespace
    where k.oid = coalesce((select y.oid from pg_index i cross join unnest(i.indkey::int2[], i.indcollation::oid[]) u (num, coll)
      join pg_collation y on y.oid = u.coll where u.num = a.attnum and not y.collisdeterministic and @keyed limit 1), a.attcollation) and k.collname <> 'default'),
  a.attidentity = 'a', case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,
  case when coalesce(b.typtype, 'b') = 'e' then format_type(b.oid, null) end,
  (select string_agg(k.oid::regclass::text, ', ') from pg_depend e join pg_class k on k.oid = e.refobjid where e.classid = 'pg_attrdef'::regclass and e.objid = d.oid
    and e.refclassid = 'pg_class'::regclass and case when k.relkind = 'S' then not has_sequence_privilege(k.oid, 'USAGE, UPDATE') end)
 from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_type t on t.oid = a.atttypid left join pg_type b on b.oid = t.typbasetype
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where a.attrelid = @oid and a.attnum > 0 and not a.attisdropped order by a.attnum;
select c.relkind, c.relkind not in ('r', 'p') or c.relrowsecurity or c.relhasrules
  or exists (select from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal)
  or exists (select from pg_index i where (i.indisunique or i.indisexclusion)
    and (i.indrelid = c.oid or i.indrelid in (select relid from pg_partition_tree(c.oid)))),
  c.relkind <> 'r' or c.relhasrules or exists (select from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal),
  keyed.n > 0, keyed.equal_nulls > 0, pg_relation_is_updatable(c.oid, true) & 8 <> 0,
  (select string_agg(quote_ident(w.rulename), chr(10) order by w.rulename) from pg_rewrite w
    where w.ev_class = c.oid and w.ev_type in ('2', '3') and w.ev_enabled in ('O', 'A'))
 from pg_class c cross join lateral (select count(*) as n, count(*) filter (where to_jsonb(i) @> '{"indnullsnotdistinct": true}') as equal_nulls
   from pg_index i where @keyed) keyed
 where c.oid = @oid;
select ` + shapeSQL + shapeFrom + `;
` + belowSQL + `; rollback`

// namesakeSQL selects the user's own tables that the name batch may mean. Temporary tables come first, unless the search
// path says otherwise.
const namesakeSQL = `select quote_ident(n.nspname) || '.' || c.relname as own from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relname = 'batch' and c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname = any (current_schemas(false)) and n.oid <> pg_my_temp_schema()`

// aloneSQL fails by itself, as compareSQL does, if there is one. Behind the SQL of the user it knows of all that came before.
const aloneSQL = `select ('namesake:@secret:' || own)::int from (` + namesakeSQL + `) n; `

// namesake is sqlstore.TargetSQL.Namesake.
func (s *session) namesake(ctx context.Context) (table string, err error) {
	res, err := s.Exec(ctx, namesakeSQL)
	if err != nil || len(res[0]) == 0 {
		return "", err
	}
	return string(res[0][0][0]), nil
}

// relation is a row of the second select of targetSQL.
type relation struct {
	kind                                       byte // pg_class.relkind
	staged, open, keyed, equalNulls, takesRows bool
	rules                                      []string // on INSERT and UPDATE, as SQL
}

func relationOf(r [][]byte) relation {
	is := relation{kind: r[0][0], staged: isTrue(r[1]), open: isTrue(r[2]), keyed: isTrue(r[3]), equalNulls: isTrue(r[4]), takesRows: isTrue(r[5])}
	if r[6] != nil {
		is.rules = strings.Split(string(r[6]), "\n")
	}
	return is
}

func isTrue(b []byte) bool { return string(b) == "t" }

// target is sqlstore.TargetSQL.Read. The rows go through a temporary table where writing them directly would hold locks
// that another owner may need while this client sends (law 11: unique keys, triggers), or COPY cannot write there at all
// (views, row security), or passes over what INSERT does (rules).
func (s *session) target(ctx context.Context, j sqlstore.Job) (*sqlstore.Target, error) {
	name := sqlstore.Qualified(j.Table, ident)
	res, err := s.Exec(ctx, sqlstore.Fill(targetSQL, "@table", quote(name), "@oid", pinned, "@loose", looseSQL(j), "@keyed", sqlstore.Fill(keyedSQL, "@key", textArray(j.Key))))
	if err != nil {
		s.Rollback(ctx, err)
		return nil, s.edge(ctx, err)
	}
	res = res[1:] // behind pinSQL's
	if len(res[1]) == 0 {
		return nil, s.notThere(ctx, j)
	}
	is := relationOf(res[1][0])
	if is.kind == 'v' && is.takesRows && len(j.Key) > 0 {
		if is.keyed, err = s.keyedView(ctx, name, j.Key); err != nil {
			return nil, err
		}
	}
	t := &sqlstore.Target{SQL: name, Staged: is.staged, Open: is.open, Shape: string(res[2][0][0]), Faults: unwritable(j, is), NullKeys: "are appended"}
	if is.equalNulls { // Postgres 15
		t.NullKeys, t.EqualNulls = "replace each other (NULLS NOT DISTINCT)", true
	}
	for _, r := range res[3] {
		t.Faults = append(t.Faults, parted(string(r[0])))
	}
	var fixed []string
	for _, r := range res[0] {
		t.Columns = append(t.Columns, columnOf(j, is, r))
		if isTrue(r[8]) {
			fixed = append(fixed, string(r[0]))
		}
		if denied := r[11]; denied != nil {
			t.Columns[len(t.Columns)-1].Denied = &sqlstore.Misfit{Code: "database-denied", Text: fmt.Sprintf("column %s of table %s counts by %s, which this user may not", r[0], j.Table, denied),
				Help: fmt.Sprintf("GRANT USAGE ON SEQUENCE %s TO %s;", denied, plain(s.config.User))}
		}
	}
	t.KeyFaults = func(filled func(string) bool) []sqlstore.Misfit {
		return append(unkeyed(j, is), unchangeable(j, fixed, filled)...)
	}
	return t, nil
}

// nearSQL selects a table of that name in another case or another schema, or of a name that is all of what was written.
const nearSQL = `select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'v', 'f') and lower(c.relname) in (lower(@name), lower(@whole)) and n.nspname not in ('pg_catalog', 'information_schema')
 order by lower(n.nspname) = lower(@schema) desc, n.nspname = any (current_schemas(false)) desc, c.relname = @name desc, n.nspname, c.relname limit 1`

// notThere is the error of a table that is not there.
func (s *session) notThere(ctx context.Context, j sqlstore.Job) error {
	parts, _ := sqlstore.ParseName(j.Table)
	res, err := s.Exec(ctx, sqlstore.Fill(nearSQL, "@name", quote(parts[len(parts)-1]), "@whole", quote(j.Table), "@schema", quote(parts[0])))
	if err != nil {
		s.Rollback(ctx, err)
		return s.edge(ctx, err)
	}
	var near []string
	if len(res[0]) > 0 {
		near = []string{string(res[0][0][0]), string(res[0][0][1])}
	}
	return system.NotThere(j, s.config.Database, near)
}

// columnOf reads a row of the first select of targetSQL.
func columnOf(j sqlstore.Job, is relation, r [][]byte) sqlstore.Column {
	col := sqlstore.Column{Name: string(r[0]), Type: string(r[1]), SQL: string(r[2]), Shown: string(r[2]), Generated: isTrue(r[5]), Unfilled: "null"}
	if col.Stage = string(r[6]); r[6] == nil {
		col.Stage, col.Cast = "text", "::"+col.SQL
	}
	if r[10] != nil { // the operators of enumerations are for any of them, but for no domain
		col.Base = "::" + string(r[10])
	}
	if r[7] != nil {
		col.Collate = " collate " + string(r[7])
	}
	switch fallback := isTrue(r[4]); {
	case col.Generated:
		col.Unfilled = "generated"
	case fallback:
		col.Unfilled = "default"
	case is.kind == 'v':
		col.Unfilled = "null or default"
	default:
		col.Required = isTrue(r[3])
	}
	col.Nullable, col.Default = !isTrue(r[3]), string(r[9])
	switch {
	case is.kind == 'v' && col.Default == "":
		col.Unleft = "the view has none, and its table's is not the view's to give"
	case isTrue(r[4]) && col.Default == "":
		col.Unleft = "it is an identity column"
	}
	col.Exact = exactly(j, col)
	col.Converts = "::" + col.SQL
	return col
}

// keyedView reports whether the server finds a unique index for an upsert through a view. The columns of a view may have other
// names than those of its table, so that the server is asked: to explain an INSERT plans it and does not run it.
func (s *session) keyedView(ctx context.Context, view string, key []string) (bool, error) {
	nulls := sqlstore.Join(key, func(string) string { return "null" })
	_, err := s.Exec(ctx, "explain insert into "+view+" ("+idents(key)+") overriding system value select "+nulls+" on conflict ("+idents(key)+") do nothing")
	if pg := new(pgconn.PgError); errors.As(err, &pg) && (pg.Code == "42P10" || pg.Code == "55000" || pg.Code == "0A000") {
		return false, nil
	}
	if err != nil {
		s.Rollback(ctx, err)
		return false, s.edge(ctx, err)
	}
	return true, nil
}

// otherKinds are what a name may mean that takes no rows. :: relkind -> what it is
var otherKinds = map[byte]string{'m': "a materialized view", 'S': "a sequence", 'c': "a composite type", 'i': "an index", 'I': "an index", 't': "a TOAST table"}

// unwritable is why nothing can be written there.
func unwritable(j sqlstore.Job, is relation) []sqlstore.Misfit {
	if what := otherKinds[is.kind]; what != "" {
		return []sqlstore.Misfit{{Code: "table-not-writable", Text: fmt.Sprintf("%s is %s, which takes no rows", j.Table, what), Help: "name a table"}}
	}
	if is.kind == 'v' && !is.takesRows {
		return []sqlstore.Misfit{{Code: "table-not-writable", Text: fmt.Sprintf("view %s takes no rows: the server can not tell which ones of its tables they are for", j.Table),
			Help: "name the table behind it in table; or write into its tables by sql"}}
	}
	return nil
}

// unkeyed is the refusal of an upsert unless a unique index is exactly the job's Key, and the table has no rule.
func unkeyed(j sqlstore.Job, is relation) []sqlstore.Misfit {
	m := sqlstore.Misfit{Code: "key-not-unique"}
	switch {
	case !is.takesRows && is.kind != 'f':
		return nil // its refusal is reported already
	case is.kind == 'f':
		m.Text, m.Help = fmt.Sprintf("foreign table %s takes no upsert by a key", j.Table), "leave key out to append"
	case is.kind == 'v' && !is.keyed:
		m.Text = fmt.Sprintf("view %s has no table behind it with a unique index on exactly (%s)", j.Table, strings.Join(j.Key, ", "))
		m.Help = "name the table behind it in table; or write the upsert as sql"
	case !is.keyed:
		m.Text = fmt.Sprintf("table %s has no unique index on exactly (%s)", j.Table, strings.Join(j.Key, ", "))
		m.Help = fmt.Sprintf("CREATE UNIQUE INDEX ON %s (%s);", sqlstore.Qualified(j.Table, plain), plains(j.Key))
	case len(is.rules) > 0:
		m.Text = fmt.Sprintf("table %s has rules on INSERT or UPDATE (%s), beside which Postgres takes no upsert", j.Table, strings.ReplaceAll(strings.Join(is.rules, ", "), `"`, ""))
		on := " ON " + sqlstore.Qualified(j.Table, plain) + ";"
		m.Help = "DROP RULE " + strings.Join(is.rules, on+" DROP RULE ") + on + "   or leave key out to append"
	default:
		return nil
	}
	return []sqlstore.Misfit{m}
}

// unchangeable is the refusal of an upsert that would have to change columns that are generated always as identity.
func unchangeable(j sqlstore.Job, fixed []string, filled func(string) bool) (bad []sqlstore.Misfit) {
	for _, name := range fixed {
		if filled(name) && !slices.Contains(j.Key, name) {
			bad = append(bad, sqlstore.Misfit{Code: "column-type", Column: name,
				Text: fmt.Sprintf("column %s of table %s is generated always as identity: an upsert by (%s) can not change it", name, j.Table, strings.Join(j.Key, ", ")),
				Help: fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET GENERATED BY DEFAULT;   or drop it from schema", sqlstore.Qualified(j.Table, plain), plain(name))})
		}
	}
	return bad
}
