//go:build realservers

package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

const insertSQL = "insert into flights select _topic, _partition, _offset, value, n from batch"

// forms are the ways of writing the suite's table, each with the DDL that it needs first.
var forms = []struct {
	name, ddl string
	config    Config
}{
	{"append", "", Config{Table: "flights"}},
	{"unique", "create unique index on flights (_topic, _partition, _offset)", Config{Table: "flights"}},
	{"upsert", "create unique index on flights (_topic, _partition, _offset)", Config{Table: "flights", Key: []string{"_topic", "_partition", "_offset"}}},
	{"sql", "", Config{SQL: insertSQL}},
}

func TestSQLThatEndsItsTransaction(t *testing.T) {
	for _, c := range []struct {
		sql   string
		stood bool // what was written before the COMMIT is committed: the documents say so
	}{
		{insertSQL + "; commit", true},
		{insertSQL + "; commit; begin", true},
		{insertSQL + "; commit and chain", true},
		{insertSQL + "; commit; select 1/0", true},
		{insertSQL + "; commit; select 1; select 1/0", true},
		{insertSQL + "; rollback", false},
		{insertSQL + "; rollback; begin", false},
		{insertSQL + "; rollback and chain", false},
		{insertSQL + "; abort", false},
		{insertSQL + "; end", true},
		{"commit; " + insertSQL, false},
		{insertSQL + "; commit; begin; savepoint fencepost_; savepoint s", true},
	} {
		t.Run(c.sql[len(c.sql)-min(len(c.sql), 40):], func(t *testing.T) {
			s := newStore(t)
			w := s.worker(t, Config{SQL: c.sql}).start(1)
			err := w.commit(t.Context(), w.batch(0, 3))
			if e := new(sink.Ended); !errors.As(err, &e) {
				t.Fatalf("got %v, want *sink.Ended", err)
			}
			if at := w.offset(0); at != 0 {
				t.Errorf("the ledger moved to %d", at)
			}
			if rows := len(s.Rows(t)); rows != 0 != c.stood {
				t.Errorf("%d rows stand, want some: %t", rows, c.stood)
			}
			if f, ok := w.sink.needs(t).(*fencepost.UserError); !ok || f.Code != "sql-ended-transaction" || f.Exit != 2 {
				t.Errorf("Needs: got %v, want the fault sql-ended-transaction", f)
			}
		})
	}
}

func (s *Sink) needs(t *testing.T) error {
	_, err := s.Columns(t.Context(), sinktest.Columns())
	return err
}

func TestSQLRuns(t *testing.T) {
	for _, c := range []struct {
		sql  string
		want string // the error's text; empty: none
		rows int
	}{
		{insertSQL, "", 3},
		{insertSQL + ";", "", 3},
		{insertSQL + " -- a comment at the end", "", 3},
		{insertSQL + "; update flights set n = n + 1; insert into flights (n) values (9)", "", 4},
		{"savepoint a; " + insertSQL + "; rollback to a; " + insertSQL, "", 3},
		{"create index on batch (n); analyze batch; " + insertSQL, "", 3},
		{"set local search_path = pg_catalog; insert into public.flights select _topic, _partition, _offset, value, n from pg_temp.batch", "", 3},
		{"insert into flights select _topic, _partition, _offset, value, 1/(n-n) from batch", "division by zero", 0},
		{insertSQL + "; do $$ begin raise exception 'no more of this'; end $$", "no more of this", 0},
		{"insert into nowhere select 1", "relation \"nowhere\" does not exist", 0},
		{"insrt into flights", "syntax error", 0},
		{"insert into flights values ('x", "syntax error", 0},
		{insertSQL + "; select 'fenced:1'::int", "invalid input syntax", 0},
		{insertSQL + "; select 'newer:2'::int", "invalid input syntax", 0},
		{"select 1", "", 0},
	} {
		t.Run(c.sql[len(c.sql)-min(len(c.sql), 40):], func(t *testing.T) {
			s := newStore(t)
			w := s.worker(t, Config{SQL: c.sql}).start(1)
			err := w.commit(t.Context(), w.batch(0, 3))
			refused, ended := new(ledger.Refused), new(sink.Ended)
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Fatalf("got %v, want %q", err, c.want)
			case errors.As(err, &refused), errors.As(err, &ended), errors.Is(err, ledger.ErrNewer), errors.Is(err, ledger.ErrUnknown):
				t.Fatalf("got %v, which it is not", err)
			}
			if got := len(s.Rows(t)); got != c.rows {
				t.Errorf("%d rows stand, want %d", got, c.rows)
			}
			if got, want := w.offset(0), w.held[at(0)].Offset; got != want {
				t.Errorf("the ledger holds %d, want %d", got, want)
			}
		})
	}
}

