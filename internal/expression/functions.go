package expression

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"

	"github.com/expr-lang/expr/builtin"
)

// functions take the place of those of the language that round, wrap, or take what is no number. :: name -> function
var functions = map[string]*builtin.Function{
	"int":      of1("int", toInt, func(t reflect.Type) reflect.Type { return intType }, integer, float, unknown, other),
	"float":    of1("float", toFloat, func(reflect.Type) reflect.Type { return floatType }, integer, float, unknown, other),
	"abs":      of1("abs", absolute, func(t reflect.Type) reflect.Type { return t }, integer, float, unknown),
	"ceil":     of1("ceil", rounded(math.Ceil), func(reflect.Type) reflect.Type { return floatType }, integer, float, unknown),
	"floor":    of1("floor", rounded(math.Floor), func(reflect.Type) reflect.Type { return floatType }, integer, float, unknown),
	"round":    of1("round", rounded(math.Round), func(reflect.Type) reflect.Type { return floatType }, integer, float, unknown),
	"fromJSON": of1("fromJSON", fromJSON, func(reflect.Type) reflect.Type { return anyType }, unknown, other),
	"max":      {Name: "max", Func: func(args ...any) (any, error) { return extreme(1, args) }, Validate: extremeType},
	"min":      {Name: "min", Func: func(args ...any) (any, error) { return extreme(-1, args) }, Validate: extremeType},
}

// of1 is a function of one argument. other stands for a text.
func of1(name string, value func(any) (any, error), typed func(reflect.Type) reflect.Type, takes ...class) *builtin.Function {
	return &builtin.Function{Name: name, Func: func(args ...any) (any, error) { return value(args[0]) },
		Validate: func(args []reflect.Type) (reflect.Type, error) {
			if len(args) != 1 {
				return nil, fmt.Errorf("%s takes one argument, and has %d", name, len(args))
			}
			is := classOf(args[0])
			for _, c := range takes {
				if c == is && (c != other || args[0].Kind() == reflect.String) {
					return typed(args[0]), nil
				}
			}
			return nil, fmt.Errorf("invalid argument for %s (type %s)", name, args[0])
		}}
}

// toInt is a number without its fraction, or the whole number that a text holds.
func toInt(v any) (any, error) {
	if n, ok := whole(v); ok {
		return int(n), nil
	}
	switch v := v.(type) {
	case float64:
		if x := math.Trunc(v); x >= -1<<63 && x < 1<<63 {
			return int(x), nil
		}
		return nil, errOverflow
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%.40q is no int", v)
		}
		return int(n), nil
	}
	return nil, fmt.Errorf("int(...) of %v", v)
}

// toFloat is the nearest float of a number, or of one that a text holds.
func toFloat(v any) (any, error) {
	if n, ok := whole(v); ok {
		return float64(n), nil
	}
	switch v := v.(type) {
	case float64:
		return v, nil
	case string:
		x, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("%.40q is no float", v)
		}
		return x, nil
	}
	return nil, fmt.Errorf("float(...) of %v", v)
}

func absolute(v any) (any, error) {
	if n, ok := whole(v); ok {
		if n < 0 {
			return difference(0, n)
		}
		return int(n), nil
	}
	if x, ok := v.(float64); ok {
		return math.Abs(x), nil
	}
	return nil, fmt.Errorf("abs(...) of %v", v)
}

// rounded is a function of a float; an int is its own value.
func rounded(f func(float64) float64) func(any) (any, error) {
	return func(v any) (any, error) {
		x, ok, err := floatOf(v)
		if !ok && err == nil {
			err = fmt.Errorf("a number is needed, and this is %v", v)
		}
		if err != nil {
			return nil, err
		}
		return f(x), nil
	}
}

// extreme is the largest of all numbers, or the smallest; sign is 1 or -1.
func extreme(sign int, args []any) (best any, err error) {
	for _, arg := range args {
		if list := reflect.ValueOf(arg); list.IsValid() && (list.Kind() == reflect.Slice || list.Kind() == reflect.Array) {
			var inner []any
			for i := range list.Len() {
				inner = append(inner, list.Index(i).Interface())
			}
			if arg, err = extreme(sign, inner); err != nil {
				return nil, err
			}
		}
		if best == nil {
			best = arg
			continue
		}
		c, ok := compare(arg, best)
		if !ok {
			return nil, fmt.Errorf("%v and %v are not two numbers", best, arg)
		}
		if c*sign > 0 {
			best = arg
		}
	}
	if _, ok, _ := floatOf(best); !ok {
		return nil, errors.New("there is no number")
	}
	return best, nil
}

// extremeType is the type of all arguments, if it is one.
func extremeType(args []reflect.Type) (reflect.Type, error) {
	if len(args) == 0 {
		return nil, errors.New("not enough arguments")
	}
	for _, t := range args {
		if c := classOf(t); !c.isNumber() && t.Kind() != reflect.Slice && t.Kind() != reflect.Array {
			return nil, fmt.Errorf("numbers are needed, and this is %s", t)
		}
		if t != args[0] {
			return anyType, nil
		}
	}
	if c := classOf(args[0]); c == integer || c == float {
		return args[0], nil
	}
	return anyType, nil
}

// fromJSON reads a JSON text: its whole numbers are ints, and other numbers the nearest floats.
func fromJSON(v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("fromJSON(...) of %v", v)
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more stands behind the JSON value")
	}
	return numbered(out)
}

// numbered puts numbers in the place of their texts.
func numbered(v any) (_ any, err error) {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n), nil
		}
		if bytes.ContainsAny([]byte(v), ".eE") {
			return toFloat(v.String())
		}
		return nil, fmt.Errorf("%.40s of JSON is beyond 64 bits", v)
	case map[string]any:
		for name := range v {
			if v[name], err = numbered(v[name]); err != nil {
				return nil, err
			}
		}
	case []any:
		for i := range v {
			if v[i], err = numbered(v[i]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}
