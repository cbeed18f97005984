//go:build realservers

package servers_test

import (
	"testing"

	"database/sql"

	"github.com/go-sql-driver/mysql"

	"github.com/fencepost/fencepost/internal/servers"
)

func maria(t *testing.T, server servers.MariaDBServer, database string) *sql.DB {
	t.Helper()
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.DBName, c.Logger = "root", "tcp", server.Host+":"+server.Port, database, &mysql.NopLogger{}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

// What was committed before SIGKILL is there in the next life, and what was not is gone.
func TestMariaDBKeepsItsDataThroughKill(t *testing.T) {
	server := servers.OwnMariaDB(t)
	db := maria(t, server.MariaDBServer, "mysql")
	for _, statement := range []string{"create database d", "create table d.t (x int) engine=innodb", "insert into d.t values (42)"} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "insert into d.t values (43)"); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if err := db.PingContext(t.Context()); err == nil {
		t.Error("the server answers after SIGKILL")
	}
	server.Start()
	var n, x int
	if err := db.QueryRowContext(t.Context(), "select count(*), max(x) from d.t").Scan(&n, &x); err != nil {
		t.Fatal(err)
	}
	if n != 1 || x != 42 {
		t.Errorf("after the kill: %d rows, the largest %d; want the one that was committed, 42", n, x)
	}
}

func TestMariaDBDatabasesAreApart(t *testing.T) {
	server := servers.MariaDB(t)
	if one, two := server.Database(t), server.Database(t); one == two {
		t.Errorf("two databases of one test have the same name: %s", one)
	}
}
