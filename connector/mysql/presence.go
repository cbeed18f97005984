package mysql

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// presence holds a sign by a named lock (GET_LOCK). It needs no right. No session can be told of another's end, so that each worker
// watches the others itself.
var presence = sqlstore.PresenceSQL[*session]{Hold: (*session).hold, Hear: (*session).hear, Await: (*session).await, Alive: aliveSQL,
	Notice: ledger.Notice{Within: time.Second, Why: "by GET_LOCK, whose lock ends with its worker's connection"}, Connections: 2}

const (
	// beat is how often a session that holds a sign says something, and answerWithin is how long the server takes for that at most. gone is
	// after which silence the server ends it, and its lock: the sign of a host that has vanished.
	beat         = 3 * time.Second
	answerWithin = 5 * time.Second
	gone         = "set session wait_timeout = 10"
	// waitFor is how long one wait for a lock lasts, in seconds. With the beats it makes less than a request a second of a worker that
	// watches as many others as it may.
	waitFor = "20"
)

// unlimited lets a wait last longer than what the server allows a statement.
func (s *session) unlimited() string {
	if s.server.mariadb {
		return "set session max_statement_time = 0"
	}
	return "set session max_execution_time = 0"
}

// lock is the name of a sign's lock, in lower case: MariaDB compares names with case, and MySQL without.
func lock(sign string) string { return quote("fencepost_" + sign) }

// hold takes the lock, on a connection that does nothing else: a lock outlives a client that dies while its statement runs.
func (s *session) hold(ctx context.Context, _ fencepost.Group, sign string) error {
	res, err := s.Exec(ctx, gone+"; select get_lock("+lock(sign)+", 0)")
	if err == nil && string(res[len(res)-1][0][0]) != "1" {
		err = errors.New("GET_LOCK: another session has the lock")
	}
	return err
}

// hear hears of nothing but the end of the own session.
func (s *session) hear(ctx context.Context, doubt <-chan struct{}) (sign string, err error) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-tick.C:
		case <-doubt:
		}
		asking, cancel := context.WithTimeout(ctx, answerWithin)
		_, err := s.Exec(asking, "do 1")
		cancel()
		if err != nil {
			return "", err
		}
	}
}

// await waits for the lock. The wait has its own connection: two holders that wait for each other would be a deadlock.
func (s *session) await(ctx context.Context, fresh bool, sign string) (ended bool, err error) {
	if fresh {
		if _, err := s.Exec(ctx, s.unlimited()); err != nil {
			return false, err
		}
	}
	res, err := s.Exec(ctx, "select get_lock("+lock(sign)+", "+waitFor+")")
	if err != nil || string(res[0][0][0]) != "1" {
		return false, err
	}
	_, err = s.Exec(ctx, "do release_lock("+lock(sign)+")")
	return true, err
}

// aliveSQL reads the locks of the signs.
func aliveSQL(signs []string, _ string, _ fencepost.Group) string {
	parts := make([]string, len(signs))
	for i, sign := range signs {
		parts[i] = "select " + quote(sign) + " from dual where is_free_lock(" + lock(sign) + ") = 0"
	}
	return strings.Join(parts, " union all ")
}
