package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/source"
)

// A partition whose end was fetched is not at its end: what is queued, being decoded or being committed in front of it
// goes in first, however long that takes.
func TestUntilEndAppliesAllThatWasFetched(t *testing.T) {
	for name, slow := range map[string]func(*memory.Store, *Config){
		"slow sink": func(s *memory.Store, _ *Config) {
			s.SetHook(func(_ context.Context, p memory.Point) error {
				if p == memory.BeforeApply {
					time.Sleep(3 * time.Second)
				}
				return nil
			})
		},
		"slow decoder": func(_ *memory.Store, c *Config) {
			dec := &slowDecoder{each: time.Second}
			dec.bad.Store(-1)
			c.Decoder = func() fencepost.Decoder { return dec }
		},
		"low rate": func(_ *memory.Store, c *Config) { c.Rate = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
				w.produce(tp(0), 10)
				wk := w.run(s, func(c *Config) {
					c.Until.End, c.Batch.Records = true, 4
					slow(s, c)
				})
				synctest.Wait()
				w.produce(tp(0), 5) // past the end, so that it shows at once that the end was reached
				wk.source.fetchAtMost(100)
				wk.source.assign(tp(0))
				if err := wk.ends(); err != nil {
					t.Errorf("run until end: %v", err)
				}
				wantRows(t, s, tp(0), upTo(0, 10))
			})
		})
	}
}

// halfway decodes two columns, and fails behind the first.
type halfway struct{ code string }

func (halfway) Columns() []fencepost.ColumnSpec {
	return []fencepost.ColumnSpec{{Name: "a", Type: fencepost.Int}, {Name: "b", Type: fencepost.Int}}
}

func (h halfway) Decode(r *fencepost.Record, cols []fencepost.Column) error {
	cols[0].AppendInt(int64(r.Offset))
	if r.Offset == 3 && r.Partition == 0 {
		return &fencepost.BadRecord{Code: h.code, Reason: "no b in it"}
	}
	cols[1].AppendInt(-int64(r.Offset))
	return nil
}

// A record that fails in the middle leaves nothing in the batch: the rows of other partitions behind it are their own. The
// decoder's code is reported.
func TestARecordThatFailsHalfwayLeavesNothing(t *testing.T) {
	for code, want := range map[string]string{"": "record-undecodable", "no-b": "no-b"} {
		inBubble(t, 2, func(t *testing.T, w *world, s *memory.Store) {
			w.produce(tp(0), 5)
			w.produce(tp(1), 5)
			wk := w.run(s, func(c *Config) { c.Decoder = func() fencepost.Decoder { return halfway{code} } })
			synctest.Wait()
			wk.source.assign(tp(0), tp(1))
			time.Sleep(time.Second)
			wantRows(t, s, tp(0), upTo(0, 3))
			wantRows(t, s, tp(1), upTo(0, 5))
			for _, r := range s.Rows() {
				if r.Values[0] != int64(r.Offset) || r.Values[1] != -int64(r.Offset) {
					t.Errorf("%s at %d has the values %v, want its own offset and the same below zero", r.TopicPartition, r.Offset, r.Values)
				}
			}
			if parked := seen[Parked](wk); len(parked) != 1 || parked[0].Code != want || parked[0].Offset != 3 {
				t.Errorf("parked: %+v, want t:0 at 3, %s", parked, want)
			}
			if err := wk.end(); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
}

// A sink that needs keys and headers gets each record's own, behind the decoder's columns; one that does not gets none.
func TestMetadataGoesWithItsRecord(t *testing.T) {
	for _, needs := range [][]string{nil, {fencepost.MetaKey}, {fencepost.MetaHeaders}, {fencepost.MetaKey, fencepost.MetaHeaders}} {
		inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
			s.Metadata = needs
			w.change(tp(0), func(l *fakeLog) {
				l.append(fencepost.Record{Key: []byte("k"), Headers: []fencepost.Header{{Key: "h", Value: []byte("v")}}})
				l.append(fencepost.Record{})
			})
			wk := w.run(s, func(c *Config) { c.Decoder = func() fencepost.Decoder { return &numbers{} } })
			synctest.Wait()
			s.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
				if len(b.Columns) != 1+len(needs) {
					t.Errorf("a sink that needs %v gets %d columns, want the decoder's one and those", needs, len(b.Columns))
				}
				for _, c := range b.Columns[1:] {
					switch {
					case c.Len() != 2:
						t.Errorf("%s has %d rows of 2", c.Name, c.Len())
					case c.Name == fencepost.MetaKey && (string(c.Bytes(0)) != "k" || !c.Null(1)):
						t.Errorf("the keys are %q and null %t, want k and null", c.Bytes(0), c.Null(1))
					case c.Name == fencepost.MetaHeaders && len(c.Bytes(0)) <= len(c.Bytes(1)):
						t.Errorf("the headers are %q and %q, want those of the first record only", c.Bytes(0), c.Bytes(1))
					}
				}
				tx.Append(memory.RowsOf(b)...)
				return nil
			}
			wk.source.assign(tp(0))
			time.Sleep(time.Second)
			wantRows(t, s, tp(0), upTo(0, 2))
			if err := wk.end(); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
}

// A partition that waits is asked about ever less often, up to the watch interval; one whose fetches go on failing too,
// so that no error becomes a hot loop.
func TestWaitingBacksOff(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 5)
		asked := 0
		var a *answering
		wk := w.run(s, func(c *Config) {
			a = &answering{c.Source.(*feed), func([]fencepost.OffsetQuery, map[fencepost.TopicPartition]fencepost.LogOffsets) { asked++ }}
			c.Source = a
		})
		synctest.Wait()
		w.silence(tp(0), true)
		wk.source.assign(tp(0))
		time.Sleep(10 * time.Minute)
		w.silence(tp(0), false)
		time.Sleep(6 * time.Second)
		wantRows(t, s, tp(0), upTo(0, 5))
		if told := seen[Waiting](wk); len(told) != 1 || told[0].Reason == "" {
			t.Errorf("waiting: %+v was told, want once, with a reason", told)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		if asked < 120 || asked > 135 {
			t.Errorf("the brokers were asked %d times in 10 minutes, want once in 5 s, after a few quicker ones", asked)
		}
	})
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 5)
		var f *failing
		wk := w.run(s, func(c *Config) {
			f = &failing{feed: c.Source.(*feed)}
			c.Source = f
		})
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(10 * time.Minute)
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
		if f.polls < 120 || f.polls > 135 {
			t.Errorf("%d fetches failed in 10 minutes, want one in 5 s, after a few quicker ones", f.polls)
		}
	})
}

// failing is a source whose every fetch fails.
type failing struct {
	*feed
	polls int
}

func (f *failing) Poll(ctx context.Context) ([]source.Fetch, error) {
	chunks, err := f.feed.Poll(ctx)
	for i := range chunks {
		f.polls++
		chunks[i].Records, chunks[i].Err = nil, errors.New("CORRUPT_MESSAGE")
	}
	return chunks, err
}

// Where the topic is another one, no lag can be counted from the position.
func TestNoLagFromAnotherTopicsPosition(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 10)
		wk := w.run(s, nil)
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		w.create("t", 1)
		w.produce(tp(0), 15)
		time.Sleep(11 * time.Second)
		if got := wk.engine().Status(); got.Parked != 1 || got.Lag != 0 {
			t.Errorf("the status is %+v, want one parked partition, and no lag", got)
		}
		if err := wk.end(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
