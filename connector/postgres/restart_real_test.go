//go:build realservers

package postgres

import (
	"errors"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// A server that is killed and comes back: the errors of lane and ledger are passing, or say that the outcome is
// unknown, and go on by themselves, with every row once.
func TestAServerThatIsKilled(t *testing.T) {
	server := servers.OwnPostgres(t)
	s := &store{dsn: server.Database(t), wire: &wire{}}
	s.exec(t, "create table flights (_topic text, _partition int, _offset bigint, value text, n bigint)")
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for range 3 {
		w.must(w.batch(0, 100))
		server.Kill()
		b := w.batch(0, 100)
		for i := range 3 {
			err := w.commit(t.Context(), b)
			f := new(fencepost.UserError)
			if passing := errors.As(err, &f) && f.Passing; !passing && !(i == 0 && errors.Is(err, ledger.ErrUnknown)) {
				t.Fatalf("commit %d on a dead server: got %v, want a passing fault", i, err)
			}
		}
		if _, err := w.sink.Ledger().Read(t.Context(), "g"); err == nil {
			t.Fatal("a dead server was read")
		}
		server.Start()
		if err := w.commit(t.Context(), b); err != nil {
			t.Fatalf("after the restart: %v", err)
		}
	}
	if rows, at := len(s.Rows(t)), w.offset(0); rows != 600 || at != 600 {
		t.Errorf("%d rows stand at %d, want 600", rows, at)
	}
}
