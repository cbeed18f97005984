package top

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
	"github.com/fencepost/fencepost/ledger"
	kafka "github.com/fencepost/fencepost/source"
)

func TestMain(m *testing.M) {
	time.Local = time.FixedZone("", 3600) // what is printed is the same everywhere
	os.Exit(m.Run())
}

var topicID = fencepost.TopicID{1}

// brokers say what a test sets.
type brokers struct {
	mu     sync.Mutex
	n      int32
	bounds map[fencepost.TopicPartition]fencepost.LogOffsets
	value  func(fencepost.TopicPartition, fencepost.Offset) string
	age    map[fencepost.TopicPartition]time.Duration // of every record; default: an hour
	open   map[fencepost.TopicPartition]kafka.Transaction
	silent bool
}

func (b *brokers) Describe(context.Context) (kafka.Description, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.silent {
		return kafka.Description{}, &fencepost.UserError{Code: "broker-silent", Err: errors.New("broker b1:9092 does not answer")}
	}
	return kafka.Description{ClusterID: "c1", Topics: map[string]fencepost.Topic{"trips": {ID: topicID, Partitions: b.n}}}, nil
}

func (b *brokers) LogOffsets(_ context.Context, asks []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := map[fencepost.TopicPartition]fencepost.LogOffsets{}
	for _, a := range asks {
		one, ok := b.bounds[a.TopicPartition]
		if !ok {
			one.Err = fencepost.ErrNoTopic
		}
		if a.LeaderEpoch < 0 {
			one.EpochEnd = -1
		}
		one.AtTime = -1
		got[a.TopicPartition] = one
	}
	return got
}

func (b *brokers) CommittedOffsets(context.Context, fencepost.Group) (map[fencepost.TopicPartition]fencepost.CommittedOffset, error) {
	return nil, nil
}

func (b *brokers) Mirror(context.Context, fencepost.Group, map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
	return errors.New("a screen mirrored")
}

func (b *brokers) OpenTransactions(context.Context, []fencepost.TopicPartition) (map[fencepost.TopicPartition]kafka.Transaction, error) {
	return b.open, nil
}

func (b *brokers) Scan(_ context.Context, ranges map[fencepost.TopicPartition]fencepost.OffsetRange, each func(*fencepost.Record) bool) error {
	for tp, r := range ranges {
		bounds := b.bounds[tp]
		age, ok := b.age[tp]
		if !ok {
			age = time.Hour
		}
		for o := max(r.From, bounds.Earliest); o < min(r.Until, bounds.LastStableOffset); o++ {
			if !each(&fencepost.Record{TopicPartition: tp, Offset: o, Timestamp: time.Now().Add(-age).UnixMilli(), Key: []byte("r-20417"), Value: []byte(b.value(tp, o))}) {
				break
			}
		}
	}
	return nil
}

// world is a pipeline in memory.
type world struct {
	t       testing.TB
	group   fencepost.Group
	store   *memory.Store
	brokers *brokers
	down    func() bool
	letters []ledger.Letter
}

func tp(p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: "trips", Partition: p}
}

