// Package shape puts a decoder around a decoder: it drops rows by a condition, and computes columns beside those of the record.
//
//	record --inner decoder--> row --Where--> dropped: fencepost.ErrNoRow
//	                           |
//	                           +--Columns--> the same row, with a value more for each
//
// # Why here
//
// A row is dropped where it is made, before a batch holds it: so it works in front of each sink, counts as applied, and the position moves
// past it in the same commit as past the others. A sink could leave a row out only in its own language, and the engine knows of
// columns no more than their types. Whoever embeds the engine gives it the Factory that [New] returns, as it gives any other.
//
//	json, err := decode.JSON(decode.Config{Fields: fields})
//	late, err := shape.New(json, shape.Config{Where: `delay > 15 and origin != "ATL"`})
//
// # Laws
//
//  1. The language is that of internal/expression, which is that of Redis commands in a pipeline: docs/reference/expressions.md. What can be
//     known beforehand is refused by [New], with its place: names, types that do not go together, a value that no record makes fit its column.
//  2. A condition that is null does not hold, as in SQL; the row is dropped.
//     A delete (d in [fencepost.MetaOp]) is kept all the same, for its columns are null, and the row that it deletes may have been
//     kept; unless Where names _op. An update that no longer holds the condition is dropped, and deletes nothing.
//  3. Where is asked as soon as what it names is there: in front of the computed columns, if it names none of them. So `n != 0` guards
//     a column that divides by n.
//  4. A computed column may name the columns of the inner decoder and the computed ones before it. Its value fits its type as one of the
//     same kind would fit in a record ([decode.Cell]), a text in a bytes column is its bytes, and in a json column it is JSON.
//  5. Numbers are exact or the record is bad: an overflow is never a value.
//
// # How it fails
//
// A condition that fails on a row, an index out of range or a sum beyond 64 bits, makes the record bad: a *[fencepost.BadRecord]
// with the code of package decode. So does a computed column, unless its [decode.Field.Mismatch] says otherwise.
//
// # What it does not do
//
// It makes no rows: each that the inner decoder makes of a record is kept or dropped by itself, and gets its own computed columns. An
// error in one of them makes the record bad. It takes no column away: what Where names is in the row too.
package shape
