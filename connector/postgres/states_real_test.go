//go:build realservers

package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// S7: a server that became read-only is left for the one that the dsn asks for, and so is one that was at connect.
func TestS7AReadOnlyServerIsLeft(t *testing.T) {
	first, second := servers.OwnPostgres(t), servers.OwnPostgres(t)
	two := strings.Replace(first.DSN("postgres"), first.Host+":5432", first.Host+":5432,"+second.Host+":5432", 1) + "&target_session_attrs=read-write"
	for _, server := range []*servers.OwnPostgresServer{first, second} {
		s := &store{dsn: server.DSN("postgres"), wire: &wire{}}
		s.exec(t, "create table flights (_topic text, _partition int, _offset bigint, value text, n bigint)")
	}
	s := &store{dsn: first.DSN("postgres"), wire: &wire{}}
	w := s.worker(t, Config{DSN: two, Table: "flights"}).start(1)
	w.must(w.batch(0, 2))
	(&store{dsn: second.DSN("postgres"), wire: &wire{}}).worker(t, Config{Table: "flights"}).start(1)
	s.exec(t, "alter system set default_transaction_read_only = on")
	s.exec(t, "select pg_reload_conf()")
	b, err := w.batch(0, 2), error(nil)
	for err == nil { // until the server has read its configuration
		b = w.batch(0, 2)
		err = w.commit(t.Context(), b)
	}
	if codeOf(err) != "database-read-only" {
		t.Errorf("the first server answers %v, want database-read-only", err)
	}
	// The second server's ledger holds another fence: it refuses the batch, and not the first server.
	var refused *ledger.Refused
	if err := w.commit(t.Context(), b); !errors.As(err, &refused) {
		t.Errorf("the next try got %v, want the refusal of the second server's ledger", err)
	}
	third := s.worker(t, Config{DSN: two, Table: "flights"}).lane.(*lane)
	if got := third.session.conn.PgConn().Conn().RemoteAddr().String(); got != second.Host+":5432" {
		t.Errorf("a new session is with %s, want the second server", got)
	}
}

// S7: a dsn that asks for a server on which nothing can be written is refused.
func TestS7ADSNForReplicasIsRefused(t *testing.T) {
	for _, attrs := range []string{"standby", "read-only"} {
		_, err := Open(t.Context(), Config{DSN: "postgres://h/db?target_session_attrs=" + attrs, Table: "t"})
		if codeOf(err) != "dsn-invalid" || !strings.Contains(err.Error(), "can not be written") {
			t.Errorf("%s: %v, want dsn-invalid", attrs, err)
		}
	}
}

// codeOf is the code of an error, empty for one that has none.
func codeOf(err error) string {
	if f, ok := errors.AsType[*fencepost.UserError](err); ok {
		return f.Code
	}
	return ""
}

