package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	portConnect = "8083"
	debeziumPom = "files/debezium.xml"
)

// OwnDebezium starts Kafka Connect with one connector, Debezium's of Postgres, for this test alone: each change of the database's
// tables goes to the topic PREFIX.SCHEMA.TABLE of the broker, with the prefix `db`. The server needs wal_level=logical. Settings are
// lines of the connector's configuration that win over the usual ones, "table.include.list=public.people"; those that begin with
// "worker." are Connect's own, "worker.value.converter.schemas.enable=false". Where it has come to in the log of the database survives
// Kill, as far as Connect has flushed it: what it sends twice then is for the reader to stand.
func OwnDebezium(t testing.TB, broker, dsn string, settings ...string) *Own {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	server, err := k.newDebezium(Address(t), broker, dsn, settings)
	if err != nil {
		t.Fatal(err)
	}
	return own(t, server)
}

// newDebezium writes the folder of a worker and its connector.
func (k kit) newDebezium(host, broker, dsn string, settings []string) (*instance, error) {
	classPath, err := k.jars("debezium")
	if err != nil {
		return nil, err
	}
	db, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	folder, err := newFolder("debezium")
	if err != nil {
		return nil, err
	}
	worker := []string{
		"bootstrap.servers=" + broker,
		"listeners=http://" + net.JoinHostPort(host, portConnect),
		"offset.storage.file.filename=" + folder.join("data", "offsets"),
		"offset.flush.interval.ms=200",
		"plugin.discovery=only_scan",
		"key.converter=org.apache.kafka.connect.json.JsonConverter",
		"value.converter=org.apache.kafka.connect.json.JsonConverter",
	}
	connector := []string{
		"name=debezium",
		"connector.class=io.debezium.connector.postgresql.PostgresConnector",
		"tasks.max=1",
		"topic.prefix=db",
		"plugin.name=pgoutput",
		"publication.autocreate.mode=filtered",
		"database.hostname=" + db.Host,
		"database.port=" + strconv.Itoa(int(db.Port)),
		"database.user=" + db.User,
		"database.dbname=" + db.Database,
		"poll.interval.ms=20",
	}
	for _, s := range settings {
		if own, ok := strings.CutPrefix(s, "worker."); ok {
			worker = append(worker, own)
			continue
		}
		connector = append(connector, s) // the last line of a key wins
	}
	write := func(name string, lines []string) error {
		return os.WriteFile(folder.join(name), []byte(strings.Join(lines, "\n")+"\n"), 0o644)
	}
	if err := errors.Join(os.Mkdir(folder.data(), 0o755), write("worker.properties", worker), write("connector.properties", connector)); err != nil {
		return nil, fmt.Errorf("prepare debezium: %w", errors.Join(err, folder.remove()))
	}
	args := []string{"-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", classPath, "org.apache.kafka.connect.cli.ConnectStandalone", folder.join("worker.properties"), folder.join("connector.properties")}
	return &instance{
		name:   "debezium",
		folder: folder,
		polite: syscall.SIGTERM,
		command: func() *exec.Cmd {
			cmd := exec.Command("java", args...)
			cmd.Dir = folder.path
			return cmd
		},
		ask:     func(ctx context.Context) error { return connects(ctx, "http://"+net.JoinHostPort(host, portConnect)) },
		passing: func([]byte) bool { return false },
	}, nil
}

// connects asks Connect whether it has taken the connector.
func connects(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/connectors/debezium/status", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("connect answered %s", answer.Status)
	}
	return nil
}

// fetchDebezium lets Maven copy Connect, the connector and what they need.
func (k kit) fetchDebezium(ctx context.Context) error {
	pom, err := embedded.ReadFile(debeziumPom)
	if err != nil {
		return err
	}
	return copyJars(ctx, k.path("debezium"), pom)
}
