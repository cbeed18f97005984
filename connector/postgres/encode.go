package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

const (
	copyHead  = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	copyChunk = 1 << 16
	epoch2000 = 946_684_800_000_000 // microseconds from 1970 to 2000
	// The first timestamp that Postgres takes: 4714-11-24 BC. Its last one is beyond what Unix microseconds reach.
	minTimestamp = -211_813_488_000_000_000 + epoch2000
	dayMicros    = 86_400_000_000
)

// encoder is a Batch as the data of a binary COPY, made while it is read: rows leave for the server while later ones
// are still being written, and no second copy of the batch is held.
//
//	head  | fields length value length value ... | fields ... | -1
//
// A value that the target's type cannot hold ends it with a *sink.Rejected.
type encoder struct {
	fields  []field
	columns []*fencepost.Column // :: field -> its column, nil for metadata of the segment
	batch   *fencepost.Batch
	buf     []byte
	sent    int // buf[:sent] has been read
	segment int
	row     int // next row of the segment
	err     error
	ended   bool

	// The driver's writer may outlive the driver's call when the connection breaks; stop keeps it away from the batch.
	mu struct {
		sync.Mutex
		done    bool // everything was read, so that the end of the COPY may have been sent
		stopped bool
	}
}

// newEncoder makes an encoder of the batch that takes over the buffer of the one before. REQUIRES: every field has its
// column.
func newEncoder(fields []field, b *fencepost.Batch, buf []byte) *encoder {
	e := &encoder{fields: fields, columns: make([]*fencepost.Column, len(fields)), batch: b, buf: append(buf[:0], copyHead...)}
	for i, f := range fields {
		switch f.From {
		case sqlstore.FromColumn:
			e.columns[i] = b.Column(f.Name)
		case sqlstore.FromAbsence, sqlstore.FromDelete, sqlstore.FromUnchanged:
			e.columns[i] = b.Column(f.Of)
		}
	}
	if len(b.Segments) > 0 {
		e.row = b.Segments[0].Lo
	}
	return e
}

// errStopped is what a writer gets that reads on after its COPY is over.
var errStopped = errors.New("the COPY is over")

// stop ends the reading, whichever goroutine reads, and reports whether everything had been read.
func (e *encoder) stop() (done bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.stopped = true
	return e.mu.done
}

// Read implements io.Reader. It never waits.
func (e *encoder) Read(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.stopped {
		return 0, errStopped
	}
	if e.sent == len(e.buf) {
		e.buf, e.sent = e.buf[:0], 0
	}
	for !e.ended && e.err == nil && len(e.buf)-e.sent < min(len(p), copyChunk) {
		e.more()
	}
	if e.err != nil {
		return 0, e.err
	}
	n := copy(p, e.buf[e.sent:])
	e.sent += n
	if n == 0 && e.ended {
		e.mu.done = true
		return 0, io.EOF
	}
	return n, nil
}

