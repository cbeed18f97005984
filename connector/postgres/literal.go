package postgres

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// One flush means one simple Query, and a simple Query has no parameters: values travel as literals. Every literal of
// this package is made here. REQUIRES standard_conforming_strings = on, which session sets.

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// quote makes a string literal. A NUL byte cannot be sent: see sendable.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// ident quotes a name.
func ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// idents quotes names and joins them with commas.
func idents(names []string) string { return sqlstore.Join(names, ident) }

// array makes an array literal, '{...}', one element a move.
func array(moves []ledger.Move, element func([]byte, ledger.Move) []byte) string {
	b := append(make([]byte, 0, 3+12*len(moves)), '{')
	for i, m := range moves {
		if i > 0 {
			b = append(b, ',')
		}
		b = element(b, m)
	}
	return quote(string(append(b, '}')))
}

// integers makes an array literal of numbers.
func integers(moves []ledger.Move, value func(ledger.Move) int64) string {
	return array(moves, func(b []byte, m ledger.Move) []byte { return strconv.AppendInt(b, value(m), 10) })
}

// texts makes an array literal of strings.
func texts(moves []ledger.Move, value func(ledger.Move) string) string {
	return array(moves, func(b []byte, m ledger.Move) []byte { return appendElement(b, value(m)) })
}

// textArray is texts of strings that are no moves'.
func textArray(list []string) string {
	b := []byte{'{'}
	for i, text := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendElement(b, text)
	}
	return quote(string(append(b, '}')))
}

// appendElement appends a string as an array literal has it.
func appendElement(b []byte, text string) []byte {
	b = append(b, '"')
	for _, c := range []byte(text) {
		if c == '"' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return append(b, '"')
}

// uuids makes an array literal of topic IDs, null for none.
func uuids(moves []ledger.Move, value func(ledger.Move) fencepost.TopicID) string {
	return array(moves, func(b []byte, m ledger.Move) []byte {
		id := value(m)
		if id == (fencepost.TopicID{}) {
			return append(b, "NULL"...)
		}
		return fmt.Appendf(b, "%x", id[:])
	})
}

// sendable refuses what cannot be in a statement.
func sendable(what, text string) error {
	if strings.IndexByte(text, 0) >= 0 {
		return fmt.Errorf("%s has a null byte", what)
	}
	return nil
}
