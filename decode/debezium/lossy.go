package debezium

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// Store is what the columns of the store's table hold that others do not, by name. The zero Store says nothing of them.
type Store struct {
	Unsigned map[string]bool // integers from 2^63 on
	Decimals map[string]bool // decimals, digit by digit
	Millis   map[string]bool // of a moment no more than milliseconds
}

// Doubts finds the columns that can hold more than Debezium sends of their field by its settings: what the source has besides arrives as another
// value, which nothing tells from a right one.
func Doubts(d Description, columns []decode.Field, s Store) (found []Misfit) {
	for i := range columns {
		c := &columns[i]
		if f := d.field(c); f != nil {
			if reason, help := d.doubt(f, c, s); reason != "" {
				found = append(found, Misfit{c.Column, reason, help})
			}
		}
	}
	return found
}

// doubt says what of a field does not arrive as it is in a column that can hold it; empty: nothing, or nothing is known of it.
func (d *Description) doubt(f *Described, c *decode.Field, s Store) (reason, help string) {
	number := c.Type == fencepost.Decimal || c.Type == fencepost.Float || c.Type == fencepost.JSON
	switch {
	case d.wraps(f) && (number || s.Unsigned[c.Column]):
		return fmt.Sprintf("it is sent as %s, in which a bigint unsigned from 2^63 on is below zero", f.Type),
			"bigint.unsigned.handling.mode=precise in Debezium; or where the source has a sign, type: int into a bigint"
	case f.Semantic == "" && f.Type == "double" && (c.Type == fencepost.Decimal || s.Decimals[c.Column]) && !f.isDouble():
		return "it is sent as a double, in which a decimal loses digits",
			"decimal.handling.mode=precise in Debezium; or where the source is a double, type: float into a double"
	case slices.Contains(cut, f.Semantic) && !s.Millis[c.Column] && (f.Source == "" || d.MySQL && f.Length > 3 || !d.MySQL && f.Fraction > 3):
		return fmt.Sprintf("it is sent in milliseconds (%s), whatever the source has", f.Semantic),
			"time.precision.mode=adaptive in Debezium; or where the source has no more, a column of milliseconds"
	case strings.HasSuffix(f.Semantic, "time.MicroDuration"), strings.HasSuffix(f.Semantic, "time.NanoDuration"):
		return fmt.Sprintf("an interval is sent as a number (%s), in which a month is 30.4375 days", f.Semantic), "interval.handling.mode=string in Debezium, and type: text"
	case c.Type == fencepost.Bytes && f.Type == "string" && f.Semantic == "":
		return "it is sent as text, which may be base64 or hexadecimal digits", "binary.handling.mode=bytes in Debezium"
	}
	return "", ""
}

// cut are the types of time.precision.mode=connect, which have no more than milliseconds.
var cut = []string{"org.apache.kafka.connect.data.Time", "org.apache.kafka.connect.data.Timestamp"}

// wraps reports whether a field may be a bigint unsigned of MySQL that is sent as a number with a sign, and the schema does not say it.
func (d *Description) wraps(f *Described) bool {
	return d.MySQL && f.Semantic == "" && f.Source == "" && isLong(f.Type)
}

// isYear reports whether a field is a year of MySQL: 1901 to 2155, or 0000, which behind a snapshot is sent as noYear.
func (f *Described) isYear() bool { return f.Semantic == "io.debezium.time.Year" }

const noYear = 1900

// dates are the types of days alone.
var dates = []string{"io.debezium.time.Date", "io.debezium.time.IsoDate", "org.apache.kafka.connect.data.Date"}

// isLong reports whether a type is an integer of 64 bits, in Connect's word or Avro's.
func isLong(word string) bool { return word == "int64" || word == "long" }

// unsigned reports whether the schema says that a field is a bigint unsigned of MySQL, which is sent as a number with a sign of the same bits
// unless Debezium has bigint.unsigned.handling.mode=precise.
func (f *Described) unsigned() bool {
	return f.Semantic == "" && isLong(f.Type) && strings.HasPrefix(f.Source, "BIGINT UNSIGNED")
}

