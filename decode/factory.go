package decode

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
)

// Undecodable is the code of every bad record of this package.
const Undecodable = "record-undecodable"

// Factory makes decoders of one schema: one for each lane, since a decoder is used by one goroutine. It is itself
// safe for concurrent use.
type Factory func() fencepost.Decoder

// FieldError is one error of a schema.
type FieldError struct {
	Column string // the column it is about; empty: the schema as a whole
	Key    string // what is wrong with it: name, type, from, unit, missing, mismatch; of the schema as a whole explode, tombstone
	Reason string
	Help   string // the remedy
}

// Error is the reason with the column before it and the remedy behind it.
func (e *FieldError) Error() string {
	s := e.Reason
	if e.Column != "" {
		s = e.Column + ": " + s
	}
	if e.Help != "" {
		s += ": " + e.Help
	}
	return s
}

// checkColumns finds what no batch can hold: names that are empty, doubled or kept for metadata, unknown types.
func checkColumns(columns []fencepost.ColumnSpec) error {
	if len(columns) == 0 {
		return &FieldError{Key: "name", Reason: "the schema has no columns", Help: "name at least one, or use raw"}
	}
	var faults []error
	fault := func(c fencepost.ColumnSpec, key, reason, help string) {
		faults = append(faults, &FieldError{Column: c.Name, Key: key, Reason: reason, Help: help})
	}
	seen := map[string]bool{}
	for i, c := range columns {
		switch {
		case c.Name == "":
			fault(c, "name", fmt.Sprintf("column %d has no name", i+1), "give it one")
		case c.Name == fencepost.MetaOp && c.Type == fencepost.Text, c.Name == fencepost.MetaIndex && c.Type == fencepost.Int:
		case c.Name[0] == '_':
			fault(c, "name", "names with _ in front are kept for the metadata columns",
				"call it "+strings.TrimLeft(c.Name, "_")+" and set from: "+c.Name)
		case !utf8.ValidString(c.Name) || strings.ContainsRune(c.Name, 0):
			fault(c, "name", "is not text", "UTF-8 without NUL")
		case seen[c.Name]:
			fault(c, "name", "is there twice", "rename one of them, and set from to the field's name")
		}
		seen[c.Name] = true
		if int(c.Type) >= len(fencepost.Types()) {
			fault(c, "type", fmt.Sprintf("%d is not a column type", c.Type), strings.Join(fencepost.Types(), " "))
		}
	}
	return errors.Join(faults...)
}

// bad makes the one kind of error that decoders return.
func bad(format string, args ...any) error {
	return &fencepost.BadRecord{Code: Undecodable, Reason: fmt.Sprintf(format, args...)}
}
