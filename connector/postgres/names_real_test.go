//go:build realservers

package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
)

// V24: a table that is not found, and one that the name may have meant.
func TestV24NearNames(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create table orders (id int, a text); create table "my.table" (id int, a text); create table "Both" (id int); create table "bOTH" (id int);
		create schema sales; create table sales.prices (id int, a text); create table "quo""te" (id int, a text)`)
	db := one[string](t, s, "select current_database()")
	for table, want := range map[string]string{
		"Orders":        "no table Orders, but it has public.orders | table: public.orders",
		"sales.Prices":  "no table sales.Prices, but it has sales.prices | table: sales.prices",
		"prices":        "no table prices, but it has sales.prices | table: sales.prices",
		"my.table":      `no table my.table, but it has public."my.table" | table: 'public."my.table"'`,
		"both":          `no table both, but it has public.Both | table: public.Both`,
		"other.orders":  "no table other.orders, but it has public.orders | table: public.orders",
		"nothing_of_it": "no table nothing_of_it | " + ddlHelp,
	} {
		c := Config{Table: table}
		want = "table-not-found | database " + db + " has " + want
		got := s.faults(t, c, idColumns)
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s:\ngot  %s\nwant %s", table, got, want)
			continue
		}
		remedy, ok := strings.CutPrefix(strings.Split(got[0], " | ")[2], "table: ")
		if !ok || table == "both" {
			continue
		}
		c.Table = strings.Trim(remedy, "'")
		if got := s.faults(t, c, idColumns); len(got) > 0 {
			t.Errorf("%s, as the remedy says: %s", c.Table, got)
		}
	}
}

// V24: a name may have dots, quotes and capitals; what is quoted is taken as it is. The remedies for its table can be carried
// out.
func TestV24QuotedNames(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create table "my.table" (id int, a text); create schema "S.1"; create table "S.1"."quo""te" (id int, a text); create table "Orders" (id int, a text)`)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for table, sql := range map[string]string{`"my.table"`: `"my.table"`, `public."my.table"`: `"my.table"`, `"S.1"."quo""te"`: `"S.1"."quo""te"`, "Orders": `"Orders"`} {
		if got := s.faults(t, Config{Table: table}, idColumns); len(got) > 0 {
			t.Errorf("%s: %s", table, got)
		}
		s.exec(t, "truncate "+sql)
		k := s.goesOn(t, w, Config{Table: table})
		k.must(k.table(k.ids("x", 1)...))
		for _, key := range [][]string{nil, {"id"}} {
			c := Config{Table: table, Key: key}
			for range 2 { // each remedy is carried out
				for _, f := range s.faults(t, c, append(idColumns, fencepost.ColumnSpec{Name: "Wide", Type: fencepost.Int})) {
					help, _, _ := strings.Cut(strings.Split(f, " | ")[2], "   ")
					s.exec(t, help)
				}
			}
			if got := s.faults(t, c, append(idColumns, fencepost.ColumnSpec{Name: "Wide", Type: fencepost.Int})); len(got) > 0 {
				t.Errorf("%s %s: after the remedies: %s", table, key, got)
			}
		}
		for range 2 {
			s.exec(t, strings.ReplaceAll(DDL(Config{DSN: s.dsn, Table: table, Key: []string{"id"}}, idColumns), appRole, "current_user"))
		}
		s.exec(t, "drop table "+sql)
		s.exec(t, strings.ReplaceAll(DDL(Config{DSN: s.dsn, Table: table, Key: []string{"id"}}, idColumns), appRole, "current_user"))
		if got := s.faults(t, Config{Table: table, Key: []string{"id"}}, idColumns); len(got) > 0 {
			t.Errorf("%s: after ddl: %s", table, got)
		}
	}
	for _, table := range []string{"a.b.c", `"a`, `"a"b`, "a.", ".a", `""`} {
		if _, err := Open(t.Context(), Config{DSN: s.dsn, Table: table}); err == nil {
			t.Errorf("%s was taken for a name", table)
		}
	}
}

// V24: Postgres cuts names at 63 bytes without an error, so that a longer one would never be found.
func TestV24LongNames(t *testing.T) {
	s := newStore(t)
	long, fits := strings.Repeat("x", 90), strings.Repeat("ü", 31)+"y"
	s.exec(t, "create table long ("+long+" int, "+fits+" int)")
	columns := []fencepost.ColumnSpec{{Name: long, Type: fencepost.Int}, {Name: fits, Type: fencepost.Int}}
	want := "name-too-long | column " + long + " has 90 bytes, and Postgres takes 63 | give it a shorter name, and say where it is from: {type: int, from: " + long + "}"
	if got := s.faults(t, Config{Table: "long"}, columns); len(got) != 1 || got[0] != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := s.worker(t, Config{Table: "long"}).sink.Columns(t.Context(), columns); err == nil || !strings.Contains(err.Error(), "63") {
		t.Errorf("start: got %v", err)
	}
	if got := s.faults(t, Config{Table: "long"}, columns[1:]); len(got) > 0 {
		t.Errorf("a name of 63 bytes: %s", got)
	}
	if got := s.faults(t, Config{Table: long}, columns[1:]); len(got) != 1 || !strings.HasPrefix(got[0], "name-too-long | table "+long+" has 90 bytes") {
		t.Errorf("a long table: got %s", got)
	}
}

// A database whose encoding is another takes what it has characters for, in values and names, and parks for the rest.
func TestV24Latin1(t *testing.T) {
	s := newStore(t)
	name := strings.ToLower(servers.Name(t))
	s.exec(t, "create database "+name+" encoding latin1 locale 'C' template template0")
	t.Cleanup(func() {
		c, err := pgx.Connect(t.Context(), s.dsn)
		if err == nil {
			c.Close(t.Context())
		}
	})
	cfg, err := pgx.ParseConfig(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	l := &store{dsn: strings.Replace(s.dsn, "/"+cfg.Database, "/"+name, 1) + "&client_encoding=UTF8", wire: &wire{}}
	l.exec(t, `create table "Größe" (id int, "ä" text); create table keyed (id int primary key, "ä" text)`)
	w := l.worker(t, Config{Table: "Größe"}).start(1)
	for _, c := range []Config{{Table: "Größe"}, {Table: "keyed", Key: []string{"id"}}, {SQL: `insert into keyed select id, "ä" from batch on conflict (id) do update set "ä" = excluded."ä"`}} {
		k := l.goesOn(t, w, c)
		row := func(a string) []fencepost.Column {
			return []fencepost.Column{column("id", fencepost.Int, 1), column("ä", fencepost.Text, a)}
		}
		k.must(k.table(row("öß")...))
		if err := k.commit(t.Context(), k.table(row("☃")...)); err == nil || !strings.Contains(err.Error(), "22P05") {
			t.Errorf("%+v: a snowman: got %v, want its refusal", c, err)
		}
	}
	if got := l.text(t, `"Größe"`, "id") + l.text(t, "keyed", "id"); got != "(1,öß)(1,öß)" {
		t.Errorf("got %s", got)
	}
}
