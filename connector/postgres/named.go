package postgres

import (
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// named is the row of the batch that the server names in an error; 0: it names none. COPY counts its lines. Of a row that comes
// out of the temporary table the server says which column is null, which key is there or missing, what could not be cast, or what the
// row is; of your own SQL, that is the row which it made of the batch's, where it took the values over.
func (p *plan) named(err error, b *fencepost.Batch) int {
	pg := new(pgconn.PgError)
	if !errors.As(err, &pg) || classOf(pg) != sqlstore.BadRows {
		return 0
	}
	if row := copiedLine(pg.Where); row > 0 {
		return row
	}
	detail := strings.TrimSuffix(pg.Detail, ".")
	switch pg.Code {
	case "23502":
		if row := sqlstore.FirstNull(b, pg.ColumnName); row > 0 {
			return row
		}
	case "23505", "23503":
		_, values, _ := strings.Cut(detail, ")=(")
		if end := strings.LastIndexByte(values, ')'); end >= 0 {
			return sqlstore.FirstHolding(b, strings.Split(values[:end], ", "))
		}
	case "22P02", "22003", "22007", "22008":
		if value, ok := quoted(pg.Message); ok {
			return sqlstore.FirstHolding(b, []string{value})
		}
	}
	if _, row, ok := strings.Cut(detail, "Failing row contains ("); ok {
		return sqlstore.FirstAmong(b, strings.TrimSuffix(row, ")"))
	}
	return 0
}

// quoted is the value in the message of a cast: invalid input syntax for type integer: "12 m".
func quoted(message string) (value string, ok bool) {
	_, value, ok = strings.Cut(message, `"`)
	end := strings.LastIndexByte(value, '"')
	if !ok || end < 0 {
		return "", false
	}
	return value[:end], true
}

// copiedLine is the line that a COPY was at, which the server names in the context only: COPY flights, line 3, column origin. It
// is 0 if there was no COPY. The context of the function that read the value, or of a trigger, may come before that.
func copiedLine(where string) int {
	for line := range strings.Lines(where) {
		if _, at, ok := strings.Cut(line, ", line "); ok && strings.HasPrefix(line, "COPY ") {
			end := strings.IndexFunc(at, func(r rune) bool { return r < '0' || r > '9' })
			if end < 0 {
				end = len(at)
			}
			row, _ := strconv.Atoi(at[:end])
			return row
		}
	}
	return 0
}
