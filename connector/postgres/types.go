package postgres

import (
	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
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
	kindDay                      // the same, of a day as text
	kindTime                     // microseconds since midnight, of a time of day as text
	kindArray                    // elements of a JSON array, each as elements has its type
	kindDecimal                  // digits to base 10,000
	kindAbsence                  // a bool: the row is absent
	kindDelete                   // a bool: the row is a delete
	kindUnchanged                // a bool: the row is unchanged
)

// pairs is every pair that is allowed, with what is refused or changed on the way. The table's types are as pg_type names
// them, "enum" for any enumeration, an array as format_type has it; a domain counts as what it is over. The server checks lengths, scales and domains as it does for COPY.
var pairs = sqlstore.Pairs[kind]{
	{From: fencepost.Text, To: "text", Kind: kindBytes},
	{From: fencepost.Text, To: "varchar", Kind: kindBytes}, // too long is refused
	{From: fencepost.Text, To: "bpchar", Kind: kindBytes},  // too long is refused, too short is padded
	{From: fencepost.Text, To: "name", Kind: kindBytes},
	{From: fencepost.Text, To: "citext", Kind: kindBytes},
	{From: fencepost.Text, To: "enum", Kind: kindBytes}, // another label is refused
	{From: fencepost.Text, To: "uuid", Kind: kindUUID},  // what is no UUID is refused
	{From: fencepost.Int, To: "int2", Kind: kindInt2},   // out of range is refused
	{From: fencepost.Int, To: "int4", Kind: kindInt4},   // out of range is refused
	{From: fencepost.Int, To: "int8", Kind: kindInt8},
	{From: fencepost.Int, To: "numeric", Kind: kindIntNumeric},
	{From: fencepost.Int, To: "float8", Kind: kindIntFloat8}, // beyond 2^53, where it would be rounded, is refused
	{From: fencepost.Float, To: "float8", Kind: kindFloat8},
	{From: fencepost.Float, To: "float4", Kind: kindFloat4},        // rounded to 24 bits; too large is refused, and what would be 0
	{From: fencepost.Float, To: "numeric", Kind: kindFloatNumeric}, // the shortest decimal that reads back as the float
	{From: fencepost.Bool, To: "bool", Kind: kindBool},
	{From: fencepost.Timestamp, To: "timestamptz", Kind: kindTimestamp},
	{From: fencepost.Timestamp, To: "timestamp", Kind: kindTimestamp}, // in UTC
	{From: fencepost.Timestamp, To: "date", Kind: kindDate},           // its UTC date
	{From: fencepost.Decimal, To: "numeric", Kind: kindDecimal},       // rounded to the column's scale by the server
	{From: fencepost.Decimal, To: "text", Kind: kindBytes},
	{From: fencepost.Decimal, To: "varchar", Kind: kindBytes}, // too long is refused
	{From: fencepost.JSON, To: "jsonb", Kind: kindJSONB},
	{From: fencepost.JSON, To: "json", Kind: kindBytes},
	{From: fencepost.JSON, To: "text", Kind: kindBytes},
	{From: fencepost.JSON, To: "text[]", Kind: kindArray}, // one dimension of scalars and nulls; anything else is refused
	{From: fencepost.JSON, To: "character varying[]", Kind: kindArray},
	{From: fencepost.JSON, To: "uuid[]", Kind: kindArray},
	{From: fencepost.JSON, To: "smallint[]", Kind: kindArray},
	{From: fencepost.JSON, To: "integer[]", Kind: kindArray},
	{From: fencepost.JSON, To: "bigint[]", Kind: kindArray},
	{From: fencepost.JSON, To: "numeric[]", Kind: kindArray},
	{From: fencepost.JSON, To: "double precision[]", Kind: kindArray},
	{From: fencepost.JSON, To: "boolean[]", Kind: kindArray},
	{From: fencepost.Bytes, To: "bytea", Kind: kindBytes},
	{From: fencepost.Bytes, To: "text", Kind: kindBytes},    // what is no UTF-8 is refused
	{From: fencepost.Bytes, To: "varchar", Kind: kindBytes}, // what is no UTF-8, or too long, is refused
	{From: fencepost.Date, To: "date", Kind: kindDay},
	{From: fencepost.Date, To: "text", Kind: kindBytes},
	{From: fencepost.Date, To: "varchar", Kind: kindBytes},
	{From: fencepost.Time, To: "time", Kind: kindTime},
	{From: fencepost.Time, To: "text", Kind: kindBytes},
	{From: fencepost.Time, To: "varchar", Kind: kindBytes},
	{From: fencepost.UUID, To: "uuid", Kind: kindUUID},
	{From: fencepost.UUID, To: "text", Kind: kindBytes},
	{From: fencepost.UUID, To: "varchar", Kind: kindBytes},
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
	case fencepost.Date:
		return "date", "date"
	case fencepost.Time:
		return "time", "time"
	case fencepost.UUID:
		return "uuid", "uuid"
	case fencepost.Text:
	}
	return "text", "text"
}
