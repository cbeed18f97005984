//go:build realservers

package mysql

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

func TestMain(m *testing.M) { servers.Main(m) }

// store is one database, as the conformance suite reaches it.
type store struct {
	dsn   string
	table string
	wire  *wire
	db    *sql.DB // apart from the connector's connections
	mysql bool    // the server is MySQL, not MariaDB
}

var (
	_ sinktest.Typed       = (*store)(nil)
	_ sinktest.Keyed       = (*store)(nil)
	_ sinktest.AnswerLoser = (*store)(nil)
)

func newStore(t *testing.T) *store {
	s := storeOf(t, servers.MariaDB(t).Database(t))
	s.exec(t, "create table flights (_topic varchar(249), _partition int, _offset bigint, value text, n bigint, constraint positive check (n >= 0)) character set utf8mb4")
	return s
}

// storeOf is the store of a dsn.
func storeOf(t testing.TB, dsn string) *store {
	t.Helper()
	c, err := parseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	s := &store{dsn: dsn, table: "flights", wire: &wire{}, db: sql.OpenDB(connector)}
	t.Cleanup(func() { s.db.Close() })
	s.mysql = !strings.Contains(one[string](t, s, "select version()"), "MariaDB")
	return s
}

// either returns what holds for MySQL, or what holds for MariaDB.
func (s *store) either(mysql, mariadb string) string {
	if s.mysql {
		return mysql
	}
	return mariadb
}

