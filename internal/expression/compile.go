package expression

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/fencepost/fencepost"
)

// Want is what a caller does with the value.
type Want uint8

// The uses of a value. The zero Want takes any single value.
const (
	Any     Want = iota // a text, a number, a bool or a time
	Integer             // what is added to a 64-bit counter
	Number              // an integer or a float
	Bool                // a condition
)

// Error says what is wrong with a text. It is found by Compile.
type Error struct {
	Code     string // unknown-column or bad-expression
	Text     string
	Help     string
	From, To int // [From, To) in characters of the text
}

// Error is what is wrong, without its place.
func (e *Error) Error() string { return e.Text }

// Program is a text that was compiled. It may be used by many goroutines.
type Program struct {
	text     string
	program  *vm.Program // nil for a single column or a constant
	column   string      // the single column
	constant *string
	holds    *condition // of a condition whose form is that of one
	inputs   []input
	states   sync.Pool // of *state
}

// goTypes are the columns' types in a program. :: fencepost.Type -> its own
var goTypes = map[fencepost.Type]types.Type{
	fencepost.Text: types.String, fencepost.Decimal: types.String, fencepost.JSON: types.String, fencepost.Bytes: types.String,
	fencepost.Date: types.String, fencepost.Time: types.String, fencepost.UUID: types.String,
	fencepost.Int: types.Int, fencepost.Float: types.Float64, fencepost.Bool: types.Bool, fencepost.Timestamp: types.TypeOf(time.Time{}),
}

// Compile reads a text over the columns of a schema; the metadata columns are there besides. All errors are *Error.
func Compile(text string, columns []fencepost.ColumnSpec, want Want) (*Program, error) {
	all := append(slices.Clone(columns), fencepost.MetaColumns()...)
	p := &Program{text: text}
	name := strings.TrimSpace(text)
	if i := slices.IndexFunc(all, func(c fencepost.ColumnSpec) bool { return c.Name == name }); i >= 0 {
		// A name as it is: also one that is no word of the language, such as flight-no.
		p.column, p.inputs = name, []input{{ColumnSpec: all[i], place: i}}
		return p, mismatch(text, reflectType(all[i]), want, all[i].Type)
	}
	if name == "" {
		return nil, &Error{Code: "bad-expression", Text: "there is no expression", Help: "the name of a column", To: max(1, runes(text))}
	}
	if err := p.compile(all); err != nil {
		return nil, err
	}
	if err := mismatch(text, p.Type(), want, fencepost.Text); err != nil {
		return nil, err
	}
	if len(p.inputs) == 0 {
		return p, p.fold()
	}
	tree, err := parser.Parse(text)
	if err == nil {
		p.holds, err = conditionOf(tree.Node, all)
	}
	return p, err
}

// compile makes the program of the language. Its error is an *Error.
func (p *Program) compile(all []fencepost.ColumnSpec) error {
	tree, err := parser.Parse(p.text)
	if err != nil {
		return explained(p.text, err, all)
	}
	if err := isWithdrawn(tree.Node); err != nil {
		return err
	}
	env := types.Map{}
	for _, c := range all {
		env[c.Name] = goTypes[c.Type]
	}
	// The language checks the types first: a patched tree would hide its errors.
	if _, err = expr.Compile(p.text, expr.Env(env), exactFunctions, expr.Optimize(false)); err == nil {
		p.program, err = expr.Compile(p.text, expr.Env(env), exactFunctions, exactOperators)
	}
	if err != nil {
		return explained(p.text, err, all)
	}
	p.inputs = named(tree.Node, all)
	return nil
}

// isWithdrawn is the error of a tree that calls a function which is not there.
func isWithdrawn(root ast.Node) (err error) {
	find(root, func(n ast.Node) {
		name := ""
		switch n := n.(type) {
		case *ast.BuiltinNode:
			name = n.Name
		case *ast.CallNode:
			name = n.Callee.String()
		}
		if help, ok := withdrawn[name]; ok {
			at := n.Location().From
			err = &Error{Code: "bad-expression", Text: name + "() " + help[0], Help: help[1], From: at, To: at + runes(name)}
		}
	})
	return err
}

// Type is the type of a program's values in Go; that of any where only a row can show it.
func (p *Program) Type() reflect.Type {
	if p.program == nil {
		return reflectType(p.inputs[0].ColumnSpec)
	}
	return p.program.Node().Type()
}

// fold computes a program that names no column.
func (p *Program) fold() error {
	out, err := vm.Run(p.program, nil)
	if err == nil && out == nil {
		err = errors.New("the value is null, always")
	}
	var b []byte
	if err == nil {
		b, err = appendValue(nil, out)
	}
	if err != nil {
		return &Error{Code: "bad-expression", Text: brief(err), To: runes(p.text)}
	}
	s := string(b)
	p.constant = &s
	return nil
}

// Column is the name of the column that the text is, if it is nothing else.
func (p *Program) Column() (name string, ok bool) { return p.column, p.column != "" }

