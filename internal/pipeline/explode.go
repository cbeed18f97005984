package pipeline

import (
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
)

// explodeRules find what makes no several rows of a record, and rows of one record that would be written over each other. What is wrong
// with the path itself the decoder says.
func explodeRules(r *keys.Reader, f *File) {
	switch {
	case f.Explode == "":
		return
	case f.Decode == "raw" || f.Decode == "csv":
		r.Find("bad-value", r.KeyAt("explode"), "leave it out; or decode: json, avro or protobuf", "explode: with decode: %s a record has no array", f.Decode)
		return
	case f.enveloped():
		r.Find("bad-value", r.KeyAt("explode"), "leave it out; an array of the row fits a json column",
			"explode: a change says how a row is now, and not which elements it had: the rows of those that went would stay")
		return
	}
	path := f.Sink.At + ".key"
	key := f.sinkKey()
	if f.Sink.Is == nil || len(key) == 0 || !r.Has(path) || slices.ContainsFunc(key, f.ofElement) {
		return
	}
	r.Find("bad-value", r.KeyAt(path), "add "+f.elementColumns()+" to it", "key: all rows of a record have the same %s, and the last one would take the place of the others", strings.Join(key, ", "))
}

// ofElement reports whether a column may differ between the rows of a record: it is of an element, or may be computed of one.
func (f *File) ofElement(name string) bool {
	if name == fencepost.MetaIndex {
		return true
	}
	c := f.column(name)
	return c != nil && (strings.HasPrefix(c.From, f.Explode+"[]") || c.Expr.Text != "")
}

// elementColumns are the columns that tell the rows of a record apart, for people.
func (f *File) elementColumns() string {
	names := []string{fencepost.MetaIndex}
	for _, c := range f.plain() {
		if strings.HasPrefix(c.From, f.Explode+"[]") {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", or ")
}
