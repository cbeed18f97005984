//go:build realservers

package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// wantStand fails unless the ledger holds `offset` of partition 0 and the table has that many rows.
func (w *worker) wantStand(s *store, offset int64) {
	w.t.Helper()
	if got := int64(w.offset(0)); got != offset {
		w.t.Errorf("the ledger holds %d, want %d", got, offset)
	}
	if got := one[int64](w.t, s, "select count(*) from flights"); got != offset {
		w.t.Errorf("the table has %d rows, want %d", got, offset)
	}
}

// A connection that breaks before, within or behind the flush leaves all or nothing, and the next try decides it.
func TestABrokenConnectionLeavesAllOrNothing(t *testing.T) {
	for what, c := range map[string]cut{"before the flush": cutQuery, "within it": cutHalf, "with all of it": cutCommit, "with the answer": cutAnswer} {
		t.Run(what, func(t *testing.T) {
			s := newStore(t)
			w := s.worker(t, Config{Table: "flights"}).start(1)
			w.must(w.batch(0, 3))
			b := w.batch(0, 4)
			s.wire.arm(c)
			err := w.commit(t.Context(), b)
			fault := new(fencepost.UserError)
			switch {
			case c == cutQuery && (!errors.As(err, &fault) || fault.Code != "database-silent" || !fault.Passing):
				t.Fatalf("nothing was sent: got %v, want a passing database-silent", err)
			case c != cutQuery && !errors.Is(err, ledger.ErrUnknown):
				t.Fatalf("got %v, want ErrUnknown", err)
			}
			err = w.commit(t.Context(), b)
			refused := new(ledger.Refused)
			if c == cutAnswer && !errors.As(err, &refused) || c != cutAnswer && err != nil {
				t.Fatalf("the same batch again: %v", err)
			}
			w.wantStand(s, 7)
		})
	}
}

// A worker that is stopped in the middle of its flush blocks no other (law 11), and is refused when it goes on.
func TestAStoppedWorkerHoldsNoLock(t *testing.T) {
	for what, c := range map[string]Config{"append": {Table: "flights"},
		"sql": {SQL: "insert into flights (_topic, _partition, _offset, value, n) select _topic, _partition, _offset, value, n from batch"}} {
		t.Run(what, func(t *testing.T) {
			s := newStore(t)
			w := s.worker(t, c).start(1)
			w.must(w.batch(0, 1))
			heir := storeOf(t, s.dsn).heir(t, w)
			held, release := s.wire.hold()
			done := make(chan error, 1)
			go func() { done <- w.lane.Commit(context.Background(), w.as, w.batch(0, 500)) }()
			<-held
			heir.must(heir.batch(0, 2))
			close(release)
			refused := new(ledger.Refused)
			if err := <-done; !errors.As(err, &refused) {
				t.Errorf("the late worker: got %v, want *ledger.Refused", err)
			}
			heir.wantStand(s, 3)
		})
	}
}

// SQL that ends its transaction is refused before the run joins, where its text shows it, and found out by its
// savepoint where it does not.
func TestSQLThatEndsItsTransaction(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create procedure sneak() begin insert into flights (n) values (1); commit; end")
	for text, before := range map[string]bool{"insert into flights (n) select n from batch; commit": true,
		"create table made (x int)": true, "call sneak()": false, "call sneak(); insert into nowhere values (1)": false} {
		w := s.worker(t, Config{SQL: text})
		w.as.Group = fencepost.Group(text)
		w.start(1)
		_, err := w.sink.Columns(t.Context(), nil)
		if f := new(fencepost.UserError); before != (errors.As(err, &f) && f.Code == "sql-ended-transaction") {
			t.Errorf("%s: needs: got %v", text, err)
		}
		ended := new(sink.Ended)
		if err := w.commit(t.Context(), w.batch(0, 2)); !errors.As(err, &ended) {
			t.Errorf("%s: got %v, want *sink.Ended", text, err)
		}
		if got := w.offset(0); got != 0 {
			t.Errorf("%s: the ledger moved to %d", text, got)
		}
	}
}

