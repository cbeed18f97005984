package postgres

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/fencepost/fencepost/sink"
)

// waitsSQL asks what a process does, and which ones it waits for. Of another user's it may not see the state.
const waitsSQL = `select coalesce(a.state, ''), coalesce(a.wait_event_type || ' ' || a.wait_event, ''),
  coalesce((select string_agg(b.pid || ' (' || concat_ws(', ', nullif(b.application_name, ''), b.usename, b.state) || ')', ', ' order by b.pid)
    from pg_stat_activity b where b.pid = any (pg_blocking_pids(a.pid))), '')
from pg_stat_activity a where a.pid = %d`

// serverProcess is sqlstore.Dialect.Process.
func (s *session) serverProcess() uint64 { return atomic.LoadUint64(&s.process) }

// waits is sqlstore.Dialect.Waits.
func (s *session) waits(ctx context.Context, process uint64) (w sink.Wait, err error) {
	res, err := s.Exec(ctx, fmt.Sprintf(waitsSQL, process))
	if err != nil {
		return w, err
	}
	backend := fmt.Sprintf("backend %d", process)
	if len(res[0]) == 0 {
		return sink.Wait{Text: backend + " is gone"}, nil
	}
	state, event, holders := string(res[0][0][0]), string(res[0][0][1]), string(res[0][0][2])
	switch {
	case holders != "":
		return sink.Wait{Text: backend + " waits for a lock of backend " + holders, Locks: true}, nil
	case event != "":
		return sink.Wait{Text: fmt.Sprintf("backend %d is %s and waits for %s", process, state, event)}, nil
	}
	return sink.Wait{Text: backend + " is " + state}, nil
}
