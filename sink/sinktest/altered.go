package sinktest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Alterable is a store whose tables other people alter while a worker writes into them.
type Alterable interface {
	// Alterations is what they do, and how each of it is mended. The store has made a table `altered` with the columns of
	// AlteredColumns and an integer column _offset, and whatever else the statements name.
	Alterations() []Alteration
	// Execute runs the statements one after the other, beside the sink.
	Execute(t *testing.T, statements ...string)
	// Open opens a sink that appends to `altered`.
	Open(t *testing.T) sink.Sink
	// Altered returns what another client reads in all tables that were ever `altered`: by _offset the rows, and each as the
	// server shows AlteredColumns.
	Altered(t *testing.T) map[fencepost.Offset][][]string
}

// Alteration is something that is done to a table and to be mended.
type Alteration struct {
	Name     string
	Do, Mend []string
}

// Altering is an alteration of one statement, which another mends.
func Altering(name, do, mend string) Alteration {
	return Alteration{Name: name, Do: []string{do}, Mend: []string{mend}}
}

// AlteredColumns are the columns of `altered`: all values are of the row's offset, so that a value of another row or
// another column is seen.
func AlteredColumns() []fencepost.ColumnSpec {
	return []fencepost.ColumnSpec{{Name: "a", Type: fencepost.Int}, {Name: "b", Type: fencepost.Int}, {Name: "x", Type: fencepost.Float},
		{Name: "s", Type: fencepost.Text}, {Name: "at", Type: fencepost.Timestamp}}
}

// alteredValues are the values of one offset.
func alteredValues(o fencepost.Offset) []any {
	return []any{int64(o), -1_000_003 - int64(o), float64(o) + 0.5, fmt.Sprintf("row %d", o), 1_709_208_000_000_000 + int64(o)*1_000_000}
}

// Altered runs rounds of alterations, chosen by the seed, or by SEED in the environment, under a worker that never stops committing. A batch is
// committed or it fails, and is tried again; once the alteration is mended it must go on. Every row that was committed must
// be there once, with its record's values.
func Altered(t *testing.T, db Alterable, rounds int, seed uint64) {
	if n, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("seed %d", seed)
	chosen := rand.New(rand.NewPCG(seed, 1))
	w := newAlteredWorker(t, db.Open(t))
	all := db.Alterations()
	for i := range rounds {
		a := all[chosen.IntN(len(all))]
		w.until("before "+a.Name, func(s alteredState) bool { return s.commits >= i })
		before := w.now()
		db.Execute(t, a.Do...)
		w.until("during "+a.Name, func(s alteredState) bool { return s.commits >= before.commits+2 || s.failures > before.failures })
		db.Execute(t, a.Mend...)
		mended := w.now()
		w.until("after "+a.Name+" was mended", func(s alteredState) bool { return s.commits >= mended.commits+2 })
	}
	w.stop()
	compareAltered(t, db.Altered(t), w.now())
}

