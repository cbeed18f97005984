//go:build realservers

package zookeeper

import (
	"errors"
	"sync"
	"testing"

	"github.com/fencepost/fencepost/ledger"
)

// A node that was deleted and made again counts its versions from 0, and reaches those that a late worker remembers. It
// must not be taken for the old one: not where its whole group was made again, and not where it alone was.
func TestNodesThatWereMadeAgain(t *testing.T) {
	for name, remove := range map[string]func(t *testing.T, s *store){
		"the group":     func(t *testing.T, s *store) { deleteAll(t, s.beside(t), pathsOf(s.cfg.Root, "g").head) },
		"the topic":     func(t *testing.T, s *store) { deleteAll(t, s.beside(t), pathsOf(s.cfg.Root, "g").topic("flights")) },
		"the partition": func(t *testing.T, s *store) { s.DeleteRow(t, "g", at(0)) },
	} {
		s := newStore(t)
		late, heir := newWorker(t, s, 1), newWorker(t, s, 0)
		remove(t, s)
		heir.must(starts(1))
		known := late.ledger.mu.groups["g"].rows[at(0)].version
		heir.read()
		if stands := heir.ledger.mu.groups["g"].rows[at(0)].version; stands != known {
			t.Fatalf("%s was made again, and its version is %d, not the %d that the late worker remembers: this test shows nothing", name, stands, known)
		}
		m := late.next(0)
		err := late.ledger.Move(t.Context(), late.as, []ledger.Move{m})
		refused, ok := errors.AsType[*ledger.Refused](err)
		if !ok || ledger.Relate(refused.Held[at(0)], m) != ledger.RelationMoved {
			t.Errorf("%s was made again: a late commit got %v, want it refused as moved", name, err)
		}
		if got := heir.read().Positions[at(0)]; got != heir.held[at(0)] {
			t.Errorf("%s was made again: %+v stands, want %+v", name, got, heir.held[at(0)])
		}
	}
}

// Every Move depends on the node of moves; a group that lost it reports that instead of trying for ever.
func TestMovesAreGone(t *testing.T) {
	s := newStore(t)
	w := newWorker(t, s, 1)
	life := w.ledger.mu.groups["g"].head.life
	deleteAll(t, s.beside(t), pathsOf(s.cfg.Root, "g").moves(life))
	if err := w.ledger.Move(t.Context(), w.as, []ledger.Move{w.next(0)}); code(err) != "zookeeper-damaged" {
		t.Errorf("move: got %v, want zookeeper-damaged", err)
	}
	if _, err := w.ledger.Read(t.Context(), "g"); code(err) != "zookeeper-damaged" {
		t.Errorf("read: got %v, want zookeeper-damaged", err)
	}
}

// Lanes of one ledger do not block each other: each commits its own partitions, and no commit is lost.
func TestLanesAtOnce(t *testing.T) {
	const lanes, rounds = 8, 25
	s := newStore(t)
	w := newWorker(t, s, lanes)
	var all sync.WaitGroup
	errs := make([]error, lanes)
	for lane := range lanes {
		held := w.held[at(int32(lane))]
		all.Go(func() {
			for range rounds {
				m := ledger.Move{TopicPartition: at(int32(lane)), Cause: ledger.CauseCommit, Held: held, Next: held.Advance(held.Offset+10, 7)}
				if err := w.ledger.Move(t.Context(), w.as, []ledger.Move{m}); err != nil {
					errs[lane] = err
					return
				}
				held = m.Next
			}
		})
	}
	all.Wait()
	must(t, errors.Join(errs...))
	for tp, p := range w.read().Positions {
		if want := w.held[tp].Offset + 10*rounds; p.Offset != want {
			t.Errorf("%s stands at %d, want %d", tp, p.Offset, want)
		}
	}
}
