package atleastonce_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/atleastonce"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

var as = ledger.Actor{Group: "g", ClusterID: "c", Who: "test"}

func tp(p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: "t", Partition: p}
}

// world is a ledger in memory, and effects elsewhere: what a function noted of each batch.
type world struct {
	t       *testing.T
	ledger  *memory.Store
	effects []string // partition@offset, in order
	fail    error    // of the next effect
	reads   int
}

// begin starts partitions 0 to n-1 at offset 0, each with the fence 1.
func begin(t *testing.T, n int32) *world {
	t.Helper()
	w := &world{t: t, ledger: memory.Open()}
	var moves []ledger.Move
	for p := range n {
		moves = append(moves, ledger.Move{TopicPartition: tp(p), Next: at(0), Cause: ledger.CauseStart, Partitions: n})
	}
	if err := w.ledger.Move(t.Context(), as, moves); err != nil {
		t.Fatal(err)
	}
	w.ledger.SetHook(func(_ context.Context, p memory.Point) error {
		if p == memory.Reading {
			w.reads++
		}
		return nil
	})
	return w
}

func at(o fencepost.Offset) ledger.Position {
	return ledger.Position{Offset: o, LeaderEpoch: fencepost.NoEpoch, Fence: 1}
}

// lane is a new worker's.
func (w *world) lane() sink.Lane {
	w.t.Helper()
	l, err := atleastonce.Func(w.ledger, w.apply).Lane(w.t.Context(), 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (w *world) apply(_ context.Context, b *fencepost.Batch) error {
	if err := w.fail; err != nil {
		w.fail = nil
		return err
	}
	for row, p := range b.All() {
		w.effects = append(w.effects, fmt.Sprintf("%d@%d", p.Partition, b.Offsets[row]))
	}
	return nil
}

// batch is ranges: partition, from, until.
func batch(ranges ...[3]int) sink.Commit {
	var spans []sinktest.Span
	for _, r := range ranges {
		spans = append(spans, sinktest.Span{TopicPartition: tp(int32(r[0])), Held: at(fencepost.Offset(r[1])), Until: fencepost.Offset(r[2])})
	}
	return sinktest.Commit(spans...)
}

func (w *world) want(effects ...string) {
	w.t.Helper()
	if diff := cmp.Diff(effects, w.effects); diff != "" {
		w.t.Errorf("effects (-want +got):\n%s", diff)
	}
}

func (w *world) stands(p int32, want fencepost.Offset) {
	w.t.Helper()
	snap, err := w.ledger.Read(w.t.Context(), as.Group)
	if err != nil {
		w.t.Fatal(err)
	}
	if got := snap.Positions[tp(p)].Offset; got != want {
		w.t.Errorf("the ledger holds %d of partition %d, want %d", got, p, want)
	}
}

func commit(t *testing.T, l sink.Lane, b sink.Commit) {
	t.Helper()
	if err := l.Commit(t.Context(), as, b); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

// An answer that was lost, before or after the ledger applied the moves, and a ledger that is down cost no second effect.
func TestTriesOfOneBatchAreOneEffect(t *testing.T) {
	for name, fault := range map[string]memory.Fault{"lost before": memory.LostBefore, "lost after": memory.LostAfter, "down": memory.Down} {
		t.Run(name, func(t *testing.T) {
			w := begin(t, 2)
			l, b := w.lane(), batch([3]int{0, 0, 2}, [3]int{1, 0, 1})
			w.ledger.Inject(fault, memory.Down)
			for range 2 {
				if err := l.Commit(t.Context(), as, b); err == nil {
					t.Fatal("commit: got no error from a ledger that fails")
				}
			}
			err := l.Commit(t.Context(), as, b)
			if refused, ok := errors.AsType[*ledger.Refused](err); fault == memory.LostAfter {
				if !ok || ledger.Relate(refused.Held[tp(0)], b.Moves[0]) != ledger.RelationDone {
					t.Errorf("commit after a lost success: got %v, want refused as done", err)
				}
			} else if err != nil {
				t.Errorf("third try: %v", err)
			}
			w.want("0@0", "0@1", "1@0")
			w.stands(0, 2)
			w.stands(1, 1)
		})
	}
}

// The engine cuts refused segments out and tries the rest, and halves: the part that is applied is not applied again.
func TestWhatIsLeftOfABatchIsNotAppliedAgain(t *testing.T) {
	w := begin(t, 3)
	l := w.lane()
	w.ledger.Inject(memory.LostBefore)
	if err := l.Commit(t.Context(), as, batch([3]int{0, 0, 2}, [3]int{1, 0, 1}, [3]int{2, 0, 4})); !errors.Is(err, ledger.ErrUnknown) {
		t.Fatalf("got %v, want unknown", err)
	}
	commit(t, l, batch([3]int{0, 0, 2}, [3]int{2, 0, 2}))
	commit(t, l, batch([3]int{2, 2, 4}))
	commit(t, l, batch([3]int{0, 2, 3}))
	w.want("0@0", "0@1", "1@0", "2@0", "2@1", "2@2", "2@3", "0@2")
	w.stands(1, 0)
	w.stands(2, 4)
}

// A worker that is killed between effect and move repeats exactly that batch, and no record is lost.
func TestKilledBetweenEffectAndMove(t *testing.T) {
	w := begin(t, 1)
	l := w.lane()
	commit(t, l, batch([3]int{0, 0, 2}))
	w.ledger.Inject(memory.LostBefore)
	if err := l.Commit(t.Context(), as, batch([3]int{0, 2, 4})); !errors.Is(err, ledger.ErrUnknown) {
		t.Fatalf("got %v, want unknown", err)
	}
	heir := w.lane()
	commit(t, heir, batch([3]int{0, 2, 4}))
	commit(t, heir, batch([3]int{0, 4, 5}))
	w.want("0@0", "0@1", "0@2", "0@3", "0@2", "0@3", "0@4")
	w.stands(0, 5)
}

// A batch that is over is forgotten: when store and ledger were taken back, the same range is applied again.
func TestForgottenBatchIsAppliedAgain(t *testing.T) {
	w := begin(t, 1)
	l := w.lane()
	w.ledger.Inject(memory.LostBefore)
	if err := l.Commit(t.Context(), as, batch([3]int{0, 0, 2})); !errors.Is(err, ledger.ErrUnknown) {
		t.Fatalf("got %v, want unknown", err)
	}
	w.effects = nil // restored, with the ledger, to before the batch
	l.(sink.Forgetter).Forget()
	commit(t, l, batch([3]int{0, 0, 2}))
	w.want("0@0", "0@1")
}

// Another range of the partition is another batch, whether Forget was called or not.
func TestOtherRangeIsApplied(t *testing.T) {
	w := begin(t, 1)
	l := w.lane()
	w.ledger.Inject(memory.LostBefore)
	if err := l.Commit(t.Context(), as, batch([3]int{0, 0, 2})); !errors.Is(err, ledger.ErrUnknown) {
		t.Fatalf("got %v, want unknown", err)
	}
	commit(t, l, batch([3]int{0, 0, 3}))
	w.want("0@0", "0@1", "0@0", "0@1", "0@2")
}

// A worker that was stopped asks before it applies: the one that replaced it has done the batch. Under load nothing is asked.
func TestAsksAfterASilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, 1)
		old, heir := w.lane(), w.lane()
		for i := range 50 {
			commit(t, old, batch([3]int{0, 2 * i, 2 * (i + 1)}))
			time.Sleep(100 * time.Millisecond)
		}
		if w.reads != 1 {
			t.Errorf("50 commits in 5 s read the ledger %d times, want once", w.reads)
		}
		time.Sleep(2 * time.Second)
		commit(t, heir, batch([3]int{0, 100, 110}))
		n := len(w.effects)
		err := old.Commit(t.Context(), as, batch([3]int{0, 100, 102}))
		if refused, ok := errors.AsType[*ledger.Refused](err); !ok || refused.Held[tp(0)].Offset != 110 {
			t.Errorf("the stopped worker's commit: got %v, want refused at 110", err)
		}
		if len(w.effects) != n {
			t.Errorf("the stopped worker applied %v", w.effects[n:])
		}
	})
}

