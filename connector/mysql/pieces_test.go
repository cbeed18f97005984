package mysql

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// small is a max_allowed_packet that takes a compare-and-set and some rows.
const small = 16 << 10

// piece takes one piece of a batch: it is no transaction, and fits the server.
func piece(b *backend) (text string) {
	text = b.hears("insert into `shop`.")
	if strings.Contains(text, begin) || len(text)+1 > small {
		b.fail("heard a piece of %d bytes, in a transaction: %t", len(text), strings.Contains(text, begin))
	}
	return text
}

// pieces takes pieces until it has n rows, and answers them.
func pieces(b *backend, n int) {
	for got := 0; got < n; b.says(done) {
		got += strings.Count(piece(b), "'flights:0@")
	}
}

const rowsOfPieces = 1000 // some three pieces

// A batch larger than a packet goes into the temporary table in pieces, each row once, before its transaction begins.
// Rows go on in one flush, which holds none of them.
func TestBatchOfSeveralPieces(t *testing.T) {
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			onScriptOf(t, small, y.config, []script{func(b *backend) {
				y.meets(b)
				if y.config.Table != "" {
					b.hears("create temporary table `shop`.fencepost_batch")
					b.says(done, done)
				}
				pieces(b, rowsOfPieces)
				commits(b)
				b.listens()
			}}, func(t *testing.T, w *worker, s *scripted) {
				if err := w.commit(t.Context(), w.batch(0, rowsOfPieces)); err != nil {
					t.Fatal(err)
				}
				heard := s.heard()
				parts, flush := heard[2:len(heard)-1], heard[len(heard)-1] // behind what is asked first, and the temporary table
				if len(parts) < 2 || !strings.HasPrefix(parts[0], preamble+"truncate table `shop`.") {
					t.Errorf("%d pieces, the first begins %.60q; want several, of an empty table", len(parts), parts[0])
				}
				all := strings.Join(parts, "")
				for o := range rowsOfPieces {
					if n := strings.Count(all, fmt.Sprintf("'flights:0@%d'", o+5)); n != 1 {
						t.Fatalf("the row of offset %d travelled %d times", o+5, n)
					}
				}
				if strings.Contains(flush, "'flights:0@") || !strings.HasPrefix(flush, begin) || strings.Contains(flush, "truncate") {
					t.Errorf("the flush holds rows, or more than the transaction: %.200q", flush)
				}
			})
		})
	}
}

// A batch of several pieces that lost a deadlock sends its flush again, and no row: they are in the temporary table.
func TestPiecesOutliveADeadlock(t *testing.T) {
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			onScriptOf(t, small, y.config, []script{func(b *backend) {
				y.meets(b)
				if y.config.Table != "" {
					b.hears("create temporary table")
					b.says(done, done)
				}
				pieces(b, rowsOfPieces)
				first := takes(b)
				fails(b, deadlock)
				if again := takes(b); again != first || !strings.HasPrefix(again, begin) {
					b.fail("heard another flush:\n%s\n%s", first, again)
				}
				b.says(committed(first)...)
				b.listens()
			}}, func(t *testing.T, w *worker, s *scripted) {
				if err := w.commit(t.Context(), w.batch(0, rowsOfPieces)); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// Nothing has happened while pieces travel, whatever is lost: neither cut nor hung is a doubt. The next try begins with an
// empty table.
func TestLostPieceIsNoDoubt(t *testing.T) {
	y := ways[2]
	for name, end := range map[string]script{
		"cut in the pieces":  func(b *backend) { b.says(done); piece(b) },
		"cut in the first":   func(*backend) {},
		"hung in the pieces": func(b *backend) { b.says(done); piece(b); b.hangs() },
	} {
		t.Run(name, func(t *testing.T) {
			onScriptOf(t, small, y.config, []script{
				func(b *backend) { y.meets(b); piece(b); end(b) },
				func(b *backend) { y.meets(b); pieces(b, rowsOfPieces); commits(b) },
			}, func(t *testing.T, w *worker, s *scripted) {
				batch := w.batch(0, rowsOfPieces)
				if err := w.commit(s.patience, batch); err == nil || errors.Is(err, ledger.ErrUnknown) {
					t.Errorf("got %v, want an error without a doubt", err)
				}
				if err := w.commit(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(s.heard()[2], preamble+"truncate table `shop`.batch; ") {
					t.Errorf("the next try begins %.200q", s.heard()[2])
				}
			})
		})
	}
}

// large are rows of one column of so many bytes each, behind their partition's and offset's mark.
func (w *worker) large(lengths ...int) sink.Commit {
	batch := w.batch(0, fencepost.Offset(len(lengths)))
	value := fencepost.Column{Name: "value", Type: fencepost.Text}
	for i, n := range lengths {
		value.AppendText(fmt.Sprintf("flights:0@%d", i) + strings.Repeat("b", n))
	}
	batch.Columns[0] = value
	return batch
}

// A piece ends before the row with which it would be larger than the packet, be that row large too.
func TestPieceEndsBeforeItsPacket(t *testing.T) {
	y := ways[2]
	onScriptOf(t, small, y.config, []script{func(b *backend) { y.meets(b); pieces(b, 3); commits(b) }}, func(t *testing.T, w *worker, s *scripted) {
		if err := w.commit(t.Context(), w.large(9000, 9000, 9000)); err != nil {
			t.Fatal(err)
		}
	})
}

// A row that no packet takes is rejected before anything is sent; moves that no packet takes are reported.
func TestLargerThanAPacket(t *testing.T) {
	y := ways[0]
	onScriptOf(t, small, y.config, []script{func(b *backend) {
		y.meets(b)
		b.listens()
	}}, func(t *testing.T, w *worker, s *scripted) {
		rejected := new(sink.Rejected)
		if err := w.commit(t.Context(), w.large(1, small, 1)); !errors.As(err, &rejected) || rejected.Code != "1153" || rejected.Blame != sink.TheSize || rejected.Row != 2 {
			t.Errorf("got %v, want row 2 rejected by 1153, for its size", err)
		}
		if n := len(s.heard()); n != 1 {
			t.Errorf("%d packets were sent, want the question about the table", n)
		}
	})
	onScriptOf(t, small, y.config, []script{func(b *backend) { y.meets(b); b.listens() }}, func(t *testing.T, w *worker, s *scripted) {
		var spans []sinktest.Span
		for p := range int32(500) {
			held := w.held[at(0)]
			spans = append(spans, sinktest.Span{TopicPartition: at(p), Held: held, Until: held.Offset + 1})
		}
		err := w.commit(t.Context(), sinktest.Commit(spans...))
		if err == nil || !strings.Contains(err.Error(), "the moves of 500 partitions do not fit") {
			t.Errorf("got %v, want it told that the moves do not fit", err)
		}
	})
}
