package postgres

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// appRole stands in the grants for the user of the dsn.
const appRole = "fencepost_app"

// DDL is the SQL that a database's owner runs before a user with the least grants can: the ledger's tables, the
// Config's table as the columns want it, and the grants. A second run changes nothing. It connects to nothing. Tables
// that the Config's SQL or Handle use are theirs to make and to grant.
func DDL(c Config, columns []fencepost.ColumnSpec) string {
	var b strings.Builder
	j := c.job()
	b.WriteString(j.Head(system.Title, "", tablesDDL))
	b.WriteString(j.CreateTable(plain, columns, func(spec fencepost.ColumnSpec) string { sql, _ := natural(spec.Type); return sql }, ""))
	table := ""
	if c.Table != "" {
		table = sqlstore.Qualified(c.Table, plain)
	}
	role := grantee(c.DSN)
	if role == appRole {
		fmt.Fprintf(&b, "-- Least grants; put the user of dsn for %s.\n", appRole)
	} else {
		b.WriteString("-- Least grants, for the user of dsn.\n")
	}
	grant := func(rights string, tables ...string) {
		fmt.Fprintf(&b, "GRANT %s ON %s TO %s;\n", rights, strings.Join(tables, ", "), role)
	}
	switch {
	case c.NoLedger && table == "":
	case c.NoLedger && len(c.Key) > 0:
		grant("SELECT, INSERT, UPDATE", table)
	case c.NoLedger:
		grant("SELECT, INSERT", table)
	case table == "":
		grant("SELECT, INSERT, UPDATE", "fencepost_groups", "fencepost_ledger")
		grant("SELECT, INSERT", "fencepost_moves")
	case len(c.Key) > 0:
		grant("SELECT, INSERT, UPDATE", "fencepost_groups", "fencepost_ledger", table)
		grant("SELECT, INSERT", "fencepost_moves")
	default:
		grant("SELECT, INSERT, UPDATE", "fencepost_groups", "fencepost_ledger")
		grant("SELECT, INSERT", "fencepost_moves", table)
	}
	return b.String()
}

// grantee is who gets the grants: the user that dsn connects as, so that the text can be run as it is; a name to be
// replaced where there is no dsn yet.
func grantee(dsn string) string {
	if dsn == "" {
		return appRole
	}
	cfg, err := pgconn.ParseConfig(dsn)
	if err != nil || cfg.User == "" {
		return appRole
	}
	return plain(cfg.User)
}
