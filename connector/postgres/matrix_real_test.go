//go:build realservers

package postgres

import (
	"os/exec"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// columns are the tables of the matrix of types.
type columns struct{ *store }

func (columns) Types() []string {
	return []string{"smallint", "integer", "bigint", "numeric", "numeric(6,2)", "numeric(6,-2)", "real", "double precision", "money", "boolean",
		"text", "varchar", "varchar(40)", "char(40)", `"char"`, "name", "citext", "bytea", "date", "time", "timetz", "timestamp", "timestamp(0)", "timestamptz", "timestamptz(3)",
		"interval", "uuid", "json", "jsonb", "jsonpath", "xml", "inet", "cidr", "macaddr", "bit(3)", "bit varying", "point", "int4range", "tsvector", "oid", "pg_lsn",
		"label", "positive", "pair", "text[]", "varchar(3)[]", "uuid[]", "smallint[]", "integer[]", "bigint[]", "numeric[]", "double precision[]",
		"boolean[]", "inet[]", "time(0)"}
}

func (c columns) Create(t *testing.T, columnType string) {
	c.exec(t, "drop table if exists matrix; create table matrix (v "+columnType+", _offset bigint)")
}

func (c columns) Open(t *testing.T) sink.Sink {
	s, err := c.open(t.Context(), Config{Table: "matrix"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Shown asks psql.
func (c columns) Shown(t *testing.T) map[fencepost.Offset]string {
	out, err := exec.CommandContext(t.Context(), "psql", "-XqAt", "-c", "set timezone to 'UTC'; set extra_float_digits to 1", "-c", `select _offset,
		case when pg_typeof(v) = 'bytea'::regtype then encode(v::text::bytea, 'hex') else encode(convert_to(v::text, 'UTF8'), 'hex') end from matrix where v is not null`, c.dsn).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return sinktest.ShownLines(t, string(out), "|")
}

// Every type of a schema into every type of column: the page of types is what this test saw.
func TestTypeMatrix(t *testing.T) {
	s := newStore(t)
	s.exec(t, typesDDL+"create type pair as (a int, b int); create type label as enum ('plain', 'abc')")
	sinktest.Section(t, "../../docs/types.md", "Postgres", sinktest.Matrix(t, columns{s}))
}
