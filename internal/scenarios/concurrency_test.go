//go:build realservers

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// through gives a worker a sink whose commits pass a function of the test's.
func (s *scene) through(f commitFunc) func(*setup) {
	return func(set *setup) { set.engine.Sink = hooked{s.store.sink(s.t, "seen", ""), f} }
}

// blind is a lane without the fence: it takes whatever the ledger holds for what the batch expects, as a ledger does
// that is written without a compare-and-set.
func (s *scene) blind(ctx context.Context, l sink.Lane, w ledger.Actor, b sink.Commit) error {
	snap, err := s.store.ledger().Read(ctx, w.Group)
	if err != nil {
		return err
	}
	for i := range b.Segments {
		m := &b.Moves[i]
		next := m.Next.Offset
		m.Held = snap.Positions[m.TopicPartition]
		m.Next = m.Held
		m.Next.Offset = max(next, m.Held.Offset)
	}
	return l.Commit(ctx, w, b)
}

// chained runs commit functions one inside the other: the first decides when the second runs.
func chained(outer *gate, inner commitFunc) commitFunc {
	return func(ctx context.Context, l sink.Lane, w ledger.Actor, b sink.Commit) error {
		return outer.commit(ctx, hookedLane{l, inner}, w, b)
	}
}

// overlap has worker 1 commit [2,5) while worker 2 holds [2,10), and returns the rows at the end.
func overlap(t *testing.T, fenced bool) (rows []int64, second *worker, s *scene) {
	s = newScene(t, servers.Kafka(t), newPostgresStore(t, seenDDL))
	name := s.topic(1)
	tp := at(name, 0)
	s.fill(tp, 2)
	s.toEnd([]string{name}, nil)
	commit := s.blind
	if fenced {
		commit = func(ctx context.Context, l sink.Lane, w ledger.Actor, b sink.Commit) error {
			return l.Commit(ctx, w, b)
		}
	}
	one, two := newGate(), newGate()
	one.shut()
	two.shut()
	start := func(g *gate) *worker {
		return s.run(nil, func(set *setup) {
			explicit(tp)(set)
			s.through(chained(g, commit))(set)
			set.engine.Watch, set.kafka.Watch = time.Hour, time.Hour // only a commit shows it the other
		})
	}
	s.fill(tp, 3)
	start(one)
	one.catch(t, "0[2 .. 5)")
	s.fill(tp, 5)
	second = start(two)
	two.catch(t, "0[2 .. 10)")
	one.once()
	s.reached(tp, 5)
	two.release()
	s.reached(tp, 10)
	one.release()
	return s.offsets(tp), second, s
}

// Worker 1 commits [2,5) while worker 2 holds [2,10): worker 2 is refused whole, and goes on at 5.
func TestC3OverlapIsRefused(t *testing.T) {
	t.Parallel()
	rows, second, _ := overlap(t, true)
	if got, want := fmt.Sprint(rows), fmt.Sprint(span(0, 10)); got != want {
		t.Errorf("applied %s, want %s", got, want)
	}
	if list := heard[engine.Refused](second); len(list) != 1 || list[0].Relation != ledger.RelationAhead {
		t.Errorf("worker 2 was refused as %+v, want once, as the late one", list)
	}
}

// The same without the fence doubles: the test above tests something.
func TestC3ControlWithoutTheFenceDoubles(t *testing.T) {
	t.Parallel()
	rows, _, _ := overlap(t, false)
	seen := map[int64]int{}
	for _, r := range rows {
		seen[r]++
	}
	if seen[2] < 2 || seen[3] < 2 || seen[4] < 2 {
		t.Errorf("applied %v: without a fence 2, 3 and 4 should stand twice", rows)
	}
}

