package postgres

import (
	"fmt"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// appRole is the placeholder in the grants for the user of the dsn.
const appRole = "fencepost_app"

// CheckNames finds the names of a table and of columns that the server does not take. Without a table there are none. It
// connects to nothing.
func CheckNames(table string, columns []fencepost.ColumnSpec) []fencepost.Finding {
	return dialect().CheckNames(table, columns)
}

// appDatabase is the placeholder in the grants for the database of the dsn.
const appDatabase = "DATABASE_NAME"

// DDL is the SQL that a database's owner runs before a user with the least grants can: the ledger's tables, the
// Config's table as the columns want it, and the grants, in one transaction. A second run changes nothing. It connects to
// nothing. Tables that the Config's SQL or Handle use are theirs to make and to grant.
func DDL(c Config, columns []fencepost.ColumnSpec) string {
	var b strings.Builder
	j := c.job()
	b.WriteString(j.Head(system.Title, "BEGIN;\n", tablesDDL+laterDDL))
	b.WriteString(j.CreateTable(plain, columns, func(spec fencepost.ColumnSpec) string { sql, _ := natural(spec.Type); return sql }, "", ""))
	if c.Table != "" && sqlstore.FindsRecords(c.Key, columns) {
		b.WriteString(sqlstore.Fill(indexDDL, "@name", quote(sqlstore.Qualified(c.Table, ident)), "@table", sqlstore.Qualified(c.Table, plain)))
	}
	role, database := grantee(c.DSN)
	if role == appRole {
		fmt.Fprintf(&b, "-- Least grants; put the user of dsn for %s, and its database for %s.\n", appRole, appDatabase)
	} else {
		b.WriteString("-- Least grants, for the user of dsn.\n")
	}
	for _, g := range grants(c, database, columns) {
		fmt.Fprintf(&b, "GRANT %s TO %s;\n", g, role)
	}
	b.WriteString(sqlstore.Fill(schemaDDL, "@role", quote(role)))
	if c.Table != "" {
		b.WriteString(sqlstore.Fill(sequencesDDL, "@table", quote(sqlstore.Qualified(c.Table, ident)), "@role", quote(role)))
	} else if c.SQL != "" || c.Handle != nil {
		fmt.Fprintf(&b, "-- Grant %s what the SQL names, too: tables, schemas, sequences, functions.\n", role)
	}
	return b.String() + "COMMIT;\n"
}

// schemaDDL grants the use of the schema in which tables without one are made.
const schemaDDL = `DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO ', current_schema()) || @role; END $$;
`

// indexDDL makes the index by which the row of a record is found. It does so on an empty table that has none yet: an older
// table may lack the columns, and an index of a large one keeps its writers waiting. Rows arrive in the order of their offsets, so
// that a BRIN finds them; a B-tree doubles the cost of a commit. A unique one would also take each batch through a temporary table, and
// refuse the rows of a rewind. Decision 29.
const indexDDL = `DO $$ BEGIN
  IF (SELECT count(*) FROM pg_attribute a JOIN pg_class k ON k.oid = a.attrelid WHERE k.oid = to_regclass(@name) AND k.relkind IN ('r', 'p')
    AND a.attname IN ('_partition', '_offset')) = 2 AND NOT EXISTS (SELECT FROM @table) AND NOT EXISTS (SELECT FROM pg_index
    WHERE indrelid = to_regclass(@name) AND pg_get_indexdef(indexrelid) LIKE '%(_partition, _offset)%')
  THEN CREATE INDEX ON @table USING brin (_partition, _offset) WITH (autosummarize = on); END IF; END $$;
`

// sequencesDDL grants the use of the sequences that a table of before counts by. An identity column needs no grant.
const sequencesDDL = `DO $$ DECLARE s regclass; BEGIN
  FOR s IN SELECT d.refobjid FROM pg_attrdef f JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
    AND d.refclassid = 'pg_class'::regclass JOIN pg_class k ON k.oid = d.refobjid AND k.relkind = 'S' WHERE f.adrelid = to_regclass(@table)
  LOOP EXECUTE 'GRANT USAGE ON SEQUENCE ' || s || ' TO ' || @role; END LOOP; END $$;
`

// grants lists what a user of the least rights needs, without the user.
func grants(c Config, database string, columns []fencepost.ColumnSpec) (list []string) {
	if c.Table != "" || c.SQL != "" {
		list = append(list, "TEMPORARY ON DATABASE "+database)
	}
	if parts, err := sqlstore.ParseName(c.Table); err == nil && len(parts) == 2 {
		list = append(list, "USAGE ON SCHEMA "+plain(parts[0]))
	}
	var updated, appended []string
	if !c.NoLedger {
		updated, appended = []string{"fencepost_groups", "fencepost_ledger", sqlstore.ReportsName}, []string{"fencepost_moves"}
	}
	switch table := sqlstore.Qualified(c.Table, plain); {
	case c.Table == "":
	case len(c.Key) > 0:
		updated = append(updated, table)
	default:
		appended = append(appended, table)
	}
	if c.job().Deleting(columns) {
		list = append(list, "DELETE ON "+sqlstore.Qualified(c.Table, plain))
	}
	if len(updated) > 0 {
		list = append(list, "SELECT, INSERT, UPDATE ON "+strings.Join(updated, ", "))
	}
	if !c.NoLedger {
		list = append(list, "SELECT, INSERT, UPDATE, DELETE ON "+sqlstore.LettersName)
	}
	if len(appended) > 0 {
		list = append(list, "SELECT, INSERT ON "+strings.Join(appended, ", "))
	}
	return list
}

// grantee is who gets the grants, and the database: the user that dsn connects as, so that the text can be run as it is; names to be
// replaced where there is no dsn yet.
func grantee(dsn string) (role, database string) {
	cfg, err := parseDSN(dsn)
	if dsn == "" || err != nil || cfg.User == "" {
		return appRole, appDatabase
	}
	if cfg.Database == "" { // as the server has it
		cfg.Database = cfg.User
	}
	return plain(cfg.User), plain(cfg.Database)
}