// exec runs statements on a connection apart from the connector's.
func (s *store) exec(t testing.TB, text string, args ...any) {
	t.Helper()
	if _, err := s.db.ExecContext(context.Background(), bind(text, args)); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// bind puts literals for question marks.
func bind(text string, args []any) string {
	for _, a := range args {
		switch a := a.(type) {
		case string:
			text = strings.Replace(text, "?", strings.ReplaceAll(quote(a), "?", "\x00"), 1)
		default:
			text = strings.Replace(text, "?", fmt.Sprint(a), 1)
		}
	}
	return strings.ReplaceAll(text, "\x00", "?")
}

// one reads one value on a connection apart from the connector's.
func one[T any](t testing.TB, s *store, text string, args ...any) (v T) {
	t.Helper()
	if err := s.db.QueryRowContext(context.Background(), bind(text, args)).Scan(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// numbers selects 1 to n, which is at most 1,000 to MySQL.
func numbers(n int) string {
	return "with recursive seq (n) as (select 1 union all select n + 1 from seq where n < " + itoa(int64(n)) + ") select n from seq"
}

// open makes a sink of the store, over its wire.
func (s *store) open(ctx context.Context, c Config) (*Sink, error) {
	if c.DSN == "" {
		c.DSN = s.dsn
	}
	sink, err := Open(ctx, c)
	if err == nil {
		sink.look.config.DialFunc = s.wire.dial
	}
	return sink, err
}

func (s *store) Open(ctx context.Context, keep ledger.KeepCommits) (sink.Sink, error) {
	return s.open(ctx, Config{Table: s.table, KeepCommits: keep})
}

func (s *store) Rows(t *testing.T) (list []sinktest.Row) {
	rows, err := s.db.QueryContext(t.Context(), "select coalesce(_topic, ''), coalesce(_partition, -1), coalesce(_offset, -1), coalesce(value, ''), n from flights")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var r sinktest.Row
		if err := rows.Scan(&r.Topic, &r.Partition, &r.Offset, &r.Value, &r.N); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return list
}

func (s *store) DeleteRow(t *testing.T, g fencepost.Group, tp fencepost.TopicPartition) {
	s.exec(t, "delete from fencepost_ledger where group_name = ? and topic = ? and `partition` = ?", string(g), tp.Topic, tp.Partition)
}

func (s *store) ForeignWrite(t *testing.T, g fencepost.Group, tp fencepost.TopicPartition, at fencepost.Offset) {
	s.DeleteRow(t, g, tp)
	s.exec(t, "insert into fencepost_ledger (group_name, topic, `partition`, until) values (?, ?, ?, ?)", string(g), tp.Topic, tp.Partition, int64(at))
}

func (s *store) MakeNewer(t *testing.T) {
	s.exec(t, "update fencepost_groups set version = 2 where group_name = '' and topic = ''")
}

func (s *store) OpenTyped(ctx context.Context, columns []fencepost.ColumnSpec) (sink.Sink, error) {
	var list []string
	for _, col := range columns {
		text, _ := natural(col.Type)
		list = append(list, ident(col.Name)+" "+text)
	}
	if _, err := s.db.ExecContext(ctx, "create table typed ("+strings.Join(list, ", ")+", _offset bigint) character set utf8mb4"); err != nil {
		return nil, err
	}
	return s.open(ctx, Config{Table: "typed"})
}

func (s *store) TypedRows(t *testing.T, columns []fencepost.ColumnSpec) (list [][]any) {
	var names []string
	for _, c := range columns {
		n := ident(c.Name)
		if c.Type == fencepost.Timestamp {
			n = "timestampdiff(microsecond, '1970-01-01', " + n + ")"
		}
		names = append(names, n)
	}
	rows, err := s.db.QueryContext(t.Context(), "select "+strings.Join(names, ", ")+" from typed order by _offset")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		raw, into := make([]any, len(columns)), make([]any, len(columns))
		for i, c := range columns {
			switch c.Type {
			case fencepost.Int, fencepost.Timestamp:
				into[i] = new(sql.NullInt64)
			case fencepost.Float:
				into[i] = new(sql.NullFloat64)
			case fencepost.Bool:
				into[i] = new(sql.NullBool)
			case fencepost.Bytes:
				into[i] = new([]byte)
			default:
				into[i] = new(sql.NullString)
			}
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i := range into {
			switch v := into[i].(type) {
			case *[]byte:
				if *v != nil {
					raw[i] = *v
				}
			case interface{ Value() (any, error) }:
				raw[i], _ = v.Value()
			case *sql.NullInt64:
				raw[i] = valueOf(v.Valid, v.Int64)
			case *sql.NullFloat64:
				raw[i] = valueOf(v.Valid, v.Float64)
			case *sql.NullBool:
				raw[i] = valueOf(v.Valid, v.Bool)
			case *sql.NullString:
				raw[i] = valueOf(v.Valid, v.String)
			}
		}
		list = append(list, raw)
	}
	return list
}

func valueOf(valid bool, v any) any {
	if !valid {
		return nil
	}
	return v
}

func (s *store) OpenKeyed(ctx context.Context, keep ledger.KeepCommits) (sink.Sink, error) {
	collation := s.either("utf8mb4_0900_bin", "utf8mb4_nopad_bin")
	if _, err := s.db.ExecContext(ctx, "create table if not exists keyed (k varchar(100) character set utf8mb4 collate "+collation+" primary key, v bigint not null)"); err != nil {
		return nil, err
	}
	return s.open(ctx, Config{Table: "keyed", Key: []string{"k"}, KeepCommits: keep})
}

// NamesRefused: MariaDB counts rows. MySQL says no row of a CHECK.
func (s *store) NamesRefused(*testing.T) bool { return !s.mysql }

func (s *store) KeyedRows(t *testing.T) map[string]int64 {
	rows, err := s.db.QueryContext(t.Context(), "select k, v from keyed")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	list := map[string]int64{}
	for rows.Next() {
		var k string
		var v int64
		if err := rows.Scan(&k, &v); err != nil {
			t.Fatal(err)
		}
		list[k] = v
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return list
}

func (s *store) LoseAnswer(t *testing.T, applied bool) {
	if applied {
		s.wire.arm(cutAnswer)
		return
	}
	s.wire.arm(cutCommit)
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Fixture{New: func(t *testing.T) sinktest.Store { return newStore(t) }})
}

// cut says where a wire breaks.
type cut int

const (
	cutNothing cut = iota
	cutQuery       // before anything of the next flush is sent
	cutHalf        // in the middle of it
	cutCommit      // all of it is lost; the client takes it for sent
	cutAnswer      // after the server did everything, before its answer
	holdHalf       // nothing breaks: half of it is sent, and the rest on release
)

// wire is the network of a store's sinks: it inspects what the client sends, and breaks once, at the chosen place.
type wire struct {
	mu struct {
		sync.Mutex
		next    cut
		held    chan struct{} // closed once a client is held
		release chan struct{}
	}
}

func (w *wire) arm(c cut) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.next = c
}

// hold arms holdHalf.
func (w *wire) hold() (held <-chan struct{}, release chan<- struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.next, w.mu.held, w.mu.release = holdHalf, make(chan struct{}), make(chan struct{})
	return w.mu.held, w.mu.release
}

func (w *wire) take(c cut) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.next != c {
		return false
	}
	w.mu.next = cutNothing
	return true
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &wireConn{Conn: c, wire: w}, nil
}

// wireConn is one connection.
type wireConn struct {
	net.Conn
	wire *wire
	mu   struct {
		sync.Mutex
		doomed bool
	}
}

func (c *wireConn) Write(p []byte) (int, error) {
	if !bytes.Contains(p, []byte("commit; select '")) && !bytes.Contains(p, []byte("commit; set session wait_timeout")) {
		return c.Conn.Write(p)
	}
	switch {
	case c.wire.take(cutQuery):
		return 0, c.sever()
	case c.wire.take(cutHalf):
		n, _ := c.Conn.Write(p[:len(p)/2])
		return n, c.sever()
	case c.wire.take(cutCommit):
		_ = c.sever()
		return len(p), nil
	case c.wire.take(holdHalf):
		return c.stand(p)
	case c.wire.take(cutAnswer):
		c.mu.Lock()
		c.mu.doomed = true
		c.mu.Unlock()
	}
	return c.Conn.Write(p)
}

// stand writes half of p, and the rest when it is released.
func (c *wireConn) stand(p []byte) (int, error) {
	n, err := c.Conn.Write(p[:len(p)/2])
	if err != nil {
		return n, err
	}
	c.wire.mu.Lock()
	held, release := c.wire.mu.held, c.wire.mu.release
	c.wire.mu.Unlock()
	close(held)
	<-release
	m, err := c.Conn.Write(p[n:])
	return n + m, err
}

func (c *wireConn) sever() error {
	_ = c.Conn.Close()
	return io.ErrClosedPipe
}

// Read loses the answer of a doomed connection once the server has sent some of it; that it committed is waited for,
// since the first results of a packet arrive before its last statement has run.
func (c *wireConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	doomed := c.mu.doomed
	c.mu.Unlock()
	if !doomed {
		return c.Conn.Read(p)
	}
	var answer []byte
	for {
		n, err := c.Conn.Read(p)
		answer = append(answer, p[:n]...)
		if err != nil || refusedOrDone(answer) {
			break
		}
	}
	_ = c.Conn.Close()
	return 0, io.ErrUnexpectedEOF
}

// refusedOrDone reports whether an answer holds an error, or the row behind the COMMIT: 16 hexadecimal digits.
func refusedOrDone(answer []byte) bool {
	return bytes.Contains(answer, []byte{0x11, 0, 0}) && bytes.Contains(answer, []byte{0x10}) || bytes.Contains(answer, []byte("#"))
}

// soon is the time within which something must happen that needs no waiting.
const soon = time.Minute
