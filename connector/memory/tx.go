package memory

import (
	"slices"

	"github.com/fencepost/fencepost"
)

// Row is one row as it was committed, with where it came from.
type Row struct {
	fencepost.TopicPartition
	Offset fencepost.Offset
	Time   int64 // the record's timestamp, Unix milliseconds
	// Values has one value a column, in the batch's order: nil for null, int64 for Int and Timestamp, float64, bool,
	// []byte for Bytes, string for the rest. They are copies.
	Values []any
}

// RowsOf copies the rows of a batch's segments.
func RowsOf(b *fencepost.Batch) []Row {
	rows := make([]Row, 0, b.Rows())
	for _, s := range b.Segments {
		for i := s.Lo; i < s.Hi; i++ {
			r := Row{TopicPartition: s.TopicPartition, Offset: b.Offsets[i], Time: b.Times[i], Values: make([]any, len(b.Columns))}
			for j := range b.Columns {
				r.Values[j] = value(&b.Columns[j], i)
			}
			rows = append(rows, r)
		}
	}
	return rows
}

// value copies row i of a column.
func value(c *fencepost.Column, i int) any {
	if c.Null(i) {
		return nil
	}
	switch c.Type {
	case fencepost.Int:
		return c.Int(i)
	case fencepost.Timestamp:
		return c.Micros(i)
	case fencepost.Bool:
		return c.Bool(i)
	case fencepost.Float:
		return c.Float(i)
	case fencepost.Bytes:
		return slices.Clone(c.Bytes(i))
	case fencepost.Text, fencepost.Decimal, fencepost.JSON, fencepost.Date, fencepost.Time, fencepost.UUID:
	}
	return string(c.Bytes(i))
}

// Tx is what a handler sees of the store inside a commit. It is used by one goroutine, until the handler returns.
type Tx struct {
	store *Store
	rows  []Row
	read  map[string]string // :: key -> what the handler saw of it, to be compared at the commit
	set   map[string]string
}

// tx begins what a commit is going to do.
func (s *Store) tx() *Tx {
	return &Tx{store: s, read: map[string]string{}, set: map[string]string{}}
}

// Append appends rows.
func (tx *Tx) Append(rows ...Row) { tx.rows = append(tx.rows, rows...) }

// Value is the value of a key, empty if it has none: the handler's own write, else the store's value.
func (tx *Tx) Value(key string) string {
	if v, ok := tx.set[key]; ok {
		return v
	}
	if v, ok := tx.read[key]; ok {
		return v
	}
	tx.store.mu.Lock()
	defer tx.store.mu.Unlock()
	v := tx.store.mu.values[key]
	tx.read[key] = v
	return v
}

// Set gives a key a value.
func (tx *Tx) Set(key, value string) { tx.set[key] = value }
