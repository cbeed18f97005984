package debezium

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// Loss is the word of what a change stream does to values at their source, which no record tells. A pipeline that does not accept it takes no
// event whose schema admits it.
type Loss string

// The losses; docs/change-streams.md says of each what arrives.
const (
	DefaultNulls    Loss = "default_nulls"
	UnsentValues    Loss = "unsent_values"
	NaNNulls        Loss = "nan_nulls"
	NestedArrays    Loss = "nested_arrays"
	UnsignedBigints Loss = "unsigned_bigints"
	ZeroDates       Loss = "zero_dates"
	EarlyYears      Loss = "early_years"
	YearZero        Loss = "year_zero"
	MidnightEnds    Loss = "midnight_ends"
	YearsBC         Loss = "years_bc"
	DoubleDecimals  Loss = "double_decimals"
	CutTimes        Loss = "cut_times"
	IntervalNumbers Loss = "interval_numbers"
	EncodedBytes    Loss = "encoded_bytes"
	NoSchema        Loss = "no_schema"
)

// Store is what the columns of the store's table hold that others do not, by name.
type Store struct {
	Decimals map[string]bool // decimals, digit by digit
	Millis   map[string]bool // of a moment no more than milliseconds
}

// Doubt is what of some columns does not arrive as the source has it, or may not.
type Doubt struct {
	Loss    Loss   // empty: nothing is lost, and Text is worth to be known
	Columns string // a, b
	Text    string // with the columns
	Help    string // at the source
}

// lossy is a rule of which columns a loss concerns, by what the schema of the events says of their fields.
type lossy struct {
	Loss
	brief string // in a pipeline file, beside the word
	text  string // %s: the columns
	help  string
	// of reports whether the field may hold in its source what the column does not get. What the schema tells not to be there, it does not.
	// s is nil where nothing is known of the table.
	of func(d *Description, f *Described, c *decode.Field, s *Store) bool
}

// noSchema is what is lost where events have no schema: of no field anything is known.
var noSchema = lossy{NoSchema, "any of the others may be so, and nothing tells", "the events have no schema: whatever else a change stream loses may be lost, and nothing tells", "value.converter.schemas.enable=true in Connect, with envelope: debezium_with_schema; or Avro",
	func(*Description, *Described, *decode.Field, *Store) bool { return false }}

