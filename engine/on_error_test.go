package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/google/go-cmp/cmp"
)

// graded decodes a number, and calls everything else bad.
type graded struct{}

func (graded) Columns() []fencepost.ColumnSpec {
	return []fencepost.ColumnSpec{{Name: "n", Type: fencepost.Int}}
}

func (graded) Decode(r *fencepost.Record, cols []fencepost.Column) error {
	n, err := strconv.ParseInt(string(r.Value), 10, 64)
	if err != nil {
		return &fencepost.BadRecord{Code: "record-undecodable", Reason: "no number: " + string(r.Value)}
	}
	cols[0].AppendInt(n)
	return nil
}

// number is the column n of a row.
func number(r memory.Row) int64 { return r.Values[0].(int64) }

// refuseNegative has the store refuse rows below zero.
func refuseNegative(r memory.Row) *sink.Rejected {
	if number(r) < 0 {
		return &sink.Rejected{Code: "23514", Reason: "n is negative"}
	}
	return nil
}

// produced appends records with these values, each with a key and a header.
func (w *world) produced(tp fencepost.TopicPartition, values ...string) {
	w.change(tp, func(l *fakeLog) {
		for _, v := range values {
			l.append(fencepost.Record{Key: []byte("key of " + v), Value: []byte(v), Headers: []fencepost.Header{{Key: "h", Value: []byte(v)}}})
		}
	})
}

// passing is how the tests' workers treat every bad record.
func passing(as Treatment, more ...func(*Config)) func(*Config) {
	return func(c *Config) {
		c.Decoder = func() fencepost.Decoder { return graded{} }
		c.OnError = OnError{Undecodable: as, Refused: as, TooLarge: as}
		for _, f := range more {
			f(c)
		}
	}
}

func lettersOf(t *testing.T, s *memory.Store) (letters []ledger.Letter) {
	t.Helper()
	for l, err := range s.Letters(t.Context(), "g") {
		if err != nil {
			t.Fatal(err)
		}
		letters = append(letters, l)
	}
	return letters
}

// wantLetters fails unless the partitions' letters are at these offsets.
func wantLetters(t *testing.T, s *memory.Store, want map[fencepost.TopicPartition][]fencepost.Offset) {
	t.Helper()
	got := map[fencepost.TopicPartition][]fencepost.Offset{}
	for _, l := range lettersOf(t, s) {
		got[l.TopicPartition] = append(got[l.TopicPartition], l.Offset)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("letters (-want +got):\n%s", diff)
	}
}

// plainLane hides what a lane can besides.
type plainLane struct{ sink.Lane }

// halving is a sink whose lanes cannot try: bad rows are found by commits of halves.
type halving struct{ *memory.Store }

func (h halving) Lane(ctx context.Context, n int) (sink.Lane, error) {
	l, err := h.Store.Lane(ctx, n)
	return plainLane{l}, err
}

// trying is a sink whose batches are one statement: bad rows are found by trials.
type trying struct{ *memory.Store }

func (t trying) Capabilities() sink.Capabilities {
	c := t.Store.Capabilities()
	c.Together = true
	return c
}

// naming is a sink whose store names the row that it refuses. astray: it names one that comes so many rows later.
type naming struct {
	sink.Sink
	astray int
}

func (n naming) Lane(ctx context.Context, i int) (sink.Lane, error) {
	l, err := n.Sink.Lane(ctx, i)
	return namingLane{l, n.astray}, err
}

type namingLane struct {
	sink.Lane
	astray int
}

func (n namingLane) Unwrap() sink.Lane { return n.Lane }

func (n namingLane) Commit(ctx context.Context, w ledger.Actor, c sink.Commit) error {
	err := n.Lane.Commit(ctx, w, c)
	r, ok := errors.AsType[*sink.Rejected](err)
	if !ok {
		return err
	}
	named := *r
	at := 0
	for row := range c.All() {
		if at++; c.Columns[0].Int(row) < 0 {
			named.Row = at + n.astray
			break
		}
	}
	return fmt.Errorf("commit batch: %w", &named)
}

