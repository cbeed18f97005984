package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/source"
)

// severed is the brokers as one worker reaches them: it may be cut off from all of them, while others are not.
type severed struct {
	*world
	cut *atomic.Pointer[func(context.Context) error] // nil: it is not
}

// from cuts the worker off: its questions end with err, where it is nil once their context ends.
func (b severed) from(err error) {
	how := func(ctx context.Context) error {
		if err == nil {
			<-ctx.Done()
			return ctx.Err()
		}
		return err
	}
	b.cut.Store(&how)
}

func (b severed) reach(ctx context.Context) error {
	if how := b.cut.Load(); how != nil {
		return (*how)(ctx)
	}
	return nil
}

func (b severed) Reach(ctx context.Context) error { return b.reach(ctx) }
func (severed) Member() bool                      { return true }

func (b severed) Describe(ctx context.Context) (source.Description, error) {
	if err := b.reach(ctx); err != nil {
		return source.Description{}, err
	}
	return b.world.Describe(ctx)
}

func (b severed) CommittedOffsets(ctx context.Context, g fencepost.Group) (map[fencepost.TopicPartition]fencepost.CommittedOffset, error) {
	if err := b.reach(ctx); err != nil {
		return nil, err
	}
	return b.world.CommittedOffsets(ctx, g)
}

// placed is a store that says at which of its servers it is, and whose effects may be apart from its ledger.
type placed struct {
	*memory.Store
	apart atomic.Bool
}

var timeline = func(n uint64) fencepost.Place { return fencepost.Place{System: "s", Timeline: n} }

func (p *placed) Ledger() ledger.Ledger { return p }

func (p *placed) Capabilities() sink.Capabilities {
	return sink.Capabilities{Name: "memory", Apart: p.apart.Load()}
}

func (p *placed) Read(ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
	snap, err := p.Store.Read(ctx, g)
	snap.Place = timeline(1)
	return snap, err
}

// plight is a worker and all around it, of which something befalls.
type plight struct {
	*world
	store   *placed
	worker  *worker
	brokers severed
	backup  *memory.Backup // of the store before the partition was read to its end
}

// stills are the ways in which a partition stands still: what happens to one that was read to its end at 3, and what
// others read of it in the ledger, within how many watch intervals. The scenario or case in cases.md is beside each.
var stills = []struct {
	name  string
	befal func(*plight)
	halt  ledger.Halt
	code  string
	says  string // a part of the reason
	in    int
}{
	{"refused by the sink (O1)", func(s *plight) { refuses(s.store.Store, tp(0), 3); s.produce(tp(0), 1) },
		ledger.HaltParked, "record-refused", "violates a constraint", 1},
	{"not decoded (H7)", func(s *plight) {
		s.change(tp(0), func(l *fakeLog) { l.append(fencepost.Record{Value: []byte("777")}) })
	}, ledger.HaltParked, "record-undecodable", "calls it bad", 1},
	{"aged out (L6)", func(s *plight) {
		s.change(tp(0), func(l *fakeLog) { l.earliest, l.end, l.entries = 10, 12, nil })
	}, ledger.HaltParked, "aged-out", "at most 7 records", 1},
	{"truncated (L3)", func(s *plight) {
		s.change(tp(0), func(l *fakeLog) { l.end, l.entries = 1, l.entries[:1] })
	}, ledger.HaltParked, "truncated", "past the end at 1", 1},
	{"recreated (L1)", func(s *plight) { s.create("t", 1) }, ledger.HaltParked, "recreated", "another topic of this name", 1},
	{"deleted (L7)", func(s *plight) {
		s.with(func() { delete(s.mu.topics, "t") })
	}, ledger.HaltParked, "topic-missing", "no such topic", 1},
	{"lost row (L10)", func(s *plight) { s.store.DeleteRow("g", tp(0)) }, ledger.HaltParked, "lost-row", "", 1},
	{"foreign write (law 8)", func(s *plight) { s.store.ForeignWrite("g", tp(0), 2) }, ledger.HaltParked, "foreign-write", "no fence", 1},
	{"another cluster (L11)", func(s *plight) { s.with(func() { s.cluster = "cluster-2" }) }, ledger.HaltParked, "other-cluster", "cluster-2", 1},
	{"old primary (S17)", func(s *plight) {
		s.with(func() {
			m := s.mu.committed[tp(0)]
			m.Place = timeline(2)
			s.mu.committed[tp(0)] = m
		})
	}, ledger.HaltParked, "old-primary", "timeline 1, and the group went on at timeline 2", 1},
	{"the ledger alone went back (C10)", func(s *plight) { s.store.apart.Store(true); s.store.Restore(s.backup) },
		ledger.HaltParked, "ledger-went-back", "went back from 3 to 2", 1},

	{"no leader (L14)", func(s *plight) { s.refuse(tp(0), "no leader") }, ledger.HaltWaiting, "", "no leader", 1},
	{"access denied to the topic (L14)", func(s *plight) { s.refuse(tp(0), "topic t: this user may not DESCRIBE it") },
		ledger.HaltWaiting, "", "may not DESCRIBE", 1},
	{"access denied to the topic's records (L14)", func(s *plight) { s.bar(tp(0)) },
		ledger.HaltWaiting, "", "fetch failed: t:0: not authorized", 1},
	{"its broker does not answer (L14)", func(s *plight) { s.refuse(tp(0), "broker 1 did not answer in 5s") },
		ledger.HaltWaiting, "", "did not answer", 1},
	{"no broker is there (E12)", func(s *plight) { s.brokers.from(errDown) }, ledger.HaltWaiting, "broker-silent", "connection refused", 1},
	{"no broker answers (E12)", func(s *plight) { s.brokers.from(nil) }, ledger.HaltWaiting, "broker-silent", "deadline", 2}, // they have 5 s
	{"open transaction (E11)", func(s *plight) {
		s.change(tp(0), func(l *fakeLog) { l.stable = 3 })
		s.produce(tp(0), 2)
	}, ledger.HaltBlocked, "", "holds the rest back", 2}, // answers of two moments: one watch alone proves nothing

	{"the sink does not answer (S13)", func(s *plight) { s.fails("database-silent") }, ledger.HaltRetrying, "database-silent", "the sink", 1},
	{"the sink takes no writes (S7)", func(s *plight) { s.fails("database-read-only") }, ledger.HaltRetrying, "database-read-only", "the sink", 1},
	{"the sink's server is an old primary (S17)", func(s *plight) { s.fails("old-primary") }, ledger.HaltRetrying, "old-primary", "the sink", 1},
	{"the sink's table is away (V4)", func(s *plight) { s.fails("table-not-found") }, ledger.HaltRetrying, "table-not-found", "the sink", 1},
	{"the commit hangs (S14)", func(s *plight) { s.store.SetHook(stands); s.produce(tp(0), 1) },
		ledger.HaltRetrying, "", "a commit has taken 5s", 2}, // said after 5 s
	{"cut off (C6)", func(s *plight) {
		callbacks{s.worker.engine()}.Lost([]fencepost.TopicPartition{tp(0)})
	}, ledger.HaltCutOff, "not-a-member", "without leaving", 1},
}

