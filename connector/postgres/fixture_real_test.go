//go:build realservers

package postgres

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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
}

var (
	_ sinktest.Typed       = (*store)(nil)
	_ sinktest.Keyed       = (*store)(nil)
	_ sinktest.AnswerLoser = (*store)(nil)
)

func newStore(t *testing.T) *store {
	s := &store{dsn: servers.Postgres(t).Database(t), table: "flights", wire: &wire{}}
	s.exec(t, `create table flights (_topic text, _partition int, _offset bigint, value text, n bigint constraint positive check (n >= 0))`)
	return s
}

// connect opens a connection apart from the connector's.
func (s *store) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// exec runs statements on a connection apart from the connector's.
func (s *store) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	c := s.connect(t)
	if _, err := c.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// one reads one value on a connection apart from the connector's.
func one[T any](t *testing.T, s *store, sql string, args ...any) (v T) {
	t.Helper()
	if err := s.connect(t).QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
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
	rows, err := s.connect(t).Query(t.Context(), "select coalesce(_topic, ''), coalesce(_partition, -1), coalesce(_offset, -1), coalesce(value, ''), n from flights")
	if err != nil {
		t.Fatal(err)
	}
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
	s.exec(t, "delete from fencepost_ledger where group_name = $1 and topic = $2 and partition = $3", string(g), tp.Topic, tp.Partition)
}

func (s *store) ForeignWrite(t *testing.T, g fencepost.Group, tp fencepost.TopicPartition, at fencepost.Offset) {
	s.DeleteRow(t, g, tp)
	s.exec(t, "insert into fencepost_ledger (group_name, topic, partition, until) values ($1, $2, $3, $4)", string(g), tp.Topic, tp.Partition, int64(at))
}

func (s *store) MakeNewer(t *testing.T) {
	s.exec(t, "update fencepost_groups set version = 2 where group_name = '' and topic = ''")
}

func (s *store) OpenTyped(ctx context.Context, columns []fencepost.ColumnSpec) (sink.Sink, error) {
	c, err := pgx.Connect(ctx, s.dsn)
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	var list []string
	for _, col := range columns {
		sql, _ := natural(col.Type)
		if col.Type == fencepost.JSON {
			sql = "json" // jsonb would put the text in its own form
		}
		list = append(list, ident(col.Name)+" "+sql)
	}
	if _, err := c.Exec(ctx, "create table typed ("+strings.Join(list, ", ")+", _offset bigint)"); err != nil {
		return nil, err
	}
	return s.open(ctx, Config{Table: "typed"})
}

func (s *store) TypedRows(t *testing.T, columns []fencepost.ColumnSpec) (list [][]any) {
	var names []string
	for _, c := range columns {
		n := ident(c.Name)
		switch c.Type {
		case fencepost.Decimal, fencepost.JSON, fencepost.Date, fencepost.Time, fencepost.UUID:
			n += "::text"
		case fencepost.Timestamp:
			n = "(extract(epoch from " + n + ") * 1000000)::bigint"
		}
		names = append(names, n)
	}
	rows, err := s.connect(t).Query(t.Context(), "select "+strings.Join(names, ", ")+" from typed order by _offset")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		v, err := rows.Values()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

func (s *store) OpenKeyed(ctx context.Context, keep ledger.KeepCommits) (sink.Sink, error) {
	c, err := pgx.Connect(ctx, s.dsn)
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, "create table if not exists keyed (k text primary key, v bigint not null)"); err != nil {
		return nil, err
	}
	return s.open(ctx, Config{Table: "keyed", Key: []string{"k"}, KeepCommits: keep})
}

// Deadlocks counts those of the database.
func (s *store) Deadlocks(t *testing.T) int64 {
	return one[int64](t, s, "select deadlocks from pg_stat_database where datname = current_database()")
}

// NamesRefused: the context of a COPY has its line, and the detail of a null the column.
func (s *store) NamesRefused(*testing.T) bool { return true }

func (s *store) KeyedRows(t *testing.T) map[string]int64 {
	rows, err := s.connect(t).Query(t.Context(), "select k, v from keyed")
	if err != nil {
		t.Fatal(err)
	}
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
	cutQuery       // before the Query of the next commit arrives
	cutRows        // in the middle of its rows
	cutCommit      // before the message that lets the server run to COMMIT; the client takes it for sent
	cutAnswer      // after the server did everything, before its answer
	holdRows       // nothing breaks: the rows stop in the third message until release, after the server wrote the first ones
)

// wire is the network of a store's sinks: it inspects what the client sends, and breaks once, at the chosen place.
type wire struct {
	mu struct {
		sync.Mutex
		next    cut
		passing int           // messages of rows before the hold
		held    chan struct{} // closed once a client is held
		release chan struct{}
	}
}

func (w *wire) arm(c cut) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.next = c
}

// hold arms holdRows: held is closed when a client is stopped, and the client stays so until release is closed. The server
// keeps up to 1,000 rows before it writes them: what it locks shows only after that.
func (w *wire) hold() (held <-chan struct{}, release chan<- struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.next, w.mu.passing, w.mu.held, w.mu.release = holdRows, 2, make(chan struct{}), make(chan struct{})
	return w.mu.held, w.mu.release
}

func (w *wire) take(c cut) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.next != c {
		return false
	}
	if c == holdRows && w.mu.passing > 0 {
		w.mu.passing--
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
		committing, copying, doomed bool
	}
}

var copyDone = []byte{'c', 0, 0, 0, 4}

func (c *wireConn) Write(p []byte) (int, error) {
	query := p[0] == 'Q' && bytes.HasSuffix(p, []byte("commit\x00"))
	c.mu.Lock()
	if query {
		c.mu.committing, c.mu.copying = true, bytes.Contains(p, []byte("from stdin binary"))
	}
	committing, copying := c.mu.committing, c.mu.copying
	c.mu.Unlock()
	last := committing && (query && !copying || bytes.Equal(p, copyDone))
	switch {
	case query && c.wire.take(cutQuery):
		return 0, c.sever()
	case committing && !query && p[0] == 'd' && c.wire.take(cutRows):
		_, _ = c.Conn.Write(p[:len(p)/2])
		return 0, c.sever()
	case committing && !query && p[0] == 'd' && c.wire.take(holdRows):
		return c.stand(p)
	case last && c.wire.take(cutCommit):
		_ = c.sever()
		return len(p), nil
	case last && c.wire.take(cutAnswer):
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

func (c *wireConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.mu.doomed && bytes.Contains(p[:n], []byte("COMMIT\x00")) {
		_ = c.Conn.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// soon is the time within which something must happen that needs no waiting.
const soon = time.Minute

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
