package mysql

import (
	"slices"
	"strings"

	"github.com/fencepost/fencepost/internal/sqlstore"
)

// enders are first words of statements that end the transaction: explicitly, or because they commit by
// themselves before they run (DDL, accounts, table locks, maintenance). CREATE and DROP of a TEMPORARY table do not.
var enders = []string{"COMMIT", "ROLLBACK", "BEGIN", "START", "XA", "ALTER", "CREATE", "DROP", "TRUNCATE", "RENAME", "GRANT", "REVOKE",
	"LOCK", "UNLOCK", "ANALYZE", "OPTIMIZE", "REPAIR", "CHECK", "CACHE", "FLUSH", "RESET", "INSTALL", "UNINSTALL", "CHANGE", "STOP", "PURGE", "SHUTDOWN"}

// syntax is that of MySQL and MariaDB. DDL cannot be tried: it would be committed.
var syntax = sqlstore.Syntax{Skip: skipQuoted, Comment: comment, Blank: executable, Ends: ending}

// ending is sqlstore.Syntax.Ends.
func ending(word, rest string) string {
	switch {
	case word == "ROLLBACK" && sqlstore.NamesWord(rest, "TO"), // to a savepoint of its own
		(word == "CREATE" || word == "DROP") && strings.HasPrefix(rest, "TEMPORARY"),
		word == "CREATE" && sqlstore.NamesWord(rest, "TEMPORARY") && sqlstore.NamesWord(rest, "REPLACE"):
	case slices.Contains(enders, word), word == "SET" && sqlstore.NamesWord(rest, "AUTOCOMMIT"), word == "LOAD" && sqlstore.NamesWord(rest, "INDEX"):
		return word
	}
	return ""
}

// comment reports whether a text begins with a comment. The content of an executable one, /*! ... */, is none.
func comment(text string) bool {
	return text[0] == '#' || dashes(text) || strings.HasPrefix(text, "/*") && executable(text) == 0
}

// dashes reports whether a text begins with a comment of two dashes, which white space must follow.
func dashes(text string) bool {
	return strings.HasPrefix(text, "--") && (len(text) == 2 || text[2] <= ' ')
}

// executable is the length of the head of an executable comment (/*!, /*!80017, /*M!100100), or of its end.
func executable(text string) int {
	if strings.HasPrefix(text, "*/") {
		return 2
	}
	n := 0
	for _, head := range []string{"/*!", "/*M!"} {
		if strings.HasPrefix(text, head) {
			n = len(head)
		}
	}
	for n > 0 && n < len(text) && text[n]-'0' <= 9 {
		n++
	}
	return n
}

// skipQuoted is sqlstore.Syntax.Skip.
func skipQuoted(sql string, at int) int {
	rest := sql[at:]
	switch {
	case rest[0] == '#', dashes(rest):
		return at + sqlstore.Through(rest, 1, "\n")
	case comment(rest):
		return at + sqlstore.Through(rest, 2, "*/")
	case rest[0] == '`':
		return at + sqlstore.Through(rest, 1, "`")
	case rest[0] == '\'' || rest[0] == '"':
		return at + sqlstore.Escaped(rest)
	}
	return at
}

// plain is a name as a person would type it.
func plain(name string) string {
	return sqlstore.Plain(name, ident, func(name string) bool { return reserved[name] })
}

// reserved are words that make likely column names and must be quoted.
var reserved = sqlstore.Words(`
	partition groups key keys order group index from to read range rank row rows condition interval table column values
	when where select desc change usage system lead function option`)

// plains joins plain names with commas.
func plains(list []string) string { return sqlstore.Join(list, plain) }