// Constant is the value of a text that names no column.
func (p *Program) Constant() (value string, ok bool) {
	if p.constant == nil {
		return "", false
	}
	return *p.constant, true
}

// Columns are the columns that the text names.
func (p *Program) Columns() []string {
	var out []string
	for _, in := range p.inputs {
		out = append(out, in.Name)
	}
	return out
}

// named finds the columns that a tree names, and which of them it asks whether they are null.
func named(root ast.Node, all []fencepost.ColumnSpec) (inputs []input) {
	guarded := map[string]bool{}
	add := func(name string) {
		i := slices.IndexFunc(all, func(c fencepost.ColumnSpec) bool { return c.Name == name })
		if i >= 0 && !slices.ContainsFunc(inputs, func(in input) bool { return in.Name == name }) {
			inputs = append(inputs, input{ColumnSpec: all[i], place: i})
		}
	}
	members := map[ast.Node]bool{} // the $env of $env["flight-no"], which names one column
	find(root, func(n ast.Node) {
		if m, ok := n.(*ast.MemberNode); ok {
			_, one := m.Property.(*ast.StringNode)
			members[m.Node] = one
		}
	})
	find(root, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.IdentifierNode:
			add(n.Value)
			if n.Value == "$env" && !members[n] {
				for _, c := range all[:len(all)-len(fencepost.MetaColumns())] {
					add(c.Name)
				}
			}
		case *ast.MemberNode:
			if s, ok := n.Property.(*ast.StringNode); ok {
				add(s.Value)
			}
		case *ast.BinaryNode:
			for _, side := range looked(n) {
				find(side, func(n ast.Node) {
					if id, ok := n.(*ast.IdentifierNode); ok {
						guarded[id.Value] = true
					}
				})
			}
		}
	})
	for i := range inputs {
		inputs[i].guarded = guarded[inputs[i].Name]
	}
	return inputs
}

// looked are the operands of which an operator asks whether they are null.
func looked(n *ast.BinaryNode) (sides []ast.Node) {
	switch n.Operator {
	case "??":
		sides = append(sides, n.Left)
	case "==", "!=":
		for _, pair := range [][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
			if _, null := pair[1].(*ast.NilNode); null {
				sides = append(sides, pair[0])
			}
		}
	}
	return sides
}

// find visits every node.
func find(root ast.Node, visit func(ast.Node)) {
	v := visitor(visit)
	ast.Walk(&root, v)
}

type visitor func(ast.Node)

func (v visitor) Visit(n *ast.Node) { v(*n) }

func reflectType(c fencepost.ColumnSpec) reflect.Type {
	switch c.Type {
	case fencepost.Int:
		return reflect.TypeFor[int]()
	case fencepost.Float:
		return reflect.TypeFor[float64]()
	case fencepost.Bool:
		return reflect.TypeFor[bool]()
	case fencepost.Timestamp:
		return reflect.TypeFor[time.Time]()
	case fencepost.Text, fencepost.Decimal, fencepost.JSON, fencepost.Bytes, fencepost.Date, fencepost.Time, fencepost.UUID:
	}
	return reflect.TypeFor[string]()
}

// mismatch is the *Error of a value that cannot be used, as an error; nil for one whose type is known only with the rows. A
// column of decimals is text to a program, and a number to a store that is given it as it is.
func mismatch(text string, t reflect.Type, want Want, column fencepost.Type) error {
	is, ok := words(t)
	e := &Error{Code: "bad-expression", To: runes(text)}
	switch {
	case !ok:
		e.Text, e.Help = "the value is "+is+", and a text, a number, a bool or a time is needed", "toJSON(...)"
		if is == "a duration" {
			e.Help = "int((...).Seconds())"
		}
	case is == "any":
		return nil
	case want == Bool && is != "a bool":
		e.Text, e.Help = "the value is "+is+", and a condition is needed", "compare it: "+strings.TrimSpace(text)+" != ..."
	case want == Integer && is == "a float":
		e.Text, e.Help = "the value is a float, and a whole number is needed", "int(...) or round(...)"
	case (want == Integer || want == Number) && (is == "a text" && column != fencepost.Decimal || want == Integer && column == fencepost.Decimal):
		e.Text, e.Help = "the value is a text, and a number is needed", "int(...) or float(...)"
	default:
		return nil
	}
	return e
}

// words names a type. ok is false for one that no store takes.
func words(t reflect.Type) (name string, ok bool) {
	if t == nil {
		return "any", true
	}
	switch t {
	case reflect.TypeFor[time.Time]():
		return "a time", true
	case reflect.TypeFor[time.Duration]():
		return "a duration", false
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "an int", true
	case reflect.Float32, reflect.Float64:
		return "a float", true
	case reflect.Bool:
		return "a bool", true
	case reflect.String:
		return "a text", true
	case reflect.Interface:
		return "any", true
	case reflect.Slice, reflect.Array:
		return "a list", false
	case reflect.Map:
		return "a map", false
	}
	return fmt.Sprint("a ", t), false
}