// newWorld is a group of one topic, whose partitions have all applied 1,000 records of 1,000.
func newWorld(t testing.TB, group fencepost.Group, n int32) *world {
	w := &world{t: t, group: group, store: memory.Open(), down: func() bool { return false }, brokers: &brokers{n: n, bounds: map[fencepost.TopicPartition]fencepost.LogOffsets{},
		age: map[fencepost.TopicPartition]time.Duration{}, value: func(_ fencepost.TopicPartition, o fencepost.Offset) string { return fmt.Sprintf(`{"id":%d}`, o) }}}
	var starts []ledger.Move
	for p := range n {
		w.log(p, 0, 1000, 1000)
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

func (w *world) log(p int32, earliest, stable, end fencepost.Offset) {
	w.brokers.mu.Lock()
	defer w.brokers.mu.Unlock()
	w.brokers.bounds[tp(p)] = fencepost.LogOffsets{TopicID: topicID, Earliest: earliest, LastStableOffset: stable, HighWatermark: end, EpochEnd: end}
}

// to moves a position by an operator.
func (w *world) to(p int32, next fencepost.Offset, cause ledger.Cause, atMost int64, who, why string) {
	w.t.Helper()
	held := w.position(p)
	to := held
	to.Offset, to.Fence = next, held.Fence+7
	w.move(who, ledger.Move{TopicPartition: tp(p), Held: held, Next: to, Cause: cause, AtMost: atMost, Why: why})
}

// watched is a ledger that a test can switch off, with letters of its own.
type watched struct {
	*memory.Store
	w *world
}

func (l watched) Letters(context.Context, fencepost.Group) iter.Seq2[ledger.Letter, error] {
	return func(yield func(ledger.Letter, error) bool) {
		for _, one := range l.w.letters {
			if !yield(one, nil) {
				return
			}
		}
	}
}

func (l watched) Discard(_ context.Context, _ ledger.Actor, ids []ledger.LetterID, why string) error {
	for _, id := range ids {
		i := slices.IndexFunc(l.w.letters, func(one ledger.Letter) bool { return one.LetterID == id && one.Discarded == "" })
		if i < 0 {
			return ledger.ErrLetterGone
		}
		l.w.letters[i].Discarded = why
	}
	return nil
}

func (l watched) Read(ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
	if l.w.down() {
		return ledger.Snapshot{}, &fencepost.UserError{Code: "database-silent", Err: errors.New("the database does not answer"), Help: "start it"}
	}
	return l.Store.Read(ctx, g)
}

var errNaN = errors.New(`value is not JSON at byte 81: "fare":NaN`)

func (w *world) pipeline() watch.Pipeline {
	r := admin.Resources{Group: w.group, Ledger: watched{w.store, w}, Cluster: w.brokers, History: w.store, Reader: w.brokers, Where: "postgres://app:***@db1/shop", Who: "oncall@bastion",
		Try: func(rec *fencepost.Record) error {
			if bytes.Contains(rec.Value, []byte("NaN")) {
				return errNaN
			}
			return nil
		},
		Decode: func(rec *fencepost.Record) ([]fencepost.Column, error) {
			if bytes.Contains(rec.Value, []byte("NaN")) {
				return nil, errNaN
			}
			return nil, nil
		}}
	return watch.Pipeline{File: string(w.group) + ".yaml", Topics: "trips", Into: "postgres trips", Resources: r, Promise: view.Promise{Words: "exactly once"},
		Repeat: func(n text.Amount) string { return n.Of("record") + " are applied again into trips" }}
}

// trips is one story: trips:7 is parked, trips:8 blocked, trips:10 lags, trips:4 was rewound, trips:11 has passed records.
func trips(t testing.TB) *world {
	w := newWorld(t, "trips", 12)
	const end = 204_941_259
	for p := range int32(12) {
		w.log(p, 113_000_000+fencepost.Offset(p)*140_000, end, end)
		w.brokers.age[tp(p)] = 200 * time.Millisecond
		lag := fencepost.Offset(20 + p*11)
		switch p {
		case 7:
			lag = 437_609
			w.brokers.age[tp(p)] = 20*time.Minute + 51*time.Second
		case 8:
			lag = 507_191
			w.log(p, 113_530_653, end-lag, end)
			w.brokers.age[tp(p)] = 23*time.Minute + 56*time.Second
			w.brokers.open = map[fencepost.TopicPartition]kafka.Transaction{tp(p): {ProducerID: 9012, TransactionalID: "billing-2", From: end - lag, Since: time.Now().Add(-24 * time.Minute)}}
		case 10:
			lag = 1_325_377
			w.brokers.age[tp(p)] = 11*time.Minute + 33*time.Second
		case 11:
			w.to(p, 151_118_800, ledger.CauseSkip, 0, "oncall@laptop7", "")
			w.to(p, 151_120_004, ledger.CauseSkip, 1_204, "oncall@laptop7", "test load, INC-4398")
		}
		w.commit(p, end-lag)
	}
	w.to(4, end-62_300, ledger.CauseRewind, 0, "oncall@bastion", "wrong rate, INC-4411")
	w.commit(4, end-127)
	bad := w.position(7).Offset
	w.brokers.value = func(where fencepost.TopicPartition, o fencepost.Offset) string {
		if where == tp(7) && o == bad {
			return `{"id":88120417,"city":"LIS","started":"2026-11-21T02:05:44Z","minutes":14,"fare":NaN,"rider":"r-20417"}`
		}
		return fmt.Sprintf(`{"id":%d,"city":"LIS","minutes":14,"fare":4.50,"rider":"r-20417"}`, o)
	}
	return w
}

// driver is a model whose questions are answered at once, and whose looks are made by the test.
type driver struct {
	*Model
	t testing.TB
}

// drive makes a model of some pipelines, which have been looked at once.
func drive(t testing.TB, cfg Config, worlds ...*world) *driver {
	t.Helper()
	if cfg.Paint == nil {
		cfg.Paint = screen.Plain
	}
	for _, w := range worlds {
		cfg.Pipelines = append(cfg.Pipelines, w.pipeline())
	}
	d := &driver{newModel(t.Context(), cfg), t}
	d.look()
	return d
}

// look has each pipeline looked at, and tells the model.
func (d *driver) look() {
	d.t.Helper()
	for _, s := range d.sources {
		s.Look(d.t.Context())
	}
	d.Update(news{})
}

// size makes the terminal so large.
func (d *driver) size(width, height int) { d.Update(tea.WindowSizeMsg{Width: width, Height: height}) }

// keys presses keys, one a word, and takes in what each brings. "text:..." types.
func (d *driver) keys(words ...string) {
	d.t.Helper()
	for _, word := range words {
		if typed, ok := strings.CutPrefix(word, "text:"); ok {
			for _, r := range typed {
				d.took(d.press(string(r), string(r)))
			}
			continue
		}
		typed := ""
		if len([]rune(word)) == 1 {
			typed = word
		}
		d.took(d.press(word, typed))
	}
}

// took takes in what a command brings; one that waits for news is left.
func (d *driver) took(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	d.Update(cmd())
}

// text is the screen.
func (d *driver) text() string { return strings.Join(d.screen(), "\n") + "\n" }
