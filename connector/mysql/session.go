package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// session is a connection that is opened when it is needed and opened again after it broke. It is used by one
// goroutine at a time.
type session struct {
	config *mysql.Config
	db     *sql.DB // holds no connection but conn
	conn   *sql.Conn
	secret string // of this connection; it follows every COMMIT too
	staged string // what made the temporary table of this connection; empty: there is none
	server server
	// process is the server's number of the connection, for other goroutines; 0: there is none.
	process uint64
	// foreign: it reads another program's table and nothing else, which a server of any version can.
	foreign bool
}

// server is what a connection's server reported about itself.
type server struct {
	name      string // MariaDB 10.11.19
	mariadb   bool
	counts    bool   // it says at which row of an INSERT an error was: ROW_NUMBER, of MariaDB 10.7 and later
	packet    int    // max_allowed_packet: most bytes of one flush
	wait      string // wait_timeout, to put back
	collation string // for text of the table `batch`: the database's own if that is utf8mb4
}

// names is the collation of the ledger's names: byte by byte, trailing blanks included.
func (s server) names() string {
	if s.mariadb {
		return "utf8mb4_nopad_bin"
	}
	return "utf8mb4_0900_bin"
}

// preamble is what the meaning of our statements rests on. User SQL may have changed it.
//
// READ COMMITTED is part of the compare-and-set: each statement sees what was committed before it, and the first
// inserts of two lanes do not meet in a gap (under REPEATABLE READ they deadlock).
const preamble = `set names utf8mb4, sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,` +
	`NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', autocommit = 1; set session transaction isolation level read committed; `

const serverSQL = `select version(), @@max_allowed_packet, @@wait_timeout, @@collation_database, @@global.read_only, connection_id()`

// Open is part of sqlstore.Session.
func (s *session) Open(ctx context.Context) (fresh bool, err error) {
	if s.conn != nil {
		return false, nil
	}
	connector, err := mysql.NewConnector(s.config)
	if err != nil {
		return false, s.edge(ctx, err)
	}
	s.db = sql.OpenDB(connector)
	s.db.SetMaxIdleConns(-1) // a connection given back is closed
	if s.conn, err = s.db.Conn(ctx); err != nil {
		s.conn = nil
		s.Drop()
		if my := new(mysql.MySQLError); !errors.As(err, &my) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return false, s.silent("no connection in time", err) // whatever the time was for, a batch has not taken it
		}
		return false, s.edge(ctx, err)
	}
	res, err := s.Exec(ctx, preamble+serverSQL)
	if err == nil {
		err = s.meet(res)
	}
	if err != nil {
		s.Drop()
		return false, s.edge(ctx, err)
	}
	s.secret, s.staged = sqlstore.Secret(), ""
	return true, nil
}

// meet reads the answer to serverSQL, and refuses a server that is too old or only a replica (law 7).
func (s *session) meet(res []sqlstore.Rows) error {
	row := res[len(res)-1][0]
	text := string(row[0])
	number, _, _ := strings.Cut(text, "-")
	v := server{name: "MySQL " + number, mariadb: strings.Contains(text, "MariaDB"), wait: string(row[2]), collation: string(row[3])}
	v.packet, _ = strconv.Atoi(string(row[1]))
	oldest := [2]int{8, 0}
	if v.mariadb {
		v.name, oldest = "MariaDB "+number, [2]int{10, 6}
	}
	if !strings.HasPrefix(v.collation, "utf8mb4") {
		v.collation = "utf8mb4_general_ci"
	}
	var have [2]int
	_, _ = fmt.Sscanf(number, "%d.%d", &have[0], &have[1])
	switch readOnly := string(row[4]); {
	case !s.foreign && (have[0] < oldest[0] || have[0] == oldest[0] && have[1] < oldest[1]):
		return &fencepost.UserError{Code: "database-too-old", Help: "upgrade the server",
			Err: fmt.Errorf("%s: MySQL 8.0 and MariaDB 10.6 are the oldest that have JSON_TABLE", v.name)}
	case readOnly != "0" && readOnly != "OFF":
		return system.Fault(sqlstore.ReadOnly, s.config.Addr, sqlstore.Reasoned{Reason: v.name + " is read-only: a replica, or on its way to be the primary", Err: errors.New("read_only")})
	}
	v.counts = v.mariadb && (have[0] > 10 || have[1] >= 7)
	s.server = v
	id, _ := strconv.ParseUint(string(row[5]), 10, 64)
	atomic.StoreUint64(&s.process, id)
	return nil
}

