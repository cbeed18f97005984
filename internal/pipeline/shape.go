package pipeline

import (
	"cmp"
	"strings"

	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/shape"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
)

// Expression is an expression of the file. The zero Expression is none.
type Expression struct {
	Text  string
	at    keys.Place
	exact bool // at is where its first character is; else where the whole value is
}

// String is its text.
func (e Expression) String() string { return e.Text }

// readExpression reads one; an empty one where the value is none. Its ${...} stay as they are.
func readExpression(r *keys.Reader, n *keys.Node, path string) (e Expression) {
	if n.Shape != keys.Scalar {
		r.WrongShape(n, path, "an expression: delay > 15")
		return e
	}
	e = Expression{Text: n.Text, at: n.At}
	if first := r.Column1(n); first > 0 {
		e.at, e.exact = keys.Place{Line: n.At.Line, Column: first, Width: 1}, true
	}
	return e
}

// whereOwn is the form of where.
var whereOwn = keys.Own{Schema: func() keys.Object { return keys.Object{"type": "string"} },
	Read: func(r *keys.Reader, n *keys.Node, path string) {
		r.Set(path, readExpression(r, n, path))
	}}

// computedLast puts computed columns behind the others, as a decoder makes them.
func computedLast(columns []Column) (out []Column) {
	for _, c := range columns {
		if c.Expr.Text == "" {
			out = append(out, c)
		}
	}
	for _, c := range columns {
		if c.Expr.Text != "" {
			out = append(out, c)
		}
	}
	return out
}

// plain are the columns that are not computed.
func (f *File) plain() []Column {
	n := 0
	for n < len(f.Schema) && f.Schema[n].Expr.Text == "" {
		n++
	}
	return f.Schema[:n]
}

// column is the column of a name; nil for one that the decoder makes besides.
func (f *File) column(name string) *Column {
	all := f.allColumns()
	for i := range all {
		if all[i].Name == name {
			return &all[i]
		}
	}
	return nil
}

// shaped puts where and the computed columns around a decoder.
func (f *File) shaped(of decode.Factory) (decode.Factory, error) {
	computed := f.Schema[len(f.plain()):]
	if f.Where.Text == "" && len(computed) == 0 {
		return of, nil
	}
	c := shape.Config{Where: f.Where.Text}
	for i := range computed {
		c.Columns = append(c.Columns, shape.Column{Field: computed[i].field(), Expr: computed[i].Expr.Text})
	}
	return shape.New(of, c)
}

// expressionError puts what is wrong with an expression at its place in the file.
func (f *File) expressionError(r *keys.Reader, e *shape.Error) {
	of, key := f.Where, "where"
	if c := f.column(e.Column); c != nil {
		of, key = c.Expr, c.Name+".expr"
	}
	at, help := of.at, e.Help
	if of.exact {
		at = keys.Place{Line: at.Line, Column: at.Column + e.From, Width: e.To - e.From}
	}
	if e.Code == "unknown-column" {
		name, _, _ := strings.Cut(e.Text, " ")
		help = cmp.Or(text.Nearest(name, f.columnNames()), help)
	}
	r.Find(e.Code, at, help, "%s: %s", key, e.Text)
}
