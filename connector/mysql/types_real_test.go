//go:build realservers

package mysql

import (
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// declared is a column type of each name in the table of pairs.
var declared = map[string]string{"varchar": "varchar(40)", "char": "char(40)", "enum": "enum('a', 'plain')", "set": "set('a', 'plain')",
	"decimal": "decimal(40,10)", "bit": "bit(1)", "datetime": "datetime(6)", "timestamp": "timestamp(6) null", "varbinary": "varbinary(40)", "time": "time(6)"}

// example is a value of each type, and how it reads as text.
func example(p sqlstore.Pair[kind]) (value any, want string) {
	switch p.From {
	case fencepost.Int:
		return 42, map[bool]string{true: "42.0000000000", false: "42"}[p.To == "decimal"]
	case fencepost.Float:
		return 2.5, map[bool]string{true: "2.5000000000", false: "2.5"}[p.To == "decimal"]
	case fencepost.Bool:
		return true, "1"
	case fencepost.Timestamp:
		return int64(978_307_200_123_456), map[bool]string{true: "2001-01-01", false: "2001-01-01 00:00:00.123456"}[p.To == "date"]
	case fencepost.Decimal:
		if p.To == "bigint" {
			return "-12.00", "-12"
		}
		return "-12.50", map[bool]string{true: "-12.5000000000", false: "-12.50"}[p.To == "decimal"]
	case fencepost.JSON:
		return `{"a": "b'\\"}`, `{"a": "b'\\"}`
	case fencepost.Bytes:
		return []byte("pl'\\ain"), "pl'\\ain"
	case fencepost.Date:
		return "2024-02-29", "2024-02-29"
	case fencepost.Time:
		return "12:34:56.5", map[bool]string{true: "12:34:56.500000", false: "12:34:56.5"}[p.To == "time"]
	case fencepost.UUID:
	case fencepost.Text:
	}
	if p.To == "uuid" || p.From == fencepost.UUID {
		return "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"
	}
	return "plain", "plain"
}

// Every pair of the table goes through, with a null beside it, and reads back as it should.
func TestPairs(t *testing.T) {
	s := newStore(t)
	for _, p := range pairs {
		if s.mysql && p.To == "uuid" {
			continue // a type of MariaDB's
		}
		t.Run(p.From.String()+"-"+p.To, func(t *testing.T) {
			sql := declared[p.To]
			if sql == "" {
				sql = p.To
			}
			s.exec(t, "drop table if exists pair; create table pair (v "+sql+", _offset bigint) character set utf8mb4")
			w := s.worker(t, Config{Table: "pair"})
			w.as.Group = fencepost.Group(t.Name())
			w.start(1)
			value, want := example(p)
			c := column("v", p.From)
			switch v := value.(type) {
			case float64:
				c.AppendFloat(v)
			case bool:
				c.AppendBool(v)
			case int:
				c.AppendInt(int64(v))
			case int64:
				c.AppendInt(v)
			case string:
				c.AppendText(v)
			case []byte:
				c.AppendBytes(v)
			}
			c.AppendNull()
			w.must(w.table(c))
			shown := "v"
			if p.To == "bit" {
				shown = "v + 0"
			}
			if got := one[string](t, s, "select "+shown+" from pair where _offset = 0"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if got := one[int](t, s, "select count(*) from pair where _offset = 1 and v is null"); got != 1 {
				t.Errorf("the null: %d rows", got)
			}
		})
	}
}
