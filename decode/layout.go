package decode

import "github.com/fencepost/fencepost"

// Layout is a Config that was checked. The packages of other formats make one for a Factory, and a Row of it for each decoder.
type Layout struct {
	config   Config
	columns  []fencepost.ColumnSpec
	exploded *exploded // nil: a record is one row
	told     *told
}

// NewLayout checks a schema. Its error joins one *FieldError for each error.
func NewLayout(c Config) (*Layout, error) {
	if c.Tombstone == DeleteTombstone {
		c.Fields = append(c.Fields[:len(c.Fields):len(c.Fields)], Field{Column: fencepost.MetaOp, Type: fencepost.Text, From: fencepost.MetaOp})
	}
	if c.Explode != "" {
		c.Fields = append(c.Fields[:len(c.Fields):len(c.Fields)], Field{Column: fencepost.MetaIndex, Type: fencepost.Int})
	}
	columns := make([]fencepost.ColumnSpec, len(c.Fields))
	for i, f := range c.Fields {
		columns[i] = fencepost.ColumnSpec{Name: f.Column, Type: f.Type, Default: f.Missing.kind == ruleAbsent, Partial: f.Partial || f.Missing.kind == ruleUnchanged}
	}
	if err := checkColumns(columns); err != nil {
		return nil, err
	}
	if err := checkFields(c.Fields); err != nil {
		return nil, err
	}
	exploded, err := c.explode()
	if err != nil {
		return nil, err
	}
	return &Layout{config: c, columns: columns, exploded: exploded, told: newTold(c.Unknown)}, nil
}

// Row makes what one more decoder needs.
func (l *Layout) Row() *Row {
	r := &Row{layout: l, look: l.config.Fill.begin(l.columns), Cells: make([]Cell, len(l.config.Fields))}
	for i, f := range l.config.Fields {
		from, _ := f.Path() // checkFields has passed it
		if l.exploded != nil && i == l.exploded.index {
			from = Path{Meta: fencepost.MetaIndex}
		}
		r.Cells[i] = Cell{Field: f, from: from, missing: ready(f.Missing), mismatch: ready(f.Mismatch)}
	}
	return r
}

// Row is what a decoder keeps of its schema: a Cell for each column, and what the schema says of the record as a whole. It is used
// by one goroutine.
type Row struct {
	Cells  []Cell // :: column, in order
	layout *Layout
	look   *look // nil: nothing is looked at, or all of it was
	begun  int   // what the columns took in memory before the record at hand, where records are exploded
}

// Columns are the columns that the decoder makes.
func (r *Row) Columns() []fencepost.ColumnSpec { return r.layout.columns }

// Bytes is what is decoded of a record: its value, or its key. nil: it has none.
func (r *Row) Bytes(rec *fencepost.Record) []byte {
	if r.layout.config.Key {
		return rec.Key
	}
	return rec.Value
}

// OfKey reports whether the decoder reads the record's key, and not its value.
func (r *Row) OfKey() bool { return r.layout.config.Key }

// Empty makes what the schema says of a record whose Bytes are nil: a bad record, no row, or a row of nulls. Of a key that is not there
// each column is what its Missing says, unless Tombstone says otherwise.
func (r *Row) Empty(rec *fencepost.Record, columns []fencepost.Column) error {
	switch r.layout.config.Tombstone {
	case SkipTombstone:
		return fencepost.ErrNoRow
	case NullsTombstone, DeleteTombstone:
		for k := range r.Cells {
			c := &r.Cells[k]
			if c.from.Meta == "" {
				columns[k].AppendNull()
			} else if err := c.ofRecord(rec, &columns[k]); err != nil {
				return err
			}
		}
		return nil
	case BadTombstone:
	}
	if r.OfKey() {
		return r.noKey(rec, columns)
	}
	return bad("record has no value (a tombstone)")
}

// noKey appends what the columns of a key are for a record without one.
func (r *Row) noKey(rec *fencepost.Record, columns []fencepost.Column) error {
	for k := range r.Cells {
		c := &r.Cells[k]
		var err error
		switch {
		case c.from.Meta != "":
			err = c.ofRecord(rec, &columns[k])
		case c.missing.kind == ruleError:
			err = bad("record has no key")
		default:
			err = c.Missing(&columns[k])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Unknown reports a field that no column takes, once, with the first record that has it.
func (r *Row) Unknown(name string, rec *fencepost.Record) { r.layout.told.tell(name, rec) }

// RefusesUnknown reports whether a field that no column takes makes the record bad.
func (r *Row) RefusesUnknown() bool { return r.layout.config.UnknownFields == RefuseUnknown }

// Observe notes which columns the record that was just decoded fills.
func (r *Row) Observe(columns []fencepost.Column) {
	if r.look != nil {
		r.observe(columns, 1)
	}
}

// observe notes which columns the last n rows fill, which are of one record.
func (r *Row) observe(columns []fencepost.Column, n int) {
	if r.look == nil {
		return
	}
	for k := range r.Cells {
		c := &r.Cells[k]
		if c.stood == misfit || c.stood == fitting && filled(&columns[k], n) {
			r.look.filled[k].Store(true)
		}
		c.stood = fitting
	}
	if r.look.records.Add(1) == fillWindow {
		r.look = nil
		r.layout.config.Fill.judge()
	}
}

// filled reports whether one of a column's last n rows is not null.
func filled(c *fencepost.Column, n int) bool {
	for i := c.Len() - n; i < c.Len(); i++ {
		if !c.Null(i) {
			return true
		}
	}
	return false
}
