package mysql

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

// The first and the last timestamp that DATETIME takes: the years 1 and 9999.
const (
	minTimestamp = -62_135_596_800_000_000
	maxTimestamp = 253_402_300_799_999_999
)

// encoder writes the rows of a batch as the tuples of an INSERT: (1,'a'),(2,'b').
type encoder struct {
	fields  []field
	columns []*fencepost.Column // :: field -> its column, nil for metadata of the segment
	batch   *fencepost.Batch
	most    int // bytes of one piece
	buf     []byte
	pieces  []int // where pieces end in buf, each before its comma
	day     int64 // since 1970, of the last timestamp
	dayText []byte
}

// encode writes all rows into pieces of at most `most` bytes. A value that no column of its type can hold is a
// *sink.Rejected. REQUIRES: every field has its column.
func (e *encoder) encode(b *fencepost.Batch) error {
	e.batch, e.buf, e.pieces, e.columns = b, e.buf[:0], e.pieces[:0], e.columns[:0]
	for _, f := range e.fields {
		var c *fencepost.Column
		switch f.From {
		case sqlstore.FromColumn:
			c = b.Column(f.Name)
		case sqlstore.FromDelete, sqlstore.FromUnchanged:
			c = b.Column(f.Of)
		}
		e.columns = append(e.columns, c)
	}
	start := 0
	for i := range b.Segments {
		s := &b.Segments[i]
		topic := quote(s.Topic)
		for row := s.Lo; row < s.Hi; row++ {
			at := len(e.buf)
			if err := e.row(s, topic, row); err != nil {
				return sink.Name(err, sink.RowOf(b, row))
			}
			if len(e.buf)-start > e.most {
				if at == start || len(e.buf)-at > e.most {
					return &sink.Rejected{Code: "1153", Reason: fmt.Sprintf("the row of %d bytes is larger than the server's max_allowed_packet", len(e.buf)-at),
						Hint: "SET GLOBAL max_allowed_packet = 67108864;", Row: sink.RowOf(b, row), Blame: sink.TheSize}
				}
				e.pieces = append(e.pieces, at)
				start = at
			}
		}
	}
	e.pieces = append(e.pieces, len(e.buf))
	return nil
}

// piece is the tuples of one INSERT.
func (e *encoder) piece(i int) []byte {
	lo := 0
	if i > 0 {
		lo = e.pieces[i-1]
	}
	return e.buf[lo : e.pieces[i]-1] // without the last comma
}

// row appends one tuple and a comma.
func (e *encoder) row(s *fencepost.Segment, topic string, row int) error {
	e.buf = append(e.buf, '(')
	for i := range e.fields {
		f := &e.fields[i]
		switch f.From {
		case sqlstore.FromTopic:
			e.buf = append(e.buf, topic...)
		case sqlstore.FromPartition:
			e.buf = strconv.AppendInt(e.buf, int64(s.Partition), 10)
		case sqlstore.FromOffset:
			e.buf = strconv.AppendInt(e.buf, int64(e.batch.Offsets[row]), 10)
		case sqlstore.FromTime:
			us, ok := e.batch.Micros(row)
			if !ok {
				return refused(f, "the timestamp %d (milliseconds) is outside the years 1 to 9999", e.batch.Times[row])
			}
			if err := e.moment(f, us); err != nil {
				return err
			}
		case sqlstore.FromDelete:
			e.buf = appendBool(e.buf, e.columns[i].Text(row) == fencepost.OpDelete)
		case sqlstore.FromUnchanged:
			e.buf = appendBool(e.buf, e.columns[i].Unchanged(row))
		case sqlstore.FromColumn:
			if err := e.value(f, e.columns[i], row); err != nil {
				return err
			}
		}
		e.buf = append(e.buf, ',')
	}
	e.buf[len(e.buf)-1] = ')'
	e.buf = append(e.buf, ',')
	return nil
}

