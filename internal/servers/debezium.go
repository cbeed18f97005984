package servers

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Debezium starts Debezium on a database for t, and returns the connector's name, which its topics begin with: each change of a table goes
// to the topic NAME.SCHEMA.TABLE of the worker's broker, of MySQL to NAME.DATABASE.TABLE, made with three partitions. Postgres needs
// wal_level=logical. Settings are lines of the connector's configuration that win over the usual ones,
// "table.include.list=public.people".
func (c ConnectServer) Debezium(t testing.TB, dsn string, settings ...string) (name string) {
	t.Helper()
	db, err := url.Parse(dsn)
	if err != nil {
		t.Fatalf("start debezium: read the URL of the database: %v", err)
	}
	name = Name(t)
	usual := []string{
		"name=" + name,
		"topic.prefix=" + name,
		"topic.creation.default.partitions=3",
		"topic.creation.default.replication.factor=1",
		"database.hostname=" + db.Hostname(),
		"database.port=" + db.Port(),
		"database.user=" + db.User.Username(),
		"poll.interval.ms=20",
	}
	database := strings.TrimPrefix(db.Path, "/")
	switch db.Scheme {
	case "postgres":
		usual = append(usual,
			"connector.class=io.debezium.connector.postgresql.PostgresConnector",
			"plugin.name=pgoutput",
			"publication.autocreate.mode=filtered",
			"database.dbname="+database)
	case "mysql":
		usual = append(usual,
			"connector.class=io.debezium.connector.mysql.MySqlConnector",
			"database.server.id=184054",
			"database.include.list="+database,
			"schema.history.internal=io.debezium.storage.file.history.FileSchemaHistory",
			"schema.history.internal.file.filename="+filepath.Join(t.TempDir(), "history"))
	default:
		t.Fatalf("start debezium: it reads no database of the kind %q", db.Scheme)
	}
	return c.Add(t, slices.Concat(usual, settings)...)
}
