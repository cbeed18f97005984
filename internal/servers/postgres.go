package servers

import (
	"bytes"
	"context"
	"crypto/rand"
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

	"github.com/jackc/pgx/v5"
)

// PostgresServer is where a Postgres server listens: TLS on, fsync on, 200
// connections, and every role trusted from this machine.
type PostgresServer struct {
	Host, Port string
	TLS        TLS

	own bool // goes away whole, so that its databases need not be dropped
}

// OwnPostgresServer is a Postgres server of the test's own.
type OwnPostgresServer struct {
	PostgresServer
	*Own
}

// OwnPostgres starts a Postgres server for this test alone. Settings are lines
// of postgresql.conf that win over the usual ones: "max_connections=10".
func OwnPostgres(t testing.TB, settings ...string) *OwnPostgresServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	host := Address(t)
	server, err := k.newPostgres(host, settings)
	if err != nil {
		t.Fatal(err)
	}
	return k.ownPostgres(t, host, server)
}

func (k kit) ownPostgres(t testing.TB, host string, server *instance) *OwnPostgresServer {
	t.Helper()
	at := postgresAt(host, k.tls())
	at.own = true
	return &OwnPostgresServer{PostgresServer: at, Own: own(t, server)}
}

// Standby starts a streaming replica of the server, which answers readers and lags behind by what the network takes.
func (p *OwnPostgresServer) Standby(t testing.TB) *OwnPostgresServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	host := Address(t)
	server, err := k.postgresOf(host, nil, func(bin, data string, who *owner) error {
		if err := errors.Join(os.Mkdir(data, 0o700), who.give(data)); err != nil {
			return err
		}
		return runQuietly(who.as(exec.CommandContext(t.Context(), filepath.Join(bin, "pg_basebackup"), "-h", p.Host, "-p", p.Port, "-U", "postgres",
			"-D", data, "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync")))
	})
	if err != nil {
		t.Fatal(err)
	}
	return k.ownPostgres(t, host, server)
}

// Quit ends the server at once, as `pg_ctl stop -m immediate` does: its children leave what they do, and it recovers when it starts.
func (p *OwnPostgresServer) Quit() {
	p.t.Helper()
	p.must(p.server.life.stop(syscall.SIGQUIT, stopGrace))
}

// Promote makes a standby a primary, on a timeline of its own, and returns when it takes writes.
func (p *OwnPostgresServer) Promote(t testing.TB) {
	t.Helper()
	if err := p.exec(t.Context(), "do $$ begin if not pg_promote(true, 60) then raise 'not promoted'; end if; end $$"); err != nil {
		t.Fatalf("promote: %v", err)
	}
}

const portPostgres = "5432"

func postgresAt(host string, files TLS) PostgresServer {
	return PostgresServer{Host: host, Port: portPostgres, TLS: files}
}

// DSN is the connection string of a database, as user postgres, a superuser,
// without TLS.
func (p PostgresServer) DSN(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", net.JoinHostPort(p.Host, p.Port), database)
}

// SecureDSN is the same over verified TLS.
func (p PostgresServer) SecureDSN(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=verify-full&sslrootcert=%s",
		net.JoinHostPort(p.Host, p.Port), database, p.TLS.CA)
}

// Database makes an empty database for t, drops it when t ends, and returns
// its DSN.
func (p PostgresServer) Database(t testing.TB) string {
	t.Helper()
	name := strings.ToLower(Name(t))
	if err := p.exec(t.Context(), "create database "+pgx.Identifier{name}.Sanitize()); err != nil {
		t.Fatalf("create database %s: %v", name, err)
	}
	if !p.own {
		t.Cleanup(func() {
			if err := p.exec(context.Background(), "drop database "+pgx.Identifier{name}.Sanitize()+" with (force)"); err != nil {
				t.Errorf("drop database %s: %v", name, err)
			}
		})
	}
	return p.DSN(name)
}

// exec runs one statement on a connection of its own.
func (p PostgresServer) exec(ctx context.Context, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.DSN("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// Name is a name for a topic, group, transactional id, schema or bucket that
// no other test has: the test's own name, made plain, and a random end. At
// most 60 bytes of letters, digits and underscores.
func Name(t testing.TB) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		}
		return '_'
	}, t.Name())
	return plain[:min(len(plain), 45)] + "_" + strings.ToLower(rand.Text()[:10])
}

// fromTemplate fills a data directory from that of the kit.
func (k kit) fromTemplate(_, data string, who *owner) error {
	template := k.path("postgres")
	if n, isNewer := wanted("postgres"); isNewer {
		template = k.data(n)
	}
	return copyTree(template, data, who)
}

