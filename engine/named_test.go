package engine

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// counting counts what its lanes are asked to commit and to try.
type counting struct {
	sink.Sink
	calls *int
}

func (c counting) Lane(ctx context.Context, n int) (sink.Lane, error) {
	l, err := c.Sink.Lane(ctx, n)
	trier, _ := sink.LaneAs[sink.Trier](l)
	return countingLane{l, trier, c.calls}, err
}

type countingLane struct {
	sink.Lane
	trier sink.Trier
	calls *int
}

func (c countingLane) Commit(ctx context.Context, w ledger.Actor, commit sink.Commit) error {
	*c.calls++
	return c.Lane.Commit(ctx, w, commit)
}

func (c countingLane) Try(ctx context.Context, b *fencepost.Batch) error {
	*c.calls++
	return c.trier.Try(ctx, b)
}

// A store that names the rows which it refuses is asked a few times for each, and not as often as a search takes: for a table the
// front, the row, the rest; where batches are one statement two trials and the rest. One that names another row is searched.
func TestNamedRowsAreNotSearchedFor(t *testing.T) {
	const records = 1000
	bad := []fencepost.Offset{0, 400, 401, 999}
	for name, c := range map[string]struct {
		store func(*memory.Store) sink.Sink
		most  int // calls
	}{
		"table":                 {func(s *memory.Store) sink.Sink { return naming{s, 0} }, 1 + 3*len(bad)},
		"statement":             {func(s *memory.Store) sink.Sink { return naming{trying{s}, 0} }, 1 + 3*len(bad)},
		"table, wrong name":     {func(s *memory.Store) sink.Sink { return naming{s, 3} }, 3 + 2*11*len(bad)},
		"statement, wrong name": {func(s *memory.Store) sink.Sink { return naming{trying{s}, 3} }, 1 + 13*len(bad)},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				s.SetReject(refuseNegative)
				values := make([]string, records)
				for i := range values {
					values[i] = strconv.Itoa(i)
				}
				for _, at := range bad {
					values[at] = "-1"
				}
				w.produced(tp(0), values...)
				calls := 0
				wk := w.run(counting{c.store(s), &calls}, passing(DeadLetter, func(c *Config) { c.Batch.MinRows, c.Batch.MaxWait = records, time.Minute }))
				synctest.Wait()
				wk.source.most = records
				wk.source.assign(tp(0))
				time.Sleep(time.Second)
				wantLetters(t, s, map[fencepost.TopicPartition][]fencepost.Offset{tp(0): bad})
				if n := len(s.Rows()); n != records-len(bad) {
					t.Errorf("%d rows, want %d", n, records-len(bad))
				}
				if st := wk.engine().Status(); st.Bytes > records*100 { // a record's size in the source of the tests
					t.Errorf("%d bytes were reported, want each record's once: %d", st.Bytes, records*100)
				}
				if calls > c.most {
					t.Errorf("the store was asked %d times, want at most %d", calls, c.most)
				}
				if err := wk.end(); err != nil {
					t.Errorf("run: %v", err)
				}
			})
		})
	}
}

// A row that the store names, and takes behind those in front of it, is not blamed: here it needs one of them.
func TestANamedRowThatNeedsAnotherIsTaken(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		s.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
			for row := range b.All() {
				switch n := b.Columns[0].Int(row); {
				case n < 0:
					return &sink.Rejected{Code: "23514", Reason: "n is negative", Row: 4} // 40, which stands in front of it
				case n == 40 && tx.Value("parent") == "":
					return &sink.Rejected{Code: "23503", Reason: "40 needs 10"}
				case n == 10:
					tx.Set("parent", "there")
				}
			}
			tx.Append(memory.RowsOf(b)...)
			return nil
		}
		w.produced(tp(0), "10", "20", "30", "40", "-1", "50")
		wk := w.run(halving{s}, passing(DeadLetter))
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), []fencepost.Offset{0, 1, 2, 3, 5})
		wantLetters(t, s, map[fencepost.TopicPartition][]fencepost.Offset{tp(0): {4}})
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// narrow is a store that keeps letters of so many bytes in one commit, and no more. rows: it looks at the rows first.
type narrow struct {
	sink.Sink
	most int
	rows bool
}

func (n narrow) Lane(ctx context.Context, i int) (sink.Lane, error) {
	l, err := n.Sink.Lane(ctx, i)
	return narrowLane{l, n}, err
}