// more appends one row, or the end.
func (e *encoder) more() {
	for e.segment < len(e.batch.Segments) && e.row >= e.batch.Segments[e.segment].Hi {
		if e.segment++; e.segment < len(e.batch.Segments) {
			e.row = e.batch.Segments[e.segment].Lo
		}
	}
	if e.segment == len(e.batch.Segments) {
		e.buf = append(e.buf, 0xff, 0xff)
		e.ended = true
		return
	}
	b := binary.BigEndian.AppendUint16(e.buf, uint16(len(e.fields)))
	for i := range e.fields {
		c := e.columns[i]
		if c != nil && c.Null(e.row) && e.fields[i].Kind != kindAbsence && e.fields[i].Kind != kindUnchanged {
			b = append(b, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		b = e.value(b, &e.fields[i], c)
	}
	e.buf = b
	e.row++
}

// value appends the length and the bytes of one value.
func (e *encoder) value(b []byte, f *field, c *fencepost.Column) []byte {
	switch f.Kind {
	case kindInt8:
		b = append(b, 0, 0, 0, 8)
		return binary.BigEndian.AppendUint64(b, uint64(e.int(f, c)))
	case kindBytes:
		if f.From == sqlstore.FromTopic {
			topic := e.batch.Segments[e.segment].Topic
			return append(binary.BigEndian.AppendUint32(b, uint32(len(topic))), topic...)
		}
		v := c.Bytes(e.row)
		if len(v) > mostBytes {
			e.tooLarge(f, v)
			return b
		}
		return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
	case kindTimestamp, kindDate:
		return e.time(b, f, e.int(f, c))
	case kindInt4, kindInt2, kindIntFloat8, kindIntNumeric:
		return e.integer(b, f, e.int(f, c))
	case kindFloat8:
		b = append(b, 0, 0, 0, 8)
		return binary.BigEndian.AppendUint64(b, math.Float64bits(c.Float(e.row)))
	case kindFloat4, kindFloatNumeric:
		return e.float(b, f, c.Float(e.row))
	case kindBool:
		return append(b, 0, 0, 0, 1, byte(c.Int(e.row)&1))
	case kindAbsence:
		return appendBool(b, c.Absent(e.row))
	case kindUnchanged:
		return appendBool(b, c.Unchanged(e.row))
	case kindDelete:
		return appendBool(b, c.Text(e.row) == fencepost.OpDelete)
	case kindJSONB:
		v := c.Bytes(e.row)
		if len(v) > mostBytes {
			e.tooLarge(f, v)
			return b
		}
		return append(append(binary.BigEndian.AppendUint32(b, uint32(len(v)+1)), 1), v...)
	case kindUUID:
		return e.uuid(b, f, c.Bytes(e.row))
	case kindDay, kindTime:
		return e.calendar(b, f, c.Text(e.row))
	case kindArray:
		return e.array(b, f, c.Bytes(e.row))
	case kindDecimal:
		v := c.Bytes(e.row)
		b, reason := appendDecimal(b, v)
		if reason != "" {
			e.reject("22P02", f, string(v), reason)
		}
		return b
	}
	e.err = fmt.Errorf("column %s: no encoding", f.Name)
	return b
}

// appendBool appends a bool of our own.
func appendBool(b []byte, v bool) []byte {
	b = append(b, 0, 0, 0, 1, 0)
	if v {
		b[len(b)-1] = 1
	}
	return b
}

// int is the value of a field that holds a whole number.
func (e *encoder) int(f *field, c *fencepost.Column) int64 {
	switch f.From {
	case sqlstore.FromColumn:
		return c.Int(e.row)
	case sqlstore.FromPartition:
		return int64(e.batch.Segments[e.segment].Partition)
	case sqlstore.FromOffset:
		return int64(e.batch.Offsets[e.row])
	case sqlstore.FromTime:
		return milli(e.batch.Times[e.row])
	case sqlstore.FromTopic, sqlstore.FromRow:
	}
	return int64(e.row)
}

// milli is milliseconds as microseconds; what does not fit becomes a time that is refused.
func milli(v int64) int64 {
	if v > math.MaxInt64/1000 || v < math.MinInt64/1000 {
		return math.MinInt64
	}
	return v * 1000
}

// integer appends a whole number to a type that is not int8.
func (e *encoder) integer(b []byte, f *field, v int64) []byte {
	switch f.Kind {
	case kindInt4:
		if int64(int32(v)) != v {
			break
		}
		return binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 4), uint32(v))
	case kindInt2:
		if int64(int16(v)) != v {
			break
		}
		return binary.BigEndian.AppendUint16(append(b, 0, 0, 0, 2), uint16(v))
	case kindIntFloat8:
		if v < -1<<53 || v > 1<<53 {
			break
		}
		return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), math.Float64bits(float64(v)))
	default:
		var digits [20]byte
		b, _ = appendDecimal(b, strconv.AppendInt(digits[:0], v, 10))
		return b
	}
	e.reject("22003", f, strconv.FormatInt(v, 10), "is out of range for "+f.Type)
	return b
}

