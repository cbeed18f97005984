package sqlstore

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// How a batch leaves columns alone. Of its rows of one key the last one decides, as in every upsert, once it has what earlier ones say of the
// columns that it does not hold (whole). What it does not hold then, no row of the batch does: the table's row keeps it, which has to
// be there. That is one statement more beside an upsert, behind the locks of a batch with deletes.
//
// Keys are told apart here by their values, and in the table by its types and collations: of two values of one key, the second row
// would leave alone what the first one says. The statement refuses both together then, and takes one after the other.

// whole puts into the rows of a batch what earlier rows of the same key hold of the columns that they do not. It is the batch itself
// where none lacks anything. Its error is a *sink.Rejected: a row was deleted before.
func whole(b *fencepost.Batch, key []string) (*fencepost.Batch, error) {
	if !sink.AnyUnchanged(b) {
		return b, nil
	}
	m := merger{batch: b, ops: b.Column(fencepost.MetaOp), seen: map[string]*keyRow{}}
	for _, name := range key {
		m.key = append(m.key, b.Column(name))
	}
	for i := range b.Columns {
		if b.Columns[i].Partial {
			m.partial, m.from = append(m.partial, i), append(m.from, map[int]int{})
		}
	}
	for row := range b.All() {
		if !m.take(row) {
			return nil, sink.RowNotThere()
		}
	}
	return m.merged(), nil
}

// merger goes over the rows of a batch.
type merger struct {
	batch   *fencepost.Batch
	key     []*fencepost.Column
	ops     *fencepost.Column // nil: no row is a delete
	partial []int             // :: place -> column
	from    []map[int]int     // :: place in partial -> row -> the earlier row whose value it has
	seen    map[string]*keyRow
	text    []byte
}

// keyRow is what the rows of a key have said so far.
type keyRow struct {
	deleted bool
	at      []int // :: place in partial -> the row that says it; -1: none does
}

// take takes one row. ok is false for one that lacks what a deleted row had.
func (m *merger) take(row int) (ok bool) {
	text, null := m.text[:0], false
	for _, c := range m.key {
		text, null = appendCell(text, c, row), null || c.Null(row)
	}
	m.text = text
	if null {
		return true // each null is a key of its own
	}
	k := m.seen[string(text)]
	if k == nil {
		k = &keyRow{at: slices.Repeat([]int{-1}, len(m.partial))}
		m.seen[string(text)] = k
	}
	if m.ops != nil && m.ops.Text(row) == fencepost.OpDelete {
		*k = keyRow{deleted: true, at: slices.Repeat([]int{-1}, len(m.partial))}
		return true
	}
	for i, column := range m.partial {
		switch {
		case !m.batch.Columns[column].Unchanged(row):
			k.at[i] = row
		case k.at[i] >= 0:
			m.from[i][row] = k.at[i]
		case k.deleted:
			return false
		}
	}
	return true
}

// merged is the batch with the values taken from earlier rows.
func (m *merger) merged() *fencepost.Batch {
	out := *m.batch
	out.Columns = slices.Clone(out.Columns)
	for i, column := range m.partial {
		if len(m.from[i]) == 0 {
			continue
		}
		was := &m.batch.Columns[column]
		now := was.Spec().Column()
		for row := range was.Len() {
			at, ok := m.from[i][row]
			if !ok {
				at = row
			}
			now.AppendFrom(was, at)
		}
		out.Columns[column] = now
	}
	return &out
}

// appendCell appends a value so that no two lists of values have one text.
func appendCell(dst []byte, c *fencepost.Column, row int) []byte {
	switch c.Type {
	case fencepost.Int, fencepost.Bool, fencepost.Timestamp:
		return binary.BigEndian.AppendUint64(dst, uint64(c.Int(row)))
	case fencepost.Float:
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(c.Float(row)))
	}
	v := c.Bytes(row)
	return append(binary.AppendUvarint(dst, uint64(len(v))), v...)
}

// Unchanged adds a field for each column that rows may leave unchanged, and returns their names. own makes a name that no field has. :: column ->
// its field
func Unchanged[K any](fields []Field[K], columns []fencepost.ColumnSpec, kind K, typ string, own func(fields []Field[K], name string) string) ([]Field[K], map[string]string) {
	flags := map[string]string{}
	for _, c := range columns {
		if c.Partial && slices.ContainsFunc(fields, func(f Field[K]) bool { return f.Name == c.Name }) {
			flags[c.Name] = own(fields, "fencepost_unchanged_"+strconv.Itoa(len(flags)))
			fields = append(fields[:len(fields):len(fields)], Field[K]{Name: flags[c.Name], From: FromUnchanged, Kind: kind, Type: typ, Of: c.Name})
		}
	}
	return fields, flags
}
