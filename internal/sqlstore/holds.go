package sqlstore

import (
	"strconv"
	"strings"
)

// Holding is what a column holds that others do not.
type Holding struct {
	Decimals bool // decimals, digit by digit
	Millis   bool // of a moment no more than milliseconds
}

// HoldingOf reads the SQL of a column's type: numeric(12,2), bigint(20) unsigned, timestamp(3) without time zone.
func HoldingOf(sql string) (h Holding) {
	sql = strings.ToLower(sql)
	word, rest, _ := strings.Cut(sql, "(")
	inside, _, sized := strings.Cut(rest, ")")
	digits, _ := strconv.Atoi(strings.TrimSpace(inside))
	word, _, _ = strings.Cut(word, " ")
	switch word {
	case "numeric", "decimal":
		h.Decimals = true
	case "timestamp", "datetime", "time":
		if !sized && strings.Contains(sql, "time zone") {
			digits = 6 // of Postgres, which shows a type so; the others have no digits then
		}
		h.Millis = digits <= 3
	}
	return h
}

// facts are those of a table that takes the columns.
func (t *Target) facts() map[string]string {
	lists := map[string][]string{}
	add := func(fact string, is bool, c *Column) {
		if is {
			lists[fact] = append(lists[fact], c.Name)
		}
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		h := HoldingOf(c.SQL)
		add("not_null", !c.Nullable, c)
		add("decimals", h.Decimals, c)
		add("millis", h.Millis, c)
	}
	facts := map[string]string{}
	for fact, names := range lists {
		facts[fact] = strings.Join(names, "\n")
	}
	return facts
}