// newPostgres writes the folder of a server from the template.
func (k kit) newPostgres(host string, settings []string) (*instance, error) {
	return k.postgresOf(host, settings, k.fromTemplate)
}

// postgresOf writes the folder of a server, whose data directory fill makes with the programs in bin.
func (k kit) postgresOf(host string, settings []string, fill func(bin, data string, who *owner) error) (*instance, error) {
	who, err := postgresOwner()
	if err != nil {
		return nil, err
	}
	folder, err := newFolder("postgres")
	if err != nil {
		return nil, err
	}
	n, _ := wanted("postgres")
	bin, err := k.postgresBin(n, folder, who)
	if err != nil {
		return nil, fmt.Errorf("prepare postgres: %w", errors.Join(err, folder.remove()))
	}
	data := folder.data()
	cert, key := filepath.Join(data, "server.crt"), filepath.Join(data, "server.key")
	conf := "\n" + strings.Join(append([]string{
		"listen_addresses='" + host + "'",
		"port=" + portPostgres,
		"unix_socket_directories=''",
		"shared_buffers=32MB",
		"max_connections=200",
		"ssl=on",
	}, settings...), "\n") + "\n"
	if err := fill(bin, data, who); err != nil {
		return nil, fmt.Errorf("prepare postgres: %w", errors.Join(err, folder.remove()))
	}
	if err := errors.Join(
		k.serverCertificate(host, cert, key), who.give(cert), who.give(key),
		appendFile(filepath.Join(data, "postgresql.conf"), conf),
		os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte("host all,replication all 127.0.0.0/8 trust\n"), 0o644),
	); err != nil {
		return nil, fmt.Errorf("prepare postgres: %w", errors.Join(err, folder.remove()))
	}
	at := postgresAt(host, k.tls())
	return &instance{
		name:   "postgres",
		folder: folder,
		polite: syscall.SIGINT, // fast: clients are disconnected
		command: func() *exec.Cmd {
			return who.as(exec.Command(filepath.Join(bin, "postgres"), "-D", data))
		},
		ask: func(ctx context.Context) error { return at.exec(ctx, "select 1") },
		// A killed postmaster's children hold its segment until they have
		// noticed; the next start fails with that.
		passing: func(log []byte) bool {
			return bytes.Contains(log, []byte("pre-existing shared memory block"))
		},
	}, nil
}

// postgresOwner is the user that a server runs as: Postgres refuses to be root, so root
// lends it the user that Debian's package made. Nil is ourselves.
func postgresOwner() (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("find user postgres, since Postgres refuses to run as root: %w", errNotInstalled)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read id of user postgres: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read group of user postgres: %w", err)
	}
	return &owner{uid: uint32(uid), gid: uint32(gid)}, nil
}

// postgresBin is the folder of the programs of the machine's Postgres, or of a newer one. Where those must be run by another user,
// who may not be let into the kit, a copy of them goes along with the server.
func (k kit) postgresBin(n newer, f *folder, who *owner) (string, error) {
	if n.name == "" {
		return postgresBinaries(), nil
	}
	root := k.root(n)
	if who != nil {
		root = f.join("programs")
		if runQuietly(exec.Command("cp", "-al", k.root(n), root)) != nil { // another file system
			if err := runQuietly(exec.Command("cp", "-aT", k.root(n), root)); err != nil {
				return "", err
			}
		}
	}
	return filepath.Dir(filepath.Join(root, n.programs[0])), nil
}

// initPostgres makes the template of the machine's Postgres.
func (k kit) initPostgres(ctx context.Context) error {
	return k.initPostgresOf(ctx, newer{}, k.path("postgres"))
}

// initPostgresOf makes a template, in a folder that user postgres may enter,
// and moves a copy into the kit.
func (k kit) initPostgresOf(ctx context.Context, n newer, to string) error {
	who, err := postgresOwner()
	if err != nil {
		return err
	}
	folder, err := newFolder("initdb")
	if err != nil {
		return err
	}
	defer folder.remove()
	if err := who.give(folder.path); err != nil {
		return err
	}
	bin, err := k.postgresBin(n, folder, who)
	if err != nil {
		return err
	}
	data := folder.data()
	if err := runQuietly(who.as(exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust",
		"-E", "UTF8", "--locale=C.UTF-8", "--no-sync"))); err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return copyTree(data, to, nil)
}

func appendFile(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