// A deferred constraint is looked at inside the batch, as an error of its rows.
func TestDeferredConstraint(t *testing.T) {
	s := newStore(t)
	s.exec(t, "alter table flights add unique (n) deferrable initially deferred; insert into flights (n) values (1)")
	for _, c := range []Config{{SQL: insertSQL}, {Table: "flights"}} {
		w := s.worker(t, c)
		w.as.Group = fencepost.Group("g" + c.SQL + c.Table)
		w.start(1)
		r := new(sink.Rejected)
		if err := w.commit(t.Context(), w.batch(0, 3)); !errors.As(err, &r) || r.Code != "23505" {
			t.Errorf("got %v, want *Rejected 23505", err)
		}
	}
}

// The last row of a key wins, in partition order, and other keys and columns stay.
func TestUpsert(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table u (k text, v int, seen timestamptz default now(), primary key (k)); insert into u values ('old', 1), ('b', 1)")
	w := s.worker(t, Config{Table: "u", Key: []string{"k"}}).start(1)
	w.must(w.table(column("k", fencepost.Text, "a", "b", "a", "c", "a"), column("v", fencepost.Int, 1, 2, 3, nil, 5)))
	w.must(w.table(column("k", fencepost.Text, "c", "c"), column("v", fencepost.Int, 8, 9)))
	got := one[string](t, s, "select string_agg(k || '=' || v, ' ' order by k) from u where seen is not null")
	if want := "a=5 b=2 c=9 old=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.exec(t, "create table keys (k int primary key)")
	w2 := s.worker(t, Config{Table: "keys", Key: []string{"k"}})
	w2.held = w.held
	w2.must(w2.table(column("k", fencepost.Int, 1, 1, 2)))
	if n := one[int](t, s, "select count(*) from keys"); n != 2 {
		t.Errorf("%d keys, want 2", n)
	}
}

// Keys that the table takes for one are one, whatever their types were on the way: the last row of them wins, in one commit.
func TestUpsertComparesKeysAsTheTableDoes(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create extension citext; create type mood as enum ('glad', 'sad'); create domain short as varchar(3); create domain feeling as mood")
	s.exec(t, "create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for i, c := range []struct {
		typ    string
		from   fencepost.Type
		values []any
		want   string
	}{
		{"citext", fencepost.Text, []any{"a", "A", "b"}, "A=2 b=3"},
		{"text collate ci", fencepost.Text, []any{"a", "A", "b"}, "A=2 b=3"},
		{"varchar(3)", fencepost.Text, []any{"abc", "abc  ", "b"}, "abc=2 b=3"},
		{"short", fencepost.Text, []any{"abc", "abc  ", "b"}, "abc=2 b=3"},
		{"char(3)", fencepost.Text, []any{"a", "a ", "b"}, "a=2 b=3"},
		{"name", fencepost.Text, []any{"a", "a", "b"}, "a=2 b=3"},
		{"mood", fencepost.Text, []any{"glad", "glad", "sad"}, "glad=2 sad=3"},
		{"feeling", fencepost.Text, []any{"glad", "glad", "sad"}, "glad=2 sad=3"},
		{"numeric(4,1)", fencepost.Decimal, []any{"1.23", "1.24", "1.3"}, "1.2=2 1.3=3"},
		{"timestamp(0)", fencepost.Timestamp, []any{100, 200, 2_000_000}, "1970-01-01 00:00:00=2 1970-01-01 00:00:02=3"},
	} {
		table := fmt.Sprint("k", i)
		s.exec(t, "create table "+table+" (k "+c.typ+" primary key, v int)")
		k := s.goesOn(t, w, Config{Table: table, Key: []string{"k"}})
		b := k.table(column("k", c.from, c.values...), column("v", fencepost.Int, 1, 2, 3))
		if err := k.commit(t.Context(), b); err != nil {
			t.Errorf("%s: %v", c.typ, err)
			continue
		}
		if got := one[string](t, s, "select string_agg((k::text || '=' || v) collate \"C\", ' ' order by v) from "+table); got != c.want {
			t.Errorf("%s: got %s, want %s", c.typ, got, c.want)
		}
	}
}

