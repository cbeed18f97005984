package mysql

import (
	"encoding/hex"

	"github.com/fencepost/fencepost/internal/sqlstore"
)

// letters is sqlstore.LedgerSQL.Letters. Strict and Undo fail by refuse, as compareSQL does.
var letters = sqlstore.LetterSQL[*session]{
	Bytes: func(b []byte) string {
		if b == nil {
			return "null"
		}
		return "x'" + hex.EncodeToString(b) + "'"
	},
	Hex: func(column string) string { return "hex(" + column + ")" },
	Now: "utc_timestamp(6)",
	Replace: `on duplicate key update record_time = values(record_time), record_key = values(record_key), record_value = values(record_value),
  record_headers = values(record_headers), code = values(code), reason = values(reason), at = values(at), who = values(who), discarded = ''`,
	Strict: func(s *session, change string, n int) string {
		return change + "; set @fencepost_n = row_count(); " + sqlstore.Fill(refuse, "@cases", "when @fencepost_n <> "+itoa(int64(n))+" then '~gone:"+s.secret+"'")
	},
	Undo: func(s *session) string {
		return sqlstore.Fill(refuse, "@cases", "when 1 = 1 then '~tried:"+s.secret+"'")
	},
}
