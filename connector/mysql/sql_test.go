package mysql

import (
	"errors"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
)

// What ends a transaction is found by the first word of a statement, wherever it hides, and nothing else is.
func TestFindEnd(t *testing.T) {
	for sql, want := range map[string]string{
		"insert into a select * from batch":                                       "",
		"insert into a values (1); commit":                                        "COMMIT",
		"insert into a values ('it''s; commit'); update a set x = \"\\\"; drop\"": "",
		"insert into a select 1 -- ; commit\n":                                    "",
		"insert into a select 1 # ; commit\n; Drop table a":                       "DROP",
		"select 1--1; commit":                                                     "COMMIT",
		"/*!COMMIT*/":                                                             "COMMIT",
		"/*!80017 alter table a add b int */":                                     "ALTER",
		"/*M!100100 truncate a */":                                                "TRUNCATE",
		"/* commit */ insert into a select 1":                                     "",
		"create temporary table t as select * from batch":                         "",
		"drop temporary table if exists t":                                        "",
		"create table t (x int)":                                                  "CREATE",
		"create /* at last */ temporary table t (x int)":                          "",
		"create or replace temporary table t (x int)":                             "",
		"savepoint a; rollback to savepoint a; insert into `commit` select 1":     "",
		"rollback":                        "ROLLBACK",
		"begin not atomic commit; end":    "BEGIN",
		"set autocommit = 1":              "SET",
		"set @a = 1; lock tables a write": "LOCK",
	} {
		got := ""
		if end := syntax.FindEnd(sql); end != nil {
			got = end.Word
		}
		if got != want {
			t.Errorf("findEnd(%q): got %q, want %q", sql, got, want)
		}
	}
	if end := syntax.FindEnd("insert into a\n  select 1;\n  commit"); end == nil || end.Line != 3 || end.Column != 3 {
		t.Errorf("the place of COMMIT: got %+v, want line 3, column 3", end)
	}
}

// Both forms of a dsn lead to the same place, and what cannot be read is not shown.
func TestParseDSN(t *testing.T) {
	for _, dsn := range []string{"mysql://app:p%40w@db.example:3307/shop?tls=skip-verify", "mariadb://app:p%40w@db.example:3307/shop?tls=skip-verify",
		"app:p@w@tcp(db.example:3307)/shop?tls=skip-verify"} {
		c, err := parseDSN(dsn)
		if err != nil {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		if c.User != "app" || c.Passwd != "p@w" || c.Addr != "db.example:3307" || c.DBName != "shop" || c.TLS == nil || !c.ClientFoundRows || !c.MultiStatements {
			t.Errorf("%s: got %s", dsn, c.FormatDSN())
		}
	}
	for _, dsn := range []string{"mysql://app:p%40w@db.example/shop", "app:p@w@tcp(db.example:3306)/shop"} {
		if got, err := Address(dsn); got != "mysql://app@db.example:3306/shop" || err != nil {
			t.Errorf("Address(%q): got %q, %v", dsn, got, err)
		}
	}
	if c, err := parseDSN("mysql://app@h/shop"); err != nil || c.Addr != "h:3306" {
		t.Errorf("without a port: got %v, %v, want port 3306", c, err)
	}
	for _, dsn := range []string{"", "postgres://app:hunter2@h/shop", "mysql://app:hunter2@h/", "app:hunter2", "mysql://app:hunter2@h:x/shop"} {
		_, err := parseDSN(dsn)
		if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Code != "dsn-invalid" || strings.Contains(err.Error()+f.Help, "hunter2") {
			t.Errorf("%q: got %v, want a dsn-invalid that does not show it", dsn, err)
		}
	}
}

func TestQuoted(t *testing.T) {
	if got, want := quote("o'b\\\"\x00é"), `'o\'b\\"\0é'`; got != want {
		t.Errorf("quote: got %s, want %s", got, want)
	}
}
