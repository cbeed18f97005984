//go:build realservers

package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// show is findings as lines.
func show(list []fencepost.Finding) (lines []string) {
	for _, f := range list {
		state := "ok"
		switch {
		case f.Silent:
			state = "silent " + f.Code
		case !f.OK:
			state = strings.TrimSpace(f.Code + " " + f.Key)
		}
		lines = append(lines, f.Subject+" | "+state+" | "+f.Text+" | "+f.Help)
	}
	return lines
}

func TestCheck(t *testing.T) {
	const none = "ledger | ok | none yet; this user may create fencepost_ledger, fencepost_moves, fencepost_groups | "
	const tried = "trial | ok | an empty batch was applied and rolled back | "
	for _, c := range []struct {
		name   string
		ddl    string
		config Config
		want   []string
	}{
		{"append", "alter table flights add loaded_at timestamptz not null default now(), add note text", Config{Table: "flights"},
			[]string{"database | ok | Postgres V: table flights has all 2 columns; not filled: loaded_at (default), note (null) | ", none, tried}},
		{"upsert", "create unique index on flights (n); alter table flights alter n set not null", Config{Table: "flights", Key: []string{"n"}},
			[]string{"database | ok | Postgres V: table flights has all 2 columns | ", none, tried}},
		{"sql", "", Config{SQL: insertSQL + " where _headers is null"},
			[]string{"database | ok | Postgres V: 2 columns in the temporary table batch | ", none, tried}},
		{"no table", "", Config{Table: "flihgts"},
			[]string{`database | table-not-found table | database DB has no table flihgts | ` + ddlHelp, none}},
		{"missing column", "alter table flights drop column n", Config{Table: "flights"},
			[]string{"database | column-missing schema.n | table flights has no column n | ALTER TABLE flights ADD COLUMN n bigint;   or drop it from schema", none}},
		{"wrong types", "alter table flights drop constraint positive, alter n type date using null, alter _topic type int using null", Config{Table: "flights"},
			[]string{"database | column-type schema.n | column n is int, and date in table flights does not take that | int goes into int2, int4, int8, numeric, float8; or let SQL convert it: sql: INSERT INTO flights (n) SELECT n::date FROM batch",
				"database | column-type table | column _topic is text, and integer in table flights does not take that | ALTER TABLE flights ALTER COLUMN _topic TYPE text;   text goes into text, varchar, bpchar, name, citext, enum, uuid; or let SQL convert it: sql: INSERT INTO flights (_topic) SELECT _topic::integer FROM batch", none}},
		{"unfilled", "alter table flights add a int not null, add b int generated always as (n) stored", Config{Table: "flights"},
			[]string{"database | column-unfilled table | table flights wants a value in column a (not null, no default), and the schema has none | add a to schema; or ALTER TABLE flights ALTER COLUMN a SET DEFAULT ...", none}},
		{"no unique index", "create index on flights (n); create unique index on flights (n, value); create unique index on flights (n) where n > 0", Config{Table: "flights", Key: []string{"n"}},
			[]string{"database | key-not-unique key | table flights has no unique index on exactly (n) | CREATE UNIQUE INDEX ON flights (n);", none}},
		{"unknown key", "", Config{Table: "flights", Key: []string{"k"}},
			[]string{"database | key-unknown key | key column k is not in both schema and table flights | name columns of the schema", none}},
		{"sql with commit", "", Config{SQL: insertSQL + ";\ncommit"},
			[]string{"database | sql-ended-transaction sql | the SQL ends its transaction (COMMIT): rows and moves would part | take that statement out: line 2, column 1 of the SQL", none}},
		{"bad sql", "", Config{SQL: "insert into flights (nn) select 1"},
			[]string{"database | ok | Postgres V: 2 columns in the temporary table batch | ", none,
				`trial | column-missing sql | column "nn" of relation "flights" does not exist (42703) | add the column to the table, or mend the schema or the SQL`}},
		{"incomplete ledger", strings.Split(tablesDDL, "CREATE TABLE IF NOT EXISTS fencepost_moves")[0], Config{Table: "flights"},
			[]string{"database | ok | Postgres V: table flights has all 2 columns | ", "ledger | ok | incomplete; this user may create fencepost_moves | ", tried}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t)
			if c.ddl != "" {
				s.exec(t, c.ddl)
			}
			sink, err := s.open(t.Context(), c.config)
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			before := s.content(t)
			got := show(sink.Check(t.Context(), sinktest.Columns()))
			version, _, _ := strings.Cut(one[string](t, s, "show server_version"), " ")
			for i := range got {
				got[i] = strings.ReplaceAll(strings.ReplaceAll(got[i], "Postgres "+version, "Postgres V"), one[string](t, s, "select current_database()"), "DB")
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, s.content(t)); diff != "" {
				t.Errorf("check changed the database:\n%s", diff)
			}
		})
	}
}

