//go:build realservers

package kafka

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledgertest"
)

// hanging makes a group whose last transaction was decided and has no markers: what a broker leaves behind that did not
// know a leader when it was to write them. It is made by writing into a transaction that has ended, which this broker
// was told not to refuse.
func hanging(t *testing.T, b *bench) (k *books, stands, hangs fencepost.Position) {
	k = ledgerOn(t, b)
	l := k.ledger(fencepost.KeepAll)
	held := k.start(l, k.topic, 0)[0]
	first := k.commit(0, held, 5)
	k.move(l, first)
	d, h, m := l.desk(k.w.Group), k.homeOf(l), k.commit(0, first.Next, 9)
	e, err := l.decide(t.Context(), d.book, h, k.w, []fencepost.Move{m}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	d.producer.first = -1
	_, err = l.produce(t.Context(), k.w.Group, d.producer, e.facts)
	_, late := l.copies(t.Context(), k.w.Group, d.producer, e.moves)
	if err = errors.Join(err, late); err != nil {
		t.Fatal(err)
	}
	return k, first.Next, m.Next
}

func (k *books) homeOf(l *Ledger) home {
	h, err := l.home(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	return h
}

func unverified(t *testing.T) *bench {
	return newBench(t, []string{servers.OwnKafka(t, "transaction.partition.verification.enable=false").Plaintext})
}

// A transaction that was committed and has no markers is committed by the next who moves, or reads.
func TestMissingMarkersAreWritten(t *testing.T) {
	b := unverified(t)
	t.Run("by a mover", func(t *testing.T) {
		b := newBench(t, b.addrs)
		k, stands, hangs := hanging(t, b)
		l := k.ledger(fencepost.KeepAll)
		err := l.Move(t.Context(), k.w, []fencepost.Move{k.commit(0, stands, 7)})
		if at, refused := refusedWith(err, tp(k.topic, 0)); !refused || at != hangs {
			t.Fatalf("a move from %+v: %v; want it refused with %+v", stands, err, hangs)
		}
		k.move(l, k.commit(0, hangs, 11))
		ledgertest.Chain(t, k.history(l), k.read(l))
	})
	t.Run("by a reader", func(t *testing.T) {
		b := newBench(t, b.addrs)
		k, _, hangs := hanging(t, b)
		l := k.ledger(fencepost.KeepAll)
		k.wantAt(l, 0, hangs)
		k.move(l, k.commit(0, hangs, 11))
	})
}

// Where the coordinator has forgotten how it was to end, nobody guesses.
func TestAnUndecidedEndIsAFault(t *testing.T) {
	k, stands, _ := hanging(t, unverified(t))
	l := k.ledger(fencepost.KeepAll)
	if _, err := l.take(t.Context(), k.w.Group, new(ended)); err != nil { // a mover that died there
		t.Fatal(err)
	}
	f := wantFault(t, l.Move(t.Context(), k.w, []fencepost.Move{k.commit(0, stands, 7)}), "ledger-hangs")
	for _, line := range []string{"abort --topic '" + k.store.topic + "' --partition 0 --start-offset ", "describe-producers --topic __consumer_offsets --partition "} {
		if !strings.Contains(f.Help, line) {
			t.Errorf("help is %s, want %q in it", f.Help, line)
		}
	}
}
