package debezium

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// placeholder is what Debezium sends in the place of a value that it does not have (unavailable.value.placeholder).
const placeholder = "__debezium_unavailable_value"

// unsent is why, and what mends it.
const unsent = "it is large, and the update did not change it. ALTER TABLE ... REPLICA IDENTITY FULL at the source sends it"

// forms are the placeholder in a json column, by the type at the source: a json, an hstore, an array of texts, of bytes, of numbers, of
// days and of UUIDs. They are without blanks, each a JSON text.
var forms = func() map[string]bool {
	codes, days := make([]int, len(placeholder)), make([]string, len(placeholder))
	for i, c := range []byte(placeholder) {
		day, _ := decode.AppendDay(nil, int64(c))
		codes[i], days[i] = int(c), strings.Trim(string(day), `"`)
	}
	all := map[string]bool{}
	for _, v := range []any{placeholder, map[string]string{placeholder: placeholder}, []string{placeholder},
		[]string{base64.StdEncoding.EncodeToString([]byte(placeholder))}, codes, days, []string{nameUUID(placeholder)}} {
		text, _ := json.Marshal(v) // of texts and numbers: it always marshals
		all[string(text)] = true
	}
	return all
}()

// heads are how the forms begin: what begins otherwise costs no search.
var heads = func() map[[headBytes]byte]bool {
	all := map[[headBytes]byte]bool{}
	for form := range forms {
		all[head([]byte(form))] = true
	}
	return all
}()

const headBytes = 6

// head is the first bytes of a text that are no blanks.
func head(v []byte) (first [headBytes]byte) {
	n := 0
	for i := 0; i < len(v) && n < len(first); i++ {
		if v[i] != ' ' {
			first[n] = v[i]
			n++
		}
	}
	return first
}

// nameUUID is the UUID that Java makes of a name (version 3, of no namespace).
func nameUUID(name string) string {
	sum := md5.Sum([]byte(name))
	sum[6], sum[8] = sum[6]&0x0f|0x30, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:])
}

// shortest and longest bound the forms, blanks included: a JSON text of another length is none.
const (
	shortest = len(placeholder)
	longest  = 24 * len(placeholder)
)

// unavailable reports whether row n of a column holds the placeholder.
func unavailable(c *fencepost.Column, n int) bool {
	switch c.Type {
	case fencepost.Text, fencepost.Bytes:
		return c.Text(n) == placeholder
	case fencepost.JSON:
		v := c.Bytes(n)
		return len(v) >= shortest && len(v) <= longest && heads[head(v)] && forms[string(bytes.ReplaceAll(v, []byte(" "), nil))]
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
