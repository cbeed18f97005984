package avro

import (
	"fmt"
	"strconv"
	"strings"

	twmb "github.com/twmb/avro"

	"github.com/fencepost/fencepost/decode"
)

// node is a type in a writer's schema. A recursive type is a cycle of nodes.
type node struct {
	kind     kind
	meaning  meaning
	unit     decode.Unit // of a clock or an instant
	scale    int         // of a decimal
	calendar bool        // what lies outside of the years 0000 to 9999 is no moment, but Debezium's infinity
	size     int         // of a fixed, in bytes
	name     string      // of a record, enum or fixed, with its namespace
	fields   []field     // of a record
	symbols  [][]byte    // of an enum
	of       *node       // the items of an array, the values of a map
	branches []*node     // of a union
	// least is how many bytes a value takes at least. Invariant: what it is made of cannot take less.
	least int
}

// field is one of a record.
type field struct {
	name string
	*node
}

// kind is how a value is written.
type kind uint8

const (
	nullKind kind = iota
	booleanKind
	intKind
	longKind
	floatKind
	doubleKind
	bytesKind
	stringKind
	restKind // bytes without a length: all that is left of the body
	fixedKind
	enumKind
	recordKind
	arrayKind
	mapKind
	unionKind
)

// kinds are those of the words in a schema.
var kinds = map[string]kind{"null": nullKind, "boolean": booleanKind, "int": intKind, "long": longKind, "float": floatKind, "double": doubleKind,
	"bytes": bytesKind, "string": stringKind, "fixed": fixedKind, "enum": enumKind, "record": recordKind, "error": recordKind,
	"array": arrayKind, "map": mapKind, "union": unionKind}

// leasts is how many bytes a value of a kind takes at least, but for a fixed and a record.
var leasts = [...]int{booleanKind: 1, intKind: 1, longKind: 1, floatKind: 4, doubleKind: 8, bytesKind: 1, stringKind: 1, enumKind: 1,
	arrayKind: 1, mapKind: 1, unionKind: 1}

// names are the kinds for people, by kind.
var kindNames = [...]string{"null", "a boolean", "an int", "a long", "a float", "a double", "bytes", "a string", "bytes", "a fixed", "an enum", "a record",
	"an array", "a map", "a union"}

// String is the node for people.
func (n *node) String() string {
	switch {
	case n.meaning != plain:
		return meanings[n.meaning]
	case n.name != "":
		return kindNames[n.kind] + " " + n.name
	}
	return kindNames[n.kind]
}

// meaning is what a value stands for: the logical type, less its unit.
type meaning uint8

const (
	plain meaning = iota
	decimal
	day     // since 1970
	clock   // since midnight
	instant // since 1970 UTC; a local timestamp counts as UTC, as in JSON one without a zone does
	uuid
	duration // months, days and milliseconds, each of 4 bytes, little-endian
	scaled   // a record of an int, the scale, and bytes, the decimal without its point
	unsigned // a number of 64 bits without a sign, whose bits are written as a long: from 2^63 on it looks negative
	year     // of MySQL
)

var meanings = [...]string{"", "a decimal", "a date", "a time of day", "a timestamp", "a uuid", "a duration", "a decimal with its scale", "a bigint unsigned", "a year"}

// logical is a logical type: what it means on one kind. On others it means nothing.
type logical struct {
	kind
	meaning
	unit decode.Unit
}

var logicals = map[string][]logical{
	"date":        {{intKind, day, decode.Days}},
	"time-millis": {{intKind, clock, decode.Millis}}, "time-micros": {{longKind, clock, decode.Micros}},
	"timestamp-millis": {{longKind, instant, decode.Millis}}, "local-timestamp-millis": {{longKind, instant, decode.Millis}},
	"timestamp-micros": {{longKind, instant, decode.Micros}}, "local-timestamp-micros": {{longKind, instant, decode.Micros}},
	"timestamp-nanos": {{longKind, instant, decode.Nanos}}, "local-timestamp-nanos": {{longKind, instant, decode.Nanos}},
	"uuid":     {{kind: stringKind, meaning: uuid}, {kind: fixedKind, meaning: uuid}},
	"duration": {{kind: fixedKind, meaning: duration}},
	"decimal":  {{kind: bytesKind, meaning: decimal}, {kind: fixedKind, meaning: decimal}},
}

// connected are the types of Kafka Connect's converters, which stand as connect.name beside the same primitive types. Debezium gives its
// own no logical type.
var connected = map[string]logical{
	"org.apache.kafka.connect.data.Decimal":   {bytesKind, decimal, decode.NoUnit},
	"org.apache.kafka.connect.data.Date":      {intKind, day, decode.Days},
	"org.apache.kafka.connect.data.Time":      {intKind, clock, decode.Millis},
	"org.apache.kafka.connect.data.Timestamp": {longKind, instant, decode.Millis},
	"io.debezium.time.Date":                   {intKind, day, decode.Days},
	"io.debezium.time.Time":                   {intKind, clock, decode.Millis},
	"io.debezium.time.MicroTime":              {longKind, clock, decode.Micros},
	"io.debezium.time.NanoTime":               {longKind, clock, decode.Nanos},
	"io.debezium.time.Timestamp":              {longKind, instant, decode.Millis},
	"io.debezium.time.MicroTimestamp":         {longKind, instant, decode.Micros},
	"io.debezium.time.NanoTimestamp":          {longKind, instant, decode.Nanos},
	"io.debezium.time.Year":                   {intKind, year, decode.NoUnit},
	"io.debezium.data.VariableScaleDecimal":   {recordKind, scaled, decode.NoUnit},
}

