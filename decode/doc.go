// Package decode makes typed columns of records: it holds the decoders that implement [fencepost.Decoder].
//
//	JSON    fields of a JSON object, each a column of its own type
//	Raw     the whole value as one column
//	Func    a function of yours per record
//	Infer   a first JSON schema, guessed from sample records
//
// The decoders of other formats are packages of their own below this one. They take a [Config] too, and put their values into
// columns by a [Cell], so that every format has the same rules of which value fits which column.
//
// # How JSON is read
//
// One pass over the bytes validates everything and remembers where the wanted values are; then each column takes
// its value from there. Nothing is built between the bytes and the columns, so a record costs no allocation.
//
//	{"date":"2001-01-01T00:01:00","delay":12,"tail":"N34","origin":"ATL"}
//	 |      |                     |       |  |            |        |
//	 name   slot 0                name    1  not wanted:  name     2       the scan: validate, note the span
//	                                         validated only
//	        v                             v                        v
//	        date  timestamp               delay  int               origin  text   then each column, in schema order
//
// Where a column is inside of a nested value (user.geo.country, tags[0]), that value's own members are read once more, behind the
// scan; a schema without such a path does nothing there. _key and _headers.NAME are of the record, and no part of the scan.
//
// # One record, several rows
//
// With [Config.Explode] each element of an array makes a row, in the array's order, in every format that has arrays. What is of the
// record stands in each of them, what is of an element in its own, and _index says which element it is:
//
//	{"id":7,"items":[{"sku":"a"},{"sku":"b"}]}     Explode: items
//
//	id   From items[].sku   _index
//	7    a                  0
//	7    b                  1
//
// An array that is empty, null or not there makes no row. What is there and no array makes the record bad, and so does one bad
// element: all rows of a record are made, or none. Together they take at most [MaxExploded].
//
// Records of one topic nearly always list their fields in the same order, so the decoder remembers which name
// followed which and compares the bytes with that name before it looks one up.
//
// # Laws
//
// The reference is slow and obvious: the value as map[string]json.RawMessage, then each wanted value by its column's
// type. A test and a fuzz target hold the scanner to it, and these rules go beyond encoding/json:
//
//   - The whole value is JSON (RFC 8259), ignored fields included, and one object with nothing behind it. It is
//     valid UTF-8 throughout, and an escaped surrogate is only valid in a pair: encoding/json would put U+FFFD in the
//     place of both, which is another text than was sent. It is nested at most [MaxDepth] deep.
//   - Names are case-sensitive and compared unescaped. The last of several equal names wins, whatever the others hold.
//   - null gives a null in every column, a json column included; Missing is for a name that is not there.
//   - A path ends as its last step does. What it goes through decides for it: a null is a null, what is not there is missing, and
//     any other value that has no such parts is a mismatch.
//   - A value that is JSON but that the column's type cannot hold exactly is a mismatch: another JSON type, 1.0 or
//     1e3 for an int, an overflow, \u0000 in a text.
//   - A record without a value (a tombstone) is what [Tombstone] says for JSON: a bad record, no row, or a row of nulls.
//     For Raw it is a null.
//
// # What fits which column
//
//	text       a string without \u0000
//	int        a number without fraction and exponent, within int64
//	float      a number, as the nearest float64; finite
//	bool       true or false
//	timestamp  a string in the form of RFC 3339, "T" or a space between date and time; without a zone it is UTC; +0530,
//	           +05 and 24:00:00 as ISO 8601 has them; 23:59:60 UTC is the next second, as POSIX counts. No date alone.
//	           With a Unit also a number: digits exactly, never by way of a float; days are whole. What is less than a
//	           microsecond is cut off towards the past
//	decimal    a number, or a string that holds one: its digits with the exponent written out, at most [MaxDigits]
//	date       a string 2001-02-03; with unit: days also a number of days since 1970. No time of day with it
//	time       a string 12:34:56, with a fraction or without seconds, 24:00:00 too, and no zone; with a Unit also a number since
//	           midnight. Kept without the zeros at the end of a fraction
//	uuid       a string of 32 hexadecimal digits, in five groups or in one. Kept in lower case, in groups
//	json       any value, verbatim
//	bytes      a string in standard base64, padded
//
// # How it fails
//
// Every error of Decode but [fencepost.ErrNoRow] is a *[fencepost.BadRecord] with the code [Undecodable] and a reason that names the field, or
// the first byte (from 0) at which the value stops being JSON. The row it began is incomplete: the caller drops it.
// A schema that cannot work is refused when the decoder is made, with one *[FieldError] for each error.
//
// # What it does not do
//
// It explodes a record by one array, and not by an array inside of it, nor by the members of an object. It never changes a value to
// make it fit.
package decode
