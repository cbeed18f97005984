package debezium

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// Truncated is the code of the bad record that says that the whole table was emptied.
const Truncated = "table-truncated"

// Config is a schema of change events.
type Config struct {
	// Decode is the schema of the row, with paths from the row on: name, address.city. A path that begins with _op, _source,
	// _transaction, _ts_ms, _ts_us or _ts_ns is of the envelope; one that begins with a metadata column is of the record. Its Tombstone and
	// UnknownFields are not used: behind a delete a record without a value makes no row, and the envelope has fields of its own.
	Decode decode.Config
	// Key is which columns are the target's key: a delete without one of them is bad. Empty: rows are appended.
	Key []string
	// Partial: the sink can leave columns of the key's row alone (fencepost.ColumnSpec.Partial). So it does with a value that Debezium did not
	// have, and with a field that is missing and whose Missing says nothing; else such records are bad. REQUIRES: Key.
	Partial bool
	// Schema: the record holds its schema beside the envelope, as {"schema": ..., "payload": ...}.
	Schema bool
	// Untold: nothing knows the schema of the events.
	Untold bool
	// Accepts is what may be lost of values at their source. An event whose schema admits another loss is a bad record (NotAccepted). Of JSON that
	// has no schema beside it nothing is known. In Avro it is for Guard.
	Accepts []Loss
	// Values and Keys make the decoder of a record's value and of its key (decode.Config.Key).
	Values, Keys func(decode.Config) (decode.Factory, error)
}

// New makes decoders of change events. Its error joins one *decode.FieldError for each error of the schema.
func New(c Config) (decode.Factory, error) {
	t, err := c.table()
	if err != nil {
		return nil, err
	}
	values, err := c.Values(t.values)
	if err != nil {
		return nil, err
	}
	keys, err := c.Keys(t.keys)
	if err != nil {
		return nil, err
	}
	rows, err := c.Values(t.rows)
	if err != nil {
		return nil, err
	}
	before, err := c.Values(t.before)
	if err != nil {
		return nil, err
	}
	untold := c.untold()
	return func() fencepost.Decoder {
		d := &decoder{table: t, untold: untold, values: values(), keys: keys(), rows: rows(), before: before(), beside: beside{config: c, of: t.of}}
		d.key, d.row, d.was = empty(d.keys), empty(d.rows), empty(d.before)
		return d
	}, nil
}

// Columns is the schema of the events' values: the columns with their paths in the envelope. REQUIRES: New takes the Config.
func (c Config) Columns() decode.Config {
	t, err := c.table()
	if err != nil {
		return decode.Config{}
	}
	return t.values
}

// table is what all decoders of a Factory have in common.
type table struct {
	values decode.Config // the columns, below the envelope, and MetaOp
	keys   decode.Config // the row's columns, of the record's key
	rows   decode.Config // `after` as a whole, and the op
	before decode.Config // the columns of keys in `before`, as the numbers that they may be
	of     []int         // :: column of keys -> column
	schema bool
}

// table places the columns' paths in the envelope.
func (c Config) table() (*table, error) {
	if c.Decode.Explode != "" {
		return nil, &decode.FieldError{Key: "explode", Reason: "a change says how a row is now, and not which elements it had before: the rows of those that went would stay", Help: "leave it out, with the array in a json column"}
	}
	t := &table{values: c.Decode, schema: c.Schema}
	t.values.Unknown, t.values.UnknownFields, t.values.Tombstone = nil, decode.IgnoreUnknown, decode.BadTombstone
	t.values.Fields = nil
	t.keys.Key = true
	isKey, lacking := map[string]bool{}, map[string]bool{}
	for _, k := range c.Key {
		isKey[k], lacking[k] = true, true
	}
	for i, f := range c.Decode.Fields {
		path := f.From
		if path == "" {
			path = decode.Literal(f.Column)
		}
		switch of, ok := ofEnvelope(path); {
		case ok:
			f.From = c.below(of)
		case decode.OfRecord(path):
		default:
			of := f
			of.From, of.Embedded = c.below(path), f.Type == fencepost.JSON
			if !isKey[f.Column] {
				of.Missing, of.Mismatch = decode.Null(), decode.Null()
			}
			t.keys.Fields, t.of = append(t.keys.Fields, of), append(t.of, i)
			t.before.Fields = append(t.before.Fields, decode.Field{Column: f.Column, Type: fencepost.Decimal, From: c.below("before." + path), Missing: decode.Null(), Mismatch: decode.Null()})
			f.From, f.Embedded, f.Placeholder = c.below("after."+path), f.Type == fencepost.JSON, placeholder
			if f.Partial = c.Partial && !isKey[f.Column]; f.Partial && f.Missing == (decode.Rule{}) {
				f.Missing = decode.Unchanged()
			}
		}
		delete(lacking, f.Column)
		t.values.Fields = append(t.values.Fields, f)
	}
	for _, k := range c.Key {
		if lacking[k] {
			return nil, &decode.FieldError{Column: k, Key: "name", Reason: "the sink's key has a column that the schema has not", Help: "add it to schema"}
		}
	}
	if len(t.keys.Fields) == 0 {
		return nil, &decode.FieldError{Key: "from", Reason: "no column is of the row itself", Help: "name a column of the table"}
	}
	t.values.Fields = append(t.values.Fields, decode.Field{Column: fencepost.MetaOp, Type: fencepost.Text, From: c.below("op")})
	// What JSON cannot say, as NaN of Avro, is a row all the same.
	t.rows.Fields = []decode.Field{{Column: "after", Type: fencepost.JSON, From: c.below("after"), Missing: decode.Null(), Mismatch: decode.Default("0")},
		{Column: "op", Type: fencepost.Text, From: c.below("op"), Missing: decode.Null(), Mismatch: decode.Null()}}
	return t, nil
}