// Two workers want the same partition from its start: each record is there once, and both go on.
func TestC4TwoWorkersSameRange(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *scene) {
		name := s.topic(1)
		tp := at(name, 0)
		start := func() *worker {
			return s.run(nil, func(set *setup) {
				explicit(tp)(set)
				set.engine.Batch.Records = 10
			})
		}
		one, two := start(), start()
		for range 20 {
			s.fill(tp, 50)
		}
		s.reached(tp, 1000)
		one.end()
		s.fill(tp, 10)
		s.reached(tp, 1010)
		two.end()
		rows := s.offsets(tp) // of two sessions, whose rows lie wherever there was space
		slices.Sort(rows)
		if !slices.Equal(rows, span(0, 1010)) {
			t.Errorf("applied %v, want 0 to 1009 once each", rows)
		}
		if len(heard[engine.Refused](one))+len(heard[engine.Refused](two)) == 0 {
			t.Error("nobody was ever refused: they did not meet")
		}
	})
}

// A ledger of {0:0, 1:7} and a commit for partition 0 make {0:3, 1:7}; the row of partition 1 is not even written.
func TestC5OtherEntriesStayUntouched(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(2)
	s.fill(at(name, 1), 7)
	s.toEnd([]string{name}, nil)
	version := fmt.Sprintf("select xmin::text::bigint from fencepost_ledger where topic = '%s' and partition = 1", name)
	was := s.store.number(t, version)
	s.fill(at(name, 0), 3)
	s.toEnd([]string{name}, nil)
	if a, b := s.position(at(name, 0)).Offset, s.position(at(name, 1)).Offset; a != 3 || b != 7 {
		t.Errorf("the ledger is {0:%d, 1:%d}, want {0:3, 1:7}", a, b)
	}
	if now := s.store.number(t, version); now != was {
		t.Errorf("the row of partition 1 was written by transaction %d, and was of %d", now, was)
	}
}

// One bad partition in a batch of four: nothing of the batch is applied, and then the other three are.
func TestC5OneBadPartitionInABatchOfMany(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *scene) {
		name := s.topic(4)
		for p := range int32(4) {
			s.fill(at(name, p), 5)
		}
		s.toEnd([]string{name}, nil)
		g := newGate()
		g.shut()
		after := make(chan int64, 1) // rows, when the batch was refused
		wk := s.run([]string{name}, func(set *setup) {
			set.engine.Batch = engine.BatchBounds{MinRows: 8, MaxWait: 3 * time.Second}
			s.through(chained(g, func(ctx context.Context, l sink.Lane, w ledger.Actor, b sink.Commit) error {
				err := l.Commit(ctx, w, b)
				if r, ok := errors.AsType[*ledger.Refused](err); ok && len(r.Held) == 1 && len(b.Segments) == 4 {
					after <- s.store.number(t, "select count(*) from seen")
				}
				return err
			}))(set)
		})
		for p := range int32(4) {
			s.fill(at(name, p), 2)
		}
		g.catch(t, "0[5 .. 7) 1[5 .. 7) 2[5 .. 7) 3[5 .. 7)")
		s.move(at(name, 2), ledger.CauseRewind, 3)
		g.release()
		if n := <-after; n != 20 {
			t.Errorf("%d rows stand after the refusal, want the 20 of before", n)
		}
		s.reached(at(name, 2), 7)
		wk.end()
		for _, p := range []int32{0, 1, 3} {
			s.wantRows(at(name, p), span(0, 7)...)
		}
		s.wantRows(at(name, 2), 0, 1, 2, 3, 4, 3, 4, 5, 6)
	})
}

// A rewind of a running pipeline: what is in flight is refused, and it goes on from there.
func TestC11RewindOfARunningPipeline(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *scene) {
		name := s.topic(1)
		tp := at(name, 0)
		g := newGate()
		wk := s.run([]string{name}, s.through(g.commit))
		s.fill(tp, 10)
		s.reached(tp, 10)
		g.shut()
		s.fill(tp, 5)
		g.catch(t, "0[10 .. 15)")
		s.move(tp, ledger.CauseRewind, 4)
		g.release()
		if r := wk.refused(tp); r.Relation != ledger.RelationMoved || r.Held.Offset != 4 {
			t.Errorf("refused as %s with the ledger at %d, want moved, at 4", r.Relation, r.Held.Offset)
		}
		s.reached(tp, 15)
		wk.end()
		s.wantRows(tp, append(span(0, 10), span(4, 15)...)...)
	})
}

