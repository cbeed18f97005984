package csv

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// reader is the decoder of CSV records.
type reader struct {
	*decode.Row
	splitter

	exact   bool // a record has as many fields as there is room for
	skipBOM bool
	refuses bool   // fields that no column takes, where there is no header
	null    string // the unquoted field that is null
	nul     bool   // the record that is decoded holds a NUL
	scratch []byte // a field with its doubled quotes made one
	digits  []byte // a number as JSON writes it
}

// newReader makes a decoder that takes its columns from places. names is how many the header has.
func newReader(c *Config, row *decode.Row, places []int, names int, exact bool) *reader {
	room := names
	for k := range row.Cells {
		c := &row.Cells[k]
		if c.Slot = -1; c.From().Meta == "" {
			c.Slot = places[k]
		}
		room = max(room, c.Slot+1)
	}
	return &reader{Row: row, splitter: newSplitter(c, room), exact: exact, skipBOM: c.SkipBOM, null: c.Null,
		refuses: !exact && row.RefusesUnknown()}
}

// byteOrderMark is U+FEFF.
var byteOrderMark = []byte("\xef\xbb\xbf")

// Decode appends the record's fields.
func (d *reader) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	v := d.Bytes(r)
	if v == nil {
		return d.Empty(r, columns)
	}
	begin := 0
	if bytes.HasPrefix(v, byteOrderMark) {
		if !d.skipBOM {
			return bad("it begins with a byte order mark (U+FEFF)")
		}
		begin = len(byteOrderMark)
	}
	if !utf8.Valid(v) {
		return bad("invalid UTF-8 at byte %d", invalid(v))
	}
	if err := d.split(v, begin); err != nil {
		return err
	}
	if d.count != len(d.fields) {
		if err := d.miscounted(); err != nil {
			return err
		}
	}
	d.nul = bytes.IndexByte(v, 0) >= 0
	for k := range d.Cells {
		c, col := &d.Cells[k], &columns[k]
		if uint(c.Slot) < uint(d.count) && !d.nul { // as column does, and its call is saved
			f := &d.fields[c.Slot]
			field := v[f.lo:f.hi]
			if !f.doubled && c.Type == fencepost.Text && (f.quoted || string(field) != d.null) {
				col.AppendBytes(field)
				continue
			}
		}
		if err := d.column(c, col, r, v); err != nil {
			return err
		}
	}
	d.Observe(columns)
	return nil
}

// miscounted is the error of a record that has too many fields, or too few, if it is one.
func (d *reader) miscounted() error {
	if d.count > len(d.fields) {
		switch {
		case d.exact:
			return badRecord("record has %s, and the header names %d", fields(d.count), len(d.fields))
		case d.refuses:
			return badRecord("record has %s, and no column takes [%d], counted from 0", fields(d.count), d.count-1)
		}
		return nil
	}
	for k := range d.Cells {
		if c := &d.Cells[k]; c.Slot >= d.count && c.Field.Missing == (decode.Rule{}) {
			return badRecord("record has %s, and column %s takes [%d], counted from 0", fields(d.count), c.Column, c.Slot)
		}
	}
	return nil
}

// fields is a number of fields, for people.
func fields(n int) string {
	if n == 1 {
		return "1 field"
	}
	return strconv.Itoa(n) + " fields"
}

// invalid is the index of the first byte that is no UTF-8.
func invalid(v []byte) int {
	for i := 0; i < len(v); {
		r, n := utf8.DecodeRune(v[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(v)
}

// column appends the value of one column.
func (d *reader) column(c *decode.Cell, col *fencepost.Column, r *fencepost.Record, v []byte) error {
	if c.Slot < 0 {
		_, err := c.OfRecord(r, col)
		return err
	}
	if c.Slot >= d.count {
		return c.Missing(col)
	}
	f := &d.fields[c.Slot]
	field := v[f.lo:f.hi]
	switch {
	case f.doubled:
		field = d.undouble(field)
	case !f.quoted && string(field) == d.null:
		col.AppendNull()
		return nil
	}
	if d.put(c, col, field) {
		return nil
	}
	return c.Mismatch(col, "%.40q does not fit %s%s", field, c.Type, hint(c, field))
}

// undouble makes one quote of each two.
func (d *reader) undouble(field []byte) []byte {
	d.scratch = d.scratch[:0]
	for {
		i := bytes.IndexByte(field, d.quote)
		if i < 0 {
			d.scratch = append(d.scratch, field...)
			return d.scratch
		}
		d.scratch, field = append(d.scratch, field[:i+1]...), field[i+2:]
	}
}
