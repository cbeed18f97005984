package sqlite

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
	"zombiezen.com/go/sqlite"
)

// source is one inserted column.
type source struct {
	name    string // in the table
	from    sqlstore.Source
	column  int  // index in the batch's Columns, for FromColumn
	left    bool // rows may leave it to its default
	partial bool // rows may leave it as it is
}

// sizes is how many rows the prepared statements take, each a multiple of the next, so that a batch of any size takes
// few steps. A hundred rows a statement is what the driver does fastest.
var sizes = [...]int{100, 10, 1}

// maxVariables is SQLite's own bound of parameters in a statement.
const maxVariables = 32766

// insert writes a batch's rows into a table through prepared statements of many rows.
type insert struct {
	table   string // for people
	into    string // quoted
	tail    string // ON CONFLICT clause, or empty
	key     []string
	sources []source
	only    string   // the statement in the place of INSERT, of one row; empty: it inserts
	whole   bool     // only finds a row, or the record's is refused
	where   []string // conditions of the key's row, for parameters from by
	by      []source
	gone    *insert            // deletes by the key; nil: no row is a delete
	updates map[string]*insert // :: the sources that a row leaves unchanged, a byte each -> the update of the others
	stmts   [len(sizes)]*sqlite.Stmt
	without map[string]*insert // :: the sources that a row leaves out, a bit each -> the insert of the others
	chunk   chunk
	stamp   stamper
	bad     int // the row of the batch at which the last fill ended, an index; -1: it is not known
}

// chunk is the rows of one statement.
type chunk struct {
	rows [100]int // in the batch
	segs [100]int // their segments
	n    int
}

// size is how many rows the i-th statement takes: a table of many columns takes fewer.
func (in *insert) size(i int) int {
	return max(1, min(sizes[i], maxVariables/max(1, len(in.sources))))
}

// stmt returns the i-th statement.
func (in *insert) stmt(c *conn, i int) (*sqlite.Stmt, error) {
	if in.stmts[i] != nil {
		return in.stmts[i], nil
	}
	st, _, err := c.db.PrepareTransient(in.text(i))
	if err != nil {
		if strings.Contains(err.Error(), "ON CONFLICT clause does not match") {
			return nil, &fencepost.UserError{Code: "key-not-unique",
				Err:  fmt.Errorf("table %s has no PRIMARY KEY or UNIQUE over (%s)", in.table, strings.Join(in.key, ", ")),
				Help: fmt.Sprintf("CREATE UNIQUE INDEX %s ON %s (%s)", quoteIfNeeded(in.table+"_key"), quoteIfNeeded(in.table), strings.Join(in.key, ", "))}
		}
		return nil, &fencepost.UserError{Code: "sql-failed", Err: fmt.Errorf("insert into table %s: %s", in.table, message(err)),
			Help: "compare the table with fencepost ddl FILE"}
	}
	in.stmts[i] = st
	return st, nil
}

// prepare compiles what shows whether the table takes the rows.
func (in *insert) prepare(c *conn) error {
	_, err := in.stmt(c, 0)
	if err == nil && in.gone != nil {
		_, err = in.gone.stmt(c, len(sizes)-1)
	}
	return err
}

// text is the i-th statement.
func (in *insert) text(i int) string {
	if in.only != "" {
		return in.only
	}
	names := make([]string, len(in.sources))
	for j, s := range in.sources {
		names[j] = s.name
	}
	tuple := "(" + strings.TrimSuffix(strings.Repeat("?,", len(names)), ",") + "),"
	values := "(" + sqlstore.Join(names, quote) + ") VALUES " + strings.TrimSuffix(strings.Repeat(tuple, in.size(i)), ",") + in.tail
	if len(names) == 0 {
		values = "DEFAULT VALUES"
	}
	return "INSERT INTO " + in.into + " " + values
}

// forget finalizes the statements.
func (in *insert) forget() {
	for i, st := range in.stmts {
		if st != nil {
			st.Finalize()
			in.stmts[i] = nil
		}
	}
	for _, less := range in.without {
		less.forget()
	}
	for _, up := range in.updates {
		up.forget()
	}
	in.without, in.updates = nil, nil
	if in.gone != nil {
		in.gone.forget()
	}
}

