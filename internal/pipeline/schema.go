package pipeline

import (
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	decoding "github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
)

// Column is one column of schema.
type Column struct {
	Name     string
	Type     fencepost.Type
	From     string     // the path of the field, as package decode has it; empty: the field of the column's name
	Missing  Stance     // the field is not in the record
	Mismatch Stance     // the field's value does not fit the type
	Expr     Expression // of a computed column; empty: it is of a field
	Unit     string     // of a timestamp, date or time that is a number: s, ms, us, ns, days. Empty: a number does not fit
	Scale    string     // of a decimal that is base64: digits behind the point; "text": a string holds digits. Empty: the latter, but in a change event
	At       keys.Place
}

// Stance says what becomes of a field that is missing or does not fit. The zero Stance is an error: the record's
// partition parks.
type Stance struct {
	Null  bool
	Value string // as the record's JSON would have it; with Given
	Given bool
	Table bool // the default of the table's column
}

// String is the stance as the file says it.
func (s Stance) String() string {
	switch {
	case s.Null:
		return "null"
	case s.Given:
		return s.Value
	case s.Table:
		return "default"
	}
	return "error"
}

// columnKeys are the keys of a column's long form.
var columnKeys = []string{"type", "from", "expr", "missing", "mismatch", "unit", "scale"}

// readSchema reads the columns, in the order of the file.
func readSchema(r *keys.Reader, n *keys.Node, path string) {
	if n.Shape != keys.Mapping {
		r.WrongShape(n, path, "a mapping: COLUMN: TYPE")
		return
	}
	var columns []Column
	for i := range n.Entries {
		e := &n.Entries[i]
		r.Mark(keys.Join(path, e.Key), e.At, e.Value.At)
		if strings.HasPrefix(e.Key, "_") {
			r.Find("column-reserved", e.At, "another name; _topic _partition _offset _timestamp _key _headers are there anyway",
				"%s: a column may not begin with _: %s", path, e.Key)
			continue
		}
		c := Column{Name: e.Key, At: e.At}
		if readColumn(r, e, path, &c) {
			columns = append(columns, c)
		}
	}
	if len(n.Entries) == 0 && path == "schema" { // the key need not be decoded
		r.Find("key-missing", n.At, "COLUMN: text", "schema has no column")
	}
	r.Set(path, columns)
}

// readColumn reads the short form `delay: int` or the long form. path is that of the columns.
func readColumn(r *keys.Reader, e *keys.Entry, path string, c *Column) bool {
	if e.Value.Shape != keys.Mapping {
		return readColumnType(r, e.Key, path, e.Value, &c.Type)
	}
	ok := true
	if e.Value.Find("type") == nil {
		r.Find("key-missing", e.At, "type: text", "%s has no type", e.Key)
		ok = false
	}
	for i := range e.Value.Entries {
		k := &e.Value.Entries[i]
		switch k.Key {
		case "type":
			ok = readColumnType(r, e.Key, path, k.Value, &c.Type) && ok
		case "from":
			c.From, _ = r.Text(k.Value, e.Key+".from")
			if c.From == "" {
				r.Find("bad-value", k.Value.At, e.Key, "%s.from is empty", e.Key)
			}
		case "expr":
			if c.Expr = readExpression(r, k.Value, e.Key+".expr"); c.Expr.Text == "" {
				if k.Value.Shape == keys.Scalar {
					r.Find("bad-value", k.Value.At, "delay * 60", "%s.expr is empty", e.Key)
				}
				ok = false
			}
		case "missing":
			c.Missing = readStance(r, k.Value, e.Key+".missing")
		case "mismatch":
			c.Mismatch = readStance(r, k.Value, e.Key+".mismatch")
		case "unit":
			readUnit(r, e.Key, k.Value, c)
		case "scale":
			readScale(r, e.Key, k.Value, c)
		default:
			help := text.Nearest(k.Key, columnKeys)
			if help == "" {
				help = "keys here: " + strings.Join(columnKeys, " ")
			}
			r.Find("unknown-key", k.At, help, "%s has no key %s", e.Key, k.Key)
		}
	}
	return ok
}

// synonyms are the words that other systems have for our types.
var synonyms = map[string]string{"integer": "int", "bigint": "int", "long": "int", "smallint": "int", "int32": "int", "int64": "int",
	"string": "text", "varchar": "text", "char": "text", "str": "text", "guid": "uuid",
	"double": "float", "real": "float", "float64": "float", "number": "float, or decimal",
	"boolean": "bool", "datetime": "timestamp", "timestamptz": "timestamp",
	"numeric": "decimal", "jsonb": "json", "object": "json", "array": "json", "map": "json",
	"blob": "bytes", "bytea": "bytes", "binary": "bytes"}

func readColumnType(r *keys.Reader, name, path string, n *keys.Node, to *fencepost.Type) bool {
	if n.Shape == keys.Nothing {
		r.Find("key-missing", r.KeyAt(keys.Join(path, name)), name+": text", "%s has no type", name)
		return false
	}
	value, ok := r.Text(n, keys.Join(path, name))
	if !ok {
		return false
	}
	t, ok := fencepost.ParseType(value)
	if !ok {
		help := synonyms[strings.ToLower(value)]
		if help == "" {
			help = text.Nearest(value, fencepost.Types())
		}
		if help == "" {
			help = strings.Join(fencepost.Types(), " ")
		}
		r.Find("unknown-type", n.At, help, "%s: %s is not a type", name, keys.Shown(value))
		return false
	}
	*to = t
	return true
}

