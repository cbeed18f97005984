package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fencepost/fencepost"
)

// names reports whether a text contains a name as a word.
func names(text, name string) bool {
	for {
		i := strings.Index(text, name)
		if i < 0 {
			return false
		}
		before, after := i == 0 || !wordByte(text[i-1]), i+len(name) == len(text) || !wordByte(text[i+len(name)])
		if before && after {
			return true
		}
		text = text[i+1:]
	}
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// end is a statement of user SQL that would end the transaction.
type end struct {
	word         string
	line, column int // from 1, within the text
}

func (e *end) fault() error {
	return &fencepost.Fault{Code: "sql-ended-transaction", Exit: 2, Err: errors.New(e.text()), Help: e.help()}
}

func (e *end) text() string {
	return "the SQL ends its transaction (" + e.word + "): rows and moves would part"
}

func (e *end) help() string {
	return fmt.Sprintf("take that statement out: line %d, column %d of the SQL", e.line, e.column)
}

// findEnd finds the first statement that begins or ends a transaction, by its first word. It is not the guard (that is
// the savepoint around the SQL, which no text can get round), but it tells before anything ran.
func findEnd(sql string) *end {
	for at := 0; at < len(sql); {
		at = skipBlank(sql, at)
		stop := at
		for stop < len(sql) && wordByte(sql[stop]) {
			stop++
		}
		switch word := strings.ToUpper(sql[at:stop]); word {
		case "COMMIT", "END", "ROLLBACK", "ABORT", "BEGIN", "START":
			if word == "ROLLBACK" && rollbackTo(sql, stop) {
				break // to a savepoint of its own
			}
			return endAt(sql, at, word)
		case "PREPARE":
			next := skipBlank(sql, stop)
			if names(strings.ToUpper(sql[next:min(len(sql), next+len("TRANSACTION"))]), "TRANSACTION") {
				return endAt(sql, at, "PREPARE TRANSACTION")
			}
		}
		at = skipStatement(sql, at)
	}
	return nil
}

// rollbackTo reports whether a ROLLBACK goes to a savepoint: ROLLBACK [WORK|TRANSACTION] TO.
func rollbackTo(sql string, at int) bool {
	statement := sql[at:skipStatement(sql, at)]
	return names(strings.ToUpper(statement), "TO")
}

// endAt says where in the text a statement begins.
func endAt(sql string, at int, word string) *end {
	line := strings.Count(sql[:at], "\n") + 1
	return &end{word, line, at - strings.LastIndexByte(sql[:at], '\n')}
}

// skipBlank passes white space, comments and empty statements.
func skipBlank(sql string, at int) int {
	for at < len(sql) {
		switch c := sql[at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == ';':
			at++
		case strings.HasPrefix(sql[at:], "--") || strings.HasPrefix(sql[at:], "/*"):
			at = skipQuoted(sql, at)
		default:
			return at
		}
	}
	return at
}

// skipStatement passes everything up to and with the next semicolon that stands outside quotes and comments.
func skipStatement(sql string, at int) int {
	for at < len(sql) && sql[at] != ';' {
		if next := skipQuoted(sql, at); next > at {
			at = next
			continue
		}
		at++
	}
	return min(at+1, len(sql))
}

// skipQuoted passes a string, a quoted name, a dollar quote or a comment that begins at `at`; else it stays.
func skipQuoted(sql string, at int) int {
	rest := sql[at:]
	until := func(skip int, mark string) int {
		if i := strings.Index(rest[skip:], mark); i >= 0 {
			return at + skip + i + len(mark)
		}
		return len(sql)
	}
	switch {
	case strings.HasPrefix(rest, "--"):
		return until(2, "\n")
	case strings.HasPrefix(rest, "/*"):
		return at + comment(rest)
	case rest[0] == '\'' && at > 0 && sql[at-1]|0x20 == 'e' && (at == 1 || !wordByte(sql[at-2])):
		return at + escaped(rest)
	case rest[0] == '\'' || rest[0] == '"':
		return until(1, rest[:1]) // a doubled quote begins the next one
	case rest[0] == '$' && (at == 0 || !wordByte(sql[at-1])):
		tag := 1
		for tag < len(rest) && wordByte(rest[tag]) && rest[tag] != '$' {
			tag++
		}
		if tag < len(rest) && rest[tag] == '$' && (tag == 1 || rest[1]-'0' > 9) {
			return until(tag+1, rest[:tag+1])
		}
	}
	return at
}

// escaped is the length of an E'...' string from its quote on.
func escaped(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\'':
			return i + 1
		}
	}
	return len(s)
}

// comment is the length of a comment; they nest.
func comment(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(s[i:], "*/"):
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// plain is a name as a person would type it: quoted only where it must be.
func plain(name string) string {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c != '_' && (c < 'a' || c > 'z') && (i == 0 || c-'0' > 9) {
			return ident(name)
		}
	}
	if name == "" || keywords[name] {
		return ident(name)
	}
	return name
}

// plains joins plain names with commas.
func plains(list []string) string {
	q := make([]string, len(list))
	for i, n := range list {
		q[i] = plain(n)
	}
	return strings.Join(q, ", ")
}