// isDouble reports whether the schema says that a field is no decimal at the source.
func (f *Described) isDouble() bool {
	return f.Source != "" && !strings.HasPrefix(f.Source, "DEC") && !strings.HasPrefix(f.Source, "NUM") && f.Source != "MONEY"
}

// sentWhole are the types of items whose arrays have a placeholder where an update did not change them; of others comes a null.
var sentWhole = []string{"string", "int32", "int64", "int", "long", "bytes", "io.debezium.time.Date", "io.debezium.data.Uuid", "io.debezium.data.Json"}

// daySemantics are the types of days, which MySQL may hold as zeros.
var daySemantics = []string{"io.debezium.time.Date", "io.debezium.time.Timestamp", "io.debezium.time.MicroTimestamp", "io.debezium.time.ZonedTimestamp",
	"org.apache.kafka.connect.data.Date", "org.apache.kafka.connect.data.Timestamp"}

// Notes are what the source does to values of the columns, which no pipeline can undo.
func Notes(d Description, columns []decode.Field, s Store) (notes []string) {
	note := func(format string, of func(*Described, *decode.Field) bool) {
		var found []string
		for i := range columns {
			c := &columns[i]
			if f := d.field(c); f != nil && of(f, c) {
				found = append(found, c.Column)
			}
		}
		if found != nil {
			notes = append(notes, fmt.Sprintf(format, strings.Join(found, ", ")))
		}
	}
	note("a NULL in %s arrives as the column's default, unless Connect has value.converter.replace.null.with.default=false",
		func(f *Described, _ *decode.Field) bool { return f.Nullable && f.Default })
	note("a large value of %s that an update does not change arrives as null, unless the table has REPLICA IDENTITY FULL",
		func(f *Described, _ *decode.Field) bool { return d.Postgres && f.unsent() })
	note("NaN and the infinities of %s arrive as null, unless Debezium has decimal.handling.mode=string",
		func(f *Described, _ *decode.Field) bool { return d.Postgres && f.exact() })
	note("of an array with more than one dimension in %s nulls arrive, or of text no JSON, which parks",
		func(f *Described, _ *decode.Field) bool { return d.Postgres && f.Type == "array" })
	note("where %s is a bigint unsigned, what is 2^63 or more arrives below zero, unless Debezium has bigint.unsigned.handling.mode=precise or column.propagate.source.type",
		func(f *Described, c *decode.Field) bool {
			return d.wraps(f) && c.Type == fencepost.Int && !s.Unsigned[c.Column]
		})
	note("%s is a bigint unsigned: what is 2^63 or more parks in an int, and {type: decimal, scale: 0} takes it",
		func(f *Described, c *decode.Field) bool { return f.unsigned() && c.Type == fencepost.Int })
	note("a date of zeros in %s arrives as null, or where the column is NOT NULL as its default or 1970-01-01: set sql_mode=NO_ZERO_DATE,NO_ZERO_IN_DATE at the source",
		func(f *Described, _ *decode.Field) bool { return d.MySQL && slices.Contains(daySemantics, f.Semantic) })
	note("the year 0000 in %s arrives as 2000 in a snapshot, and parks behind it", func(f *Described, _ *decode.Field) bool { return d.MySQL && f.isYear() })
	note("in %s 24:00:00 arrives as 00:00:00, unless Debezium has time.precision.mode=adaptive", func(f *Described, _ *decode.Field) bool { return f.Semantic == "io.debezium.time.IsoTime" })
	note("in %s a year before Christ arrives as one behind it", func(f *Described, _ *decode.Field) bool { return d.Postgres && slices.Contains(dates, f.Semantic) })
	note("a year before 100 in %s arrives as one from 1970 to 2069, unless Debezium has enable.time.adjuster=false",
		func(f *Described, _ *decode.Field) bool { return d.MySQL && slices.Contains(daySemantics, f.Semantic) })
	return notes
}

// exact reports whether a field is a decimal with all its digits.
func (f *Described) exact() bool {
	return f.Semantic == connectDecimal || f.Semantic == "io.debezium.data.VariableScaleDecimal"
}

// unsent reports whether a large value of Postgres that an update does not change has no placeholder.
func (f *Described) unsent() bool {
	return f.Type == "array" && !slices.Contains(sentWhole, f.Items) || f.Semantic == "io.debezium.data.VariableScaleDecimal"
}
