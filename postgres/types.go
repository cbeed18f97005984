package postgres

import (
	"slices"

	"github.com/fencepost/fencepost"
)

// kind is a way to write a value of a batch as the binary form of a Postgres type.
type kind uint8

const (
	kindBytes        kind = iota // as it is
	kindJSONB                    // a version byte, then the text
	kindUUID                     // 16 bytes of 32 hexadecimal digits
	kindInt2                     // big-endian
	kindInt4                     //
	kindInt8                     //
	kindIntNumeric               // digits to base 10,000
	kindIntFloat8                // exact up to 2^53
	kindFloat4                   // IEEE 754
	kindFloat8                   //
	kindFloatNumeric             // of the shortest decimal that reads back as the float
	kindBool                     // one byte
	kindTimestamp                // microseconds since 2000-01-01
	kindDate                     // days since 2000-01-01, of the UTC date
	kindDecimal                  // digits to base 10,000
)

// pair is a column type of a schema and a column type of a table that go together.
type pair struct {
	from fencepost.Type
	to   string // as pg_type names it; "enum" for any enumeration. Domains count as what they are over
	kind kind
}

// pairs is every pair that is allowed, with what is refused or changed on the way. What is not here is a finding of
// `check`. The server checks lengths, scales and domains as it does for COPY.
var pairs = []pair{
	{fencepost.Text, "text", kindBytes},
	{fencepost.Text, "varchar", kindBytes}, // too long is refused
	{fencepost.Text, "bpchar", kindBytes},  // too long is refused, too short is padded
	{fencepost.Text, "name", kindBytes},
	{fencepost.Text, "citext", kindBytes},
	{fencepost.Text, "enum", kindBytes}, // another label is refused
	{fencepost.Text, "uuid", kindUUID},  // what is no UUID is refused
	{fencepost.Int, "int2", kindInt2},   // out of range is refused
	{fencepost.Int, "int4", kindInt4},   // out of range is refused
	{fencepost.Int, "int8", kindInt8},
	{fencepost.Int, "numeric", kindIntNumeric},
	{fencepost.Int, "float8", kindIntFloat8}, // beyond 2^53, where it would be rounded, is refused
	{fencepost.Float, "float8", kindFloat8},
	{fencepost.Float, "float4", kindFloat4},        // rounded to 24 bits; too large is refused
	{fencepost.Float, "numeric", kindFloatNumeric}, // the shortest decimal that reads back as the float
	{fencepost.Bool, "bool", kindBool},
	{fencepost.Timestamp, "timestamptz", kindTimestamp},
	{fencepost.Timestamp, "timestamp", kindTimestamp}, // in UTC
	{fencepost.Timestamp, "date", kindDate},           // its UTC date
	{fencepost.Decimal, "numeric", kindDecimal},       // rounded to the column's scale by the server
	{fencepost.Decimal, "text", kindBytes},
	{fencepost.Decimal, "varchar", kindBytes}, // too long is refused
	{fencepost.JSON, "jsonb", kindJSONB},
	{fencepost.JSON, "json", kindBytes},
	{fencepost.JSON, "text", kindBytes},
	{fencepost.Bytes, "bytea", kindBytes},
	{fencepost.Bytes, "text", kindBytes},    // what is no UTF-8 is refused
	{fencepost.Bytes, "varchar", kindBytes}, // what is no UTF-8, or too long, is refused
}

// pairOf finds the pair, if it is allowed.
func pairOf(from fencepost.Type, to string) (pair, bool) {
	i := slices.IndexFunc(pairs, func(p pair) bool { return p.from == from && p.to == to })
	if i < 0 {
		return pair{}, false
	}
	return pairs[i], true
}

// fitting lists what a column type may go into.
func fitting(from fencepost.Type) (names []string) {
	for _, p := range pairs {
		if p.from == from {
			names = append(names, p.to)
		}
	}
	return names
}

// natural is the type that DDL and the table `batch` give a column of the schema.
func natural(t fencepost.Type) (sql, name string) {
	switch t {
	case fencepost.Int:
		return "bigint", "int8"
	case fencepost.Float:
		return "double precision", "float8"
	case fencepost.Bool:
		return "boolean", "bool"
	case fencepost.Timestamp:
		return "timestamptz", "timestamptz"
	case fencepost.Decimal:
		return "numeric", "numeric"
	case fencepost.JSON:
		return "jsonb", "jsonb"
	case fencepost.Bytes:
		return "bytea", "bytea"
	case fencepost.Text:
	}
	return "text", "text"
}