// content is the tables of a database and their sizes.
func (s *store) content(t *testing.T) string {
	return one[string](t, s, `select string_agg(relname || ' ' || pg_relation_size(oid), ', ' order by relname) from pg_class where relnamespace = 'public'::regnamespace`)
}

func TestCheckOfALedger(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	snap, err := w.sink.Ledger().Read(t.Context(), "g")
	if err != nil {
		t.Fatal(err)
	}
	got := show(w.sink.Check(t.Context(), sinktest.Columns()))[1]
	if want := "ledger | ok | version 1, identity " + snap.Ledger.Short() + ", in schema public | "; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.MakeNewer(t)
	got = show(w.sink.Check(t.Context(), sinktest.Columns()))[1]
	if want := "ledger | ledger-newer | the ledger was written by a newer version: it is version 2, this program knows 1: untouched | run the newer program; there is no way back"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestADatabaseThatDoesNotServe(t *testing.T) {
	s := newStore(t)
	u, err := url.Parse(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	dead := servers.Address(t)
	for _, c := range []struct {
		change func(u url.URL) string
		want   string
	}{
		{func(u url.URL) string { u.Host = dead + ":1"; return u.String() },
			"database | silent database-silent | postgres " + dead + ":1: connection refused | start it, or mend the dsn; a running pipeline waits by itself"},
		{func(u url.URL) string { u.Path = "/nowhere"; return u.String() },
			`database | database-not-found | database "nowhere" does not exist (3D000) | create it, or mend the dsn`},
		{func(u url.URL) string { u.User = url.UserPassword("nobody", "s3cret"); return u.String() },
			`database | database-denied | role "nobody" does not exist (28000) | mend user and password in the dsn, or the server's pg_hba.conf`},
	} {
		sink, err := Open(t.Context(), Config{DSN: c.change(*u), Table: "flights"})
		if err != nil {
			t.Fatal(err)
		}
		defer sink.Close()
		if got := strings.Join(show(sink.Check(t.Context(), sinktest.Columns())), "\n"); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		_, readErr := sink.Ledger().Read(t.Context(), "g")
		_, laneErr := sink.Lane(t.Context(), 0)
		for _, err := range []error{readErr, laneErr, sink.needs(t)} {
			if f := new(fencepost.UserError); !errors.As(err, &f) || strings.Contains(fmt.Sprint(err, f.Help), "s3cret") {
				t.Errorf("got %v, want a *Fault that shows no password", err)
			}
		}
	}
}

// A user with the least grants and without CREATE gets along with tables that the owner made, and says what it lacks
// where there are none.
func TestLeastGrants(t *testing.T) {
	s := newStore(t)
	role := strings.ToLower(servers.Name(t))
	s.exec(t, "create role "+role+" login")
	defer s.exec(t, "drop owned by "+role+"; drop role "+role)
	s.exec(t, "drop table flights; revoke create on schema public from public")
	u, err := url.Parse(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	columns := []fencepost.ColumnSpec{{Name: "k", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}}
	for _, c := range []Config{{Table: "flights"}, {Table: "upserted", Key: []string{"k"}}} {
		c.DSN = u.String()
		sink, err := s.open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if c.Key == nil {
			_, err = sink.Ledger().Read(t.Context(), "g")
			if f := new(fencepost.UserError); !errors.As(err, &f) || f.Code != "database-denied" || !strings.Contains(f.Help, "fencepost ddl") {
				t.Errorf("read without tables: got %v, want database-denied", err)
			}
			got := show([]fencepost.Finding{sink.checkLedgerAlone(t)})[0]
			if want := "ledger | database-denied | this user may not create fencepost_groups, fencepost_ledger, fencepost_moves in public | " + ownerHelp; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		ddl := strings.ReplaceAll(DDL(c, columns), appRole, role)
		for range 2 {
			s.exec(t, ddl)
		}
		sink.Close()
		w := s.worker(t, c)
		w.as.Group = fencepost.Group(c.Table)
		w.start(2)
		w.must(w.table(column("k", fencepost.Text, "a", "b", "b"), column("n", fencepost.Int, 1, 2, 3)))
		move := ledger.Move{TopicPartition: at(0), Cause: ledger.CauseRewind, Held: w.held[at(0)], Next: ledger.Position{Fence: fence(), TopicID: topicID}}
		if err := w.sink.Ledger().Move(t.Context(), w.as, []ledger.Move{move}); err != nil {
			t.Errorf("rewind: %v", err)
		}
		for _, line := range show(w.sink.Check(t.Context(), columns)) {
			if !strings.Contains(line, " | ok | ") {
				t.Error(line)
			}
		}
	}
	if got := one[string](t, s, "select (select count(*) from flights) || ' ' || (select count(*) from upserted)"); got != "3 2" {
		t.Errorf("rows: got %s, want 3 2", got)
	}
	s.exec(t, "delete from fencepost_groups where group_name = ''")
	snap, err := s.worker(t, Config{DSN: u.String(), Table: "flights"}).sink.Ledger().Read(t.Context(), "flights")
	if err != nil || snap.Ledger == (fencepost.LedgerID{}) || len(snap.Positions) != 2 {
		t.Errorf("a ledger without its identity row: got %v, %v; want an identity and 2 positions", snap, err)
	}
	s.exec(t, "revoke update on fencepost_ledger from "+role)
	sink, err := s.open(t.Context(), Config{DSN: u.String(), Table: "flights"})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	if got := show([]fencepost.Finding{sink.checkLedgerAlone(t)})[0]; !strings.Contains(got, "database-denied | this user lacks UPDATE on public.fencepost_ledger") {
		t.Error(got)
	}
}

// checkLedgerAlone is the ledger's line of Check.
func (s *Sink) checkLedgerAlone(t *testing.T) fencepost.Finding {
	for _, f := range s.Check(t.Context(), nil) {
		if f.Subject == "ledger" {
			return f
		}
	}
	t.Fatal("check has no ledger line")
	return fencepost.Finding{}
}

// A ledger that a newer version wrote stays as it is, to the last column.
func TestNewerIsUntouched(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	w.must(w.batch(0, 3))
	s.exec(t, "update fencepost_groups set version = 99999 where group_name = '' and topic = ''; drop table fencepost_moves")
	read := func() string {
		return one[string](t, s, "select (select string_agg(g::text, '') from fencepost_groups g) || (select string_agg(l::text, '') from fencepost_ledger l) || (select count(*) from flights)") + s.content(t)
	}
	before := read()
	late := s.worker(t, Config{Table: "flights"})
	late.held = w.held
	for who, k := range map[string]*worker{"a running worker": w, "a new worker": late} {
		_, readErr := k.sink.Ledger().Read(t.Context(), "g")
		moveErr := k.sink.Ledger().Move(t.Context(), k.as, []ledger.Move{{TopicPartition: at(0), Cause: ledger.CauseRewind,
			Held: k.held[at(0)], Next: ledger.Position{Fence: fence()}}})
		for what, err := range map[string]error{"read": readErr, "move": moveErr, "commit": k.lane.Commit(t.Context(), k.as, k.batch(0, 2))} {
			if f := new(fencepost.UserError); !errors.Is(err, ledger.ErrNewer) || !errors.As(err, &f) || f.Code != "ledger-newer" || f.Exit != 4 {
				t.Errorf("%s by %s: got %v, want ErrNewer as ledger-newer, exit 4", what, who, err)
			}
		}
	}
	if diff := cmp.Diff(before, read()); diff != "" {
		t.Errorf("the ledger was touched:\n%s", diff)
	}
}

// A table's columns are read again after they changed.
func TestAColumnThatChanges(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	w.must(w.batch(0, 3))
	s.exec(t, "alter table flights rename column value to text")
	f := new(fencepost.UserError)
	if err := w.commit(t.Context(), w.batch(0, 3)); !errors.As(err, &f) || f.Code != "column-missing" {
		t.Errorf("got %v, want column-missing", err)
	}
	s.exec(t, "alter table flights rename column text to value")
	w.must(w.batch(0, 3))
	s.exec(t, "drop table flights")
	if err := w.commit(t.Context(), w.batch(0, 3)); !errors.As(err, &f) || f.Code != "table-not-found" {
		t.Errorf("got %v, want table-not-found", err)
	}
}

// S9: what ddl prints is all that a user without any right needs: schemas, temporary tables, the sequences of a table that was
// there before. It is one transaction. What it was not run for is found by check, with a remedy that mends it.
func TestS9EveryGrant(t *testing.T) {
	s := newStore(t)
	role, database := strings.ToLower(servers.Name(t)), one[string](t, s, "select quote_ident(current_database())")
	s.exec(t, "create role "+role+" login; revoke all on schema public from public; revoke all on database "+database+" from public; grant connect on database "+database+" to "+role)
	defer s.exec(t, "drop owned by "+role+"; drop role "+role)
	s.exec(t, `create schema "Sales"; create table "Sales".counted (n bigserial, id bigint, a text); create schema app`)
	s.exec(t, "alter role "+role+" set search_path = app")
	u, err := url.Parse(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	columns := []fencepost.ColumnSpec{{Name: "id", Type: fencepost.Int}, {Name: "a", Type: fencepost.Text}}
	checked := func(c Config) string {
		sink, err := s.open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer sink.Close()
		return strings.Join(show(sink.Check(t.Context(), columns)), "\n")
	}
	for _, c := range []Config{{Table: "Sales.counted"}, {Table: "Sales.keyed", Key: []string{"id"}}} {
		c.DSN = u.String()
		if got := checked(c); !strings.Contains(got, "not-found") && !strings.Contains(got, "denied") {
			t.Errorf("%s, check before ddl:\n%s", c.Table, got)
		}
		s.exec(t, "set search_path = app; "+DDL(c, columns)+"; set search_path = default")
		if got := checked(c); strings.Count(got, " | ok | ") != 3 {
			t.Errorf("%s, check after ddl:\n%s", c.Table, got)
		}
		w := s.worker(t, c)
		w.as.Group = fencepost.Group(c.Table)
		w.start(1)
		w.must(w.table(column("id", fencepost.Int, 1, 2), column("a", fencepost.Text, "x", "y")))
	}
	s.exec(t, `revoke all on sequence "Sales".counted_n_seq from `+role)
	got := checked(Config{DSN: u.String(), Table: "Sales.counted"})
	remedy := `GRANT USAGE ON SEQUENCE "Sales".counted_n_seq TO ` + role + ";"
	if !strings.Contains(got, "database-denied") || !strings.Contains(got, remedy) {
		t.Errorf("check without the sequence: got\n%s\nwant database-denied and %s", got, remedy)
	}
	s.exec(t, remedy)
	if got := checked(Config{DSN: u.String(), Table: "Sales.counted"}); strings.Count(got, " | ok | ") != 3 {
		t.Errorf("check after its remedy:\n%s", got)
	}
	c := s.connect(t)
	broken := DDL(Config{DSN: u.String(), Table: "nowhere.t"}, columns) // a schema that is not there
	if _, err := c.Exec(t.Context(), "drop table app.fencepost_moves; set search_path = app"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), broken); err == nil {
		t.Error("ddl of a schema that is not there: no error")
	}
	if made := one[bool](t, s, "select to_regclass('app.fencepost_moves') is not null"); made {
		t.Error("ddl that failed left a table")
	}
}
