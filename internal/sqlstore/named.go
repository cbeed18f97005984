package sqlstore

import (
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
)

// FirstNull is the first row of a batch in which a column is null, counted from 1 over its segments; 0: there is none.
func FirstNull(b *fencepost.Batch, column string) int {
	c := b.Column(column)
	if c == nil || !c.HasNulls() {
		return 0
	}
	return first(b, c.Null)
}

// FirstHolding is the first row of a batch that has all of these values among those of its columns, as a database writes them in
// its message; 0: there is none. It compares whole numbers and texts.
func FirstHolding(b *fencepost.Batch, values []string) int {
	wanted := make([]func(int) bool, len(values))
	for i, v := range values {
		n, err := strconv.ParseInt(v, 10, 64)
		whole := err == nil
		wanted[i] = func(row int) bool {
			for j := range b.Columns {
				switch c := &b.Columns[j]; {
				case c.Null(row):
				case c.Type == fencepost.Int:
					if whole && c.Int(row) == n {
						return true
					}
				case textual(c.Type):
					if c.Text(row) == v {
						return true
					}
				}
			}
			return false
		}
	}
	if len(values) == 0 {
		return 0
	}
	return first(b, func(row int) bool {
		for _, holds := range wanted {
			if !holds(row) {
				return false
			}
		}
		return true
	})
}

// FirstAmong is the first row of a batch whose whole numbers and texts are all among the values that a message lists; 0: there is
// none. A message may cut long values short, and such a row is not found.
func FirstAmong(b *fencepost.Batch, list string) int {
	among := map[string]bool{}
	for v := range strings.SplitSeq(list, ", ") {
		among[v] = true
	}
	var number [20]byte
	return first(b, func(row int) bool {
		compared := false
		for j := range b.Columns {
			c := &b.Columns[j]
			if c.Null(row) || c.Type != fencepost.Int && !textual(c.Type) {
				continue
			}
			v := []byte(nil)
			if compared = true; c.Type == fencepost.Int {
				v = strconv.AppendInt(number[:0], c.Int(row), 10)
			} else {
				v = c.Bytes(row)
			}
			if !among[string(v)] {
				return false
			}
		}
		return compared
	})
}

// textual reports whether values of a type are texts that a database writes as they are.
func textual(t fencepost.Type) bool { return t == fencepost.Text || t == fencepost.UUID }

// first is the first row for which f holds, given its index.
func first(b *fencepost.Batch, f func(index int) bool) (row int) {
	for index := range b.All() {
		if row++; f(index) {
			return row
		}
	}
	return 0
}
