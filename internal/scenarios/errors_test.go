//go:build realservers

package scenarios

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/sink"
)

// badRecord is where parksAtItsRecord has the record that the store refuses.
const badRecord = 2

// parksAtItsRecord runs two partitions of which one has a record that the store refuses: its value is bad. The records in front of it
// are applied, the partition parks there with the server's words, and the other partition goes on.
func (s *scene) parksAtItsRecord(bad string, words ...string) {
	s.t.Helper()
	name := s.topic(2)
	s.produce(at(name, 0), "a", "b", bad, "c", "d")
	s.produce(at(name, 1), "a", "b", "c", "d", "e")
	wk := s.run([]string{name}, nil)
	p := wk.parked(at(name, 0), "record-refused")
	if p.Offset != badRecord {
		s.t.Errorf("parked at %d, want %d", p.Offset, badRecord)
	}
	for _, w := range words {
		if !strings.Contains(p.Reason, w) {
			s.t.Errorf("the reason is %q, want %q in it", p.Reason, w)
		}
	}
	s.eventuallyRows(at(name, 0), span(0, badRecord)...)
	s.eventuallyRows(at(name, 1), span(0, 5)...)
	wk.end()
	s.wantRows(at(name, 0), span(0, badRecord)...)
}

// as has the sinks of a Postgres scene log in as a role of the test's own, which may do all that a pipeline needs.
func (s *scene) as(options string) (role string) {
	s.t.Helper()
	p := s.store.(*postgresStore)
	role = strings.ToLower(servers.Name(s.t))
	p.exec(s.t, "create role "+role+" login "+options)
	p.exec(s.t, "grant all on schema public to "+role+"; grant all on all tables in schema public to "+role+"; grant all on all sequences in schema public to "+role)
	super := p.dsn
	s.t.Cleanup(func() {
		c, err := pgx.Connect(context.Background(), super)
		if err == nil {
			_, err = c.Exec(context.Background(), "drop owned by "+role+"; drop role "+role)
			err = errors.Join(err, c.Close(context.Background()))
		}
		if err != nil {
			s.t.Errorf("drop role %s: %v", role, err)
		}
	})
	p.dsn = strings.Replace(p.dsn, "//postgres@", "//"+role+"@", 1)
	return role
}

// letters do not compress.
func letters(n int) string {
	var b strings.Builder
	for x := uint64(1); b.Len() < n; x = x*6364136223846793005 + 1442695040888963407 {
		b.WriteByte(byte('a' + x>>33%26))
	}
	return b.String()
}

// S4: an error that is on no list is one of the record, if smaller batches pass.
func TestS4ErrorsOnNoList(t *testing.T) {
	const raise = `create function refuse() returns trigger language plpgsql as $$ begin
		if new.value = 'bad' then raise exception 'no such customer' using errcode = 'CODE', detail = 'it was deleted'; end if; return new; end $$;
		create trigger refuse before insert on seen for each row execute function refuse()`
	for name, c := range map[string]struct {
		ddl, bad string
		words    []string
	}{
		"an index row that is too large":    {"create index on seen (value)", letters(9000), []string{"index row", "(54000)"}},
		"a code of a trigger's own":         {strings.Replace(raise, "CODE", "AB001", 1), "bad", []string{"no such customer", "(AB001)", "it was deleted"}},
		"a trigger's code that we know":     {strings.Replace(raise, "CODE", "42501", 1), "bad", []string{"no such customer", "(42501)"}},
		"a trigger's code of the server's":  {strings.Replace(raise, "CODE", "53300", 1), "bad", []string{"no such customer", "(53300)"}},
		"a statement that a trigger spoils": {strings.Replace(raise, "CODE", "42P01", 1), "bad", []string{"no such customer", "(42P01)"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := onPostgres(t)
			s.store.exec(t, c.ddl)
			s.parksAtItsRecord(c.bad, c.words...)
		})
	}
}

