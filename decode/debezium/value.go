package debezium

import (
	"bytes"

	"github.com/fencepost/fencepost"
)

// placeholder is what Debezium sends in the place of a value that it does not have (unavailable.value.placeholder).
const placeholder = "__debezium_unavailable_value"

// unsent is why, and what mends it.
const unsent = "it is large, and the update did not change it. ALTER TABLE ... REPLICA IDENTITY FULL at the source sends it"

// The forms of the placeholder by the column's type at the source: a text, an array of texts, an array of numbers.
var (
	ofTexts = []byte(`["` + placeholder + `"]`)
	ofCodes = codes(placeholder)
	asText  = []byte(placeholder)
)

// codes is a text as a JSON array of its bytes.
func codes(s string) []byte {
	out := []byte("[")
	for i := range len(s) {
		if i > 0 {
			out = append(out, ',')
		}
		if s[i] >= 100 {
			out = append(out, '1')
		}
		out = append(out, '0'+s[i]/10%10, '0'+s[i]%10)
	}
	return append(out, ']')
}

// unavailable reports whether row n of a column holds the placeholder.
func unavailable(c *fencepost.Column, n int) bool {
	switch c.Type {
	case fencepost.Text, fencepost.Bytes:
		return bytes.Equal(c.Bytes(n), asText)
	case fencepost.JSON:
		v := c.Bytes(n)
		if len(v) < len(asText) || len(v) > 4*len(ofCodes) {
			return false
		}
		if v[0] == '[' {
			v = bytes.ReplaceAll(v, []byte(" "), nil)
		}
		return bytes.Equal(v, ofTexts) || bytes.Equal(v, ofCodes)
	}
	return false
}

// The years 1 to 9999, in microseconds since 1970.
const (
	firstMicro = -62_135_596_800_000_000
	lastMicro  = 253_402_300_799_999_999
)

// dated reports whether a timestamp is of the years 1 to 9999.
func dated(us int64) bool { return us >= firstMicro && us <= lastMicro }
