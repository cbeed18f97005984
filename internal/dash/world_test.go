package dash_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/dash"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

var topicID = fencepost.TopicID{1}

// cluster is brokers that say what a test sets.
type cluster struct {
	mu     sync.Mutex
	topics map[string]fencepost.Topic
	bounds map[fencepost.TopicPartition]fencepost.LogOffsets
	age    map[fencepost.TopicPartition]time.Duration // of every record; default: an hour
	value  func(fencepost.TopicPartition, fencepost.Offset) []byte
	open   map[fencepost.TopicPartition]source.Transaction
	silent bool // no broker answers: each question takes as long as it may
	asked  int
}

func (c *cluster) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *cluster) Describe(ctx context.Context) (source.Description, error) {
	c.mu.Lock()
	silent := c.silent
	c.asked++
	c.mu.Unlock()
	if silent {
		<-ctx.Done()
		return source.Description{}, ctx.Err()
	}
	return source.Description{ClusterID: "c1", Topics: c.topics}, nil
}

func (c *cluster) LogOffsets(_ context.Context, asks []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets {
	c.mu.Lock()
	defer c.mu.Unlock()
	got := map[fencepost.TopicPartition]fencepost.LogOffsets{}
	for _, a := range asks {
		b, ok := c.bounds[a.TopicPartition]
		if !ok {
			b.Err = fencepost.ErrNoTopic
		}
		if a.LeaderEpoch < 0 {
			b.EpochEnd = -1
		}
		b.AtTime = -1
		got[a.TopicPartition] = b
	}
	return got
}

func (c *cluster) CommittedOffsets(ctx context.Context, _ fencepost.Group) (map[fencepost.TopicPartition]fencepost.CommittedOffset, error) {
	c.mu.Lock()
	silent := c.silent
	c.mu.Unlock()
	if silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, nil
}

func (c *cluster) Mirror(context.Context, fencepost.Group, map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
	return errors.New("a dashboard mirrored")
}

func (c *cluster) OpenTransactions(context.Context, []fencepost.TopicPartition) (map[fencepost.TopicPartition]source.Transaction, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open, nil
}

func (c *cluster) Scan(_ context.Context, ranges map[fencepost.TopicPartition]fencepost.OffsetRange, each func(*fencepost.Record) bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for tp, r := range ranges {
		b := c.bounds[tp]
		age, ok := c.age[tp]
		if !ok {
			age = time.Hour
		}
		for o := max(r.From, b.Earliest); o < min(r.Until, b.LastStableOffset); o++ {
			rec := &fencepost.Record{TopicPartition: tp, Offset: o, Timestamp: time.Now().Add(-age).UnixMilli(), Key: []byte("r-20417"), Value: []byte(`{"id":1}`)}
			if c.value != nil {
				rec.Value = c.value(tp, o)
			}
			if !each(rec) {
				break
			}
		}
	}
	return nil
}

// silentLedger is a ledger that a test can switch off.
type switched struct {
	*memory.Store
	off func() bool
}

func (s switched) Read(ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
	if s.off() {
		return ledger.Snapshot{}, &fencepost.UserError{Code: "database-silent", Err: errors.New("the database does not answer"), Help: "start it"}
	}
	return s.Store.Read(ctx, g)
}

// world is a pipeline, trips, in memory.
type world struct {
	t       testing.TB
	store   *memory.Store
	cluster *cluster
	mu      sync.Mutex
	down    bool // the ledger
	group   fencepost.Group
}

func (w *world) ledgerIs(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
}

func tp(p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: "trips", Partition: p}
}

// newWorld is a group of one topic, whose partitions have all applied 1,000 records of 1,000.
func newWorld(t testing.TB, group fencepost.Group, n int32) *world {
	w := &world{t: t, group: group, store: memory.Open(), cluster: &cluster{topics: map[string]fencepost.Topic{"trips": {ID: topicID, Partitions: n}},
		bounds: map[fencepost.TopicPartition]fencepost.LogOffsets{}, age: map[fencepost.TopicPartition]time.Duration{}}}
	var starts []ledger.Move
	for p := range n {
		w.cluster.bounds[tp(p)] = fencepost.LogOffsets{TopicID: topicID, LastStableOffset: 1000, HighWatermark: 1000, EpochEnd: 1000}
		starts = append(starts, ledger.Move{TopicPartition: tp(p), Cause: ledger.CauseStart, Partitions: n,
			Next: ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: ledger.Fence(100 + p), TopicID: topicID}})
	}
	w.move("w1@node3", starts...)
	for p := range n {
		w.commit(p, 1000)
	}
	return w
}

func (w *world) move(who string, moves ...ledger.Move) {
	w.t.Helper()
	if err := w.store.Move(context.Background(), ledger.Actor{Group: w.group, ClusterID: "c1", Who: who}, moves); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) position(p int32) ledger.Position {
	w.t.Helper()
	s, err := w.store.Read(context.Background(), w.group)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Positions[tp(p)]
}

func (w *world) commit(p int32, until fencepost.Offset) {
	w.t.Helper()
	held := w.position(p)
	w.move("w1@node3", ledger.Move{TopicPartition: tp(p), Held: held, Next: held.Advance(until, 0), Cause: ledger.CauseCommit})
}

// log sets what the brokers have of a partition.
func (w *world) log(p int32, earliest, stable, end fencepost.Offset) {
	w.cluster.set(func() {
		w.cluster.bounds[tp(p)] = fencepost.LogOffsets{TopicID: topicID, Earliest: earliest, LastStableOffset: stable, HighWatermark: end, EpochEnd: end}
	})
}

