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
	kindUTF8                  // a quoted string, refused unless it is UTF-8
	kindInt                   // digits
	kindWhole                 // a decimal without a fraction, as a quoted string
	kindIntDouble             // digits, exact up to 2^53
	kindFloat                 // the shortest decimal that reads back as the float
	kindSingle                // as kindFloat, refused if single precision would make it 0
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
	pairsOf(fencepost.Float, kindSingle, "float"),  // rounded to 24 bits; too large is refused, and what would be 0
	pairsOf(fencepost.Float, kindFloat, "decimal"), // rounded to the column's scale by the server
	pairsOf(fencepost.Bool, kindBool, "tinyint", "bit"),
	pairsOf(fencepost.Timestamp, kindDatetime, "datetime"),                                        // in UTC, to the column's digits (datetime(6) keeps all): see narrows
	pairsOf(fencepost.Timestamp, kindDatetime, "timestamp"),                                       // outside 1970 to 2038 is refused
	pairsOf(fencepost.Timestamp, kindDate, "date"),                                                // its UTC date
	pairsOf(fencepost.Decimal, kindText, "decimal"),                                               // rounded to the column's scale by the server
	pairsOf(fencepost.Decimal, kindWhole, "bigint"),                                               // a fraction is refused, and so is what is out of range: bigint unsigned takes 2^64-1
	pairsOf(fencepost.Decimal, kindText, "varchar", "tinytext", "text", "mediumtext", "longtext"), // too long is refused
	pairsOf(fencepost.JSON, kindText, "json", "longtext", "mediumtext", "text"),
	pairsOf(fencepost.Date, kindText, "date", "char", "varchar", "tinytext", "text", "mediumtext", "longtext"),
	pairsOf(fencepost.Time, kindText, "time", "char", "varchar", "tinytext", "text", "mediumtext", "longtext"), // to the column's digits (time(6) keeps all): see narrows
	pairsOf(fencepost.UUID, kindText, "uuid", "char", "varchar", "tinytext", "text", "mediumtext", "longtext"),
	pairsOf(fencepost.Bytes, kindBytes, "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), // too long is refused
	pairsOf(fencepost.Bytes, kindUTF8, "varchar", "tinytext", "text", "mediumtext", "longtext"),    // what is no UTF-8 is refused, and what the column's character set has not
)

// narrows is sqlstore.TargetSQL.Narrows. MariaDB cuts a time, and MySQL rounds it (sql_mode knows TIME_ROUND_FRACTIONAL and
// TIME_TRUNCATE_FRACTIONAL, and the sessions set neither).
func (s *session) narrows(from fencepost.Type, col *sqlstore.Column) string {
	digits := sqlstore.Modifiers(col.SQL)
	switch {
	case (from == fencepost.Decimal || from == fencepost.Float) && col.Type == "decimal" && len(digits) == 2:
		return sqlstore.Rounded(digits[1])
	case from == fencepost.Float && col.Type == "float":
		return "rounded to 24 bits"
	case from == fencepost.Timestamp && col.Type == "date":
		return "cut to the day (UTC)"
	case from == fencepost.Timestamp && (col.Type == "datetime" || col.Type == "timestamp") || col.Type == "time":
		kept, how := 0, "rounded"
		if len(digits) == 1 {
			kept = digits[0]
		}
		if s.server.mariadb {
			how = "cut"
		}
		if kept < 6 {
			return sqlstore.Seconds(how, kept)
		}
	case from == fencepost.JSON && col.Type == "json" && !s.server.mariadb: // MariaDB's is a text
		return "stored by value: numbers that no integer holds are rounded to 53 bits"
	case from == fencepost.Text && col.Type == "char":
		return "cut at its trailing blanks"
	case from == fencepost.Text && (col.Type == "enum" || col.Type == "set") && col.Merges != "":
		return "written as the label that the collation takes for equal"
	}
	return ""
}

func pairsOf(from fencepost.Type, k kind, to ...string) (list sqlstore.Pairs[kind]) {
	for _, t := range to {
		list = append(list, sqlstore.Pair[kind]{From: from, To: t, Kind: k})
	}
	return list
}

// natural is the type that DDL and the table `batch` give a column of the schema, and how its values are written. Of a
// decimal's at most 65 digits, 24 follow the point.
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
	case fencepost.Date:
		return "date", kindText
	case fencepost.Time:
		return "time(6)", kindText
	case fencepost.UUID:
		return "char(36)", kindText
	case fencepost.Text:
	}
	return "longtext", kindText
}

// binaryKey makes equal keys those of equal bytes, trailing blanks included; each server reads the comment that is meant for
// it, as in tableOptions.
const binaryKey = ` CHARACTER SET utf8mb4 /*!80017 COLLATE utf8mb4_0900_bin */ /*M! COLLATE utf8mb4_nopad_bin */`

// keyType is natural's type where it can be in a key, which takes no text or blob without a length.
func keyType(t fencepost.Type) string {
	switch t {
	case fencepost.Text, fencepost.JSON:
		return "varchar(255)" + binaryKey
	case fencepost.UUID:
		return "char(36)" + binaryKey
	case fencepost.Bytes:
		return "varbinary(255)"
	default:
		sql, _ := natural(t)
		return sql
	}
}
