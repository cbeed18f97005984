package csv

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// span is a field in the record.
type span struct {
	lo, hi  int  // [lo, hi): without its quotes
	quoted  bool //
	doubled bool // two quotes are in it, which are one
}

// The classes of bytes. Those behind blank end a run of text.
const (
	text  byte = iota
	blank      // where it is trimmed
	delimiter
	quote
	lineBreak
)

// splitter finds the fields of a record.
type splitter struct {
	class  [256]byte
	quote  byte
	trims  bool   // blanks around fields
	fields []span // as many as there is room for
	count  int    // how many there are

	delimiters, quotes uint64 // the byte eight times
}

func newSplitter(c *Config, room int) splitter {
	s := splitter{quote: c.Quote, trims: c.Trim, fields: make([]span, room), delimiters: uint64(c.Delimiter) * ones, quotes: uint64(c.Quote) * ones}
	s.class['\r'], s.class['\n'] = lineBreak, lineBreak
	if c.Trim {
		s.class[' '], s.class['\t'] = blank, blank
	}
	s.class[c.Quote] = quote
	s.class[c.Delimiter] = delimiter // Config.quote of Unquoted is one
	return s
}

// split finds the fields of v from i on. Its error is a *fencepost.BadRecord.
func (s *splitter) split(v []byte, i int) (err error) {
	for s.count = 0; ; s.count++ {
		if s.trims {
			i = s.blanks(v, i)
		}
		f := span{lo: i}
		end := s.run(v, i)
		for end < len(v) && s.class[v[end]] <= blank {
			end = s.run(v, end+1)
		}
		f.hi = end
		if end < len(v) && s.class[v[end]] == quote {
			if end, err = s.quotedField(v, i, end, &f); err != nil {
				return err
			}
		} else if s.trims {
			f.hi = s.trimmed(v, i, end)
		}
		if s.count < len(s.fields) {
			s.fields[s.count] = f
		}
		if end == len(v) || s.class[v[end]] != delimiter {
			s.count++
			return s.lineEnd(v, end)
		}
		i = end + 1
	}
}

// The same byte eight times.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// run is the index of the first byte from i on that may end a run of text: a delimiter, a quote, or a byte below 16, as the line breaks
// are. It looks at eight bytes at a time: x - ones borrows from a byte's highest bit only where the byte is 0, or behind such a byte,
// and it is the first that counts.
func (s *splitter) run(v []byte, i int) int {
	for ; i+8 <= len(v); i += 8 {
		w := binary.LittleEndian.Uint64(v[i:])
		d, q := w^s.delimiters, w^s.quotes
		if hit := ((d-ones)&^d | (q-ones)&^q | (w-16*ones)&^w) & highs; hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for i < len(v) && s.class[v[i]] <= blank {
		i++
	}
	return i
}

// quotedField reads into f the field that begins at i and whose first quote is at open. It returns where the delimiter or the line
// break behind it is, or the end of v.
func (s *splitter) quotedField(v []byte, i, open int, f *span) (end int, err error) {
	if open > i {
		return 0, bad("a quote at byte %d, inside of a field that does not begin with one", open)
	}
	*f = span{lo: i + 1, quoted: true}
	for at := i + 1; at < len(v); at++ {
		if v[at] != s.quote {
			continue
		}
		if at+1 < len(v) && v[at+1] == s.quote {
			f.doubled = true
			at++
			continue
		}
		f.hi = at
		end = s.blanks(v, at+1)
		if end < len(v) && s.class[v[end]] != delimiter && s.class[v[end]] != lineBreak {
			return 0, bad("byte %d stands between the quote that ends field [%d] and the delimiter", end, s.count)
		}
		return end, nil
	}
	return 0, bad("the quote at byte %d is not closed", i)
}

// blanks is the index of the first byte from i on that is not trimmed.
func (s *splitter) blanks(v []byte, i int) int {
	for i < len(v) && s.class[v[i]] == blank {
		i++
	}
	return i
}

// trimmed is the end of the field [i, hi) without the blanks at its end.
func (s *splitter) trimmed(v []byte, i, hi int) int {
	for hi > i && s.class[v[hi-1]] == blank {
		hi--
	}
	return hi
}

// lineEnd reads the line break at i, behind which nothing stands, if one is there.
func (s *splitter) lineEnd(v []byte, i int) error {
	end := i + 1
	if i < len(v) && v[i] == '\r' && end < len(v) && v[end] == '\n' {
		end++
	}
	if end < len(v) {
		return bad("a line break at byte %d that is not quoted, and more behind it: a record is one line", i)
	}
	return nil
}

// bad is the error of a record that is no CSV.
func bad(format string, args ...any) error { return badRecord("value is not CSV: "+format, args...) }

func badRecord(format string, args ...any) error {
	return &fencepost.BadRecord{Code: decode.Undecodable, Reason: fmt.Sprintf(format, args...)}
}
