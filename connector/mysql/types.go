package mysql

import (
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// kind is a way to write a value of a batch as a literal.
type kind uint8

const (
	kindText      kind = iota // a quoted string
	kindBytes                 // a quoted string without a character set
	kindInt                   // digits
	kindIntDouble             // digits, exact up to 2^53
	kindFloat                 // the shortest decimal that reads back as the float
	kindBool                  // 0 or 1
	kindDatetime              // '2001-02-03 04:05:06.000007', UTC
	kindDate                  // '2001-02-03', of the UTC date
)

// pairs is every pair that is allowed, with what is refused or changed on the way. The table's types are as
// information_schema names them. The server checks ranges, lengths and constraints: the sessions are strict.
var pairs = slices.Concat(
	pairsOf(fencepost.Text, kindText, "varchar", "char", "tinytext", "text", "mediumtext", "longtext"), // too long is refused
	pairsOf(fencepost.Text, kindText, "enum", "set"),                                                   // another label is refused
	pairsOf(fencepost.Text, kindText, "uuid"),                                                          // what is no UUID is refused
	pairsOf(fencepost.Int, kindInt, "tinyint", "smallint", "mediumint", "int", "bigint", "decimal"),    // out of range is refused
	pairsOf(fencepost.Int, kindIntDouble, "double"),                                                    // beyond 2^53, where it would be rounded, is refused
	pairsOf(fencepost.Float, kindFloat, "double"),
	pairsOf(fencepost.Float, kindFloat, "float"),   // rounded to 24 bits; too large is refused
	pairsOf(fencepost.Float, kindFloat, "decimal"), // rounded to the column's scale by the server
	pairsOf(fencepost.Bool, kindBool, "tinyint", "bit"),
	pairsOf(fencepost.Timestamp, kindDatetime, "datetime"),                                        // in UTC, rounded to the column's digits (datetime(6) keeps all)
	pairsOf(fencepost.Timestamp, kindDatetime, "timestamp"),                                       // outside 1970 to 2038 is refused
	pairsOf(fencepost.Timestamp, kindDate, "date"),                                                // its UTC date
	pairsOf(fencepost.Decimal, kindText, "decimal"),                                               // rounded to the column's scale by the server
	pairsOf(fencepost.Decimal, kindText, "varchar", "tinytext", "text", "mediumtext", "longtext"), // too long is refused
	pairsOf(fencepost.JSON, kindText, "json", "longtext", "mediumtext", "text"),
	pairsOf(fencepost.Bytes, kindBytes, "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), // too long is refused
	pairsOf(fencepost.Bytes, kindBytes, "varchar", "tinytext", "text", "mediumtext", "longtext"),   // what is no text of the column's character set is refused
)

func pairsOf(from fencepost.Type, k kind, to ...string) (list sqlstore.Pairs[kind]) {
	for _, t := range to {
		list = append(list, sqlstore.Pair[kind]{From: from, To: t, Kind: k})
	}
	return list
}

// natural is the type that DDL and the table `batch` give a column of the schema, and how its values are written. Of a
// decimal's most 65 digits 24 stand behind the point.
func natural(t fencepost.Type) (sql string, k kind) {
	switch t {
	case fencepost.Int:
		return "bigint", kindInt
	case fencepost.Float:
		return "double", kindFloat
	case fencepost.Bool:
		return "boolean", kindBool
	case fencepost.Timestamp:
		return "datetime(6)", kindDatetime
	case fencepost.Decimal:
		return "decimal(65,24)", kindText
	case fencepost.JSON:
		return "json", kindText
	case fencepost.Bytes:
		return "longblob", kindBytes
	case fencepost.Text:
	}
	return "longtext", kindText
}

// keyType is natural's type where it can stand in a key, which has no text or blob without a length.
func keyType(t fencepost.Type) string {
	switch t {
	case fencepost.Text, fencepost.JSON:
		return "varchar(255)"
	case fencepost.Bytes:
		return "varbinary(255)"
	default:
		sql, _ := natural(t)
		return sql
	}
}
