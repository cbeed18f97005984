package csv

import (
	"bytes"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// put appends a field to its column, if the column's type holds it.
func (d *reader) put(c *decode.Cell, col *fencepost.Column, field []byte) bool {
	switch c.Type {
	case fencepost.Text:
		if d.nul && bytes.IndexByte(field, 0) >= 0 {
			return false
		}
		col.AppendBytes(field)
		return true
	case fencepost.Int:
		if n, ok := integer(field); ok {
			col.AppendInt(n)
			return true
		}
		return d.number(c, col, field)
	case fencepost.Float, fencepost.Decimal:
		return d.number(c, col, field)
	case fencepost.Bool:
		b, ok := truth(field)
		return ok && c.Bool(col, b)
	case fencepost.JSON:
		return c.JSON(col, field)
	case fencepost.Timestamp, fencepost.Date, fencepost.Time:
		return c.Unit != decode.NoUnit && d.number(c, col, field) || c.Text(col, field)
	case fencepost.Bytes, fencepost.UUID:
	}
	return c.Text(col, field)
}

// integer reads digits that surely fit 64 bits, behind a sign or none.
func integer(field []byte) (n int64, ok bool) {
	digits := field
	if len(field) > 0 && (field[0] == '-' || field[0] == '+') {
		digits = field[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	for _, b := range digits {
		if b -= '0'; b > 9 {
			return 0, false
		}
		n = n*10 + int64(b)
	}
	if field[0] == '-' {
		n = -n
	}
	return n, true
}

// number appends a number, if the column's type holds it.
func (d *reader) number(c *decode.Cell, col *fencepost.Column, field []byte) bool {
	if c.Number(col, field) {
		return true
	}
	if !d.plain(field) {
		return false
	}
	return c.Number(col, d.digits)
}

// plain leaves in d.digits a number as JSON writes it: without a + and without zeros in front, and with the zero that a number below 1
// may lack. ok: it is another text than before.
func (d *reader) plain(field []byte) (ok bool) {
	d.digits = d.digits[:0]
	rest := field
	if len(rest) > 0 && (rest[0] == '-' || rest[0] == '+') {
		if rest[0] == '-' {
			d.digits = append(d.digits, '-')
		}
		rest = rest[1:]
	}
	for len(rest) > 1 && rest[0] == '0' && isDigit(rest[1]) {
		rest = rest[1:]
	}
	if len(rest) > 1 && rest[0] == '.' && isDigit(rest[1]) {
		d.digits = append(d.digits, '0')
	}
	if len(rest) == 0 || rest[0] == '-' || rest[0] == '+' {
		return false
	}
	d.digits = append(d.digits, rest...)
	return len(d.digits) != len(field) || d.digits[0] != field[0]
}

func isDigit(b byte) bool { return b-'0' <= 9 }

// truth reads a truth value.
func truth(field []byte) (is, ok bool) {
	switch string(field) {
	case "true", "t", "1", "True", "TRUE":
		return true, true
	case "false", "f", "0", "False", "FALSE":
		return false, true
	}
	return false, false
}

// hint says how a field would fit, where that is known.
func hint(c *decode.Cell, field []byte) string {
	switch {
	case len(field) == 0:
		return ": it is empty, and quoted or not the null word"
	case c.Type == fencepost.Bool:
		return ": true, false, t, f, 1 or 0"
	case len(bytes.TrimSpace(field)) < len(field):
		return ": there is a blank at its end; trim takes it away"
	case c.Type == fencepost.Text:
		return ": it holds NUL"
	}
	return ""
}
