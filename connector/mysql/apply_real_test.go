//go:build realservers

package mysql

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// applying opens a sink without a ledger and one of its lanes.
func (s *store) applying(t *testing.T, c Config) (*worker, sink.Applier) {
	t.Helper()
	c.NoLedger = true
	w := s.worker(t, c)
	w.held[at(0)] = ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: fence(), TopicID: topicID}
	return w, w.lane.(sink.Applier)
}

// Apply makes rows visible, all or none, whatever the sink does with them, and neither it nor anything else of the sink
// needs or makes a table of the ledger.
func TestApply(t *testing.T) {
	for what, c := range map[string]Config{"append": {Table: "flights"}, "upsert": {Table: "keyed", Key: []string{"n"}},
		"sql": {SQL: "insert into flights (_topic, _partition, _offset, value, n) select _topic, _partition, _offset, value, n from batch"},
		"handle": {Handle: func(ctx context.Context, tx *sql.Tx, b *fencepost.Batch) error {
			for row := range b.All() {
				if _, err := tx.ExecContext(ctx, "insert into flights (n) values (?)", b.Column("n").Int(row)); err != nil {
					return err
				}
			}
			return nil
		}}} {
		t.Run(what, func(t *testing.T) {
			s := newStore(t)
			s.exec(t, "create table keyed (value varchar(40), n bigint primary key, constraint positive2 check (n >= 0))")
			w, lane := s.applying(t, c)
			table := "flights"
			if c.Table != "" {
				table = c.Table
			}
			rows := func() int64 { return one[int64](t, s, "select count(*) from "+table) }
			for _, f := range w.sink.Check(t.Context(), sinktest.Columns()) {
				if f.Subject == "ledger" || !f.OK {
					t.Errorf("check: %+v", f)
				}
			}
			if err := lane.Apply(t.Context(), w.batch(0, 3).Batch); err != nil || rows() != 3 {
				t.Fatalf("apply: %v, %d rows stand, want 3", err, rows())
			}
			bad := w.table(column("value", fencepost.Text, "a", "b"), column("n", fencepost.Int, 7, -1))
			rejected := new(sink.Rejected)
			if err := lane.Apply(t.Context(), bad.Batch); !errors.As(err, &rejected) || rows() != 3 {
				t.Errorf("a bad row: %v, %d rows stand, want *sink.Rejected and 3", err, rows())
			}
			if err := lane.Apply(t.Context(), &fencepost.Batch{}); err != nil {
				t.Errorf("an empty batch: %v", err)
			}
			want := int64(3) // a key takes the same rows again
			if c.Key == nil {
				want = 6
			}
			if err := lane.Apply(t.Context(), w.batch(0, 3).Batch); err != nil || rows() != want {
				t.Errorf("again: %v, %d rows stand, want %d", err, rows(), want)
			}
			if err := w.lane.Commit(t.Context(), w.as, w.batch(0, 1)); err == nil {
				t.Error("a sink without a ledger committed moves")
			}
			if n := one[int64](t, s, "select count(*) from information_schema.tables where table_name like 'fencepost%' and table_schema = database()"); n != 0 {
				t.Errorf("the sink made %d tables of a ledger", n)
			}
			if ddl := DDL(w.sink.config, sinktest.Columns()); strings.Contains(ddl, "fencepost_") {
				t.Errorf("the DDL of a sink without a ledger makes one:\n%s", ddl)
			}
		})
	}
}

// A lost answer leaves all rows or none, and its error is ErrUnknown.
func TestApplyLosesItsAnswer(t *testing.T) {
	for what, c := range map[string]struct {
		cut  cut
		rows int64
	}{"before COMMIT": {cutCommit, 0}, "behind COMMIT": {cutAnswer, 3}} {
		t.Run(what, func(t *testing.T) {
			s := newStore(t)
			w, lane := s.applying(t, Config{Table: "flights"})
			if err := lane.Apply(t.Context(), w.batch(0, 2).Batch); err != nil {
				t.Fatal(err)
			}
			s.wire.arm(c.cut)
			if err := lane.Apply(t.Context(), w.batch(0, 3).Batch); !errors.Is(err, ledger.ErrUnknown) {
				t.Errorf("got %v, want unknown", err)
			}
			if got := one[int64](t, s, "select count(*) from flights"); got != 2+c.rows {
				t.Errorf("%d rows stand, want %d", got, 2+c.rows)
			}
			if err := lane.Apply(t.Context(), w.batch(0, 1).Batch); err != nil {
				t.Errorf("the next batch: %v", err)
			}
		})
	}
}

// S9: an account has a host, and the grants of ddl are for the user's own, whichever that is.
func TestS9GrantsForTheUsersOwnAccount(t *testing.T) {
	s := newStore(t)
	user := "s9" + sqlstore.Secret()
	s.exec(t, "create user '"+user+"'@'127.0.0.1' identified by 'pw'")
	t.Cleanup(func() { s.exec(t, "drop user '"+user+"'@'127.0.0.1'") })
	for _, c := range []Config{{Table: "flights"}, {Table: "keyed", Key: []string{"id"}}} {
		c.DSN = strings.Replace(s.dsn, "root@", user+":pw@", 1)
		columns := []fencepost.ColumnSpec{{Name: "id", Type: fencepost.Int}}
		if c.Table == "flights" {
			columns = sinktest.Columns()
		}
		s.exec(t, DDL(c, columns))
		w := s.worker(t, c)
		w.as.Group = fencepost.Group(c.Table)
		w.start(1)
		for _, f := range w.sink.Check(t.Context(), columns) {
			if !f.OK {
				t.Errorf("%s: check after ddl: %+v", c.Table, f)
			}
		}
		if c.Table == "flights" {
			w.must(w.batch(0, 3))
			continue
		}
		w.must(w.table(column("id", fencepost.Int, 1, 2)))
	}
}