// fill inserts the rows of the batch's segments, in order, and deletes by the key where a row is a delete.
func (in *insert) fill(c *conn, b *fencepost.Batch) error {
	ch, full := &in.chunk, in.size(0)
	ch.n, in.bad = 0, -1
	var ops *fencepost.Column // nil: no row is a delete
	if in.gone != nil {
		ops = b.Column(fencepost.MetaOp)
	}
	for i := range b.Segments {
		for row := b.Segments[i].Lo; row < b.Segments[i].Hi; row++ {
			other, err := in.other(b, ops, row)
			if err != nil {
				return err
			}
			if other != nil {
				if err := in.apart(c, b, other, i, row); err != nil {
					return err
				}
				continue
			}
			ch.rows[ch.n], ch.segs[ch.n] = row, i
			if ch.n++; ch.n == full {
				if err := in.flush(c, b, 0, 0); err != nil {
					return err
				}
				ch.n = 0
			}
		}
	}
	return in.rest(c, b)
}

// other is the statement of a row that the insert of all columns is not for; nil: it is.
func (in *insert) other(b *fencepost.Batch, ops *fencepost.Column, row int) (*insert, error) {
	if ops != nil && ops.Text(row) == fencepost.OpDelete {
		return in.gone, nil
	}
	if up, err := in.update(b, row); up != nil || err != nil {
		return up, err
	}
	return in.less(b, row), nil
}

// less is the insert of a row that leaves columns to their defaults; nil: it leaves none.
func (in *insert) less(b *fencepost.Batch, row int) *insert {
	which := in.marked(b, row, func(s source, c *fencepost.Column) bool { return s.left && c.Absent(row) })
	if which == nil {
		return nil
	}
	if less := in.without[string(which)]; less != nil {
		return less
	}
	less := &insert{table: in.table, into: in.into, tail: in.tail, key: in.key}
	for i, s := range in.sources {
		if which[i] == 0 {
			less.sources = append(less.sources, s)
		}
	}
	if in.without == nil {
		in.without = map[string]*insert{}
	}
	in.without[string(which)] = less
	return less
}

// apart takes one row by another statement, behind the rows that came before it.
func (in *insert) apart(c *conn, b *fencepost.Batch, less *insert, segment, row int) error {
	if err := in.rest(c, b); err != nil {
		return err
	}
	less.chunk.rows[0], less.chunk.segs[0], less.chunk.n = row, segment, 1
	err := less.flush(c, b, len(sizes)-1, 0)
	if err != nil {
		in.bad = row
	}
	return err
}

// rest inserts the rows that no statement has taken yet.
func (in *insert) rest(c *conn, b *fencepost.Batch) error {
	ch := &in.chunk
	defer func() { ch.n = 0 }()
	for i, lo := 1, 0; lo < ch.n; {
		if ch.n-lo < in.size(i) {
			i++
			continue
		}
		if err := in.flush(c, b, i, lo); err != nil {
			return err
		}
		lo += in.size(i)
	}
	return nil
}

// flush inserts the fetch's rows from lo on through the i-th statement. Of those that are refused it finds the first one: the rows
// in front of the statement are there, so that one after the other shows it.
func (in *insert) flush(c *conn, b *fencepost.Batch, i, lo int) error {
	err := in.run(c, b, i, lo)
	one := len(sizes) - 1
	switch {
	case err == nil:
		return nil
	case in.size(i) == 1:
		in.bad = in.chunk.rows[lo]
		return err
	}
	// A conflict clause of the table may have ended the transaction: what came now would stand.
	for row := lo; row < lo+in.size(i) && blamesRows(err) && !c.db.AutocommitEnabled(); row++ {
		if err := in.run(c, b, one, row); err != nil {
			in.bad = in.chunk.rows[row]
			return err
		}
	}
	return err
}

