package fencepost

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"unsafe"
)

// Batch is the records of one or more ranges as a table, applied and committed as one. It is owned by one goroutine
// at a time: the lane fills it, hands it to Lane.Commit, and has it back when Commit returns.
//
//	Segments   [flights:0, rows 0..3)  [flights:2, rows 3..5)
//	Columns    origin  |ATL|ORD|LAX|SEA|SEA|
//	           delay   |  4| -2| 11|  0|  7|
//	Offsets            |100|101|104| 17| 18|
//
// A record is one row, or none, or several: those of one record stand side by side, and have its offset.
//
// Guarantees:
//
//  1. Segments are of distinct partitions, in TopicPartition order
//  2. a Segment's rows [Lo, Hi) are contiguous, in offset order, within its Range, and all rows of their records
//  3. a refused Segment is cut out by removing it from Segments: rows that no Segment names are not part of the batch
//  4. every Column has a value or a null for every row
type Batch struct {
	Segments []Segment
	Columns  []Column
	Offsets  []Offset // :: row -> the record's offset
	Times    []int64  // :: row -> the record's timestamp, Unix milliseconds
}

// Segment is one partition's part of a Batch.
type Segment struct {
	TopicPartition
	Range  OffsetRange // what was read, markers and all
	Lo, Hi int         // rows [Lo, Hi); equal for a range of markers only
}

// String is the segment's partition, range and rows.
func (s Segment) String() string {
	return fmt.Sprintf("%s%s rows %d to %d", s.TopicPartition, s.Range, s.Lo, s.Hi)
}

// Rows is how many rows the segment has.
func (s Segment) Rows() int { return s.Hi - s.Lo }

// Rows is how many rows the batch has, over its segments.
func (b *Batch) Rows() int {
	n := 0
	for i := range b.Segments {
		n += b.Segments[i].Rows()
	}
	return n
}

// All yields the batch's rows in order, each with its partition: row is the index to give to columns, Offsets and
// Times. It passes the rows that no Segment names (guarantee 3), as a loop over all of Offsets would not.
func (b *Batch) All() iter.Seq2[int, TopicPartition] {
	return func(yield func(int, TopicPartition) bool) {
		for i := range b.Segments {
			s := &b.Segments[i]
			for row := s.Lo; row < s.Hi; row++ {
				if !yield(row, s.TopicPartition) {
					return
				}
			}
		}
	}
}

// Micros returns a row's timestamp in the unit of a Timestamp column. ok: it fits one. Kafka keeps whatever a producer
// wrote, also what lies 292 million years ahead.
func (b *Batch) Micros(row int) (us int64, ok bool) {
	ms := b.Times[row]
	return ms * 1000, ms <= math.MaxInt64/1000 && ms >= math.MinInt64/1000
}

// RecordAt returns the rows [lo, hi) of the record that a row is of. REQUIRES: row is one of the segment's.
func (b *Batch) RecordAt(s Segment, row int) (lo, hi int) {
	at := b.Offsets[row]
	for lo = row; lo > s.Lo && b.Offsets[lo-1] == at; {
		lo--
	}
	for hi = row + 1; hi < s.Hi && b.Offsets[hi] == at; {
		hi++
	}
	return lo, hi
}

// Records is how many records have rows in the batch, over its segments.
func (b *Batch) Records() int {
	n := 0
	for _, s := range b.Segments {
		for row := s.Lo; row < s.Hi; row++ {
			if row == s.Lo || b.Offsets[row] != b.Offsets[row-1] {
				n++
			}
		}
	}
	return n
}

