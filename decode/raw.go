package decode

import (
	"bytes"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
)

// RawColumn is the column of Raw unless another is named: value, of bytes.
func RawColumn() fencepost.ColumnSpec {
	return fencepost.ColumnSpec{Name: "value", Type: fencepost.Bytes}
}

// Raw makes decoders that give the record's value as it is, in one column: bytes, text (valid UTF-8 without NUL) or
// json (one valid value, by the rules of JSON, verbatim). A record without a value gives a null; the JSON value null
// is a value. Its error is a *FieldError.
func Raw(column fencepost.ColumnSpec) (Factory, error) {
	columns := []fencepost.ColumnSpec{column}
	if err := checkColumns(columns); err != nil {
		return nil, err
	}
	switch column.Type {
	case fencepost.Bytes, fencepost.Text, fencepost.JSON:
	default:
		return nil, &FieldError{Column: column.Name, Key: "type",
			Reason: "raw can not give " + column.Type.String(), Help: "bytes, text or json; or decode: json"}
	}
	return func() fencepost.Decoder { return &raw{columns: columns} }, nil
}

// raw is the decoder of whole values.
type raw struct {
	columns []fencepost.ColumnSpec
	scan    scanner
}

// Columns is the one column.
func (r *raw) Columns() []fencepost.ColumnSpec { return r.columns }

// Decode appends the record's value.
func (r *raw) Decode(rec *fencepost.Record, columns []fencepost.Column) error {
	v := rec.Value
	if v == nil {
		columns[0].AppendNull()
		return nil
	}
	switch r.columns[0].Type {
	case fencepost.Text:
		if i := notText(v); i >= 0 {
			return bad("value is not text at byte %d: %s", i, excerpt(v, max(i-12, 0), i+12))
		}
	case fencepost.JSON:
		var t token
		if i := r.scan.whole(v, &t); i < 0 {
			return r.scan.notJSON(v, ^i)
		}
	}
	columns[0].AppendBytes(v)
	return nil
}

// notText is the index of the first byte that a text column cannot hold, negative if there is none.
func notText(v []byte) int {
	if utf8.Valid(v) {
		return bytes.IndexByte(v, 0)
	}
	i := 0
	for v[i] != 0 {
		_, n := utf8.DecodeRune(v[i:])
		if n == 1 && v[i] >= utf8.RuneSelf {
			break
		}
		i += n
	}
	return i
}
