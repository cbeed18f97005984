package engine

import (
	"context"
	"fmt"
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
)

// lists decodes numbers between commas, a row for each; of an empty value none. Everything else is bad as a whole.
type lists struct{ graded }

func (l lists) Decode(r *fencepost.Record, cols []fencepost.Column) error {
	if len(r.Value) == 0 {
		return fencepost.ErrNoRow
	}
	for _, v := range strings.Split(string(r.Value), ",") {
		if err := l.graded.Decode(&fencepost.Record{Value: []byte(v)}, cols); err != nil {
			return err
		}
	}
	return nil
}

// exploding has a worker decode lists.
func exploding(c *Config) { c.Decoder = func() fencepost.Decoder { return lists{} } }

// list is a value of n numbers, each of them v.
func list(v string, n int) string { return strings.TrimSuffix(strings.Repeat(v+",", n), ",") }

// times is a list of offsets, each so often.
func times(n int, at ...fencepost.Offset) (out []fencepost.Offset) {
	for _, o := range at {
		for range n {
			out = append(out, o)
		}
	}
	return out
}

// Rows of one record are never in two commits. A batch has at most Batch.Records rows, unless it is one record that has more. Records are
// counted as records, and what was claimed in vain is no longer counted as waiting.
func TestRowsOfARecordShareACommit(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		var batches []string
		s.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
			rows := memory.RowsOf(b)
			var of []string
			for _, r := range rows {
				of = append(of, fmt.Sprint(r.Offset))
			}
			batches = append(batches, strings.Join(of, " "))
			tx.Append(rows...)
			return nil
		}
		w.produced(tp(0), list("1", 4), list("2", 4), "3", list("4", 2), "", list("6", 12), "7", list("8", 10), list("9", 3))
		wk := w.run(s, func(c *Config) { exploding(c); c.Batch.Records = 10 })
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		want := slices.Concat(times(4, 0, 1), times(1, 2), times(2, 3), times(12, 5), times(1, 6), times(10, 7), times(3, 8))
		wantRows(t, s, tp(0), want)
		var got []string
		for _, b := range batches {
			got = append(got, strings.Join(slices.Compact(strings.Fields(b)), " "))
		}
		if first := "0 1 2"; got[0] != first {
			t.Errorf("the first batch has the records %s, want %s: with 3 it had 11 rows", got[0], first)
		}
		for i, b := range batches {
			if n := len(strings.Fields(b)); n > 10 && got[i] != "5" {
				t.Errorf("a batch of the records %s has %d rows, want at most 10", got[i], n)
			}
			if i > 0 && strings.HasPrefix(got[i], got[i-1][strings.LastIndexByte(got[i-1], ' ')+1:]+" ") {
				t.Errorf("a record has rows in two commits: %s, then %s", got[i-1], got[i])
			}
		}
		st := wk.engine().Status()
		records := 0
		for _, c := range seen[Committed](wk) {
			records += c.Records
		}
		if st.Records != 8 || records != 8 || st.Lag != 0 {
			t.Errorf("status %+v and %d records in commits, want 8 and no lag", st, records)
		}
		e := wk.engine()
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		if got := e.poller.mu.bytes; got != 0 {
			t.Errorf("%d bytes are still counted as waiting at the end, want 0", got)
		}
	})
}

// A row that the store refuses, or an element that does not decode, takes its record and no other: as a letter, by trials and by halves,
// or by parking the partition there.
func TestABadRowTakesItsRecord(t *testing.T) {
	for _, as := range []Treatment{DeadLetter, Park} {
		for name, store := range map[string]func(*memory.Store) sink.Sink{
			"by trials": func(s *memory.Store) sink.Sink { return s },
			"by halves": func(s *memory.Store) sink.Sink { return halving{s} },
		} {
			t.Run(name+" "+as.String(), func(t *testing.T) {
				inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
					s.SetReject(refuseNegative)
					w.produced(tp(0), "1,2", "3,-3,4", "5,6,7", "8", "-1", "10,x", "11,11", "-2,-2,-2,-2")
					w.produced(tp(1), "1,1,1,1,1,1,1")
					wk := w.run(store(s), passing(as, exploding))
					synctest.Wait()
					wk.source.most = 100
					wk.source.assign(tp(0), tp(1))
					time.Sleep(time.Second)
					wantRows(t, s, tp(1), times(7, 0))
					if as == Park {
						wantRows(t, s, tp(0), times(2, 0))
						if p := position(t, s, tp(0)); p.Offset != 1 || len(seen[Parked](wk)) == 0 {
							t.Errorf("the position is %d, %d parked, want 1 and parked there", p.Offset, len(seen[Parked](wk)))
						}
					} else {
						wantRows(t, s, tp(0), slices.Concat(times(2, 0), times(3, 2), times(1, 3), times(2, 6)))
						wantLetters(t, s, map[fencepost.TopicPartition][]fencepost.Offset{tp(0): {1, 4, 5, 7}})
						if v := string(lettersOf(t, s)[0].Value); v != "3,-3,4" {
							t.Errorf("the letter holds %q, want the whole record", v)
						}
					}
					if err := wk.end(); err != nil {
						t.Errorf("run: %v", err)
					}
				})
			})
		}
	}
}