// A rewind of an idle one is noticed within the watch interval.
func TestC11RewindOfAnIdlePipeline(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *scene) {
		name := s.topic(1)
		tp := at(name, 0)
		wk := s.run([]string{name}, nil)
		s.fill(tp, 10)
		s.reached(tp, 10)
		s.move(tp, ledger.CauseRewind, 7)
		s.eventuallyRows(tp, append(span(0, 10), 7, 8, 9)...)
		s.reached(tp, 10)
		wk.end()
	})
}

// A parked one too: back, where it meets the bad record again, and then past it.
func TestC11RewindOfAParkedPipeline(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *scene) {
		name := s.topic(1)
		tp := at(name, 0)
		s.produce(tp, "a", "b", "c", "not \xff text", "d")
		wk := s.run([]string{name}, nil)
		if p := wk.parked(tp, "record-undecodable"); p.Offset != 3 {
			t.Fatalf("parked at %d, want 3", p.Offset)
		}
		s.reached(tp, 3)
		s.move(tp, ledger.CauseRewind, 1)
		s.eventuallyRows(tp, 0, 1, 2, 1, 2)
		s.reached(tp, 3)
		s.move(tp, ledger.CauseSkip, 4)
		s.eventuallyRows(tp, 0, 1, 2, 1, 2, 4)
		s.reached(tp, 5)
		wk.end()
		s.wantMoves("start 0 absent>0 0", "rewind 0 3>1 0", "skip 0 3>4 0")
	})
}

// zombies is how a worker that was left behind commits: with the fence, and as a ledger would take it that compares
// offsets alone.
func zombies(t *testing.T, test func(t *testing.T, fenced bool)) {
	for _, fenced := range []bool{true, false} {
		t.Run(map[bool]string{true: "fenced", false: "control with Offset alone"}[fenced], func(t *testing.T) {
			t.Parallel()
			test(t, fenced)
		})
	}
}

// left starts a worker that gets its first batch of a partition into its hand, and is left behind there.
func (s *scene) left(tp fencepost.TopicPartition, records int, fenced bool) (*worker, *gate) {
	g := newGate()
	g.shut()
	commit := func(ctx context.Context, l sink.Lane, w ledger.Actor, b sink.Commit) error {
		return l.Commit(ctx, w, b)
	}
	if !fenced {
		commit = s.offsetAlone
	}
	return s.run(nil, func(set *setup) {
		explicit(tp)(set)
		s.through(chained(g, commit))(set)
		set.engine.Batch.Records = records
		set.engine.Watch, set.kafka.Watch = time.Hour, time.Hour // it learns of nothing
	}), g
}

// offsetAlone commits wherever the ledger holds the batch's Offset, whatever its Fence.
func (s *scene) offsetAlone(ctx context.Context, l sink.Lane, w ledger.Actor, b sink.Commit) error {
	snap, err := s.store.ledger().Read(ctx, w.Group)
	if err != nil {
		return err
	}
	for i := range b.Segments {
		m := &b.Moves[i]
		held := snap.Positions[m.TopicPartition]
		m.Held.Fence, m.Next.Fence = held.Fence, held.Fence
		m.Held.TopicID, m.Next.TopicID = held.TopicID, held.TopicID
	}
	return l.Commit(ctx, w, b)
}

