package debezium

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// Described is a field of the row, as the schema of the events describes it.
type Described struct {
	Name     string
	Type     string // Connect's or Avro's word: int64, long, string, bytes, array, struct, record
	Items    string // the type of an array's items, by Semantic where they have one
	Semantic string // of Debezium or Connect, io.debezium.time.MicroTimestamp; empty: it is its Type
	Scale    int    // of org.apache.kafka.connect.data.Decimal
	Bits     int    // of io.debezium.data.Bits: how many there may be; 0: any number
	Source   string // the type at the source, BIGINT UNSIGNED; empty: the schema does not say it
	Length   int    // of the type at the source; 0: it has none, or the schema does not say it
	Fraction int    // its digits behind the point; of a time in Postgres those of its seconds, which in MySQL are the Length
	Nullable bool
	Default  bool // it has a default that is no null
}

// Description is what the schema of the events says of the row.
type Description struct {
	Fields          []Described
	Postgres, MySQL bool // the source is one; MariaDB is a MySQL
}

// from keeps what the source is, by the name of the type that describes it.
func (d *Description) from(source string) {
	d.Postgres = strings.Contains(source, ".postgresql")
	d.MySQL = strings.Contains(source, ".mysql") || strings.Contains(source, ".mariadb")
}

// Misfit is a column that reads a field of a described row otherwise than it is written.
type Misfit struct{ Column, Reason, Help string }

// schemaNode is a type of Connect's JSON form, or of Avro's, of which it reads what both have.
type schemaNode struct {
	Type       json.RawMessage
	Fields     []schemaNode
	Items      json.RawMessage
	Optional   bool
	Default    json.RawMessage
	Name       string
	Field      string // Connect's
	Parameters map[string]string
	Semantic   string            `json:"connect.name"`
	Connect    map[string]string `json:"connect.parameters"`
}

// OfRecord reads the schema that stands beside an event of JSON. ok is false for a value that has none of an event.
func OfRecord(value []byte) (d Description, ok bool) {
	var record struct{ Schema schemaNode }
	if json.Unmarshal(value, &record) != nil {
		return d, false
	}
	for _, part := range record.Schema.Fields {
		switch part.Field {
		case "after":
			for _, f := range part.Fields {
				d.Fields = append(d.Fields, f.described(f.Field))
			}
		case "source":
			d.from(part.Name)
		}
	}
	return d, d.Fields != nil
}

// OfAvro reads the schema of events in Avro. ok is false for one of something else.
func OfAvro(text string) (d Description, ok bool) {
	var envelope schemaNode
	if json.Unmarshal([]byte(text), &envelope) != nil {
		return d, false
	}
	for _, part := range envelope.Fields { // the row's type is defined where it is named first, in `before`
		of, _ := part.branch()
		switch {
		case (part.Name == "before" || part.Name == "after") && len(of.Fields) > 0:
			for _, f := range of.Fields {
				d.Fields = append(d.Fields, f.describedInAvro())
			}
		case part.Name == "source":
			d.from(string(part.Type))
		}
	}
	return d, d.Fields != nil
}

// described is a field of Connect's form.
func (n *schemaNode) described(name string) Described {
	d := Described{Name: name, Semantic: n.Name, Nullable: n.Optional, Default: given(n.Default)}
	_ = json.Unmarshal(n.Type, &d.Type) // a text in Connect's form, always
	d.told(n.Parameters)
	var items schemaNode
	if json.Unmarshal(n.Items, &items) == nil {
		d.Items = items.described("").word()
	}
	return d
}

// describedInAvro is a field of a record.
func (n *schemaNode) describedInAvro() Described {
	of, nullable := n.branch()
	d := Described{Name: n.Name, Type: of.Name, Semantic: of.Semantic, Nullable: nullable, Default: given(n.Default)}
	d.told(of.Connect)
	if of.Items != nil {
		items := schemaNode{Type: of.Items}
		d.Items = items.describedInAvro().word()
	}
	return d
}

// told takes what the parameters say. The type at the source is among them where Debezium has column.propagate.source.type, or
// datatype.propagate.source.type.
func (d *Described) told(parameters map[string]string) {
	d.Scale, _ = strconv.Atoi(parameters["scale"])
	d.Bits, _ = strconv.Atoi(parameters["length"])
	d.Length, _ = strconv.Atoi(parameters["__debezium.source.column.length"])
	d.Fraction, _ = strconv.Atoi(parameters["__debezium.source.column.scale"])
	d.Source = parameters["__debezium.source.column.type"]
}