// S10: each state of a server has its code, and its own words come first.
func TestS10StatesHaveTheirCodes(t *testing.T) {
	t.Run("read-only role", func(t *testing.T) {
		s := newStore(t)
		role := s.role(t, "set default_transaction_read_only = on")
		w := s.worker(t, Config{DSN: role, Table: "flights"})
		s.worker(t, Config{Table: "flights"}).start(1)
		w.held[at(0)] = must[ledger.Snapshot](t)(w.sink.Ledger().Read(t.Context(), "g")).Positions[at(0)]
		if err := w.commit(t.Context(), w.batch(0, 1)); codeOf(err) != "database-read-only" {
			t.Errorf("got %v, want database-read-only", err)
		}
	})
	t.Run("connection limit of a role", func(t *testing.T) {
		s := newStore(t)
		role := s.role(t, "connection limit 1")
		w, err := s.open(t.Context(), Config{DSN: role, Table: "flights"})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if _, err := w.Ledger().Read(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Lane(t.Context(), 0); codeOf(err) != "too-many-connections" {
			t.Errorf("got %v, want too-many-connections", err)
		}
		w.Close()
		s.until(t, "select count(*) = 0 from pg_stat_activity where usename like 'tests10stateshavetheircodes%'")
		// check says it before a run does
		fresh, err := s.open(t.Context(), Config{DSN: role, Table: "flights"})
		if err != nil {
			t.Fatal(err)
		}
		defer fresh.Close()
		list := strings.Join(show(fresh.Check(t.Context(), []fencepost.ColumnSpec{{Name: "value", Type: fencepost.Text}})), "\n")
		if !strings.Contains(list, "connections | silent too-many-connections") {
			t.Errorf("check says\n%s\nwant too-many-connections", list)
		}
	})
	t.Run("terminated", func(t *testing.T) {
		s := newStore(t)
		w := s.worker(t, Config{SQL: insertSQL + "; select pg_terminate_backend(pg_backend_pid())"}).start(1)
		err := w.commit(t.Context(), w.batch(0, 1))
		if !errors.Is(err, ledger.ErrUnknown) || !strings.Contains(err.Error(), "terminating connection due to administrator command (57P01)") {
			t.Errorf("got %v, want the server's words", err)
		}
		if strings.Contains(err.Error(), "closed network connection") {
			t.Errorf("got %v, want the server's words alone", err)
		}
	})
}

// role makes a login role of the test's own that may do all in the database, and returns its dsn.
func (s *store) role(t *testing.T, option string) string {
	t.Helper()
	name := strings.ToLower(servers.Name(t))
	s.exec(t, "create role "+name+" login; grant all on schema public to "+name+"; grant all on all tables in schema public to "+name+
		"; alter default privileges in schema public grant all on tables to "+name+"; alter role "+name+" "+option)
	t.Cleanup(func() { s.dropRole(t, name) })
	return strings.Replace(s.dsn, "//postgres@", "//"+name+"@", 1)
}

// until waits for a fact of the server.
func (s *store) until(t *testing.T, sql string) {
	t.Helper()
	for !one[bool](t, s, sql) {
		if t.Context().Err() != nil {
			t.Fatalf("never: %s", sql)
		}
	}
}

func (s *store) dropRole(t *testing.T, name string) {
	c, err := pgx.Connect(context.Background(), s.dsn)
	if err == nil {
		_, err = c.Exec(context.Background(), "drop owned by "+name+"; drop role "+name)
		err = errors.Join(err, c.Close(context.Background()))
	}
	if err != nil {
		t.Errorf("drop role %s: %v", name, err)
	}
}

// S11: what the server says besides its message is part of the reason: the key, the column, the constraint.
func TestS11DetailIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		ddl   string
		table string
		value any
		want  []string
	}{
		"no partition": {"create table part (id bigint) partition by range (id); create table p0 partition of part for values from (0) to (10)", "part", 50,
			[]string{`no partition of relation "part" found for row`, "Partition key of the failing row contains (id) = (50)", "(23514)"}},
		"a key that is not there": {"create table parent (id bigint primary key); create table child (id bigint references parent)", "child", 7,
			[]string{"child_id_fkey", `Key (id)=(7) is not present in table "parent"`, "(23503)"}},
		"a key that is there": {"create table once (id bigint unique); insert into once values (3)", "once", 3,
			[]string{"once_id_key", "Key (id)=(3) already exists", "(23505)"}},
		"a zero in jsonb": {"create table docs (id jsonb)", "docs", `{"a":"\u0000"}`,
			[]string{"in column id", `\u0000 cannot be converted to text`, "(22P05)"}},
		"a check": {"create table small (id bigint constraint positive check (id > 0))", "small", -1, []string{"positive", "(23514)"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			s.exec(t, c.ddl)
			w := s.worker(t, Config{Table: c.table}).start(1)
			typ := fencepost.Int
			if _, ok := c.value.(string); ok {
				typ = fencepost.JSON
			}
			err := w.commit(t.Context(), w.table(column("id", typ, c.value)))
			if r := new(sink.Rejected); !errors.As(err, &r) {
				t.Fatalf("got %v, want *sink.Rejected", err)
			}
			for _, want := range c.want {
				if !strings.Contains(fmt.Sprint(err), want) {
					t.Errorf("got  %v\nwant %s in it", err, want)
				}
			}
			if strings.Contains(err.Error(), "Failing row") {
				t.Errorf("got %v, want no row in it: the record says which", err)
			}
		})
	}
}