// float appends a float to a type that is not float8.
func (e *encoder) float(b []byte, f *field, v float64) []byte {
	if f.Kind == kindFloat4 {
		if to := float64(float32(v)); math.IsInf(to, 0) && !math.IsInf(v, 0) || to == 0 && v != 0 {
			e.reject("22003", f, strconv.FormatFloat(v, 'g', -1, 64), "is out of range for "+f.Type)
		}
		return binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 4), math.Float32bits(float32(v)))
	}
	switch {
	case math.IsNaN(v):
		return appendNumericHead(b, 0, 0, numericNaN, 0)
	case math.IsInf(v, 1):
		return appendNumericHead(b, 0, 0, numericPlusInf, 0)
	case math.IsInf(v, -1):
		return appendNumericHead(b, 0, 0, numericMinusInf, 0)
	}
	var digits [32]byte
	b, _ = appendDecimal(b, strconv.AppendFloat(digits[:0], v, 'e', -1, 64))
	return b
}

// time appends Unix microseconds to a timestamp or date.
func (e *encoder) time(b []byte, f *field, v int64) []byte {
	if v < minTimestamp {
		e.reject("22008", f, strconv.FormatInt(v, 10)+" (Unix microseconds)", "is out of range for "+f.Type)
		return b
	}
	v -= epoch2000
	if f.Kind == kindTimestamp {
		return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), uint64(v))
	}
	day := v / dayMicros
	if v%dayMicros < 0 {
		day--
	}
	return binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 4), uint32(int32(day)))
}

// calendar appends a day or a time of day.
func (e *encoder) calendar(b []byte, f *field, text string) []byte {
	layout, last := time.DateOnly, text == "24:00:00"
	if f.Kind == kindTime {
		layout = time.TimeOnly
	}
	at, err := time.Parse(layout, text)
	switch {
	case f.Kind == kindTime && last:
		return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), dayMicros)
	case err != nil:
		e.reject("22007", f, text, "is no "+f.Type)
		return b
	case f.Kind == kindDay:
		return binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 4), uint32(int32((at.Unix()-epoch2000/1_000_000)/86_400)))
	}
	us := at.Sub(at.Truncate(24 * time.Hour)).Microseconds()
	return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), uint64(us))
}

// uuid appends the 16 bytes of a text of 32 hexadecimal digits, with hyphens anywhere and braces around it or not.
func (e *encoder) uuid(b []byte, f *field, text []byte) []byte {
	b = append(b, 0, 0, 0, 16)
	n, high := 0, byte(0)
	for _, c := range text {
		var d byte
		switch {
		case c == '-' || c == '{' || c == '}':
			continue
		case c-'0' <= 9:
			d = c - '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			d = c | 0x20 - 'a' + 10
		default:
			n = -1
		}
		if n < 0 || n == 32 {
			n = -1
			break
		}
		if n%2 == 0 {
			high = d
		} else {
			b = append(b, high<<4|d)
		}
		n++
	}
	if n != 32 {
		e.reject("22P02", f, string(text), "is no UUID")
	}
	return b
}

// mostBytes is the largest value that Postgres stores. COPY counts a value's bytes in 32 bits with a sign, and -1 is null.
const mostBytes = 1<<30 - 1

// tooLarge ends the COPY at a value that no column holds.
func (e *encoder) tooLarge(f *field, v []byte) {
	e.reject("54000", f, string(v[:61]), fmt.Sprintf("has %d bytes, and Postgres stores %d at most", len(v), mostBytes))
	if r, ok := errors.AsType[*sink.Rejected](e.err); ok {
		r.Blame = sink.TheSize
	}
}

// reject ends the COPY: the row cannot be applied.
func (e *encoder) reject(code string, f *field, value, why string) {
	const most = 60
	if len(value) > most {
		value = value[:most] + "..."
	}
	e.err = &sink.Rejected{Code: code, Reason: fmt.Sprintf("%q in column %s %s", value, f.Name, why), Row: sink.RowOf(e.batch, e.row)}
}