// After an error of the ledger the next effect is asked for first: what the lane holds may have changed hands.
func TestAsksAfterAnError(t *testing.T) {
	w := begin(t, 2)
	l := w.lane()
	commit(t, l, batch([3]int{0, 0, 2}))
	w.ledger.Inject(memory.Down)
	if err := l.Commit(t.Context(), as, batch([3]int{0, 2, 4})); err == nil {
		t.Fatal("got no error from a ledger that is down")
	}
	before := w.reads
	commit(t, l, batch([3]int{0, 2, 4}))
	if w.reads != before {
		t.Error("the second try of a batch whose effect stands read the ledger")
	}
	w.ledger.Inject(memory.Down)
	if err := l.Commit(t.Context(), as, batch([3]int{0, 4, 6})); err == nil {
		t.Fatal("got no error from a ledger that is down")
	}
	l.(sink.Forgetter).Forget()
	commit(t, l, batch([3]int{1, 0, 1}))
	if w.reads != before+1 {
		t.Errorf("behind an error the ledger was read %d times before the next effect, want once", w.reads-before)
	}
}

// Nothing is applied for another cluster's offsets, into a newer ledger, or while the ledger does not answer.
func TestAppliesNothingThatTheLedgerRefuses(t *testing.T) {
	w := begin(t, 1)
	other := as
	other.ClusterID = "another"
	if err := w.lane().Commit(t.Context(), other, batch([3]int{0, 0, 2})); !errors.Is(err, ledger.ErrOtherCluster) {
		t.Errorf("another cluster: got %v", err)
	}
	w.ledger.SetHook(func(context.Context, memory.Point) error { return errors.New("down") })
	if err := w.lane().Commit(t.Context(), as, batch([3]int{0, 0, 2})); err == nil {
		t.Error("a ledger that does not answer: got no error")
	}
	w.ledger.SetHook(nil)
	w.ledger.MakeNewer()
	if err := w.lane().Commit(t.Context(), as, batch([3]int{0, 0, 2})); !errors.Is(err, ledger.ErrNewer) {
		t.Errorf("a newer ledger: got %v", err)
	}
	w.want()
}