// Column returns the column of that name, nil if there is none: the names are those of the decoder's columns, and
// MetaKey and MetaHeaders where the sink needs them.
func (b *Batch) Column(name string) *Column {
	i := slices.IndexFunc(b.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &b.Columns[i]
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Segments, b.Offsets, b.Times = b.Segments[:0], b.Offsets[:0], b.Times[:0]
	for i := range b.Columns {
		b.Columns[i].Truncate(0)
	}
}

// Truncate drops the rows from n on: what a decoder began and could not finish.
func (b *Batch) Truncate(n int) {
	b.Offsets, b.Times = b.Offsets[:n], b.Times[:n]
	for i := range b.Columns {
		b.Columns[i].Truncate(n)
	}
}

// Drop takes single rows out and moves the rows behind them up: what remains is as if they had never been appended. The
// segments keep their ranges, so that their positions pass the records of these rows. It returns nothing to the system: the
// memory is that of the batch.
//
// REQUIRES: rows are indices of the batch, in ascending order, each once.
func (b *Batch) Drop(rows ...int) {
	if len(rows) == 0 {
		return
	}
	b.Offsets, b.Times = without(b.Offsets, rows), without(b.Times, rows)
	for i := range b.Columns {
		b.Columns[i].Drop(rows...)
	}
	for i := range b.Segments {
		s := &b.Segments[i]
		lo, _ := slices.BinarySearch(rows, s.Lo)
		hi, _ := slices.BinarySearch(rows, s.Hi)
		s.Lo, s.Hi = s.Lo-lo, s.Hi-hi
	}
}

// without moves what is kept of a list up, and returns it.
func without[T any](list []T, rows []int) []T {
	n := rows[0]
	for i, row := range rows {
		end := len(list)
		if i+1 < len(rows) {
			end = rows[i+1]
		}
		n += copy(list[n:], list[row+1:end])
	}
	return list[:n]
}

// Size is what the batch's values take in memory, in bytes.
func (b *Batch) Size() int {
	n := 16 * len(b.Offsets)
	for i := range b.Columns {
		n += b.Columns[i].Size()
	}
	return n
}

// Type is the type of a column.
type Type uint8

// The column types, with the Go value that holds one.
const (
	Text      Type = iota // UTF-8
	Int                   // int64
	Float                 // float64
	Bool                  // 0 or 1
	Timestamp             // Unix microseconds, UTC
	Decimal               // decimal digits as text: -12.50
	JSON                  // one JSON value as text
	Bytes                 // any bytes
	Date                  // a day as text: 2001-02-03, the years 0000 to 9999
	Time                  // a time of day as text: 12:34:56, or 12:34:56.789 with up to six digits; 24:00:00 ends a day
	UUID                  // 36 characters, lower case: 6ba7b810-9dad-11d1-80b4-00c04fd430c8
)

var types = [...]string{"text", "int", "float", "bool", "timestamp", "decimal", "json", "bytes", "date", "time", "uuid"}

// String is the type's word in the pipeline file.
func (t Type) String() string { return types[t] }

// ParseType reads the word of the pipeline file; ok is false for any other word.
func ParseType(s string) (t Type, ok bool) {
	i := slices.Index(types[:], s)
	return Type(max(i, 0)), i >= 0
}

// Types lists the words of all column types.
func Types() []string { return types[:] }

// Column is one column of a Batch: values of one Type, side by side, with a bitmap of nulls. The zero Column with a
// Name and a Type is empty and ready. Appending allocates only while its memory grows to the size of a batch.
//
//	Int, Bool, Timestamp            ints    8 bytes a row
//	Float                           floats  8 bytes a row
//	all others                      data    values back to back; ends[row] is where the row's value ends
//	any                             nulls   one bit a row; a null row holds 0 or an empty value; an absent one 1, or one byte; an unchanged
//	                                        one 2, or two bytes
//
// All values of one column together are below 4 GiB, or the program stops: the engine's bound on a batch is a quarter of
// it, but only who appends knows how large what it makes of a record is.
type Column struct {
	Name string
	Type Type
	// Default: rows may be left to the sink, see AppendAbsent.
	Default bool
	// Partial: rows may leave the value as it is, see AppendUnchanged.
	Partial bool

	ints   []int64
	floats []float64
	data   []byte
	ends   []uint32
	nulls  []uint64
	rows   int
	null   int // how many rows are null
}

// Len is how many rows the column has.
func (c *Column) Len() int { return c.rows }

// Size is what the column's values take in memory, in bytes, without the bitmap of nulls.
func (c *Column) Size() int {
	return 8*len(c.ints) + 8*len(c.floats) + len(c.data) + 4*len(c.ends)
}

// HasNulls reports whether any row is null.
func (c *Column) HasNulls() bool { return c.null > 0 }

// Null reports whether row i is null.
func (c *Column) Null(i int) bool {
	return c.null > 0 && c.nulls[i>>6]&(1<<(i&63)) != 0
}

// Int is row i of an Int column.
func (c *Column) Int(i int) int64 { return c.ints[i] }

// Bool is row i of a Bool column.
func (c *Column) Bool(i int) bool { return c.ints[i] != 0 }

// Micros is row i of a Timestamp column: Unix microseconds.
func (c *Column) Micros(i int) int64 { return c.ints[i] }

// Float is row i of a Float column.
func (c *Column) Float(i int) float64 { return c.floats[i] }

// Bytes is row i of a column that is not of numbers. The slice belongs to the batch: valid until it is reset.
func (c *Column) Bytes(i int) []byte {
	lo := uint32(0)
	if i > 0 {
		lo = c.ends[i-1]
	}
	return c.data[lo:c.ends[i]:c.ends[i]]
}

// Text is row i as a string that shares the batch's memory: clone it to keep it past the handler.
func (c *Column) Text(i int) string {
	b := c.Bytes(i)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// AppendInt appends to an Int, Bool or Timestamp column.
func (c *Column) AppendInt(v int64) {
	c.ints = append(c.ints, v)
	c.grow()
}

// AppendBool appends to a Bool column.
func (c *Column) AppendBool(v bool) {
	n := int64(0)
	if v {
		n = 1
	}
	c.AppendInt(n)
}

// AppendFloat appends to a Float column.
func (c *Column) AppendFloat(v float64) {
	c.floats = append(c.floats, v)
	c.grow()
}

// AppendBytes appends a copy of v to a column that is not of numbers.
func (c *Column) AppendBytes(v []byte) {
	c.data = append(c.data, v...)
	c.ends = append(c.ends, c.end())
	c.grow()
}

// AppendText appends a copy of v to a column that is not of numbers.
func (c *Column) AppendText(v string) {
	c.data = append(c.data, v...)
	c.ends = append(c.ends, c.end())
	c.grow()
}

// Extend lets f append one value in place to a column that is not of numbers: f gets the column's data and returns it
// with the value behind it.
func (c *Column) Extend(f func(data []byte) []byte) {
	c.data = f(c.data)
	c.ends = append(c.ends, c.end())
	c.grow()
}

// end is where the row's value ends: where the data does.
func (c *Column) end() uint32 {
	if uint64(len(c.data)) > math.MaxUint32 {
		c.full()
	}
	return uint32(len(c.data))
}

// full stops the program: the row's end would be cut to 32 bits, and rows would read back as parts of others. It is a function
// of its own to keep end small.
func (c *Column) full() {
	panic(fmt.Sprintf("fencepost: law broken (a column's values fit into 4 GiB): row %d of column %s ends at %d bytes", c.rows, c.Name, len(c.data)))
}

// AppendNull appends a null.
func (c *Column) AppendNull() { c.appendMark(0) }

// AppendAbsent appends a null that a sink may replace by the default of its own column. REQUIRES: Default.
func (c *Column) AppendAbsent() { c.appendMark(markAbsent) }

// AppendUnchanged appends what no null is: the record does not hold the column's value, which is as it was. A sink that upserts leaves the
// column of the key's row alone; a row that is not there cannot be made of such a record, and is refused. REQUIRES: Partial.
func (c *Column) AppendUnchanged() { c.appendMark(markUnchanged) }

// What stands in the place of a null row's value. Zero: it is a null, and nothing else.
const (
	markAbsent = 1 + iota
	markUnchanged
)

// marks are the bytes of a mark, one for each.
var marks = [markUnchanged]byte{}

// appendMark appends a null row with a mark.
func (c *Column) appendMark(mark int) {
	i := c.rows
	switch c.Type {
	case Int, Bool, Timestamp:
		c.AppendInt(int64(mark))
	case Float:
		c.AppendFloat(float64(mark))
	default:
		c.AppendBytes(marks[:mark])
	}
	c.nulls[i>>6] |= 1 << (i & 63)
	c.null++
}

// mark is that of row i. REQUIRES: the row is null.
func (c *Column) mark(i int) int {
	switch c.Type {
	case Int, Bool, Timestamp:
		return int(c.ints[i])
	case Float:
		return int(c.floats[i])
	}
	return len(c.Bytes(i))
}

// Repeat appends the last row n times more. REQUIRES: there is one.
func (c *Column) Repeat(n int) {
	last := c.rows - 1
	for range n {
		if c.Absent(last) {
			c.AppendAbsent()
		} else {
			c.AppendFrom(c, last)
		}
	}
}

// AppendFrom appends row i of another column of the same type.
func (c *Column) AppendFrom(other *Column, i int) {
	switch {
	case other.Null(i):
		c.appendMark(other.mark(i))
	case c.Type == Int || c.Type == Bool || c.Type == Timestamp:
		c.AppendInt(other.ints[i])
	case c.Type == Float:
		c.AppendFloat(other.floats[i])
	default:
		c.AppendBytes(other.Bytes(i))
	}
}

// Absent reports whether row i is a null that AppendAbsent appended.
func (c *Column) Absent(i int) bool { return c.Default && c.Null(i) && c.mark(i) == markAbsent }

// Unchanged reports whether row i is one that AppendUnchanged appended. Null reports true of it, too.
func (c *Column) Unchanged(i int) bool { return c.Partial && c.Null(i) && c.mark(i) == markUnchanged }

// grow counts one more row and gives it a bit.
func (c *Column) grow() {
	if c.rows&63 == 0 {
		c.nulls = append(c.nulls, 0)
	}
	c.rows++
}

// Truncate drops the rows from n on.
func (c *Column) Truncate(n int) {
	if n >= c.rows {
		return
	}
	if c.null > 0 {
		for i := n; i < c.rows; i++ {
			if c.nulls[i>>6]&(1<<(i&63)) != 0 {
				c.nulls[i>>6] &^= 1 << (i & 63)
				c.null--
			}
		}
	}
	c.nulls = c.nulls[:(n+63)>>6]
	switch c.Type {
	case Int, Bool, Timestamp:
		c.ints = c.ints[:n]
	case Float:
		c.floats = c.floats[:n]
	default:
		c.ends = c.ends[:n]
		end := uint32(0)
		if n > 0 {
			end = c.ends[n-1]
		}
		c.data = c.data[:end]
	}
	c.rows = n
}

// Drop takes single rows out and moves the rows behind them up, as Batch.Drop does. Its work grows with the rows from the first of
// them on.
//
// REQUIRES: rows are indices of the column, in ascending order, each once.
func (c *Column) Drop(rows ...int) {
	if len(rows) == 0 {
		return
	}
	// The bits of the bitmap are moved one by one, and only where the column has nulls.
	n, left := rows[0], rows
	if c.null > 0 {
		for i := rows[0]; i < c.rows; i++ {
			null := c.nulls[i>>6]&(1<<(i&63)) != 0
			if len(left) > 0 && left[0] == i {
				left = left[1:]
				if null {
					c.null--
				}
				continue
			}
			c.nulls[n>>6] &^= 1 << (n & 63)
			if null {
				c.nulls[n>>6] |= 1 << (n & 63)
			}
			n++
		}
	}
	switch c.Type {
	case Int, Bool, Timestamp:
		c.ints = without(c.ints, rows)
	case Float:
		c.floats = without(c.floats, rows)
	default:
		c.dropBytes(rows)
	}
	c.rows -= len(rows)
	for i := c.rows; i>>6 < len(c.nulls) && i&63 != 0; i++ {
		c.nulls[i>>6] &^= 1 << (i & 63) // a bit behind the last row is one that the next row finds
	}
	c.nulls = c.nulls[:(c.rows+63)>>6]
}

// dropBytes takes rows out of a column that is not of numbers.
func (c *Column) dropBytes(rows []int) {
	n, lo, left := rows[0], uint32(0), rows[1:]
	if n > 0 {
		lo = c.ends[n-1]
	}
	from := c.ends[n]
	for i := n + 1; i < c.rows; i++ {
		if len(left) > 0 && left[0] == i {
			left, from = left[1:], c.ends[i]
			continue
		}
		end := c.ends[i]
		lo += uint32(copy(c.data[lo:], c.data[from:end]))
		c.ends[n], from = lo, end
		n++
	}
	c.ends, c.data = c.ends[:n], c.data[:lo]
}

// The metadata columns: every record has them beside the columns of its schema, and no schema column may begin with
// "_". A batch holds _key and _headers as Columns only where a sink asked for them; the other four follow from the
// Segment, Offsets and Times, and cost nothing.
const (
	MetaTopic     = "_topic"     // Text
	MetaPartition = "_partition" // Int
	MetaOffset    = "_offset"    // Int
	MetaTimestamp = "_timestamp" // Timestamp
	MetaKey       = "_key"       // Bytes; null for a record without a key
	MetaHeaders   = "_headers"   // JSON: [["key","base64 of the value or null"], ...]
)

// MetaOp is the column of what a record does to the row of its key, as Debezium has it: c (create), u (update), r (read, in a
// snapshot) or d (delete). Text, never null. A batch has it only where its decoder makes it. A sink that upserts by a key deletes
// the key's row for d, whose other columns are null, and takes the others as an upsert; of several rows of one key the last one
// decides. Any other sink takes it as a column like those of the schema, where it has such a column.
const MetaOp = "_op"

// OpDelete is the value of MetaOp for a row that is deleted.
const OpDelete = "d"

// MetaIndex is the column of a row's place among the rows of its record: the place of the element in the array that the record was
// exploded by, from 0. Int, never null. A batch has it only where its decoder makes several rows of a record, which it tells apart
// together with the record's topic, partition and offset.
const MetaIndex = "_index"

// MetaColumns lists the metadata columns that every record has, with their types.
func MetaColumns() []ColumnSpec {
	return []ColumnSpec{{Name: MetaTopic, Type: Text}, {Name: MetaPartition, Type: Int}, {Name: MetaOffset, Type: Int}, {Name: MetaTimestamp, Type: Timestamp},
		{Name: MetaKey, Type: Bytes}, {Name: MetaHeaders, Type: JSON}}
}

// ColumnSpec is a column's name and type.
type ColumnSpec struct {
	Name string
	Type Type
	// Default: a record may leave the column to the default of the sink's own column. Sinks without such give it a null.
	Default bool
	// Partial: a record may not hold the column's value, which is as it was (Column.AppendUnchanged). A sink that cannot leave the column of
	// a row alone refuses such columns.
	Partial bool
}

// Column is the empty column of the spec.
func (s ColumnSpec) Column() Column {
	return Column{Name: s.Name, Type: s.Type, Default: s.Default, Partial: s.Partial}
}

// Spec is the column without its rows.
func (c *Column) Spec() ColumnSpec {
	return ColumnSpec{Name: c.Name, Type: c.Type, Default: c.Default, Partial: c.Partial}
}
