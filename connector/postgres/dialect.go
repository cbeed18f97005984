package postgres

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

const ddlHelp = `fencepost ddl FILE | psql -v ON_ERROR_STOP=1 "$DATABASE_URL"`

// ownerHelp is for a user that may not do it itself.
const ownerHelp = `as the owner of the tables: fencepost ddl FILE | psql -v ON_ERROR_STOP=1 OWNER_URL   (its GRANT lines are for the user of dsn; what your own SQL names is yours to grant)`

var system = sqlstore.System{Name: "postgres", Title: "Postgres", DDL: ddlHelp, Owner: ownerHelp,
	NoTable:  ddlHelp + "   (the ledger and sink.table; tables that your SQL names are yours to create)",
	NoRight:  ownerHelp,
	NoLogin:  "mend user and password in the dsn, or the server's pg_hba.conf",
	NotFound: "set search_path for this user to one schema that exists"}

var spelling = sqlstore.Spelling{Ident: ident, Literal: quote, Plain: plain, TooLong: tooLong,
	Text: func(expr string) string { return "(" + expr + `)::text COLLATE "C"` }}

// tooLong is sqlstore.Spelling.TooLong. It returns why Postgres does not take a name; empty: it does. It would cut the name, and say nothing.
func tooLong(name string) string {
	if len(name) <= 63 {
		return ""
	}
	return fmt.Sprintf("has %d bytes, and Postgres takes 63", len(name))
}

// dialect is Postgres as the core of the SQL connectors sees it.
func dialect() *sqlstore.Dialect[*session] {
	return &sqlstore.Dialect[*session]{
		System: system, Spelling: spelling, Syntax: syntax,
		Another: (*session).another, Each: (*session).each, Server: (*session).server, Place: (*session).serverPlace, ReadOnly: (*session).readOnly,
		Process: (*session).serverProcess, Waits: (*session).waits,
		Errors: sqlstore.Errors[*session]{Edge: (*session).edge, Outcome: (*session).outcome, Sendable: sendable},
		Tables: sqlstore.TableSQL[*session]{Locate: func(*session) string { return locateSQL }, Make: (*session).makeTables,
			Refused: (*session).mayNotCreate, Lacks: (*session).lacks, MakeLater: (*session).makeLater,
			PutReport: "on conflict (group_name, subject) do update set report = excluded.report",
			Place: func(_ *session, t sqlstore.Tables) string {
				return "schema " + strings.TrimSuffix(t.Groups, "."+sqlstore.TableNames[0])
			}},
		Ledger: sqlstore.LedgerSQL[*session]{Begin: begin, Snapshot: snapshot, Last: lastSQL, Indexed: indexSQL,
			Micros:  func(column string) string { return "(extract(epoch from " + column + ") * 1000000)::bigint" },
			Compare: (*session).compare, Move: (*session).move, Held: (*session).held, Letters: letters, TopicID: parseUUID},
		Presence: presence,
		Target: sqlstore.TargetSQL[*session]{Read: (*session).target, Try: (*session).try, Namesake: (*session).namesake, Parted: parted, Pairs: pairs, Narrows: (*session).narrows,
			Natural: func(t fencepost.Type) string { sql, _ := natural(t); return sql },
			Retype:  "ALTER TABLE @table ALTER COLUMN @column TYPE @type;",
			Provenance: func(*session) [3]string {
				return [3]string{`_topic::text collate "C"`, "_partition::bigint", "_offset::bigint"}
			}},
	}
}

// begin opens every transaction of this package. READ COMMITTED is part of the compare-and-set: after the wait for a
// row it must see what the other transaction left there, and not fail for having begun before.
const begin = "begin isolation level read committed; "

// snapshot opens a transaction that reads as of one moment.
const snapshot = "begin isolation level repeatable read read only;\n"

// lastSQL chooses the last move of each partition and cause, each with one step into the index fencepost_moves_last. No
// partition has moves that its topic's state does not count. The cause is compared as a range: by it the order is one that only
// this index has. Else the planner, after some samples of ANALYZE, walks back the primary key and passes whole partitions.
const lastSQL = `select last.* from @groups r cross join generate_series(0, r.partitions - 1) p (partition)
   cross join unnest(array['start', 'commit', 'gap', 'skip', 'rewind', 'import']) c (cause)
   cross join lateral (select * from @moves where group_name = @group and topic = r.topic and partition = p.partition and cause >= c.cause and cause <= c.cause
     order by cause desc, id desc limit 1) last
   where r.group_name = @group and r.topic <> ''`

// indexSQL has a row if that index is there.
const indexSQL = `select from pg_index i join pg_class c on c.oid = i.indexrelid
 where i.indrelid = '@moves'::regclass and c.relname = 'fencepost_moves_last' and i.indisvalid`

// parseUUID reads a topic ID; it is zero for null.
func parseUUID(b []byte) (id fencepost.TopicID, err error) {
	if b == nil {
		return id, nil
	}
	digits, err := hex.DecodeString(strings.ReplaceAll(string(b), "-", ""))
	if err != nil || len(digits) != len(id) {
		return id, fmt.Errorf("parse uuid %q", b)
	}
	return fencepost.TopicID(digits), nil
}

// another is a session to the same database, with a connection of its own.
func (s *session) another() *session {
	return &session{config: s.config, pooled: atomic.LoadUint32(&s.pooled)}
}

// server is the server's name and version, and whether a pooler is between: Postgres 15.18.
func (s *session) server() string {
	v, _, _ := strings.Cut(s.conn.PgConn().ParameterStatus("server_version"), " ")
	if pooled(s.conn) {
		v += " through a pooler"
	}
	return "Postgres " + v
}

// each is sqlstore.Dialect.Each.
func (s *session) each(ctx context.Context, statements string, f func(row [][]byte) (bool, error)) error {
	many := s.conn.PgConn().Exec(ctx, statements)
	for many.NextResult() {
		for r := many.ResultReader(); r.NextRow(); {
			if more, err := f(r.Values()); !more || err != nil {
				return err // to drop the session ends the query
			}
		}
	}
	return many.Close()
}
