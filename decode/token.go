package decode

import (
	"math"

	"github.com/fencepost/fencepost"
)

// append appends a value of JSON if the column's type holds it: exactly one row, or none. REQUIRES: it is there and not
// null.
func (f *Field) append(c *fencepost.Column, v []byte, t *token, scratch []byte) (_ []byte, ok bool) {
	raw := v[t.lo:t.hi]
	switch f.Type {
	case fencepost.Text:
		return f.appendString(c, raw, t, scratch)
	case fencepost.Int:
		n, ok := t.int64(raw)
		if ok {
			c.AppendInt(n)
		}
		return scratch, ok
	case fencepost.Timestamp:
		return f.appendTimestamp(c, raw, t, scratch)
	case fencepost.Float:
		x, ok := t.float64(raw)
		if ok {
			c.AppendFloat(x)
		}
		return scratch, ok
	case fencepost.Bool:
		if t.kind != yes && t.kind != no {
			return scratch, false
		}
		c.AppendBool(t.kind == yes)
		return scratch, true
	case fencepost.JSON:
		if f.Embedded && (t.kind == plain || t.kind == escaped) {
			text, scratch, _ := t.text(raw, scratch)
			return scratch, f.appendEmbedded(c, text)
		}
		if t.kind == plain || t.kind == escaped {
			raw = v[t.lo-1 : t.hi+1] // with its quotes
		}
		c.AppendBytes(raw)
		return scratch, true
	case fencepost.Decimal:
		return f.appendDecimal(c, raw, t, scratch)
	case fencepost.Bytes:
		return f.appendBase64(c, raw, t, scratch)
	case fencepost.Date:
		return f.appendDate(c, raw, t, scratch)
	case fencepost.Time:
		return f.appendTime(c, raw, t, scratch)
	case fencepost.UUID:
		return f.appendUUID(c, raw, t, scratch)
	}
	return scratch, false
}

func (t *token) isNumber() bool { return t.kind == short || t.kind == integer || t.kind == number }

// int64 is the value of an integer that fits.
func (t *token) int64(raw []byte) (int64, bool) {
	if t.kind == short {
		return t.num, true
	}
	if t.kind != integer {
		return 0, false
	}
	return parseInt(raw)
}

// float64 is the value of a number as the nearest float64.
func (t *token) float64(raw []byte) (float64, bool) {
	if t.kind == short && t.num != 0 { // -0 is not 0
		return float64(t.num), true
	}
	if !t.isNumber() {
		return 0, false
	}
	if x, ok := fastFloat(raw); ok {
		return x, true
	}
	x, ok := parseFloat(raw)
	return x, ok && !math.IsInf(x, 0)
}