// run inserts rows as flush does.
func (in *insert) run(c *conn, b *fencepost.Batch, i, lo int) error {
	st, err := in.stmt(c, i)
	if err != nil {
		return err
	}
	hi := lo + in.size(i)
	for j, s := range in.sources {
		if s.from != sqlstore.FromColumn {
			err = in.bindMeta(st, b, s.from, j+1, lo, hi)
		} else {
			err = in.bindColumn(st, &b.Columns[s.column], j+1, lo, hi)
		}
		if err != nil {
			return err
		}
	}
	if _, err := st.Step(); err != nil {
		return err
	}
	if err := st.Reset(); err != nil {
		return err
	}
	if in.whole && c.db.Changes() == 0 {
		return sink.RowNotThere()
	}
	return nil
}

// bindColumn binds one column of the fetch's rows [lo, hi), to parameter p and every len(sources)-th behind it.
func (in *insert) bindColumn(st *sqlite.Stmt, col *fencepost.Column, p, lo, hi int) error {
	step := len(in.sources)
	for _, row := range in.chunk.rows[lo:hi] {
		switch {
		case col.Null(row):
			st.BindNull(p)
		case col.Type == fencepost.Int || col.Type == fencepost.Bool:
			st.BindInt64(p, col.Int(row))
		case col.Type == fencepost.Float:
			f := col.Float(row)
			if f != f {
				return &sink.Rejected{Reason: fmt.Sprintf("NaN in column %s, which SQLite would make null", col.Name)}
			}
			st.BindFloat(p, f)
		case col.Type == fencepost.Timestamp:
			if err := in.bindTime(st, p, col.Name, col.Micros(row)); err != nil {
				return err
			}
		case len(col.Bytes(row)) > mostBytes:
			return &sink.Rejected{Code: sqlite.ResultTooBig.String(), Blame: sink.TheSize,
				Reason: fmt.Sprintf("a value of %d bytes in column %s, and SQLite stores %d at most", len(col.Bytes(row)), col.Name, mostBytes)}
		case col.Type == fencepost.Bytes:
			st.BindBytes(p, col.Bytes(row))
		default:
			st.BindText(p, col.Text(row))
		}
		p += step
	}
	return nil
}

// mostBytes is the largest value that SQLite stores. The driver passes a length in 32 bits with a sign, and a negative
// one means "up to the first zero byte" to SQLite.
const mostBytes = 1_000_000_000

// bindMeta binds metadata that has no Column.
func (in *insert) bindMeta(st *sqlite.Stmt, b *fencepost.Batch, from sqlstore.Source, p, lo, hi int) error {
	step := len(in.sources)
	for i := lo; i < hi; i++ {
		row := in.chunk.rows[i]
		switch from {
		case sqlstore.FromTopic:
			st.BindText(p, b.Segments[in.chunk.segs[i]].Topic)
		case sqlstore.FromPartition:
			st.BindInt64(p, int64(b.Segments[in.chunk.segs[i]].Partition))
		case sqlstore.FromOffset:
			st.BindInt64(p, int64(b.Offsets[row]))
		case sqlstore.FromTime:
			us, ok := b.Micros(row)
			if !ok {
				return &sink.Rejected{Reason: fmt.Sprintf("timestamp %d (milliseconds) in column %s is outside the years 0000 to 9999", b.Times[row], fencepost.MetaTimestamp)}
			}
			if err := in.bindTime(st, p, fencepost.MetaTimestamp, us); err != nil {
				return err
			}
		case sqlstore.FromColumn, sqlstore.FromRow, sqlstore.FromAbsence, sqlstore.FromDelete, sqlstore.FromUnchanged:
		}
		p += step
	}
	return nil
}

// bindTime binds a timestamp as text. The driver copies what it binds.
func (in *insert) bindTime(st *sqlite.Stmt, p int, column string, micros int64) error {
	text, ok := in.stamp.write(micros)
	if !ok {
		return &sink.Rejected{Reason: fmt.Sprintf("timestamp %d (microseconds) in column %s is outside the years 0000 to 9999", micros, column)}
	}
	st.BindText(p, unsafe.String(unsafe.SliceData(text), len(text)))
	return nil
}
