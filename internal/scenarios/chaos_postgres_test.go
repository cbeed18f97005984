//go:build realservers

package scenarios

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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
	disk *exec.Cmd // has it find no space; nil: there is some
}

func newChaosPostgres(t *testing.T, r *ring) chaosStore {
	s := &chaosPostgres{r: r}
	var server servers.PostgresServer
	if r.ownStore() {
		s.own = servers.OwnPostgres(t, "max_connections=40")
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
		kinds = append(append(kinds, chaos.QuitStore, chaos.FillStore), serverKinds...)
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
	case step.Kind == chaos.FillStore && !step.Undo:
		s.fill()
	case step.Kind == chaos.FillStore:
		s.empty()
	case step.Kind == chaos.QuitStore && !step.Undo:
		s.own.Quit()
	default:
		strikeServer(s.own.Own, step)
	}
}

// fill has the server find no space for another page of the table: strace answers those writes with ENOSPC, in the sessions that
// there are and in each new one.
func (s *chaosPostgres) fill() {
	ctx, cancel := context.WithTimeout(s.r.t.Context(), 10*time.Second)
	defer cancel()
	var file string
	var pids []int
	conn, err := pgx.Connect(ctx, s.dsn.String())
	if err == nil {
		err = conn.QueryRow(ctx, "select pg_relation_filepath('seen'), array_agg(pid) from pg_stat_activity where backend_type = 'client backend'").Scan(&file, &pids)
		_ = conn.Close(ctx)
	}
	if err != nil {
		s.r.say("fill the disk: %v", err)
		return
	}
	const calls = "pwrite64,pwritev,fallocate"
	s.disk = exec.Command("strace", "-f", "-qq", "-o", filepath.Join(s.r.dir, "disk"), "-e", "trace="+calls, "-e", "inject="+calls+":error=ENOSPC",
		"-P", filepath.Join(s.own.DataDir, file))
	for _, pid := range append(pids, s.own.PID()) {
		s.disk.Args = append(s.disk.Args, "-p", strconv.Itoa(pid))
	}
	must(s.r.t, s.disk.Start())
	for traced := false; !traced && ctx.Err() == nil; {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.own.PID()))
		traced = err == nil && !strings.Contains(string(status), "TracerPid:\t0\n")
	}
}

// empty gives the space back.
func (s *chaosPostgres) empty() {
	if s.disk == nil {
		return
	}
	must(s.r.t, s.disk.Process.Signal(syscall.SIGINT))
	_ = s.disk.Wait() // it ends by the signal
	s.disk = nil
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