// C13: a worker that is stopped in the middle of its rows, in every form, blocks no other; when it resumes it is
// refused, and nothing of it is committed.
func TestHeirCommitsWhileAnotherStandsInsideCopy(t *testing.T) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			s := newStore(t)
			if f.ddl != "" {
				s.exec(t, f.ddl)
			}
			w := s.worker(t, f.config).start(2)
			heir := s.heir(t, w)
			held, release := s.wire.hold()
			stopped := make(chan error, 1)
			b := w.batch(0, 10_000)
			go func() { stopped <- w.lane.Commit(context.WithoutCancel(t.Context()), w.as, b) }()
			<-held
			ctx, cancel := context.WithTimeout(t.Context(), soon)
			defer cancel()
			if err := heir.commit(ctx, heir.batch(0, 10_000)); err != nil {
				t.Errorf("the heir: %v", err)
			}
			close(release)
			if err, r := <-stopped, new(ledger.Refused); !errors.As(err, &r) || r.Held[at(0)] != heir.held[at(0)] {
				t.Errorf("the worker that stood still: got %v, want *Refused with what the heir left", err)
			}
			if rows := len(s.Rows(t)); rows != 10_000 {
				t.Errorf("%d rows stand, want 10,000", rows)
			}
		})
	}
}

// C13: the client sends nothing more once its rows are sent: the server commits alone.
func TestServerCommitsAlone(t *testing.T) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			s := newStore(t)
			if f.ddl != "" {
				s.exec(t, f.ddl)
			}
			w := s.worker(t, f.config).start(1)
			b := w.batch(0, 10)
			s.wire.arm(cutAnswer)
			if err := w.commit(t.Context(), b); !errors.Is(err, ledger.ErrUnknown) {
				t.Fatalf("got %v, want ErrUnknown", err)
			}
			if rows, at := len(s.Rows(t)), w.offset(0); rows != 10 || at != 10 {
				t.Errorf("%d rows stand at %d, want 10 at 10", rows, at)
			}
		})
	}
}

