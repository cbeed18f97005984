package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mysqlProgram is a server with the protocol of MySQL, as one instance of it is started.
type mysqlProgram struct {
	file     string
	args     []string // besides those of every instance
	template string   // of its data directory
	who      *owner
}

// mysqlProgram is the machine's MariaDB, or a newer server in its place.
func (k kit) mysqlProgram() (mysqlProgram, error) {
	n, ok := wanted("mysql", "mariadb")
	if !ok {
		who, err := mariaDBOwner()
		return mysqlProgram{mariaDBServer(), []string{"--innodb-log-file-size=16M"}, k.path("mariadb"), who}, err
	}
	return k.newerMySQL(n), nil
}

// newerMySQL is a newer MySQL or MariaDB.
func (k kit) newerMySQL(n newer) mysqlProgram {
	p := mysqlProgram{file: k.program(n, 0), args: k.newerMySQLArgs(n), template: k.data(n)}
	if n.name == "mysql" {
		p.args = append(p.args, "--mysqlx=0")
	}
	return p
}

// OwnMySQL starts the newest MySQL for this test alone, also where the machine's server is MariaDB: it writes the log of changes that
// readers of changes know, which they do not find in MariaDB. Settings are options of mysqld that win over the usual ones:
// "binlog-row-metadata=FULL".
func OwnMySQL(t testing.TB, settings ...string) *OwnMariaDBServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	n := newerServers[slices.IndexFunc(newerServers, func(n newer) bool { return n.name == "mysql" })]
	host := Address(t)
	server, err := newMySQL(k.newerMySQL(n), host, settings)
	if err != nil {
		t.Fatal(err)
	}
	at := mariaDBAt(host)
	at.own = true
	return &OwnMariaDBServer{MariaDBServer: at, Own: own(t, server)}
}

// newerMySQLArgs says where a newer server's files are: at its birth, and in every life.
func (k kit) newerMySQLArgs(n newer) []string {
	share := filepath.Join(k.root(n), n.parts[0])
	args := []string{"--basedir=" + filepath.Join(k.root(n), "usr"), "--lc-messages-dir=" + share, "--character-sets-dir=" + filepath.Join(share, "charsets")}
	if n.name == "mysql" {
		args = append(args, "--innodb-redo-log-capacity=16M", "--secure-file-priv=NULL")
	} else {
		args = append(args, "--innodb-log-file-size=16M")
	}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	return args
}

// rootSQL lets user root in without a password, as in the machine's MariaDB: over loopback, which the server sees as 127.0.0.1.
const rootSQL = "create user if not exists root@'127.0.0.1'; grant all on *.* to root@'127.0.0.1' with grant option;\n"

// initMySQL makes the template of MySQL.
func (k kit) initMySQL(ctx context.Context, n newer) error {
	sql := k.path("newer", n.name, "root.sql")
	if err := os.WriteFile(sql, []byte(rootSQL), 0o644); err != nil {
		return err
	}
	args := append([]string{"--no-defaults", "--initialize-insecure", "--datadir=" + k.data(n), "--init-file=" + sql}, k.newerMySQLArgs(n)...)
	return runQuietly(exec.CommandContext(ctx, k.program(n, 0), args...))
}

// initNewerMariaDB makes the template of MariaDB. Its own script starts programs that would not find their libraries, so the
// server reads here what that script gives it.
func (k kit) initNewerMariaDB(ctx context.Context, n newer) error {
	tables, err := concat(filepath.Join(k.root(n), n.parts[0], "mariadb_system_tables.sql"), filepath.Join(k.root(n), n.parts[0], "mariadb_system_tables_data.sql"))
	if err != nil {
		return err
	}
	args := append([]string{"--no-defaults", "--bootstrap", "--datadir=" + k.data(n)}, k.newerMySQLArgs(n)...)
	cmd := exec.CommandContext(ctx, k.program(n, 0), args...)
	// The server takes a statement a line here.
	cmd.Stdin = strings.NewReader("create database mysql;\nuse mysql;\nset @auth_root_socket = null;\n" + string(tables) + "\nflush privileges;\n" + strings.ReplaceAll(rootSQL, "; ", ";\n"))
	if err := errors.Join(os.Mkdir(k.data(n), 0o700), runQuietly(cmd)); err != nil {
		return fmt.Errorf("make its tables: %w", err)
	}
	return nil
}
