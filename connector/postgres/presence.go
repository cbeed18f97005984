package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// presence holds a sign by an advisory lock, whose key is the sign. It needs no right. Behind a pooler a lock stays with the server's
// session when its client dies, and the pooler gives that session to another client: there a sign is a lease.
var presence = sqlstore.PresenceSQL[*session]{Hold: (*session).hold, Hear: (*session).hear, Await: (*session).await, Tell: (*session).tell, Alive: aliveSQL,
	Notice: ledger.Notice{Within: time.Second, Why: "by an advisory lock, which ends with its worker's connection"}, Connections: 2,
	Lease: &sqlstore.LeaseSQL[*session]{Needed: func(s *session) bool { return pooled(s.conn) }, Take: takeSQL, Renew: renewSQL, Give: giveSQL}}

// goneHost ends the session of a host that has vanished after about four seconds, and its lock with it.
const goneHost = "set tcp_keepalives_idle = 1; set tcp_keepalives_interval = 1; set tcp_keepalives_count = 3"

// waitFor is how long one wait for a lock lasts: while it does, VACUUM removes no row of the database.
const waitFor = "set lock_timeout = '3s'"

// goneClient has the server notice that a waiting client was killed; else its wait, and its place in max_connections, lasts. Not every
// platform has it, nor Postgres 13.
const goneClient = "set client_connection_check_interval = '500ms'"

// key is the advisory lock of a sign: its 64 bits, signed.
func key(sign string) string {
	n, _ := strconv.ParseUint(sign, 16, 64)
	return strconv.FormatInt(int64(n), 10)
}

// channel is where the workers of a group tell each other. Names are cut at 63 bytes, so that it is a digest.
func channel(g fencepost.Group) string {
	sum := sha256.Sum256([]byte(g))
	return "fencepost_" + hex.EncodeToString(sum[:8])
}

// hold takes the lock, on a connection that does nothing else: a lock outlives a client that dies while its statement runs.
func (s *session) hold(ctx context.Context, g fencepost.Group, sign string) error {
	_, _ = s.exec(ctx, goneHost) // over a Unix socket there is no host to vanish
	_, err := s.exec(ctx, "select pg_advisory_lock("+key(sign)+"); listen "+channel(g))
	return err
}

// hear waits for a notification. The end of the connection ends the wait.
func (s *session) hear(ctx context.Context, _ <-chan struct{}) (sign string, err error) {
	n, err := s.conn.WaitForNotification(ctx)
	if err != nil {
		return "", err
	}
	return n.Payload, nil
}

// await waits for the lock. The wait has its own connection: two holders that wait for each other would be a deadlock.
func (s *session) await(ctx context.Context, fresh bool, sign string) (ended bool, err error) {
	if pooled(s.conn) {
		return false, fmt.Errorf("%w: a pooler is between", ledger.ErrNoPresence)
	}
	if fresh {
		if _, err := s.exec(ctx, waitFor); err != nil {
			return false, err
		}
		_, _ = s.exec(ctx, goneClient)
	}
	_, err = s.exec(ctx, "select pg_advisory_lock_shared("+key(sign)+"); select pg_advisory_unlock_shared("+key(sign)+")")
	if pg := new(pgconn.PgError); errors.As(err, &pg) && pg.Code == "55P03" { // lock_not_available: it is held
		return false, nil
	}
	return err == nil, err
}

func (s *session) tell(ctx context.Context, g fencepost.Group, sign string) error {
	_, err := s.exec(ctx, "select pg_notify("+quote(channel(g))+", "+quote(sign)+")")
	return err
}

// aliveSQL reads the locks of the signs, which everybody may see, and their leases.
func aliveSQL(signs []string, reports string, g fencepost.Group) string {
	list := make([]string, len(signs))
	for i, sign := range signs {
		list[i] = "(" + quote(sign) + ", " + key(sign) + "::bigint)"
	}
	sql := "select s.sign from (values " + strings.Join(list, ", ") + `) s (sign, key) where exists (select from pg_locks l
   where l.locktype = 'advisory' and l.objsubid = 1 and l.granted and l.mode = 'ExclusiveLock' and l.database = (select oid from pg_database where datname = current_database())
   and (l.classid::bigint << 32) | l.objid::bigint = s.key)`
	if reports == "" {
		return sql
	}
	return sql + leases(` or exists (select from @reports where group_name = @group and subject = '`+leaseSubject+`' || s.sign and report collate "C" > @now)`, reports, g, "")
}

// leaseSubject begins the subject of a lease among the reports. Its text is the time when it ends, in UTC, whose order is that of its bytes.
const leaseSubject = "sign "

// leases fills a statement on leases in.
func leases(sql, reports string, g fencepost.Group, sign string) string {
	const clock = `to_char(clock_timestamp() at time zone 'UTC' + interval '%d ms', 'YYYY-MM-DD HH24:MI:SS.US') collate "C"`
	return sqlstore.Fill(sql, "@reports", reports, "@group", quote(string(g)), "@subject", quote(leaseSubject+sign), "@like", quote(leaseSubject+"%"),
		"@now", fmt.Sprintf(clock, 0), "@until", fmt.Sprintf(clock, sqlstore.LeaseFor.Milliseconds()))
}

func takeSQL(reports string, g fencepost.Group, sign string) string {
	return leases(`with old as (select subject from @reports where group_name = @group and subject like @like and report collate "C" < @now limit 1 for update skip locked),
 again as (update @reports r set subject = @subject, report = @until from old where r.group_name = @group and r.subject = old.subject returning r.subject)
insert into @reports (group_name, subject, report) select @group, @subject, @until where not exists (select from again)`, reports, g, sign)
}

func renewSQL(reports string, g fencepost.Group, sign string) string {
	return leases(`with renewed as (update @reports set report = @until where group_name = @group and subject = @subject and report collate "C" > @now returning 1)
select 1 from renewed`, reports, g, sign)
}

func giveSQL(reports string, g fencepost.Group, sign string) string {
	return leases(`update @reports set report = '' where group_name = @group and subject = @subject`, reports, g, sign)
}