// S5: the same on MariaDB, whose general class HY000 may be any error.
func TestS5ErrorsOnNoList(t *testing.T) {
	for name, c := range map[string]struct {
		ddl   string
		words []string
	}{
		"no partition": {"alter table seen modify value varchar(20) partition by list columns (value) (partition p values in ('a', 'b', 'c', 'd', 'e'))",
			[]string{"(1526)"}},
		"a signal of a trigger's own": {"create trigger refuse before insert on seen for each row if new.value = 'bad' then signal sqlstate 'AB001' set message_text = 'no such customer'; end if",
			[]string{"no such customer", "(1644)"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := onMariaDB(t, seenDDL)
			s.store.exec(t, c.ddl)
			s.parksAtItsRecord("bad", c.words...)
		})
	}
}

// S6: a batch that takes longer than the server allows goes in in parts. A record that does so alone parks.
func TestS6BatchesLargerThanTheServersTime(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *scene{
		"postgres": func(t *testing.T) *scene {
			s := onPostgres(t)
			s.store.exec(t, `create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(case new.value when 'slow' then 60 else 0.02 end); return new; end $$;
				create trigger slow before insert on seen for each row execute function slow()`)
			role := s.as("superuser")
			s.store.exec(t, "alter role "+role+" set statement_timeout = '400ms'")
			return s
		},
		"mariadb": func(t *testing.T) *scene {
			s, st := onMariaDB(t, seenDDL)
			s.store.exec(t, "create trigger slow before insert on seen for each row set @z = sleep(if(new.value = 'slow', 60, 0.02))")
			user := strings.ToLower(servers.Name(t))[:12] + servers.Name(t)[len(servers.Name(t))-10:]
			st.exec(t, "create user "+user+" with max_statement_time 0.4; grant all on *.* to "+user)
			t.Cleanup(func() { _, _ = st.db.ExecContext(context.Background(), "drop user "+user) })
			st.dsn = strings.Replace(st.dsn, "//root@", "//"+user+"@", 1)
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			topic := s.topic(1)
			tp := at(topic, 0)
			s.fill(tp, 60)
			s.produce(tp, "slow")
			wk := s.run([]string{topic}, nil)
			if p := wk.parked(tp, "record-refused"); p.Offset != 60 {
				t.Errorf("parked at %d, want 60", p.Offset)
			}
			s.wantRows(tp, span(0, 60)...)
			wk.end()
		})
	}
}

// S8: row security refuses a row, and not the run.
func TestS8RowSecurityParksItsRecord(t *testing.T) {
	s := onPostgres(t)
	s.as("")
	s.store.exec(t, "alter table seen enable row level security; create policy p on seen using (true) with check (value <> 'bad')")
	s.parksAtItsRecord("bad", "row-level security", "(42501)")
}

// S13: what is away for a moment is reported and waited for.
func TestS13AwayForAMoment(t *testing.T) {
	for name, c := range map[string]struct {
		store      string
		away, back func(t *testing.T, s *scene, role string)
		code       string
	}{
		"a table that is swapped": {"postgres",
			func(t *testing.T, s *scene, _ string) { s.store.exec(t, "alter table seen rename to old") },
			func(t *testing.T, s *scene, _ string) { s.store.exec(t, "alter table old rename to seen") }, "table-not-found"},
		"a right": {"postgres",
			func(t *testing.T, s *scene, role string) { s.store.exec(t, "revoke insert on seen from "+role) },
			func(t *testing.T, s *scene, role string) { s.store.exec(t, "grant insert on seen to "+role) }, "database-denied"},
		"a login": {"postgres",
			func(t *testing.T, s *scene, role string) {
				s.store.exec(t, "alter role "+role+" nologin; select pg_terminate_backend(pid) from pg_stat_activity where usename = '"+role+"'")
			},
			func(t *testing.T, s *scene, role string) { s.store.exec(t, "alter role "+role+" login") }, "database-denied"},
		"a table of MariaDB": {"mariadb",
			func(t *testing.T, s *scene, _ string) { s.store.exec(t, "rename table seen to old") },
			func(t *testing.T, s *scene, _ string) { s.store.exec(t, "rename table old to seen") }, "table-not-found"},
	} {
		t.Run(name, func(t *testing.T) {
			var s *scene
			role := ""
			if c.store == "mariadb" {
				s, _ = onMariaDB(t, seenDDL)
			} else {
				s = onPostgres(t)
				role = s.as("")
			}
			topic := s.topic(1)
			tp := at(topic, 0)
			s.fill(tp, 3)
			wk := s.run([]string{topic}, nil)
			s.eventuallyRows(tp, span(0, 3)...)
			c.away(t, s, role)
			s.fill(tp, 3)
			await(wk, "it is said: "+c.code, func(r engine.Retrying) bool {
				return r.What == "commit" && strings.Contains(codeOf(r.Err), c.code)
			})
			c.back(t, s, role)
			s.eventuallyRows(tp, span(0, 6)...)
			wk.end()
		})
	}
}