// Bad records of both kinds become letters with all that a record has, in the commit that passes them, whichever way they are found;
// the others are applied, and nothing parks.
func TestBadRecordsBecomeLetters(t *testing.T) {
	for name, store := range map[string]func(*memory.Store) sink.Sink{
		"by trials":           func(s *memory.Store) sink.Sink { return trying{s} },
		"by halves":           func(s *memory.Store) sink.Sink { return halving{s} },
		"by name":             func(s *memory.Store) sink.Sink { return naming{s, 0} },
		"by a wrong name":     func(s *memory.Store) sink.Sink { return naming{s, 1} },
		"by name, tried":      func(s *memory.Store) sink.Sink { return naming{trying{s}, 0} },
		"by wrong name tried": func(s *memory.Store) sink.Sink { return naming{trying{s}, -1} },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
				s.SetReject(refuseNegative)
				w.produced(tp(0), "0", "x1", "2", "-3", "4", "-5", "6", "x7", "8")
				w.produced(tp(1), "-1", "1")
				wk := w.run(store(s), passing(DeadLetter))
				synctest.Wait()
				wk.source.most = 100
				wk.source.assign(tp(0), tp(1))
				time.Sleep(time.Second)
				wantRows(t, s, tp(0), []fencepost.Offset{0, 2, 4, 6, 8})
				wantRows(t, s, tp(1), []fencepost.Offset{1})
				wantLetters(t, s, map[fencepost.TopicPartition][]fencepost.Offset{tp(0): {1, 3, 5, 7}, tp(1): {0}})
				letters := lettersOf(t, s)
				if l := letters[0]; string(l.Key) != "key of x1" || string(l.Value) != "x1" || len(l.Headers) != 1 || string(l.Headers[0].Value) != "x1" ||
					l.Code != "record-undecodable" || l.Reason != "no number: x1" || l.Timestamp == 0 || l.TopicID != w.id("t") || l.Who != "w@test" {
					t.Errorf("the letter of an undecodable record is %+v", l)
				}
				if l := letters[1]; string(l.Key) != "key of -3" || string(l.Value) != "-3" || string(l.Headers[0].Value) != "-3" ||
					l.Code != "record-refused" || !strings.Contains(l.Reason, "n is negative") {
					t.Errorf("the letter of a refused record is %+v", l)
				}
				st := wk.engine().Status()
				if parked := seen[Parked](wk); len(parked) != 0 || st.Letters != 5 || st.Skipped != 0 || st.Records != 6 || st.Lag != 0 {
					t.Errorf("parked: %v; status %+v, want 5 letters, 6 records and nothing parked", parked, st)
				}
				total := 0
				for _, e := range seen[Passed](wk) {
					_, letters := e.Counts()
					total += letters
				}
				if total != 5 {
					t.Errorf("%d letters were reported, want 5", total)
				}
				e := wk.engine()
				if err := wk.end(); err != nil {
					t.Errorf("run: %v", err)
				}
				if got := e.poller.mu.bytes; got != 0 {
					t.Errorf("%d bytes are still counted as waiting at the end, want 0", got)
				}
			})
		})
	}
}

