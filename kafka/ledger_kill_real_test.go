//go:build realservers

package kafka

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledgertest"
)

// A broker that is killed under a mover: what was accepted stands, what was refused does not, and what is unknown is
// settled by the next try.
func TestLedgerSurvivesKills(t *testing.T) {
	own := servers.OwnKafka(t)
	b := newBench(t, []string{own.Plaintext})
	k := &books{bench: b, store: newLedgerStore(b), topic: b.topic(1), w: fencepost.Writer{Group: fencepost.Group(unique(t)), Who: "w@test"}}
	l := k.ledger(fencepost.KeepAll)
	var missing atomic.Int32 // markers that the broker left out
	l.cfg.Log = func(int, string, ...any) { missing.Add(1) }
	held := k.start(l, k.topic, 0)[0]
	unknown, failed := 0, 0
	for range 2 {
		for range 20 {
			held = k.once(l, held, &unknown, &failed)
		}
		done := make(chan fencepost.Position)
		go func() {
			at := held
			for range 20 {
				at = k.once(l, at, &unknown, &failed)
			}
			done <- at
		}()
		own.Kill()
		own.Start()
		held = <-done
	}
	k.wantAt(l, 0, held)
	fresh := k.ledger(fencepost.KeepAll)
	k.wantAt(fresh, 0, held)
	var told []fencepost.Recorded
	for r, err := range fresh.Moves(t.Context(), k.w.Group) {
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, r)
	}
	ledgertest.Chain(t, told, k.read(fresh))
	if len(told) != int(held.Offset)+1 {
		t.Errorf("%d moves for %d commits and a start", len(told), held.Offset)
	}
	t.Logf("%d commits over 2 kills: %d answers unknown, %d that said nothing happened, %d missing markers written", held.Offset, unknown, failed, missing.Load())
}

// once commits one offset, and returns where the group then stands for certain.
func (k *books) once(l *Ledger, held fencepost.Position, unknown, failed *int) fencepost.Position {
	m := k.commit(0, held, held.Offset+1)
	sure := true
	for began := time.Now(); time.Since(began) < time.Minute; {
		ctx, cancel := context.WithTimeout(k.t.Context(), 10*time.Second)
		err := l.Move(ctx, k.w, []fencepost.Move{m})
		cancel()
		at, refused := refusedWith(err, m.TopicPartition)
		switch {
		case err == nil, refused && at == m.Next && !sure:
			return m.Next
		case refused:
			k.t.Errorf("refused with %+v, where we hold %+v (unknown outcome before: %t)", at, held, !sure)
			return at
		case errors.Is(err, fencepost.ErrUnknown):
			*unknown++
			sure = false
		default:
			*failed++
			k.t.Logf("%s: %v", time.Now().Format("05.000"), err)
		}
	}
	k.t.Errorf("no answer for a minute at %d", held.Offset)
	return held
}