// codeOf is the code of an error, empty for one that has none.
func codeOf(err error) string {
	if f, ok := errors.AsType[*fencepost.UserError](err); ok {
		return f.Code
	}
	return ""
}

// S14: a commit that waits for a lock is reported after 5 s, with who holds it; it is applied when the lock is gone.
func TestS14LocksAreSaid(t *testing.T) {
	for name, c := range map[string]struct {
		store, lock, holder string
	}{
		"a table":                   {"postgres", "begin; lock table seen in access exclusive mode", "select pg_backend_pid()"},
		"a row of the ledger":       {"postgres", "begin; select from fencepost_ledger for update", "select pg_backend_pid()"},
		"a row of MariaDB's ledger": {"mariadb", "start transaction; select * from fencepost_ledger for update", "select connection_id()"},
	} {
		t.Run(name, func(t *testing.T) {
			var s *scene
			if c.store == "mariadb" {
				var st *mariaDBStore
				s, st = onMariaDB(t, seenDDL)
				st.db.SetMaxOpenConns(1) // the lock's session
			} else {
				s = onPostgres(t)
			}
			topic := s.topic(1)
			tp := at(topic, 0)
			s.fill(tp, 3)
			wk := s.run([]string{topic}, nil)
			s.eventuallyRows(tp, span(0, 3)...)
			s.store.exec(t, c.lock)
			holder := s.store.number(t, c.holder)
			s.fill(tp, 3)
			slow := await(wk, "the commit is said to be slow", func(engine.Slow) bool { return true })
			if !slow.Wait.Locks || !strings.Contains(slow.Wait.Text, "waits for a lock of") || !strings.Contains(slow.Wait.Text, strconv.FormatInt(holder, 10)) {
				t.Errorf("it waits for %+v, want for the lock that %d holds", slow.Wait, holder)
			}
			s.store.exec(t, "rollback")
			s.eventuallyRows(tp, span(0, 6)...)
			wk.end()
			if parked := heard[engine.Parked](wk); len(parked) != 0 {
				t.Errorf("parked: %+v", parked)
			}
		})
	}
}

// S14: SQL that takes longer than a commit may. Postgres cancels it, so the record that does alone parks. MariaDB goes
// on and commits, which is found before the work is done again. Each row is there once.
func TestS14SQLThatTakesTooLong(t *testing.T) {
	impatient := func(sink sink.Sink) func(*setup) {
		return func(set *setup) { set.engine.Sink, set.engine.CommitTimeout = sink, 2*time.Second }
	}
	t.Run("postgres", func(t *testing.T) {
		s := onPostgres(t)
		topic := s.topic(1)
		tp := at(topic, 0)
		s.produce(tp, "a", "b", "slow", "c")
		sql := insertSQL + "; select pg_sleep(case when bool_or(value = 'slow') then 600 else 0 end) from batch"
		wk := s.run([]string{topic}, impatient(s.store.sink(t, "", sql)))
		if p := wk.parked(tp, "record-refused"); p.Offset != 2 || !strings.Contains(p.Reason, "no answer in 2s") {
			t.Errorf("parked at %d: %s", p.Offset, p.Reason)
		}
		s.wantRows(tp, span(0, 2)...)
		wk.end()
	})
	t.Run("mariadb", func(t *testing.T) {
		s, _ := onMariaDB(t, seenDDL)
		topic := s.topic(1)
		tp := at(topic, 0)
		s.produce(tp, "a", "b", "slow", "c")
		sql := insertSQL + "; set @z = (select max(if(value = 'slow', 5, 0)) from batch); do sleep(@z)"
		wk := s.run([]string{topic}, impatient(s.store.sink(t, "", sql)))
		s.reached(tp, 4)
		wk.end()
		if got := s.offsets(tp); len(got) != 4 {
			t.Errorf("the rows are %v, want each once", got)
		}
	})
}