// A handler that is stopped keeps its locks for CommitTimeout and no longer.
func TestHandlerThatStandsStill(t *testing.T) {
	s := newStore(t)
	inside, release := make(chan struct{}), make(chan struct{})
	w := s.worker(t, Config{CommitTimeout: 100 * time.Millisecond, Handle: func(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error {
		_, err := tx.Exec(ctx, "update fencepost_ledger set until = until") // the very rows that the heir needs
		close(inside)
		<-release
		return err
	}}).start(1)
	heir := s.heir(t, w)
	heir.sink.config.Handle = func(context.Context, pgx.Tx, *fencepost.Batch) error { return nil }
	heir.sink.config.CommitTimeout = soon
	stopped := make(chan error, 1)
	b := w.batch(0, 1)
	go func() { stopped <- w.lane.Commit(context.WithoutCancel(t.Context()), w.as, b) }()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if err := heir.commit(ctx, heir.batch(0, 1)); err != nil {
		t.Errorf("the heir: %v", err)
	}
	close(release)
	if err := <-stopped; err == nil {
		t.Error("the handler that stood still committed")
	}
	if err, r := w.commit(t.Context(), sink.Commit{Batch: &fencepost.Batch{Segments: []fencepost.Segment{{TopicPartition: at(0), Range: b.Segments[0].Range}}}, Moves: b.Moves}), new(ledger.Refused); !errors.As(err, &r) {
		t.Errorf("its next commit: got %v, want *Refused", err)
	}
}

func TestHandler(t *testing.T) {
	ctxOf := func(t *testing.T, h func(context.Context, pgx.Tx, *fencepost.Batch) error) (*store, *worker) {
		s := newStore(t)
		return s, s.worker(t, Config{Handle: h}).start(1)
	}
	add := func(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error {
		_, err := tx.Exec(ctx, "insert into flights (n) select generate_series(1, $1)", b.Rows())
		return err
	}
	ended, rejected := new(sink.Ended), new(sink.Rejected)
	boom := errors.New("boom")
	for _, c := range []struct {
		name string
		h    func(context.Context, pgx.Tx, *fencepost.Batch) error
		ok   func(error) bool
		rows int
	}{
		{"works", add, func(err error) bool { return err == nil }, 3},
		{"fails", func(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error {
			return errors.Join(add(ctx, tx, b), boom)
		},
			func(err error) bool { return errors.Is(err, boom) && !errors.Is(err, ledger.ErrUnknown) }, 0},
		{"commits", func(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error { return tx.Commit(ctx) },
			func(err error) bool { return errors.As(err, &ended) }, 0},
		{"rolls back", func(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error { return tx.Rollback(ctx) },
			func(err error) bool { return errors.As(err, &ended) }, 0},
		{"commits and begins", func(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error {
			_, err := tx.Exec(ctx, "commit; begin")
			return err
		}, func(err error) bool { return errors.As(err, &ended) }, 0},
		{"is refused by a constraint", func(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error {
			_, err := tx.Exec(ctx, "insert into flights (n) values (-1)")
			return fmt.Errorf("insert: %w", err)
		}, func(err error) bool { return errors.As(err, &rejected) && rejected.Code == "23514" }, 0},
		{"swallows an error", func(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error {
			_, _ = tx.Exec(ctx, "insert into flights (n) values (-1)")
			return nil
		}, func(err error) bool { return err != nil && !errors.Is(err, ledger.ErrUnknown) }, 0},
		{"closes the connection", func(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error { return tx.Conn().Close(ctx) },
			func(err error) bool { return err != nil && !errors.Is(err, ledger.ErrUnknown) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, w := ctxOf(t, c.h)
			err := w.commit(t.Context(), w.batch(0, 3))
			if !c.ok(err) {
				t.Errorf("got %v (%T)", err, err)
			}
			if rows := len(s.Rows(t)); rows != c.rows {
				t.Errorf("%d rows stand, want %d", rows, c.rows)
			}
			if got, want := w.offset(0), w.held[at(0)].Offset; got != want {
				t.Errorf("the ledger holds %d, want %d", got, want)
			}
		})
	}
}

func TestHandlerThatPanics(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{Handle: func(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error { panic("a bug") }}).start(1)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not pass")
			}
		}()
		_ = w.commit(t.Context(), w.batch(0, 1))
	}()
	if n := one[int](t, s, "select count(*) from pg_stat_activity where state like 'idle in transaction%' and datname = current_database()"); n != 0 {
		t.Errorf("%d transactions are left open", n)
	}
}

// C14: four lanes that upsert the same keys; ORDER BY keeps them from deadlocking.
func TestAggregateUpsertOnFourLanes(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table delays (origin text primary key, flights bigint, minutes bigint)")
	sql := `insert into delays (origin, flights, minutes)
	select 'k' || n % 20, count(*), sum(n) from batch group by 1 order by 1
	on conflict (origin) do update set flights = delays.flights + excluded.flights, minutes = delays.minutes + excluded.minutes`
	first := s.worker(t, Config{SQL: sql, Lanes: 4}).start(4)
	const rounds = 40
	var wg sync.WaitGroup
	for p := range int32(4) {
		w := s.heir(t, first)
		wg.Go(func() {
			for range rounds {
				if err := w.commit(t.Context(), w.batch(p, 100)); err != nil {
					t.Errorf("lane %d: %v", p, err)
					return
				}
			}
		})
	}
	wg.Wait()
	got := one[string](t, s, "select sum(flights) || ' ' || sum(minutes) from delays")
	if want := fmt.Sprint(4*rounds*100, " ", 4*(rounds*100)*(rounds*100-1)/2); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A connection that breaks is unknown only from where the server could have committed, and the next try decides it
// with one effect.
func TestACutConnection(t *testing.T) {
	for _, f := range forms {
		for _, c := range []struct {
			name    string
			cut     cut
			unknown bool
			applied bool
		}{{"before the query", cutQuery, false, false}, {"inside the rows", cutRows, false, false},
			{"before the end of the rows", cutCommit, true, false}, {"before the answer", cutAnswer, true, true}} {
			t.Run(f.name+" "+c.name, func(t *testing.T) {
				s := newStore(t)
				if f.ddl != "" {
					s.exec(t, f.ddl)
				}
				w := s.worker(t, f.config).start(1)
				w.must(w.batch(0, 3))
				b := w.batch(0, 3000)
				s.wire.arm(c.cut)
				err := w.commit(t.Context(), b)
				if err == nil || errors.Is(err, ledger.ErrUnknown) != c.unknown {
					t.Fatalf("got %v, want unknown: %t", err, c.unknown)
				}
				if fault := new(fencepost.UserError); !c.unknown && (!errors.As(err, &fault) || !fault.Passing || fault.Code != "database-silent") {
					t.Errorf("got %v, want a passing database-silent", err)
				}
				err = w.commit(t.Context(), b)
				r := new(ledger.Refused)
				switch {
				case c.applied && (!errors.As(err, &r) || ledger.Relate(r.Held[at(0)], b.Moves[0]) != ledger.RelationDone):
					t.Errorf("the next try: got %v, want *Refused, done", err)
				case !c.applied && err != nil:
					t.Errorf("the next try: %v", err)
				}
				if rows, at := len(s.Rows(t)), w.offset(0); rows != 3003 || at != 3003 {
					t.Errorf("%d rows stand at %d, want 3,003", rows, at)
				}
			})
		}
	}
}

// A backend that is terminated in the middle of its rows, or while it waits for a row of the ledger.
func TestATerminatedBackend(t *testing.T) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			s := newStore(t)
			if f.ddl != "" {
				s.exec(t, f.ddl)
			}
			w := s.worker(t, f.config).start(1)
			w.must(w.batch(0, 3))
			pid := w.lane.(*lane).session.conn.PgConn().PID()

			held, release := s.wire.hold()
			done := make(chan error, 1)
			b := w.batch(0, 10_000)
			go func() { done <- w.lane.Commit(context.WithoutCancel(t.Context()), w.as, b) }()
			<-held
			s.exec(t, "select pg_terminate_backend($1)", int32(pid))
			close(release)
			if err := <-done; err == nil {
				t.Fatal("it committed")
			}
			w.must(b)

			blocker := s.connect(t)
			if _, err := blocker.Exec(t.Context(), "begin; select from fencepost_ledger for update"); err != nil {
				t.Fatal(err)
			}
			pid = w.lane.(*lane).session.conn.PgConn().PID()
			b = w.batch(0, 10)
			go func() { done <- w.lane.Commit(context.WithoutCancel(t.Context()), w.as, b) }()
			s.waits(t, pid)
			s.exec(t, "select pg_terminate_backend($1)", int32(pid))
			if err := <-done; err == nil {
				t.Fatal("it committed")
			}
			blocker.Close(t.Context())
			w.must(b)
			if rows, at := len(s.Rows(t)), w.offset(0); rows != 10_013 || at != 10_013 {
				t.Errorf("%d rows stand at %d, want 10,013", rows, at)
			}
		})
	}
}

// waits returns once a backend waits for a lock.
func (s *store) waits(t *testing.T, pid uint32) {
	t.Helper()
	c := s.connect(t)
	for deadline := time.Now().Add(soon); ; {
		var waiting bool
		if err := c.QueryRow(t.Context(), "select coalesce(bool_or(wait_event_type = 'Lock'), false) from pg_stat_activity where pid = $1", int32(pid)).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		if waiting {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the backend never waited for a lock")
		}
	}
}

// A context that ends while the compare-and-set waits: unknown, and the next try decides it.
func TestACancelledCommit(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	w.must(w.batch(0, 3))
	blocker := s.connect(t)
	if _, err := blocker.Exec(t.Context(), "begin; select from fencepost_ledger for update"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	b := w.batch(0, 10)
	pid := w.lane.(*lane).session.conn.PgConn().PID()
	go func() { done <- w.lane.Commit(ctx, w.as, b) }()
	s.waits(t, pid)
	cancel()
	if err := <-done; !errors.Is(err, ledger.ErrUnknown) {
		t.Fatalf("got %v, want ErrUnknown", err)
	}
	blocker.Close(t.Context())
	err := w.commit(t.Context(), b)
	if r := new(ledger.Refused); err != nil && !(errors.As(err, &r) && ledger.Relate(r.Held[at(0)], b.Moves[0]) == ledger.RelationDone) {
		t.Fatalf("the next try: %v", err)
	}
	if rows, at := len(s.Rows(t)), w.offset(0); rows != 13 || at != 13 {
		t.Errorf("%d rows stand at %d, want 13", rows, at)
	}
}

// A batch without rows moves the ledger, and runs neither SQL nor handler.
func TestABatchOfMarkers(t *testing.T) {
	s := newStore(t)
	for _, c := range []Config{{Table: "flights"}, {SQL: "insert into flights (n) select count(*) from batch"},
		{Handle: func(context.Context, pgx.Tx, *fencepost.Batch) error { return errors.New("called") }}} {
		w := s.worker(t, c)
		w.as.Group = fencepost.Group(fmt.Sprint("g", c.job().Form()))
		w.start(1)
		w.must(sinktest.Commit(sinktest.Span{TopicPartition: at(0), Held: w.held[at(0)], Until: 5, Rows: []fencepost.Offset{}}))
		if at := w.offset(0); at != 5 {
			t.Errorf("form %d: at %d, want 5", c.job().Form(), at)
		}
	}
	if rows := len(s.Rows(t)); rows != 0 {
		t.Errorf("%d rows stand", rows)
	}
}

// A worker that waited for a row which another then moved is refused, and one whose rival rolled back goes on.
func TestTheCompareAndSetWaits(t *testing.T) {
	for _, commit := range []bool{true, false} {
		s := newStore(t)
		w := s.worker(t, Config{Table: "flights"}).start(2)
		rival := s.connect(t)
		if _, err := rival.Exec(t.Context(), "begin; update fencepost_ledger set until = 7, fence = fence where partition = 1"); err != nil {
			t.Fatal(err)
		}
		b := w.batch(0, 3)
		b2 := w.batch(1, 3)
		both := sinktest.Commit(
			sinktest.Span{TopicPartition: at(0), Held: b.Moves[0].Held, Until: 3},
			sinktest.Span{TopicPartition: at(1), Held: b2.Moves[0].Held, Until: 3})
		done := make(chan error, 1)
		pid := w.lane.(*lane).session.conn.PgConn().PID()
		go func() { done <- w.lane.Commit(context.WithoutCancel(t.Context()), w.as, both) }()
		s.waits(t, pid)
		end := map[bool]string{true: "commit", false: "rollback"}[commit]
		if _, err := rival.Exec(t.Context(), end); err != nil {
			t.Fatal(err)
		}
		err, r := <-done, new(ledger.Refused)
		if refused := errors.As(err, &r); refused != commit || !refused && err != nil {
			t.Errorf("after the rival's %s: got %v", end, err)
		}
		if commit && (len(r.Held) != 1 || r.Held[at(1)].Offset != 7) {
			t.Errorf("refused with %v, want partition 1 at 7 alone", r.Held)
		}
		if rows := len(s.Rows(t)); (rows == 0) != commit {
			t.Errorf("after the rival's %s %d rows stand", end, rows)
		}
	}
}
