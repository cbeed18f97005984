package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// appUser is the placeholder in the grants for the user of the dsn.
const appUser = "fencepost_app"

// unnamed is the placeholder for the database, where there is no dsn to name it.
const unnamed = "DATABASE_NAME"

// accountsSQL lists the accounts of a user, as GRANT takes them.
const accountsSQL = "SET @accounts = COALESCE((SELECT GROUP_CONCAT(QUOTE(user), '@', QUOTE(host)) FROM mysql.user WHERE user = @name AND host <> ''), @anywhere);\n"

// CheckNames finds the names of a table and of columns that the server does not take. Without a table there are none. It
// connects to nothing.
func CheckNames(table string, columns []fencepost.ColumnSpec) []fencepost.Finding {
	return dialect().CheckNames(table, columns)
}

// DDL is the SQL that a database's owner runs before a user with the least grants can: the ledger's tables, the
// Config's table as the columns want it, and the grants. A second run changes nothing. It connects to nothing. Tables
// that the Config's SQL or Handle use are theirs to make and to grant. CREATE TEMPORARY TABLES is for key, for sql, and
// for a batch larger than max_allowed_packet; it is a right on the database.
func DDL(c Config, columns []fencepost.ColumnSpec) string {
	database, user := unnamed, appUser
	if conf, err := parseDSN(c.DSN); err == nil {
		database = conf.DBName
		if conf.User != "" {
			user = conf.User
		}
	}
	var b strings.Builder
	j := c.job()
	if database == unnamed {
		fmt.Fprintf(&b, "-- Put the database of dsn for %s, and its user for %s.\n", unnamed, appUser)
	}
	b.WriteString(j.Head(system.Title, "USE "+plain(database)+";\n", tablesDDL+laterDDL+sqlstore.Fill(identitySQL, "@groups", sqlstore.TableNames[0])+";\n"))
	index := ""
	if sqlstore.FindsRecords(c.Key, columns) {
		index = "KEY (_partition, _offset)" // by record
	}
	b.WriteString(j.CreateTable(plain, columns, func(spec fencepost.ColumnSpec) string {
		if slices.Contains(c.Key, spec.Name) {
			return keyType(spec.Type) + " NOT NULL"
		}
		sql, _ := natural(spec.Type)
		return sql
	}, index, " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"))
	b.WriteString("-- Least grants, for every account of the user of dsn: an account has a host too, and which one a worker is depends on its own.\n")
	b.WriteString(sqlstore.Fill(accountsSQL, "@name", quote(user), "@anywhere", quote(quote(user)+"@'%'")))
	grant := func(rights, on string) {
		fmt.Fprintf(&b, "SET @g = CONCAT(%s, @accounts); PREPARE g FROM @g; EXECUTE g;\n", quote("GRANT "+rights+" ON "+on+" TO "))
	}
	if !c.NoLedger {
		for _, t := range append(sqlstore.TableNames[:2:2], sqlstore.ReportsName) {
			grant("SELECT, INSERT, UPDATE", plain(database)+"."+t)
		}
		grant("SELECT, INSERT", plain(database)+"."+sqlstore.TableNames[2])
		grant("SELECT, INSERT, UPDATE, DELETE", plain(database)+"."+sqlstore.LettersName)
	}
	if c.Table != "" || c.SQL != "" {
		grant("CREATE TEMPORARY TABLES", plain(database)+".*")
	}
	if c.Table != "" {
		table := sqlstore.Qualified(c.Table, plain)
		if !strings.Contains(table, ".") {
			table = plain(database) + "." + table
		}
		rights := "INSERT"
		if len(c.Key) > 0 {
			rights = "SELECT, INSERT, UPDATE"
		}
		if j.Deleting(columns) {
			rights += ", DELETE"
		}
		grant(rights, table)
	}
	if c.SQL != "" || c.Handle != nil {
		b.WriteString("-- Grant the user what the SQL names, too.\n")
	}
	return b.String()
}
