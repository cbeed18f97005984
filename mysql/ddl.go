package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
)

// appRole stands in the grants for the user of the dsn.
const appRole = "'fencepost_app'@'%'"

// DDL is the SQL that a database's owner runs before a user with the least grants can: the ledger's tables, the
// Config's table as the columns want it, and the grants. A second run changes nothing. It connects to nothing. Tables
// that the Config's SQL or Handle use are theirs to make and to grant. CREATE TEMPORARY TABLES is for key, for sql, and
// for a batch larger than max_allowed_packet; it is a right on the database.
func DDL(c Config, columns []fencepost.ColumnSpec) string {
	database, role := "DATABASE_NAME", appRole
	if conf, err := parseDSN(c.DSN); err == nil {
		database = conf.DBName
		if conf.User != "" {
			role = quote(conf.User) + "@'%'"
		}
	}
	var b strings.Builder
	if c.NoLedger {
		b.WriteString("-- Fencepost sink for MySQL and MariaDB; its ledger is elsewhere. Run by the database's owner; twice changes nothing.\n")
		fmt.Fprintf(&b, "USE %s;\n", plain(database))
	} else {
		fmt.Fprintf(&b, "-- Fencepost ledger version %d for MySQL and MariaDB. Run by the database's owner; twice changes nothing.\n", version)
		fmt.Fprintf(&b, "USE %s;\n", plain(database))
		b.WriteString(tablesDDL)
		b.WriteString(fill(identitySQL, "@groups", tableNames[0]) + ";\n")
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
	fmt.Fprintf(&b, "-- Least grants, for the user of dsn; put the user's own host for '%%'.\n")
	grant := func(rights, on string) { fmt.Fprintf(&b, "GRANT %s ON %s TO %s;\n", rights, on, role) }
	if !c.NoLedger {
		for _, t := range tableNames[:2] {
			grant("SELECT, INSERT, UPDATE", plain(database)+"."+t)
		}
		grant("SELECT, INSERT", plain(database)+"."+tableNames[2])
	}
	if c.Handle == nil {
		grant("CREATE TEMPORARY TABLES", plain(database)+".*")
	}
	if table != "" {
		if !strings.Contains(table, ".") {
			table = plain(database) + "." + table
		}
		rights := "INSERT"
		if len(c.Key) > 0 {
			rights = "SELECT, INSERT, UPDATE"
		}
		grant(rights, table)
	}
	return b.String()
}

// tableDDL is the Config's table.
func tableDDL(table string, key []string, columns []fencepost.ColumnSpec) string {
	var list []string
	for _, c := range columns {
		sql, _ := natural(c.Type)
		if slices.Contains(key, c.Name) {
			sql = keyType(c.Type) + " NOT NULL"
		}
		list = append(list, plain(c.Name)+" "+sql)
	}
	if len(key) > 0 {
		list = append(list, "PRIMARY KEY ("+plains(key)+")")
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;  -- from schema\n", table, strings.Join(list, ", "))
}