type narrowLane struct {
	sink.Lane
	narrow
}

// Close is the lane's.
func (n narrowLane) Close() error { return n.Lane.Close() }

func (n narrowLane) Commit(ctx context.Context, w ledger.Actor, c sink.Commit) error {
	size := 0
	for _, d := range c.Dead {
		size += len(d.Value)
	}
	for row := range c.All() {
		if n.rows && c.Columns[0].Int(row) < 0 {
			size = 0
		}
	}
	if size > n.most {
		return &sink.Rejected{Code: "1153", Blame: sink.TheSize, Reason: "the letters are larger than a packet"}
	}
	return n.Lane.Commit(ctx, w, c)
}

// Letters that are too large together are kept one by one, and one that is too large alone parks its partition: no row beside them
// is to blame, and nothing is tried for ever.
func TestLettersThatAreTooLarge(t *testing.T) {
	big, huge := strings.Repeat("x", 60), strings.Repeat("y", 101)
	for name, c := range map[string]struct {
		store   func(*memory.Store) sink.Sink
		values  []string
		gone    int // the offset at which the log has a hole
		rows    []fencepost.Offset
		letters []fencepost.Offset
		parked  fencepost.Offset // 0: nothing is
	}{
		"beside rows that are refused": {func(s *memory.Store) sink.Sink { return narrow{naming{s, 0}, 100, false} },
			[]string{"1", big, big, big, "2", big, "-1", big, "3", "4", big, big, huge, "5"}, 11,
			[]fencepost.Offset{0, 4, 8, 9}, []fencepost.Offset{1, 2, 3, 5, 6, 7, 10}, 12},
		"in front of a row that is named by mistake": {func(s *memory.Store) sink.Sink { return naming{narrow{s, 100, true}, -1} },
			[]string{"1", big, big, "2", "-1", "3", "4"}, 6,
			[]fencepost.Offset{0, 3, 5}, []fencepost.Offset{1, 2, 4}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				w.produced(tp(0), c.values...)
				w.change(tp(0), func(l *fakeLog) { l.entries = append(l.entries[:c.gone:c.gone], l.entries[c.gone+1:]...) })
				s.SetReject(refuseNegative)
				wk := w.run(c.store(s), passing(DeadLetter))
				synctest.Wait()
				wk.source.most = 100
				wk.source.assign(tp(0))
				time.Sleep(20 * time.Second)
				wantRows(t, s, tp(0), c.rows)
				wantLetters(t, s, map[fencepost.TopicPartition][]fencepost.Offset{tp(0): c.letters})
				parked := seen[Parked](wk)
				if n := len(parked); n != min(1, int(c.parked)) || n == 1 && (parked[0].Offset != c.parked || parked[0].Code != "record-refused") {
					t.Errorf("parked: %+v, want one at %d, if that is not 0", parked, c.parked)
				}
				if err := wk.end(); err != nil {
					t.Errorf("run: %v", err)
				}
			})
		})
	}
}

// Batches are smaller where refused rows are passed, and grow again behind them.
func TestBatchesAreSmallerAmongRefusedRows(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		const bad, clean, every, batch = 32_000, 120_000, 4_000, 4_000
		s.SetReject(refuseNegative)
		values := make([]string, bad+clean)
		for i := range values {
			values[i] = "1"
			if i < bad && i%every == every/2 {
				values[i] = "-1"
			}
		}
		w.produced(tp(0), values...)
		wk := w.run(naming{trying{s}, 0}, passing(DeadLetter, func(c *Config) { c.Batch.Records = batch }))
		synctest.Wait()
		wk.source.most = batch
		wk.source.assign(tp(0))
		time.Sleep(time.Minute)
		among, behind := 0, 0
		for _, e := range seen[Committed](wk) {
			switch from := e.Segments[0].Range.From; {
			case from > bad/2 && from < bad-every:
				among = max(among, e.Rows)
			case from > bad+clean/2:
				behind = max(behind, e.Rows)
			}
		}
		if among == 0 || among > every/2 {
			t.Errorf("among refused rows the largest batch has %d rows, want at most %d, and any", among, every/2)
		}
		if behind <= 2*among {
			t.Errorf("far behind them the largest batch has %d rows, want more than twice %d", behind, among)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
