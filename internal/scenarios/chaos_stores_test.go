//go:build realservers

package scenarios

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"
	zsqlite "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/mysql"
	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/connector/redis"
	"github.com/fencepost/fencepost/connector/sqlite"
	"github.com/fencepost/fencepost/internal/chaos"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// chaosStore is where the ring's rows and ledger are, as its driver sees them.
type chaosStore interface {
	sink() string                                                                                 // of the pipeline file; its address is ${STORE}
	upstream() string                                                                             // where it listens, HOST:PORT; empty: nowhere
	address(hostPort string) string                                                               // what ${STORE} is for a worker that reaches it there
	ledger() ledger.Ledger                                                                        // not through any wire
	server() *servers.Own                                                                         // nil: it is shared, or a file
	kinds() []chaos.Kind                                                                          // what can be done to it
	strike(chaos.Step)                                                                            // does one of them
	rows(ctx context.Context, partitions int) (map[fencepost.TopicPartition][]chaos.Entry, error) // in the order in which they were written
}

// chaosStores are the stores of `make chaos STORE=...`. A campaign that has brokers of its own has a store of its own too.
var chaosStores = map[string]func(*testing.T, *ring) chaosStore{
	"postgres": newChaosPostgres,
	"mariadb":  newChaosMariaDB,
	"redis":    newChaosRedis,
	"sqlite":   newChaosSQLite,
}

// serverKinds is what can be done to a store that is a server of the ring's own.
var serverKinds = []chaos.Kind{chaos.StopStore, chaos.KillStore, chaos.FreezeStore}

// chaosPostgres is a database.
type chaosPostgres struct {
	r    *ring
	dsn  *url.URL
	own  *servers.OwnPostgresServer
	book *postgres.Ledger
	lock *pgx.Conn // holds the table; nil: nobody does
}

func newChaosPostgres(t *testing.T, r *ring) chaosStore {
	s := &chaosPostgres{r: r}
	server := servers.Postgres
	if r.campaign.brokers > 0 {
		s.own = servers.OwnPostgres(t)
		server = func(testing.TB) servers.PostgresServer { return s.own.PostgresServer }
	}
	var err error
	s.dsn, err = url.Parse(server(t).Database(t))
	must(t, err)
	s.book, err = postgres.OpenLedger(s.dsn.String(), ledger.KeepAll)
	must(t, err)
	t.Cleanup(s.book.Close)
	_, err = connect(t, s.dsn.String()).Exec(t.Context(), "create table seen (_topic text, _partition int, _offset bigint, n bigint, place bigserial)")
	must(t, err)
	return s
}

func (s *chaosPostgres) sink() string          { return `{postgres: {dsn: "${STORE}", table: seen, lanes: 2}}` }
func (s *chaosPostgres) upstream() string      { return s.dsn.Host }
func (s *chaosPostgres) ledger() ledger.Ledger { return s.book }

func (s *chaosPostgres) address(hostPort string) string {
	u := *s.dsn
	u.Host = hostPort
	return u.String()
}

func (s *chaosPostgres) server() *servers.Own {
	if s.own == nil {
		return nil
	}
	return s.own.Own
}

func (s *chaosPostgres) kinds() []chaos.Kind {
	kinds := []chaos.Kind{chaos.Terminate, chaos.LockStore}
	if s.own != nil {
		kinds = append(append(kinds, chaos.QuitStore), serverKinds...)
	}
	return kinds
}