// fails has each commit fail with an error of the sink that passes, and gives it one to make.
func (s *plight) fails(code string) {
	s.store.SetHook(func(_ context.Context, p memory.Point) error {
		if p == memory.BeforeApply {
			return &fencepost.UserError{Code: code, Err: errors.New("the sink says so"), Passing: true}
		}
		return nil
	})
	s.produce(tp(0), 1)
}

func stands(ctx context.Context, p memory.Point) error {
	if p == memory.BeforeApply {
		<-ctx.Done()
	}
	return nil
}

// Whatever a partition stands still by, offsets show on another machine names it within a watch interval: how, why, and who
// says so; and ends with 3.
func TestEveryWayToStandStillIsReported(t *testing.T) {
	for _, c := range stills {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, store *memory.Store) {
				s := &plight{world: w, store: &placed{Store: store}, brokers: severed{w, new(atomic.Pointer[func(context.Context) error])}}
				dec := &numbers{}
				dec.bad.Store(777)
				s.worker = w.run(s.store, func(c *Config) {
					c.Who, c.Decoder = "w1", func() fencepost.Decoder { return dec }
					c.Source = withCluster{c.Source.(*feed), s.brokers}
				})
				synctest.Wait()
				w.produce(tp(0), 2)
				s.worker.source.assign(tp(0))
				time.Sleep(time.Second)
				s.backup = store.Backup()
				w.produce(tp(0), 1)
				time.Sleep(1500 * time.Millisecond) // in the middle of a watch interval
				if r := reported(t, store, tp(0)); r.Halt != "" {
					t.Fatalf("reported of a partition that runs: %+v", r)
				}
				c.befal(s)
				time.Sleep(time.Duration(c.in)*5*time.Second + time.Second)
				r := reported(t, store, tp(0))
				if r.Halt != c.halt || r.Code != c.code || r.Who != "w1" || r.Reason == "" || !strings.Contains(r.Reason, c.says) {
					t.Errorf("reported: %+v, want %s, %q, because of %q, by w1", r, c.halt, c.code, c.says)
				}
				s.shown(t, c.code, c.says)
				store.SetHook(nil)
				_ = s.worker.end() // how it ends is not the question
				if r := reported(t, store, tp(0)); r.Halt != "" && r.Halt != ledger.HaltParked {
					t.Errorf("a stop leaves %+v", r)
				}
			})
		})
	}
}

// shown looks as offsets show does, which ends with 3 where a partition needs a person or waits.
func (s *plight) shown(t *testing.T, code, says string) {
	t.Helper()
	v, err := admin.Look(t.Context(), admin.Resources{Group: "g", Ledger: s.store, Cluster: s.world})
	if err != nil {
		t.Fatalf("look: %v", err)
	}
	at := slices.IndexFunc(v.Standings, func(o admin.Standing) bool { return o.TopicPartition == tp(0) })
	if at < 0 {
		t.Fatalf("the look does not show t:0: %+v", v.Standings)
	}
	if o := v.Standings[at]; !o.NeedsPerson() && o.State != admin.Waiting || o.Code() != code || !strings.Contains(o.Told(), says) {
		t.Errorf("shown: %s, %q, %q; want %q, %q, exit 3", o.State, o.Code(), o.Told(), code, says)
	}
}

// A start outside of the log parks before anything was committed: it is reported of a partition that has no position.
func TestAStartOutOfRangeIsReported(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 3)
		wk := w.run(s, func(c *Config) {
			c.Who = "w1"
			c.Policy.Start = ledger.StartAt{Kind: ledger.StartOffsets, Offsets: map[fencepost.TopicPartition]fencepost.Offset{tp(0): 9}}
		})
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(6 * time.Second)
		if r := reported(t, s, tp(0)); r.Halt != ledger.HaltParked || r.Code != "start-out-of-range" || r.Who != "w1" {
			t.Errorf("reported: %+v, want parked, start-out-of-range, by w1", r)
		}
		_ = wk.end()
	})
}
