package engine

import (
	"context"
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/google/go-cmp/cmp"
)

var upheavals = flag.Uint64("upheavals", 40, "how many seeds TestUpheavalKeepsTheChain runs")

// TestUpheavalKeepsTheChain goes beyond faults: while three workers change places, operators rewind and skip, the store
// is restored from backups, the topic is made anew, records are bad and are mended, partitions fall silent, and revokes
// abort commits. Positions jump then, so the recorded history says which rows there must be: every committed range once,
// in the order of the chain. In the end every partition is at its end.
func TestUpheavalKeepsTheChain(t *testing.T) {
	seeds := *upheavals
	if testing.Short() {
		seeds = min(seeds, 5)
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) { newUpheaval(t, seed).run() })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// upheaval is one history.
type upheaval struct {
	t       *testing.T
	rng     *rand.Rand
	w       *world
	s       *memory.Store
	bad     *numbers
	workers []*worker
	owner   [4]*worker
	backup  *memory.Backup
	was     map[fencepost.TopicID]*fakeTopic
}

func newUpheaval(t *testing.T, seed uint64) *upheaval {
	u := &upheaval{t: t, rng: rand.New(rand.NewPCG(seed, 3)), w: newWorld(t), s: memory.Open(), bad: &numbers{},
		was: map[fencepost.TopicID]*fakeTopic{}}
	u.w.create("t", len(u.owner))
	u.s.SetKeep(ledger.KeepAll)
	u.bad.bad.Store(-1)
	for range 3 {
		u.workers = append(u.workers, u.start())
	}
	u.s.SetHook(slow(seed))
	return u
}

func (u *upheaval) start() *worker {
	wk := u.w.run(u.s, func(c *Config) {
		c.Batch.Records, c.Lanes, c.Watch = 1+u.rng.IntN(30), 1+u.rng.IntN(3), time.Second
		c.Rebalance = time.Duration(10+u.rng.IntN(100)) * time.Millisecond // short: revokes abort slow commits
		c.Policy = ledger.EarliestEverywhere(ledger.StartAt{})
		c.Decoder = func() fencepost.Decoder { return u.bad }
	})
	for wk.source.holder() == nil && !wk.over() {
		time.Sleep(10 * time.Millisecond)
	}
	return wk
}

func (u *upheaval) any() fencepost.TopicPartition { return tp(int32(u.rng.IntN(len(u.owner)))) }

func (u *upheaval) run() {
	for round := range 80 {
		for p := range int32(len(u.owner)) {
			if round < 60 { // a partition that is stuck at the end is not helped on by new records
				u.produce(tp(p))
			}
		}
		u.s.Inject(memory.Fault(u.rng.IntN(4)), memory.NoFault, memory.Fault(u.rng.IntN(4)))
		u.hand(u.any().Partition, u.workers[u.rng.IntN(3)])
		if round > 5 {
			u.upset()
		}
		time.Sleep(time.Duration(u.rng.IntN(400)) * time.Millisecond)
	}
	u.calm()
	time.Sleep(3 * time.Minute)
	for _, wk := range u.workers {
		if err := wk.end(); err != nil {
			u.t.Errorf("run: %v", err)
		}
	}
	u.check()
}

// produce appends records, and once in a while what an aborted transaction leaves.
func (u *upheaval) produce(tp fencepost.TopicPartition) {
	u.w.produce(tp, u.rng.IntN(8))
	if u.rng.IntN(5) == 0 {
		u.w.change(tp, func(l *fakeLog) {
			l.end += fencepost.Offset(u.rng.IntN(4))
			l.append(fencepost.Record{Control: true})
		})
	}
}

// hand gives a partition to an heir: in order, before the old worker learns of it, or without asking.
func (u *upheaval) hand(p int32, heir *worker) {
	old := u.owner[p]
	u.owner[p] = heir
	switch {
	case old == heir:
	case old == nil:
		heir.source.assign(tp(p))
	case u.rng.IntN(3) == 0:
		old.source.revoke(false, tp(p))
		heir.source.assign(tp(p))
	case u.rng.IntN(2) == 0:
		heir.source.assign(tp(p))
		time.Sleep(time.Duration(u.rng.IntN(300)) * time.Millisecond)
		old.source.revoke(true, tp(p))
	default:
		old.source.revoke(true, tp(p))
		heir.source.assign(tp(p))
	}
}

