package decode

import (
	"unicode/utf16"
	"unicode/utf8"
)

// unescape appends a string's text. REQUIRES: the scanner has read it.
func unescape(dst, v []byte) []byte {
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' {
			dst = append(dst, v[i])
			continue
		}
		i++
		switch v[i] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(v[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				r = utf16.DecodeRune(r, hex4(v[i+3:]))
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		default: // quote, slash, backslash
			dst = append(dst, v[i])
		}
	}
	return dst
}

// hex4 is the value of the four hexadecimal digits in front.
func hex4(v []byte) rune {
	return unhex(v[0])<<12 | unhex(v[1])<<8 | unhex(v[2])<<4 | unhex(v[3])
}
