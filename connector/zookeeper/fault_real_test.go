//go:build realservers

package zookeeper

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// code is a UserError's code, or what the error is instead.
func code(err error) string {
	if f, ok := errors.AsType[*fencepost.UserError](err); ok {
		if f.Passing {
			return f.Code + " passing"
		}
		return f.Code
	}
	return fmt.Sprint(err)
}

// What a user made is for that user alone: another one, another password, or none may neither read nor move it.
func TestDigest(t *testing.T) {
	s := newStore(t)
	s.cfg.User, s.cfg.Password = "bob", "right"
	owner := newWorker(t, s, 2)
	owner.commit(make([]ledger.Move, 2))
	open := *s
	for name, who := range map[string][2]string{"another password": {"bob", "wrong"}, "another user": {"eve", "right"}, "nobody": {}} {
		open.cfg.User, open.cfg.Password = who[0], who[1]
		w := newWorker(t, &open, 0)
		if _, err := w.ledger.Read(t.Context(), "g"); code(err) != "zookeeper-denied" {
			t.Errorf("read as %s: got %v, want zookeeper-denied", name, err)
		}
		w.held = owner.held
		if err := w.ledger.Move(t.Context(), w.as, []ledger.Move{w.next(0)}); code(err) != "zookeeper-denied" {
			t.Errorf("move as %s: got %v, want zookeeper-denied", name, err)
		}
		w.as.Group = "another"
		if err := w.ledger.Move(t.Context(), w.as, starts(1)); code(err) != "zookeeper-denied" {
			t.Errorf("start as %s below the owner's root: got %v, want zookeeper-denied", name, err)
		}
	}
	again := newWorker(t, s, 0)
	if got := again.read().Positions[at(0)]; got != owner.held[at(0)] {
		t.Errorf("the owner reads %+v, want %+v", got, owner.held[at(0)])
	}
	c := s.beside(t) // the clean-up's client has to sign in too
	must(t, c.AddAuth("digest", []byte("bob:right")))
	deleteAll(t, c, s.cfg.Root)
}

// A connection that ends takes the sign-in with it, and the next one has it again.
func TestDigestThroughALostConnection(t *testing.T) {
	s := newStore(t)
	s.cfg.User, s.cfg.Password = "bob", "right"
	w := newWorker(t, s, 1)
	for range 3 {
		m := w.next(0)
		s.wire.arm(cutAnswer)
		if err := w.ledger.Move(t.Context(), w.as, []ledger.Move{m}); !errors.Is(err, ledger.ErrUnknown) {
			t.Fatalf("a move without an answer: got %v, want ErrUnknown", err)
		}
		if got := w.read().Positions[at(0)]; got != m.Next {
			t.Fatalf("after it: %+v, want %+v", got, m.Next)
		}
		w.held[at(0)] = m.Next
	}
	c := s.beside(t)
	must(t, c.AddAuth("digest", []byte("bob:right")))
	deleteAll(t, c, s.cfg.Root)
}

// A server that is down is a passing error; when it comes back, the same ledger goes on.
func TestServerIsDownAndBack(t *testing.T) {
	server := servers.OwnZooKeeper(t)
	s := storeAt(server.Addr())
	w := newWorker(t, s, 3)
	server.Kill()
	if _, err := w.ledger.Read(t.Context(), "g"); code(err) != "zookeeper-silent passing" {
		t.Errorf("read of a server that is down: got %v, want zookeeper-silent", err)
	}
	m := w.next(0)
	if err := w.ledger.Move(t.Context(), w.as, []ledger.Move{m}); code(err) != "zookeeper-silent passing" && !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("move on a server that is down: got %v, want zookeeper-silent or ErrUnknown", err)
	}
	server.Start()
	for {
		err := w.ledger.Move(t.Context(), w.as, []ledger.Move{m})
		if err == nil {
			break
		}
		if code(err) != "zookeeper-silent passing" && !errors.Is(err, ledger.ErrUnknown) {
			t.Fatalf("move after the server came back: %v", err)
		}
	}
	if got := w.read().Positions[at(0)]; got != m.Next {
		t.Errorf("got %+v, want %+v", got, m.Next)
	}
}

