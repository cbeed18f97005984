//go:build realservers

package mysql

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
)

// codeOf is the code of an error, empty for one that has none.
func codeOf(err error) string {
	if f, ok := errors.AsType[*fencepost.UserError](err); ok {
		return f.Code
	}
	return ""
}

// user makes a user of the test's own that may do all in its database, and returns a dsn.
func (s *store) user(t *testing.T, option string) string {
	t.Helper()
	s.exec(t, "create user 'app' identified by 'pw' "+option)
	s.exec(t, "grant all on `"+s.config(t)+"`.* to app")
	u, err := url.Parse(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("app", "pw")
	return u.String()
}

// S7: the session of a server that became read-only is closed, so that the next one may lead to another server; it says
// what it is until it writes again.
func TestS7AReadOnlyServerIsLeft(t *testing.T) {
	server := servers.OwnMariaDB(t)
	s := storeOf(t, server.Database(t))
	s.exec(t, "create table flights (_topic text, _partition int, _offset bigint, value text, n bigint)")
	w := s.worker(t, Config{DSN: s.user(t, ""), Table: "flights"}).start(1)
	w.must(w.batch(0, 2))
	before := w.lane.(*lane).session.process
	s.exec(t, "set global read_only = 1")
	b := w.batch(0, 2)
	for range 2 { // in the session, and at a new one
		if err := w.commit(t.Context(), b); codeOf(err) != "database-read-only" {
			t.Errorf("got %v, want database-read-only", err)
		}
		if got := w.lane.(*lane).session.process; got != 0 {
			t.Errorf("the lane keeps the connection %d (it was %d), want none", got, before)
		}
	}
	s.exec(t, "set global read_only = 0")
	w.must(b)
	w.wantStand(s, 4)
}

// S10: a user without a connection left has its own code.
func TestS10TooManyConnections(t *testing.T) {
	server := servers.OwnMariaDB(t)
	s := storeOf(t, server.Database(t))
	sink, err := s.open(t.Context(), Config{DSN: s.user(t, "with max_user_connections 1"), Table: "flights"})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	if _, err := sink.Ledger().Read(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Lane(t.Context(), 0); codeOf(err) != "too-many-connections" || !strings.Contains(fmt.Sprint(err), "max_user_connections") {
		t.Errorf("got %v, want too-many-connections", err)
	}
}
