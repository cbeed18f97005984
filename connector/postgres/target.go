package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// shapeSQL is sqlstore.Target.Shape, of the rows of shapeFrom. Values travel in the binary form of their columns' types, which
// COPY can not tell from another type's of the same width; what makes a table staged decides over locks; and what takes null,
// and what null is to an index, decides which rows of a batch have one key.
const (
	shapeSQL = `min(concat_ws(' ', c.relkind, c.relrowsecurity, c.relhastriggers)) || ' ' ||
  (select concat(count(*), '/', count(*) filter (where to_jsonb(i) @> '{"indnullsnotdistinct": true}'))
    from pg_index i where i.indrelid = to_regclass(@table) and (i.indisunique or i.indisexclusion)) || ' ' ||
  string_agg(concat_ws(' ', quote_ident(a.attname), a.atttypid, a.atttypmod, a.attcollation, a.attgenerated, a.attnotnull), ',' order by a.attnum)`
	shapeFrom = ` from pg_class c join pg_attribute a on a.attrelid = c.oid where c.oid = to_regclass(@table) and a.attnum > 0 and not a.attisdropped`
)

// sameSQL fails by itself, as compareSQL does, unless the table still has the shape that the rows were encoded for. What it
// costs is its planning, in each commit. REQUIRES: the transaction holds a lock on the table that keeps its shape from
// changing, as any INSERT and COPY does.
const sameSQL = `select ('changed:@secret:' || count(*))::int` + shapeFrom + ` having ` + shapeSQL + ` is distinct from @shape; `

// targetSQL selects the columns, the table, and its shape. A temporary table has built-in types only, so that no worker
// stands in the way of who drops a type; what is of another type travels as text.
const targetSQL = `select a.attname, case when coalesce(b.typtype, t.typtype) = 'e' then 'enum' else coalesce(b.typname, t.typname) end,
  format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef or a.attidentity <> '', a.attgenerated <> '',
  case when coalesce(b.typnamespace, t.typnamespace) <> 'pg_catalog'::regnamespace then null
    when b.oid is null then format_type(t.oid, a.atttypmod) else format_type(b.oid, t.typtypmod) end,
  (select quote_ident(n.nspname) || '.' || quote_ident(k.collname) from pg_collation k join pg_namespace n on n.oid = k.collnamespace
    where k.oid = a.attcollation and k.collname <> 'default'),
  (select string_agg(k.oid::regclass::text, ', ') from pg_attrdef f join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid
    and d.refclassid = 'pg_class'::regclass join pg_class k on k.oid = d.refobjid
    where f.adrelid = a.attrelid and f.adnum = a.attnum and case when k.relkind = 'S' then not has_sequence_privilege(k.oid, 'USAGE, UPDATE') end)
 from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_type b on b.oid = t.typbasetype
 where a.attrelid = to_regclass(@table) and a.attnum > 0 and not a.attisdropped order by a.attnum;
select c.relkind not in ('r', 'p') or c.relrowsecurity
  or exists (select from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal)
  or exists (select from pg_index i where (i.indisunique or i.indisexclusion)
    and (i.indrelid = c.oid or i.indrelid in (select relid from pg_partition_tree(c.oid)))),
  keyed.n > 0, keyed.equal_nulls > 0
 from pg_class c cross join lateral (select count(*) as n, count(*) filter (where to_jsonb(i) @> '{"indnullsnotdistinct": true}') as equal_nulls
   from pg_index i where i.indrelid = c.oid and i.indisunique and i.indimmediate and i.indpred is null and i.indexprs is null
    and (select array_agg(a.attname::text order by a.attname::text) from unnest(i.indkey::int2[]) with ordinality k (num, n)
      join pg_attribute a on a.attrelid = c.oid and a.attnum = k.num where k.n <= i.indnkeyatts)
      = (select array_agg(k order by k) from unnest(@key::text[]) k)) keyed
 where c.oid = to_regclass(@table);
select ` + shapeSQL + shapeFrom

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

// target is sqlstore.TargetSQL.Read. The rows go through a temporary table where writing them directly would hold locks
// that another owner may need while this client sends (law 11: unique keys, triggers), or COPY can not write there at all
// (views, row security).
func (s *session) target(ctx context.Context, j sqlstore.Job) (*sqlstore.Target, error) {
	key := make([]ledger.Move, len(j.Key)) // texts makes arrays of what moves say
	for i, k := range j.Key {
		key[i].Topic = k
	}
	name := sqlstore.Qualified(j.Table, ident)
	res, err := s.Exec(ctx, sqlstore.Fill(targetSQL, "@table", quote(name),
		"@key", texts(key, func(m ledger.Move) string { return m.Topic })))
	if err != nil {
		s.Rollback(ctx, err)
		return nil, s.edge(ctx, err)
	}
	if len(res[1]) == 0 {
		return nil, &fencepost.UserError{Code: "table-not-found", Help: ddlHelp,
			Err: fmt.Errorf("database %s has no table %s", s.config.Database, j.Table)}
	}
	isTrue := func(b []byte) bool { return string(b) == "t" }
	keyed := isTrue(res[1][0][1])
	t := &sqlstore.Target{SQL: name, Staged: isTrue(res[1][0][0]), Shape: string(res[2][0][0]),
		KeyFaults: func(func(string) bool) []sqlstore.Misfit { return notKeyed(j, keyed) }}
	if t.NullKeys = "are appended"; isTrue(res[1][0][2]) {
		t.NullKeys, t.EqualNulls = "replace each other (NULLS NOT DISTINCT)", true // Postgres 15
	}
	for _, r := range res[0] {
		col := sqlstore.Column{Name: string(r[0]), Type: string(r[1]), SQL: string(r[2]), Shown: string(r[2]), Generated: isTrue(r[5]), Unfilled: "null"}
		if col.Stage = string(r[6]); r[6] == nil {
			col.Stage, col.Cast = "text", "::"+col.SQL
		}
		if r[7] != nil {
			col.Collate = " collate " + string(r[7])
		}
		switch fallback := isTrue(r[4]); {
		case col.Generated:
			col.Unfilled = "generated"
		case fallback:
			col.Unfilled = "default"
		default:
			col.Required = isTrue(r[3])
		}
		if r[8] != nil {
			col.Denied = &sqlstore.Misfit{Code: "database-denied", Text: fmt.Sprintf("column %s of table %s counts by %s, which this user may not", col.Name, j.Table, r[8]),
				Help: fmt.Sprintf("GRANT USAGE ON SEQUENCE %s TO %s;", r[8], plain(s.config.User))}
		}
		col.Nullable = !isTrue(r[3])
		col.Exact = exactly(j, col)
		t.Columns = append(t.Columns, col)
	}
	return t, nil
}

// notKeyed is the refusal of an upsert unless a unique index is exactly the job's Key.
func notKeyed(j sqlstore.Job, keyed bool) []sqlstore.Misfit {
	if keyed {
		return nil
	}
	return []sqlstore.Misfit{{Code: "key-not-unique", Text: fmt.Sprintf("table %s has no unique index on exactly (%s)", j.Table, strings.Join(j.Key, ", ")),
		Help: fmt.Sprintf("CREATE UNIQUE INDEX ON %s (%s);", j.Table, plains(j.Key))}}
}
