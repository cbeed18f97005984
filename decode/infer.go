package decode

import (
	"fmt"
	"hash/maphash"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
)

// Inference is what Infer made of sample records.
type Inference struct {
	Samples int // how many there were
	Empty   int // of these, records without a value (tombstones)
	Objects int // of these, JSON objects as [JSON] takes them
	// SameFields: every object has the same names.
	SameFields bool
	// Columns are the fields in the order in which they were met, of all objects.
	Columns []Inferred
	// NotObject says why the first sample that is neither empty nor an object is none; empty if there is none.
	NotObject string
}

// IsJSON reports whether the samples are JSON objects, as far as they have values: else the topic is raw.
func (in *Inference) IsJSON() bool {
	return in.Objects > 0 && in.Objects+in.Empty == in.Samples
}

// Inferred is a field as the samples show it, and what a reader of the pipeline file should know about it.
type Inferred struct {
	Field
	// Comment is one line: "-51 .. 573", "165 values, at most 3 characters".
	Comment string
	Present int // how many objects have the field, null included
	Nulls   int // how many of these hold null
}

// Infer guesses a JSON schema from samples of a topic's values; a nil value is a record without one. Decoders of the
// inferred fields take every sample that is an object: a field that some samples lack becomes a null there.
//
// A string column is a timestamp only if every string of it is one, a number column is an int, else a float, else
// (more digits than a float64 keeps) a decimal. Numbers in strings stay text: 00501 is no number. What is nested,
// mixed or always null is json. A field whose name is empty has no column: no schema can name it.
func Infer(samples iter.Seq[[]byte]) Inference {
	b := inferrer{byName: map[string]int{}, seed: maphash.MakeSeed()}
	for v := range samples {
		b.sample(v)
	}
	return b.inference()
}

// inferrer gathers what the samples show.
type inferrer struct {
	in     Inference
	scan   scanner
	stats  []*stat        // in the order of first sight
	byName map[string]int // :: name -> its place in stats
	seed   maphash.Seed
}

// stat is what the samples show of one field.
type stat struct {
	name           string
	present, nulls int
	fits           [len(candidates)]bool // a column of that type would take every value
	kinds          [len(kinds)]int       // :: kind -> how many values
	least, most    float64
	leastText      string // as the record holds it
	mostText       string
	values         map[uint64]struct{} // hashes of the strings
	longest        int                 // characters
	time           string              // the first string
	unzoned        int
}

// candidates are the types that are guessed, the narrowest first. JSON takes anything.
var candidates = [...]fencepost.Type{fencepost.Bool, fencepost.Int, fencepost.Timestamp, fencepost.Float,
	fencepost.Decimal, fencepost.Text, fencepost.JSON}

const (
	maxValues   = 10_000 // distinct strings that are counted
	floatDigits = 15     // decimal digits that a float64 keeps, whatever they are
)

func (b *inferrer) sample(v []byte) {
	b.in.Samples++
	if v == nil {
		b.in.Empty++
		return
	}
	values, reason := b.object(v)
	if reason != "" {
		if b.in.NotObject == "" {
			b.in.NotObject = reason
		}
		return
	}
	b.in.Objects++
	for name, t := range values {
		b.stats[b.byName[name]].see(v, t, b.seed)
	}
}

// object finds the fields of one sample, the last of equal names, or says why it is no object.
func (b *inferrer) object(v []byte) (values map[string]token, reason string) {
	var t token
	if i := b.scan.whole(v, &t); i < 0 {
		return nil, b.scan.notJSON(v, ^i).Error()
	}
	if t.kind != object {
		return nil, "value is " + kinds[t.kind] + ", not an object"
	}
	values = map[string]token{}
	// It is valid, so from here on nothing can fail.
	for i := space(v, t.lo+1); v[i] != '}'; {
		var n token
		i, n = b.scan.name(v, i)
		text, _, _ := n.text(v[n.lo:n.hi], nil)
		name := string(text)
		i = b.scan.value(v, i, 1, &t)
		values[name] = t
		if _, ok := b.byName[name]; !ok {
			b.byName[name] = len(b.stats)
			b.stats = append(b.stats, newStat(name))
		}
		if i = space(v, i); v[i] == ',' {
			i = space(v, i+1)
		}
	}
	return values, ""
}

func newStat(name string) *stat {
	s := &stat{name: name, values: map[uint64]struct{}{}}
	for i := range s.fits {
		s.fits[i] = true
	}
	return s
}

// see takes one value into account.
func (s *stat) see(v []byte, t token, seed maphash.Seed) {
	s.present++
	if t.kind == null {
		s.nulls++
		return
	}
	s.kinds[t.kind]++
	raw := v[t.lo:t.hi]
	for i, typ := range candidates {
		f := Field{Type: typ}
		_, ok := f.append(&fencepost.Column{Type: typ}, v, &t, nil)
		s.fits[i] = s.fits[i] && ok && !dubious(typ, raw, &t)
	}
	switch t.kind {
	case short, integer, number:
		s.seeNumber(raw)
	case plain, escaped:
		text, _, _ := t.text(raw, nil)
		s.seeString(text, seed)
	}
}

// dubious reports a value that a type would take, but that is no sign of it.
func dubious(typ fencepost.Type, raw []byte, t *token) bool {
	isString := t.kind == plain || t.kind == escaped
	return typ == fencepost.Decimal && isString || typ == fencepost.Float && significant(raw) > floatDigits
}

// significant counts the digits of a number's mantissa, without zeros in front.
func significant(raw []byte) int {
	mantissa, _, _ := strings.Cut(strings.ToLower(string(raw)), "e")
	return len(strings.ReplaceAll(strings.TrimLeft(mantissa, "-0."), ".", ""))
}

