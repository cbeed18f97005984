//go:build realservers

package scenarios

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/fencepost/fencepost/connector/mysql"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/twmb/franz-go/pkg/kgo"
)

type mariaDBStore struct {
	dsn string
	db  *sql.DB // apart from the connector's connections
	own ledger.Ledger
}

// onMariaDB is a scene on the shared broker and MariaDB, with the usual table.
func onMariaDB(t *testing.T, ddl string) (*scene, *mariaDBStore) {
	t.Helper()
	t.Parallel()
	s := openMariaDBStore(t, servers.MariaDB(t))
	s.exec(t, ddl)
	s.own = s.sink(t, "seen", "").Ledger()
	return newScene(t, servers.Kafka(t), s), s
}

// openMariaDBStore is a database of the server, without a table.
func openMariaDBStore(t *testing.T, server servers.MariaDBServer) *mariaDBStore {
	t.Helper()
	s := &mariaDBStore{dsn: server.Database(t)}
	c := driver.NewConfig()
	c.User, c.Net, c.Addr, c.MultiStatements = "root", "tcp", server.Host+":"+server.Port, true
	c.DBName = s.dsn[strings.LastIndexByte(s.dsn, '/')+1:]
	connector, err := driver.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	s.db = sql.OpenDB(connector)
	t.Cleanup(func() { _ = s.db.Close() })
	return s
}

func (s *mariaDBStore) sink(t *testing.T, table, sql string) sink.Sink {
	t.Helper()
	return s.open(t, mysql.Config{Table: table, SQL: sql})
}

func (s *mariaDBStore) open(t *testing.T, c mysql.Config) sink.Sink {
	t.Helper()
	c.DSN, c.KeepCommits = s.dsn, ledger.KeepAll
	sink, err := mysql.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sink.Close(); err != nil {
			t.Errorf("close sink: %v", err)
		}
	})
	return sink
}

func (s *mariaDBStore) ledger() ledger.Ledger { return s.own }

func (s *mariaDBStore) rows(t *testing.T) (list []row) {
	t.Helper()
	rows, err := s.db.QueryContext(t.Context(), "select _topic, _partition, _offset, coalesce(value, '') from seen")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.topic, &r.partition, &r.offset, &r.value); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

func (s *mariaDBStore) exec(t *testing.T, text string) {
	t.Helper()
	if _, err := s.db.ExecContext(t.Context(), text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func (s *mariaDBStore) number(t *testing.T, text string) (n int64) {
	t.Helper()
	if err := s.db.QueryRowContext(t.Context(), text).Scan(&n); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return n
}

func (s *mariaDBStore) errand(*errand) { panic("no worker process of a test runs on MariaDB") }

// SQL that ends its transaction, by a statement or by DDL, is refused before anything is applied; mended, everything is
// applied once.
func TestC14OnMariaDB(t *testing.T) {
	for _, text := range []string{insertSQL + "; commit", insertSQL + "; COMMIT; begin", "rollback; " + insertSQL,
		insertSQL + "; create table other (a int)", insertSQL + "; alter table seen comment 'changed'"} {
		t.Run(text, func(t *testing.T) {
			s, st := onMariaDB(t, seenDDL)
			name := s.topic(1)
			tp := at(name, 0)
			s.fill(tp, 5)
			for range 2 { // it stays refused
				s.run([]string{name}, func(set *setup) { set.engine.Sink = st.sink(t, "", text) }).fault("sql-ended-transaction")
			}
			s.wantRows(tp)
			if !s.snapshot().Empty() {
				t.Error("the refused run wrote to the ledger")
			}
			s.toEnd([]string{name}, func(set *setup) { set.engine.Sink = st.sink(t, "", insertSQL) })
			s.wantRows(tp, span(0, 5)...)
		})
	}
}

// A COMMIT that hides in a procedure runs where the text does not show it, and on MariaDB the server lets it. The lost
// savepoint shows it, and the run ends: what the procedure committed may stay, the position does not move, and nothing is
// applied again and again.
func TestC14HiddenCommitOnMariaDB(t *testing.T) {
	s, st := onMariaDB(t, seenDDL)
	name := s.topic(1)
	tp := at(name, 0)
	s.fill(tp, 5)
	st.exec(t, "create procedure sneak() begin if (select count(*) from batch) > 0 then commit; end if; end")
	s.run([]string{name}, func(set *setup) { set.engine.Sink = st.sink(t, "", insertSQL+"; call sneak()") }).fault("sql-ended-transaction")
	if n := st.number(t, "select count(*) from seen"); n > 5 {
		t.Errorf("%d rows stand, want 5 at most: the batch was tried again", n)
	}
	if p := s.position(tp); p.Offset != 0 {
		t.Errorf("the ledger is at %d, want 0", p.Offset)
	}
}

// Four lanes aggregate eight partitions with the same hundred keys: no deadlock surfaces, every record is counted once.
func TestC14FourLanesOnMariaDB(t *testing.T) {
	const partitions, keys, each = 8, 100, 2000
	s, st := onMariaDB(t, seenDDL)
	st.exec(t, "create table totals (`key` varchar(40) primary key, n bigint not null)")
	const upsert = "INSERT INTO totals (`key`, n) SELECT value, count(*) FROM batch GROUP BY value ORDER BY value ON DUPLICATE KEY UPDATE n = totals.n + values(n)"
	name := s.topic(partitions)
	var rs []*kgo.Record
	for i := range partitions * each {
		rs = append(rs, &kgo.Record{Topic: name, Partition: int32(i % partitions), Value: fmt.Appendf(nil, "key-%d", (i*7+i/partitions)%keys)})
	}
	s.write(s.cl, rs...)
	wk := s.run([]string{name}, func(set *setup) {
		set.engine.Sink = st.open(t, mysql.Config{SQL: upsert, Lanes: 4})
		set.engine.Lanes = 4
		set.engine.Batch.Records = 100
		set.engine.Until.End = true
	})
	if err := wk.wait(); err != nil {
		t.Errorf("run: %v", err)
	}
	for _, r := range heard[engine.Retrying](wk) {
		t.Errorf("it surfaced: %s: %v", r.What, r.Err)
	}
	if n, k := st.number(t, "select sum(n) from totals"), st.number(t, "select count(*) from totals"); n != partitions*each || k != keys {
		t.Errorf("%d records of %d keys are counted, want %d of %d", n, k, partitions*each, keys)
	}
	for p := range int32(partitions) {
		s.reached(at(name, p), each)
	}
}
