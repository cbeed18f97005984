package decode

import (
	"encoding/base64"

	"github.com/fencepost/fencepost"
)

// appendBase64Decimal takes the base64 of an integer in two's complement.
func appendBase64Decimal(c *fencepost.Column, text []byte, scale int, scratch []byte) ([]byte, bool) {
	at := len(scratch)
	scratch, err := base64.StdEncoding.Strict().AppendDecode(scratch, text)
	if err != nil {
		return scratch[:0], false
	}
	end := len(scratch)
	scratch, ok := AppendTwosComplement(scratch, scratch[at:end:end], scale)
	if ok {
		c.AppendBytes(scratch[end:])
	}
	return scratch[:0], ok
}

// appendVariableScale takes {"scale": N, "value": "base64"}, the last of equal names, and nothing else. REQUIRES: v is a valid object.
func appendVariableScale(c *fencepost.Column, v, scratch []byte) ([]byte, bool) {
	var s scanner
	var scale, value token
	i := space(v, 1)
	for v[i] != '}' {
		var name, other token
		to := &other
		i, name = s.name(v, i)
		switch string(v[name.lo:name.hi]) {
		case "scale":
			to = &scale
		case "value":
			to = &value
		default:
			return scratch, false
		}
		i = s.value(v, i, 1, to)
		if i = space(v, i); v[i] == ',' {
			i = space(v, i+1)
		}
	}
	if scale.kind != short || value.kind != plain || scale.num > 1<<20 || scale.num < -1<<20 {
		return scratch, false
	}
	return appendBase64Decimal(c, v[value.lo:value.hi], int(scale.num), scratch)
}