// Drop is part of sqlstore.Session.
func (s *session) Drop() {
	if s.conn != nil {
		_ = s.conn.Close() // whatever they say, the connection is not used again
	}
	if s.db != nil {
		_ = s.db.Close()
	}
	s.conn, s.db = nil, nil
	atomic.StoreUint64(&s.process, 0)
}

// querier is a connection, or a transaction on it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Exec is part of sqlstore.Session.
func (s *session) Exec(ctx context.Context, statements string) ([]sqlstore.Rows, error) {
	return execOn(ctx, s.conn, statements)
}

func execOn(ctx context.Context, q querier, statements string) (all []sqlstore.Rows, err error) {
	rows, err := q.QueryContext(ctx, statements)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for more := true; more; more = rows.NextResultSet() {
		var r sqlstore.Rows
		if _, err := eachOf(rows, func(row [][]byte) (bool, error) {
			r = append(r, cloneRow(row))
			return true, nil
		}); err != nil {
			return all, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// cloneRow copies a row out of the driver's buffer.
func cloneRow(raw [][]byte) [][]byte {
	row := make([][]byte, len(raw))
	for i, b := range raw {
		if b != nil {
			row[i] = append([]byte{}, b...)
		}
	}
	return row
}

// errShort is a flush whose end the server never reached: user SQL swallowed it, in a comment that it left open.
var errShort = errors.New("the statements ended before their COMMIT: nothing happened")

// Flush is part of sqlstore.Session. What lost a race is tried again.
func (s *session) Flush(ctx context.Context, statements string) error {
	return s.patiently(ctx, func() error { return s.flush(ctx, s.conn, statements) })
}

// flush sends statements that end with COMMIT, as one packet, and takes them for done only if the server reached the
// secret behind it.
func (s *session) flush(ctx context.Context, q querier, statements string) error {
	if len(statements) > s.server.packet-len(s.secret)-64 && s.server.packet > 0 { // the server would close the connection, and say nothing
		return &mysql.MySQLError{Number: 1153, Message: fmt.Sprintf("a flush of %d bytes, and the server's max_allowed_packet is %d", len(statements), s.server.packet)}
	}
	res, err := execOn(ctx, q, statements+"; select '"+s.secret+"'")
	if err != nil {
		return err
	}
	if last := res[len(res)-1]; len(last) != 1 || len(last[0]) != 1 || string(last[0][0]) != s.secret {
		return errShort
	}
	return nil
}

// Rollback is part of sqlstore.Session.
func (s *session) Rollback(ctx context.Context, err error) {
	if s.conn == nil {
		return
	}
	my := new(mysql.MySQLError)
	if said := errors.As(err, &my); !said && !errors.Is(err, errShort) || said && classOf(my) == sqlstore.ReadOnly {
		s.Drop() // of a server that became read-only too: its address may lead to another one by now
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := s.Exec(ctx, "rollback"); err != nil {
		s.Drop()
	}
}

// savepoint is a name that no SQL can know.
func (s *session) savepoint() string { return "fencepost_" + s.secret }

// raceTries is how often a flush that lost a race is tried. The compare-and-set is inside, so that it may be
// tried unchanged. A transaction that comes later and holds less loses the deadlock, and loses again until it meets the other's locks
// with its first key: with n rows about log2(n) times a batch of the other's, and ten were seen.
const raceTries = 100

// patiently tries a flush again that the server rolled back because it lost a race.
func (s *session) patiently(ctx context.Context, flush func() error) (err error) {
	for range raceTries {
		err = flush()
		if !lostRace(err) || ctx.Err() != nil {
			return err
		}
		s.Rollback(ctx, err)
		if s.conn == nil {
			return sql.ErrConnDone // nothing of the next try was sent
		}
	}
	return err
}

// attempt is sqlstore.Errors.Attempt. It does once more what found its idle connection closed: nothing was sent over it.
func (s *session) attempt(ctx context.Context, do func(context.Context) error) error {
	idle := s.conn != nil
	err := do(ctx)
	if f := new(fencepost.UserError); idle && s.conn == nil && errors.As(err, &f) && f.Code == "database-silent" && ctx.Err() == nil {
		err = do(ctx)
	}
	return err
}
