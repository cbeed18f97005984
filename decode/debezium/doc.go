// Package debezium makes rows of the change events that Debezium writes: for each change of a row in a database, one record with an
// envelope around the row as it was and as it is.
//
//	{"before": null, "after": {"id": 1, "name": "ann"}, "source": {...}, "op": "c", "ts_ms": ...}
//	                          `-- the columns of the row             `-- fencepost.MetaOp
//
// The decoder of the values (JSON, Avro) is given, with the paths of the columns put below `after`. What the event does is in the
// last column, [fencepost.MetaOp], by which a sink with a key upserts and deletes.
//
//	c, u, r   the row of `after`
//	d         the fields of the record's key, and nulls: of `before` nothing is read, since with REPLICA IDENTITY DEFAULT its other
//	          fields are inventions (0, "", 1970-01-01)
//	no value  no row: the tombstone that follows a d
//	m         no row: a logical message
//	t         a bad record: a truncate has no key, and so no order to the rows of other partitions
//
// # Laws
//
//   - A field that is missing in `after` is missing, and never a null: generated columns and columns of unknown types come and go.
//   - A value that Debezium did not have (unavailable: a large value that an update did not change) is never its placeholder: it is unchanged where
//     the sink can leave a column of the row alone (Config.Partial), and a bad record where not, as in a key. Which form the placeholder has is
//     the column's: a text, its base64, an array of its character codes.
//   - A timestamp outside of the years 1 to 9999 is a bad record: Debezium writes infinity so.
//   - An event whose schema admits that a value is another one at the source, which no record tells (Loss), is a bad record unless Config.Accepts names it.
//   - A delete without a key, and an upsert without a row, are bad records.
//
// Source: Debezium 3.6.1.Final on Postgres 15 and 18 and MySQL 9.7, read as bytes.
package debezium