// Where a lane can try, the good rows of a refused batch are one commit: a handler that looks at all rows of a batch, in
// order, makes the same of them as without the bad ones. A row that needs one in front of it is not blamed.
func TestGoodRowsOfARefusedBatchAreOneCommit(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		var values []string
		for i := range 100 {
			values = append(values, strconv.Itoa(i))
		}
		bad := []int{0, 17, 18, 63, 99}
		for _, i := range bad {
			values[i] = "-1"
		}
		runs := 0
		s.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
			runs++
			seen, parent := "", false
			for row := range b.All() {
				n := b.Columns[0].Int(row)
				if n < 0 {
					return &sink.Rejected{Code: "23514", Reason: "n is negative"}
				}
				if n == 90 && !parent {
					return &sink.Rejected{Code: "23503", Reason: "90 needs 10 in front of it"}
				}
				parent = parent || n == 10
				seen += fmt.Sprint(n, " ")
			}
			tx.Set("all", tx.Value("all")+seen+"| ")
			tx.Append(memory.RowsOf(b)...)
			return nil
		}
		w.produced(tp(0), values...)
		wk := w.run(s, passing(DeadLetter))
		synctest.Wait()
		wk.source.most = 1000
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		want := ""
		for i, v := range values {
			if !slices.Contains(bad, i) {
				want += v + " "
			}
		}
		if got := s.Values()["all"]; got != want+"| " {
			t.Errorf("the handler made %q of the batch, want %q", got, want+"| ")
		}
		wantLetters(t, s, map[fencepost.TopicPartition][]fencepost.Offset{tp(0): {0, 17, 18, 63, 99}})
		if most := 1 + len(bad)*(1+8); runs > most { // each bad row: log2(100) trials and a commit
			t.Errorf("the handler ran %d times, want at most %d", runs, most)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// Skipped records are in the history, with their offsets and the reason, and in nothing else.
func TestSkippedRecordsAreInTheHistory(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		s.SetReject(refuseNegative)
		w.produced(tp(0), "0", "x1", "x1", "-3", "4")
		wk := w.run(s, passing(Skip))
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), []fencepost.Offset{0, 4})
		wantLetters(t, s, map[fencepost.TopicPartition][]fencepost.Offset{})
		var whys []string
		atMost := int64(0)
		for m, err := range s.Moves(t.Context(), "g") {
			if err == nil && m.Cause == ledger.CauseCommit && m.Why != "" {
				whys, atMost = append(whys, m.Why), atMost+m.AtMost
			}
		}
		want := []string{"skipped by on_error: 1 (record-undecodable: no number: x1), 2, 3 (record-refused: n is negative (23514))"}
		if !slices.Equal(whys, want) || atMost != 3 {
			t.Errorf("the history says %q of at most %d records, want %q of 3", whys, atMost, want)
		}
		if st := wk.engine().Status(); st.Skipped != 3 || st.Letters != 0 || st.Parked != 0 {
			t.Errorf("status %+v, want 3 skipped", st)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// One bad record too many parks its partition exactly there, under a code of its own, and stays so however long it is tested;
// the good records in front of it are in. Other partitions have an allowance of their own. Once the record can be applied,
// the partition goes on.
func TestOneBadRecordTooMany(t *testing.T) {
	for name, bad := range map[string]string{"undecodable": "x", "refused": "-1"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
				s.SetReject(refuseNegative)
				w.produced(tp(0), "0", bad, "2", bad, "4", bad, "6", bad)
				w.produced(tp(1), "0", bad, "2")
				wk := w.run(s, passing(DeadLetter, func(c *Config) { c.OnError.Max, c.OnError.Per = 2, time.Minute }))
				synctest.Wait()
				wk.source.most = 100
				wk.source.assign(tp(0), tp(1))
				time.Sleep(5 * time.Minute)
				wantRows(t, s, tp(0), []fencepost.Offset{0, 2, 4})
				wantRows(t, s, tp(1), []fencepost.Offset{0, 2})
				wantLetters(t, s, map[fencepost.TopicPartition][]fencepost.Offset{tp(0): {1, 3}, tp(1): {1}})
				parked := seen[Parked](wk)
				if len(parked) != 1 || parked[0].Code != "too-many-bad" || parked[0].Offset != 5 || parked[0].TopicPartition != tp(0) ||
					!strings.Contains(parked[0].Reason, "more than 2 bad records within 1m0s") {
					t.Errorf("parked: %+v, want t:0 at 5, once", parked)
				}
				if got := position(t, s, tp(0)).Offset; got != 5 {
					t.Errorf("the position of t:0 is %d, want 5", got)
				}
				w.change(tp(0), func(l *fakeLog) { l.entries[5].Value = []byte("5") })
				time.Sleep(10 * time.Second)
				wantRows(t, s, tp(0), []fencepost.Offset{0, 2, 4, 5, 6})
				wantLetters(t, s, map[fencepost.TopicPartition][]fencepost.Offset{tp(0): {1, 3, 7}, tp(1): {1}})
				if err := wk.end(); err != nil {
					t.Errorf("run: %v", err)
				}
			})
		})
	}
}

