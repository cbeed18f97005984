package expression

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/vm/runtime"
)

// The language computes with the machine's numbers: a sum of ints wraps, an int beside a float is rounded to one, and so is each number
// of a JSON text. Here its operators are calls of functions that compute the same or fail. A patched operator is found by its own name,
// which no text can write as that of a function.

// operation is an operator of two operands: its value, and its type by those of the operands.
type operation struct {
	value func(a, b any) (any, error)
	typed func(a, b class) (reflect.Type, bool) // ok is false where the language's own operator is kept
}

// class is what kind of number a type is.
type class uint8

const (
	other class = iota
	unknown
	integer
	float
	span // a duration
	moment
)

var (
	anyType   = reflect.TypeFor[any]()
	intType   = reflect.TypeFor[int]()
	floatType = reflect.TypeFor[float64]()
	boolType  = reflect.TypeFor[bool]()
	spanType  = reflect.TypeFor[time.Duration]()
	timeType  = reflect.TypeFor[time.Time]()
)

func classOf(t reflect.Type) class {
	switch {
	case t == nil || t.Kind() == reflect.Interface:
		return unknown
	case t == spanType:
		return span
	case t == timeType:
		return moment
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return integer
	case reflect.Float32, reflect.Float64:
		return float
	}
	return other
}

// isNumber reports whether a class may be that of a number.
func (c class) isNumber() bool { return c == unknown || c == integer || c == float }

// operations are the operators that are patched. :: operator -> what it computes
var operations = map[string]operation{
	"+": {add, sumType}, "-": {subtract, sumType}, "*": {multiply, productType},
	"/": {divide, quotientType}, "%": {modulo, moduloType}, "**": {power, quotientType}, "^": {power, quotientType},
	"==": {equal, mixedType}, "!=": {unequal, mixedType}, "in": {within, memberType},
	"<":  {ordered("<", func(c int) bool { return c < 0 }, runtime.Less), mixedType},
	">":  {ordered(">", func(c int) bool { return c > 0 }, runtime.More), mixedType},
	"<=": {ordered("<=", func(c int) bool { return c <= 0 }, runtime.LessOrEqual), mixedType},
	">=": {ordered(">=", func(c int) bool { return c >= 0 }, runtime.MoreOrEqual), mixedType},
}

// numbersType is the type of a value that is computed of two numbers.
func numbersType(a, b class, ofInts reflect.Type) (reflect.Type, bool) {
	switch {
	case !a.isNumber() || !b.isNumber():
		return nil, false
	case a == unknown || b == unknown:
		return anyType, true
	case a == integer && b == integer:
		return ofInts, true
	}
	return floatType, true
}

func sumType(a, b class) (reflect.Type, bool) {
	if a == span && b == span || a == moment && b == moment {
		return spanType, true // of two times only a difference: the language refuses their sum
	}
	return numbersType(a, b, intType)
}

func productType(a, b class) (reflect.Type, bool) {
	if a == span && (b == integer || b == float) || b == span && (a == integer || a == float) {
		return spanType, true
	}
	return numbersType(a, b, intType)
}

func quotientType(a, b class) (reflect.Type, bool) { return numbersType(a, b, floatType) }

func moduloType(a, b class) (reflect.Type, bool) {
	t, ok := numbersType(a, b, intType)
	return t, ok && t != floatType
}

// mixedType is that of a comparison, which is patched where an int may stand beside a float.
func mixedType(a, b class) (reflect.Type, bool) {
	return boolType, a.isNumber() && b.isNumber() && (a != b || a == unknown) || a == unknown || b == unknown
}

// memberType is that of in: what is looked for decides.
func memberType(a, _ class) (reflect.Type, bool) { return boolType, a.isNumber() }

// exactFunctions puts ours in the place of the language's.
func exactFunctions(c *conf.Config) {
	for name, f := range functions {
		c.Functions[name] = f
	}
}

// exactOperators patches the operators.
func exactOperators(c *conf.Config) {
	for name, o := range operations {
		c.Functions[name] = &builtin.Function{Name: name, Func: func(args ...any) (any, error) { return o.value(args[0], args[1]) },
			Validate: func(args []reflect.Type) (reflect.Type, error) {
				t, _ := o.typed(classOf(args[0]), classOf(args[1]))
				return t, nil
			}}
	}
	c.Functions[negation] = &builtin.Function{Name: negation, Func: func(args ...any) (any, error) { return subtract(0, args[0]) },
		Validate: func(args []reflect.Type) (reflect.Type, error) { return args[0], nil }}
	c.Visitors = append(c.Visitors, patch{})
}