// upset does one thing that changes more than who holds what.
func (u *upheaval) upset() {
	at := u.any()
	switch u.rng.IntN(16) {
	case 0, 1, 2:
		u.operate(at)
	case 3:
		u.backup = u.s.Backup()
	case 4:
		if u.backup != nil {
			u.s.Restore(u.backup)
		}
	case 5:
		u.was[u.w.id("t")] = u.w.mu.topics["t"]
		u.w.create("t", len(u.owner))
	case 6, 7:
		u.bad.bad.Store(int64(u.rng.IntN(200)))
	case 8:
		u.bad.bad.Store(-1)
	case 9, 10:
		n := fencepost.Offset(u.rng.IntN(200))
		u.s.SetReject(func(r memory.Row) *sink.Rejected {
			if r.TopicPartition == at && r.Offset%200 == n {
				return &sink.Rejected{Code: "23502", Reason: "null"}
			}
			return nil
		})
	case 11:
		u.s.SetReject(nil)
	case 12, 13:
		u.silence(at, u.rng.IntN(2) == 0)
	case 14:
		u.replace(u.rng.IntN(3))
	}
}

// operate rewinds a partition, or skips records of it.
func (u *upheaval) operate(tp fencepost.TopicPartition) {
	held := position(u.t, u.s, tp)
	if held.Absent() {
		return
	}
	m := ledger.Move{TopicPartition: tp, Held: held, Next: held, Cause: ledger.CauseRewind}
	m.Next.LeaderEpoch, m.Next.Fence = fencepost.NoEpoch, ledger.NewFence(u.rng.Uint64())
	m.Next.Offset = fencepost.Offset(u.rng.Int64N(int64(held.Offset) + 1))
	if u.rng.IntN(3) == 0 {
		m.Cause, m.AtMost = ledger.CauseSkip, 3
		m.Next.Offset = held.Offset + 3
	}
	_ = u.s.Move(context.Background(), ledger.Actor{Group: "g", ClusterID: "cluster-1", Who: "operator"}, []ledger.Move{m})
}

func (u *upheaval) silence(tp fencepost.TopicPartition, silent bool) {
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	u.w.mu.silent[tp] = silent
	u.w.changed()
}

// replace stops a worker and starts another one in its place.
func (u *upheaval) replace(n int) {
	if err := u.workers[n].end(); err != nil {
		u.t.Errorf("run: %v", err)
	}
	for p, wk := range u.owner {
		if wk == u.workers[n] {
			u.owner[p] = nil
		}
	}
	u.workers[n] = u.start()
}

// calm ends all that is wrong.
func (u *upheaval) calm() {
	u.s.SetHook(nil)
	u.s.SetReject(nil)
	u.bad.bad.Store(-1)
	for p := range int32(len(u.owner)) {
		u.silence(tp(p), false)
		if u.owner[p] == nil {
			u.hand(p, u.workers[0])
		}
	}
	u.was[u.w.id("t")] = u.w.mu.topics["t"]
}

// check compares the rows with the history, and the positions with the ends.
func (u *upheaval) check() {
	want := map[fencepost.TopicPartition][]fencepost.Offset{}
	held := map[fencepost.TopicPartition]ledger.Position{}
	for m, err := range u.s.Moves(context.Background(), "g") {
		if err != nil {
			u.t.Fatal(err)
		}
		if !held[m.TopicPartition].Holds(m.Held) {
			u.t.Errorf("%s: a move from %+v, where the chain stood at %+v", m.TopicPartition, m.Held, held[m.TopicPartition])
		}
		held[m.TopicPartition] = m.Next
		if m.Cause != ledger.CauseCommit {
			continue
		}
		for _, r := range u.was[m.Next.TopicID].logs[m.Partition].entries {
			if !r.Control && r.Offset >= m.Held.Offset && r.Offset < m.Next.Offset {
				want[m.TopicPartition] = append(want[m.TopicPartition], r.Offset)
			}
		}
	}
	for p := range int32(len(u.owner)) {
		if diff := cmp.Diff(want[tp(p)], offsets(u.s, tp(p))); diff != "" {
			u.t.Errorf("rows of %s (-history +rows):\n%s", tp(p), diff)
		}
		end := u.was[u.w.id("t")].logs[p].end
		if got := position(u.t, u.s, tp(p)); got.Offset != end || got.TopicID != u.w.id("t") {
			u.t.Errorf("%s stands at %d of topic %s, want the end at %d of %s", tp(p), got.Offset, got.TopicID, end, u.w.id("t"))
		}
	}
	if u.t.Failed() {
		return
	}
	if rows := u.s.Rows(); len(rows) == 0 || slices.ContainsFunc(u.workers, func(wk *worker) bool { return wk.err != nil }) {
		u.t.Errorf("%d rows: nothing was tested", len(rows))
	}
}
