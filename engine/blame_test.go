package engine

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/sink"
)

// TestS4DoubtIsBisectedAfterSomeTries: an error that may belong to a row is tried again as it is, then in smaller batches; the
// partition parks at the record that is refused alone, and the records in front of it are applied. What passes within the tries parks
// nothing.
func TestS4DoubtIsBisectedAfterSomeTries(t *testing.T) {
	for name, c := range map[string]struct {
		refusals int // of batches with the record
		rows     fencepost.Offset
		parked   int
	}{
		"of the record":    {1 << 30, 11, 1},
		"passes by itself": {triesOfDoubt - 1, 20, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 20)
				tries := 0
				s.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
					rows := memory.RowsOf(b)
					if rows[0].Offset <= 11 && rows[len(rows)-1].Offset >= 11 {
						if tries++; tries <= c.refusals {
							return &sink.Rejected{Code: "AB001", Reason: "no such customer", Blame: sink.PerhapsTheRows}
						}
					}
					tx.Append(rows...)
					return nil
				}
				wk := w.run(s, nil)
				synctest.Wait()
				wk.source.most = 100
				wk.source.assign(tp(0))
				time.Sleep(4 * time.Second)
				wantRows(t, s, tp(0), upTo(0, c.rows))
				parked := seen[Parked](wk)
				if len(parked) != c.parked || c.parked > 0 && (parked[0].Offset != 11 || !strings.Contains(parked[0].Reason, "no such customer (AB001)")) {
					t.Errorf("parked: %+v", parked)
				}
				before := len(seen[Retrying](wk))
				time.Sleep(time.Minute) // tests of the record
				if said := seen[Retrying](wk)[before:]; len(said) != 0 {
					t.Errorf("while the record is tested: %+v was told, want nothing", said)
				}
				if err := wk.end(); err != nil {
					t.Errorf("run: %v", err)
				}
			})
		})
	}
}

// TestS6LanesRememberWhatFits: batches that the store refused for their size are not tried at that size each time, and
// grow again slowly.
func TestS6LanesRememberWhatFits(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 2000)
		refused := 0
		s.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
			rows := memory.RowsOf(b)
			if len(rows) > 12 {
				refused++
				return &sink.Rejected{Code: "57014", Reason: "statement timeout", Blame: sink.TheSize}
			}
			tx.Append(rows...)
			return nil
		}
		wk := w.run(s, func(c *Config) { c.Batch.Records, c.Memory = 40, 1<<30 })
		synctest.Wait()
		wk.source.most = 2000
		wk.source.assign(tp(0))
		time.Sleep(time.Minute)
		wantRows(t, s, tp(0), upTo(0, 2000))
		if refused > 40 { // 50 batches of 40 alone would be 200
			t.Errorf("%d batches were refused for their size, want few", refused)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// TestS6LocksOfOthersParkNoRecord: a record that meets others' locks alone waits for them.
func TestS6LocksOfOthersParkNoRecord(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 4)
		var locked atomic.Bool
		locked.Store(true)
		s.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
			rows := memory.RowsOf(b)
			if locked.Load() && rows[len(rows)-1].Offset >= 2 {
				return &sink.Rejected{Code: "55P03", Reason: "lock timeout", Blame: sink.TheLocks}
			}
			tx.Append(rows...)
			return nil
		}
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		time.Sleep(time.Minute)
		wantRows(t, s, tp(0), upTo(0, 2))
		if parked := seen[Parked](wk); len(parked) != 0 {
			t.Errorf("parked: %+v, want none", parked)
		}
		locked.Store(false)
		time.Sleep(10 * time.Second)
		wantRows(t, s, tp(0), upTo(0, 4))
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// TestS14SlowCommits: a commit that takes long is reported after 5 s, and given up after CommitTimeout. What takes too long
// twice is halved, and a record that does alone parks, with what the commit was seen to wait for; others' locks park nothing.
func TestS14SlowCommits(t *testing.T) {
	for name, wait := range map[string]sink.Wait{
		"nothing known": {},
		"its own work":  {Text: "backend 7 is active"},
		"others' locks": {Text: "backend 7 waits for a lock that backend 8 holds", Locks: true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 8)
				s.Handle = func(ctx context.Context, tx *memory.Tx, b *fencepost.Batch) error {
					rows := memory.RowsOf(b)
					if rows[len(rows)-1].Offset >= 5 {
						<-ctx.Done()
						return ctx.Err()
					}
					tx.Append(rows...)
					return nil
				}
				wk := w.run(s, func(c *Config) { c.Sink = explained{c.Sink, wait} })
				synctest.Wait()
				wk.source.most = 100
				began := time.Now()
				wk.source.assign(tp(0))
				time.Sleep(6 * time.Second)
				said := seen[Slow](wk)
				if len(said) != 1 || said[0].Rows != 8 || said[0].For != 5*time.Second || said[0].Wait != wait {
					t.Fatalf("after %s: %+v, want it said once", time.Since(began), said)
				}
				time.Sleep(10 * time.Minute)
				wantRows(t, s, tp(0), upTo(0, 5))
				parked := seen[Parked](wk)
				switch {
				case wait.Locks && len(parked) != 0:
					t.Errorf("parked: %+v, want none for others' locks", parked)
				case !wait.Locks && (len(parked) != 1 || parked[0].Offset != 5 || !strings.Contains(parked[0].Reason, "no answer in 30s") || !strings.Contains(parked[0].Reason, wait.Text)):
					t.Errorf("parked: %+v, want once, at 5", parked)
				}
				if err := wk.end(); err != nil && !errors.Is(err, ErrCutShort) {
					t.Errorf("run: %v", err)
				}
			})
		})
	}
}