// refers reports whether the word of a kind is the name of a type here: record, array and such are no reserved words, and Avro's own tests have a
// record of the name record.
func (k kind) refers(p *twmb.SchemaNode) bool {
	switch k {
	case fixedKind, enumKind, recordKind:
		return p.Name == ""
	case arrayKind:
		return p.Items == nil
	case mapKind:
		return p.Values == nil
	case unionKind:
		return len(p.Branches) == 0
	}
	return false
}

// node makes a node of a parsed type that stands in a namespace.
func (b *builder) node(p *twmb.SchemaNode, space string) (_ *node, err error) {
	k, ok := kinds[p.Type]
	if !ok || k.refers(p) {
		return b.named(p.Type, space)
	}
	n := &node{kind: k, size: p.Size}
	if k < fixedKind || k > recordKind {
		n.least = leasts[k]
	} else {
		space = b.define(n, p)
	}
	switch k {
	case fixedKind:
		n.least = p.Size
	case enumKind:
		n.least = 1
		for _, s := range p.Symbols {
			n.symbols = append(n.symbols, []byte(s))
		}
	case recordKind:
		for i := range p.Fields {
			f, err := b.node(&p.Fields[i].Type, space)
			if err != nil {
				return nil, err
			}
			n.fields = append(n.fields, field{p.Fields[i].Name, f})
			n.least += f.least
		}
	case arrayKind:
		n.of, err = b.node(p.Items, space)
	case mapKind:
		n.of, err = b.node(p.Values, space)
	case unionKind:
		for i := range p.Branches {
			branch, err := b.node(&p.Branches[i], space)
			if err != nil {
				return nil, err
			}
			n.branches = append(n.branches, branch)
		}
	}
	n.understand(p)
	return n, err
}

// define remembers a type with a name, and returns the namespace inside of it.
func (b *builder) define(n *node, p *twmb.SchemaNode) (space string) {
	n.name = p.Name
	if p.Namespace != "" && !strings.Contains(p.Name, ".") {
		n.name = p.Namespace + "." + p.Name
	}
	b.names[n.name] = n
	if dot := strings.LastIndexByte(n.name, '.'); dot > 0 {
		space = n.name[:dot]
	}
	return space
}

// named is the type that a name means in a namespace.
func (b *builder) named(name, space string) (*node, error) {
	if n, ok := b.names[space+"."+name]; ok && !strings.Contains(name, ".") {
		return n, nil
	}
	if n, ok := b.names[name]; ok {
		return n, nil
	}
	return nil, fmt.Errorf("it has no type %s", name)
}

// understand notes what a value means.
func (n *node) understand(p *twmb.SchemaNode) {
	for _, l := range logicals[p.LogicalType] {
		if l.kind == n.kind {
			n.meaning, n.unit, n.scale = l.meaning, l.unit, p.Scale
		}
	}
	if n.kind == longKind && n.meaning == plain && strings.HasPrefix(parameter(p.Props, "__debezium.source.column.type"), "BIGINT UNSIGNED") {
		n.meaning = unsigned
	}
	if name, _ := p.Props["connect.name"].(string); n.meaning == plain {
		if l := connected[name]; l.kind == n.kind && l.meaning != plain && (l.meaning != scaled || n.isScaled()) {
			n.meaning, n.unit, n.calendar = l.meaning, l.unit, true
		}
		if n.meaning == decimal {
			n.connectScale(p.Props)
		}
	}
	if n.kind == fixedKind && (n.meaning == uuid && n.size != 16 || n.meaning == duration && n.size != 12) {
		n.meaning = plain
	}
}

// isScaled reports whether a record has the two fields of a decimal with a scale of its own.
func (n *node) isScaled() bool {
	return len(n.fields) == 2 && n.fields[0].name == "scale" && n.fields[0].kind == intKind && n.fields[1].name == "value" && n.fields[1].kind == bytesKind
}

// connectScale takes the scale of a decimal of Connect's that is no valid one of Avro's. Without any the bytes are all there is.
func (n *node) connectScale(props map[string]any) {
	if scale, ok := props["scale"].(int64); ok {
		n.scale = int(scale)
		return
	}
	scale, err := strconv.Atoi(parameter(props, "scale"))
	if n.scale = scale; err != nil {
		n.meaning = plain
	}
}

// parameter is one of the parameters that Kafka Connect's converters write beside a type; empty: it has none of that name.
func parameter(props map[string]any, name string) string {
	parameters, _ := props["connect.parameters"].(map[string]any)
	text, _ := parameters[name].(string)
	return text
}

// nullable is the type of a union with null, and which branch the null is: ok for unions of two, one of them null.
func (n *node) nullable() (of *node, null int, ok bool) {
	if n.kind != unionKind || len(n.branches) != 2 {
		return nil, 0, false
	}
	for i, b := range n.branches {
		if other := n.branches[1-i]; b.kind == nullKind && other.kind != unionKind && other.kind != nullKind {
			return other, i, true
		}
	}
	return nil, 0, false
}