var lossies = []lossy{
	{DefaultNulls, "a NULL of a column with a default arrives as the default", "a NULL in %s arrives as the column's default", "value.converter.replace.null.with.default=false in Connect (and the key's)",
		func(_ *Description, f *Described, _ *decode.Field, _ *Store) bool { return f.Nullable && f.Default }},
	{UnsentValues, "a large value that an update leaves as it is arrives as null", "a large value of %s that an update does not change arrives as null", "REPLICA IDENTITY FULL at the table",
		func(d *Description, f *Described, _ *decode.Field, _ *Store) bool { return d.Postgres && f.unsent() }},
	{NaNNulls, "NaN and the infinities of a numeric arrive as null", "NaN and the infinities of %s arrive as null", "decimal.handling.mode=string in Debezium, and scale: text",
		func(d *Description, f *Described, _ *decode.Field, _ *Store) bool {
			return d.Postgres && f.Nullable && f.exact() && f.Source != "MONEY"
		}},
	{NestedArrays, "of an array of arrays nulls arrive", "of an array with more than one dimension in %s nulls arrive, or of text no JSON, which parks", "a CHECK (array_ndims(COLUMN) = 1) at the table",
		func(d *Description, f *Described, _ *decode.Field, _ *Store) bool {
			return d.Postgres && f.Type == "array"
		}},
	{UnsignedBigints, "a bigint unsigned of 2^63 or more arrives below zero", "where %s is a bigint unsigned, what is 2^63 or more arrives below zero", "column.propagate.source.type=.* in Debezium, or bigint.unsigned.handling.mode=precise",
		func(d *Description, f *Described, c *decode.Field, _ *Store) bool {
			return d.wraps(f) && isNumber(c.Type)
		}},
	{"", "", "%s is a bigint unsigned: what is 2^63 or more parks in an int, and {type: decimal, scale: 0} takes it", "",
		func(_ *Description, f *Described, c *decode.Field, _ *Store) bool {
			return f.unsigned() && c.Type == fencepost.Int
		}},
	{ZeroDates, "a date of zeros arrives as null or 1970-01-01", "a date of zeros in %s arrives as null, or where the column is NOT NULL as its default or 1970-01-01", "sql_mode=NO_ZERO_DATE,NO_ZERO_IN_DATE at the source",
		func(d *Description, f *Described, _ *decode.Field, _ *Store) bool { return d.MySQL && f.isDay() }},
	{EarlyYears, "a year before 100 arrives as one from 1970 to 2069", "a year before 100 in %s arrives as one from 1970 to 2069", "enable.time.adjuster=false in Debezium",
		func(d *Description, f *Described, _ *decode.Field, _ *Store) bool { // a timestamp begins in 1970
			return d.MySQL && f.isDay() && f.Semantic != zonedTimestamp
		}},
	{YearZero, "the year 0000 arrives as 2000 in a snapshot", "the year 0000 in %s arrives as 2000 in a snapshot, and parks behind it", "a CHECK (COLUMN > 0) at the table",
		func(d *Description, f *Described, _ *decode.Field, _ *Store) bool { return d.MySQL && f.isYear() }},
	{MidnightEnds, "24:00:00 arrives as 00:00:00", "in %s 24:00:00 arrives as 00:00:00", "time.precision.mode=adaptive in Debezium",
		func(_ *Description, f *Described, _ *decode.Field, _ *Store) bool {
			return f.Semantic == "io.debezium.time.IsoTime"
		}},
	{YearsBC, "a year before Christ arrives as one behind it", "in %s a year before Christ arrives as one behind it", "a CHECK (COLUMN >= '0001-01-01') at the table",
		func(d *Description, f *Described, _ *decode.Field, _ *Store) bool {
			return d.Postgres && slices.Contains(dates, f.Semantic)
		}},
	{DoubleDecimals, "a decimal arrives as a double, which loses digits", "%s is sent as a double, in which a decimal loses digits", "decimal.handling.mode=precise in Debezium; or where the source is a double, type: float into a double",
		func(_ *Description, f *Described, c *decode.Field, s *Store) bool {
			return f.Semantic == "" && f.Type == "double" && !f.isDouble() && (c.Type == fencepost.Decimal || s != nil && s.Decimals[c.Column])
		}},
	{CutTimes, "a time arrives in milliseconds, whatever the source has", "%s is sent in milliseconds, whatever the source has", "time.precision.mode=adaptive in Debezium; or where the source has no more, a column of milliseconds",
		func(d *Description, f *Described, c *decode.Field, s *Store) bool {
			return s != nil && slices.Contains(cut, f.Semantic) && !s.Millis[c.Column] && (f.Source == "" || d.MySQL && f.Length > 3 || !d.MySQL && f.Fraction > 3)
		}},
	{IntervalNumbers, "an interval arrives as a number with months of 30.4375 days", "an interval in %s is sent as a number, in which a month is 30.4375 days", "interval.handling.mode=string in Debezium, and type: text",
		func(_ *Description, f *Described, _ *decode.Field, _ *Store) bool {
			return strings.HasSuffix(f.Semantic, "time.MicroDuration") || strings.HasSuffix(f.Semantic, "time.NanoDuration")
		}},
	{EncodedBytes, "a text is read as base64, also where it is hexadecimal", "%s is sent as text, which may be base64 or hexadecimal digits, and is read as base64", "binary.handling.mode=bytes in Debezium",
		func(_ *Description, f *Described, c *decode.Field, _ *Store) bool {
			return c.Type == fencepost.Bytes && f.Type == "string" && f.Semantic == ""
		}},
	noSchema,
}

// Untold is the doubt of events that have no schema at all.
func Untold() Doubt {
	return Doubt{Loss: noSchema.Loss, Text: noSchema.text, Help: noSchema.help}
}

// Losses are all words, in the order of docs/change-streams.md.
func Losses() (words []Loss) {
	for _, l := range lossies {
		if l.Loss != "" {
			words = append(words, l.Loss)
		}
	}
	return words
}

// Brief is what arrives by a loss, in a line.
func (l Loss) Brief() string {
	i := slices.IndexFunc(lossies, func(of lossy) bool { return of.Loss == l })
	if i < 0 {
		return ""
	}
	return lossies[i].brief
}

// Doubts finds what of the columns may not arrive as the source has it, by what the schema of the events says. s is what is known of the store's
// table; nil: nothing is, and what it decides is no doubt.
func Doubts(d Description, columns []decode.Field, s *Store) (found []Doubt) {
	for _, l := range lossies {
		var names []string
		for i := range columns {
			if f := d.field(&columns[i]); f != nil && l.of(&d, f, &columns[i], s) {
				names = append(names, columns[i].Column)
			}
		}
		if names != nil {
			list := strings.Join(names, ", ")
			found = append(found, Doubt{l.Loss, list, fmt.Sprintf(l.text, list), l.help})
		}
	}
	return found
}

