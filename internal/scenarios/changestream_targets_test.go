//go:build realservers

package scenarios

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"testing"

	driver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	zsqlite "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost/internal/servers"
)

// target is a store that takes the tables' changes.
type target struct {
	name string
	sink func(changed) string               // of the pipeline file
	made func(changed)                      // the table
	rows func(*testing.T, changed) []string // one line a row, in no order
}

// changeTargets are the stores.
func changeTargets(t *testing.T) []target {
	dir := t.TempDir()
	dsn := servers.Postgres(t).Database(t)
	pg := connect(t, dsn)
	mariaDSN := servers.MariaDB(t).Database(t)
	my := openMySQL(t, mariaDSN, nil)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	path := func(c changed) string { return filepath.Join(dir, c.name+".db") }
	return []target{
		{
			name: "postgres",
			sink: func(c changed) string {
				return fmt.Sprintf("{postgres: {dsn: %q, table: %s, key: %s}}", dsn, c.name, c.key)
			},
			made: func(c changed) {
				columns, _ := c.inPostgres()
				_, err := pg.Exec(context.Background(), "create table "+c.name+" ("+columns+")")
				must(err)
			},
			rows: func(t *testing.T, c changed) []string {
				_, line := c.inPostgres()
				return linesOf(t, pg, c.name, line)
			},
		},
		{
			name: "mariadb",
			sink: func(c changed) string {
				return fmt.Sprintf("{mysql: {dsn: %q, table: %s, key: %s}}", mariaDSN, c.name, c.key)
			},
			made: func(c changed) {
				_, err := my.Exec("create table " + c.name + " (" + c.madeMariaDB + ") character set utf8mb4 collate utf8mb4_bin")
				must(err)
			},
			rows: func(t *testing.T, c changed) []string { return linesOfMySQL(t, my, c.name, c.atMariaDB) },
		},
		{
			name: "sqlite",
			sink: func(c changed) string {
				return fmt.Sprintf("{sqlite: {path: %q, table: %s, key: %s}}", path(c), c.name, c.key)
			},
			made: func(c changed) { onSQLite(t, path(c), "CREATE TABLE "+c.name+" ("+c.madeSQLite+")") },
			rows: func(t *testing.T, c changed) []string {
				return onSQLite(t, path(c), "SELECT "+c.atSQLite+" FROM "+c.name)
			},
		},
	}
}

// openMySQL opens a database with variables of the sessions.
func openMySQL(t *testing.T, dsn string, variables map[string]string) *sql.DB {
	t.Helper()
	at, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config := driver.NewConfig()
	config.User, config.Net, config.Addr, config.DBName, config.Params = "root", "tcp", at.Host, at.Path[1:], variables
	connector, err := driver.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// linesOfMySQL are the rows of a table of MySQL or MariaDB.
func linesOfMySQL(t *testing.T, db *sql.DB, table, line string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "select "+line+" from "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return sorted(all)
}

// onSQLite runs a statement, and returns the text of its first column.
func onSQLite(t *testing.T, path, statement string) (lines []string) {
	t.Helper()
	c, err := zsqlite.OpenConn(path, zsqlite.OpenReadWrite|zsqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetBlockOnBusy()
	err = sqlitex.ExecuteTransient(c, statement, &sqlitex.ExecOptions{ResultFunc: func(s *zsqlite.Stmt) error {
		lines = append(lines, s.ColumnText(0))
		return nil
	}})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return lines
}

// sorted sorts lines in place.
func sorted(lines []string) []string {
	slices.Sort(lines)
	return lines
}

// linesOf are the rows of a table of Postgres.
func linesOf(t *testing.T, db *pgx.Conn, table, line string) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), "select "+line+" from "+table)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return sorted(all)
}
