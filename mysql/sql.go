package mysql

import (
	"errors"
	"fmt"
	"slices"
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

// enders are first words of statements that end the transaction: those that say so, and those that commit by
// themselves before they run (DDL, accounts, table locks, maintenance). CREATE and DROP of a TEMPORARY table do not.
var enders = []string{"COMMIT", "ROLLBACK", "BEGIN", "START", "XA", "ALTER", "CREATE", "DROP", "TRUNCATE", "RENAME", "GRANT", "REVOKE",
	"LOCK", "UNLOCK", "ANALYZE", "OPTIMIZE", "REPAIR", "CHECK", "CACHE", "FLUSH", "RESET", "INSTALL", "UNINSTALL", "CHANGE", "STOP", "PURGE", "SHUTDOWN"}

// findEnd finds the first statement that begins or ends a transaction, by its first word. It is not the guard (that is
// the savepoint around the SQL, which no text can get round), but it tells before anything ran, and DDL can not be
// tried: it would stand.
func findEnd(sql string) *end {
	for at := 0; at < len(sql); {
		at = skipBlank(sql, at)
		stop := at
		for stop < len(sql) && wordByte(sql[stop]) {
			stop++
		}
		word, statement := strings.ToUpper(sql[at:stop]), strings.ToUpper(sql[at:skipStatement(sql, at)])
		switch {
		case word == "ROLLBACK" && names(statement, "TO"), // to a savepoint of its own
			(word == "CREATE" || word == "DROP") && strings.HasPrefix(strings.TrimSpace(statement[len(word):]), "TEMPORARY"),
			word == "CREATE" && names(statement, "TEMPORARY") && names(statement, "REPLACE"):
		case slices.Contains(enders, word), word == "SET" && names(statement, "AUTOCOMMIT"), word == "LOAD" && names(statement, "INDEX"):
			line := strings.Count(sql[:at], "\n") + 1
			return &end{word, line, at - strings.LastIndexByte(sql[:at], '\n')}
		}
		at = skipStatement(sql, at)
	}
	return nil
}

// skipBlank passes white space, comments and empty statements. What stands in an executable comment, /*! ... */, is no
// comment.
func skipBlank(sql string, at int) int {
	for at < len(sql) {
		rest := sql[at:]
		switch c := rest[0]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == ';':
			at++
		case executable(rest) > 0:
			at += executable(rest)
		case strings.HasPrefix(rest, "*/"):
			at += 2
		case c == '#' || strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "/*"):
			next := skipQuoted(sql, at)
			if next == at {
				return at
			}
			at = next
		default:
			return at
		}
	}
	return at
}

// executable is the length of the head of an executable comment: /*!, /*!80017, /*M!100100.
func executable(s string) int {
	n := 0
	for _, head := range []string{"/*!", "/*M!"} {
		if strings.HasPrefix(s, head) {
			n = len(head)
		}
	}
	for n > 0 && n < len(s) && s[n]-'0' <= 9 {
		n++
	}
	return n
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

// skipQuoted passes a string, a quoted name or a comment that begins at `at`; else it stays.
func skipQuoted(sql string, at int) int {
	rest := sql[at:]
	until := func(skip int, mark string) int {
		if i := strings.Index(rest[skip:], mark); i >= 0 {
			return at + skip + i + len(mark)
		}
		return len(sql)
	}
	switch {
	case rest[0] == '#', strings.HasPrefix(rest, "--") && (len(rest) == 2 || rest[2] <= ' '):
		return until(1, "\n")
	case strings.HasPrefix(rest, "/*") && executable(rest) == 0:
		return until(2, "*/")
	case rest[0] == '`':
		return until(1, "`")
	case rest[0] == '\'' || rest[0] == '"':
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				i++
			case rest[0]:
				return at + i + 1 // a doubled quote begins the next one
			}
		}
		return len(sql)
	}
	return at
}

// plain is a name as a person would type it: quoted only where it must be.
func plain(name string) string {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c != '_' && (c < 'a' || c > 'z') && (i == 0 || c-'0' > 9) {
			return ident(name)
		}
	}
	if slices.Contains(reserved, name) {
		return ident(name)
	}
	return name
}

// reserved are words that make likely column names and must be quoted.
var reserved = []string{"partition", "groups", "key", "keys", "order", "group", "index", "from", "to", "read", "range", "rank", "row", "rows",
	"condition", "interval", "table", "column", "values", "when", "where", "select", "desc", "change", "usage", "system", "lead", "function", "option"}

// plains joins plain names with commas.
func plains(list []string) string {
	q := make([]string, len(list))
	for i, n := range list {
		q[i] = plain(n)
	}
	return strings.Join(q, ", ")
}