// TestAStoreThatStoodStill: a store that gives no answer for longer than two tries parks the record that came meanwhile, whatever on_error says of records
// that are too large; it goes in soon after the store goes on.
func TestAStoreThatStoodStill(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 1)
		stands := time.Now().Add(70 * time.Second)
		s.Handle = func(ctx context.Context, tx *memory.Tx, b *fencepost.Batch) error {
			if time.Now().Before(stands) {
				<-ctx.Done()
				return ctx.Err()
			}
			tx.Append(memory.RowsOf(b)...)
			return nil
		}
		wk := w.run(s, func(c *Config) { c.OnError = OnError{Undecodable: Skip, Refused: Skip, TooLarge: Skip} })
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		time.Sleep(70 * time.Second)
		if parked := seen[Parked](wk); len(parked) != 1 || parked[0].Offset != 0 {
			t.Errorf("parked: %+v, want once, at 0", parked)
		}
		time.Sleep(70 * time.Second)
		wantRows(t, s, tp(0), upTo(0, 1))
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// explained is a sink whose store says what its commits wait for.
type explained struct {
	sink.Sink
	wait sink.Wait
}

func (e explained) Lane(ctx context.Context, n int) (sink.Lane, error) {
	l, err := e.Sink.Lane(ctx, n)
	return explainedLane{l, e.wait}, err
}

type explainedLane struct {
	sink.Lane
	wait sink.Wait
}

func (l explainedLane) Explain(context.Context) (sink.Wait, error) { return l.wait, nil }

