package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
)

// Path is where a column's value is: in the record's value by steps, or in the record itself.
//
//	user.geo.country   steps user, geo, country of objects
//	tags[0]            the first of an array
//	"a.b".c            a name with a dot in it, as JSON writes a string
//	_key _topic ...    of the record, as the metadata column of that name
//	_headers.NAME      the record's last header of that name
//	items[].sku        of each element of the array items, by which records are exploded
//	tags[]             each element itself
type Path struct {
	// Array leads to the array of a path into each of its elements; empty: the path is of the record as a whole.
	Array []Step
	// Steps lead to the value: from the record's value on, at least one, the first a name; or from the element on, where none is the
	// element itself. Empty for a path of the record.
	Steps  []Step
	Meta   string // the metadata column; empty: Steps
	Header string // of _headers
}

// Step leads from an object to the value of a name, or from an array to an element.
type Step struct {
	Name  string
	Index int // of an element; -1: the step is a name
}

// parsePath reads a path.
func parsePath(text string) (p Path, err error) {
	for rest := text; ; {
		s := Step{Index: -1}
		if s.Name, rest, err = cutName(rest); err != nil {
			return p, err
		}
		p.Steps = append(p.Steps, s)
		if rest, err = p.indexes(rest); err != nil {
			return p, err
		}
		if rest == "" {
			break
		}
		if rest[0] != '.' {
			return p, fmt.Errorf("a dot or [ is missing before %s", excerpt([]byte(rest), 0, 20))
		}
		rest = rest[1:]
	}
	first := p.Steps
	if p.Array != nil {
		first = p.Array
	}
	if name := first[0].Name; text[0] != '"' && isMeta(name) {
		return p.ofRecord(name)
	}
	return p, nil
}

// indexes takes what is in brackets off the front of a path: [0] leads to an element, [] to each.
func (p *Path) indexes(rest string) (string, error) {
	for strings.HasPrefix(rest, "[") {
		digits, behind, ok := strings.Cut(rest[1:], "]")
		n, bad := strconv.ParseUint(digits, 10, 31)
		switch {
		case ok && digits == "" && p.Array != nil:
			return rest, errors.New("a path has [] once: records are exploded by one array")
		case ok && digits == "":
			p.Array, p.Steps = p.Steps, nil
		case !ok || bad != nil:
			return rest, errors.New("between [ and ] is the place of an element, from 0; or nothing, for each element of explode's array")
		default:
			p.Steps = append(p.Steps, Step{Index: int(n)})
		}
		rest = behind
	}
	return rest, nil
}

// cutName cuts a name from the beginning of a path: up to a dot or a bracket, or in quotes.
func cutName(text string) (name, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ".[")
		if end < 0 {
			end = len(text)
		}
		if end == 0 {
			return "", "", errors.New("a name is empty")
		}
		return text[:end], text[end:], nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&name); err != nil {
		return "", "", errors.New("a quoted name does not end, or is no JSON string")
	}
	return name, text[d.InputOffset():], nil
}

func isMeta(name string) bool {
	return name == fencepost.MetaOp || slices.ContainsFunc(fencepost.MetaColumns(), func(c fencepost.ColumnSpec) bool { return c.Name == name })
}

// ofRecord is a path that begins with the name of a metadata column.
func (p Path) ofRecord(meta string) (Path, error) {
	if p.Array != nil {
		return p, fmt.Errorf("%s has no elements", meta)
	}
	more := p.Steps[1:]
	switch {
	case meta == fencepost.MetaHeaders && len(more) == 1 && more[0].Index < 0:
		return Path{Meta: meta, Header: more[0].Name}, nil
	case meta == fencepost.MetaHeaders:
		return p, errors.New("one header is _headers.NAME; all of them are the metadata column _headers")
	case len(more) > 0:
		return p, fmt.Errorf("%s has no parts", meta)
	}
	return Path{Meta: meta}, nil
}

// OfRecord reports whether a path, as Field.From has it, is of the record itself: its key, a header, where and when it is.
func OfRecord(path string) bool {
	p, err := parsePath(path)
	return err == nil && p.Meta != ""
}

// Literal writes the name of a field as From takes it.
func Literal(name string) string {
	if name != "" && !strings.ContainsAny(name, `.["`) && !isMeta(name) {
		return name
	}
	quoted, _ := json.Marshal(name) // a string always marshals
	return string(quoted)
}

// Path is the parsed From; without one, the field that is named as the column is.
func (f *Field) Path() (Path, error) {
	if f.From == "" {
		return Path{Steps: []Step{{Name: f.Column, Index: -1}}}, nil
	}
	return parsePath(f.From)
}

// textOf is a path from the record's value on, as people write it.
func textOf(steps []Step) string {
	text := ""
	for _, s := range steps {
		text += s.String()
	}
	return strings.TrimPrefix(text, ".")
}

// checkFrom returns why a field cannot be taken from where it is, and the remedy.
func (f *Field) checkFrom() (reason, help string) {
	p, err := f.Path()
	if err != nil {
		return err.Error(), `user.geo.country, tags[0], "a.b" with a dot in its name, _key, _headers.NAME`
	}
	is := func(types ...fencepost.Type) bool { return slices.Contains(types, f.Type) }
	switch p.Meta {
	case fencepost.MetaTopic, fencepost.MetaOp:
		if !is(fencepost.Text) {
			return p.Meta[1:] + " is a text", "type: text"
		}
	case fencepost.MetaPartition, fencepost.MetaOffset:
		if !is(fencepost.Int) {
			return p.Meta[1:] + " is an int", "type: int"
		}
	case fencepost.MetaTimestamp:
		if !is(fencepost.Timestamp) || f.Unit != NoUnit {
			return "a record's time is a timestamp, which needs no unit", "type: timestamp"
		}
	}
	return "", ""
}

// String is the step behind others, as a path has it.
func (s Step) String() string {
	if s.Index >= 0 {
		return "[" + strconv.Itoa(s.Index) + "]"
	}
	return "." + Literal(s.Name)
}
