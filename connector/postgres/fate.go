package postgres

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost/internal/sqlstore"
)

// What a batch writes must share the fate of its moves. An unlogged table is emptied after a crash of the server, and a
// foreign table commits on a server of its own. A batch may come to one through a partition, a view, a rule, a trigger or a
// function. The catalogue does not say where a function writes, but each table that a transaction has written is locked in
// a mode of its own until the transaction ends, and the transaction can see its locks.

// writtenSQL is the locks of tables that this transaction has written.
const writtenSQL = `pg_locks l where l.pid = pg_backend_pid() and l.locktype = 'relation' and l.mode in ('RowExclusiveLock', 'AccessExclusiveLock')`

// looseSQL holds for a table c that is emptied by a crash, or commits elsewhere. A foreign table is fit where the ledger is
// elsewhere too. The persistence of a partitioned table means nothing: each partition has its own.
func looseSQL(j sqlstore.Job) string {
	if j.NoLedger {
		return "(c.relkind = 'r' and c.relpersistence = 'u')"
	}
	return "(c.relkind = 'f' or c.relkind = 'r' and c.relpersistence = 'u')"
}

const partedSQL = `select ('parted:@secret:' || c.relkind::text || c.oid::regclass)::int from `

// wroteSQL fails by itself, as compareSQL does, if the transaction has written such a table. REQUIRES: deferred triggers have
// run.
func wroteSQL(j sqlstore.Job, secret string) string {
	return sqlstore.Fill(partedSQL, "@secret", secret) + "pg_class c, " + writtenSQL + " and c.oid = l.relation and " + looseSQL(j) + "; "
}

// reachesSQL fails as wroteSQL does, and also for a partition of a table that was written, whether or not a row went there.
func reachesSQL(j sqlstore.Job, secret string) string {
	return sqlstore.Fill(partedSQL, "@secret", secret) + "pg_class c where " + looseSQL(j) + " and exists (select from " + writtenSQL +
		" and (l.relation = c.oid or l.relation in (select a.relid from pg_partition_ancestors(c.oid) a))); "
}

// belowSQL selects those of a table and its partitions that are loose, as partedSQL names them.
const belowSQL = `select c.relkind::text || c.oid::regclass::text from pg_class c
 where @loose and (c.oid = @oid or c.oid in (select relid from pg_partition_tree(@oid))) order by 1`

// parted is sqlstore.TargetSQL.Parted. detail is the relkind and the name of the table.
func parted(detail string) sqlstore.Misfit {
	kind, name := detail[:1], detail[1:]
	if kind == "f" {
		return sqlstore.Misfit{Code: notTransactional, Text: fmt.Sprintf("foreign table %s commits on its own server: rows and moves would part", name),
			Help: "write into a table of this database, and have its rows fetched from there; " + apartHelp}
	}
	return sqlstore.Misfit{Code: notTransactional, Text: fmt.Sprintf("unlogged table %s is emptied after a crash of the server, and the ledger is not: its rows would be lost", name),
		Help: fmt.Sprintf("ALTER TABLE %s SET LOGGED;", name)}
}

const (
	notTransactional = "table-not-transactional"
	apartHelp        = "or keep the ledger in a store of its own (ledger:), which is at least once"
)

// remoteSQL selects the functions of dblink that the job's SQL reaches, or a trigger on what it names or on the job's table. They
// send statements over a connection of their own, which leaves no lock in this transaction. Functions and tables are found
// by their names in SQL and in the text of functions: a function may be listed that is never called for a row.
const remoteSQL = `with recursive dblink as (select d.objid as oid from pg_extension e join pg_depend d on d.refclassid = 'pg_extension'::regclass
   and d.refobjid = e.oid and d.classid = 'pg_proc'::regclass where e.extname = 'dblink'),
 rel as (select c.oid from pg_class c where c.relkind in ('r', 'p', 'v')
   and (c.oid = to_regclass(@table) or c.relnamespace not in (@system) and @named)
  union select x.oid from rel r cross join lateral (select inhrelid from pg_inherits where inhparent = r.oid
   union all select d.refobjid from pg_rewrite w join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
    and d.refclassid = 'pg_class'::regclass where w.ev_class = r.oid) x (oid)),
 fn as (select p.oid, p.proname, p.prosrc from pg_proc p where (p.oid in (select g.tgfoid from pg_trigger g
   join rel r on r.oid = g.tgrelid where not g.tgisinternal and g.tgenabled <> 'D') or p.pronamespace not in (@system) and @called)
  union select p.oid, p.proname, p.prosrc from fn f join pg_proc p on p.pronamespace not in (@system) and (@inner or exists (select from pg_depend d
   where d.classid = 'pg_proc'::regclass and d.objid = f.oid and d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid)))
select distinct proname from fn where oid in (select oid from dblink) order by 1`

// named is a condition: a text has a name as a word.
func named(text, name string) string {
	return `lower(` + text + `) ~ ('\m' || regexp_replace(lower(` + name + `), '\W', '\\\&', 'g') || '\M')`
}

// extendedSQL selects a row where dblink is installed. Without it there is nothing to look for, which would take 0.3 s: each
// function of the server is compared with each name.
const extendedSQL = "select 1 from pg_extension where extname = 'dblink'"

// remote refuses a job that reaches dblink.
func (s *session) remote(ctx context.Context, j sqlstore.Job, t *sqlstore.Target) error {
	if j.NoLedger {
		return nil
	}
	if res, err := s.Exec(ctx, extendedSQL); err != nil || len(res[0]) == 0 {
		return err
	}
	table := "null"
	if t != nil {
		table = quote(t.SQL)
	}
	res, err := s.Exec(ctx, sqlstore.Fill(remoteSQL, "@table", table, "@named", named(quote(j.SQL), "c.relname"), "@called", named(quote(j.SQL), "p.proname"),
		"@inner", named("f.prosrc", "p.proname"), "@system", "'pg_catalog'::regnamespace, 'information_schema'::regnamespace"))
	if err != nil || len(res[0]) == 0 {
		return err
	}
	return sqlstore.Misfit{Code: notTransactional, Text: fmt.Sprintf("function %s sends statements over a connection of its own: what they do is no part of the transaction", res[0][0][0]),
		Help: "write into a table of this database, and have its rows fetched from there; to read, name a foreign table of postgres_fdw; " + apartHelp}.Fault()
}
