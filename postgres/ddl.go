package postgres

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
)

// appRole stands in the grants for the user of the dsn.
const appRole = "fencepost_app"

// DDL is the SQL that a database's owner runs before a user with the least grants can: the ledger's tables, the
// Config's table as the columns want it, and the grants. A second run changes nothing. It connects to nothing. Tables
// that the Config's SQL or Handle use are theirs to make and to grant.
func DDL(c Config, columns []fencepost.ColumnSpec) string {
	var b strings.Builder
	if c.NoLedger {
		b.WriteString("-- Fencepost sink for Postgres; its ledger is elsewhere. Run by the database's owner; twice changes nothing.\n")
	} else {
		fmt.Fprintf(&b, "-- Fencepost ledger version %d for Postgres. Run by the database's owner; twice changes nothing.\n", version)
		b.WriteString(tablesDDL)
	}
	table := ""
	if c.Table != "" {
		parts := strings.Split(c.Table, ".")
		for i, p := range parts {
			parts[i] = plain(p)
		}
		table = strings.Join(parts, ".")
		b.WriteString(tableDDL(table, c.Key, columns))
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

// tableDDL is the Config's table.
func tableDDL(table string, key []string, columns []fencepost.ColumnSpec) string {
	var list []string
	for _, c := range columns {
		sql, _ := natural(c.Type)
		list = append(list, plain(c.Name)+" "+sql)
	}
	if len(key) > 0 {
		list = append(list, "PRIMARY KEY ("+plains(key)+")")
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s);  -- from schema\n", table, strings.Join(list, ", "))
}
