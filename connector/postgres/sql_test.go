package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
)

func TestFindEnd(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"insert into o select v from batch", ""},
		{"insert into o select v from batch; commit", "COMMIT line 1, column 36"},
		{"COMMIT AND CHAIN", "COMMIT line 1, column 1"},
		{"insert into o values (1);\n  end;", "END line 2, column 3"},
		{"insert into o values ('; commit')", ""},
		{"insert into o values ('it''s; commit')", ""},
		{`insert into o values (E'\'; commit')`, ""},
		{`insert into o values ('\'); commit`, "COMMIT line 1, column 29"},
		{`select 1 as "; commit"`, ""},
		{"-- commit;\nselect 1", ""},
		{"select 1 -- ;\n; commit", "COMMIT line 2, column 3"},
		{"/* ; /* commit */ ; commit */ select 1", ""},
		{"do $$ begin; commit; end $$", ""},
		{"do $x$ ; $$ ; commit $x$; rollback", "ROLLBACK line 1, column 27"},
		{"select $1; commit", "COMMIT line 1, column 12"},
		{"savepoint a; rollback to a", ""},
		{"savepoint a; rollback work to savepoint a; select 1", ""},
		{"rollback; select to_char(1, '')", "ROLLBACK line 1, column 1"},
		{"prepare transaction 'x'", "PREPARE TRANSACTION line 1, column 1"},
		{"prepare /* it */ transaction'x'", "PREPARE TRANSACTION line 1, column 1"},
		{"prepare p as select 1", ""},
		{"prepare transactions as select 1", ""},
		{"rollback -- all of it\nto a", ""},
		{"abort", "ABORT line 1, column 1"},
		{"start transaction", "START line 1, column 1"},
		{"create table commits (v int)", ""},
		{"insert into o select 'x", ""},
		{"", ""},
		{";;", ""},
	} {
		got := ""
		if e := syntax.FindEnd(c.sql); e != nil {
			got = e.Word + strings.TrimSuffix(strings.TrimPrefix(e.Help(), "take that statement out:"), " of the SQL")
		}
		if got != c.want {
			t.Errorf("findEnd(%q): got %q, want %q", c.sql, got, c.want)
		}
	}
}

func TestConfigIsRefused(t *testing.T) {
	const dsn = "postgres://app:s3cret@localhost/shop"
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{DSN: dsn}, "exactly one"},
		{Config{DSN: dsn, Table: "t", SQL: "select 1"}, "exactly one"},
		{Config{DSN: dsn, SQL: "select 1", Key: []string{"k"}}, "Key needs Table"},
		{Config{DSN: dsn, Table: "a.b.c"}, "neither a name nor schema.name"},
		{Config{DSN: dsn, Table: "t", Lanes: -1}, "Lanes is -1"},
		{Config{DSN: dsn, Table: "t", CommitTimeout: 1}, "CommitTimeout"},
		{Config{DSN: "postgres://app:s3cret@localhost:port/shop", Table: "t"}, "can not be read"},
		{Config{DSN: "postgres://app:s3cret%zz@localhost/shop", Table: "t"}, "can not be read"},
		{Config{DSN: "host=localhost password='s3cret", Table: "t"}, "can not be read"},
	} {
		_, err := Open(t.Context(), c.config)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Open(%+v): got %v, want an error with %q", c.config, err, c.want)
			continue
		}
		f := new(fencepost.UserError)
		if strings.Contains(err.Error(), "s3cret") || errors.As(err, &f) && strings.Contains(f.Help, "s3cret") {
			t.Errorf("Open shows the password: %v", err)
		}
	}
}

func TestDDL(t *testing.T) {
	columns := []fencepost.ColumnSpec{{Name: "date", Type: fencepost.Timestamp}, {Name: "delay", Type: fencepost.Int}, {Name: "Origin", Type: fencepost.Text}}
	sql := DDL(Config{Table: "shop.flights", Key: []string{"Origin"}}, columns)
	for _, want := range []string{
		"-- Fencepost ledger version 1 for Postgres. Run by the database's owner; twice changes nothing.\n",
		`CREATE TABLE IF NOT EXISTS shop.flights (date timestamptz, delay bigint, "Origin" text, PRIMARY KEY ("Origin"));  -- from schema` + "\n",
		"GRANT SELECT, INSERT, UPDATE ON fencepost_groups, fencepost_ledger, fencepost_reports, shop.flights TO fencepost_app;\n",
		"GRANT SELECT, INSERT ON fencepost_moves TO fencepost_app;\n",
	} {
		if !strings.Contains(sql, want) {
			t.Errorf("DDL lacks %q:\n%s", want, sql)
		}
	}
	words := []fencepost.ColumnSpec{{Name: "order", Type: fencepost.Int}, {Name: "user", Type: fencepost.Text}, {Name: "name", Type: fencepost.Text}}
	if sql := DDL(Config{Table: "table", Key: []string{"order"}}, words); !strings.Contains(sql, `"table" ("order" bigint, "user" text, name text, PRIMARY KEY ("order"))`) {
		t.Errorf("reserved words are not quoted:\n%s", sql)
	}
	if sql := DDL(Config{Table: "flights", DSN: "postgres://Etl@localhost/shop"}, columns); !strings.Contains(sql, `INSERT ON fencepost_moves, flights TO "Etl";`) {
		t.Errorf("the grants are not for the user of dsn:\n%s", sql)
	}
	if sql := DDL(Config{Table: "flights"}, columns); !strings.Contains(sql, "GRANT SELECT, INSERT ON fencepost_moves, flights TO fencepost_app;\n") {
		t.Errorf("DDL of an append table:\n%s", sql)
	}
	if sql := DDL(Config{DSN: "postgres://app@localhost/shop"}, nil); strings.Contains(sql, "TEMPORARY") || strings.Contains(sql, "SQL names") {
		t.Errorf("DDL of a ledger alone grants what it does not need:\n%s", sql)
	}
	if sql := DDL(Config{SQL: "select 1", DSN: "postgres://app@localhost/shop"}, columns); !strings.Contains(sql, "GRANT TEMPORARY ON DATABASE shop TO app;\n") ||
		!strings.Contains(sql, "-- Grant app what the SQL names, too") || !strings.HasSuffix(sql, "COMMIT;\n") {
		t.Errorf("DDL of SQL:\n%s", sql)
	}
	if sql := DDL(Config{SQL: "select 1"}, columns); strings.Contains(sql, "-- from schema") {
		t.Errorf("DDL of SQL makes a table:\n%s", sql)
	}
}