// Each kind has its own treatment; what may be no record's fault always parks.
func TestKindsOfBadRecordsAreApart(t *testing.T) {
	refuse := func(b sink.Blame) func(*memory.Store) {
		return func(s *memory.Store) {
			s.SetReject(func(r memory.Row) *sink.Rejected {
				if number(r) < 0 {
					return &sink.Rejected{Code: "X", Reason: "no", Blame: b}
				}
				return nil
			})
		}
	}
	for name, c := range map[string]struct {
		on   OnError
		bad  string
		with func(*memory.Store)
		want bool // it is passed
	}{
		"undecodable":         {OnError{Undecodable: DeadLetter}, "x", refuse(sink.TheRows), true},
		"undecodable, others": {OnError{Refused: DeadLetter, TooLarge: DeadLetter}, "x", refuse(sink.TheRows), false},
		"refused":             {OnError{Refused: DeadLetter}, "-1", refuse(sink.TheRows), true},
		"refused, others":     {OnError{Undecodable: DeadLetter, TooLarge: DeadLetter}, "-1", refuse(sink.TheRows), false},
		"too large":           {OnError{TooLarge: DeadLetter}, "-1", refuse(sink.TheSize), true},
		"too large, others":   {OnError{Undecodable: DeadLetter, Refused: DeadLetter}, "-1", refuse(sink.TheSize), false},
		"perhaps the rows":    {OnError{DeadLetter, DeadLetter, DeadLetter, -1, 0}, "-1", refuse(sink.PerhapsTheRows), false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				c.with(s)
				w.produced(tp(0), "0", "1", c.bad, "3")
				wk := w.run(s, passing(Park, func(cfg *Config) { cfg.OnError = c.on }))
				synctest.Wait()
				wk.source.assign(tp(0))
				time.Sleep(time.Minute)
				want := map[fencepost.TopicPartition][]fencepost.Offset{}
				rows := []fencepost.Offset{0, 1}
				if c.want {
					want[tp(0)], rows = []fencepost.Offset{2}, append(rows, 3)
				}
				wantRows(t, s, tp(0), rows)
				wantLetters(t, s, want)
				if parked := len(seen[Parked](wk)) > 0; parked == c.want {
					t.Errorf("parked: %t, want %t", parked, !c.want)
				}
				if err := wk.end(); err != nil {
					t.Errorf("run: %v", err)
				}
			})
		})
	}
}

