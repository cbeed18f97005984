package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

const ddlHelp = `fencepost ddl FILE | mysql DATABASE`

var system = sqlstore.System{Name: "mysql", Title: "MySQL and MariaDB", DDL: ddlHelp, Owner: ddlHelp, NoTable: ddlHelp,
	NoRight:  "the GRANT of: " + ddlHelp + "   (what your own SQL names is yours to grant)",
	NoLogin:  "mend user and password in the dsn, or the user's account on the server",
	NotFound: ddlHelp}

// spelling: the collations of names say that Orders and orders are the same, and bytes do not.
var spelling = sqlstore.Spelling{Ident: ident, Literal: quote, Plain: plain, TooLong: tooLong,
	Text: func(expr string) string { return "cast(convert(" + expr + " using utf8mb4) as binary)" }}

// tooLong is sqlstore.Spelling.TooLong. It returns why the server does not take a name; empty: it does.
func tooLong(name string) string {
	if n := utf8.RuneCountInString(name); n > 64 {
		return fmt.Sprintf("has %d characters, and the server takes 64", n)
	}
	return ""
}

// dialect is MySQL and MariaDB as the core of the SQL connectors sees them.
func dialect() *sqlstore.Dialect[*session] {
	return &sqlstore.Dialect[*session]{
		System: system, Spelling: spelling, Syntax: syntax,
		Another: (*session).another, Each: (*session).each,
		Server:  func(s *session) string { return s.server.name },
		Process: (*session).serverProcess, Waits: (*session).waits,
		Errors: sqlstore.Errors[*session]{Edge: (*session).edge, Outcome: (*session).outcome, Attempt: (*session).attempt},
		Tables: sqlstore.TableSQL[*session]{Locate: (*session).locate, Make: (*session).makeTables,
			Refused: (*session).mayNotCreate, Lacks: (*session).lacks, MakeLater: (*session).makeLater,
			PutReport: "on duplicate key update report = values(report)",
			Place:     func(s *session, _ sqlstore.Tables) string { return "database " + s.config.DBName }},
		Ledger: sqlstore.LedgerSQL[*session]{Begin: begin, Snapshot: snapshot, Last: lastSQL,
			Micros:  func(column string) string { return "timestampdiff(microsecond, '1970-01-01', " + column + ")" },
			Compare: (*session).compare, Move: (*session).move, Held: (*session).held, Letters: letters},
		Presence: presence,
		Target: sqlstore.TargetSQL[*session]{Read: (*session).target, Try: (*session).try, Namesake: (*session).namesake, Parted: parted, Pairs: pairs, Narrows: (*session).narrows,
			Natural: func(t fencepost.Type) string { sql, _ := natural(t); return sql },
			Retype:  "ALTER TABLE @table MODIFY @column @type;",
			Provenance: func(s *session) [3]string {
				return [3]string{"convert(_topic using utf8mb4) collate " + s.server.names(), "cast(_partition as signed)", "cast(_offset as signed)"}
			}},
	}
}

// begin opens every transaction of this package; preamble set its isolation level.
const begin = "start transaction; "

// snapshot opens a transaction that reads as of one moment, which READ COMMITTED would renew for each statement.
const snapshot = "set transaction isolation level repeatable read; start transaction with consistent snapshot; "

// lastSQL chooses the last move of each partition and cause. The index fencepost_moves_last has them at the end of each
// of its groups, and the server goes from one end to the next. A ledger made before there was that index has none: the
// answer is the same, and takes a walk over all of the group's moves.
const lastSQL = "select m.* from (select max(id) as id from @moves where group_name = @group group by group_name, topic, @partition, cause) l " +
	"join @moves m on m.id = l.id"

// another is a session to the same database, with a connection of its own.
func (s *session) another() *session { return &session{config: s.config} }

// each is sqlstore.Dialect.Each.
func (s *session) each(ctx context.Context, statements string, f func(row [][]byte) (bool, error)) error {
	rows, err := s.conn.QueryContext(ctx, statements)
	if err != nil {
		return err
	}
	defer rows.Close()
	for more := true; more; more = rows.NextResultSet() {
		goesOn, err := eachOf(rows, f)
		if err != nil || !goesOn {
			return err
		}
	}
	return rows.Err()
}

// eachOf calls f with each row of one result. A row is valid until f returns.
func eachOf(rows *sql.Rows, f func(row [][]byte) (bool, error)) (goesOn bool, err error) {
	columns, err := rows.Columns()
	if err != nil {
		return false, err
	}
	raw, into, row := make([]sql.RawBytes, len(columns)), make([]any, len(columns)), make([][]byte, len(columns))
	for i := range raw {
		into[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return false, err
		}
		for i := range raw {
			row[i] = raw[i]
		}
		if more, err := f(row); !more || err != nil {
			return false, err
		}
	}
	return true, nil
}
