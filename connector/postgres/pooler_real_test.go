//go:build realservers

package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/sink"
)

// viaPooler is a store whose sinks reach the database through PgBouncer. What a test does beside them goes there directly.
func viaPooler(t *testing.T, settings ...string) (s *store, through string) {
	t.Helper()
	postgres := servers.Postgres(t)
	s = &store{dsn: postgres.Database(t), table: "flights", wire: &wire{}}
	s.exec(t, `create table flights (_topic text, _partition int, _offset bigint, value text, n bigint)`)
	bouncer := servers.OwnPgBouncer(t, postgres, servers.PgBouncerConfig{Settings: settings})
	return s, bouncer.Through(s.dsn)
}

// together commits batches of one record on all workers at once.
func together(t *testing.T, workers []*worker, commits int) {
	t.Helper()
	var all sync.WaitGroup
	errs := make([]error, len(workers))
	for i, w := range workers {
		all.Go(func() {
			for k := range commits {
				if err := w.commit(t.Context(), w.table(column("id", fencepost.Int, k), column("v", fencepost.Int, 100*k))); err != nil {
					errs[i] = fmt.Errorf("worker %d, commit %d: %w", i, k, err)
					return
				}
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

// reader is a handler whose statements have arguments, which the driver prepares.
func reader(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error {
	for i := range b.Rows() {
		var factor int64
		if err := tx.QueryRow(ctx, "select factor from factors where id = $1", 1).Scan(&factor); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "insert into handled values ($1, $2)", b.Columns[0].Int(i), factor*b.Columns[1].Int(i)); err != nil {
			return err
		}
	}
	return nil
}

// behind runs one worker of each config, each with a group of its own, behind a pool of each size. The worker's number is
// added to its group.
func behind(t *testing.T, ddl string, configs []Config, want map[string]string) {
	t.Helper()
	const commits = 60
	for _, size := range []string{"1", "3"} {
		t.Run("pool of "+size, func(t *testing.T) {
			s, through := viaPooler(t, "default_pool_size="+size)
			s.exec(t, ddl)
			var workers []*worker
			for i, c := range configs {
				c.DSN = through
				w := s.worker(t, c)
				w.as.Group = fencepost.Group(fmt.Sprint("g", i))
				workers = append(workers, w.start(1))
			}
			together(t, workers, commits)
			for table, want := range want {
				if got := one[string](t, s, "select count(*) || ' ' || sum(v) from "+table); got != want {
					t.Errorf("table %s has %s, want %s", table, got, want)
				}
			}
			for _, w := range workers {
				if got := w.offset(0); got != commits {
					t.Errorf("group %s stands at %d, want %d", w.as.Group, got, commits)
				}
				if state := w.lane.(*lane).session.sparse.state; state != prepareNever {
					t.Errorf("a compare-and-set is in state %d, want none prepared", state)
				}
			}
		})
	}
}

// S1: two pipelines by key share a server process, and each value arrives in its own table and type.
func TestS1TwoPipelinesBehindAPooler(t *testing.T) {
	behind(t, "create table a (id bigint primary key, v bigint); create table b (id bigint primary key, v double precision)",
		[]Config{{Table: "a", Key: []string{"id"}}, {Table: "b", Key: []string{"id"}}},
		map[string]string{"a": "60 177000", "b": "60 177000"})
}

// S2: workers of all forms share the server's connections.
func TestS2WorkersBehindAPooler(t *testing.T) {
	const sum = "insert into summed select id, sum(v) from batch group by id on conflict (id) do update set v = summed.v + excluded.v"
	behind(t, `create table appended (id bigint, v bigint); create table once (id bigint unique, v bigint);
create table upserted (id bigint primary key, v bigint); create table summed (id bigint primary key, v bigint)`,
		[]Config{{Table: "appended"}, {Table: "once"}, {Table: "upserted", Key: []string{"id"}}, {Table: "upserted", Key: []string{"id"}}, {SQL: sum}, {SQL: sum}},
		map[string]string{"appended": "60 177000", "once": "60 177000", "upserted": "60 177000", "summed": "60 354000"})
}

// S3: handlers whose statements have arguments share them.
func TestS3HandlersBehindAPooler(t *testing.T) {
	behind(t, `create table handled (id bigint, v bigint); create table factors (id int, factor bigint); insert into factors values (1, 1)`,
		[]Config{{Handle: reader}, {Handle: reader}, {Handle: reader}}, map[string]string{"handled": "180 531000"})
}

// S1: a COPY that fails in its rows gives the server process back, so that the other worker of a pool of one goes on.
func TestS1ACopyThatFailsBehindAPooler(t *testing.T) {
	s, through := viaPooler(t)
	s.exec(t, "create table small (id bigint check (id >= 0), v bigint)")
	bad := s.worker(t, Config{DSN: through, Table: "small"}).start(1)
	good := s.worker(t, Config{DSN: through, Table: "small"})
	good.as.Group = "good"
	good.start(1)
	ids, vs := column("id", fencepost.Int, -1), column("v", fencepost.Int, 0)
	for i := range 20_000 { // rows are still on their way when the first one is refused
		ids.AppendInt(int64(i))
		vs.AppendInt(int64(i))
	}
	for range 3 {
		if r, err := new(sink.Rejected), bad.commit(t.Context(), bad.table(ids, vs)); !errors.As(err, &r) || r.Code != "23514" {
			t.Fatalf("got %v, want 23514", err)
		}
		good.must(good.table(column("id", fencepost.Int, 1), column("v", fencepost.Int, 1)))
	}
	bad.must(bad.table(column("id", fencepost.Int, 1), column("v", fencepost.Int, 1)))
	if got := one[int](t, s, "select count(*) from small"); got != 4 {
		t.Errorf("%d rows, want 4", got)
	}
}

// S3: a dsn that says how the driver sends statements is not overruled.
func TestS3TheDSNSaysHowStatementsAreSent(t *testing.T) {
	s, through := viaPooler(t)
	for mode, want := range map[string]pgx.QueryExecMode{"": pgx.QueryExecModeDescribeExec, "&default_query_exec_mode=exec": pgx.QueryExecModeExec,
		"&default_query_exec_mode=cache_statement": pgx.QueryExecModeCacheStatement} {
		var got pgx.QueryExecMode
		w := s.worker(t, Config{DSN: through + mode, Handle: func(_ context.Context, tx pgx.Tx, _ *fencepost.Batch) error {
			got = tx.Conn().Config().DefaultQueryExecMode
			return nil
		}})
		w.as.Group = fencepost.Group("s3" + mode)
		w.start(1)
		w.must(w.batch(0, 1))
		if got != want {
			t.Errorf("with %q the driver's mode is %s, want %s", mode, got, want)
		}
	}
}

// S1: what a pooler cannot carry is reported at connect, with what to set.
func TestS1WhatAPoolerRefuses(t *testing.T) {
	for name, c := range map[string]struct{ settings, dsn, want, mended string }{
		"a setting of the session": {"", "&lock_timeout=5000", "ignore_startup_parameters = lock_timeout", "ignore_startup_parameters=lock_timeout"},
		"statement pooling":        {"pool_mode=statement", "", "pool_mode = transaction", "pool_mode=transaction"},
	} {
		t.Run(name, func(t *testing.T) {
			s, through := viaPooler(t, strings.Fields(c.settings)...)
			sink, err := s.open(t.Context(), Config{DSN: through + c.dsn, Table: "flights"})
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			_, err = sink.Ledger().Read(t.Context(), "g")
			f := new(fencepost.UserError)
			if !errors.As(err, &f) || f.Code != "pooler-refused" || f.Passing || !strings.Contains(f.Help, c.want) {
				t.Errorf("got %v (%+v), want pooler-refused with %q in its help", err, f, c.want)
			}
			s, through = viaPooler(t, c.mended)
			w := s.worker(t, Config{DSN: through + c.dsn, Table: "flights"}).start(1)
			w.must(w.batch(0, 3))
		})
	}
}

// S1: check says that a pooler is between.
func TestS1CheckNamesThePooler(t *testing.T) {
	s, through := viaPooler(t)
	sink, err := s.open(t.Context(), Config{DSN: through, Table: "flights"})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	list := show(sink.Check(t.Context(), []fencepost.ColumnSpec{{Name: "value", Type: fencepost.Text}}))
	if got := strings.Join(list, "\n"); !strings.Contains(got, "through a pooler") {
		t.Errorf("check says\n%s\nwant the pooler in it", got)
	}
}
