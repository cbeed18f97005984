package decode

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fencepost/fencepost"
)

// exploded is how records of a Config become several rows.
//
//	{"id":7,"items":[{"sku":"a"},{"sku":"b"}]}     Explode: items
//
//	id     of the record     7  7      appended once, then repeated by Spread
//	sku    items[].sku       a  b      appended once for each element, by the decoder
//	_index                   0  1      appended by Spread
type exploded struct {
	array    []Step
	ofRecord []int // columns that are repeated
	element  []int // columns that are of the elements
	index    int   // the column fencepost.MetaIndex
	most     int   // bytes that the rows of a record may take
}

// MaxExploded bounds what the rows of one record take in memory, in bytes. A record of 1 MiB may hold hundreds of thousands of
// elements, beside each of which its other columns stand again.
const MaxExploded = 256 << 20

// explode says what is repeated and what is of an element; nil: a record is one row. Its error joins one *FieldError for each error.
func (c *Config) explode() (*exploded, error) {
	var faults []error
	fault := func(column, key, reason, help string) {
		faults = append(faults, &FieldError{Column: column, Key: key, Reason: reason, Help: help})
	}
	e := &exploded{index: len(c.Fields) - 1, most: MaxExploded}
	if c.Explode != "" {
		p, err := parsePath(c.Explode)
		switch {
		case err != nil:
			fault("", "explode", err.Error(), "the path of an array: items, order.items")
			return nil, errors.Join(faults...)
		case p.Meta != "" || p.Array != nil:
			fault("", "explode", "is no path of an array in the record's value", "items, order.items")
		case c.Tombstone == NullsTombstone || c.Tombstone == DeleteTombstone:
			fault("", "tombstone", "a record without a value has no array, so that it cannot be one row of nulls, nor say which rows to delete", "park or skip")
		}
		e.array = p.Steps
	}
	for i := range c.Fields {
		f := &c.Fields[i]
		p, _ := f.Path() // checkFields has passed it
		switch {
		case p.Array == nil && c.Explode != "" && f.From == fencepost.MetaIndex:
			fault(f.Column, "from", "the place of an element is the column _index, which is there already", "drop the column, or expr: _index")
		case p.Array == nil && i != e.index:
			e.ofRecord = append(e.ofRecord, i)
		case p.Array != nil && !slices.Equal(p.Array, e.array):
			fault(f.Column, "from", "[] is each element of the array that explode names, and that is "+orNone(c.Explode), "explode: "+textOf(p.Array))
		case p.Array != nil:
			e.element = append(e.element, i)
		}
	}
	if c.Explode == "" {
		return nil, errors.Join(faults...)
	}
	if len(faults) == 0 && len(e.element) == 0 {
		fault("", "explode", "no column is of an element", "COLUMN: {type: text, from: "+c.Explode+"[].NAME}")
	}
	return e, errors.Join(faults...)
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// Explodes is the path of the array by which records are exploded, and what people call it. ok: they are.
func (r *Row) Explodes() (array []Step, name string, ok bool) {
	if r.layout.exploded == nil {
		return nil, "", false
	}
	return r.layout.exploded.array, r.layout.config.Explode, true
}

// OfRecord are the columns that a decoder appends to once for a record that it explodes.
func (r *Row) OfRecord() []int { return r.layout.exploded.ofRecord }

// OfElement are the columns that it appends to once for each element.
func (r *Row) OfElement() []int { return r.layout.exploded.element }

// Begin notes where the rows of a record begin. REQUIRES: Explodes; as all below.
func (r *Row) Begin(columns []fencepost.Column) {
	r.begun = sizeOf(columns)
}

// sizeOf is what columns take in memory.
func sizeOf(columns []fencepost.Column) (n int) {
	for i := range columns {
		n += columns[i].Size()
	}
	return n
}

// Bounded is the error of a record that takes more than MaxExploded with n elements.
func (r *Row) Bounded(columns []fencepost.Column, n int) error {
	if sizeOf(columns)-r.begun > r.layout.exploded.most {
		return r.tooMany(n)
	}
	return nil
}

func (r *Row) tooMany(n int) error {
	return bad("its rows take more than %d MiB, with %d elements", r.layout.exploded.most>>20, n)
}

// InElement says of an error which element it is of: items[3].
func (r *Row) InElement(n int, err error) error {
	b, ok := errors.AsType[*fencepost.BadRecord](err)
	if !ok {
		return err
	}
	return b.Because(fmt.Sprintf("%s[%d]: %s", r.layout.config.Explode, n, b.Reason))
}

// NotArray is the bad record whose array is something else: an object, order is a string.
func (r *Row) NotArray(what string) error {
	return bad("explode: %s", what)
}

// Spread makes the rows of a record whose elements were appended: the columns that are of the record are repeated, and the places of
// the elements are filled in. Its error is fencepost.ErrNoRow where there is none, or a *fencepost.BadRecord of a record that takes
// more than MaxExploded.
func (r *Row) Spread(columns []fencepost.Column, n int) error {
	if n == 0 {
		return fencepost.ErrNoRow
	}
	e := r.layout.exploded
	each := 8 // of the place
	for _, k := range e.ofRecord {
		each += sizeOfLast(&columns[k])
	}
	if sizeOf(columns)-r.begun+each*n > e.most {
		return r.tooMany(n)
	}
	for _, k := range e.ofRecord {
		columns[k].Repeat(n - 1)
	}
	for i := range n {
		columns[e.index].AppendInt(int64(i))
	}
	r.observe(columns, n)
	return nil
}

// sizeOfLast is what the last row of a column takes in memory.
func sizeOfLast(c *fencepost.Column) int {
	switch c.Type {
	case fencepost.Int, fencepost.Bool, fencepost.Timestamp, fencepost.Float:
		return 8
	}
	return len(c.Bytes(c.Len()-1)) + 4
}
