package csv

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// Config is how records of CSV are written, and which columns are made of their fields.
type Config struct {
	decode.Config
	// Header are the names of a record's fields, in their order. A column takes the field of its own name, or the one that From
	// names; From may also be a place: [3] is the fourth field. Empty: the columns themselves, in their order, where none of them
	// has a place; else a field is known by its place alone, and the record may have any number of them.
	Header []string
	// Delimiter stands between two fields: an ASCII character. Zero: a comma.
	Delimiter byte
	// Quote stands at both ends of a field that holds a delimiter, a line break or a quote. Zero: ".
	Quote byte
	// Unquoted: no character is a quote, and each field is as it is.
	Unquoted bool
	// Null is the field that is null where it is not quoted. Zero: the empty one.
	Null string
	// Trim takes blanks and tabs away around a field, outside of its quotes.
	Trim bool
	// SkipBOM passes over a byte order mark (U+FEFF) in front of a record. Zero: it makes the record bad.
	SkipBOM bool
}

// New makes decoders of CSV records. Its error joins one *decode.FieldError for each error of the schema and the configuration.
func New(c Config) (decode.Factory, error) {
	faults := c.checkForm()
	if c.Explode != "" {
		faults = append(faults, &decode.FieldError{Key: "explode", Reason: "a record of CSV has no array: each field is one text", Help: "leave it out, or another decode"})
		c.Explode = ""
	}
	c.Delimiter, c.Quote = c.delimiter(), c.quote()
	header, exact := c.header()
	fields, places, misplaced := c.place(header, exact)
	c.Fields = fields
	layout, err := decode.NewLayout(c.Config)
	if err := errors.Join(append(append(faults, err), misplaced...)...); err != nil {
		return nil, err
	}
	return func() fencepost.Decoder { return newReader(&c, layout.Row(), places, len(header), exact) }, nil
}

func (c *Config) delimiter() byte {
	if c.Delimiter == 0 {
		return ','
	}
	return c.Delimiter
}

func (c *Config) quote() byte {
	switch {
	case c.Unquoted:
		return c.delimiter() // stands in no field
	case c.Quote == 0:
		return '"'
	}
	return c.Quote
}

// isMark reports whether a byte may stand between fields or around them.
func isMark(b byte) bool { return b < 0x80 && b != '\r' && b != '\n' && b != 0 }

// checkForm finds characters and names that cannot work.
func (c *Config) checkForm() (faults []error) {
	fault := func(key, reason, help string) {
		faults = append(faults, &decode.FieldError{Key: key, Reason: reason, Help: help})
	}
	if d := c.delimiter(); !isMark(d) {
		fault("delimiter", "is no ASCII character, or a line break", `",", ";", "|" or "\t"`)
	} else if q := c.quote(); !c.Unquoted && (!isMark(q) || q == d) {
		fault("quote", "is no ASCII character, a line break, or the delimiter", "another character")
	} else if c.Trim && (d == ' ' || q == ' ' || q == '\t') {
		fault("trim", "takes away the blanks that are delimiters or quotes", "leave it out")
	}
	for i, name := range c.Header {
		switch {
		case name == "":
			fault("header", fmt.Sprintf("name %d is empty", i+1), "give each field a name, also one that no column takes")
		case slices.Contains(c.Header[:i], name):
			fault("header", name+" is there twice", "give each field a name of its own")
		}
	}
	return faults
}

// placeForm is a path that is a place.
var placeForm = regexp.MustCompile(`^\[(\d{1,5})\]$`)

// header are the names of the fields. exact: a record has as many.
func (c *Config) header() (names []string, exact bool) {
	if len(c.Header) > 0 {
		return c.Header, true
	}
	for _, f := range c.Fields {
		switch p, err := f.Path(); {
		case placeForm.MatchString(f.From):
			return nil, false
		case err != nil || p.Meta != "" || slices.Contains(names, p.Steps[0].Name):
		default:
			names = append(names, p.Steps[0].Name)
		}
	}
	return names, true
}

// place finds the place of each column's field, if it is not of the record itself. The fields come back with names in the place of
// [3], as the other formats know them.
func (c *Config) place(header []string, exact bool) (fields []decode.Field, places []int, faults []error) {
	fields, places = slices.Clone(c.Fields), make([]int, len(c.Fields))
	fault := func(f decode.Field, reason, help string) {
		faults = append(faults, &decode.FieldError{Column: f.Column, Key: "from", Reason: reason, Help: help})
	}
	taken := make([]bool, len(header))
	for k := range fields {
		f := &fields[k]
		if m := placeForm.FindStringSubmatch(f.From); m != nil {
			places[k], _ = strconv.Atoi(m[1]) // at most five digits
			switch n := places[k]; {
			case !exact:
				f.From = decode.Literal(f.From)
			case n < len(header):
				f.From, taken[n] = decode.Literal(header[n]), true
			default:
				fault(*f, fmt.Sprintf("the header has %d names", len(header)), fmt.Sprintf("[0] to [%d]", len(header)-1))
				f.From = decode.Literal(f.From) // it has its error
			}
			continue
		}
		p, err := f.Path()
		switch {
		case err != nil: // the layout says so
		case p.Meta != "":
		case len(p.Steps) > 1:
			fault(*f, "a field of CSV has no parts", `its name; "a.b" in quotes for a name with a dot in it`)
		case !exact:
			fault(*f, "without a header a field has no name", "header: [NAME, ...]; or from: \"[0]\", its place")
		default:
			places[k] = slices.Index(header, p.Steps[0].Name)
			if places[k] < 0 {
				fault(*f, "the header has no "+p.Steps[0].Name, "one of its names, or its place: [0]")
				continue
			}
			taken[places[k]] = true
		}
	}
	if n := slices.Index(taken, false); n >= 0 && c.UnknownFields == decode.RefuseUnknown && len(faults) == 0 {
		faults = append(faults, &decode.FieldError{Key: "header", Reason: "no column takes " + header[n] + ", and unknown fields are refused",
			Help: "a column that takes it; or let unknown fields be"})
	}
	return fields, places, faults
}
