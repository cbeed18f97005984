//go:build realservers

package zookeeper

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/fencepost/fencepost/internal/servers"
	wires "github.com/fencepost/fencepost/internal/wire"
	"github.com/fencepost/fencepost/ledger"
)

// The leader of an ensemble of three is killed, again and again: the same ledger goes on with the others, what was acknowledged stands, and
// a move whose answer was lost is made once.
func TestLeaderOfAnEnsembleDies(t *testing.T) {
	ensemble := servers.OwnZooKeeperEnsemble(t, 3)
	s := storeAt(ensemble[0].Addr())
	for _, z := range ensemble[1:] {
		s.cfg.Servers = append(s.cfg.Servers, z.Addr())
	}
	w := newWorker(t, s, 1)
	for range 2 {
		w.must([]ledger.Move{w.next(0)})
		leader := leads(t, ensemble)
		leader.Kill()
		m := w.next(0)
		w.until([]ledger.Move{m})
		if got := w.read().Positions[at(0)]; got != m.Next {
			t.Fatalf("got %+v, want %+v", got, m.Next)
		}
		leader.Start()
	}
}

// leads is the server that leads.
func leads(t *testing.T, ensemble []*servers.OwnZooKeeperServer) *servers.OwnZooKeeperServer {
	t.Helper()
	for t.Context().Err() == nil {
		for _, z := range ensemble {
			if z.Leads(t.Context()) {
				return z
			}
		}
	}
	t.Fatal("no server leads")
	return nil
}

// until makes moves again and again, as a worker does, until they are made: once.
func (w *worker) until(moves []ledger.Move) {
	w.t.Helper()
	for {
		err := w.ledger.Move(w.t.Context(), w.as, moves)
		refused, ok := errors.AsType[*ledger.Refused](err)
		switch {
		case err == nil, ok && ledger.Relate(refused.Held[moves[0].TopicPartition], moves[0]) == ledger.RelationDone:
			for _, m := range moves {
				w.held[m.TopicPartition] = m.Next
			}
			return
		case ok || code(err) != "zookeeper-silent passing" && !errors.Is(err, ledger.ErrUnknown):
			w.t.Fatalf("the same move with another leader: %v", err)
		}
	}
}

// The servers end the session of a client that they do not hear from. It goes on in another one: its sign of life is lost, and the position
// is its own still.
func TestSessionExpires(t *testing.T) {
	s := newStore(t)
	s.cfg.SessionTimeout = time.Second
	beside := newWorker(t, s, 0).ledger
	direct := s.cfg.Servers[0]
	_, port, err := net.SplitHostPort(direct)
	must(t, err)
	way := servers.SeededProxy(t, net.JoinHostPort(servers.Address(t), port), direct, 1)
	s.cfg.Servers = []string{way.Addr()}
	w := newWorker(t, s, 1)
	sign, err := w.ledger.Appear(t.Context(), "g", "w")
	must(t, err)
	w.must([]ledger.Move{w.next(0)})
	alive := func() bool {
		list, err := beside.Alive(t.Context(), "g", []string{"w"})
		must(t, err)
		return len(list) == 1
	}
	if !alive() {
		t.Fatal("the worker shows no sign of life")
	}
	way.Set(wires.Fault{Hang: wires.Both})
	for alive() {
	}
	way.Mend()
	if err := sign.Lost(t.Context()); err != nil {
		t.Errorf("the sign is lost: got %v", err)
	}
	m := w.next(0)
	w.until([]ledger.Move{m})
	if got := w.read().Positions[at(0)]; got != m.Next {
		t.Errorf("got %+v, want %+v", got, m.Next)
	}
}
