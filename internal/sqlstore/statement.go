package sqlstore

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fencepost/fencepost"
)

// Syntax is what a walk over a user's SQL must know of one database's.
type Syntax struct {
	// Skip passes what holds no statement and begins at sql[at]: a string, a quoted name, a comment. Where nothing of the
	// kind begins, it returns at.
	Skip func(sql string, at int) int
	// Comment reports whether a text begins with a comment, which Skip passes.
	Comment func(text string) bool
	// Blank is the length of what a text begins with that is neither comment nor statement; may be nil.
	Blank func(text string) int
	// Ends returns the words by which a statement ends the transaction it is in; empty: it does not. word is its first one,
	// rest what follows that without white space and comments in between, both in capitals.
	Ends func(word, rest string) string
}

// End is a statement of a user's SQL that would end the transaction.
type End struct {
	Word         string
	Line, Column int // from 1, within the text
}

// Fault is the refusal of the SQL.
func (e *End) Fault() error {
	return &fencepost.UserError{Code: "sql-ended-transaction", Exit: 2, Err: errors.New(e.Text()), Help: e.Help()}
}

// Text says what is wrong.
func (e *End) Text() string {
	return "the SQL ends its transaction (" + e.Word + "): rows and moves would part"
}

// Help is the remedy, with the place.
func (e *End) Help() string {
	return fmt.Sprintf("take that statement out: line %d, column %d of the SQL", e.Line, e.Column)
}

// FindEnd finds the first statement that ends the transaction, by its first words; nil: none. It is not the guard (that
// is the savepoint around the SQL, which no text can get round), but it reports before anything ran.
func (s Syntax) FindEnd(sql string) *End {
	for at := 0; at < len(sql); {
		at = s.blank(sql, at)
		end := s.statement(sql, at)
		stop := at
		for stop < len(sql) && WordByte(sql[stop]) {
			stop++
		}
		rest := sql[min(end, s.blank(sql, stop)):end]
		if word := s.Ends(strings.ToUpper(sql[at:stop]), strings.ToUpper(rest)); word != "" {
			line := strings.Count(sql[:at], "\n") + 1
			return &End{word, line, at - strings.LastIndexByte(sql[:at], '\n')}
		}
		at = end
	}
	return nil
}

// blank passes white space, comments and empty statements.
func (s Syntax) blank(sql string, at int) int {
	for at < len(sql) {
		next := at
		switch c := sql[at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == ';':
			next++
		case s.Comment(sql[at:]):
			next = s.Skip(sql, at)
		case s.Blank != nil:
			next += s.Blank(sql[at:])
		}
		if next == at {
			break
		}
		at = next
	}
	return at
}

// statement passes everything up to and with the next semicolon outside quotes and comments.
func (s Syntax) statement(sql string, at int) int {
	for at < len(sql) && sql[at] != ';' {
		if next := s.Skip(sql, at); next > at {
			at = next
			continue
		}
		at++
	}
	return min(at+1, len(sql))
}

// Through is the length of a text up to and with a mark behind its first n bytes: all of it where there is none.
func Through(text string, n int, mark string) int {
	if i := strings.Index(text[n:], mark); i >= 0 {
		return n + i + len(mark)
	}
	return len(text)
}

// Escaped is the length of a string from its quote on, in which a backslash escapes what follows it. A doubled quote
// begins the next one.
func Escaped(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case text[0]:
			return i + 1
		}
	}
	return len(text)
}

// NamesWord reports whether a text contains a name as a word.
func NamesWord(text, name string) bool {
	for {
		i := strings.Index(text, name)
		if i < 0 {
			return false
		}
		before, after := i == 0 || !WordByte(text[i-1]), i+len(name) == len(text) || !WordByte(text[i+len(name)])
		if before && after {
			return true
		}
		text = text[i+1:]
	}
}

// WordByte reports whether a byte may be in a name that is not quoted.
func WordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// Plain is a name as a person would type it: quoted only where it must be, which is where it is not of small letters,
// digits and underscores, or is reserved.
func Plain(name string, quoted func(string) string, reserved func(string) bool) string {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c != '_' && (c < 'a' || c > 'z') && (i == 0 || c-'0' > 9) {
			return quoted(name)
		}
	}
	if name == "" || reserved(name) {
		return quoted(name)
	}
	return name
}

// Words is a set of words that blanks separate.
func Words(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(text) {
		set[w] = true
	}
	return set
}

// Join writes names with commas between them, each as write does.
func Join(names []string, write func(string) string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = write(n)
	}
	return strings.Join(q, ", ")
}