// A partition whose records make many rows leaves the others their turn.
func TestManyRowsStarveNoPartition(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
		var heavy, light []string
		for range 1000 {
			heavy, light = append(heavy, list("1", 50)), append(light, "1")
		}
		w.produced(tp(0), heavy...)
		w.produced(tp(1), light[:100]...)
		s.SetHook(func(_ context.Context, p memory.Point) error {
			if p == memory.BeforeApply {
				time.Sleep(10 * time.Millisecond)
			}
			return nil
		})
		wk := w.run(s, func(c *Config) { exploding(c); c.Batch.Records = 200 })
		synctest.Wait()
		wk.source.most = 2000
		wk.source.assign(tp(0), tp(1))
		for len(offsets(s, tp(1))) < 100 && len(offsets(s, tp(0))) < 50_000 {
			time.Sleep(10 * time.Millisecond)
		}
		if n := len(offsets(s, tp(0))); n > 25_000 {
			t.Errorf("partition 0 has %d of 50,000 rows when partition 1 has its 100, want less than half", n)
		}
		time.Sleep(time.Minute)
		wantRows(t, s, tp(0), times(50, upTo(0, 1000)...))
		wantRows(t, s, tp(1), upTo(0, 100))
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// A letter whose record makes several rows is applied with all of them.
func TestReplayOfSeveralRows(t *testing.T) {
	s := memory.Open()
	at := ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: 7}
	writer := ledger.Actor{Group: "g", Who: "op@test"}
	if err := s.Move(t.Context(), writer, []ledger.Move{{TopicPartition: tp(0), Next: at, Cause: ledger.CauseStart}}); err != nil {
		t.Fatal(err)
	}
	lane, _ := s.Lane(t.Context(), 0)
	if err := lane.Commit(t.Context(), writer, sink.Commit{Batch: &fencepost.Batch{Segments: []fencepost.Segment{{TopicPartition: tp(0), Range: fencepost.OffsetRange{Until: 1}}}},
		Moves: []ledger.Move{{TopicPartition: tp(0), Held: at, Next: at.Advance(1, fencepost.NoEpoch), Cause: ledger.CauseCommit}},
		Dead:  []ledger.DeadLetter{{LetterID: ledger.LetterID{TopicPartition: tp(0)}, Value: []byte("1,2,3"), Code: "record-refused", Reason: "then"}}}); err != nil {
		t.Fatal(err)
	}
	if err := (Replay{Sink: s, Decoder: func() fencepost.Decoder { return lists{} }, Writer: writer}).Run(t.Context(), lettersOf(t, s), func(_ ledger.Letter, out Replayed, why error) {
		if out != ReplayApplied {
			t.Errorf("the letter is %s: %v, want applied", out, why)
		}
	}); err != nil {
		t.Fatal(err)
	}
	wantRows(t, s, tp(0), times(3, 0))
}

// TestExplodedPoison is TestPoisonIsARowOrALetterOnce with several rows to a record: all of them, or its letter.
func TestExplodedPoison(t *testing.T) {
	seeds := 9
	if testing.Short() {
		seeds = 3
	}
	for seed := range uint64(seeds) {
		synctest.Test(t, func(t *testing.T) { poison(t, seed, 7) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// widthOf is how many rows the record at an offset makes, where most make.
func widthOf(at fencepost.Offset, most int) int { return 1 + int(at)*31%most }

// several is the value of a record at an offset that has v among its numbers.
func several(at fencepost.Offset, v string, most int) string {
	n := widthOf(at, most)
	values := slices.Repeat([]string{strconv.Itoa(int(at))}, n)
	values[int(at)%n] = v
	return strings.Join(values, ",")
}

// The store is never asked about a part of a record's rows: SQL may look at all of them together.
func TestTrialsPartNoRecord(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		s.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
			rows := memory.RowsOf(b)
			seen := map[fencepost.Offset]int{}
			for _, r := range rows {
				seen[r.Offset]++
			}
			for at, n := range seen {
				if n != 5 {
					t.Errorf("the store is asked about %d rows of the record at %d, which has 5", n, at)
				}
			}
			for _, r := range rows {
				if rejected := refuseNegative(r); rejected != nil {
					return rejected
				}
			}
			tx.Append(rows...)
			return nil
		}
		w.produced(tp(0), list("1", 5), "1,1,1,1,-1", list("2", 5), "-1,1,1,1,1", list("3", 5), list("4", 5), list("5", 5))
		wk := w.run(s, passing(DeadLetter, exploding))
		synctest.Wait()
		wk.source.most = 100
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		wantRows(t, s, tp(0), times(5, 0, 2, 4, 5, 6))
		wantLetters(t, s, map[fencepost.TopicPartition][]fencepost.Offset{tp(0): {1, 3}})
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
