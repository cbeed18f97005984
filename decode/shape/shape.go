package shape

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/internal/expression"
)

// Config is what becomes of the rows of a decoder.
type Config struct {
	// Where is the condition of a row that is kept. Empty: all are.
	Where string
	// Columns are computed, and stand behind those of the record.
	Columns []Column
}

// Column is a computed column. Of its Field, From and Missing are empty; Mismatch is for a value that cannot be computed, too.
type Column struct {
	decode.Field
	// Expr is the expression that computes it.
	Expr string
}

// Error is one error of a Config.
type Error struct {
	Column   string // the computed column; empty: Where
	Code     string // bad-expression, unknown-column
	Text     string // what is wrong
	Help     string // the remedy; it may be empty
	From, To int    // [From, To) in characters of the expression
}

// Error is what is wrong, with the column before it and the remedy behind it.
func (e *Error) Error() string {
	s := e.Text
	if e.Help != "" {
		s += ": " + e.Help
	}
	if e.Column == "" {
		return "where: " + s
	}
	return e.Column + ": " + s
}

// New makes decoders that shape the rows of others. Its error joins one *Error for each error of an expression, and one
// *decode.FieldError for each of a column.
func New(of decode.Factory, c Config) (decode.Factory, error) {
	plan := &plan{columns: slices.Clone(of().Columns())}
	plan.inner, plan.op = len(plan.columns), slices.IndexFunc(plan.columns, func(c fencepost.ColumnSpec) bool { return c.Name == fencepost.MetaOp })
	var faults []error
	if len(c.Columns) > 0 {
		faults = plan.compute(c.Columns)
	}
	if c.Where != "" {
		faults = append(faults, plan.keep(c.Where))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	plan.read()
	return func() fencepost.Decoder { return plan.decoder(of()) }, nil
}

// plan is a Config that was compiled.
type plan struct {
	columns  []fencepost.ColumnSpec
	inner    int            // how many of them the inner decoder makes
	layout   *decode.Layout // of the computed columns; nil: there is none
	programs []*expression.Program
	where    *expression.Program // nil: all rows are kept
	late     bool                // where names a computed column
	partial  []int               // the columns that an expression reads, and that a record may not hold
	op       int                 // the place of fencepost.MetaOp, where a delete is kept that where does not look for; -1: there is none
}

// compute compiles the columns.
func (p *plan) compute(columns []Column) (faults []error) {
	var fields []decode.Field
	for _, c := range columns {
		spec := fencepost.ColumnSpec{Name: c.Column, Type: c.Type}
		fault := func(key, reason, help string) {
			faults = append(faults, &decode.FieldError{Column: c.Column, Key: key, Reason: reason, Help: help})
		}
		switch {
		case c.From != "":
			fault("from", "a computed column is of no field", "from, or expr")
		case c.Missing != decode.Rule{}:
			fault("missing", "a computed column is of no field", "drop it; a null in an expression is VALUE ?? OTHER")
		case slices.ContainsFunc(p.columns[:p.inner], func(o fencepost.ColumnSpec) bool { return o.Name == c.Column }):
			fault("name", "is there twice", "rename one of them")
		}
		program, err := expression.Compile(c.Expr, p.columns, expression.Any)
		if err == nil {
			err = fits(program, c)
		}
		if err != nil {
			faults = append(faults, told(c.Column, err))
		}
		fields = append(fields, c.Field)
		p.programs, p.columns = append(p.programs, program), append(p.columns, spec)
	}
	var err error
	if p.layout, err = decode.NewLayout(decode.Config{Fields: fields}); err != nil {
		faults = append(faults, err)
	}
	return faults
}

// keep compiles the condition.
func (p *plan) keep(where string) error {
	program, err := expression.Compile(where, p.columns, expression.Bool)
	if err != nil {
		return told("", err)
	}
	p.where = program
	if slices.Contains(program.Columns(), fencepost.MetaOp) {
		p.op = -1
	}
	p.late = slices.ContainsFunc(program.Columns(), func(name string) bool {
		return slices.ContainsFunc(p.columns[p.inner:], func(c fencepost.ColumnSpec) bool { return c.Name == name })
	})
	return nil
}

// read notes the columns that are read, and that a record may not hold.
func (p *plan) read() {
	programs := p.programs
	if p.where != nil {
		programs = append(slices.Clip(programs), p.where)
	}
	for i, c := range p.columns {
		if c.Partial && slices.ContainsFunc(programs, func(e *expression.Program) bool { return slices.Contains(e.Columns(), c.Name) }) {
			p.partial = append(p.partial, i)
		}
	}
}

// told is an error of an expression as one of this package.
func told(column string, err error) error {
	e, ok := errors.AsType[*expression.Error](err)
	if !ok {
		return fmt.Errorf("compile the expression of %s: %w", column, err)
	}
	return &Error{Column: column, Code: e.Code, Text: e.Text, Help: e.Help, From: e.From, To: e.To}
}

// fits refuses an expression whose values no column of that type can hold.
func fits(p *expression.Program, c Column) error {
	is, ok, help := "", true, ""
	inTime := c.Unit != decode.NoUnit
	switch t := p.Type(); {
	case t == reflect.TypeFor[time.Time]():
		is, ok, help = "a time", c.Type == fencepost.Timestamp || c.Type == fencepost.JSON, `type: timestamp; or TIME.Format("2006-01-02"), TIME.UnixMilli()`
	case t == nil || t.Kind() == reflect.Interface:
		return nil // a row shows it
	case t.Kind() == reflect.Bool:
		is, ok, help = "a bool", c.Type == fencepost.Bool || c.Type == fencepost.JSON, "type: bool; or CONDITION ? VALUE : OTHER"
	case t.Kind() == reflect.String:
		is, ok, help = "a text", c.Type != fencepost.Int && c.Type != fencepost.Float && c.Type != fencepost.Bool, "type: text; or int(...), float(...)"
	case t.Kind() == reflect.Float64:
		is, ok, help = "a float", c.Type == fencepost.Float || c.Type == fencepost.Decimal || c.Type == fencepost.JSON || inTime, "type: float; or int(...), string(...)"
	default:
		is, help = "an int", "type: int; or string(...)"
		ok = c.Type == fencepost.Int || c.Type == fencepost.Float || c.Type == fencepost.Decimal || c.Type == fencepost.JSON || inTime
	}
	if ok {
		return nil
	}
	return &expression.Error{Code: "bad-expression", Text: fmt.Sprintf("the value is %s, and the column is %s", is, c.Type), Help: help, To: max(1, len([]rune(c.Expr)))}
}
