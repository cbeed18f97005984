package servers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// MariaDBServer is where a MariaDB server listens: user root without a
// password, local_infile on, fsync at every commit.
type MariaDBServer struct {
	Host, Port string

	own bool // goes away whole, so that its databases need not be dropped
}

// OwnMariaDBServer is a MariaDB server of the test's own.
type OwnMariaDBServer struct {
	MariaDBServer
	*Own
}

// OwnMariaDB starts a MariaDB server for this test alone. Settings are options
// of mariadbd that win over the usual ones: "max-connections=10".
func OwnMariaDB(t testing.TB, settings ...string) *OwnMariaDBServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	host := Address(t)
	server, err := k.newMariaDB(host, settings)
	if err != nil {
		t.Fatal(err)
	}
	at := mariaDBAt(host)
	at.own = true
	return &OwnMariaDBServer{MariaDBServer: at, Own: own(t, server)}
}

const portMariaDB = "3306"

func mariaDBAt(host string) MariaDBServer { return MariaDBServer{Host: host, Port: portMariaDB} }

// DSN is the URL of a database, as user root.
func (m MariaDBServer) DSN(database string) string {
	return fmt.Sprintf("mysql://root@%s/%s", net.JoinHostPort(m.Host, m.Port), database)
}

// Database makes an empty database for t, drops it when t ends, and returns
// its DSN.
func (m MariaDBServer) Database(t testing.TB) string {
	t.Helper()
	name := strings.ToLower(Name(t))
	if err := m.exec(t.Context(), "create database `"+name+"`"); err != nil {
		t.Fatalf("create database %s: %v", name, err)
	}
	if !m.own {
		t.Cleanup(func() {
			if err := m.exec(context.Background(), "drop database `"+name+"`"); err != nil {
				t.Errorf("drop database %s: %v", name, err)
			}
		})
	}
	return m.DSN(name)
}

// exec runs one statement on a connection of its own.
func (m MariaDBServer) exec(ctx context.Context, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.Timeout, c.Logger = "root", "tcp", net.JoinHostPort(m.Host, m.Port), 5*time.Second, &mysql.NopLogger{}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

// newMariaDB is a server of the machine's MariaDB, or of what is in its place.
func (k kit) newMariaDB(host string, settings []string) (*instance, error) {
	program, err := k.mysqlProgram()
	if err != nil {
		return nil, err
	}
	return newMySQL(program, host, settings)
}

// newMySQL writes the folder of a server from the template.
func newMySQL(program mysqlProgram, host string, settings []string) (*instance, error) {
	folder, err := newFolder("mariadb")
	if err != nil {
		return nil, err
	}
	data, run := folder.data(), folder.join("run")
	if err := errors.Join(copyTree(program.template, data, program.who), os.Mkdir(run, 0o755), program.who.give(run)); err != nil {
		return nil, fmt.Errorf("prepare mariadb: %w", errors.Join(err, folder.remove()))
	}
	args := []string{"--no-defaults", // first, or the machine's own files join in
		"--datadir=" + data, "--socket=" + filepath.Join(run, "s"), "--pid-file=" + filepath.Join(run, "pid"),
		"--tmpdir=" + run, // the machine's is shared, and so are the names of files in it
		"--bind-address=" + host, "--port=" + portMariaDB, "--skip-name-resolve", "--character-set-server=utf8mb4",
		"--innodb-buffer-pool-size=64M", "--max-connections=200", "--local-infile=1"}
	args = append(args, program.args...)
	for _, s := range settings {
		args = append(args, "--"+s)
	}
	at := mariaDBAt(host)
	return &instance{
		name:    "mariadb",
		folder:  folder,
		polite:  syscall.SIGTERM,
		command: func() *exec.Cmd { return program.who.as(exec.Command(program.file, args...)) },
		ask:     func(ctx context.Context) error { return at.exec(ctx, "do 1") },
		passing: func([]byte) bool { return false },
	}, nil
}

// mariaDBServer is the server program of this machine, or "".
func mariaDBServer() string {
	for _, name := range []string{"/usr/sbin/mariadbd", "mariadbd"} {
		if file, err := exec.LookPath(name); err == nil {
			return file
		}
	}
	return ""
}

// mariaDBOwner is the user that a server runs as: mariadbd refuses to be root, so root
// lends it the user that Debian's package made. Nil is ourselves.
func mariaDBOwner() (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("mysql")
	if err != nil {
		return nil, fmt.Errorf("find user mysql, since MariaDB refuses to run as root: %w", errNotInstalled)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("read ids of user mysql: %w", err)
	}
	return &owner{uid: uint32(uid), gid: uint32(gid)}, nil
}

// as makes a command run as this owner, in a folder that any user may enter.
func (o *owner) as(cmd *exec.Cmd) *exec.Cmd {
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if o != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid}
	}
	return cmd
}

// initMariaDB makes the template, in a folder that user mysql may enter, and
// moves a copy into the kit.
func (k kit) initMariaDB(ctx context.Context) error {
	who, err := mariaDBOwner()
	if err != nil {
		return err
	}
	folder, err := newFolder("mariadb-install")
	if err != nil {
		return err
	}
	defer folder.remove()
	if err := who.give(folder.path); err != nil {
		return err
	}
	data := folder.data()
	cmd := exec.CommandContext(ctx, "mariadb-install-db", "--no-defaults", "--datadir="+data,
		"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=16M")
	if err := runQuietly(who.as(cmd)); err != nil {
		return err
	}
	if err := os.RemoveAll(k.path("mariadb")); err != nil {
		return err
	}
	return copyTree(data, k.path("mariadb"), nil)
}