// Variables of the user's SQL are its own, whatever their names.
func TestVariablesOfTheUsersSQL(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{SQL: "set @secret = 100, @savepoint = 20; insert into flights (n) select n + @secret + @savepoint from batch"}).start(1)
	w.must(w.table(column("n", fencepost.Int, 3)))
	if got := one[int](t, s, "select n from flights"); got != 123 {
		t.Errorf("got %d, want 123", got)
	}
}

// SQL that swallows the COMMIT behind it commits nothing, and does not pass for done.
func TestSQLThatSwallowsTheCommit(t *testing.T) {
	s := newStore(t)
	for _, text := range []string{"insert into flights (n) select n from batch; /* ", "insert into flights (n) select n from batch; select '"} {
		w := s.worker(t, Config{SQL: text})
		w.as.Group = fencepost.Group(text)
		w.start(1)
		if err := w.commit(t.Context(), w.batch(0, 2)); err == nil {
			t.Errorf("%s: passed for done", text)
		}
		w.wantStand(s, 0)
	}
}

// What SQL leaves in its session does not change what the next batch means.
func TestSQLCanNotChangeTheSession(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{SQL: "insert into flights (_topic, value, n) select _topic, value, n from batch; set sql_mode = 'NO_BACKSLASH_ESCAPES'; set names latin1; use mysql"})
	w.start(1)
	text := fencepost.Column{Name: "value", Type: fencepost.Text}
	text.AppendText(`größe \' , ''`)
	n := column("n", fencepost.Int, 1)
	w.must(w.table(text, n))
	b := w.table(text, n)
	if err := w.commit(t.Context(), b); err == nil { // flights is looked for in the database that it went to
		t.Fatal("USE was undone: say so in doc.go, and mend this test")
	}
	if got := one[string](t, s, "select value from flights"); got != `größe \' , ''` {
		t.Errorf("got %q", got)
	}
}

const delaysSQL = `insert into delays (origin, flights, minutes) select value, count(*), sum(n) from batch group by value order by value
  on duplicate key update flights = flights + values(flights), minutes = minutes + values(minutes)`

