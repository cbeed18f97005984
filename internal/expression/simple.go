package expression

import (
	"cmp"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"github.com/fencepost/fencepost"
)

// simple makes the test of a comparison of a column with a constant without the language: what most conditions are made of, at a tenth
// of the time. ok is false for what is not so simple.
func simple(n ast.Node, all []fencepost.ColumnSpec) (test func(*Row) (truth, error), ok bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if in, ok := columnOf(n, all); ok && in.Type == fencepost.Bool {
			return on(in, func(c *fencepost.Column, row int) truth { return truthOf(c.Bool(row)) }), true
		}
	case *ast.BinaryNode:
		if n.Operator == "in" {
			return simpleIn(n, all)
		}
		outcomes, known := comparisons[n.Operator]
		if !known {
			return nil, false
		}
		if in, ok := columnOf(n.Left, all); ok {
			return simpleComparison(in, n.Right, outcomes)
		}
		if in, ok := columnOf(n.Right, all); ok {
			return simpleComparison(in, n.Left, [3]truth{outcomes[2], outcomes[1], outcomes[0]})
		}
	}
	return nil, false
}

// comparisons says what an operator makes of less, equal and greater.
var comparisons = map[string][3]truth{"<": {yes, no, no}, "<=": {yes, yes, no}, "==": {no, yes, no}, "!=": {yes, no, yes}, ">=": {no, yes, yes}, ">": {no, no, yes}}

// columnOf is the column that a node is, but for metadata.
func columnOf(n ast.Node, all []fencepost.ColumnSpec) (in input, ok bool) {
	id, ok := n.(*ast.IdentifierNode)
	if !ok {
		return in, false
	}
	i := slices.IndexFunc(all[:len(all)-len(fencepost.MetaColumns())], func(c fencepost.ColumnSpec) bool { return c.Name == id.Value })
	if i < 0 {
		return in, false
	}
	return input{ColumnSpec: all[i], place: i}, true
}

// on is a test of one column, unsure of a null.
func on(in input, test func(c *fencepost.Column, row int) truth) func(*Row) (truth, error) {
	return func(r *Row) (truth, error) {
		c, err := in.column(r)
		switch {
		case err != nil:
			return no, err
		case c.Null(r.At):
			return unsure, nil
		}
		return test(c, r.At), nil
	}
}

// onInt compares an int, as on does with a function: most conditions do, and its call is saved.
func onInt(in input, want int64, outcomes [3]truth) func(*Row) (truth, error) {
	return func(r *Row) (truth, error) {
		c, err := in.column(r)
		switch {
		case err != nil:
			return no, err
		case c.Null(r.At):
			return unsure, nil
		}
		return outcomes[order(c.Int(r.At), want)+1], nil
	}
}

// simpleComparison compares a column with the constant that a node is. outcomes are for a column that is less, equal, or greater.
func simpleComparison(in input, n ast.Node, outcomes [3]truth) (test func(*Row) (truth, error), ok bool) {
	if isNull(n) {
		return simpleNull(in, outcomes)
	}
	constant, ok := constantOf(n)
	if !ok {
		return nil, false
	}
	equality := outcomes[0] == outcomes[2]
	switch want := constant.(type) {
	case int:
		if in.Type == fencepost.Int {
			return onInt(in, int64(want), outcomes), true
		}
		if in.Type == fencepost.Float {
			return on(in, func(c *fencepost.Column, row int) truth { return outcomes[1-compareFloat(int64(want), c.Float(row))] }), true
		}
	case float64:
		if in.Type == fencepost.Int {
			return on(in, func(c *fencepost.Column, row int) truth { return outcomes[compareFloat(c.Int(row), want)+1] }), true
		}
		if in.Type == fencepost.Float {
			return on(in, func(c *fencepost.Column, row int) truth { return outcomes[cmp.Compare(c.Float(row), want)+1] }), true
		}
	case string:
		if goTypes[in.Type] == goTypes[fencepost.Text] {
			return on(in, func(c *fencepost.Column, row int) truth { return outcomes[cmp.Compare(c.Text(row), want)+1] }), true
		}
	case bool:
		if in.Type == fencepost.Bool && equality {
			return on(in, func(c *fencepost.Column, row int) truth { return outcomes[1+b2i(c.Bool(row) != want)] }), true
		}
	case time.Time:
		us := want.UnixMicro()
		if in.Type == fencepost.Timestamp && time.UnixMicro(us).Equal(want) {
			return on(in, func(c *fencepost.Column, row int) truth { return outcomes[cmp.Compare(c.Micros(row), us)+1] }), true
		}
	}
	return nil, false
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// simpleNull asks whether a column is null.
func simpleNull(in input, outcomes [3]truth) (test func(*Row) (truth, error), ok bool) {
	if outcomes[0] != outcomes[2] {
		return nil, false
	}
	return func(r *Row) (truth, error) {
		c, err := in.column(r)
		if err != nil {
			return no, err
		}
		return outcomes[1-b2i(!c.Null(r.At))], nil
	}, true
}

// simpleIn looks for a column's text or int in a list of constants.
func simpleIn(n *ast.BinaryNode, all []fencepost.ColumnSpec) (test func(*Row) (truth, error), ok bool) {
	in, ok := columnOf(n.Left, all)
	list, isList := n.Right.(*ast.ArrayNode)
	if !ok || !isList {
		return nil, false
	}
	ints, texts := map[int64]bool{}, map[string]bool{}
	for _, item := range list.Nodes {
		switch item := item.(type) {
		case *ast.IntegerNode:
			ints[int64(item.Value)] = true
		case *ast.StringNode:
			texts[item.Value] = true
		default:
			return nil, false
		}
	}
	switch {
	case in.Type == fencepost.Int && len(texts) == 0:
		return on(in, func(c *fencepost.Column, row int) truth { return truthOf(ints[c.Int(row)]) }), true
	case goTypes[in.Type] == goTypes[fencepost.Text] && len(ints) == 0:
		return on(in, func(c *fencepost.Column, row int) truth { return truthOf(texts[c.Text(row)]) }), true
	}
	return nil, false
}

// constantOf is the value of a node that names nothing.
func constantOf(n ast.Node) (any, bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return n.Value, true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.StringNode:
		return n.Value, true
	case *ast.BoolNode:
		return n.Value, true
	}
	names := false
	find(n, func(n ast.Node) {
		switch n.(type) {
		case *ast.IdentifierNode, *ast.PointerNode, *ast.VariableDeclaratorNode:
			names = true
		}
	})
	if names {
		return nil, false
	}
	p := &Program{text: n.String()}
	if p.compile(fencepost.MetaColumns()) != nil {
		return nil, false
	}
	v, err := vm.Run(p.program, map[string]any{})
	return v, err == nil && v != nil
}
