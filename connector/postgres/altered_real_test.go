//go:build realservers

package postgres

import (
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// altered is a table that other sessions alter.
type altered struct{ *store }

func (a altered) Alterations() []sinktest.Alteration {
	swap := "begin; alter table altered rename to altered_tmp; alter table altered_other rename to altered; alter table altered_tmp rename to altered_other; commit"
	one := sinktest.Altering
	return []sinktest.Alteration{
		one("int as double", "alter table altered alter a type double precision", "alter table altered alter a type bigint"),
		one("int as numeric", "alter table altered alter b type numeric(20,3)", "alter table altered alter b type bigint"),
		one("int as int", "alter table altered alter b type int", "alter table altered alter b type bigint"),
		one("int as time", "alter table altered alter a type timestamptz using to_timestamp(a)", "alter table altered alter a type bigint using extract(epoch from a)::bigint"),
		one("int as text", "alter table altered alter a type text", "alter table altered alter a type bigint using a::bigint"),
		one("double as real", "alter table altered alter x type real", "alter table altered alter x type double precision"),
		one("double as int", "alter table altered alter x type bigint using (2 * x)::bigint", "alter table altered alter x type double precision using x / 2.0"),
		one("text as varchar", "alter table altered alter s type varchar(40)", "alter table altered alter s type text"),
		one("text as bytes", "alter table altered alter s type bytea using convert_to(s, 'UTF8')", "alter table altered alter s type text using convert_from(s, 'UTF8')"),
		one("timestamptz as timestamp", "alter table altered alter at type timestamp using at at time zone 'UTC'", "alter table altered alter at type timestamptz using at at time zone 'UTC'"),
		one("constraint", "alter table altered add constraint short check (length(s) < 3) not valid", "alter table altered drop constraint short"),
		one("away", "alter table altered rename to altered_away", "alter table altered_away rename to altered"),
		one("column away", "alter table altered rename column s to t", "alter table altered rename column t to s"),
		one("column wanted", "alter table altered add c int not null default 0; alter table altered alter c drop default", "alter table altered drop column c"),
		one("unique", "create unique index altered_a on altered (a)", "drop index altered_a"),
		one("trigger", "create trigger no before insert on altered for each row execute function refuse()", "drop trigger no on altered"),
		one("swap", swap, swap),
		one("swap and back", swap+";"+swap, "select 1"),
		one("schema first", "create schema first; create table first.altered (like altered)", "drop schema first cascade"),
	}
}

func (a altered) Execute(t *testing.T, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		t.Run("ddl", func(t *testing.T) { a.exec(t, sql) }) // closes its connection
	}
}

func (a altered) Open(t *testing.T) sink.Sink {
	s, err := a.open(t.Context(), Config{Table: "altered"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (a altered) Altered(t *testing.T) map[fencepost.Offset][][]string {
	rows, err := a.connect(t).Query(t.Context(), `select _offset, a::text, b::text, x::text, s, (at at time zone 'UTC')::text from altered
		union all select _offset, a::text, b::text, x::text, s, at::text from altered_other`)
	if err != nil {
		t.Fatal(err)
	}
	return sinktest.AlteredRows(t, rows)
}

// A hundred alterations under a running worker: every row is its record's, or its commit failed and went on once the table
// was mended.
func TestAlteredUnderAWorker(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create table altered (a bigint, b bigint, x double precision, s text, at timestamptz, _offset bigint);
		create table altered_other (at timestamp, s varchar, x real, b bigint, a numeric, _offset bigint);
		create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`)
	sinktest.Altered(t, altered{s}, 100, 1)
}
