//go:build realservers

package scenarios

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/internal/chaos"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

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
	var server servers.PostgresServer
	if r.ownServers() {
		s.own = servers.OwnPostgres(t)
		server = s.own.PostgresServer
	} else {
		server = servers.Postgres(t)
	}
	var err error
	s.dsn, err = url.Parse(server.Database(t))
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
	found, err := conn.Query(ctx, "select _topic, _partition, _offset, n from seen order by place")
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
