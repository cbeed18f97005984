//go:build realservers

package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

const latestDDL = "create table latest (k varchar(20) collate utf8mb4_general_ci primary key, v bigint) character set utf8mb4"

// latest is a batch of keys that all hold v.
func (w *worker) latest(v int64, keys ...string) sink.Commit {
	k, n := fencepost.Column{Name: "k", Type: fencepost.Text}, fencepost.Column{Name: "v", Type: fencepost.Int}
	for _, key := range keys {
		k.AppendText(key)
		n.AppendInt(v)
	}
	return w.table(k, n)
}

// other is another client's transaction, which loses no deadlock: the server rolls back the one that has written less.
func (s *store) other(t *testing.T) *sql.Tx {
	t.Helper()
	tx, err := s.db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	write(t, tx, "insert into flights (n) "+numbers(1000))
	return tx
}

func write(t *testing.T, tx *sql.Tx, text string) {
	t.Helper()
	if _, err := tx.ExecContext(t.Context(), text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// waiting returns once a transaction waits for a lock. (The server answers from a cache of innodb_trx that may be old.)
func (s *store) waiting(t *testing.T) {
	t.Helper()
	var name, n string
	for begun := time.Now(); n == "" || n == "0"; {
		if err := s.db.QueryRowContext(t.Context(), "show global status like 'innodb_row_lock_current_waits'").Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		if time.Since(begun) > soon {
			t.Fatal("nobody waits for a lock")
		}
	}
}

// An upsert that loses a deadlock comes out of it by itself. Once a sink has seen a few, its upserts lock their keys in
// the order of the keys, and do not get into another one.
func TestUpsertLosesADeadlock(t *testing.T) {
	s := newStore(t)
	s.exec(t, latestDDL)
	w := s.worker(t, Config{Table: "latest", Key: []string{"k"}}).start(1)
	w.must(w.latest(0, "a", "b"))
	round := func(v int64, held, then string) (lost int32) {
		t.Helper()
		before := w.sink.races.Load()
		tx, done := s.other(t), make(chan error, 1)
		write(t, tx, "update latest set v = -1 where k = '"+held+"'")
		go func() { done <- w.commit(t.Context(), w.latest(v, "b", "A")) }()
		s.waiting(t)
		write(t, tx, "update latest set v = -1 where k = '"+then+"'")
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatalf("the upsert: %v", err)
		}
		if got, want := one[string](t, s, "select group_concat(k, v order by k) from latest"), fmt.Sprintf("a%d,b%d", v, v); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		return w.sink.races.Load() - before
	}
	for i := range int64(crowdedAt) {
		if lost := round(i+1, "a", "b"); lost != 1 {
			t.Errorf("try %d: an upsert of b and a beside one of a and b lost %d deadlocks, want 1", i, lost)
		}
	}
	for try := range int64(2) {
		if lost := round(10+try, "a", "b"); lost != 0 || !w.sink.crowded() {
			t.Errorf("after %d deadlocks: lost %d more, want none: its keys go in order", crowdedAt, lost)
		}
	}
}

// Two workers that upsert the same keys in opposite orders, one of them always with fewer rows, so that it is the one
// that loses: no deadlock is returned, every batch is there whole, and the final rows are the last batch of one of them.
func TestUpsertsInOppositeOrders(t *testing.T) {
	for _, sizes := range [][2]int{{400, 400}, {2_000, 50}, {3_000, 1_500}} {
		t.Run(fmt.Sprint(sizes), func(t *testing.T) {
			s := newStore(t)
			s.exec(t, latestDDL)
			const rounds = 30
			errs := make(chan error, 2)
			var workers [2]*worker
			for i := range workers {
				w := s.worker(t, Config{Table: "latest", Key: []string{"k"}})
				w.as.Group = fencepost.Group(fmt.Sprint("g", i))
				workers[i] = w.start(1)
			}
			for i, w := range workers {
				var keys []string
				for j := range sizes[i] {
					keys = append(keys, fmt.Sprintf("%05d", j))
				}
				if i == 0 {
					slices.Reverse(keys)
				}
				go func() {
					var err error
					for round := int64(0); round < rounds && err == nil; round++ {
						err = w.commit(t.Context(), w.latest(10*round+int64(i), keys...))
					}
					errs <- err
				}()
			}
			for range workers {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
			both, last := min(sizes[0], sizes[1]), int64(10*(rounds-1))
			if got := one[int](t, s, "select count(distinct v) from latest where k < ?", fmt.Sprintf("%05d", both)); got != 1 {
				t.Errorf("the keys of both hold %d values, want those of one batch", got)
			}
			if got := one[int64](t, s, "select min(v) from latest"); got < last {
				t.Errorf("a key holds %d: an older batch stands over a newer one", got)
			}
			if got := one[int](t, s, "select count(*) from latest"); got != max(sizes[0], sizes[1]) {
				t.Errorf("%d keys, want %d", got, max(sizes[0], sizes[1]))
			}
			for i, w := range workers {
				if got, want := int(w.offset(0)), rounds*sizes[i]; got != want {
					t.Errorf("worker %d stands at %d, want %d", i, got, want)
				}
			}
		})
	}
}

// The last row of a key remains, whichever way the batch goes: as it is, in the order of its keys, or in pieces.
func TestTheLastRowOfAKeyStands(t *testing.T) {
	for way, deadlocks := range map[string]int32{"direct": 0, "in order": crowdedAt} {
		t.Run(way, func(t *testing.T) {
			s := newStore(t)
			s.exec(t, latestDDL)
			w := s.worker(t, Config{Table: "latest", Key: []string{"k"}}).start(1)
			w.sink.races.Store(deadlocks)
			for _, keys := range []string{"b a B c", "C b c A a", "ä Ä A B b"} {
				k, v, want := fencepost.Column{Name: "k", Type: fencepost.Text}, fencepost.Column{Name: "v", Type: fencepost.Int}, map[string]int{}
				for i, key := range strings.Fields(keys) {
					k.AppendText(key)
					v.AppendInt(int64(i))
					want[strings.NewReplacer("ä", "a", "Ä", "a").Replace(strings.ToLower(key))] = i // as utf8mb4_general_ci has it
				}
				w.must(w.table(k, v))
				for key, n := range want {
					if got := one[int](t, s, "select v from latest where k = ?", key); got != n {
						t.Errorf("%s: key %s holds row %d, want %d", keys, key, got, n)
					}
				}
			}
			if got := one[int](t, s, "select count(*) from latest"); got != 3 {
				t.Errorf("%d keys, want 3", got)
			}
			if l := w.lane.(*lane); (l.session.staged != "") != (deadlocks > 0) {
				t.Errorf("the temporary table was made by %q", l.session.staged)
			}
		})
	}
}

// S16: a lane that waits for a row that another transaction changes goes on when it is let, by SQL and by key. MariaDB 11.8
// rolls it back instead (1020), which is a lost race: it is tried again at once, and is no SQL that ended its transaction.
func TestS16APlainWait(t *testing.T) {
	for what, c := range map[string]Config{"sql": {SQL: delaysSQL}, "key": {Table: "delays", Key: []string{"origin"}}} {
		t.Run(what, func(t *testing.T) {
			s := newStore(t)
			s.exec(t, "create table delays (origin varchar(20) primary key, flights bigint default 0, minutes bigint default 0, value text, n bigint) character set utf8mb4")
			s.exec(t, "insert into delays (origin, flights, minutes) values ('A7', 1, 1)")
			b := func(w *worker) sink.Commit {
				if what == "key" {
					return w.table(column("origin", fencepost.Text, "A7"), column("minutes", fencepost.Int, 3))
				}
				return w.table(column("value", fencepost.Text, "A7"), column("n", fencepost.Int, 3))
			}
			w := s.worker(t, c).start(1)
			w.must(b(w))
			for range 3 {
				tx := s.other(t)
				write(t, tx, "update delays set flights = flights + 10 where origin = 'A7'")
				done := make(chan error, 1)
				go func() { done <- w.commit(context.Background(), b(w)) }()
				s.waiting(t)
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
				if err := <-done; err != nil {
					t.Fatalf("after the wait: %v", err)
				}
			}
			want := map[string]string{"sql": "35 13", "key": "31 3"}[what]
			if got := one[string](t, s, "select concat(flights, ' ', minutes) from delays"); got != want || w.offset(0) != 4 {
				t.Errorf("the row is %s, the ledger at %d, want %s and 4", got, w.offset(0), want)
			}
		})
	}
}

// S15: a function that does not exist will not exist at the next try either.
func TestS15AFunctionThatDoesNotExist(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{SQL: "insert into flights (n) select no_such_function(n) from batch"}).start(1)
	err := w.commit(t.Context(), w.table(column("n", fencepost.Int, 1)))
	if f := new(fencepost.UserError); !errors.As(err, &f) || f.Code != "sql-refused" || !strings.Contains(err.Error(), "1305") {
		t.Errorf("got %v, want sql-refused (1305)", err)
	}
}