// wantZombie releases the left-behind worker and checks that its batch is refused, or without the fence gets in.
func (s *scene) wantZombie(wk *worker, g *gate, tp fencepost.TopicPartition, fenced bool, value string) {
	s.t.Helper()
	g.release()
	if fenced {
		if r := wk.refused(tp); r.Relation != ledger.RelationMoved {
			s.t.Errorf("refused as %s, want moved", r.Relation)
		}
	} else {
		await(wk, "the zombie commits", func(engine.Committed) bool { return true })
	}
	if got := strings.Contains(strings.Join(s.values(tp), " "), value); got == fenced {
		s.t.Errorf("the zombie's rows stand: %t; want %t. Rows: %v", got, !fenced, s.values(tp))
	}
}

// C12 and L15: a worker holds [0,1) of a topic; the topic is made again, and its position moves to 0 of the new one;
// then the worker commits. Its records are of the old topic, and are refused.
func TestC12ZombieOfARecreatedTopic(t *testing.T) {
	zombies(t, func(t *testing.T, fenced bool) {
		s := newScene(t, servers.Kafka(t), newPostgresStore(t, seenDDL))
		name := s.topic(1)
		tp := at(name, 0)
		s.produce(tp, "old")
		wk, g := s.left(tp, 1, fenced)
		g.catch(t, "0[0 .. 1)")
		s.recreate(name, 1)
		s.toEnd(nil, func(set *setup) { explicit(tp)(set); everywhere(set) }) // 0 of the new topic, which is empty
		s.wantMoves("start 0 absent>0 0", "start 0 0>0 -1")
		s.wantZombie(wk, g, tp, fenced, "old")
	})
}

// The same where the log lost its tail: the heir had committed, the log was truncated, and the position went back to
// the zombie's.
func TestC12ZombieOfATruncatedLog(t *testing.T) {
	zombies(t, func(t *testing.T, fenced bool) {
		broker := servers.OwnKafka(t)
		s := newScene(t, broker.Broker, newPostgresStore(t, seenDDL))
		name := s.topic(1)
		tp := at(name, 0)
		s.produce(tp, "zombie's", "x", "x")
		wk, g := s.left(tp, 1, fenced)
		g.catch(t, "0[0 .. 1)")
		s.toEnd(nil, explicit(tp))
		s.store.exec(t, "delete from seen") // what the heir applied; the rows from here on are what is looked at
		broker.Kill()
		if err := os.Truncate(filepath.Join(broker.DataDir, name+"-0", "00000000000000000000.log"), 0); err != nil {
			t.Fatal(err)
		}
		broker.Start()
		s.wantLog(tp, 0, 0)
		heir := s.run(nil, func(set *setup) {
			explicit(tp)(set)
			set.engine.Policy.Truncated = ledger.Divergence
		})
		heir.settled(tp, ledger.Truncated)
		heir.end()
		s.wantMoves("start 0 absent>0 0", "rewind 0 3>0 0")
		s.wantZombie(wk, g, tp, fenced, "zombie's")
	})
}

// Records of the old incarnation that are in a worker's hand when the topic is made again are never committed under
// the new one's ID, by the very worker that reconciles it: it drops them.
func TestL15SegmentOfTheOldIncarnation(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	tp := at(name, 0)
	g := newGate()
	g.shut()
	s.produce(tp, "old", "old", "old")
	wk := s.run([]string{name}, func(set *setup) {
		everywhere(set)
		s.through(g.commit)(set)
		set.engine.Rebalance = 2 * time.Second // how long it waits for the batch in hand: half of it
		set.engine.Batch.Records = 2
	})
	g.catch(t, "0[0 .. 2)")
	s.recreate(name, 1)
	s.produce(tp, "new", "new")
	g.catch(t, "0[0 .. 2)") // of the new one: the old batch was dropped
	g.release()
	s.reached(tp, 2)
	wk.end()
	if got, want := strings.Join(s.values(tp), " "), "new new"; got != want {
		t.Errorf("applied %s, want %s", got, want)
	}
}
