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
	at  []int // :: place in inputs -> the column's place in the batch, -1 for one that is no column there
}

// Append appends a row's value as text: numbers in decimal, a bool as 1 or 0, a time as Unix microseconds.
func (p *Program) Append(dst []byte, b *fencepost.Batch, row int) ([]byte, error) {
	out, err := p.run(b, row)
	if err != nil {
		return dst, err
	}
	return appendValue(dst, out)
}

// Is reports whether a condition holds. One over null does not.
func (p *Program) Is(b *fencepost.Batch, row int) (bool, error) {
	if p.constant != nil {
		return *p.constant == "1", nil
	}
	out, err := p.run(b, row)
	if errors.Is(err, ErrNull) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	is, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("the value is %v, and a condition is needed", out)
	}
	return is, nil
}

// run computes the value of a row. A nil value is ErrNull.
func (p *Program) run(b *fencepost.Batch, row int) (any, error) {
	if p.constant != nil {
		return *p.constant, nil
	}
	s, _ := p.states.Get().(*state)
	if s == nil {
		s = &state{env: map[string]any{}, at: make([]int, len(p.inputs))}
	}
	defer p.states.Put(s)
	for i := range p.inputs {
		v, err := s.value(b, row, i, &p.inputs[i])
		if err != nil {
			return nil, err
		}
		if v == nil && !p.inputs[i].guarded {
			return nil, ErrNull
		}
		if p.program == nil {
			return v, nil
		}
		s.env[p.inputs[i].Name] = v
	}
	out, err := s.vm.Run(p.program, s.env)
	if err != nil {
		return nil, errors.New(brief(err))
	}
	if out == nil {
		return nil, ErrNull
	}
	return out, nil
}

// value is one column of a row, nil for a null.
func (s *state) value(b *fencepost.Batch, row, i int, in *input) (any, error) {
	switch in.Name {
	case fencepost.MetaTopic:
		return partition(b, row).Topic, nil
	case fencepost.MetaPartition:
		return int(partition(b, row).Partition), nil
	case fencepost.MetaOffset:
		return int(b.Offsets[row]), nil
	case fencepost.MetaTimestamp:
		return time.UnixMilli(b.Times[row]).UTC(), nil
	}
	at := s.at[i]
	if at >= len(b.Columns) || b.Columns[at].Name != in.Name {
		for at = range b.Columns {
			if b.Columns[at].Name == in.Name {
				break
			}
		}
		if at >= len(b.Columns) || b.Columns[at].Name != in.Name {
			return nil, fmt.Errorf("the batch has no column %s", in.Name)
		}
		s.at[i] = at
	}
	c := &b.Columns[at]
	if c.Null(row) {
		return nil, nil
	}
	switch c.Type {
	case fencepost.Int:
		return int(c.Int(row)), nil
	case fencepost.Float:
		return c.Float(row), nil
	case fencepost.Bool:
		return c.Bool(row), nil
	case fencepost.Timestamp:
		return time.UnixMicro(c.Micros(row)).UTC(), nil
	case fencepost.Text, fencepost.Decimal, fencepost.JSON, fencepost.Bytes, fencepost.Date, fencepost.Time, fencepost.UUID:
	}
	return c.Text(row), nil
}

// partition is that of a row.
func partition(b *fencepost.Batch, row int) fencepost.TopicPartition {
	for i := range b.Segments {
		if s := &b.Segments[i]; row >= s.Lo && row < s.Hi {
			return s.TopicPartition
		}
	}
	return fencepost.TopicPartition{}
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
