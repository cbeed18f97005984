//go:build realservers

package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// lettersOwner is a store as its owner sees it, beside the user that a file names.
type lettersOwner struct {
	sink    string // of the file
	exec    func(statements string)
	table   string // the table of the file
	missing string // takes the table of letters away
	lacking string // takes a right on it from the file's user, or makes it another table
	code    string // of lacking
}

// A check says that the table of dead letters is not there and cannot be made, and that a right on it is missing, with the remedy, as a
// run does that would not begin; and nothing of the kind to a file without dead letters.
func TestCheckOfDeadLetters(t *testing.T) {
	topic := newTopic(t)
	for name, open := range map[string]func(*testing.T) lettersOwner{"postgres": postgresOwner, "mariadb": mariaDBOwner, "sqlite": sqliteOwner} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			f := fileOf(t, topic, o.sink+"on_error: dead_letter\n")
			without := fileOf(t, topic, o.sink)
			o.exec(o.table)
			if name != "sqlite" {
				o.grant(t, f)
			}
			wantLetterFinding(t, f, "")
			if o.missing != "" {
				o.exec(o.missing)
				wantLetterFinding(t, f, "dead-letters-missing")
				wantLetterFinding(t, without, "")
				o.grant(t, f)
			}
			o.exec(o.lacking)
			wantLetterFinding(t, f, o.code)
			wantLetterFinding(t, without, "")
		})
	}
}

// grant runs what ddl prints.
func (o lettersOwner) grant(t *testing.T, f *File) {
	t.Helper()
	ddl, err := f.DDL()
	if err != nil {
		t.Fatal(err)
	}
	o.exec(ddl)
}

// wantLetterFinding fails the test unless a check finds this of dead letters and nothing else in the ledger, and a run would
// end by the same code. Empty: neither finds anything.
func wantLetterFinding(t *testing.T, f *File, code string) {
	t.Helper()
	r, err := Check(t.Context(), f, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, one := range r.Findings {
		if one.OK {
			continue
		}
		got = append(got, one.Code)
		if one.Subject != "ledger" || one.Help == "" || !strings.Contains(one.Text, "fencepost_dead_letters") || !strings.HasPrefix(r.At(one), "f.yaml:") {
			t.Errorf("a finding at %q: %+v", r.At(one), one)
		}
	}
	if strings.Join(got, " ") != code {
		t.Errorf("check of %s: got %q, want %q", f.Sink.Kind, got, code)
	}
	if !f.OnError.Writes() || f.Sink.Kind == "sqlite" && code != "" { // whose run finds it at its first letter
		return
	}
	kept, _ := ledger.As[ledger.Letters](opened(t, f).Sink.Ledger())
	err = kept.PrepareLetters(t.Context(), f.Group)
	fault, _ := errors.AsType[*fencepost.UserError](err)
	if (code == "") != (err == nil) || err != nil && (fault == nil || fault.Code != code) {
		t.Errorf("a run of %s begins with %v, want %q", f.Sink.Kind, err, code)
	}
}

func postgresOwner(t *testing.T) lettersOwner {
	dsn, role := servers.Postgres(t).Database(t), strings.ToLower(servers.Name(t))
	exec := func(statements string) {
		c, err := pgx.Connect(context.WithoutCancel(t.Context()), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background())
		if _, err := c.Exec(context.WithoutCancel(t.Context()), statements); err != nil {
			t.Fatalf("%s: %v", statements, err)
		}
	}
	exec("create role " + role + " login; revoke create on schema public from public")
	t.Cleanup(func() { exec("drop owned by " + role + "; drop role " + role) })
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	return lettersOwner{sink: fmt.Sprintf("sink: {postgres: {dsn: %q, table: flights}}\n", u), exec: exec, table: "create table flights (n bigint)",
		missing: "drop table fencepost_dead_letters", lacking: "revoke insert on fencepost_dead_letters from " + role, code: "database-denied"}
}

func mariaDBOwner(t *testing.T) lettersOwner {
	dsn, role := servers.MariaDB(t).Database(t), "u"+strings.ToLower(servers.Name(t))
	role = role[max(0, len(role)-20):]
	host, name, _ := strings.Cut(strings.TrimPrefix(dsn, "mysql://root@"), "/")
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.DBName, c.MultiStatements = "root", "tcp", host, name, true
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	exec := func(statements string) {
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), statements); err != nil {
			t.Fatalf("%s: %v", statements, err)
		}
	}
	exec("create user '" + role + "' identified by 'pw'")
	t.Cleanup(func() {
		exec("drop user '" + role + "'")
		_ = db.Close()
	})
	return lettersOwner{sink: fmt.Sprintf("sink: {mysql: {dsn: %q, table: flights}}\n", strings.Replace(dsn, "root@", role+":pw@", 1)), exec: exec,
		table: "create table flights (n bigint)", missing: "drop table fencepost_dead_letters",
		lacking: "revoke insert on fencepost_dead_letters from '" + role + "'", code: "database-denied"}
}

// sqliteOwner is a file, in which there are no rights: who may write it may make the table.
func sqliteOwner(t *testing.T) lettersOwner {
	path := filepath.Join(t.TempDir(), "letters.db")
	exec := func(statements string) {
		db, err := sqlite.OpenConn(path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := sqlitex.ExecuteScript(db, statements, nil); err != nil {
			t.Fatalf("%s: %v", statements, err)
		}
	}
	return lettersOwner{sink: fmt.Sprintf("sink: {sqlite: {path: %q, table: flights}}\n", path), exec: exec, table: "create table flights (n bigint)",
		lacking: "drop table if exists fencepost_dead_letters; create table fencepost_dead_letters (n int)", code: "dead-letters-missing"}
}