// below is a path of the envelope, from the record's value on.
func (c Config) below(path string) string {
	if c.Schema {
		return "payload." + path
	}
	return path
}

// ofEnvelope is the path from the envelope on of one that is not of the row.
func ofEnvelope(path string) (of string, ok bool) {
	first, _, _ := strings.Cut(path, ".")
	switch first {
	case "_op", "_source", "_transaction", "_ts_ms", "_ts_us", "_ts_ns":
		return path[1:], true
	}
	return "", false
}

// empty are the columns of a decoder.
func empty(d fencepost.Decoder) (columns []fencepost.Column) {
	for _, c := range d.Columns() {
		columns = append(columns, c.Column())
	}
	return columns
}

// decoder makes one row of one event.
type decoder struct {
	*table
	values, keys, rows, before fencepost.Decoder
	key, row, was              []fencepost.Column // one row at a time
	beside                     beside
	untold                     error // of all events; nil: they are taken
}

// Columns are the columns of the schema, then MetaOp.
func (d *decoder) Columns() []fencepost.ColumnSpec { return d.values.Columns() }

// Decode appends the row that the event leaves, or the key of the row that it deletes.
func (d *decoder) Decode(r *fencepost.Record, columns []fencepost.Column) error {
	if r.Value == nil {
		return fencepost.ErrNoRow
	}
	n := columns[0].Len()
	if err := d.values.Decode(r, columns); err != nil {
		if other := d.other(r); other != nil {
			return other
		}
		return d.explained(err, r)
	}
	op := &columns[len(columns)-1]
	if op.Null(n) {
		return bad("op is null: the record is no change event")
	}
	var err error
	switch op.Text(n) {
	case "c", "u", "r":
		err = d.live(r, columns, n)
	case fencepost.OpDelete:
		err = d.deleted(r, columns, n)
	default:
		return cmp.Or(ofNoRow(op.Text(n)), bad("op %q is none of c, u, r, d, t and m", op.Text(n)))
	}
	if err != nil {
		return err
	}
	if d.untold != nil {
		return d.untold
	}
	return d.told(r, columns, n)
}

// ofNoRow is what Decode returns of an event that is not about one row; nil: it is.
func ofNoRow(op string) error {
	switch op {
	case "m":
		return fencepost.ErrNoRow
	case "t":
		return &fencepost.BadRecord{Code: Truncated, Reason: "the table was emptied (op t), which has no key, and no order to the changes in other partitions"}
	}
	return nil
}

// other is what Decode returns of an event that has no `after`, since it is not about one row; nil: it is none such.
func (d *decoder) other(r *fencepost.Record) error {
	if err := d.whole(r); err != nil || d.row[1].Null(0) {
		return nil
	}
	return ofNoRow(d.row[1].Text(0))
}

// whole decodes d.row: `after`, and the op.
func (d *decoder) whole(r *fencepost.Record) error {
	for i := range d.row {
		d.row[i].Truncate(0)
	}
	return d.rows.Decode(r, d.row)
}

// live checks a row that is there.
func (d *decoder) live(r *fencepost.Record, columns []fencepost.Column, n int) error {
	nulls := 0
	for _, i := range d.of {
		c := &columns[i]
		if c.Null(n) {
			nulls++
			continue
		}
		if unavailable(c, n) {
			if !c.Partial {
				return bad("field %s was not sent: %s", c.Name, unsent)
			}
			c.Truncate(n)
			c.AppendUnchanged()
			continue
		}
		if c.Type == fencepost.JSON && strings.HasPrefix(c.Text(n), nested) {
			return bad("field %s: an array of arrays is sent as no JSON of it", c.Name)
		}
		if c.Type == fencepost.Timestamp && !dated(c.Micros(n)) {
			return bad("field %s is outside of the years 1 to 9999, as infinity is sent", c.Name)
		}
	}
	if nulls < len(d.of) {
		return nil
	}
	// A row of nulls, or no row: that is a question for the one field that says it.
	if err := d.whole(r); err != nil {
		return err
	}
	if d.row[0].Null(0) {
		return bad("op %s has no row (after is null)", columns[len(columns)-1].Text(n))
	}
	return nil
}

// nested is how an array of arrays of text begins, as Debezium writes it: with what Java calls the inner ones.
const nested = `["[Ljava.lang.`

// deleted puts the fields of the record's key in the place of the row's, and nulls beside them.
func (d *decoder) deleted(r *fencepost.Record, columns []fencepost.Column, n int) error {
	if r.Key == nil {
		return bad("op d has no key, so that no row can be told: the table needs a primary key, or message.key.columns")
	}
	for i := range d.key {
		d.key[i].Truncate(0)
	}
	if err := d.keys.Decode(r, d.key); err != nil {
		return d.explained(err, r)
	}
	for k, i := range d.of {
		columns[i].Truncate(n)
		columns[i].AppendFrom(&d.key[k], 0)
	}
	return d.unsigned(r, columns, n)
}

// explained says of a bad record that has its schema beside it, or has none, that the pipeline expects the other.
func (d *decoder) explained(err error, r *fencepost.Record) error {
	b, ok := errors.AsType[*fencepost.BadRecord](err)
	if !ok {
		return err
	}
	has := strings.HasPrefix(string(r.Value), `{"schema":`)
	switch {
	case has && !d.schema:
		return b.Because(b.Reason + ". The record has its schema beside it")
	case !has && d.schema && len(r.Value) > 0 && r.Value[0] == '{':
		return b.Because(b.Reason + ". The record has no schema beside it")
	}
	return err
}

// bad is a bad record.
func bad(format string, args ...any) error {
	return &fencepost.BadRecord{Code: decode.Undecodable, Reason: fmt.Sprintf(format, args...)}
}
