package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync"
	"testing"
)

// The variables with which [Run] names the servers that all packages share.
// Without them a package's tests start their own.
const (
	EnvKafka    = "FENCEPOST_TEST_KAFKA"    // address of the plaintext listener: 127.77.20.1:9092
	EnvPostgres = "FENCEPOST_TEST_POSTGRES" // postgres://postgres@127.77.20.2:5432/postgres
	EnvRedis    = "FENCEPOST_TEST_REDIS"    // address without TLS: 127.77.20.6:6379
	EnvMariaDB  = "FENCEPOST_TEST_MARIADB"  // mysql://root@127.77.20.3:3306/

	EnvZooKeeper = "FENCEPOST_TEST_ZOOKEEPER" // address: 127.77.20.7:2181
)

// shared holds the servers that one test binary started for all its tests.
var shared struct {
	sync.Mutex
	main     bool // Main runs, and will stop what is started
	kafka    slot
	postgres slot
	redis    slot
	mariadb  slot

	zookeeper slot
	registry  slot
	connect   slot
}

// slot is a server that is started once, at the first wish.
type slot struct {
	host   string
	server *instance
	err    error
	tried  bool
}

// Main is TestMain's body in a package whose tests use [Kafka], [Postgres], [MariaDB], [Redis], [ZooKeeper], [Registry] or [Connect]:
//
//	func TestMain(m *testing.M) { servers.Main(m) }
//
// It stops, after the last test, what they started.
func Main(m *testing.M) {
	shared.Lock()
	shared.main = true
	shared.Unlock()
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "servers:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Kafka is the shared broker. Its topics and groups are shared by all tests: take
// names from [Name], and never disturb the server; [OwnKafka] is for that.
func Kafka(t testing.TB) Broker {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	if address := os.Getenv(EnvKafka); address != "" {
		return brokerAt(loopback(t, EnvKafka, address), k.tls())
	}
	return brokerAt(shared.kafka.start(t, k.newKafka), k.tls())
}

// Postgres is the shared Postgres server. A test takes a database of its own
// from [PostgresServer.Database].
func Postgres(t testing.TB) PostgresServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	if dsn := os.Getenv(EnvPostgres); dsn != "" {
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatalf("%s: %v", EnvPostgres, err)
		}
		return postgresAt(loopback(t, EnvPostgres, u.Host), k.tls())
	}
	return postgresAt(shared.postgres.start(t, k.newPostgres), k.tls())
}

// Redis is the shared Redis server. A test takes keys of its own that begin with
// [Name]; a test that flushes, fills or configures a server takes [OwnRedis].
func Redis(t testing.TB) RedisServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	if address := os.Getenv(EnvRedis); address != "" {
		return redisAt(loopback(t, EnvRedis, address), k.tls())
	}
	return redisAt(shared.redis.start(t, k.newRedis), k.tls())
}

// MariaDB is the shared MariaDB server. A test takes a database of its own from
// [MariaDBServer.Database].
func MariaDB(t testing.TB) MariaDBServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	if dsn := os.Getenv(EnvMariaDB); dsn != "" {
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatalf("%s: %v", EnvMariaDB, err)
		}
		return mariaDBAt(loopback(t, EnvMariaDB, u.Host))
	}
	return mariaDBAt(shared.mariadb.start(t, k.newMariaDB))
}

// ZooKeeper is the shared ZooKeeper server. A test takes a node of its own below the root, named by [Name].
func ZooKeeper(t testing.TB) ZooKeeperServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	if address := os.Getenv(EnvZooKeeper); address != "" {
		return zooKeeperAt(loopback(t, EnvZooKeeper, address))
	}
	return zooKeeperAt(shared.zookeeper.start(t, k.newZooKeeper))
}

// Registry is a schema registry that the tests of one package share: few packages need one, so that [Run] starts none. A test takes topics, and so
// subjects, from [Name].
func Registry(t testing.TB) RegistryServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	return registryAt(shared.registry.start(t, k.newRegistry))
}

// loopback takes the host out of an address and refuses one that leads off
// this machine.
func loopback(t testing.TB, name, address string) string {
	t.Helper()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		t.Fatalf("%s: %s is not a loopback address", name, host)
	}
	return host
}

// start returns the server's host, after starting it if this is the first wish.
func (s *slot) start(t testing.TB, prepare func(host string, settings []string) (*instance, error)) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.main {
		t.Fatal("shared servers need someone to stop them: add func TestMain(m *testing.M) { servers.Main(m) }")
	}
	if !s.tried {
		s.tried = true
		s.host, s.server, s.err = launch(context.Background(), prepare)
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.host
}

// launch starts a server at an address of its own. On error nothing is left.
func launch(ctx context.Context, prepare func(host string, settings []string) (*instance, error)) (string, *instance, error) {
	host, err := nextAddress()
	if err != nil {
		return "", nil, err
	}
	server, err := prepare(host, nil)
	if err != nil {
		return "", nil, err
	}
	if err := server.start(ctx); err != nil {
		return "", nil, errors.Join(err, server.discard())
	}
	return host, server, nil
}

func stopShared() error {
	shared.Lock()
	defer shared.Unlock()
	var errs []error
	for _, s := range []*slot{&shared.connect, &shared.kafka, &shared.postgres, &shared.redis, &shared.mariadb, &shared.zookeeper, &shared.registry} {
		if s.server != nil {
			// The data is not read again: no orderly shutdown.
			errs = append(errs, s.server.discard())
		}
		*s = slot{}
	}
	return errors.Join(errs...)
}