// What the function's errors say to the engine.
func TestErrorsOfTheFunction(t *testing.T) {
	w := begin(t, 1)
	l := w.lane()
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("row: %w", &sink.Rejected{Reason: "negative"}), "rejected"},
		{&fencepost.UserError{Code: "a-code", Err: errors.New("no")}, "fault a-code"},
		{&ledger.Refused{}, "plain"},
		{&fencepost.UserError{Code: "b-code", Passing: true, Err: &ledger.Refused{}}, "fault b-code"},
		{fmt.Errorf("other: %w", ledger.ErrNewer), "plain"},
	} {
		w.fail = c.err
		err := l.Commit(t.Context(), as, batch([3]int{0, 0, 2}))
		got := "plain"
		if _, ok := errors.AsType[*sink.Rejected](err); ok {
			got = "rejected"
		}
		if f, ok := errors.AsType[*fencepost.UserError](err); ok {
			got = "fault " + f.Code
		}
		if _, ok := errors.AsType[*ledger.Refused](err); ok || errors.Is(err, ledger.ErrNewer) {
			got = "decides"
		}
		if err == nil || got != c.want {
			t.Errorf("function failed with %v: commit says %v, which is %s; want %s", c.err, err, got, c.want)
		}
	}
	w.want()
	w.stands(0, 0)
}

