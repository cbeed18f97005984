package pipeline

import (
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
)

// Column is one column of schema.
type Column struct {
	Name     string
	Type     fencepost.Type
	From     string // the field of the record; the column's name where the file says nothing
	Missing  Stance // the field is not in the record
	Mismatch Stance // the field's value does not fit the type
	Unit     string // of a timestamp that is a number: s, ms, us. Empty: a number does not fit
	At       Place
}

// Stance says what becomes of a field that is missing or does not fit. The zero Stance is an error: the record's
// partition parks.
type Stance struct {
	Null  bool
	Value string // as the record's JSON would have it; with Given
	Given bool
}

// String is the stance as the file says it.
func (s Stance) String() string {
	switch {
	case s.Null:
		return "null"
	case s.Given:
		return s.Value
	}
	return "error"
}

// columnKeys are the keys of a column's long form.
var columnKeys = []string{"type", "from", "missing", "mismatch", "unit"}

// schema reads the columns, in the order of the file.
func (r *reader) schema(n *node) {
	if n.shape != mapping {
		r.wrongShape(n, "schema", "a mapping: COLUMN: TYPE")
		return
	}
	var columns []Column
	for i := range n.entries {
		e := &n.entries[i]
		path := join("schema", e.key)
		r.places[path], r.at[path] = e.at, e.value.at
		if strings.HasPrefix(e.key, "_") {
			r.find("column-reserved", e.at, "another name; _topic _partition _offset _timestamp _key _headers are there anyway",
				"schema: a column may not begin with _: %s", e.key)
			continue
		}
		c := Column{Name: e.key, From: e.key, At: e.at}
		if r.column(e, &c) {
			columns = append(columns, c)
		}
	}
	if len(n.entries) == 0 {
		r.find("key-missing", n.at, "COLUMN: text", "schema has no column")
	}
	r.values["schema"] = columns
}

// column reads the short form `delay: int` or the long form.
func (r *reader) column(e *entry, c *Column) bool {
	if e.value.shape != mapping {
		return r.columnType(e.key, e.value, &c.Type)
	}
	ok := true
	if e.value.find("type") == nil {
		r.find("key-missing", e.at, "type: text", "%s has no type", e.key)
		ok = false
	}
	for i := range e.value.entries {
		k := &e.value.entries[i]
		switch k.key {
		case "type":
			ok = r.columnType(e.key, k.value, &c.Type) && ok
		case "from":
			c.From, _ = r.text(k.value, e.key+".from", kindText)
			if c.From == "" {
				r.find("bad-value", k.value.at, e.key, "%s.from is empty", e.key)
			}
		case "missing":
			c.Missing = r.stance(k.value, e.key+".missing")
		case "mismatch":
			c.Mismatch = r.stance(k.value, e.key+".mismatch")
		case "unit":
			r.unit(e.key, k.value, c)
		default:
			help := text.Nearest(k.key, columnKeys)
			if help == "" {
				help = "keys here: " + strings.Join(columnKeys, " ")
			}
			r.find("unknown-key", k.at, help, "%s has no key %s", e.key, k.key)
		}
	}
	return ok
}

// synonyms are the words that other systems have for our types.
var synonyms = map[string]string{"integer": "int", "bigint": "int", "long": "int", "smallint": "int", "int32": "int", "int64": "int",
	"string": "text", "varchar": "text", "char": "text", "str": "text", "uuid": "text",
	"double": "float", "real": "float", "float64": "float", "number": "float, or decimal",
	"boolean": "bool", "date": "timestamp", "datetime": "timestamp", "time": "timestamp", "timestamptz": "timestamp",
	"numeric": "decimal", "jsonb": "json", "object": "json", "array": "json", "map": "json",
	"blob": "bytes", "bytea": "bytes", "binary": "bytes"}

func (r *reader) columnType(name string, n *node, to *fencepost.Type) bool {
	if n.shape == nothing {
		r.find("key-missing", r.places[join("schema", name)], name+": text", "%s has no type", name)
		return false
	}
	value, ok := r.text(n, join("schema", name), kindText)
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
		r.find("unknown-type", n.at, help, "%s: %s is not a type", name, shown(value))
		return false
	}
	*to = t
	return true
}

// stance reads error, null, or a value.
func (r *reader) stance(n *node, path string) Stance {
	if n.shape == nothing {
		return Stance{Null: true}
	}
	text, ok := r.text(n, path, kindText)
	switch {
	case !ok:
		return Stance{}
	case n.quoted:
		return Stance{Value: text, Given: true}
	case text == "error":
		return Stance{}
	case text == "null":
		return Stance{Null: true}
	}
	return Stance{Value: text, Given: true}
}

func (r *reader) unit(name string, n *node, c *Column) {
	text, ok := r.text(n, name+".unit", kindText)
	if !ok {
		return
	}
	units := []string{"s", "ms", "us"}
	if !slices.Contains(units, text) {
		r.find("bad-value", n.at, strings.Join(units, ", or "), "%s.unit: %s is not a unit", name, shown(text))
		return
	}
	c.Unit = text
}