func (s *stat) seeNumber(raw []byte) {
	x, _ := strconv.ParseFloat(string(raw), 64)
	if s.leastText == "" || x < s.least {
		s.least, s.leastText = x, string(raw)
	}
	if s.mostText == "" || x > s.most {
		s.most, s.mostText = x, string(raw)
	}
}

func (s *stat) seeString(text []byte, seed maphash.Seed) {
	s.longest = max(s.longest, utf8.RuneCount(text))
	if len(s.values) <= maxValues {
		s.values[maphash.Bytes(seed, text)] = struct{}{}
	}
	if _, zone, ok := parseTimestamp(text); ok && !zone {
		s.unzoned++
		if s.unzoned == 1 {
			s.time = string(text)
		}
	} else if ok && s.time == "" {
		s.time = string(text)
	}
}

// inference says what all samples together show.
func (b *inferrer) inference() Inference {
	in := b.in
	in.SameFields = true
	taken := map[string]bool{}
	for _, s := range b.stats {
		if s.name == "" {
			continue
		}
		f := Field{Column: ColumnName(s.name, taken), Type: s.guess()}
		if f.Column != s.name {
			f.From = Literal(s.name)
		}
		comment := s.comment(f.Type)
		if s.nulls > 0 && s.nulls < s.present {
			comment += fmt.Sprintf("; null in %s", thousands(strconv.Itoa(s.nulls)))
		}
		if s.present < in.Objects {
			f.Missing, in.SameFields = Null(), false
			comment += fmt.Sprintf("; missing in %s of %s", thousands(strconv.Itoa(in.Objects-s.present)),
				thousands(strconv.Itoa(in.Objects)))
		}
		in.Columns = append(in.Columns, Inferred{f, comment, s.present, s.nulls})
	}
	return in
}

// guess is the narrowest type that takes every value.
func (s *stat) guess() fencepost.Type {
	if s.nulls == s.present {
		return fencepost.JSON
	}
	for i, ok := range s.fits {
		if ok {
			return candidates[i]
		}
	}
	return fencepost.JSON
}

// ColumnName makes a column's name of a field's: without _ in front, not empty, not taken, without NUL.
func ColumnName(name string, taken map[string]bool) string {
	base := strings.TrimLeft(strings.ReplaceAll(name, "\x00", ""), "_")
	if base == "" {
		base = "field"
	}
	c := base
	for n := 2; taken[c]; n++ {
		c = fmt.Sprintf("%s_%d", base, n)
	}
	taken[c] = true
	return c
}

// comment says in one line what the values look like.
func (s *stat) comment(t fencepost.Type) string {
	switch t {
	case fencepost.Bool:
		return fmt.Sprintf("true %s times, false %s times", thousands(strconv.Itoa(s.kinds[yes])),
			thousands(strconv.Itoa(s.kinds[no])))
	case fencepost.Int, fencepost.Float, fencepost.Decimal:
		span := thousands(s.leastText) + " .. " + thousands(s.mostText)
		if s.leastText == s.mostText {
			span = "always " + thousands(s.leastText)
		}
		switch unit := EpochUnit(s.least, s.most); {
		case t == fencepost.Float && s.leastText != s.mostText: // sums of a float are not exact
			span += "; decimal for money"
		case t == fencepost.Int && unit != NoUnit:
			span += "; looks like epoch " + unit.String()
		}
		return span
	case fencepost.Timestamp:
		switch {
		case s.unzoned == 0:
			return s.time + " in the sample"
		case s.unzoned == s.present-s.nulls:
			return s.time + " in the sample: no zone, read as UTC"
		}
		return s.time + " in the sample: those without zone are read as UTC"
	case fencepost.Text:
		return s.countStrings()
	}
	return s.listKinds()
}

// EpochUnit is the unit in which numbers from least to most look like times since 1970, since they would be between 2000 and 2100;
// NoUnit if they do not.
func EpochUnit(least, most float64) Unit {
	const from, until = 946_684_800, 4_102_444_800 // seconds
	second := 1.0
	for unit := Seconds; unit <= Nanos; unit++ {
		if least >= from*second && most < until*second {
			return unit
		}
		second *= 1000
	}
	return NoUnit
}

func (s *stat) countStrings() string {
	values := "1 value"
	switch n := len(s.values); {
	case n > maxValues:
		values = "more than " + thousands(strconv.Itoa(maxValues)) + " values"
	case n != 1:
		values = thousands(strconv.Itoa(n)) + " values"
	}
	characters := " characters"
	if s.longest == 1 {
		characters = " character"
	}
	return values + ", at most " + thousands(strconv.Itoa(s.longest)) + characters
}

// listKinds names the JSON values of a json column.
func (s *stat) listKinds() string {
	if s.nulls == s.present {
		return "null in every sample"
	}
	var words []string
	add := func(word string, of ...kind) {
		for _, k := range of {
			if s.kinds[k] > 0 {
				words = append(words, word)
				return
			}
		}
	}
	add("objects", object)
	add("arrays", array)
	add("strings", plain, escaped)
	add("numbers", short, integer, number)
	add("true or false", yes, no)
	return strings.Join(words, ", ")
}

// thousands puts commas into the integer part of a number: 2,704.
func thousands(num string) string {
	if strings.ContainsAny(num, "eE") {
		return num
	}
	sign, rest := "", num
	if strings.HasPrefix(num, "-") {
		sign, rest = "-", num[1:]
	}
	whole, part, hasPart := strings.Cut(rest, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if hasPart {
		whole += "." + part
	}
	return sign + whole
}
