package postgres

import (
	"strings"

	"github.com/fencepost/fencepost/internal/sqlstore"
)

// syntax is that of Postgres.
var syntax = sqlstore.Syntax{Skip: skipQuoted, Comment: comment, Ends: ending}

// ending is sqlstore.Syntax.Ends.
func ending(word, rest string) string {
	switch word {
	case "ROLLBACK":
		if sqlstore.NamesWord(rest, "TO") {
			return "" // to a savepoint of its own: ROLLBACK [WORK|TRANSACTION] TO
		}
		return word
	case "COMMIT", "END", "ABORT", "BEGIN", "START":
		return word
	case "PREPARE":
		if next, ok := strings.CutPrefix(rest, "TRANSACTION"); ok && (next == "" || !sqlstore.WordByte(next[0])) {
			return "PREPARE TRANSACTION"
		}
	}
	return ""
}

// comment reports whether a text begins with a comment.
func comment(text string) bool { return strings.HasPrefix(text, "--") || strings.HasPrefix(text, "/*") }

// skipQuoted is sqlstore.Syntax.Skip. Postgres has dollar quotes besides.
func skipQuoted(sql string, at int) int {
	rest := sql[at:]
	switch {
	case strings.HasPrefix(rest, "--"):
		return at + sqlstore.Through(rest, 2, "\n")
	case strings.HasPrefix(rest, "/*"):
		return at + nested(rest)
	case rest[0] == '\'' && at > 0 && sql[at-1]|0x20 == 'e' && (at == 1 || !sqlstore.WordByte(sql[at-2])):
		return at + sqlstore.Escaped(rest)
	case rest[0] == '\'' || rest[0] == '"':
		return at + sqlstore.Through(rest, 1, rest[:1]) // a doubled quote begins the next one
	case rest[0] == '$' && (at == 0 || !sqlstore.WordByte(sql[at-1])):
		return at + dollars(rest)
	}
	return at
}

// dollars is the length of a dollar quote, $tag$ ... $tag$; 0: there is none.
func dollars(text string) int {
	tag := 1
	for tag < len(text) && sqlstore.WordByte(text[tag]) && text[tag] != '$' {
		tag++
	}
	if tag < len(text) && text[tag] == '$' && (tag == 1 || text[1]-'0' > 9) {
		return sqlstore.Through(text, tag+1, text[:tag+1])
	}
	return 0
}

// nested is the length of a comment; they nest.
func nested(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(text[i:], "*/"):
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// plain is a name as a person would type it.
func plain(name string) string {
	return sqlstore.Plain(name, ident, func(name string) bool { return keywords[name] })
}

// plains joins plain names with commas.
func plains(list []string) string { return sqlstore.Join(list, plain) }
