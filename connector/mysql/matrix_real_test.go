//go:build realservers

package mysql

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// columns are the tables of the matrix of types.
type columns struct {
	*store
	more []string // types that the server has and not every other
}

func (c columns) Types() []string {
	return append([]string{"tinyint", "tinyint unsigned", "boolean", "smallint", "smallint unsigned", "mediumint", "int", "int unsigned", "bigint", "bigint unsigned", "decimal(10,2)",
		"decimal(65,24)", "float", "double", "bit(1)", "bit(8)", "char(40)", "varchar(40)", "tinytext", "text", "mediumtext", "longtext", "varchar(40) character set latin1",
		"binary(3)", "varbinary(40)", "tinyblob", "blob", "mediumblob", "longblob", "enum('plain','abc')", "set('plain','abc')", "json", "date", "datetime", "datetime(3)", "datetime(6)",
		"timestamp null", "timestamp(6) null", "time", "time(6)", "char(36)", "year", "point"}, c.more...)
}

func (c columns) Create(t *testing.T, columnType string) {
	c.exec(t, "drop table if exists matrix; create table matrix (v "+columnType+", _offset bigint) character set utf8mb4 collate utf8mb4_bin")
}

func (c columns) Open(t *testing.T) sink.Sink {
	s, err := c.open(t.Context(), Config{Table: "matrix"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Shown asks the mariadb program.
func (c columns) Shown(t *testing.T) map[fencepost.Offset]string {
	text := "convert(v, char)"
	switch typ := one[string](t, c.store, "select data_type from information_schema.columns where table_schema = database() and table_name = 'matrix' and column_name = 'v'"); {
	case typ == "bit":
		text = "convert(v + 0, char)"
	case typ == "float":
		text = "convert(v + 0e0, char)"
	case strings.HasSuffix(typ, "blob") || strings.HasSuffix(typ, "binary"):
		text = "v"
	case strings.HasSuffix(typ, "char"), strings.HasSuffix(typ, "text"):
		text = "convert(v using utf8mb4)"
	}
	cmd := exec.CommandContext(t.Context(), "mariadb", c.arguments()...)
	cmd.Stdin = strings.NewReader("set time_zone = '+00:00'; select _offset, hex(" + text + ") from matrix where v is not null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return sinktest.ShownLines(t, string(out), "\t")
}

// Every type of a schema into every type of column: the page of types is what this test saw.
func TestTypeMatrix(t *testing.T) {
	s := newStore(t)
	var more []string
	if !s.mysql {
		more = []string{"uuid", "inet6"}
	}
	sinktest.Section(t, "../../docs/types.md", s.either("MySQL", "MariaDB"), sinktest.Matrix(t, columns{s, more}))
}

// arguments are the mariadb program's, for the store's database.
func (c columns) arguments() []string {
	config, err := parseDSN(c.dsn)
	if err != nil {
		panic(err)
	}
	host, port, _ := strings.Cut(config.Addr, ":")
	return []string{"--no-defaults", "-BN", "--default-character-set=utf8mb4", "-h", host, "-P", port, "-u", config.User, "--password=" + config.Passwd, config.DBName}
}