// value appends one value of a column.
func (e *encoder) value(f *field, c *fencepost.Column, row int) error {
	if c.Null(row) {
		word := "null"
		if c.Absent(row) {
			word = "default"
		}
		e.buf = append(e.buf, word...)
		return nil
	}
	switch f.Kind {
	case kindText:
		e.buf = appendQuoted(e.buf, c.Bytes(row))
	case kindBytes:
		e.buf = appendQuoted(append(e.buf, "_binary"...), c.Bytes(row))
	case kindUTF8:
		if !utf8.Valid(c.Bytes(row)) {
			return refused(f, "bytes that are no UTF-8")
		}
		e.buf = appendQuoted(e.buf, c.Bytes(row))
	case kindWhole:
		if fraction(c.Bytes(row)) {
			return refused(f, "%s has a fraction", c.Bytes(row))
		}
		e.buf = appendQuoted(e.buf, c.Bytes(row))
	case kindIntDouble:
		if n := c.Int(row); n > 1<<53 || n < -1<<53 {
			return refused(f, "%d is beyond 2^53: double would round it", n)
		}
		e.buf = strconv.AppendInt(e.buf, c.Int(row), 10)
	case kindInt:
		e.buf = strconv.AppendInt(e.buf, c.Int(row), 10)
	case kindBool:
		e.buf = appendBool(e.buf, c.Bool(row))
	case kindFloat, kindSingle:
		v := c.Float(row)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return refused(f, "%v is no number to MySQL", v)
		}
		if f.Kind == kindSingle && v != 0 && float32(v) == 0 {
			return refused(f, "%v would be 0", v)
		}
		e.buf = strconv.AppendFloat(e.buf, v, 'e', -1, 64) // with its exponent: 0.1 would be a decimal
	case kindDatetime, kindDate:
		return e.moment(f, c.Micros(row))
	}
	return nil
}

// appendBool appends 0 or 1.
func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, '1')
	}
	return append(b, '0')
}

// fraction reports whether a decimal has digits behind its point, once its exponent is taken: the server would round them.
func fraction(decimal []byte) bool {
	mantissa, exponent := decimal, 0
	if i := bytes.IndexAny(decimal, "eE"); i >= 0 {
		mantissa = decimal[:i]
		exponent, _ = strconv.Atoi(string(decimal[i+1:])) // out of range: the largest or smallest int
	}
	whole, behind, _ := bytes.Cut(mantissa, []byte{'.'})
	behind = bytes.TrimRight(behind, "0")
	if len(behind) > 0 {
		return exponent < len(behind)
	}
	digits := bytes.TrimLeft(whole, "+-0")
	return len(digits) > 0 && exponent < len(bytes.TrimRight(digits, "0"))-len(digits)
}

// moment appends a timestamp.
func (e *encoder) moment(f *field, micros int64) error {
	if micros < minTimestamp || micros > maxTimestamp {
		return refused(f, "the timestamp %d (microseconds) is outside the years 1 to 9999", micros)
	}
	e.buf = append(e.buf, '\'')
	clock := e.date(micros)
	if f.Kind != kindDate {
		e.buf = appendClock(e.buf, clock)
	}
	e.buf = append(e.buf, '\'')
	return nil
}

// date appends the day of a timestamp, 2006-01-02, and returns the microseconds since its midnight. Rows that follow each
// other mostly are of one day.
func (e *encoder) date(micros int64) (clock int64) {
	const long = int64(24*time.Hour) / 1000
	day, clock := micros/long, micros%long
	if clock < 0 {
		day, clock = day-1, clock+long
	}
	if day != e.day || len(e.dayText) == 0 {
		e.day, e.dayText = day, time.UnixMicro(day*long).UTC().AppendFormat(e.dayText[:0], time.DateOnly)
	}
	e.buf = append(e.buf, e.dayText...)
	return clock
}

// appendClock appends microseconds since midnight: a blank and 15:04:05.000000.
func appendClock(dst []byte, micros int64) []byte {
	text := [...]byte{' ', 0, 0, ':', 0, 0, ':', 0, 0, '.', 0, 0, 0, 0, 0, 0}
	two := func(at int, n int64) { text[at], text[at+1] = byte('0'+n/10), byte('0'+n%10) }
	seconds, fraction := micros/1_000_000, micros%1_000_000
	two(1, seconds/3600)
	two(4, seconds/60%60)
	two(7, seconds%60)
	two(10, fraction/10_000)
	two(12, fraction/100%100)
	two(14, fraction%100)
	return append(dst, text[:]...)
}

// refused is a value that its column cannot hold.
func refused(f *field, format string, args ...any) error {
	return &sink.Rejected{Reason: fmt.Sprintf(format, args...) + " in column " + f.Name}
}
