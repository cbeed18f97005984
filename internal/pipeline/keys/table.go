package keys

import (
	"strings"
)

// Row is one row of the table of keys. The table is the only place that knows a key: the reader accepts the keys
// here and takes the defaults from them, `init` writes its file from it, and the JSON Schema is printed from it.
type Row struct {
	Path  string // sink.postgres.dsn
	Form  Form
	Words []string // of a FormWord; of FormTexts for editors, where its owner refuses others
	Def   string   // the value of a key that is not there, as YAML; for a FormMap nothing
	Must  bool     // there is no default
	Live  string   // init writes the key as a line with this value; empty: behind "#" with its default
	Doc   string   // behind the key in init's file, and the description in the JSON Schema
	Like  string   // what a value may look like, for remedies; empty: follows from the rest
	Own   *Own     // of a FormOwn
}

// Form is the form of a key's value.
type Form uint8

const (
	FormMap      Form = iota // keys of its own
	FormText                 // any text
	FormSecret               // text that is never printed
	FormSQL                  // text in which ${ } is left alone
	FormWord                 // one of words
	FormBool                 // true, false
	FormCount                // a whole number from 0
	FormSize                 // 64MiB
	FormDuration             // 5s, from 0
	FormTexts                // a list of texts
	FormLanes                // auto, or a count from 1
	FormStore                // its default, or keys of a technology
	FormOwn                  // one that this key has alone
)

// Own is a form that one key has alone: how its value is read, described and proposed.
type Own struct {
	Read   func(r *Reader, n *Node, path string)
	Schema func() Object
	Draft  func(topic, decode string, columns []DraftColumn) []Line // the lines below the key's own in init's file; nil: the key is one line
}

// Line is one line of init's file below a key: its text and its comment.
type Line struct{ Text, Doc string }

// Table is a table of keys, in the order of init's file.
type Table []Row

// Of returns the row of a path, nil if there is none.
func (t Table) Of(path string) *Row {
	for i := range t {
		if t[i].Path == path {
			return &t[i]
		}
	}
	return nil
}

// Under returns the keys directly below a path; "" for the whole file.
func (t Table) Under(path string) []*Row {
	var out []*Row
	for i := range t {
		if parent, _ := Split(t[i].Path); parent == path {
			out = append(out, &t[i])
		}
	}
	return out
}

// named finds a key of that name anywhere in the table.
func (t Table) named(name string) *Row {
	for i := range t {
		if t[i].Name() == name {
			return &t[i]
		}
	}
	return nil
}

// names are the keys directly below a path, for a remedy.
func (t Table) names(path string) string {
	var names []string
	for _, k := range t.Under(path) {
		names = append(names, k.Name())
	}
	return strings.Join(names, " ")
}

// example is what a key's value may look like, for a remedy.
func (t Table) example(k *Row) string {
	switch {
	case k.Like != "":
		return k.Like
	case k.Form == FormWord:
		return strings.Join(k.Words, ", or ")
	case k.Form == FormMap:
		return "keys here: " + t.names(k.Path)
	case k.Live != "":
		return k.Live
	case k.Form == FormDuration && k.Def == "0s":
		return "5s"
	}
	return k.Def
}

// Name is the key without the path above it.
func (k *Row) Name() string { _, n := Split(k.Path); return n }

// Default is the default without the quotes that a text has in YAML.
func (k *Row) Default() string {
	if n := len(k.Def); k.Form == FormText && n >= 2 && k.Def[0] == k.Def[n-1] && (k.Def[0] == '"' || k.Def[0] == '\'') {
		return k.Def[1 : n-1]
	}
	return k.Def
}

// Split cuts a path into the key and the path above it, which is empty at the top.
func Split(path string) (parent, name string) {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

// Join is the path of a key below another; below the empty path it is the key.
func Join(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// Object is a part of a JSON Schema.
type Object = map[string]any