// A server that is stopped: a multi that was sent is unknown, and a question has no answer, both in time.
func TestServerStandsStill(t *testing.T) {
	server := servers.OwnZooKeeper(t)
	s := storeAt(server.Addr())
	s.cfg.Timeout = 2 * time.Second
	w := newWorker(t, s, 1)
	server.Freeze()
	m := w.next(0)
	if err := w.ledger.Move(t.Context(), w.as, []ledger.Move{m}); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("move: got %v, want ErrUnknown", err)
	}
	if _, err := w.ledger.Read(t.Context(), "g"); code(err) != "zookeeper-silent passing" {
		t.Errorf("read: got %v, want zookeeper-silent", err)
	}
	server.Thaw()
	for {
		err := w.ledger.Move(t.Context(), w.as, []ledger.Move{m})
		refused, ok := errors.AsType[*ledger.Refused](err)
		if err == nil || ok && ledger.Relate(refused.Held[at(0)], m) == ledger.RelationDone {
			return // the frozen one was never made, or it was
		}
		if ok || code(err) != "zookeeper-silent passing" && !errors.Is(err, ledger.ErrUnknown) {
			t.Fatalf("the same move on the thawed server: %v", err)
		}
	}
}

// A Move that does not fit into one request is refused and does nothing; with a larger jute.maxbuffer on both sides it is made.
func TestMoveThatDoesNotFit(t *testing.T) {
	server := servers.OwnZooKeeper(t, "-Djute.maxbuffer=4194304")
	s := storeAt(server.Addr())
	const n = 15_000
	w := newWorker(t, s, 0)
	err := w.ledger.Move(t.Context(), w.as, starts(n))
	if code(err) != "zookeeper-too-large" {
		t.Fatalf("%d starts: got %v, want zookeeper-too-large", n, err)
	}
	if snap := w.read(); !snap.Empty() {
		t.Errorf("the move that did not fit left %d positions and the roster %v", len(snap.Positions), snap.Topics)
	}
	s.cfg.MaxPacket = 4 << 20
	large := newWorker(t, s, n)
	large.commit(make([]ledger.Move, n))
	if got := len(large.read().Positions); got != n {
		t.Errorf("%d positions, want %d", got, n)
	}
}

// A request's size is computed exactly: with a byte more than the server takes, it closes the connection.
func TestSizeIsExact(t *testing.T) {
	s := newStore(t)
	w := newWorker(t, s, 1)
	c := s.beside(t)
	request := func(fill int) *multi {
		m := &multi{}
		m.create(s.cfg.Root+"/fill", make([]byte, fill), s.cfg.acl(), 0, nil)
		m.check(s.cfg.Root, 0)
		m.set(pathsOf(s.cfg.Root, w.as.Group).head, []byte("never"), 1_000, nil) // not its version: nothing happens
		return m
	}
	most := defaultMaxPacket - request(0).size()
	for _, more := range []int{0, 1} {
		m := request(most + more)
		if _, err := c.Multi(m.ops...); answered(err) != (more == 0) {
			t.Errorf("a request of %d bytes: %v", m.size(), err)
		}
	}
}

// The library logs nothing, and nothing of it is left when a ledger is closed, not even where the server is stopped.
func TestCloseEndsEverything(t *testing.T) {
	server := servers.OwnZooKeeper(t)
	before := runtime.NumGoroutine()
	stderr := os.Stderr
	r, out, err := os.Pipe()
	must(t, err)
	os.Stderr = out
	log.SetOutput(out)
	t.Cleanup(func() { log.SetOutput(stderr) })
	for _, frozen := range []bool{false, true} {
		l, err := OpenLedger(Config{Servers: []string{server.Addr()}, Timeout: 2 * time.Second})
		must(t, err)
		_, err = l.Read(t.Context(), "g")
		must(t, err)
		if frozen {
			server.Freeze()
			if _, err := l.Read(t.Context(), "g"); code(err) != "zookeeper-silent passing" {
				t.Errorf("read: got %v, want zookeeper-silent", err)
			}
		}
		must(t, l.Close())
		must(t, l.Close())
		if _, err := l.Read(t.Context(), "g"); !errors.Is(err, errClosed) {
			t.Errorf("read of a closed ledger: %v", err)
		}
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("frozen %t: %d goroutines before, %d after Close", frozen, before, after)
		}
	}
	server.Thaw()
	os.Stderr = stderr
	must(t, out.Close())
	said, err := io.ReadAll(r)
	if must(t, err); len(said) > 0 {
		t.Errorf("the library said %q", said)
	}
}