// to moves a position by an operator.
func (w *world) to(p int32, at fencepost.Offset, cause ledger.Cause, atMost int64, who, why string) {
	w.t.Helper()
	held := w.position(p)
	next := held
	next.Offset, next.Fence = at, held.Fence+7
	w.move(who, ledger.Move{TopicPartition: tp(p), Held: held, Next: next, Cause: cause, AtMost: atMost, Why: why})
}

func (w *world) resources() admin.Resources {
	l := switched{w.store, func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.down }}
	return admin.Resources{Replay: w.replay, Group: w.group, Ledger: l, Cluster: w.cluster, History: w.store, Reader: w.cluster, Where: "postgres://app:***@db1/shop", Who: "oncall@bastion",
		Try: func(rec *fencepost.Record) error {
			if strings.Contains(string(rec.Value), "NaN") {
				return errors.New(`value is not JSON at byte 81: "fare":NaN`)
			}
			return nil
		},
		Decode: func(rec *fencepost.Record) ([]fencepost.Column, error) {
			if strings.Contains(string(rec.Value), "NaN") {
				return nil, errors.New(`value is not JSON at byte 81: "fare":NaN`)
			}
			return nil, nil
		}}
}

func (w *world) pipeline() dash.Pipeline {
	return dash.Pipeline{File: string(w.group) + ".yaml", Topics: "trips", Into: "postgres trips", Resources: w.resources(),
		Repeat:  func(n text.Amount) string { return n.Of("record") + ": repeats are noted" },
		Promise: view.Promise{Words: "exactly once", Because: "rows and moves are one Postgres transaction, and each move is compared and set in it."}}
}

// trips is the story of the mocks: trips:7 parked, trips:8 blocked, trips:10 lags, trips:4 rewound, a gap at trips:2, a skip at trips:11.
func trips(t testing.TB) *world {
	w := newWorld(t, "trips", 12)
	const end = 204_941_259
	for p := range int32(12) {
		w.log(p, 113_000_000+fencepost.Offset(p)*140_000, end, end)
		w.cluster.age[tp(p)] = 200 * time.Millisecond
	}
	for p := range int32(12) {
		switch p {
		case 2:
			w.to(p, 190_190_318, ledger.CauseSkip, 0, "oncall@bastion", "")
			w.to(p, 190_201_118, ledger.CauseGap, 10_800, "oncall@bastion", "aged out: retention was 6h for a while, INC-4377")
			w.commit(p, end-138)
		case 4:
			w.commit(p, end-300)
		case 7:
			w.commit(p, end-437_609)
			w.cluster.age[tp(p)] = 20*time.Minute + 51*time.Second
		case 8:
			w.commit(p, end-507_191)
			w.log(p, 113_530_653, end-507_191, end)
			w.cluster.age[tp(p)] = 23*time.Minute + 56*time.Second
			w.cluster.open = map[fencepost.TopicPartition]source.Transaction{tp(p): {ProducerID: 9012, TransactionalID: "billing-2", From: end - 507_191, Since: time.Now().Add(-24 * time.Minute)}}
		case 10:
			w.commit(p, end-1_325_377)
			w.cluster.age[tp(p)] = 11*time.Minute + 33*time.Second
		case 11:
			w.to(p, 151_118_800, ledger.CauseSkip, 0, "oncall@laptop7", "")
			w.to(p, 151_120_004, ledger.CauseSkip, 1_204, "oncall@laptop7", "test load, INC-4398")
			w.commit(p, end-138)
		case 5:
			w.commit(p, end)
		default:
			w.commit(p, end-fencepost.Offset(20+p*11))
		}
	}
	w.to(4, end-62_300, ledger.CauseRewind, 0, "oncall@bastion", "wrong rate, INC-4411")
	w.commit(4, end-127)
	bad := w.position(7).Offset
	w.cluster.value = func(at fencepost.TopicPartition, o fencepost.Offset) []byte {
		if at == tp(7) && o == bad {
			return []byte(`{"id":88120417,"city":"LIS","started":"2026-11-21T02:05:44Z","minutes":14,"fare":NaN,"rider":"r-20417"}`)
		}
		return fmt.Appendf(nil, `{"id":%d,"city":"LIS","started":"2026-11-21T02:05:44Z","minutes":14,"fare":4.50,"rider":"r-20417"}`, int64(o))
	}
	return w
}

// clicks is a group of 1,000 partitions, of which some lag, one is parked by a lost log, and three have no leader.
func clicks(t testing.TB) *world {
	w := newWorld(t, "clicks", 1000)
	for p := range int32(1000) {
		w.log(p, 0, 1000+fencepost.Offset(p%7)*10, 1000+fencepost.Offset(p%7)*10)
		w.cluster.age[tp(p)] = time.Duration(p%11) * 300 * time.Millisecond
		if p >= 317 && p < 345 {
			w.log(p, 0, 40_000, 40_000)
			w.cluster.age[tp(p)] = time.Duration(60+p-317) * 5 * time.Second
		}
	}
	for _, p := range []int32{412, 413, 700} {
		w.cluster.set(func() {
			w.cluster.bounds[tp(p)] = fencepost.LogOffsets{Err: fmt.Errorf("no leader: %w", fencepost.ErrNoAnswer)}
		})
	}
	w.log(650, 2000, 9000, 9000)
	return w
}

// serve runs a dashboard until the test ends.
func serve(t testing.TB, cfg dash.Config) (*dash.Dashboard, *httptest.Server) {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Second
	}
	if cfg.Version == "" {
		cfg.Version = "0.9.0"
	}
	d := dash.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	server := httptest.NewServer(d)
	t.Cleanup(func() {
		cancel()
		server.CloseClientConnections()
		server.Close()
		<-done
	})
	return d, server
}

const ledgerRewind = ledger.CauseRewind

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

// pow24 is what sRGB makes of a channel.
func pow24(x float64) float64 { return math.Pow(x, 2.4) }
