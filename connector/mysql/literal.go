package mysql

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// One flush is one packet of text, and that has no parameters: values travel as literals. Every literal of this
// package is made here. REQUIRES the sql_mode that preamble sets: backslashes escape.

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// quote makes a string literal.
func quote(s string) string { return string(appendQuoted(nil, s)) }

// appendQuoted appends a string literal. A NUL byte is escaped too, since some tools that show a server's log end there.
func appendQuoted[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '\'')
	start := 0
	for i := range len(s) {
		switch s[i] {
		case '\'', '\\':
			dst = append(append(dst, s[start:i]...), '\\', s[i])
			start = i + 1
		case 0:
			dst = append(append(dst, s[start:i]...), '\\', '0')
			start = i + 1
		}
	}
	return append(append(dst, s[start:]...), '\'')
}

// ident quotes a name.
func ident(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

// idents quotes names and joins them with commas.
func idents(names []string) string { return sqlstore.Join(names, ident) }

// jsonRows makes a literal of a JSON array of arrays, one a move.
func jsonRows(moves []ledger.Move, row func(ledger.Move) []any) string {
	rows := make([][]any, len(moves))
	for i, m := range moves {
		rows[i] = row(m)
	}
	b, err := json.Marshal(rows)
	if err != nil {
		panic("mysql: moves are not JSON: " + err.Error()) // texts and numbers always are
	}
	return string(appendQuoted(make([]byte, 0, len(b)+len(b)/8), b))
}

// idText is a topic ID as the ledger stores it: null for none.
func idText(id fencepost.TopicID) any {
	if id == (fencepost.TopicID{}) {
		return nil
	}
	return id.String()
}