// S14: connections that are open and lead nowhere, as behind a router that forgot them, are given up, and the batch goes in
// over a new one, once.
func TestS14ConnectionsThatLeadNowhere(t *testing.T) {
	s := onPostgres(t)
	p := s.store.(*postgresStore)
	host := regexp.MustCompile(`[0-9.]+:5432`).FindString(p.dsn)
	via := newForgetful(t, host, 0)
	p.dsn = strings.Replace(p.dsn, host, via.address, 1)
	topic := s.topic(1)
	tp := at(topic, 0)
	s.fill(tp, 3)
	wk := s.run([]string{topic}, func(set *setup) { set.engine.CommitTimeout = 2 * time.Second })
	s.eventuallyRows(tp, span(0, 3)...)
	via.forget()
	s.fill(tp, 3)
	s.eventuallyRows(tp, span(0, 6)...)
	wk.end()
	s.wantRows(tp, span(0, 6)...)
}

// forgetful passes bytes on, until it forgets the connections that it has: they stay open, and nothing passes.
type forgetful struct {
	address string
	mu      sync.Mutex
	era     int
	conns   []net.Conn
}

// newForgetful answers the first connections by itself: the database starts.
func newForgetful(t *testing.T, upstream string, starting int) *forgetful {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(servers.Address(t), "5432"))
	if err != nil {
		t.Fatal(err)
	}
	f := &forgetful{address: l.Addr().String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			if starting--; starting >= 0 {
				starts(client)
				continue
			}
			server, err := net.Dial("tcp", upstream)
			if err != nil {
				client.Close()
				continue
			}
			f.mu.Lock()
			f.conns = append(f.conns, client, server)
			era := f.era
			f.mu.Unlock()
			go f.pass(client, server, era)
			go f.pass(server, client, era)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, c := range f.conns {
			c.Close()
		}
	})
	return f
}

// starts answers a client as a server does that is starting up.
func starts(client net.Conn) {
	defer client.Close()
	b := pgproto3.NewBackend(client, client)
	if _, err := b.ReceiveStartupMessage(); err == nil {
		b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "57P03", Message: "the database system is starting up"})
		_ = b.Flush()
	}
}

func (f *forgetful) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.era++
}

// pass copies what was known when the connection was made.
func (f *forgetful) pass(from, to net.Conn, era int) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		f.mu.Lock()
		forgotten := f.era != era
		f.mu.Unlock()
		if forgotten && err == nil {
			continue
		}
		if forgotten {
			return
		}
		if err == nil {
			_, err = to.Write(buf[:n])
		}
		if err != nil {
			from.Close()
			to.Close()
			return
		}
	}
}

// S10: a start while the database answers that it starts is waited for, and reported.
func TestS10AStartWhileTheDatabaseStarts(t *testing.T) {
	s := onPostgres(t)
	p := s.store.(*postgresStore)
	host := regexp.MustCompile(`[0-9.]+:5432`).FindString(p.dsn)
	p.dsn = strings.Replace(p.dsn, host, newForgetful(t, host, 3).address, 1)
	topic := s.topic(1)
	tp := at(topic, 0)
	s.fill(tp, 3)
	wk := s.run([]string{topic}, nil)
	s.eventuallyRows(tp, span(0, 3)...)
	if said := heard[engine.Retrying](wk); len(said) == 0 || said[0].What != "open" || codeOf(said[0].Err) != "database-starting" {
		t.Errorf("told %+v, want that it starts", said)
	}
	wk.end()
}