// A batch of markers has no effect and moves; an empty one does nothing.
func TestBatchWithoutRows(t *testing.T) {
	w := begin(t, 1)
	l := w.lane()
	commit(t, l, sinktest.Commit(sinktest.Span{TopicPartition: tp(0), Held: at(0), Until: 3, Rows: []fencepost.Offset{}}))
	commit(t, l, sink.Commit{Batch: &fencepost.Batch{}})
	w.want()
	w.stands(0, 3)
}

// provenant is a sink that reports the records of its rows.
type provenant struct{ *memory.Store }

func (provenant) Applied(context.Context) iter.Seq2[sink.Applied, error] {
	return func(yield func(sink.Applied, error) bool) { yield(sink.Applied{Rows: 7}, nil) }
}

// What the other sink can besides, it can here too; what it cannot, it cannot.
func TestAbilitiesOfAnother(t *testing.T) {
	p, ok := sink.As[sink.Provenance](atleastonce.Sink(memory.Open(), provenant{memory.Open()}))
	if !ok {
		t.Fatal("the other sink's provenance is not found")
	}
	for a, err := range p.Applied(t.Context()) {
		if a.Rows != 7 || err != nil {
			t.Errorf("got %+v, %v", a, err)
		}
	}
	if p, ok := sink.As[sink.Provenance](atleastonce.Sink(memory.Open(), memory.Open())); ok {
		t.Errorf("a sink without provenance has %T", p)
	}
}

// Sink applies by another sink's lanes, and leaves that one's own ledger alone.
func TestSinkOfAnother(t *testing.T) {
	kept, other := begin(t, 1).ledger, &appliers{Store: memory.Open()}
	s := atleastonce.Sink(kept, other)
	if s.Ledger() != ledger.Ledger(kept) || s.Capabilities().Name != "memory" {
		t.Errorf("ledger %v and name %q are not those that were given", s.Ledger(), s.Capabilities().Name)
	}
	l, err := s.Lane(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, l, batch([3]int{0, 0, 2}))
	if got := other.applied; got != 2 {
		t.Errorf("rows applied: %d, want 2", got)
	}
	if snap, err := other.Read(t.Context(), as.Group); err != nil || !snap.Empty() {
		t.Errorf("the other sink's ledger: %+v, %v; want nothing in it", snap, err)
	}
	_, err = atleastonce.Sink(kept, memory.Open()).Lane(t.Context(), 0)
	if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Code != "sink-needs-own-ledger" {
		t.Errorf("a sink without Apply: got %v", err)
	}
}

// appliers is a sink whose lanes count rows.
type appliers struct {
	*memory.Store
	applied int
}

type applier struct {
	sink.Lane
	s *appliers
}

func (s *appliers) Lane(ctx context.Context, n int) (sink.Lane, error) {
	l, err := s.Store.Lane(ctx, n)
	return &applier{l, s}, err
}

func (a *applier) Apply(_ context.Context, b *fencepost.Batch) error {
	a.s.applied += b.Rows()
	return nil
}

// Check passes what the other sink found, apart from its own ledger.
func TestCheckLeavesOutTheOtherLedger(t *testing.T) {
	c := atleastonce.Sink(memory.Open(), checked{memory.Open()}).(fencepost.Checker)
	got := slices.Collect(func(yield func(string) bool) {
		for _, f := range c.Check(t.Context(), nil) {
			yield(f.Subject)
		}
	})
	if diff := cmp.Diff([]string{"database", "trial"}, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

type checked struct{ *memory.Store }

func (checked) Check(context.Context, []fencepost.ColumnSpec) []fencepost.Finding {
	return []fencepost.Finding{{Subject: "database", OK: true}, {Subject: "ledger", OK: true}, {Subject: "trial", OK: true}}
}
