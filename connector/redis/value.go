package redis

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// Value makes one argument of an effect from a row: a text, a column, several of them joined, or a function of yours.
// The zero Value is no value.
type Value struct {
	columns []string // that it reads
	bind    func(scope) (appender, error)
	same    bool   // for every row
	column  string // it is this column, and nothing else
}

// scope is what Values are bound to, once a batch.
type scope struct {
	group fencepost.Group
	batch *fencepost.Batch
}

// appender appends a row's value to dst.
type appender func(dst []byte, row int, tp fencepost.TopicPartition) ([]byte, error)

// errNull is a Value over a column that is null in this row.
var errNull = errors.New("null")

// ErrNull is errNull, for a Func to return: the row is refused as one whose value is null.
var ErrNull = errNull

// Text is the same for every row. {group} in it stands for the group's hash tag, which keeps an output key in the
// ledger's slot on a cluster.
func Text(s string) Value {
	return Value{same: true, bind: func(sc scope) (appender, error) {
		if sc.group == "" && strings.Contains(s, groupMark) {
			return nil, &fencepost.UserError{Code: "sink-config", Err: fmt.Errorf("%q has %s, and Config.Group is empty", s, groupMark), Exit: 2}
		}
		s := strings.ReplaceAll(s, groupMark, tag(sc.group))
		return func(dst []byte, _ int, _ fencepost.TopicPartition) ([]byte, error) { return append(dst, s...), nil }, nil
	}}
}

// Column is a column's value as text: numbers in decimal, a Bool as 1 or 0, a Timestamp as Unix microseconds, bytes as
// they are. Metadata columns have their usual names.
func Column(name string) Value {
	return Value{columns: []string{name}, column: name, bind: func(sc scope) (appender, error) { return columnAppender(sc.batch, name) }}
}

// columnAppender binds a column's name to a batch.
func columnAppender(b *fencepost.Batch, name string) (appender, error) {
	switch name {
	case fencepost.MetaTopic:
		return func(dst []byte, _ int, tp fencepost.TopicPartition) ([]byte, error) {
			return append(dst, tp.Topic...), nil
		}, nil
	case fencepost.MetaPartition:
		return func(dst []byte, _ int, tp fencepost.TopicPartition) ([]byte, error) {
			return strconv.AppendInt(dst, int64(tp.Partition), 10), nil
		}, nil
	case fencepost.MetaOffset:
		return func(dst []byte, row int, _ fencepost.TopicPartition) ([]byte, error) {
			return strconv.AppendInt(dst, int64(b.Offsets[row]), 10), nil
		}, nil
	case fencepost.MetaTimestamp:
		return func(dst []byte, row int, _ fencepost.TopicPartition) ([]byte, error) {
			us, ok := b.Micros(row)
			if !ok {
				return dst, fmt.Errorf("the timestamp %d (milliseconds) is beyond 64 bits in microseconds", b.Times[row])
			}
			return strconv.AppendInt(dst, us, 10), nil
		}, nil
	}
	c := b.Column(name)
	if c == nil {
		return nil, &sink.Rejected{Code: "unknown-column", Reason: "the batch has no column " + name}
	}
	null := fmt.Errorf("column %s is %w", name, errNull)
	return func(dst []byte, row int, _ fencepost.TopicPartition) ([]byte, error) {
		if c.Null(row) {
			return dst, null
		}
		switch c.Type {
		case fencepost.Int, fencepost.Timestamp:
			return strconv.AppendInt(dst, c.Int(row), 10), nil
		case fencepost.Bool:
			if c.Bool(row) {
				return append(dst, '1'), nil
			}
			return append(dst, '0'), nil
		case fencepost.Float:
			return strconv.AppendFloat(dst, c.Float(row), 'g', -1, 64), nil
		case fencepost.Text, fencepost.Decimal, fencepost.JSON, fencepost.Bytes, fencepost.Date, fencepost.Time, fencepost.UUID:
		}
		return append(dst, c.Bytes(row)...), nil
	}, nil
}

// Join puts Values behind each other: Join(Text("delays:{group}:"), Column("origin")).
func Join(values ...Value) Value {
	v := Value{}
	for _, p := range values {
		v.columns = append(v.columns, p.columns...)
	}
	v.bind = func(sc scope) (appender, error) {
		var parts []appender
		for _, p := range values {
			if p.bind == nil {
				return nil, errors.New("Join of no value")
			}
			a, err := p.bind(sc)
			if err != nil {
				return nil, err
			}
			parts = append(parts, a)
		}
		return func(dst []byte, row int, tp fencepost.TopicPartition) (_ []byte, err error) {
			for _, a := range parts {
				if dst, err = a(dst, row, tp); err != nil {
					return dst, err
				}
			}
			return dst, nil
		}, nil
	}
	return v
}

// Func is a function of the batch and a row's index that appends to dst. columns are those that it reads, so that they
// are there. An error refuses the row. It must give the same for the same row.
func Func(f func(dst []byte, b *fencepost.Batch, row int) ([]byte, error), columns ...string) Value {
	return Value{columns: columns, bind: func(sc scope) (appender, error) {
		return func(dst []byte, row int, _ fencepost.TopicPartition) ([]byte, error) { return f(dst, sc.batch, row) }, nil
	}}
}

// rejected says which row has no value, and why.
func rejected(e Effect, what string, row int, tp fencepost.TopicPartition, b *fencepost.Batch, err error) error {
	r := &sink.Rejected{Code: "bad-value", Reason: fmt.Sprintf("%s: %s of %s@%d: %s", e.Op, what, tp, b.Offsets[row], err), Row: sink.RowOf(b, row)}
	if errors.Is(err, errNull) {
		r.Code, r.Hint = "null", "let where: pass such rows over, or give the column a default"
	}
	return r
}
