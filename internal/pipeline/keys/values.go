package keys

import (
	"cmp"
	"slices"
	"strings"
)

// Get is a key's value, or the default that the table of keys gives it. It is the zero T for a key without either,
// and for one whose value was refused.
func Get[T any](r *Reader, path string) T {
	v, ok := r.values[path]
	if !ok {
		k := r.table.Of(path)
		if k == nil {
			panic("keys: no key " + path)
		}
		var zero T
		if k.Must || k.Def == "" || k.Def == `""` || k.Def == "[]" {
			return zero
		}
		if v, _ = Parse(k, k.Default()); v == nil {
			panic("keys: the default of " + path + " does not parse")
		}
	}
	return v.(T)
}

// Value is what was read at a path whose form is its own, the zero T where nothing was.
func Value[T any](r *Reader, path string) T {
	v, _ := r.values[path].(T)
	return v
}

// Set puts what was read at a path.
func (r *Reader) Set(path string, v any) { r.values[path] = v }

// Mark records the place of a key that is in no table, and its value.
func (r *Reader) Mark(path string, key, value Place) { r.places[path], r.at[path] = key, value }

// Places are the keys of the file, each with its place. :: path -> place
func (r *Reader) Places() map[string]Place { return r.places }

// Named reports whether the file has a key, good or not.
func (r *Reader) Named(path string) bool { _, ok := r.places[path]; return ok }

// KeyAt is the place of a key in the file.
func (r *Reader) KeyAt(path string) Place { return r.places[path] }

// ValueAt is the place of a key's value in the file.
func (r *Reader) ValueAt(path string) Place { return r.at[path] }

// ItemAt is the place of an entry of a list of texts: the last one's where there are fewer, the list's where there is none.
func (r *Reader) ItemAt(path string, i int) Place {
	items := r.items[path]
	if len(items) == 0 {
		return r.at[path]
	}
	return items[min(i, len(items)-1)]
}

// Entries is how many entries of a list of texts have a place.
func (r *Reader) Entries(path string) int { return len(r.items[path]) }

// Row is a path's row in the table, nil if there is none.
func (r *Reader) Row(path string) *Row { return r.table.Of(path) }

// Resolve looks up one reference, NAME or file:PATH, at a place.
func (r *Reader) Resolve(ref string, at Place) (value string, ok bool) {
	value, p := r.env.resolve(ref)
	if p != nil {
		r.Find(p.code, at, p.help, "%s", p.text)
	}
	return value, p == nil
}

// InOrder sorts paths by the places of their keys in the file.
func (r *Reader) InOrder(paths []string) {
	slices.SortFunc(paths, func(a, b string) int {
		p, q := r.places[a], r.places[b]
		return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
	})
}

// FoundAt reports whether there is a finding in the line of a path's value already.
func (r *Reader) FoundAt(path string) bool {
	return slices.ContainsFunc(r.findings, func(f Finding) bool { return f.At.Line == r.at[path].Line })
}

// FoundOf reports whether a finding's text begins with a word already.
func (r *Reader) FoundOf(word string) bool {
	return slices.ContainsFunc(r.findings, func(f Finding) bool { return strings.HasPrefix(f.Text, word) })
}

// Has reports whether the file says something good of a key.
func (r *Reader) Has(path string) bool { _, ok := r.values[path]; return ok }

// Missing adds a finding about a key that another key asks for, at that other key.
func (r *Reader) Missing(by, help, format string, args ...any) {
	r.Find("key-missing", r.places[by], help, format, args...)
}

// IsWritten reports whether a text or secret is more than nothing.
func (r *Reader) IsWritten(path string) bool {
	switch v := r.values[path].(type) {
	case string:
		return v != ""
	case Secret:
		return !v.Empty()
	}
	return false
}

// Column1 is the column at which a scalar's text begins in the file, 0 if it is not there letter by letter: in
// a block, over several lines, with escapes.
func (r *Reader) Column1(n *Node) int {
	if n.block || n.At.Line < 1 || n.At.Line > len(r.lines) {
		return 0
	}
	column := n.At.Column
	if n.Quoted {
		column++
	}
	line := []rune(r.lines[n.At.Line-1])
	if column-1 <= len(line) && strings.HasPrefix(string(line[column-1:]), n.Text) {
		return column
	}
	return 0
}
