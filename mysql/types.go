package mysql

import (
	"slices"

	"github.com/fencepost/fencepost"
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

// Pair is a column type of a schema and a column type of a table that go together.
type Pair struct {
	From fencepost.Type
	To   string // as information_schema names it
	Note string // what is refused or changed on the way, may be empty
	kind kind
}

// pairs is every Pair that is allowed. What is not here is a finding of `check`. The server checks ranges, lengths and
// constraints: the sessions are strict.
var pairs = slices.Concat(
	pairsOf(fencepost.Text, kindText, "too long is refused", "varchar", "char", "tinytext", "text", "mediumtext", "longtext"),
	pairsOf(fencepost.Text, kindText, "another label is refused", "enum", "set"),
	pairsOf(fencepost.Text, kindText, "what is no UUID is refused", "uuid"),
	pairsOf(fencepost.Int, kindInt, "out of range is refused", "tinyint", "smallint", "mediumint", "int", "bigint", "decimal"),
	pairsOf(fencepost.Int, kindIntDouble, "beyond 2^53, where it would be rounded, is refused", "double"),
	pairsOf(fencepost.Float, kindFloat, "", "double"),
	pairsOf(fencepost.Float, kindFloat, "rounded to 24 bits; too large is refused", "float"),
	pairsOf(fencepost.Float, kindFloat, "rounded to the column's scale by the server", "decimal"),
	pairsOf(fencepost.Bool, kindBool, "", "tinyint", "bit"),
	pairsOf(fencepost.Timestamp, kindDatetime, "in UTC, rounded to the column's digits (datetime(6) keeps all)", "datetime"),
	pairsOf(fencepost.Timestamp, kindDatetime, "outside 1970 to 2038 is refused", "timestamp"),
	pairsOf(fencepost.Timestamp, kindDate, "its UTC date", "date"),
	pairsOf(fencepost.Decimal, kindText, "rounded to the column's scale by the server", "decimal"),
	pairsOf(fencepost.Decimal, kindText, "too long is refused", "varchar", "tinytext", "text", "mediumtext", "longtext"),
	pairsOf(fencepost.JSON, kindText, "", "json", "longtext", "mediumtext", "text"),
	pairsOf(fencepost.Bytes, kindBytes, "too long is refused", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"),
	pairsOf(fencepost.Bytes, kindBytes, "what is no text of the column's character set is refused", "varchar", "tinytext", "text", "mediumtext", "longtext"),
)

func pairsOf(from fencepost.Type, k kind, note string, to ...string) (list []Pair) {
	for _, t := range to {
		list = append(list, Pair{from, t, note, k})
	}
	return list
}

// Pairs lists the allowed pairs of column types, for documents.
func Pairs() []Pair { return slices.Clone(pairs) }

// pairOf finds the pair, if it is allowed.
func pairOf(from fencepost.Type, to string) (Pair, bool) {
	i := slices.IndexFunc(pairs, func(p Pair) bool { return p.From == from && p.To == to })
	if i < 0 {
		return Pair{}, false
	}
	return pairs[i], true
}

// fitting lists what a column type may go into.
func fitting(from fencepost.Type) (names []string) {
	for _, p := range pairs {
		if p.From == from {
			names = append(names, p.To)
		}
	}
	return names
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
