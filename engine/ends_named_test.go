package engine

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/source"
)

// answering is a cluster whose answers about bounds a test alters.
type answering struct {
	*feed
	alter func([]fencepost.OffsetQuery, map[fencepost.TopicPartition]fencepost.LogOffsets)
}

func (a *answering) Cluster() source.Cluster { return &altered{a.feed.w, a} }

type altered struct {
	*world
	by *answering
}

func (c *altered) LogOffsets(ctx context.Context, asks []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets {
	out := c.world.LogOffsets(ctx, asks)
	c.by.alter(asks, out)
	return out
}

// A run until a time ends at the first record of that time or later; where there is none, or where a transaction is open
// in front of it, at the end that a reader of committed records has.
func TestUntilATime(t *testing.T) {
	at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct{ atTime, stable, want fencepost.Offset }{
		"in the log":                 {6, -1, 6},
		"at its first record":        {0, -1, 0},
		"later than all":             {-1, -1, 10},
		"behind an open transaction": {8, 7, 7},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 10)
				w.change(tp(0), func(l *fakeLog) { l.stable = tt.stable })
				wk := w.run(s, func(c *Config) {
					c.Until.Time = at
					c.Source = &answering{c.Source.(*feed), func(asks []fencepost.OffsetQuery, out map[fencepost.TopicPartition]fencepost.LogOffsets) {
						for _, a := range asks {
							if b := out[a.TopicPartition]; a.Time.Equal(at) {
								b.AtTime = tt.atTime
								out[a.TopicPartition] = b
							}
						}
					}}
				})
				synctest.Wait()
				wk.source.assign(tp(0))
				if err := wk.ends(); err != nil {
					t.Errorf("run until a time: %v", err)
				}
				if got := position(t, s, tp(0)).Offset; got != tt.want {
					t.Errorf("the position is %d, want %d", got, tt.want)
				}
			})
		})
	}
}

// A partition that an answer leaves out has no end yet: it is asked for again, and named where no answer comes.
func TestUntilEndAsksForWhatAnAnswerLeavesOut(t *testing.T) {
	leaveOut := func(c *Config, until time.Time) {
		c.Until.End = true
		c.Source = &answering{c.Source.(*feed), func(_ []fencepost.OffsetQuery, out map[fencepost.TopicPartition]fencepost.LogOffsets) {
			if time.Now().Before(until) {
				delete(out, tp(1))
			}
		}}
	}
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		w.produce(tp(1), 10)
		wk := w.run(s, func(c *Config) { leaveOut(c, time.Now().Add(10*time.Second)) })
		time.Sleep(11 * time.Second)
		wk.source.assign(tp(0))
		time.Sleep(time.Minute)
		if wk.over() {
			t.Fatalf("the run ended with %v, and t:1 stands at 0 of 10", wk.ends())
		}
		wk.source.assign(tp(1))
		if err := wk.ends(); err != nil {
			t.Errorf("run until end: %v", err)
		}
		wantRows(t, s, tp(1), upTo(0, 10))
	})
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		wk := w.run(s, func(c *Config) { leaveOut(c, time.Now().Add(time.Hour)) })
		err := wk.ends()
		wantFault(t, err, "ends-unknown", 1)
		if err == nil || !strings.Contains(err.Error(), "t:1 has no end") {
			t.Errorf("the run ended with %v, want t:1 named", err)
		}
	})
}

// A topic or partition without an answer is named, with the reason.
func TestUntilEndNamesWhatHasNoEnd(t *testing.T) {
	for want, silence := range map[string]func(*world){
		"topic t has no end that the brokers would tell": func(w *world) { w.hide("t", true) },
		"t:0 has no end that the brokers would tell":     func(w *world) { w.silence(tp(0), true) },
	} {
		inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
			w.produce(tp(0), 10)
			silence(w)
			err := w.run(s, func(c *Config) { c.Until.End = true }).ends()
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("the run ended with %v, want: %s", err, want)
			}
		})
	}
}

// L2, with an end, in a reader of its own: the first answer's end is an old one, and the run goes up to the second one's.
func TestUntilEndTakesTheSecondAnswersEnd(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		first := w.run(s, nil)
		synctest.Wait()
		first.source.assign(tp(0))
		time.Sleep(time.Second)
		if err := first.end(); err != nil {
			t.Fatal(err)
		}
		w.produce(tp(0), 10)
		wk := w.run(s, func(c *Config) {
			c.Until.End = true
			c.Source = &laggard{feed: c.Source.(*feed)}
		})
		synctest.Wait()
		if !wk.over() {
			wk.source.assign(tp(0))
		}
		if err := wk.ends(); err != nil {
			t.Errorf("run until end: %v", err)
		}
		wantRows(t, s, tp(0), upTo(0, 20))
	})
}

// Resume goes on where the ledger knows the group.
func TestResumeGoesOn(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		for n := range 2 {
			w.produce(tp(0), 5)
			wk := w.run(s, func(c *Config) { c.Resume, c.Until.End = n > 0, true })
			synctest.Wait()
			if !wk.over() {
				wk.source.assign(tp(0))
			}
			if err := wk.ends(); err != nil {
				t.Errorf("run %d: %v", n, err)
			}
		}
		wantRows(t, s, tp(0), upTo(0, 10))
	})
}

// The lag is counted from the last fetch, and its age from the newest record that was applied.
func TestLagFollowsTheFetches(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		wk := w.run(s, func(c *Config) { c.Watch, c.Rate = time.Hour, 10 })
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Minute)
		made := time.Now()
		w.produce(tp(0), 100)
		time.Sleep(5 * time.Second)
		got := wk.engine().Status()
		if want := 100 - int64(len(s.Rows())); got.Lag != want || want < 40 || want > 60 {
			t.Errorf("the lag is %d, with %d of 100 records applied at 10 a second", got.Lag, len(s.Rows()))
		}
		if !got.Oldest.Equal(made) {
			t.Errorf("the newest record applied is said to be of %s, want %s", got.Oldest, made)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
