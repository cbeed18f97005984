package mysql

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/fencepost/fencepost/sink"
)

// serverProcess is sqlstore.Dialect.Process.
func (s *session) serverProcess() uint64 { return atomic.LoadUint64(&s.process) }

// waits is sqlstore.Dialect.Waits. The server shows the holder of a row lock only to a user with PROCESS (MySQL: SELECT on sys).
func (s *session) waits(ctx context.Context, process uint64) (w sink.Wait, err error) {
	res, err := s.Exec(ctx, fmt.Sprintf("select coalesce(command, ''), coalesce(state, '') from information_schema.processlist where id = %d", process))
	if err != nil {
		return w, err
	}
	connection := fmt.Sprintf("connection %d", process)
	if len(res[0]) == 0 {
		return sink.Wait{Text: connection + " is gone"}, nil
	}
	state := strings.TrimSpace(string(res[0][0][0]) + " " + string(res[0][0][1]))
	if holders := s.holders(ctx, process); holders != "" {
		return sink.Wait{Text: connection + " waits for a lock of connection " + holders, Locks: true}, nil
	}
	low := strings.ToLower(state)
	return sink.Wait{Text: connection + ": " + state, Locks: strings.Contains(low, "waiting for") && strings.Contains(low, "lock")}, nil
}

// holders names the connections that hold locks of rows which a connection waits for; empty where this user may not know.
func (s *session) holders(ctx context.Context, process uint64) string {
	from := "select distinct blocking_pid from sys.innodb_lock_waits where waiting_pid = %d"
	if s.server.mariadb {
		from = `select distinct b.trx_mysql_thread_id from information_schema.innodb_lock_waits w
 join information_schema.innodb_trx a on a.trx_id = w.requesting_trx_id join information_schema.innodb_trx b on b.trx_id = w.blocking_trx_id
 where a.trx_mysql_thread_id = %d`
	}
	res, err := s.Exec(ctx, fmt.Sprintf(from, process))
	if err != nil {
		return ""
	}
	var list []string
	for _, row := range res[0] {
		list = append(list, string(row[0]))
	}
	return strings.Join(list, ", ")
}
