package postgres

import (
	"encoding/hex"

	"github.com/fencepost/fencepost/internal/sqlstore"
)

// letters is sqlstore.LedgerSQL.Letters. Strict and Undo fail by a cast, as compareSQL does.
var letters = sqlstore.LetterSQL[*session]{
	Bytes: func(b []byte) string {
		if b == nil {
			return "null"
		}
		return `'\x` + hex.EncodeToString(b) + "'::bytea"
	},
	Hex: func(column string) string { return "encode(" + column + ", 'hex')" },
	Now: "clock_timestamp()",
	Replace: `on conflict (group_name, topic, partition, record_offset, topic_id) do update set record_time = excluded.record_time,
  record_key = excluded.record_key, record_value = excluded.record_value, record_headers = excluded.record_headers, code = excluded.code,
  reason = excluded.reason, at = excluded.at, who = excluded.who, discarded = ''`,
	Strict: func(s *session, change string, n int) string {
		return "with d as (" + change + " returning 1) select case when count(*) <> " + itoa(int64(n)) + " then ('gone:" + s.secret + ":' || count(*))::int else 0 end from d; "
	},
	Undo: func(s *session) string { return "select ('tried:" + s.secret + ":' || clock_timestamp())::int; " },
}
