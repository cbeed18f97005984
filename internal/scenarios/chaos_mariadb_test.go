//go:build realservers

package scenarios

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/mysql"
	"github.com/fencepost/fencepost/internal/chaos"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

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
	var server servers.MariaDBServer
	if r.ownStore() {
		s.own = servers.OwnMariaDB(t)
		server = s.own.MariaDBServer
	} else {
		server = servers.MariaDB(t)
	}
	var err error
	s.dsn, err = url.Parse(server.Database(t))
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
	found, err := s.db.QueryContext(ctx, "select _topic, _partition, _offset, n from seen order by place")
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
