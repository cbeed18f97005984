package expression

import (
	"fmt"

	"github.com/expr-lang/expr/ast"

	"github.com/fencepost/fencepost"
)

// truth is what a condition is of a row, as SQL has it. The order is that of "and", which is the least of both, and of "or", the most.
type truth int8

const (
	no truth = iota
	unsure
	yes
)

func truthOf(is bool) truth {
	if is {
		return yes
	}
	return no
}

// condition is a part of a condition: and, or, not of others, or a test.
type condition struct {
	operator    operator
	left, right *condition
	test        func(*Row) (truth, error)
	text        string // of a test
}

// operator is what a condition does with its parts.
type operator uint8

const (
	isTest operator = iota
	isAnd
	isOr
	isNot
)

// holds evaluates a condition. What the left side decides, the right side is not asked.
func (c *condition) holds(r *Row) (truth, error) {
	if c.operator == isTest {
		return c.test(r)
	}
	left, err := c.left.holds(r)
	switch {
	case err != nil:
		return no, err
	case c.operator == isNot:
		return yes - left, nil
	case c.operator == isAnd && left == no, c.operator == isOr && left == yes:
		return left, nil
	}
	right, err := c.right.holds(r)
	if c.operator == isAnd {
		return min(left, right), err
	}
	return max(left, right), err
}

// conditionOf makes a condition of a tree, if the tree is one by its form: of and, or, not, or a simple test. nil otherwise.
func conditionOf(root ast.Node, all []fencepost.ColumnSpec) (*condition, error) {
	_, plain := simple(root, all)
	if _, _, _, ok := parts(root); !ok && !plain {
		return nil, nil
	}
	return build(root, all)
}

// parts are the operands of and, or, not; right is nil for not.
func parts(n ast.Node) (o operator, left, right ast.Node, ok bool) {
	switch n := n.(type) {
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&":
			return isAnd, n.Left, n.Right, true
		case "or", "||":
			return isOr, n.Left, n.Right, true
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return isNot, n.Node, nil, true
		}
	}
	return isTest, nil, nil, false
}

func build(n ast.Node, all []fencepost.ColumnSpec) (c *condition, err error) {
	o, left, right, ok := parts(n)
	if !ok {
		c = &condition{text: n.String()}
		if c.test, ok = simple(n, all); ok {
			return c, nil
		}
		c.test, err = tested(c.text, all)
		return c, err
	}
	c = &condition{operator: o}
	if c.left, err = build(left, all); err == nil && right != nil {
		c.right, err = build(right, all)
	}
	return c, err
}

// tested is a test that the language runs.
func tested(text string, all []fencepost.ColumnSpec) (func(*Row) (truth, error), error) {
	p := &Program{text: text}
	if err := p.compile(all); err != nil {
		return nil, err
	}
	return func(r *Row) (truth, error) {
		v, err := p.runs(r)
		switch is, ok := v.(bool); {
		case err != nil:
			return no, err
		case v == nil:
			return unsure, nil
		case ok:
			return truthOf(is), nil
		}
		return no, fmt.Errorf("the value is %v, and a condition is needed", v)
	}, nil
}