// A position that is moved back over a letter: the letter goes in the commit that applies its record after all, or is replaced by
// that of its new reason. Whatever becomes of the record, it is a row or a letter, once.
func TestARewindOverLetters(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produced(tp(0), "0", "x1", "2", "x3", "4")
		first := w.run(s, passing(DeadLetter))
		synctest.Wait()
		first.source.assign(tp(0))
		time.Sleep(time.Second)
		wantLetters(t, s, map[fencepost.TopicPartition][]fencepost.Offset{tp(0): {1, 3}})
		w.change(tp(0), func(l *fakeLog) { l.entries[1].Value, l.entries[3].Value = []byte("1"), []byte("still") })
		held := position(t, s, tp(0))
		back := held
		back.Offset, back.Fence = 1, 99
		if err := s.Move(t.Context(), ledger.Actor{Group: "g"}, []ledger.Move{{TopicPartition: tp(0), Held: held, Next: back, Cause: ledger.CauseRewind}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		wantRows(t, s, tp(0), []fencepost.Offset{0, 2, 4, 1, 2, 4})
		wantLetters(t, s, map[fencepost.TopicPartition][]fencepost.Offset{tp(0): {3}})
		if got := lettersOf(t, s)[0].Reason; got != "no number: still" {
			t.Errorf("the letter says %q, want its newest reason", got)
		}
		if err := first.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// A sink whose effects are apart from its ledger, or whose ledger keeps no letters, is refused before anything is asked.
func TestSinksWithoutLetters(t *testing.T) {
	for name, s := range map[string]sink.Sink{"apart": &apart{memory.Open()}, "none": mute{memory.Open()}} {
		_, err := New(Config{Group: "g", Source: (&world{}).source(), Sink: s, Decoder: func() fencepost.Decoder { return graded{} }, OnError: OnError{Refused: DeadLetter}})
		if err == nil || !strings.Contains(err.Error(), "engine.Config.OnError: ") {
			t.Errorf("%s: got %v, want an error about OnError", name, err)
		}
		if _, err := New(Config{Group: "g", Source: (&world{}).source(), Sink: s, Decoder: func() fencepost.Decoder { return graded{} }, OnError: OnError{Refused: Skip}}); err != nil {
			t.Errorf("%s, with skip: %v", name, err)
		}
	}
}

// apart is a sink that says its effects live elsewhere.
type apart struct{ *memory.Store }

func (a *apart) Capabilities() sink.Capabilities {
	return sink.Capabilities{Name: "apart", Apart: true}
}

// mute is a sink whose ledger is a Ledger and nothing else.
type mute struct{ *memory.Store }

func (m mute) Ledger() ledger.Ledger { return struct{ ledger.Ledger }{m.Store} }

// The poison: among many records some of both kinds are bad, answers are lost, the store is down at times, and partitions go from
// worker to worker. In the end every record is a row or a letter, once.
func TestPoisonIsARowOrALetterOnce(t *testing.T) {
	seeds := 18
	if testing.Short() {
		seeds = 3
	}
	for seed := range uint64(seeds) {
		synctest.Test(t, func(t *testing.T) { poison(t, seed, 1) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// poison has records of at most so many rows.
func poison(t *testing.T, seed uint64, most int) {
	rng := rand.New(rand.NewPCG(seed, 3))
	const partitions, records = 3, 400
	w, s := newWorld(t), memory.Open()
	w.create("t", partitions)
	s.SetReject(refuseNegative)
	store := []sink.Sink{trying{s}, halving{s}, naming{s, 0}, naming{s, 1}, naming{trying{s}, 0}, naming{s, -1}}[seed%6]
	all, bad := map[fencepost.TopicPartition][]fencepost.Offset{}, map[fencepost.TopicPartition][]fencepost.Offset{}
	add := func(p fencepost.TopicPartition, n int) {
		for range n {
			at := fencepost.Offset(len(all[p]) + len(bad[p]))
			v := strconv.Itoa(int(at))
			switch rng.IntN(25) {
			case 0:
				v = "x"
			case 1:
				v = "-1"
			}
			if v == "x" || v == "-1" {
				bad[p] = append(bad[p], at)
			} else {
				all[p] = append(all[p], at)
			}
			w.produced(p, several(at, v, most))
		}
	}
	start := func() *worker {
		wk := w.run(store, passing(DeadLetter, exploding, func(c *Config) {
			c.Batch.Records, c.Watch, c.OnError.Max = 1+rng.IntN(60), time.Second, -1
		}))
		wk.source.most = 1 + rng.IntN(100)
		synctest.Wait()
		return wk
	}
	workers := []*worker{start(), start()}
	s.SetHook(slow(seed))
	owner := map[int32]int{0: -1, 1: -1, 2: -1}
	for range 30 {
		p := int32(rng.IntN(partitions))
		for q := range int32(partitions) {
			add(tp(q), records/30)
		}
		s.Inject(memory.Fault(rng.IntN(4)), memory.NoFault, memory.Fault(rng.IntN(4)))
		heir := rng.IntN(2)
		if owner[p] >= 0 && owner[p] != heir {
			workers[owner[p]].source.revoke(rng.IntN(2) == 0, tp(p))
		}
		if owner[p] != heir {
			workers[heir].source.assign(tp(p))
			owner[p] = heir
		}
		time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
	}
	s.SetHook(nil)
	for p := range int32(partitions) {
		if owner[p] < 0 {
			workers[0].source.assign(tp(p))
		}
	}
	time.Sleep(2 * time.Minute)
	for _, wk := range workers {
		if err := wk.end(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	}
	for p := range int32(partitions) {
		var rows []fencepost.Offset
		for _, at := range all[tp(p)] {
			rows = append(rows, times(widthOf(at, most), at)...)
		}
		wantRows(t, s, tp(p), rows)
	}
	for p, at := range bad {
		if len(at) == 0 {
			delete(bad, p)
		}
	}
	wantLetters(t, s, bad)
}
