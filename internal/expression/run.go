package expression

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/expr-lang/expr/vm"

	"github.com/fencepost/fencepost"
)

// ErrNull is what Append returns for a row whose value is null.
var ErrNull = errors.New("null")

// state is what one run of a program needs. Its memory is used again.
type state struct {
	vm  vm.VM
	env map[string]any
	row Row // of a batch
}

// state is one that nobody uses.
func (p *Program) state() *state {
	if s, ok := p.states.Get().(*state); ok {
		return s
	}
	return &state{env: map[string]any{}}
}

// Append appends a row's value as text: numbers in decimal, a bool as 1 or 0, a time as Unix microseconds.
func (p *Program) Append(dst []byte, b *fencepost.Batch, row int) ([]byte, error) {
	if p.constant != nil {
		return append(dst, *p.constant...), nil
	}
	s := p.state()
	defer p.states.Put(s)
	s.row = Row{Columns: b.Columns, At: row, batch: b}
	out, err := p.Value(&s.row)
	if err != nil {
		return dst, err
	}
	return appendValue(dst, out)
}

// Is reports whether a condition holds. One over null does not.
func (p *Program) Is(b *fencepost.Batch, row int) (bool, error) {
	s := p.state()
	defer p.states.Put(s)
	s.row = Row{Columns: b.Columns, At: row, batch: b}
	return p.Holds(&s.row)
}

// Holds reports whether a condition holds. One over null does not.
func (p *Program) Holds(r *Row) (bool, error) {
	if p.holds != nil {
		is, err := p.holds.holds(r)
		return is == yes, err
	}
	if p.constant != nil {
		return *p.constant == "1", nil
	}
	switch out, err := p.runs(r); is := out.(type) {
	case bool:
		return is, err
	case nil:
		return false, err
	default:
		return false, fmt.Errorf("the value is %v, and a condition is needed", out)
	}
}

// Value is the value of a row: an int, a float64, a bool, a text, or a time.Time. A null is ErrNull.
func (p *Program) Value(r *Row) (any, error) {
	var out any
	var err error
	if p.holds != nil {
		var is truth
		if is, err = p.holds.holds(r); is != unsure {
			out = is == yes
		}
	} else {
		out, err = p.runs(r)
	}
	if err == nil && out == nil {
		err = ErrNull
	}
	return out, err
}

// runs computes the value of a row by the language, nil for a null.
func (p *Program) runs(r *Row) (any, error) {
	if p.program == nil {
		return p.inputs[0].value(r)
	}
	s := p.state()
	defer p.states.Put(s)
	for i := range p.inputs {
		v, err := p.inputs[i].value(r)
		if err != nil || v == nil && !p.inputs[i].guarded {
			return nil, err
		}
		s.env[p.inputs[i].Name] = v
	}
	out, err := s.vm.Run(p.program, s.env)
	if err != nil {
		return nil, errors.New(brief(err))
	}
	return out, nil
}

// exactFloat is up to where each whole number is a float64 of its own.
const exactFloat = 1 << 53

// appendValue appends a value as a store takes it.
func appendValue(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return append(dst, v...), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case bool:
		if v {
			return append(dst, '1'), nil
		}
		return append(dst, '0'), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < exactFloat { // a number of JSON that is whole is an integer
			return strconv.AppendInt(dst, int64(v), 10), nil
		}
		return strconv.AppendFloat(dst, v, 'g', -1, 64), nil
	case time.Time:
		us := v.UnixMicro()
		if !time.UnixMicro(us).Equal(v.Truncate(time.Microsecond)) {
			return dst, fmt.Errorf("the time %s is beyond 64 bits in microseconds", v.UTC().Format(time.RFC3339))
		}
		return strconv.AppendInt(dst, us, 10), nil
	case nil:
		return dst, ErrNull
	}
	if name, ok := words(reflect.TypeOf(v)); !ok {
		return dst, fmt.Errorf("the value is %s, and a text, a number, a bool or a time is needed", name)
	}
	return fmt.Append(dst, v), nil
}