// readStance reads error, null, default, or a value.
func readStance(r *keys.Reader, n *keys.Node, path string) Stance {
	if n.Shape == keys.Nothing {
		return Stance{Null: true}
	}
	text, ok := r.Text(n, path)
	switch {
	case !ok:
		return Stance{}
	case n.Quoted:
		return Stance{Value: text, Given: true}
	case text == "error":
		return Stance{}
	case text == "null":
		return Stance{Null: true}
	case text == "default":
		return Stance{Table: true}
	}
	return Stance{Value: text, Given: true}
}

func readUnit(r *keys.Reader, name string, n *keys.Node, c *Column) {
	text, ok := r.Text(n, name+".unit")
	if !ok {
		return
	}
	if _, ok := decoding.ParseUnit(text); !ok {
		r.Find("bad-value", n.At, strings.Join(decoding.Units(), ", or "), "%s.unit: %s is not a unit", name, keys.Shown(text))
		return
	}
	c.Unit = text
}

// readScale reads a number of digits, or the word text.
func readScale(r *keys.Reader, name string, n *keys.Node, c *Column) {
	value, ok := r.Text(n, name+".scale")
	if !ok {
		return
	}
	if d, err := strconv.Atoi(value); value != "text" && (err != nil || d < -decoding.MaxDigits || d > decoding.MaxDigits) {
		r.Find("bad-value", n.At, "a number of digits, for Kafka Connect's bytes; or text, for a string of digits", "%s.scale: %s is neither", name, keys.Shown(value))
		return
	}
	c.Scale = value
}

// schemaOwn is the form of schema, and keyOwn that of key.schema, of which a draft has no lines.
var (
	schemaOwn = keys.Own{Read: readSchema, Schema: columnsSchema, Draft: schemaDraft}
	keyOwn    = keys.Own{Read: readSchema, Schema: columnsSchema}
)

func columnsSchema() keys.Object {
	column := keys.Object{"anyOf": []any{
		keys.Object{"enum": fencepost.Types()},
		keys.Object{"type": "object", "additionalProperties": false, "required": []string{"type"}, "properties": keys.Object{
			"type":     keys.Object{"enum": fencepost.Types()},
			"from":     keys.Object{"type": "string", "description": "the path of the field: user.geo.country, tags[0], \"a.b\" for a dot in a name, _key, _headers.NAME, items[].sku of each element of explode's array; the column's name where it is not said"},
			"expr":     keys.Object{"type": "string", "description": "an expression that computes the column, over the others and the metadata columns; excludes from and missing"},
			"missing":  keys.Object{"description": "the field is not there: error, null, default (the table's own), or a value", "default": "error"},
			"mismatch": keys.Object{"description": "the value does not fit the type: error, null, or a value", "default": "error"},
			"unit":     keys.Object{"enum": decoding.Units(), "description": "of a timestamp, date or time that is a number"},
			"scale":    keys.Object{"description": "of a decimal that is base64 of an unscaled integer (Kafka Connect): digits behind the point; or text: a string holds digits"},
		}},
	}}
	return keys.Object{"type": "object", "minProperties": 1, "propertyNames": keys.Object{"pattern": "^[^_]"}, "additionalProperties": column}
}

// schemaDraft are the columns of a draft.
func schemaDraft(_, decode string, columns []keys.DraftColumn) (lines []keys.Line) {
	for _, c := range columns {
		lines = append(lines, keys.Line{Text: keys.Plain(c.Name) + ": " + columnForm(c), Doc: c.Seen})
	}
	if decode != "raw" {
		lines = append(lines, keys.Line{Text: "# COLUMN: {type: timestamp, from: PATH, unit: ms, missing: error, mismatch: error}"},
			keys.Line{Text: `#   from: "user.geo.country"  "tags[0]"  '"a.b"' (a dot in the name)  _key  _headers.NAME`},
			keys.Line{Text: `#   with explode: items, of each of its elements: "items[].sku"; "items[]" is the element itself`},
			keys.Line{Text: `# COLUMN: {type: int, expr: "delay * 60"}   computed of the others`},
			keys.Line{Text: "#   unit, of a time that is a number: " + strings.Join(decoding.Units(), " ")},
			keys.Line{Text: "#   scale: N, of a decimal that is Kafka Connect's bytes"},
			keys.Line{Text: "#   missing, mismatch: error, null, or a value; missing also default, the table's own"})
	}
	var meta []string
	for _, c := range fencepost.MetaColumns() {
		meta = append(meta, c.Name+" "+c.Type.String())
	}
	return append(lines, keys.Line{Text: "# Besides, in every batch: " + strings.Join(meta[:3], ", ") + ","},
		keys.Line{Text: "#   " + strings.Join(meta[3:], ", ")})
}

// columnForm is a column's short form, or its long form where it needs one.
func columnForm(c keys.DraftColumn) string {
	var more []string
	if c.From != "" && c.From != c.Name {
		more = append(more, "from: "+keys.Plain(c.From))
	}
	if c.Null {
		more = append(more, "missing: null")
	}
	if c.Unit != "" {
		more = append(more, "unit: "+c.Unit)
	}
	if c.Scale != "" {
		more = append(more, "scale: "+c.Scale)
	}
	if len(more) == 0 {
		return c.Type.String()
	}
	return "{type: " + c.Type.String() + ", " + strings.Join(more, ", ") + "}"
}