// Weigh divides doubts into those that are refused, since they lose what a pipeline does not accept, and those that are worth to be known.
func Weigh(doubts []Doubt, accepts []Loss) (refused, known []Doubt) {
	for _, d := range doubts {
		if d.Loss == "" || slices.Contains(accepts, d.Loss) {
			known = append(known, d)
		} else {
			refused = append(refused, d)
		}
	}
	return refused, known
}

// Line is the line of a pipeline file that accepts, besides what it does, what is refused.
func Line(accepts []Loss, refused []Doubt) string {
	words := slices.Clone(accepts)
	for _, d := range refused {
		words = append(words, d.Loss)
	}
	var texts []string
	for _, l := range Losses() {
		if slices.Contains(words, l) {
			texts = append(texts, string(l))
		}
	}
	return "accepts: [" + strings.Join(texts, ", ") + "]"
}

// NotAccepted is the code of the bad record that says that the schema of an event admits what the pipeline does not accept.
const NotAccepted = "loss-not-accepted"

// refusal is what a worker says of all events of a schema; nil: it takes them. Their partition parks at the first, whatever becomes of bad records: they
// are good ones.
func (c Config) refusal(d Description) error {
	return c.refuse("by the schema of the event ", Doubts(d, c.Decode.Fields, nil))
}

// untold is what a worker says of all events where they have no schema; nil: it takes them.
func (c Config) untold() error {
	if !c.Untold {
		return nil
	}
	return c.refuse("", []Doubt{Untold()})
}

func (c Config) refuse(because string, doubts []Doubt) error {
	refused, _ := Weigh(doubts, c.Accepts)
	if refused == nil {
		return nil
	}
	var texts []string
	for _, r := range refused {
		texts = append(texts, r.Text)
	}
	return &fencepost.BadRecord{Code: NotAccepted, Reason: because + strings.Join(texts, "; ") + ". To take it so: " + Line(c.Accepts, refused), Parks: true}
}

// cut are the types of time.precision.mode=connect, which have no more than milliseconds.
var cut = []string{"org.apache.kafka.connect.data.Time", "org.apache.kafka.connect.data.Timestamp"}

// isNumber reports whether a column takes the numbers of integers. In another one they do not fit.
func isNumber(t fencepost.Type) bool {
	return t == fencepost.Int || t == fencepost.Decimal || t == fencepost.Float || t == fencepost.JSON
}

// wraps reports whether a field may be a bigint unsigned of MySQL that is sent as a number with a sign, and the schema does not say it.
func (d *Description) wraps(f *Described) bool {
	return d.MySQL && f.Semantic == "" && f.Source == "" && isLong(f.Type)
}

// isYear reports whether a field is a year of MySQL: 1901 to 2155, or 0000, which behind a snapshot is sent as noYear.
func (f *Described) isYear() bool { return f.Semantic == "io.debezium.time.Year" }

const noYear = 1900

// dates are the types of Postgres in which a year before Christ looks like one behind it: days alone, and the texts of time.precision.mode=isostring.
var dates = []string{"io.debezium.time.Date", "io.debezium.time.IsoDate", "io.debezium.time.IsoTimestamp", "org.apache.kafka.connect.data.Date"}

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

// zonedTimestamp is the type of MySQL's timestamp.
const zonedTimestamp = "io.debezium.time.ZonedTimestamp"

// isDay reports whether a field has a day, which MySQL may hold as zeros.
func (f *Described) isDay() bool {
	switch f.Semantic {
	case "io.debezium.time.Date", "io.debezium.time.Timestamp", "io.debezium.time.MicroTimestamp", "io.debezium.time.NanoTimestamp", zonedTimestamp,
		"io.debezium.time.IsoDate", "io.debezium.time.IsoTimestamp", "org.apache.kafka.connect.data.Date", "org.apache.kafka.connect.data.Timestamp":
		return true
	}
	return false
}

// exact reports whether a field is a decimal with all its digits.
func (f *Described) exact() bool {
	return f.Semantic == connectDecimal || f.Semantic == "io.debezium.data.VariableScaleDecimal"
}

// mostInRow is how many bits Postgres holds in the row, whatever it is: 2 KB. What is larger may be stored out of line.
const mostInRow = 2048 * 8

// unsent reports whether a large value of Postgres that an update does not change has no placeholder.
func (f *Described) unsent() bool {
	switch f.Semantic {
	case "io.debezium.data.VariableScaleDecimal":
		return true
	case "io.debezium.data.Bits":
		return f.Bits == 0 || f.Bits > mostInRow
	}
	return f.Type == "array" && !slices.Contains(sentWhole, f.Items)
}