// TestS14DoneMeanwhile: a commit that was given up and ended all the same is found before its work is done again.
func TestS14DoneMeanwhile(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 4)
		tries := 0
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.most = 100
		s.SetHook(func(ctx context.Context, p memory.Point) error {
			if p == memory.AfterApply && tries == 0 && len(s.Rows()) > 0 {
				tries++
				<-ctx.Done()
				return ctx.Err()
			}
			if p == memory.BeforeApply && tries > 0 {
				t.Error("the work was done again")
			}
			return nil
		})
		wk.source.assign(tp(0))
		time.Sleep(time.Minute)
		wantRows(t, s, tp(0), upTo(0, 4))
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// TestS10AStartWaitsForAServerThatStarts: a server that answers that it is starting is waited for; any other error ends a start.
func TestS10AStartWaitsForAServerThatStarts(t *testing.T) {
	for name, c := range map[string]struct{ soon, waits bool }{"it starts": {true, true}, "it is away": {false, false}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 4)
				s.SetHook(func(_ context.Context, p memory.Point) error {
					return &fencepost.UserError{Code: "database-starting", Err: errors.New("starting up"), Passing: true, Soon: c.soon}
				})
				wk := w.run(s, nil)
				time.Sleep(time.Minute)
				s.SetHook(nil)
				time.Sleep(10 * time.Second)
				if said := seen[Retrying](wk); c.waits != (len(said) > 0) {
					t.Errorf("told %+v", said)
				}
				err := wk.end()
				if f := new(fencepost.UserError); c.waits != (err == nil) || err != nil && (!errors.As(err, &f) || f.Code != "database-starting") {
					t.Errorf("run: %v", err)
				}
			})
		})
	}
}

// TestS14ARunWithAnEndDoesNotWaitForEver: a store that takes no commit, and locks of others, are waited for as long as
// Config.Wait says.
func TestS14ARunWithAnEndDoesNotWaitForEver(t *testing.T) {
	for name, handle := range map[string]func(context.Context) error{
		"the store is away": func(context.Context) error {
			return &fencepost.UserError{Code: "database-silent", Err: errors.New("refused"), Passing: true}
		},
		"others hold a lock": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 4)
				s.Handle = func(ctx context.Context, _ *memory.Tx, _ *fencepost.Batch) error { return handle(ctx) }
				wk := w.run(s, func(c *Config) {
					c.Until, c.Wait, c.Drain = Until{End: true}, 4*time.Second, time.Second
					c.Sink = explained{c.Sink, sink.Wait{Text: "backend 7 waits", Locks: true}}
				})
				synctest.Wait()
				began := time.Now()
				wk.source.assign(tp(0))
				err := wk.ends()
				if f := new(fencepost.UserError); !errors.As(err, &f) || f.Code != "ends-not-reached" {
					t.Errorf("run: %v, want ends-not-reached", err)
				}
				if took := time.Since(began); took > 13*time.Second {
					t.Errorf("it ended after %s, want about 4 s, and 5 s until the lock is seen", took)
				}
			})
		})
	}
}

// TestS14TestsOfARecordLeaveTimeToOthers: a record that takes all the time of a commit is tested alone, and so seldom that the
// lane's other partitions go on.
func TestS14TestsOfARecordLeaveTimeToOthers(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 200)
		busy := time.Duration(0)
		s.Handle = func(ctx context.Context, tx *memory.Tx, b *fencepost.Batch) error {
			rows := memory.RowsOf(b)
			for _, r := range rows {
				if r.TopicPartition == tp(0) && r.Offset == 3 {
					began := time.Now()
					<-ctx.Done()
					busy += time.Since(began)
					return ctx.Err()
				}
			}
			tx.Append(rows...)
			return nil
		}
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0), tp(1))
		time.Sleep(15 * time.Minute) // until it is found
		if parked := seen[Parked](wk); len(parked) != 1 || parked[0].Offset != 3 {
			t.Fatalf("parked: %+v, want once, at 3", parked)
		}
		before := busy
		for range 60 {
			w.produce(tp(1), 1)
			time.Sleep(time.Minute)
		}
		if spent := busy - before; spent > 10*time.Minute {
			t.Errorf("of an hour the tests took %s, want a tenth", spent)
		}
		wantRows(t, s, tp(1), upTo(0, 60))
		if err := wk.end(); err != nil && !errors.Is(err, ErrCutShort) {
			t.Errorf("run: %v", err)
		}
	})
}
