// Package csv holds the decoder of CSV records (RFC 4180): one record of CSV in each record of Kafka.
//
//	config --New--> decode.Factory --> fencepost.Decoder
//
//	7,"Oslo, ""N""",12.50,,"a<CR><LF>b"
//	| |             |     | |
//	0 1             2     3 4         the split: where each field is, and whether it was quoted
//	  v             v     v
//	  city text     price null        then each column, in the order of the schema
//
// # Laws
//
//   - A field is what was written, byte by byte. A line break inside of quotes is part of the field, and \r\n stays \r\n. Two quotes
//     inside of quotes are one.
//   - The record is valid UTF-8 throughout, ignored fields included.
//   - A record is one line, where quotes do not go on over a line break, with one line break behind it or none: \r\n, \n, or the \r that
//     who splits a file at \n leaves there. What stands behind it makes the record bad.
//   - An empty value is a record of one empty field. A nil value is a tombstone: see [decode.Tombstone].
//   - A quote stands at both ends of a field, or nowhere in it. What else stands beside quotes makes the record bad; Trim lets blanks be
//     there. So does a \r or \n that is not quoted.
//   - Only a field without quotes is null: "" is an empty text. See [Config.Null].
//   - A header gives each field its name, and the record has as many fields as the header has names: more fields are a bad record,
//     for they are what a delimiter without quotes makes of a text, and all behind it would be in the wrong columns. With fewer, a column
//     whose field is not there gets what its [decode.Field.Missing] says, which is a bad record too unless it says otherwise.
//
// # What fits which column
//
// As in JSON (package decode), but that a field has no type of its own: it is read as its column wants it.
//
//	text       the field as it is, without NUL
//	int        digits, with or without a sign
//	float      a number of JSON; finite, the nearest float64
//	decimal    a number of JSON, its digits with the exponent written out
//	bool       true, false, True, False, TRUE, FALSE, t, f, 1, 0
//	json       one JSON value, verbatim; null is a null
//	bytes      standard base64, padded
//	others     as a string of JSON; with a Unit also as a number
//
// In front of a number a + and zeros may stand, and of one below 1 the zero may be missing: +7, 007 and .5 are the numbers 7, 7 and 0.5. Blanks
// around a number do not fit; Trim takes them away.
//
// # How it fails
//
// Every error is a *[fencepost.BadRecord], whose reason names the field, or the byte (from 0) where the record ends to be CSV. A schema
// or a configuration that cannot work is refused by [New], with one *[decode.FieldError] for each error.
//
// # What it does not do
//
// It reads no header out of a record, and no more than one record of CSV out of one of Kafka. encoding/csv is no model for it: that reader
// makes \n of \r\n inside of quotes, passes over empty lines, and does not tell "" from nothing.
package csv
