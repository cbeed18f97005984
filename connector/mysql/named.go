package mysql

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/fencepost/fencepost/internal/sqlstore"
)

// rowNumberSQL asks MariaDB for the row of the INSERT that has just failed.
const rowNumberSQL = "get diagnostics condition 1 @fencepost_row = row_number; select @fencepost_row"

// named is the row of the batch at which a flush failed, as far as the server says it; 0: it does not. MariaDB counts the rows of an
// INSERT. MySQL does so in the text of some errors; of others the text has the column or the key. Your own SQL may make other rows of
// those of the batch, so that whoever asks has to try the row. REQUIRES: nothing was sent since, which would empty the diagnostics.
func (l *lane) named(ctx context.Context, err error) int {
	my := new(mysql.MySQLError)
	if !errors.As(err, &my) || classOf(my) != sqlstore.BadRows {
		return 0
	}
	if l.session.server.counts && l.session.conn != nil {
		res, err := l.session.Exec(ctx, rowNumberSQL)
		if err != nil || len(res) == 0 || len(res[0]) == 0 {
			return 0
		}
		row, _ := strconv.Atoi(string(res[0][0][0]))
		return row
	}
	if _, at, ok := strings.Cut(my.Message, " at row "); ok {
		row, _ := strconv.Atoi(at)
		return row
	}
	_, text, _ := strings.Cut(my.Message, "'")
	text, _, _ = strings.Cut(text, "'")
	switch my.Number {
	case 1048:
		return sqlstore.FirstNull(l.encoder.batch, text)
	case 1062:
		return sqlstore.FirstHolding(l.encoder.batch, []string{text})
	}
	return 0
}