// branch is the type of a field in Avro, with its word in Name; of a union, its branch that is no null.
func (n *schemaNode) branch() (of schemaNode, nullable bool) {
	var union []json.RawMessage
	if json.Unmarshal(n.Type, &union) != nil {
		union = []json.RawMessage{n.Type}
	}
	for _, b := range union {
		word := ""
		switch {
		case json.Unmarshal(b, &word) == nil && word == "null":
			nullable = true
		case word != "":
			of.Name = word
		case json.Unmarshal(b, &of) == nil:
			_ = json.Unmarshal(of.Type, &of.Name) // which is a text, or else of no account
		}
	}
	return of, nullable
}

// given reports whether a default is there, and no null.
func given(v json.RawMessage) bool { return len(v) > 0 && string(v) != "null" }

// word is the type as people read it.
func (d Described) word() string {
	if d.Semantic != "" {
		return d.Semantic
	}
	return d.Type
}

const connectDecimal = "org.apache.kafka.connect.data.Decimal"

// semanticUnits are the units of numbers that are times.
var semanticUnits = map[string]decode.Unit{
	"io.debezium.time.Date": decode.Days, "org.apache.kafka.connect.data.Date": decode.Days,
	"io.debezium.time.Time": decode.Millis, "io.debezium.time.MicroTime": decode.Micros, "io.debezium.time.NanoTime": decode.Nanos, "org.apache.kafka.connect.data.Time": decode.Millis,
	"io.debezium.time.Timestamp": decode.Millis, "io.debezium.time.MicroTimestamp": decode.Micros, "io.debezium.time.NanoTimestamp": decode.Nanos,
	"org.apache.kafka.connect.data.Timestamp": decode.Millis,
}

// Compare finds the columns of a schema that read a field of JSON by another unit or scale than it is written with: their values would be wrong,
// and no record would say so. Only fields of the row itself are compared. REQUIRES: d is of JSON; in Avro the values say both.
func Compare(d Description, columns []decode.Field) (found []Misfit) {
	for i := range columns {
		c := &columns[i]
		f := d.field(c)
		if f == nil {
			continue
		}
		if reason, help := f.misread(c); reason != "" {
			found = append(found, Misfit{c.Column, reason, help})
		}
	}
	return found
}

// field is the field of a column; nil: it is none of the row itself.
func (d *Description) field(c *decode.Field) *Described {
	name := c.From
	if name == "" {
		name = decode.Literal(c.Column)
	}
	i := slices.IndexFunc(d.Fields, func(f Described) bool { return decode.Literal(f.Name) == name })
	if i < 0 {
		return nil
	}
	return &d.Fields[i]
}

// misread says how a column reads the field otherwise than it is written; empty: it does not.
func (f *Described) misread(c *decode.Field) (reason, help string) {
	unit, timed := semanticUnits[f.Semantic]
	isTime := c.Type == fencepost.Timestamp || c.Type == fencepost.Date || c.Type == fencepost.Time
	switch {
	case timed && isTime && c.Unit == decode.NoUnit:
		return fmt.Sprintf("it is sent as a number (%s), and has no unit", f.Semantic), "unit: " + unit.String()
	case timed && isTime && c.Unit != unit:
		return fmt.Sprintf("its unit is %s, and it is sent in %s (%s)", c.Unit, unit, f.Semantic), "unit: " + unit.String()
	case c.Type != fencepost.Decimal:
		return "", ""
	case f.Semantic == connectDecimal && f.Scale > decode.MaxDigits: // what Debezium makes of numeric(5,-2)
		return fmt.Sprintf("it is sent as bytes with the scale %d, which has too many digits", f.Scale), "decimal.handling.mode=string in Debezium, and scale: text"
	case f.Semantic == connectDecimal && c.Encoding != decode.Unscaled:
		return fmt.Sprintf("it is sent as bytes with the scale %d, and has no scale", f.Scale), fmt.Sprintf("scale: %d", f.Scale)
	case f.Semantic == connectDecimal && c.Scale != f.Scale:
		return fmt.Sprintf("its scale is %d, and it is sent with the scale %d", c.Scale, f.Scale), fmt.Sprintf("scale: %d", f.Scale)
	case f.Semantic == "" && f.Type == "string" && c.Encoding != decode.Digits:
		return "it is sent as a text of digits", "scale: text"
	}
	return "", ""
}
