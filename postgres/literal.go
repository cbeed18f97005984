package postgres

import (
	"errors"
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

// quote makes a string literal. A NUL byte can not be sent: see checkText.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// ident quotes a name.
func ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// idents quotes names and joins them with commas, each behind prefix.
func idents(names []string, prefix string) string {
	return sqlstore.Join(names, func(n string) string { return prefix + ident(n) })
}

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
	return array(moves, func(b []byte, m ledger.Move) []byte {
		b = append(b, '"')
		for _, c := range []byte(value(m)) {
			if c == '"' || c == '\\' {
				b = append(b, '\\')
			}
			b = append(b, c)
		}
		return append(b, '"')
	})
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

// checkText refuses what can not stand in a statement.
func checkText(what, s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return fmt.Errorf("%s has a null byte", what)
	}
	return nil
}

// checkMoves refuses a writer or moves that no ledger takes.
func checkMoves(w ledger.Writer, moves []ledger.Move) error {
	if w.Group == "" {
		return errors.New("the writer has no group")
	}
	for what, s := range map[string]string{"group": string(w.Group), "cluster ID": w.ClusterID, "who": w.Who} {
		if err := checkText(what, s); err != nil {
			return err
		}
	}
	seen := make(map[fencepost.TopicPartition]struct{}, len(moves))
	for _, m := range moves {
		if err := m.Validate(); err != nil {
			return err
		}
		if err := errors.Join(checkText("topic", m.Topic), checkText("why", m.Reason())); err != nil {
			return fmt.Errorf("move %s: %w", m.TopicPartition, err)
		}
		if _, twice := seen[m.TopicPartition]; twice {
			return fmt.Errorf("move %s: twice in one call", m.TopicPartition)
		}
		seen[m.TopicPartition] = struct{}{}
	}
	return nil
}