func (s *chaosPostgres) strike(step chaos.Step) {
	switch {
	case step.Kind == chaos.Terminate:
		s.do("select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
	case step.Kind == chaos.LockStore && !step.Undo:
		s.lock = s.do("begin; lock table seen in access exclusive mode")
	case step.Kind == chaos.LockStore:
		if s.lock != nil {
			_ = s.lock.Close(context.Background()) // a server that has ended it already is as good
		}
	case step.Kind == chaos.QuitStore && !step.Undo:
		s.own.Quit()
	default:
		strikeServer(s.own.Own, step)
	}
}

// do runs a text on a session of its own, which it returns; nil: it did not run.
func (s *chaosPostgres) do(text string) *pgx.Conn {
	ctx, cancel := context.WithTimeout(s.r.t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.dsn.String())
	if err == nil {
		_, err = conn.Exec(ctx, text)
	}
	if err != nil {
		s.r.say("%s: %v", text, err)
		return nil
	}
	s.r.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (s *chaosPostgres) rows(ctx context.Context, _ int) (map[fencepost.TopicPartition][]chaos.Entry, error) {
	conn, err := pgx.Connect(ctx, s.dsn.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	found, err := conn.Query(ctx, "select _topic, _partition, _offset, n::text from seen order by place")
	if err != nil {
		return nil, err
	}
	all := map[fencepost.TopicPartition][]chaos.Entry{}
	var tp fencepost.TopicPartition
	var e chaos.Entry
	_, err = pgx.ForEachRow(found, []any{&tp.Topic, &tp.Partition, &e.Offset, &e.Value}, func() error {
		all[tp] = append(all[tp], e)
		return nil
	})
	return all, err
}

// chaosMariaDB is a database of MariaDB.
type chaosMariaDB struct {
	r    *ring
	dsn  *url.URL
	own  *servers.OwnMariaDBServer
	book ledger.Ledger
	db   *sql.DB
	lock *sql.Conn // holds the table
}

func newChaosMariaDB(t *testing.T, r *ring) chaosStore {
	s := &chaosMariaDB{r: r}
	server := servers.MariaDB
	if r.campaign.brokers > 0 {
		s.own = servers.OwnMariaDB(t)
		server = func(testing.TB) servers.MariaDBServer { return s.own.MariaDBServer }
	}
	var err error
	s.dsn, err = url.Parse(server(t).Database(t))
	must(t, err)
	book, err := mysql.OpenLedger(s.dsn.String(), ledger.KeepAll)
	must(t, err)
	t.Cleanup(book.Close)
	s.book = book
	c := driver.NewConfig()
	c.User, c.Net, c.Addr, c.DBName, c.Logger = "root", "tcp", s.dsn.Host, strings.TrimPrefix(s.dsn.Path, "/"), &driver.NopLogger{}
	connector, err := driver.NewConnector(c)
	must(t, err)
	s.db = sql.OpenDB(connector)
	t.Cleanup(func() { _ = s.db.Close() })
	// A key that is not unique: rows of a table with a unique one come by another way, whose order nothing promises.
	_, err = s.db.ExecContext(t.Context(), "create table seen (_topic varchar(200), _partition int, _offset bigint, n bigint, place bigint not null auto_increment, key (place))")
	must(t, err)
	return s
}

func (s *chaosMariaDB) sink() string          { return `{mysql: {dsn: "${STORE}", table: seen, lanes: 2}}` }
func (s *chaosMariaDB) upstream() string      { return s.dsn.Host }
func (s *chaosMariaDB) ledger() ledger.Ledger { return s.book }

func (s *chaosMariaDB) address(hostPort string) string {
	u := *s.dsn
	u.Host = hostPort
	return u.String()
}

func (s *chaosMariaDB) server() *servers.Own {
	if s.own == nil {
		return nil
	}
	return s.own.Own
}

func (s *chaosMariaDB) kinds() []chaos.Kind {
	kinds := []chaos.Kind{chaos.Terminate, chaos.LockStore}
	if s.own != nil {
		kinds = append(kinds, serverKinds...)
	}
	return kinds
}

func (s *chaosMariaDB) strike(step chaos.Step) {
	ctx, cancel := context.WithTimeout(s.r.t.Context(), 10*time.Second)
	defer cancel()
	var err error
	switch {
	case step.Kind == chaos.Terminate:
		err = s.terminate(ctx)
	case step.Kind == chaos.LockStore && !step.Undo:
		if s.lock, err = s.db.Conn(ctx); err == nil {
			_, err = s.lock.ExecContext(ctx, "lock tables seen write")
		}
	case step.Kind == chaos.LockStore:
		if s.lock != nil {
			_, err = s.lock.ExecContext(ctx, "unlock tables")
			_ = s.lock.Close()
		}
	default:
		strikeServer(s.own.Own, step)
	}
	if err != nil {
		s.r.say("%s: %v", step.Kind, err)
	}
}

// terminate ends every session of the database but its own.
func (s *chaosMariaDB) terminate(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	found, err := conn.QueryContext(ctx, "select id from information_schema.processlist where db = database() and id <> connection_id()")
	if err != nil {
		return err
	}
	defer found.Close()
	var ids []int64
	for found.Next() {
		var id int64
		if err := found.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		_, _ = conn.ExecContext(ctx, fmt.Sprintf("kill %d", id)) // it may have ended
	}
	return found.Err()
}

func (s *chaosMariaDB) rows(ctx context.Context, _ int) (map[fencepost.TopicPartition][]chaos.Entry, error) {
	found, err := s.db.QueryContext(ctx, "select _topic, _partition, _offset, cast(n as char) from seen order by place")
	if err != nil {
		return nil, err
	}
	defer found.Close()
	all := map[fencepost.TopicPartition][]chaos.Entry{}
	for found.Next() {
		var tp fencepost.TopicPartition
		var e chaos.Entry
		if err := found.Scan(&tp.Topic, &tp.Partition, &e.Offset, &e.Value); err != nil {
			return nil, err
		}
		all[tp] = append(all[tp], e)
	}
	return all, found.Err()
}

// chaosRedis is a stream for each partition: an entry a row, in their order.
type chaosRedis struct {
	r      *ring
	at     servers.RedisServer
	own    *servers.OwnRedisServer
	book   ledger.Ledger
	client *goredis.Client
}

func newChaosRedis(t *testing.T, r *ring) chaosStore {
	s := &chaosRedis{r: r}
	if r.campaign.brokers > 0 {
		s.own = servers.OwnRedis(t)
		s.at = s.own.RedisServer
	} else {
		s.at = servers.Redis(t)
	}
	book, err := redis.OpenLedger(redis.Config{Addr: s.at.Addr(), Password: servers.RedisPassword})
	must(t, err)
	t.Cleanup(func() { _ = book.Close() })
	s.book = book
	s.client = goredis.NewClient(&goredis.Options{Addr: s.at.Addr(), Password: servers.RedisPassword, ReadTimeout: time.Minute})
	t.Cleanup(func() { _ = s.client.Close() })
	return s
}

func (s *chaosRedis) sink() string {
	return fmt.Sprintf(`{redis: {addr: "${STORE}", password: %q, commands: ["XADD rows:{group}:{_partition} * o {_offset} n {n}"]}}`, servers.RedisPassword)
}
func (s *chaosRedis) upstream() string               { return s.at.Addr() }
func (s *chaosRedis) ledger() ledger.Ledger          { return s.book }
func (s *chaosRedis) address(hostPort string) string { return hostPort }

func (s *chaosRedis) server() *servers.Own {
	if s.own == nil {
		return nil
	}
	return s.own.Own
}

// On the shared server other tests have sessions too, and everybody would wait.
func (s *chaosRedis) kinds() []chaos.Kind {
	if s.own == nil {
		return nil
	}
	return append([]chaos.Kind{chaos.Terminate, chaos.LockStore}, serverKinds...)
}

func (s *chaosRedis) strike(step chaos.Step) {
	ctx, cancel := context.WithTimeout(s.r.t.Context(), 10*time.Second)
	defer cancel()
	var err error
	switch {
	case step.Kind == chaos.Terminate: // and the script is forgotten
		err = s.client.Do(ctx, "SCRIPT", "FLUSH").Err()
		_ = s.client.Do(ctx, "CLIENT", "KILL", "TYPE", "normal").Err()
	case step.Kind == chaos.LockStore && !step.Undo:
		err = s.client.Do(ctx, "CLIENT", "PAUSE", step.For.Milliseconds(), "WRITE").Err()
	case step.Kind == chaos.LockStore:
		err = s.client.Do(ctx, "CLIENT", "UNPAUSE").Err()
	default:
		strikeServer(s.own.Own, step)
	}
	if err != nil {
		s.r.say("%s: %v", step.Kind, err)
	}
}

func (s *chaosRedis) rows(ctx context.Context, partitions int) (map[fencepost.TopicPartition][]chaos.Entry, error) {
	all := map[fencepost.TopicPartition][]chaos.Entry{}
	for p := range partitions {
		entries, err := s.client.XRange(ctx, fmt.Sprintf("rows:{%s}:%d", s.r.group, p), "-", "+").Result()
		if err != nil {
			return nil, err
		}
		tp := at(s.r.topic, int32(p))
		for _, e := range entries {
			all[tp] = append(all[tp], chaos.Entry{Offset: fencepost.Offset(number(s.r.t, fmt.Sprint(e.Values["o"]))), Value: fmt.Sprint(e.Values["n"])})
		}
	}
	return all, nil
}

// chaosSQLite is a file.
type chaosSQLite struct {
	r    *ring
	path string
	book ledger.Ledger
	lock *zsqlite.Conn // holds the file
}

func newChaosSQLite(t *testing.T, r *ring) chaosStore {
	s := &chaosSQLite{r: r, path: filepath.Join(t.TempDir(), "rows.db")}
	onSQLite(t, s.path, "CREATE TABLE seen (_topic TEXT, _partition INTEGER, _offset INTEGER, n INTEGER)")
	book, err := sqlite.OpenLedger(s.path, ledger.KeepAll)
	must(t, err)
	t.Cleanup(func() { _ = book.Close() })
	s.book = book
	return s
}

func (s *chaosSQLite) sink() string          { return `{sqlite: {path: "${STORE}", table: seen}}` }
func (s *chaosSQLite) upstream() string      { return "" }
func (s *chaosSQLite) address(string) string { return s.path }
func (s *chaosSQLite) ledger() ledger.Ledger { return s.book }
func (s *chaosSQLite) server() *servers.Own  { return nil }
func (s *chaosSQLite) kinds() []chaos.Kind   { return []chaos.Kind{chaos.LockStore} }

func (s *chaosSQLite) strike(step chaos.Step) {
	if step.Undo {
		if s.lock != nil {
			_ = s.lock.Close()
			s.lock = nil
		}
		return
	}
	conn, err := zsqlite.OpenConn(s.path, zsqlite.OpenReadWrite)
	if err == nil {
		conn.SetBusyTimeout(5 * time.Second)
		err = sqlitex.ExecuteTransient(conn, "BEGIN IMMEDIATE", nil)
		s.lock = conn
	}
	if err != nil {
		s.r.say("%s: %v", step.Kind, err)
	}
}

func (s *chaosSQLite) rows(context.Context, int) (map[fencepost.TopicPartition][]chaos.Entry, error) {
	conn, err := zsqlite.OpenConn(s.path, zsqlite.OpenReadOnly)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	all := map[fencepost.TopicPartition][]chaos.Entry{}
	err = sqlitex.ExecuteTransient(conn, "SELECT _topic, _partition, _offset, n FROM seen ORDER BY rowid", &sqlitex.ExecOptions{ResultFunc: func(st *zsqlite.Stmt) error {
		tp := at(st.ColumnText(0), st.ColumnInt32(1))
		all[tp] = append(all[tp], chaos.Entry{Offset: fencepost.Offset(st.ColumnInt64(2)), Value: fmt.Sprint(st.ColumnInt64(3))})
		return nil
	}})
	return all, err
}
