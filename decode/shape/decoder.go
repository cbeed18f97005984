package shape

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/internal/expression"
)

// decoder is a decoder around a decoder.
type decoder struct {
	*plan
	of    fencepost.Decoder
	cells []decode.Cell // of the computed columns
	row   expression.Row

	dropped []int // rows of the record at hand
}

func (p *plan) decoder(of fencepost.Decoder) *decoder {
	d := &decoder{plan: p, of: of, row: expression.Row{InOrder: true}}
	if p.layout != nil {
		d.cells = p.layout.Row().Cells
	}
	return d
}

// Columns are those of the inner decoder, and the computed ones behind them.
func (d *decoder) Columns() []fencepost.ColumnSpec { return d.columns }

// Decode appends the rows of the inner decoder with the computed columns, those for which the condition holds.
func (d *decoder) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	n := columns[0].Len()
	if err := d.of.Decode(r, columns[:d.inner]); err != nil {
		return err
	}
	d.row.Columns, d.row.At, d.row.Record = columns, n, r
	if columns[0].Len()-n != 1 {
		return d.several(columns, n)
	}
	if err := d.readable(columns); err != nil {
		return err
	}
	if d.where != nil && !d.late {
		if err := d.kept(); err != nil {
			return err
		}
	}
	if err := d.compute(columns); err != nil {
		return err
	}
	if d.late {
		return d.kept()
	}
	return nil
}

// readable refuses a row in which a value that an expression reads was not sent.
func (d *decoder) readable(columns []fencepost.Column) error {
	for _, i := range d.partial {
		if c := &columns[i]; c.Unchanged(d.row.At) {
			return &fencepost.BadRecord{Code: decode.Undecodable, Reason: "column " + c.Name + " was not sent, since it did not change, and an expression reads it"}
		}
	}
	return nil
}

// several does the same for the rows of a record from n on.
func (d *decoder) several(columns []fencepost.Column, n int) error {
	if d.where != nil && !d.late {
		if err := d.sift(columns[:d.inner], n); err != nil {
			return err
		}
	}
	begun := d.size(columns)
	for d.row.At = n; d.row.At < columns[0].Len(); d.row.At++ {
		if err := d.compute(columns); err != nil {
			return err
		}
		if d.size(columns)-begun > decode.MaxExploded {
			return &fencepost.BadRecord{Code: decode.Undecodable, Reason: fmt.Sprintf("the computed columns of its rows take more than %d MiB", decode.MaxExploded>>20)}
		}
	}
	if d.late {
		return d.sift(columns, n)
	}
	return nil
}

// size is what the computed columns take in memory, in bytes.
func (d *decoder) size(columns []fencepost.Column) (n int) {
	for i := d.inner; i < len(columns); i++ {
		n += columns[i].Size()
	}
	return n
}

// sift takes out the rows from n on for which the condition does not hold; fencepost.ErrNoRow: none is left.
func (d *decoder) sift(columns []fencepost.Column, n int) error {
	d.dropped = d.dropped[:0]
	rows := columns[0].Len()
	for d.row.At = n; d.row.At < rows; d.row.At++ {
		if err := d.kept(); errors.Is(err, fencepost.ErrNoRow) {
			d.dropped = append(d.dropped, d.row.At)
		} else if err != nil {
			return err
		}
	}
	if len(d.dropped) == rows-n {
		return fencepost.ErrNoRow
	}
	for k := range columns {
		columns[k].Drop(d.dropped...)
	}
	return nil
}

// kept is fencepost.ErrNoRow where the condition does not hold.
func (d *decoder) kept() error {
	is, err := d.where.Holds(&d.row)
	if err != nil {
		return &fencepost.BadRecord{Code: decode.Undecodable, Reason: "where: " + err.Error()}
	}
	if is || d.op >= 0 && d.row.Columns[d.op].Text(d.row.At) == fencepost.OpDelete {
		return nil
	}
	return fencepost.ErrNoRow
}

// compute appends the values of all computed columns for the row at hand.
func (d *decoder) compute(columns []fencepost.Column) error {
	for k := range d.cells {
		if err := d.computed(&d.cells[k], d.programs[k], &columns[d.inner+k]); err != nil {
			return err
		}
	}
	return nil
}

// computed appends the value of one column.
func (d *decoder) computed(c *decode.Cell, p *expression.Program, col *fencepost.Column) error {
	v, err := p.Value(&d.row)
	switch {
	case errors.Is(err, expression.ErrNull):
		col.AppendNull()
		return nil
	case err != nil:
		return c.Mismatch(col, "%v", err)
	case put(c, col, v):
		return nil
	}
	shown := fmt.Sprint(v)
	if text, is := v.(string); is {
		shown = fmt.Sprintf("%.40q", text)
	}
	return c.Mismatch(col, "%s does not fit %s", shown, c.Type)
}

// put appends a value of an expression, if its column can hold it.
func put(c *decode.Cell, col *fencepost.Column, v any) bool {
	switch v := v.(type) {
	case int:
		return c.Int(col, int64(v))
	case int64:
		return c.Int(col, v)
	case float64:
		return c.Float(col, v, 64)
	case bool:
		return c.Bool(col, v)
	case time.Time:
		us := v.UnixMicro()
		return time.UnixMicro(us).Equal(v.Truncate(time.Microsecond)) && c.Instant(col, us, decode.Micros)
	case string:
		switch {
		case c.Type == fencepost.Bytes:
			return c.Raw(col, []byte(v))
		case c.Type == fencepost.JSON:
			return c.JSON(col, []byte(v))
		}
		return utf8.ValidString(v) && c.Text(col, []byte(v))
	}
	return false
}
