package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

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
	t := &sqlstore.Target{SQL: name, Staged: isTrue(res[1][0][0]),
		KeyFaults: func(func(string) bool) []sqlstore.Misfit { return notKeyed(j, keyed) }}
	for _, r := range res[0] {
		col := sqlstore.Column{Name: string(r[0]), Type: string(r[1]), SQL: string(r[2]), Shown: string(r[2]), Generated: isTrue(r[5]), Unfilled: "null"}
		switch fallback := isTrue(r[4]); {
		case col.Generated:
			col.Unfilled = "generated"
		case fallback:
			col.Unfilled = "default"
		default:
			col.Required = isTrue(r[3])
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
