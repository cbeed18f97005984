package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PgBouncerConfig is the configuration of a PgBouncer in front of a Postgres server.
type PgBouncerConfig struct {
	// Settings are lines of pgbouncer.ini that win over the usual ones: "default_pool_size=3", "pool_mode=statement". The
	// usual ones are pool_mode=transaction and default_pool_size=1.
	Settings []string
}

// OwnPgBouncerServer is a PgBouncer of the test's own.
type OwnPgBouncerServer struct {
	Host, Port string
	*Own
}

const portPgBouncer = "6432"

// OwnPgBouncer starts a PgBouncer in front of a Postgres server, for this test alone. Every client is user postgres there.
func OwnPgBouncer(t testing.TB, behind PostgresServer, c PgBouncerConfig) *OwnPgBouncerServer {
	t.Helper()
	host := Address(t)
	server, err := newPgBouncer(host, behind, c)
	if err != nil {
		t.Fatal(err)
	}
	return &OwnPgBouncerServer{Host: host, Port: portPgBouncer, Own: own(t, server)}
}

// Through is the connection string dsn of the Postgres server, led through PgBouncer.
func (p *OwnPgBouncerServer) Through(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		p.t.Fatalf("read dsn: %v", err)
	}
	u.Host = net.JoinHostPort(p.Host, p.Port)
	return u.String()
}

// newPgBouncer writes the folder of a server.
func newPgBouncer(host string, behind PostgresServer, c PgBouncerConfig) (*instance, error) {
	who, err := postgresOwner()
	if err != nil {
		return nil, err
	}
	folder, err := newFolder("pgbouncer")
	if err != nil {
		return nil, err
	}
	conf := folder.join("pgbouncer.ini")
	lines := append([]string{
		"[databases]",
		"* = host=" + behind.Host + " port=" + behind.Port + " user=postgres",
		"[pgbouncer]",
		"listen_addr=" + host,
		"listen_port=" + portPgBouncer,
		"unix_socket_dir=",
		"auth_type=any",
		"pool_mode=transaction",
		"default_pool_size=1",
	}, c.Settings...)
	if err := os.WriteFile(conf, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return nil, fmt.Errorf("prepare pgbouncer: %w", errors.Join(err, folder.remove()))
	}
	program := pgBouncerServer()
	if n, ok := wanted("pgbouncer"); ok {
		k, err := openKit()
		if err != nil {
			return nil, errors.Join(err, folder.remove())
		}
		program = k.program(n, 0)
	}
	return &instance{
		name:    "pgbouncer",
		folder:  folder,
		polite:  syscall.SIGINT,
		command: func() *exec.Cmd { return who.as(exec.Command(program, conf)) },
		ask: func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			conn, err := pgx.Connect(ctx, "postgres://postgres@"+net.JoinHostPort(host, portPgBouncer)+"/postgres?sslmode=disable")
			if err != nil {
				return err
			}
			return conn.Close(ctx)
		},
		passing: func([]byte) bool { return false },
	}, nil
}

// pgBouncerServer is the server program of this machine, or "".
func pgBouncerServer() string {
	for _, name := range []string{"/usr/sbin/pgbouncer", "pgbouncer"} {
		if file, err := exec.LookPath(name); err == nil {
			return file
		}
	}
	return ""
}
