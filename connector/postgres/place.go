package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
)

// A dsn may name several servers, of which one is the primary. After a promotion the old one may come back and take writes, and
// each session of a worker connects by itself. So what a sink and its ledger have met once they do not go back behind: such a
// connection is refused, and the driver tries the next server.

// placeSQL names the timeline by the file that is written now: the control file has it only from the next checkpoint on, which
// may be minutes after a promotion.
const placeSQL = "select system_identifier, pg_walfile_name(pg_current_wal_lsn()) from pg_control_system()"

// placeKey is where a connection's data holds the newest place, for all sessions of one dsn; nil: its server does not say where
// it is. Some that only speak like Postgres do not.
const placeKey = "fencepost.place"

// newest is the newest place that the sessions of one dsn have met.
type newest struct {
	mu struct {
		sync.Mutex
		at fencepost.Place
	}
}

// errOldPrimary: the server is behind the newest one.
var errOldPrimary = errors.New("an old primary")

// meets notes a place. It returns errOldPrimary for one that is before the newest.
func (n *newest) meets(at fencepost.Place) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at.Before(n.mu.at) {
		return fmt.Errorf("%w: it is on timeline %d, and this worker was on timeline %d, where a replica was promoted", errOldPrimary, at.Timeline, n.mu.at.Timeline)
	}
	n.mu.at = at
	return nil
}

// placed looks where a new connection leads.
func (n *newest) placed(ctx context.Context, c *pgconn.PgConn) error {
	at, err := placeOf(ctx, c)
	if pg := new(pgconn.PgError); errors.As(err, &pg) && c.TxStatus() == 'I' {
		return nil
	}
	if err != nil {
		return err
	}
	c.CustomData()[placeKey] = n
	return n.meets(at)
}

// placeOf asks a server which one of its system it is.
func placeOf(ctx context.Context, c *pgconn.PgConn) (at fencepost.Place, err error) {
	res, err := c.Exec(ctx, placeSQL).ReadAll()
	if err != nil {
		return at, err
	}
	row := res[0].Rows[0]
	timeline, err := strconv.ParseUint(string(row[1][:8]), 16, 32)
	if err != nil {
		return at, fmt.Errorf("read timeline of %s: %w", row[1], err)
	}
	return fencepost.Place{System: string(row[0]), Timeline: timeline}, nil
}

// serverPlace is where the connection leads now: a pooler may have another server behind it than when it was connected to, and
// another session may have met a newer one since.
func (s *session) serverPlace(ctx context.Context) (at fencepost.Place, err error) {
	c := s.conn.PgConn()
	met, says := c.CustomData()[placeKey].(*newest)
	if !says {
		return at, nil
	}
	if at, err = placeOf(ctx, c); err != nil {
		return at, err
	}
	if err = met.meets(at); err != nil {
		s.Drop()
	}
	return at, err
}
