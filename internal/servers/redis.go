package servers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// RedisServer is where a Redis server listens: a password, TLS on a port of its own, and every write on disk before it
// is acknowledged.
type RedisServer struct {
	Host, Port, SecurePort string
	TLS                    TLS
}

// The users of a test's Redis: the default one, who may do everything, and one who may read, write and run scripts on
// keys that begin with "app:" and ask INFO and TIME.
const (
	RedisPassword    = "redis-pw"
	RedisAppUser     = "app"
	RedisAppPassword = "app-pw"
)

// OwnRedisServer is a Redis server of the test's own.
type OwnRedisServer struct {
	RedisServer
	*Own
}

const (
	portRedis       = "6379"
	portRedisSecure = "6380"
)

// OwnRedis starts a Redis server for this test alone. Settings are lines of redis.conf that win over the usual ones:
// "maxmemory 8mb".
func OwnRedis(t testing.TB, settings ...string) *OwnRedisServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	host := Address(t)
	server, err := k.newRedis(host, settings)
	if err != nil {
		t.Fatal(err)
	}
	return &OwnRedisServer{RedisServer: redisAt(host, k.tls()), Own: own(t, server)}
}

func redisAt(host string, files TLS) RedisServer {
	return RedisServer{Host: host, Port: portRedis, SecurePort: portRedisSecure, TLS: files}
}

// Addr is the address without TLS.
func (r RedisServer) Addr() string { return net.JoinHostPort(r.Host, r.Port) }

// SecureAddr is the address for TLS.
func (r RedisServer) SecureAddr() string { return net.JoinHostPort(r.Host, r.SecurePort) }

// newRedis writes the folder of a server.
func (k kit) newRedis(host string, settings []string) (*instance, error) {
	folder, err := newFolder("redis")
	if err != nil {
		return nil, err
	}
	data := folder.data()
	cert, key, conf := folder.join("s.crt"), folder.join("s.key"), folder.join("redis.conf")
	lines := append([]string{
		"bind " + host,
		"port " + portRedis,
		"tls-port " + portRedisSecure,
		"tls-cert-file " + cert,
		"tls-key-file " + key,
		"tls-ca-cert-file " + k.tls().CA,
		"tls-auth-clients no",
		"dir " + data,
		`save ""`,
		"appendonly yes",
		"appendfsync always",
		"user default on >" + RedisPassword + " ~* &* +@all",
		"user " + RedisAppUser + " on >" + RedisAppPassword + " ~app:* &* +@read +@write +@scripting +@transaction +@connection -@dangerous +info +time +subscribe +pubsub|numsub",
	}, settings...)
	if err := errors.Join(os.Mkdir(data, 0o700), k.serverCertificate(host, cert, key),
		os.WriteFile(conf, []byte(strings.Join(lines, "\n")+"\n"), 0o600)); err != nil {
		return nil, fmt.Errorf("prepare redis: %w", errors.Join(err, folder.remove()))
	}
	at := redisAt(host, k.tls())
	return &instance{
		name:   "redis",
		folder: folder,
		polite: syscall.SIGTERM,
		command: func() *exec.Cmd {
			cmd := exec.Command(k.redisServer(), conf)
			cmd.Dir = filepath.Dir(conf)
			return cmd
		},
		ask:     at.ping,
		passing: func([]byte) bool { return false },
	}, nil
}

// redisServer is the server program of this machine, or a newer one in its place.
func (k kit) redisServer() string {
	if n, ok := wanted("redis", "valkey"); ok {
		return k.program(n, 0)
	}
	return "redis-server"
}

// ping asks in Redis's own words whether the server answers, its data loaded.
func (r RedisServer) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.Addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\nPING\r\n", RedisPassword); err != nil {
		return err
	}
	answers := bufio.NewReader(conn)
	for _, want := range []string{"+OK", "+PONG"} {
		line, err := answers.ReadString('\n')
		if err != nil {
			return err
		}
		if got := strings.TrimSpace(line); got != want {
			return fmt.Errorf("redis answered %q, want %q", got, want)
		}
	}
	return nil
}
