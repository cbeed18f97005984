package fencepost

import (
	"encoding/base64"
	"unicode/utf8"
)

// AppendHeaders appends a record's headers as the value of the column [MetaHeaders]: in their order,
// doubled keys included, [] for none.
//
//	[["trace","AQI="],["note",null]]
//
// A value is any bytes, written as base64. A key is text by Kafka's protocol, so bytes of one that are no UTF-8
// become U+FFFD: the one place where that happens.
func AppendHeaders(data []byte, headers []Header) []byte {
	data = append(data, '[')
	for i := range headers {
		if i > 0 {
			data = append(data, ',')
		}
		data = append(data, '[')
		data = appendQuoted(data, headers[i].Key)
		if headers[i].Value == nil {
			data = append(data, ",null]"...)
			continue
		}
		data = append(data, `,"`...)
		data = base64.StdEncoding.AppendEncode(data, headers[i].Value)
		data = append(data, `"]`...)
	}
	return append(data, ']')
}

// appendQuoted appends a text as a JSON string.
func appendQuoted(data []byte, s string) []byte {
	const digits = "0123456789abcdef"
	data = append(data, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			data = append(data, '\\', byte(r))
		case r < ' ':
			data = append(data, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			data = utf8.AppendRune(data, r)
		}
	}
	return append(data, '"')
}