// AlteredRows reads the rows of a query for Alterable.Altered: _offset, then AlteredColumns as text.
func AlteredRows(t *testing.T, rows interface {
	Next() bool
	Scan(...any) error
	Err() error
}) map[fencepost.Offset][][]string {
	t.Helper()
	found := map[fencepost.Offset][][]string{}
	for rows.Next() {
		row := make([]string, len(AlteredColumns()))
		var o fencepost.Offset
		if err := rows.Scan(&o, &row[0], &row[1], &row[2], &row[3], &row[4]); err != nil {
			t.Fatal(err)
		}
		found[o] = append(found[o], row)
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return found
}

// compareAltered wants each offset's row once, as it was written.
func compareAltered(t *testing.T, rows map[fencepost.Offset][][]string, s alteredState) {
	if fencepost.Offset(len(rows)) != s.next {
		t.Errorf("the tables hold rows of %d offsets, and %d were committed", len(rows), s.next)
	}
	for o := range s.next {
		if len(rows[o]) != 1 {
			t.Errorf("offset %d: %d rows", o, len(rows[o]))
			continue
		}
		for i, c := range AlteredColumns() {
			if want := alteredValues(o)[i]; !equal(c.Type, want, rows[o][0][i]) {
				t.Errorf("offset %d, column %s: reads %q, want %v", o, c.Name, rows[o][0][i], want)
			}
		}
	}
	t.Logf("%d rows in %d commits; %d commits failed", s.next, s.commits, s.failures)
}

// alteredState is how far a worker has come.
type alteredState struct {
	commits, failures int
	next              fencepost.Offset // the first that is not committed
	last              error
}

// alteredWorker commits batch after batch, each until it is taken.
type alteredWorker struct {
	t    *testing.T
	sink sink.Sink
	lane sink.Lane
	as   ledger.Actor
	held ledger.Position
	quit context.CancelFunc
	done chan struct{}

	mu    sync.Mutex
	moved *sync.Cond
	alteredState
}

func newAlteredWorker(t *testing.T, s sink.Sink) *alteredWorker {
	w := &alteredWorker{t: t, sink: s, done: make(chan struct{}),
		as: ledger.Actor{Group: fencepost.Group(fmt.Sprint("altered-", fence())), ClusterID: cluster, Who: "sinktest"}}
	w.moved = sync.NewCond(&w.mu)
	start := starts(0, firstTopic, partition(0))
	if err := s.Ledger().Move(t.Context(), w.as, start); err != nil {
		t.Fatal(err)
	}
	w.held = start[0].Next
	var err error
	if w.lane, err = s.Lane(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	ctx, quit := context.WithCancel(context.Background())
	w.quit = quit
	go w.run(ctx)
	return w
}

func (w *alteredWorker) run(ctx context.Context) {
	defer close(w.done)
	for ctx.Err() == nil {
		until := w.held.Offset + 1 + fencepost.Offset(rand.IntN(40))
		err := w.lane.Commit(context.Background(), w.as, w.batch(until))
		if errors.Is(err, ledger.ErrUnknown) {
			err = w.look(until)
		}
		w.note(until, err)
		time.Sleep(time.Millisecond) // for the alteration: a store of one writer may be unfair to it
	}
}

// look asks the ledger whether a commit whose answer is not known is done.
func (w *alteredWorker) look(until fencepost.Offset) error {
	s, err := w.sink.Ledger().Read(context.Background(), w.as.Group)
	if err == nil && s.Positions[partition(0)].Offset != until {
		return errors.New("nothing was committed")
	}
	return err
}

func (w *alteredWorker) note(until fencepost.Offset, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.failures++
		w.last = err
	} else {
		w.commits++
		w.held = w.held.Advance(until, fencepost.NoEpoch)
		w.next = w.held.Offset
	}
	w.moved.Broadcast()
}

// batch is the rows up to an offset.
func (w *alteredWorker) batch(until fencepost.Offset) sink.Commit {
	b := &fencepost.Batch{}
	for _, c := range AlteredColumns() {
		b.Columns = append(b.Columns, fencepost.Column{Name: c.Name, Type: c.Type})
	}
	for o := w.held.Offset; o < until; o++ {
		b.Offsets, b.Times = append(b.Offsets, o), append(b.Times, 0)
		for i, v := range alteredValues(o) {
			appendValue(&b.Columns[i], v)
		}
	}
	return One(b, partition(0), w.held, until)
}

func (w *alteredWorker) now() alteredState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.alteredState
}

// until waits for a state, a minute at most.
func (w *alteredWorker) until(what string, reached func(alteredState) bool) {
	w.t.Helper()
	late := time.AfterFunc(time.Minute, func() { w.moved.Broadcast() })
	defer late.Stop()
	deadline := time.Now().Add(time.Minute)
	w.mu.Lock()
	defer w.mu.Unlock()
	for !reached(w.alteredState) {
		if !time.Now().Before(deadline) {
			w.t.Fatalf("%s: the worker does not go on: %d commits, %d failures, the last %v", what, w.commits, w.failures, w.last)
		}
		w.moved.Wait()
	}
}

// stop ends the worker behind its commit.
func (w *alteredWorker) stop() {
	w.quit()
	<-w.done
	if err := errors.Join(w.lane.Close(), w.sink.Close()); err != nil {
		w.t.Error(err)
	}
}