// withdrawn are functions of the language that are not there. :: name -> why, and the remedy
var withdrawn = map[string][2]string{
	"now":    {"gives another value whenever a batch is tried again", "_timestamp, the record's own time"},
	"sum":    {"computes beyond 64 bits without a word", "reduce(LIST, #acc + #)"},
	"mean":   {"rounds ints", "reduce(LIST, #acc + #) / len(LIST)"},
	"median": {"rounds ints", "sort(LIST)[int(len(LIST) / 2)]"},
}

// negation is the name of the minus in front of an int.
const negation = "0-"

// patch puts calls in the place of operators.
type patch struct{}

// Visit patches one node. The checker has typed it.
func (patch) Visit(node *ast.Node) {
	var call *ast.CallNode
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		o, ok := operations[n.Operator]
		if !ok {
			return
		}
		a, b := classOf(n.Left.Type()), classOf(n.Right.Type())
		if _, ok := o.typed(a, b); !ok || isNull(n.Left) || isNull(n.Right) || n.Operator == "+" && a == moment {
			return
		}
		call = &ast.CallNode{Callee: &ast.IdentifierNode{Value: n.Operator}, Arguments: []ast.Node{n.Left, n.Right}}
	case *ast.UnaryNode:
		c := classOf(n.Node.Type())
		if n.Operator != "-" || c != integer && c != unknown {
			return
		}
		call = &ast.CallNode{Callee: &ast.IdentifierNode{Value: negation}, Arguments: []ast.Node{n.Node}}
	default:
		return
	}
	call.SetLocation((*node).Location())
	*node = call // without a type, so that the checker looks at its arguments again
}

func isNull(n ast.Node) bool { _, is := n.(*ast.NilNode); return is }

// whole is a value that is a whole number of the machine.
func whole(v any) (int64, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case time.Duration:
		return 0, false
	}
	if r := reflect.ValueOf(v); r.IsValid() && r.CanInt() {
		return r.Int(), true
	}
	return 0, false
}

var errOverflow = errors.New("the value is beyond 64 bits")

// exact is an int as a float, if there is one of its value.
func exact(n int64) (float64, error) {
	x := float64(n)
	if n < -1<<53 || n > 1<<53 {
		if back, accuracy := big.NewFloat(x).Int64(); back != n || accuracy != big.Exact {
			return 0, fmt.Errorf("%d beside a float would be rounded: float(...) says that it may be", n)
		}
	}
	return x, nil
}

// floats are two numbers as floats. ok is false if one of them is none.
func floats(a, b any) (x, y float64, ok bool, err error) {
	if x, ok, err = floatOf(a); ok && err == nil {
		y, ok, err = floatOf(b)
	}
	return x, y, ok, err
}

func floatOf(v any) (x float64, ok bool, err error) {
	if n, is := whole(v); is {
		x, err = exact(n)
		return x, true, err
	}
	switch v := v.(type) {
	case float64:
		return v, true, nil
	case float32:
		return float64(v), true, nil
	}
	return 0, false, nil
}

// finite is a float that a column can hold.
func finite(x float64) (any, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, errors.New("the value is beyond a float")
	}
	return x, nil
}

// calculated computes with ints, or with floats, or with what only the language knows.
func calculated(a, b any, ints func(n, m int64) (any, error), reals func(x, y float64) float64, rest func(a, b any) any) (any, error) {
	n, isInt := whole(a)
	m, areInts := whole(b)
	if isInt && areInts {
		return ints(n, m)
	}
	x, y, ok, err := floats(a, b)
	switch {
	case err != nil:
		return nil, err
	case ok:
		return finite(reals(x, y))
	}
	return rest(a, b), nil
}

func sum(n, m int64) (any, error) {
	s := n + m
	if (s > n) != (m > 0) {
		return nil, errOverflow
	}
	return int(s), nil
}

func difference(n, m int64) (any, error) {
	d := n - m
	if (d < n) != (m > 0) {
		return nil, errOverflow
	}
	return int(d), nil
}

func product(n, m int64) (any, error) {
	p := n * m
	if n != 0 && (p/n != m || n == -1 && m == math.MinInt64) {
		return nil, errOverflow
	}
	return int(p), nil
}

// spans computes with durations as with ints.
func spans(a, b time.Duration, of func(n, m int64) (any, error)) (any, error) {
	v, err := of(int64(a), int64(b))
	if err != nil {
		return nil, errors.New("the duration is beyond 292 years")
	}
	return time.Duration(v.(int)), nil
}

func add(a, b any) (any, error) {
	if d, ok := a.(time.Duration); ok {
		if e, ok := b.(time.Duration); ok {
			return spans(d, e, sum)
		}
	}
	return calculated(a, b, sum, func(x, y float64) float64 { return x + y }, runtime.Add)
}

