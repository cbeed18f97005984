package sqlite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// affinity is what SQLite makes of a value on its way into a column (sqlite.org/datatype3.html, section 3).
type affinity uint8

const (
	affinityNone    affinity = iota // BLOB, or no type: a value stays as it is
	affinityText                    // numbers become texts
	affinityNumeric                 // texts that look like numbers become numbers of at most 15 digits
	affinityInteger                 // as NUMERIC
	affinityReal                    // as NUMERIC, and integers become floats
)

var affinities = [...]string{"no", "TEXT", "NUMERIC", "INTEGER", "REAL"}

func (a affinity) String() string { return affinities[a] }

// affinityOf is the affinity of a declared type: the first rule of section 3.1 that applies. In a STRICT table ANY
// changes nothing, and the other types go by the same rules.
func affinityOf(declared string, strict bool) affinity {
	t := strings.ToUpper(declared)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(t, w) })
	}
	switch {
	case has("INT"):
		return affinityInteger
	case has("CHAR", "CLOB", "TEXT"):
		return affinityText
	case t == "" || has("BLOB") || strict && t == "ANY":
		return affinityNone
	case has("REAL", "FLOA", "DOUB"):
		return affinityReal
	}
	return affinityNumeric
}

// change says what an affinity makes of the values of a type. Empty: each stays equal, as SQLite compares: 12.0 is 12.
// A time, a day and a UUID are texts that never look like a number, and a BLOB is never converted.
func (a affinity) change(t fencepost.Type) string {
	number := a == affinityNumeric || a == affinityInteger || a == affinityReal
	switch t {
	case fencepost.Text, fencepost.Decimal, fencepost.JSON:
		if number {
			return "what looks like a number becomes one, of 15 digits"
		}
	case fencepost.Int, fencepost.Bool, fencepost.Float:
		switch {
		case a == affinityText:
			return "a number becomes a text"
		case a == affinityReal && t == fencepost.Int:
			return "integers are rounded beyond 2^53"
		}
	case fencepost.Timestamp, fencepost.Bytes, fencepost.Date, fencepost.Time, fencepost.UUID:
	}
	return ""
}

// misfit is why a column of the schema does not go into a column of the table.
type misfit struct {
	spec       fencepost.ColumnSpec
	text, help string
}

// fault returns the misfit as an error, in which errors.As finds a *sink.Rejected.
func (m misfit) fault() error {
	return &fencepost.UserError{Code: "column-type", Help: m.help, Err: &sink.Rejected{Reason: m.text, Hint: m.help}}
}

// misfits lists the columns whose values the table would change. A STRICT table refuses another storage class by itself,
// and takes what its affinity can convert first, as any table does.
func (t *table) misfits(columns []fencepost.ColumnSpec) (bad []misfit) {
	for _, spec := range slices.Concat(columns, fencepost.MetaColumns()) {
		col := t.column(spec.Name)
		if col == nil || slices.ContainsFunc(bad, func(m misfit) bool { return m.spec == spec }) {
			continue
		}
		why := affinityOf(col.declared, t.strict).change(spec.Type)
		if why == "" && t.strict && !t.strictTakes(col.declared, spec.Type) {
			why = "a STRICT table takes no " + declared(spec.Type) + " there"
		}
		if why == "" {
			continue
		}
		name, now, want := quoteIfNeeded(t.name), quoteIfNeeded(col.name), declared(spec.Type)
		m := misfit{spec: spec, text: fmt.Sprintf("column %s is %s, and table %s declares it %s (%s affinity): %s",
			spec.Name, spec.Type, t.name, col.declared, affinityOf(col.declared, t.strict), why)}
		if col.key {
			m.help = fmt.Sprintf("make the table anew with %s %s: fencepost ddl FILE", now, want)
		} else {
			was := quoteIfNeeded(col.name + "_was")
			m.help = fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s; ALTER TABLE %s ADD COLUMN %s %s;", name, now, was, name, now, want)
		}
		bad = append(bad, m)
	}
	return bad
}

// strictTakes reports whether a STRICT table takes the storage class of a type in a column of a declared type.
func (t *table) strictTakes(declaredType string, of fencepost.Type) bool {
	switch strings.ToUpper(declaredType) {
	case "ANY":
		return true
	case "INT":
		return declared(of) == "INTEGER"
	case "REAL":
		return declared(of) == "INTEGER" || declared(of) == "REAL"
	}
	return strings.EqualFold(declaredType, declared(of))
}