// Four lanes that add to the same rows: every record counts once, and no deadlock comes out.
func TestFourLanesOneAggregate(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table delays (origin varchar(20) primary key, flights bigint, minutes bigint) character set utf8mb4")
	const lanes, rounds, rows = 4, 40, 50
	var wait sync.WaitGroup
	errs := make(chan error, lanes)
	for lane := range lanes {
		w := s.worker(t, Config{SQL: delaysSQL, Lanes: lanes})
		w.as.Group = fencepost.Group(fmt.Sprint("g", lane))
		w.start(1)
		wait.Add(1)
		go func() {
			defer wait.Done()
			for range rounds {
				origin, n := fencepost.Column{Name: "value", Type: fencepost.Text}, fencepost.Column{Name: "n", Type: fencepost.Int}
				for i := range rows {
					origin.AppendText(fmt.Sprint("airport", (i*7+lane)%20))
					n.AppendInt(2)
				}
				if err := w.commit(t.Context(), w.table(origin, n)); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if got, want := one[int64](t, s, "select sum(flights) + sum(minutes) from delays"), int64(3*lanes*rounds*rows); got != want {
		t.Errorf("flights and minutes: got %d, want %d", got, want)
	}
}

// The last row of a key remains, by the column's own equality, within a batch and across batches.
func TestUpsert(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table latest (id int auto_increment primary key, name varchar(20) collate utf8mb4_general_ci, v bigint, unique (name)) character set utf8mb4")
	w := s.worker(t, Config{Table: "latest", Key: []string{"name"}}).start(1)
	w.must(w.table(column("name", fencepost.Text, "b", "a", "B", "c"), column("v", fencepost.Int, 1, 2, 3, 4)))
	w.must(w.table(column("name", fencepost.Text, "A", "d"), column("v", fencepost.Int, 5, 6)))
	if got, want := one[string](t, s, "select group_concat(lower(name), v order by name) from latest"), "a5,b3,c4,d6"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.exec(t, "alter table latest add unique (v)")
	_, err := w.sink.Columns(t.Context(), []fencepost.ColumnSpec{{Name: "name"}, {Name: "v", Type: fencepost.Int}})
	if f := new(fencepost.UserError); !errors.As(err, &f) || f.Code != "key-not-unique" {
		t.Errorf("with a second unique index: got %v, want key-not-unique", err)
	}
	s.exec(t, "create table heap (n bigint) engine=MyISAM")
	_, err = s.worker(t, Config{Table: "heap"}).sink.Columns(t.Context(), nil)
	if f := new(fencepost.UserError); !errors.As(err, &f) || f.Code != "table-not-transactional" {
		t.Errorf("a MyISAM table: got %v, want table-not-transactional", err)
	}
}

// What the server refuses about a row is a *sink.Rejected with the server's number, and leaves nothing.
func TestBadRows(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create table strict_t (_offset bigint primary key, small tinyint, short varchar(3), must text not null default ('x'), kind enum('a', 'b'),
	  at timestamp(6) null, money decimal(5,2), doc json, r double) character set utf8mb4`)
	bad := map[string]fencepost.Column{
		"1264": column("small", fencepost.Int, 128), "1406": column("short", fencepost.Text, "four"), "1048": column("must", fencepost.Text, nil),
		"1265": column("kind", fencepost.Text, "c"), "1292": column("at", fencepost.Timestamp, int64(5e15)),
		"1264b": column("money", fencepost.Decimal, "1000"), s.either("3140", "4025"): column("doc", fencepost.JSON, "{"), "1366": column("money", fencepost.Decimal, "x"),
		"": column("r", fencepost.Int, int64(1<<53+1))}
	for code, c := range bad {
		w := s.worker(t, Config{Table: "strict_t"})
		w.as.Group = fencepost.Group("g-" + code)
		w.start(1)
		err := w.commit(t.Context(), w.table(c))
		r := new(sink.Rejected)
		if !errors.As(err, &r) || r.Code != strings.TrimRight(code, "b") || r.Reason == "" {
			t.Errorf("%s into %s: got %v", code, c.Name, err)
		}
		if got := one[int](t, s, "select count(*) from strict_t"); got != 0 || w.offset(0) != 0 {
			t.Errorf("%s: %d rows, ledger at %d", code, got, w.offset(0))
		}
	}
	w := s.worker(t, Config{Table: "strict_t"}).start(1)
	w.must(w.table(column("small", fencepost.Int, 1)))
	w.held[at(0)] = ledger.Position{Offset: 0, Fence: w.held[at(0)].Fence}
	refused := new(ledger.Refused)
	if err := w.commit(t.Context(), w.table(column("small", fencepost.Int, 1))); !errors.As(err, &refused) {
		t.Errorf("a batch that stands already: got %v, want *ledger.Refused although its rows are duplicates", err)
	}
}

// kill -9 of the server between and within commits: every row is there once, and the lane recovers by itself.
func TestServerKilled(t *testing.T) {
	server := servers.OwnMariaDB(t)
	s := storeOf(t, server.Database(t))
	s.exec(t, "create table flights (_topic varchar(249), _partition int, _offset bigint, value text, n bigint)")
	w := s.worker(t, Config{Table: "flights"}).start(1)
	w.must(w.batch(0, 5))
	server.Kill()
	if f, err := new(fencepost.UserError), w.commit(t.Context(), w.batch(0, 5)); !errors.As(err, &f) && !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("first commit to a killed server: got %v", err)
	}
	if f, err := new(fencepost.UserError), w.commit(t.Context(), w.batch(0, 5)); !errors.As(err, &f) || f.Code != "database-silent" || !f.Passing {
		t.Errorf("commit to a server that is down: got %v, want a passing database-silent", err)
	}
	server.Start()
	w.must(w.batch(0, 5))
	held, release := s.wire.hold()
	done := make(chan error, 1)
	go func() { done <- w.lane.Commit(context.Background(), w.as, w.batch(0, 500)) }()
	<-held
	server.Kill()
	close(release)
	if err := <-done; !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("killed within a flush: got %v, want ErrUnknown", err)
	}
	server.Start()
	w.must(w.batch(0, 500))
	w.wantStand(s, 510)
}

// A batch larger than a packet travels in pieces, and is one commit.
func TestABatchLargerThanAPacket(t *testing.T) {
	server := servers.OwnMariaDB(t, "max-allowed-packet=1M")
	s := storeOf(t, server.Database(t))
	s.exec(t, "create table flights (_offset bigint, value text)")
	w := s.worker(t, Config{Table: "flights"}).start(1)
	c := fencepost.Column{Name: "value", Type: fencepost.Text}
	for range 100 {
		c.AppendText(strings.Repeat("x", 50_000))
	}
	w.must(w.table(c))
	if got := one[int](t, s, "select count(distinct _offset) + sum(length(value)) from flights"); got != 100+5_000_000 {
		t.Errorf("rows and bytes: got %d", got)
	}
	c = fencepost.Column{Name: "value", Type: fencepost.Text}
	c.AppendText(strings.Repeat("x", 2<<20))
	r := new(sink.Rejected)
	if err := w.commit(t.Context(), w.table(c)); !errors.As(err, &r) || r.Hint == "" {
		t.Errorf("a row larger than a packet: got %v, want *sink.Rejected with a remedy", err)
	}
}

// A handler reads rows as structs inside the batch's transaction; a null that its struct has no place for is that row's
// error, and nothing of the batch is committed.
func TestRows(t *testing.T) {
	s := newStore(t)
	type row struct {
		N int64 `json:"n"`
	}
	opened := Handle(s.dsn, func(ctx context.Context, tx *sql.Tx, rows fencepost.Rows[row]) error {
		for _, r := range rows.All() {
			if _, err := tx.ExecContext(ctx, "insert into flights (n) values (?)", r.N); err != nil {
				return err
			}
		}
		return nil
	})
	defer opened.Close()
	if needs, err := opened.Columns(t.Context(), []fencepost.ColumnSpec{{Name: "n", Type: fencepost.Int}}); err != nil || len(needs) != 0 {
		t.Errorf("needs: got %v, %v, want no metadata", needs, err)
	}
	lane, err := opened.Lane(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lane.Close()
	w := s.worker(t, Config{Handle: func(context.Context, *sql.Tx, *fencepost.Batch) error { return nil }}).start(1)
	w.lane = lane
	c := fencepost.Column{Name: "n", Type: fencepost.Int}
	c.AppendInt(7)
	c.AppendInt(8)
	w.must(w.table(c))
	c.AppendNull()
	if r, err := new(sink.Rejected), w.commit(t.Context(), w.table(c)); !errors.As(err, &r) || !strings.Contains(r.Reason, "column n is null") {
		t.Errorf("a null for a field that is no pointer: got %v, want *sink.Rejected", err)
	}
	w.wantStand(s, 2)
}

// A handler's work and the moves are one transaction, and one that ends it is found out.
func TestHandle(t *testing.T) {
	s := newStore(t)
	var do func(ctx context.Context, tx *sql.Tx) error
	w := s.worker(t, Config{Handle: func(ctx context.Context, tx *sql.Tx, b *fencepost.Batch) error {
		if _, err := tx.ExecContext(ctx, "insert into flights (n) "+numbers(b.Rows())); err != nil {
			return err
		}
		return do(ctx, tx)
	}}).start(1)
	do = func(context.Context, *sql.Tx) error { return nil }
	w.must(w.batch(0, 3))
	w.must(w.batch(0, 2))
	do = func(context.Context, *sql.Tx) error { return errors.New("no") }
	if err := w.commit(t.Context(), w.batch(0, 2)); err == nil || !strings.Contains(err.Error(), "handler: no") {
		t.Errorf("a handler that fails: got %v", err)
	}
	do = func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "insert into flights (n) values (-1)")
		return err
	}
	if r, err := new(sink.Rejected), w.commit(t.Context(), w.batch(0, 2)); !errors.As(err, &r) {
		t.Errorf("a handler whose row is refused: got %v, want *sink.Rejected", err)
	}
	w.wantStand(s, 5)
	for what, end := range map[string]func(context.Context, *sql.Tx) error{
		"commits": func(_ context.Context, tx *sql.Tx) error { return tx.Commit() },
		"makes a table": func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "create table made_by_handler (x int)")
			return err
		}} {
		do = end
		if ended, err := new(sink.Ended), w.commit(t.Context(), w.batch(0, 2)); !errors.As(err, &ended) {
			t.Errorf("a handler that %s: got %v, want *sink.Ended", what, err)
		}
	}
	if got := w.offset(0); got != 5 {
		t.Errorf("the ledger moved to %d without its effects", got)
	}
}

// What DDL prints is enough for a user with the least grants, and runs twice. Without it, check names what is missing.
func TestLeastGrants(t *testing.T) {
	server := servers.OwnMariaDB(t)
	s := storeOf(t, server.Database(t))
	s.exec(t, "create user app identified by 'hunter2'")
	s.exec(t, "grant select on `"+s.config(t)+"`.* to app")
	c := Config{DSN: strings.Replace(s.dsn, "root@", "app:hunter2@", 1), Table: "flights", Key: []string{"value"}}
	columns := []fencepost.ColumnSpec{{Name: "value", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}}
	sink, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	codes := func() (list []string) {
		for _, f := range sink.Check(t.Context(), columns) {
			list = append(list, f.Subject+":"+f.Code)
		}
		return list
	}
	if got, want := strings.Join(codes(), " "), "database:table-not-found ledger:database-denied"; got != want {
		t.Errorf("check before ddl: got %s, want %s", got, want)
	}
	for range 2 {
		s.exec(t, DDL(c, columns))
	}
	s.exec(t, "revoke select on `"+s.config(t)+"`.* from app")
	if got, want := strings.Join(codes(), " "), "database: ledger: trial:"; got != want {
		t.Errorf("check after ddl: got %s, want %s: %+v", got, want, sink.Check(t.Context(), columns))
	}
	w := s.worker(t, c).start(1)
	w.must(w.batch(0, 5))
	w.must(w.batch(0, 5))
	for range sink.Ledger().(ledger.History).Moves(t.Context(), w.as.Group) {
	}
	w.wantStand(s, 10)
	s.exec(t, "revoke insert on flights from app")
	if f, err := new(fencepost.UserError), w.commit(t.Context(), w.batch(0, 5)); !errors.As(err, &f) || f.Code != "database-denied" {
		t.Errorf("without INSERT: got %v, want database-denied", err)
	}
	wrong, err := Open(t.Context(), Config{DSN: strings.Replace(c.DSN, "hunter2", "hunter3", 1), Table: "flights"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = wrong.Ledger().Read(t.Context(), "g")
	if f := new(fencepost.UserError); !errors.As(err, &f) || f.Code != "database-denied" || strings.Contains(err.Error(), "hunter") {
		t.Errorf("with a wrong password: got %v, want database-denied", err)
	}
}

// config is the name of the store's database.
func (s *store) config(t *testing.T) string {
	c, err := parseDSN(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	return c.DBName
}

// Check tries SQL on an empty batch and changes nothing.
func TestCheckSQL(t *testing.T) {
	s := newStore(t)
	for text, want := range map[string]string{"insert into flights (n) select n from batch": "database: ledger: trial:",
		"insert into flights (m) select n from batch":              "database: ledger: trial:column-missing",
		"insert into flights (n) select n from batch; commit":      "database:sql-ended-transaction ledger:",
		"create table made (x int)":                                "database:sql-ended-transaction ledger:",
		"insert into flights (n) selec n":                          "database: ledger: trial:sql-refused",
		"insert into flights (n, value) select n, _key from batch": "database: ledger: trial:"} {
		sink := s.worker(t, Config{SQL: text}).sink
		got := ""
		for _, f := range sink.Check(t.Context(), []fencepost.ColumnSpec{{Name: "n", Type: fencepost.Int}}) {
			got += " " + f.Subject + ":" + f.Code
		}
		if got != " "+want {
			t.Errorf("%s: got%s, want %s", text, got, want)
		}
	}
	if got := one[int](t, s, "select count(*) from information_schema.tables where table_schema = database()"); got != 1 {
		t.Errorf("check left %d tables, want the one that was there", got)
	}
}

// A check of a ledger that a newer program wrote reports that, and goes on to try the table.
func TestCheckOfANewerLedger(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	s.MakeNewer(t)
	list := w.sink.Check(t.Context(), sinktest.Columns())
	if len(list) != 3 || !list[0].OK || list[1].Code != "ledger-newer" || !list[2].OK {
		t.Errorf("got %+v, want database and trial ok, and ledger-newer", list)
	}
}
