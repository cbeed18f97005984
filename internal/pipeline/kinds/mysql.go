package kinds

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost/connector/mysql"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

var mysqlKind = (&server{
	name:    "mysql",
	sinkDoc: "or MariaDB; postgres, sqlite (path for dsn): the same keys",
	promise: []string{"rows and moves are one MySQL transaction, and each move is compared and set in it.",
		"Holds through kill -9, a lost answer to COMMIT, late workers, a restored backup; for tables with transactions (InnoDB)."},
	address: mysql.Address,
	names:   mysql.CheckNames,
	open: func(ctx context.Context, dsn string, t table, p Pipeline) (sink.Sink, error) {
		s, err := mysql.Open(ctx, mysqlConfig(dsn, t, p))
		if err != nil {
			return nil, err
		}
		return s, nil
	},
	ledger: func(dsn string, keep ledger.KeepCommits) (OpenLedger, error) {
		l, err := mysql.OpenLedger(dsn, keep)
		if err != nil {
			return OpenLedger{}, err
		}
		return OpenLedger{l, func() error { l.Close(); return nil }}, nil
	},
	ddl: func(dsn string, t table, p Pipeline) string { return mysql.DDL(mysqlConfig(dsn, t, p), p.Columns) },
	next: func(file string) []string {
		return []string{"export DATABASE_URL=mysql://USER:PASSWORD@HOST/DB",
			fmt.Sprintf(`fencepost ddl %s | mysql DB && fencepost check %s`, file, file)}
	},
}).kind()

func mysqlConfig(dsn string, t table, p Pipeline) mysql.Config {
	return mysql.Config{DSN: dsn, Table: t.Table, Key: t.Key, SQL: t.SQL, Audit: t.Audit, Lanes: t.Lanes, KeepCommits: p.KeepCommits, NoLedger: p.Apart != ""}
}
