//go:build realservers

package redis

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// A server that is killed in the middle of commits, again and again, keeps what it acknowledged, and rows and position
// agree: the same lane goes on, after NOSCRIPT and lost answers.
func TestKillKeepsWhatWasAcknowledged(t *testing.T) {
	server := servers.OwnRedis(t)
	s := storeOn(t, server.RedisServer)
	w := s.worker(t, s.rows()).start(2)
	started := w.held
	unknown := 0
	for range 5 {
		var killer sync.WaitGroup
		reached := make(chan struct{})
		killer.Go(func() { <-reached; server.Kill() })
		for n := 0; ; n++ {
			if n == 20 {
				close(reached)
			}
			b := w.batch(int32(n%2), 3)
			err := w.commit(t.Context(), b)
			if err == nil {
				continue
			}
			if errors.Is(err, ledger.ErrUnknown) {
				unknown++
			}
			killer.Wait()
			server.Start()
			acknowledged := w.held[b.Segments[0].TopicPartition]
			switch err := w.commit(t.Context(), b); {
			case err == nil:
			case ledger.Relate(heldIn(t, err, at(int32(n%2))), b.Moves[0]) == ledger.RelationDone:
				w.held[at(int32(n%2))] = b.Moves[0].Next
			default:
				t.Fatalf("after the restart, from %+v: %v", acknowledged, err)
			}
			break
		}
	}
	t.Logf("%d of 5 kills lost an answer", unknown)
	snap := w.read()
	var want []sinktest.Row
	for p := range int32(2) {
		if snap.Positions[at(p)] != w.held[at(p)] {
			t.Errorf("%s stands at %+v, acknowledged was %+v", at(p), snap.Positions[at(p)], w.held[at(p)])
		}
		span := sinktest.Span{TopicPartition: at(p), Held: started[at(p)], Until: w.held[at(p)].Offset}
		for o := fencepost.Offset(0); o < span.Until; o++ {
			want = append(want, sinktest.Row{TopicPartition: at(p), Offset: o, Value: at(p).String() + "@" + strconv.Itoa(int(o)), N: int64(o)})
		}
	}
	got := map[sinktest.Row]int{}
	for _, r := range s.Rows(t) {
		got[r]++
	}
	for _, r := range want {
		if got[r] != 1 {
			t.Errorf("row %+v stands %d times", r, got[r])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d rows stand, want %d", len(got), len(want))
	}
}

// heldIn is what a refusal says of a partition.
func heldIn(t *testing.T, err error, tp fencepost.TopicPartition) ledger.Position {
	t.Helper()
	r, ok := errors.AsType[*ledger.Refused](err)
	if !ok {
		t.Fatalf("got %v, want a *Refused", describe(err))
	}
	return r.Held[tp]
}

// A server that lost all scripts is given them again.
func TestScriptFlush(t *testing.T) {
	server := servers.OwnRedis(t)
	s := storeOn(t, server.RedisServer)
	w := s.worker(t, s.sum()).start(1)
	for i := range 3 {
		s.must(t, s.beside(t).ScriptFlush(t.Context()))
		w.must(w.counts("ATL", 2))
		s.must(t, s.beside(t).ScriptFlush(t.Context()))
		if got, want := w.read().Positions[at(0)].Offset, fencepost.Offset(i+1); got != want {
			t.Errorf("position after commit %d: %d", i, got)
		}
	}
	if got := s.sums(t)["ATL"]; got != "6" {
		t.Errorf("sum is %q, want 6", got)
	}
}

// FLUSHALL is an empty ledger of another identity; the running worker is refused, and writes nothing into it.
func TestFlushAllIsAnEmptyLedger(t *testing.T) {
	server := servers.OwnRedis(t)
	s := storeOn(t, server.RedisServer)
	w := s.worker(t, s.sum()).start(1)
	w.must(w.counts("ATL", 1))
	before := w.read().Ledger
	s.must(t, s.beside(t).FlushAll(t.Context()))
	b := w.counts("ATL", 1)
	if got := ledger.Relate(heldIn(t, w.commit(t.Context(), b), at(0)), b.Moves[0]); got != ledger.RelationForeign {
		t.Errorf("after FLUSHALL the worker stands %s, want foreign", got)
	}
	after := w.read()
	if !after.Empty() || after.ClusterID != "" {
		t.Errorf("after FLUSHALL the ledger holds %+v", after)
	}
	if after.Ledger == before {
		t.Error("the empty ledger has the identity of the one that is gone")
	}
	if got := s.sums(t); len(got) > 0 {
		t.Errorf("the refused batch wrote %v", got)
	}
}

// Cancelled while a frozen server owes the answer, a commit returns ErrUnknown at once; the lane recovers by itself, and
// the batch counts once.
func TestCancelledInFlight(t *testing.T) {
	server := servers.OwnRedis(t)
	s := storeOn(t, server.RedisServer)
	s.cfg.Timeout = time.Hour // only cancelling ends the wait
	w := s.worker(t, s.sum()).start(1)
	w.must(w.counts("ATL", 1))
	server.Freeze()
	sent := s.wire.awaitSend()
	ctx, cancel := context.WithCancel(t.Context())
	b := w.counts("ATL", 1)
	answer := make(chan error, 1)
	go func() { answer <- w.lane.Commit(ctx, w.as, b) }()
	<-sent
	cancel()
	select {
	case err := <-answer:
		if !errors.Is(err, ledger.ErrUnknown) {
			t.Errorf("got %v, want ErrUnknown", describe(err))
		}
	case <-time.After(2 * time.Minute):
		t.Error("a cancelled commit still waits for its answer")
	}
	server.Thaw()
	if t.Failed() {
		<-answer
		return
	}
	if err := w.commit(t.Context(), b); err != nil {
		if ledger.Relate(heldIn(t, err, at(0)), b.Moves[0]) != ledger.RelationDone {
			t.Fatal(err)
		}
	}
	if got := s.sums(t)["ATL"]; got != "2" {
		t.Errorf("sum is %q, want 2", got)
	}
}

// Memory that is full refuses the batch before its first write; once memory is freed, it goes in.
func TestFullMemory(t *testing.T) {
	server := servers.OwnRedis(t)
	s := storeOn(t, server.RedisServer)
	w := s.worker(t, s.sum()).start(1)
	w.must(w.counts("ATL", 1))
	c := s.beside(t)
	s.must(t, c.ConfigSet(t.Context(), "maxmemory", "1"))
	b := w.counts("ATL", 1, "ORD", 1<<62, "ORD", 1)
	wantFault(t, "commit into full memory", w.commit(t.Context(), b), "redis-full", true)
	wantFault(t, "start into full memory", w.sink.Ledger().Move(t.Context(), ledger.Actor{Group: "h"}, starts(1)), "redis-full", true)
	s.must(t, c.ConfigSet(t.Context(), "maxmemory", "0"))
	if got := s.sums(t); len(got) != 1 || got["ATL"] != "1" || w.read().Positions[at(0)] != w.held[at(0)] {
		t.Errorf("the refused batch left %v", got)
	}
	w.must(b)
	if got := s.sums(t); got["ATL"] != "2" || got["ORD"] != strconv.Itoa(1<<62+1) {
		t.Errorf("sums are %v", got)
	}
}

// A server that may drop the ledger is refused by every call, at its next connection at the latest.
func TestEvictionPolicies(t *testing.T) {
	for policy, refused := range map[string]bool{"noeviction": false, "volatile-lru": false, "volatile-lfu": false, "volatile-ttl": false,
		"volatile-random": false, "allkeys-lru": true, "allkeys-lfu": true, "allkeys-random": true} {
		t.Run(policy, func(t *testing.T) {
			s := storeOn(t, servers.OwnRedis(t, "maxmemory-policy "+policy).RedisServer)
			sink, err := s.open(ledger.KeepMerged, s.sum())
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			_, laneErr := sink.Lane(t.Context(), 0)
			_, readErr := sink.Ledger().Read(t.Context(), "g")
			moveErr := sink.Ledger().Move(t.Context(), ledger.Actor{Group: "g"}, starts(1))
			for what, err := range map[string]error{"lane": laneErr, "read": readErr, "move": moveErr} {
				if !refused {
					if err != nil {
						t.Errorf("%s: %v", what, err)
					}
					continue
				}
				wantFault(t, what, err, "redis-evicts", false)
				if f, ok := errors.AsType[*fencepost.UserError](err); ok && f.Exit != 4 {
					t.Errorf("%s: exit %d, want 4: refused for safety", what, f.Exit)
				}
			}
			if !refused {
				s.must(t, s.beside(t).ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru"))
				_, err := sink.Ledger().Read(t.Context(), "g")
				wantFault(t, "read after CONFIG SET", err, "redis-evicts", false)
				s.must(t, s.beside(t).ConfigSet(t.Context(), "maxmemory-policy", policy))
			}
			found := sink.Check(t.Context(), []fencepost.ColumnSpec{{Name: "key"}, {Name: "n"}})
			if last := found[len(found)-1]; last.OK == refused {
				t.Errorf("check says %+v", last)
			}
		})
	}
}