func subtract(a, b any) (any, error) {
	switch from := a.(type) {
	case time.Duration:
		if e, ok := b.(time.Duration); ok {
			return spans(from, e, difference)
		}
	case time.Time:
		if t, ok := b.(time.Time); ok {
			d := from.Sub(t) // which stops at the ends
			if !t.Add(d).Equal(from) {
				return nil, errors.New("the duration is beyond 292 years")
			}
			return d, nil
		}
	}
	return calculated(a, b, difference, func(x, y float64) float64 { return x - y }, runtime.Subtract)
}

func multiply(a, b any) (any, error) {
	if _, ok := a.(time.Duration); ok {
		a, b = b, a
	}
	if d, ok := b.(time.Duration); ok {
		if n, ok := whole(a); ok {
			return spans(time.Duration(n), d, product)
		}
		if x, ok := a.(float64); ok {
			p := x * float64(d)
			if !(math.Abs(p) < 1<<63) {
				return nil, errors.New("the duration is beyond 292 years")
			}
			return time.Duration(p), nil
		}
	}
	return calculated(a, b, product, func(x, y float64) float64 { return x * y }, runtime.Multiply)
}

func divide(a, b any) (any, error) {
	x, y, ok, err := floats(a, b)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return runtime.Divide(a, b), nil
	case y == 0:
		return nil, errors.New("division by zero")
	}
	return finite(x / y)
}

func modulo(a, b any) (any, error) {
	n, isInt := whole(a)
	m, areInts := whole(b)
	switch {
	case !isInt || !areInts:
		return nil, errors.New("% is of two ints")
	case m == 0:
		return nil, errors.New("division by zero")
	case m == -1:
		return 0, nil
	}
	return int(n % m), nil
}

func power(a, b any) (any, error) {
	n, isInt := whole(a)
	m, areInts := whole(b)
	if isInt && areInts && m >= 0 && n != 0 && n != 1 && n != -1 {
		if m > 1024 {
			return nil, errors.New("the value is beyond a float")
		}
		x, accuracy := new(big.Float).SetInt(new(big.Int).Exp(big.NewInt(n), big.NewInt(m), nil)).Float64()
		if accuracy != big.Exact {
			return nil, errors.New("the value would be rounded: float(...) of one of both says that it may be")
		}
		return finite(x)
	}
	x, y, ok, err := floats(a, b)
	if err != nil || !ok {
		return nil, errors.Join(err, errors.New("a power is of two numbers"))
	}
	return finite(math.Pow(x, y))
}

// compare compares two numbers by their values. ok is false where one is no number, or NaN.
func compare(a, b any) (c int, ok bool) {
	n, isInt := whole(a)
	m, areInts := whole(b)
	x, isFloat := a.(float64)
	y, areFloats := b.(float64)
	switch {
	case isInt && areInts:
		return order(n, m), true
	case isFloat && areFloats && x == x && y == y:
		return order(x, y), true
	case isInt && areFloats && y == y:
		return compareFloat(n, y), true
	case isFloat && areInts && x == x:
		return -compareFloat(m, x), true
	}
	return 0, false
}

func order[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// compareFloat compares an int with a float, of which neither is made the other where that would round it.
func compareFloat(n int64, x float64) int {
	switch {
	case x >= 1<<63:
		return -1
	case x < -1<<63:
		return 1
	}
	floor := math.Floor(x)
	if c := order(n, int64(floor)); c != 0 || floor == x {
		return c
	}
	return -1 // what x has behind the point
}

func ordered(name string, holds func(int) bool, rest func(a, b any) bool) func(a, b any) (any, error) {
	return func(a, b any) (any, error) {
		if c, ok := compare(a, b); ok {
			return holds(c), nil
		}
		if _, is, _ := floatOf(a); is {
			return nil, fmt.Errorf("%s compares two numbers, two texts or two times, and these are %v and %v", name, a, b)
		}
		return rest(a, b), nil
	}
}

func same(a, b any) bool {
	if c, ok := compare(a, b); ok {
		return c == 0
	}
	return runtime.Equal(a, b)
}

func equal(a, b any) (any, error)   { return same(a, b), nil }
func unequal(a, b any) (any, error) { return !same(a, b), nil }

// within looks for a value in a list, and leaves what is no list to the language.
func within(a, list any) (any, error) {
	v := reflect.ValueOf(list)
	if !v.IsValid() || v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
		return runtime.In(a, list), nil
	}
	for i := range v.Len() {
		if same(a, v.Index(i).Interface()) {
			return true, nil
		}
	}
	return false, nil
}
