package kinds

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

var postgresKind = (&server{
	name:    "postgres",
	sinkDoc: "mysql, sqlite (path for dsn): the same keys",
	promise: []string{"rows and moves are one Postgres transaction, and each move is compared and set in it.",
		"Holds through kill -9, a lost answer to COMMIT, late workers, a restored backup."},
	address: postgres.Address,
	names:   postgres.CheckNames,
	open: func(ctx context.Context, dsn string, t table, p Pipeline) (sink.Sink, error) {
		s, err := postgres.Open(ctx, postgresConfig(dsn, t, p))
		if err != nil {
			return nil, err
		}
		return s, nil
	},
	ledger: func(dsn string, keep ledger.KeepCommits) (OpenLedger, error) {
		l, err := postgres.OpenLedger(dsn, keep)
		if err != nil {
			return OpenLedger{}, err
		}
		return OpenLedger{l, func() error { l.Close(); return nil }}, nil
	},
	ddl: func(dsn string, t table, p Pipeline) string {
		return postgres.DDL(postgresConfig(dsn, t, p), p.Columns)
	},
	next: func(file string) []string {
		return []string{"export DATABASE_URL=postgres://USER@HOST/DB",
			fmt.Sprintf(`fencepost ddl %s | psql -v ON_ERROR_STOP=1 "$DATABASE_URL" && fencepost check %s`, file, file)}
	},
}).kind()

func postgresConfig(dsn string, t table, p Pipeline) postgres.Config {
	return postgres.Config{DSN: dsn, Table: t.Table, Key: t.Key, SQL: t.SQL, Audit: t.Audit, Lanes: t.Lanes, KeepCommits: p.KeepCommits, NoLedger: p.Apart != ""}
}
