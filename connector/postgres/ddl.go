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

// CheckNames finds the names of a table and of columns that the server does not take. Without a table there are none. It
// connects to nothing.
func CheckNames(table string, columns []fencepost.ColumnSpec) []fencepost.Finding {
	return dialect().CheckNames(table, columns)
}

// DDL is the SQL that a database's owner runs before a user with the least grants can: the ledger's tables, the
// Config's table as the columns want it, and the grants. A second run changes nothing. It connects to nothing. Tables
// that the Config's SQL or Handle use are theirs to make and to grant.
func DDL(c Config, columns []fencepost.ColumnSpec) string {
	var b strings.Builder
	j := c.job()
	b.WriteString(j.Head(system.Title, "", tablesDDL))
	b.WriteString(j.CreateTable(plain, columns, func(spec fencepost.ColumnSpec) string { sql, _ := natural(spec.Type); return sql }, ""))
	role := grantee(c.DSN)
	if role == appRole {
		fmt.Fprintf(&b, "-- Least grants; put the user of dsn for %s.\n", appRole)
	} else {
		b.WriteString("-- Least grants, for the user of dsn.\n")
	}
	var updated, appended []string
	if !c.NoLedger {
		updated, appended = []string{"fencepost_groups", "fencepost_ledger"}, []string{"fencepost_moves"}
	}
	switch table := sqlstore.Qualified(c.Table, plain); {
	case c.Table == "":
	case len(c.Key) > 0:
		updated = append(updated, table)
	default:
		appended = append(appended, table)
	}
	for _, g := range []struct {
		rights string
		tables []string
	}{{"SELECT, INSERT, UPDATE", updated}, {"SELECT, INSERT", appended}} {
		if len(g.tables) > 0 {
			fmt.Fprintf(&b, "GRANT %s ON %s TO %s;\n", g.rights, strings.Join(g.tables, ", "), role)
		}
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
