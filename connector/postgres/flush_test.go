package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// compareBegins is how a compare-and-set begins where it is prepared, or is not: its text; sameBegins is how the comparison of the table's shape does, aloneBegins the
// refusal of another table named batch, and partedBegins that of a table that does not share the ledger's fate.
const (
	compareBegins = "with m as (select * from unnest("
	sameBegins    = "select ('changed:"
	aloneBegins   = "select ('namesake:"
	partedBegins  = "select ('parted:"
)

// executes is how one begins that the server keeps.
const executes = "; set local enable_seqscan = off; execute fencepost_compare_"

// way is a form of the sink: how it meets its server, and what its flush is made of.
type way struct {
	name   string
	config Config
	staged bool
	flush  []string // in this order, each once, and the last one at the end
	tags   []string // of the statements between the COPY and the compare-and-set
}

var ways = []way{
	{"append", Config{Table: "flights"}, false,
		[]string{begin, `copy "flights" (`, ") from stdin binary; ", sameBegins, compareBegins, "; commit"}, nil},
	{"unique", Config{Table: "flights"}, true,
		[]string{begin, "create temporary table", "on commit drop; ", "copy " + stageTable, ") from stdin binary; ", `insert into "flights" (`, sameBegins, compareBegins, "; commit"},
		[]string{"INSERT 0 3"}},
	{"upsert", Config{Table: "flights", Key: []string{"n"}}, true,
		[]string{begin, "create temporary table", "on commit drop; ", "copy " + stageTable, ") from stdin binary; ", `insert into "flights" (`, "on conflict (", sameBegins, compareBegins, "; commit"},
		[]string{"INSERT 0 3"}},
	{"sql", Config{SQL: "delete from old"}, false,
		[]string{begin, "create temporary table batch (", "on commit drop; ", "copy pg_temp.batch (", ") from stdin binary; savepoint fencepost_", "; delete from old\n; release savepoint fencepost_",
			"; set constraints all immediate; ", aloneBegins, partedBegins, compareBegins, "; commit"}, []string{"SAVEPOINT", "DELETE 1", "RELEASE", "SET CONSTRAINTS"}},
}

// meets is the server's part of a lane's first commit, before its flush.
func (y way) meets(b *backend) {
	if y.config.Table != "" {
		b.hears("from pg_attribute")
		yes := map[bool]string{true: "t", false: "f"}
		b.says(tags("BEGIN"), answer(row("4711")), answer(column4("_topic", "text"), column4("_partition", "int4"), column4("_offset", "int8"), column4("value", "text"), column4("n", "int8")),
			answer(append(row("r", yes[y.staged], "f", yes[len(y.config.Key) > 0], "f", "t"), nil)), answer(row("a shape")), answer(), tags("ROLLBACK"), ready('I'))
	} else {
		b.hears(extendedSQL)
		b.says(answer(), ready('I'))
	}
}

// unchanged is the answer to a lane that asks whether its table was changed: it was not.
func (y way) unchanged(b *backend) { y.meets(b) }

// column4 is a row of targetSQL: a column that may be null, without a default.
func column4(name, typ string) []any {
	return append(row(name, typ, typ, "f", "f", "f", typ), nil, "f", nil, nil, nil)
}

// takes reads a flush whole, and answers nothing before.
func (y way) takes(b *backend) (sql string) {
	sql = b.hears(begin)
	b.rows()
	return sql
}

// ran is the answer to a flush up to its COMMIT.
func (y way) ran() several {
	all := tags("BEGIN")
	if y.staged || y.config.SQL != "" {
		all = append(all, tags("CREATE TABLE")...)
	}
	all = append(all, &pgproto3.CopyInResponse{OverallFormat: 1, ColumnFormatCodes: []uint16{1}})
	all = append(append(all, tags("COPY 3")...), tags(y.tags...)...)
	if y.config.SQL != "" {
		all = append(all, answer()...) // what was written may be
	}
	return append(append(all, answer()...), answer(row("0"))...) // nothing to say of table or batch; the compare-and-set
}

// commits takes a flush and commits it.
func (y way) commits(b *backend) {
	y.takes(b)
	b.says(y.ran(), tags("COMMIT"), ready('I'))
}

// Law 11: rows travel first, and effects, compare-and-set and COMMIT leave with them, so that the server has all of it
// when it first has to be waited for. A lane that has met its server sends nothing else.
func TestFlushIsOneTrip(t *testing.T) {
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			onScript(t, y.config, []script{func(b *backend) { y.meets(b); y.commits(b); y.commits(b); b.listens() }}, func(t *testing.T, w *worker, s *scripted) {
				for n := range 2 {
					at := len(s.heard())
					if err := w.commit(t.Context(), w.batch(0, 3)); err != nil {
						t.Fatal(err)
					}
					heard := s.heard()
					if n == 0 {
						at = max(0, len(heard)-3)
					}
					if len(heard)-at != 3 || heard[at+1] != "CopyData" || heard[at+2] != "CopyDone" {
						t.Fatalf("commit %d sent %q, want a Query, its rows and their end", n+1, heard[at:])
					}
					flush := slices.Clone(y.flush)
					if n > 0 {
						flush[slices.Index(flush, compareBegins)] = strings.TrimPrefix(executes, "; ")
					}
					inOrder(t, heard[at], flush...)
				}
				if at := w.held[at(0)].Offset; at != 11 {
					t.Errorf("the worker holds %d, want 11", at)
				}
			})
		})
	}
}

// inOrder wants each of the words once, in their order, the last one at the end.
func inOrder(t *testing.T, text string, words ...string) {
	t.Helper()
	from := 0
	for _, word := range words {
		at := strings.Index(text, word)
		if at < from || strings.Count(text, word) != 1 {
			t.Fatalf("%q stands %d times, first at %d; want it once, behind %d, in\n%s", word, strings.Count(text, word), at, from, text)
		}
		from = at + len(word)
	}
	if from != len(text) {
		t.Fatalf("behind %q stands %q", words[len(words)-1], text[from:])
	}
}

// A batch without rows is one Query; a handler's is two, with the handler's own between them, and what is behind the
// handler leaves in one.
func TestFlushWithoutRows(t *testing.T) {
	onScript(t, ways[0].config, []script{func(b *backend) {
		b.hears(begin)
		b.says(tags("BEGIN"), answer(row("0")), tags("COMMIT"), ready('I'))
	}}, func(t *testing.T, w *worker, s *scripted) {
		if err := w.commit(t.Context(), w.markers()); err != nil {
			t.Fatal(err)
		}
		if len(s.heard()) != 1 {
			t.Fatalf("sent %q, want one Query", s.heard())
		}
		inOrder(t, s.heard()[0], begin, compareBegins, "; commit")
	})
	handler := Config{Handle: func(ctx context.Context, tx pgx.Tx, _ *fencepost.Batch) error {
		_, err := tx.Exec(ctx, "delete from old")
		return err
	}}
	onScript(t, handler, []script{func(b *backend) {
		b.hears("savepoint fencepost_")
		b.says(tags("BEGIN", "SET", "SET", "SAVEPOINT"), ready('T'))
		b.hears("delete from old")
		b.says(tags("DELETE 1"), ready('T'))
		b.hears("release savepoint")
		b.says(tags("RELEASE", "SET CONSTRAINTS"), answer(), answer(row("0")), tags("COMMIT"), ready('I'))
	}}, func(t *testing.T, w *worker, s *scripted) {
		if err := w.commit(t.Context(), w.batch(0, 3)); err != nil {
			t.Fatal(err)
		}
		if len(s.heard()) != 3 {
			t.Fatalf("sent %q, want three Queries", s.heard())
		}
		inOrder(t, s.heard()[2], "release savepoint fencepost_", "; set constraints all immediate; ", partedBegins, compareBegins, "; commit")
	})
}

// markers is a batch of a range without rows.
func (w *worker) markers() sink.Commit {
	held := w.held[at(0)]
	return sinktest.Commit(sinktest.Span{TopicPartition: at(0), Held: held, Until: held.Offset + 3, Rows: []fencepost.Offset{}})
}

// A commit is done when the server answers COMMIT and is outside of a transaction. It answers ROLLBACK to a transaction
// that had failed, and stays inside of one that was chained; neither is an error to it.
func TestOnlyCommitIsSuccess(t *testing.T) {
	for _, test := range []struct {
		tag    string
		status byte
		stands bool
	}{{"COMMIT", 'I', true}, {"ROLLBACK", 'I', false}, {"COMMIT", 'T', false}, {"SELECT 1", 'I', false}} {
		for _, rows := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s %c rows %t", test.tag, test.status, rows), func(t *testing.T) {
				y := ways[0]
				onScript(t, y.config, []script{func(b *backend) {
					if rows {
						y.meets(b)
						y.takes(b)
						b.says(y.ran(), tags(test.tag), ready(test.status))
					} else {
						b.hears(compareBegins)
						b.says(tags("BEGIN"), answer(row("0")), tags(test.tag), ready(test.status))
					}
					if test.status == 'T' {
						b.hears("rollback")
						b.says(tags("ROLLBACK"), ready('I'))
					}
					b.listens()
				}}, func(t *testing.T, w *worker, s *scripted) {
					batch := w.markers()
					if rows {
						batch = w.batch(0, 3)
					}
					err := w.commit(t.Context(), batch)
					if (err == nil) != test.stands || errors.Is(err, ledger.ErrUnknown) {
						t.Errorf("got %v; want success: %t, and no doubt", err, test.stands)
					}
				})
			})
		}
	}
}

// fails is the answer of a flush that was refused in a transaction, and of the rollback that follows.
func (y way) fails(b *backend, e *pgproto3.ErrorResponse) {
	b.says(tags("BEGIN"), e, ready('E'))
	b.hears("rollback")
	b.says(tags("ROLLBACK"), ready('I'))
}

// ledgerHolds answers the question what the ledger holds.
func (b *backend) ledgerHolds(offset, fence int) {
	b.hears("select topic, partition, until, leader_epoch, fence, topic_id from x.ledger")
	b.says(answer([]any{"flights", 0, offset, -1, fence, nil}), ready('I'))
}

var nameOfPrepared = regexp.MustCompile(`fencepost_compare_[0-9a-f]{16}`)

// isThere and isNot are what a server says of a PREPARE and an EXECUTE that fail.
func isThere(sql string) *pgproto3.ErrorResponse {
	return refuses("42P05", fmt.Sprintf("prepared statement %q already exists", nameOfPrepared.FindString(sql)))
}

func isNot(sql string) *pgproto3.ErrorResponse {
	return refuses("26000", fmt.Sprintf("prepared statement %q does not exist", nameOfPrepared.FindString(sql)))
}

// The compare-and-set is prepared by the first flush that holds it, and executed by name from then on. Where the server has
// not kept it (a pooler, DEALLOCATE ALL), the batch leaves once more at once, as text, and so do all later ones, on later
// connections too.
func TestPreparedIsGone(t *testing.T) {
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			onScript(t, y.config, []script{func(b *backend) {
				y.meets(b)
				y.commits(b)
				y.fails(b, isNot(y.takes(b)))
				y.commits(b)
				y.commits(b)
			}, func(b *backend) { y.meets(b); y.commits(b); b.listens() }}, func(t *testing.T, w *worker, s *scripted) {
				for range 3 {
					if err := w.commit(t.Context(), w.batch(0, 3)); err != nil {
						t.Fatal(err)
					}
				}
				wantFlushes(t, s, "prepare", "execute", "text", "text")
				w.lane.(*lane).session.Drop()
				if err := w.commit(t.Context(), w.batch(0, 3)); err != nil {
					t.Fatal(err)
				}
				wantFlushes(t, s, "text")
			})
		})
	}
}

// wantFlushes wants what the last connection's flushes did with the compare-and-set.
func wantFlushes(t *testing.T, s *scripted, want ...string) {
	t.Helper()
	var got []string
	for _, q := range s.heard() {
		switch {
		case !strings.HasPrefix(q, begin):
		case strings.Contains(q, "; prepare fencepost_compare_"):
			got = append(got, "prepare")
		case strings.Contains(q, executes):
			got = append(got, "execute")
		case strings.Contains(q, compareBegins):
			got = append(got, "text")
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the flushes were %q, want %q", got, want)
	}
}

// A flush that fails behind its PREPARE does not report that. The next one may then prepare what is there, and leaves once more.
// The error of another statement, of the user's, is the user's.
func TestPreparedIsThere(t *testing.T) {
	y := ways[3]
	onScript(t, y.config, []script{func(b *backend) {
		y.meets(b)
		y.takes(b)
		y.fails(b, refuses("40001", "try again"))
		y.fails(b, isThere(y.takes(b)))
		y.commits(b)
		y.takes(b)
		y.fails(b, refuses("26000", `prepared statement "mine" does not exist`))
		b.ledgerHolds(8, 7)
		y.commits(b)
		b.listens()
	}}, func(t *testing.T, w *worker, s *scripted) {
		for n, want := range []string{"40001", "", "26000", ""} {
			err := w.commit(t.Context(), w.batch(0, 3))
			if (err != nil) != (want != "") || err != nil && (!strings.Contains(err.Error(), want) || errors.Is(err, ledger.ErrUnknown)) {
				t.Fatalf("commit %d: got %v, want %q", n+1, err, want)
			}
		}
		wantFlushes(t, s, "prepare", "prepare", "execute", "execute", "execute")
	})
}

// Other tables are another statement.
func TestPreparedNamesItsTables(t *testing.T) {
	y := ways[0]
	onScript(t, y.config, []script{func(b *backend) {
		y.meets(b)
		y.commits(b)
		b.listens()
	}}, func(t *testing.T, w *worker, s *scripted) {
		session := w.lane.(*lane).session
		values := commitValues(sqlstore.Commits{Writer: w.as, Moves: w.markers().Moves})
		if err := w.commit(t.Context(), w.batch(0, 3)); err != nil {
			t.Fatal(err)
		}
		old := session.sparse.name
		sql := session.sparse.write(sparseSQL, sqlstore.Tables{Groups: "y.groups", Ledger: "y.ledger", Moves: "y.moves"}, session.secret, values)
		if !strings.HasPrefix(sql, "prepare fencepost_compare_") || !strings.Contains(sql, "y.ledger") || strings.Contains(sql, old) {
			t.Errorf("with other tables: %s\nwant it prepared for them, by another name than %s", sql, old)
		}
	})
}

// Rows are locked in the order in which the compare-and-set names them: that of the partitions, whatever the batch's. What
// is the same for many moves is named once.
func TestCompareIsInOrder(t *testing.T) {
	commits := sqlstore.Commits{Writer: ledger.Actor{Group: "g"}}
	tables := sqlstore.Tables{Groups: "groups", Ledger: "ledger", Moves: "moves"}
	position := func(offset int) ledger.Position {
		return ledger.Position{Offset: fencepost.Offset(offset), LeaderEpoch: 3}
	}
	for _, test := range []struct {
		topics     []string // of partitions n-1 to 0
		executes   string
		partitions int
	}{
		{[]string{"b", "a"}, `('{"a","b"}', '{0,1}', '{0,1}', '{0,0}', '{10,11}', '{3}', 'g', '', '', 2)`, 2},
		{nil, `('{"flights"}', '{0,1,2,`, 64},
	} {
		commits.Moves = nil
		for p := test.partitions - 1; p >= 0; p-- {
			m := ledger.Move{TopicPartition: at(int32(p)), Held: position(p), Next: position(p + 10)}
			if test.topics != nil {
				m.Topic = test.topics[test.partitions-1-p]
			}
			commits.Moves = append(commits.Moves, m)
		}
		s := &session{secret: "s3cret"}
		if sql := s.compare(tables, commits); !strings.Contains(sql, test.executes) {
			t.Errorf("%d moves: %s\nwant %s in it", test.partitions, sql, test.executes)
		}
	}
	for i := range commits.Moves {
		commits.Moves[i].Partition *= 4
	}
	for spread, want := range map[int32]bool{1: false, 0: true} {
		commits.Moves[0].Partition = 4*63 + 4*spread
		if got := dense(sqlstore.Sorted(commits.Moves)); got != want {
			t.Errorf("64 moves of partitions up to %d are dense: %t, want %t", commits.Moves[0].Partition, got, want)
		}
	}
}

// The error of a refused compare-and-set: the word, the secret and the number in the text of a failed cast. Without the
// secret it is a value of a record, and bad.
func TestRefusedCompareAndSet(t *testing.T) {
	refused, rejected, fault := new(ledger.Refused), new(sink.Rejected), new(fencepost.UserError)
	for _, test := range []struct {
		name, says string // @ is the secret
		offset     int    // what the ledger then holds, with fence 7; 0: it is not asked
		fence      int
		want       func(error) bool
	}{
		{"ahead", "fenced:@:0", 8, 7, func(err error) bool { return errors.As(err, &refused) && refused.Held[at(0)].Offset == 8 }},
		{"another fence", "fenced:@:0", 5, 9, func(err error) bool { return errors.As(err, &refused) && refused.Held[at(0)].Fence == 9 }},
		{"agrees again", "fenced:@:0", 5, 7, func(err error) bool { return err != nil && !errors.As(err, &refused) && !errors.As(err, &rejected) }},
		{"newer", "newer:@:3", 0, 0, func(err error) bool { return errors.Is(err, ledger.ErrNewer) }},
		{"no identity", "newer:@:0", 0, 0, func(err error) bool { return errors.As(err, &fault) && fault.Code == "table-not-found" }},
		{"cluster", "cluster:@:other", 0, 0, func(err error) bool {
			return errors.Is(err, ledger.ErrOtherCluster) && strings.HasSuffix(err.Error(), ": other")
		}},
		{"a value", "fenced:0", 5, 7, func(err error) bool { return errors.As(err, &rejected) && rejected.Code == "22P02" }},
		{"a stale value", "fenced:0123456789abcdef:0", 8, 7, func(err error) bool { return errors.As(err, &refused) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			y := ways[0]
			onScript(t, y.config, []script{func(b *backend) {
				y.meets(b)
				said := strings.Replace(test.says, "@", secretOf(y.takes(b)), 1)
				y.fails(b, refuses("22P02", fmt.Sprintf("invalid input syntax for type integer: %q", said)))
				if !strings.Contains(test.says, ":@") && test.offset > 0 {
					y.unchanged(b)
				}
				if test.offset > 0 {
					b.ledgerHolds(test.offset, test.fence)
				}
				b.listens()
			}}, func(t *testing.T, w *worker, s *scripted) {
				if err := w.commit(t.Context(), w.batch(0, 3)); !test.want(err) || errors.Is(err, ledger.ErrUnknown) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// A table that is another one than the batch was encoded for is looked at again, and the batch sent again at once, with
// the new types. Where it changes each time, the batch is left for a later try.
func TestChangedTableIsPlannedAnew(t *testing.T) {
	for _, y := range ways[:3] {
		changed := func(b *backend) {
			y.meets(b)
			y.fails(b, refuses("22P02", fmt.Sprintf("invalid input syntax for type integer: %q", "changed:"+changedSecret(y.takes(b))+":7")))
		}
		onScript(t, y.config, []script{func(b *backend) { changed(b); changed(b); y.meets(b); y.commits(b); b.listens() }}, func(t *testing.T, w *worker, s *scripted) {
			if err := w.commit(t.Context(), w.batch(0, 3)); err != nil {
				t.Errorf("%s: %v, want the third plan to pass", y.name, err)
			}
		})
		onScript(t, y.config, []script{func(b *backend) {
			changed(b)
			changed(b)
			changed(b)
			y.meets(b)
			y.commits(b)
			b.listens()
		}}, func(t *testing.T, w *worker, s *scripted) {
			b := w.batch(0, 3)
			rejected, fault := new(sink.Rejected), new(fencepost.UserError)
			if err := w.commit(t.Context(), b); err == nil || errors.As(err, &rejected) || errors.As(err, &fault) || errors.Is(err, ledger.ErrUnknown) {
				t.Errorf("%s: got %v, want an error after which the batch is tried again", y.name, err)
			}
			if err := w.commit(t.Context(), b); err != nil {
				t.Errorf("%s: the next try: %v", y.name, err)
			}
		})
	}
}

// A row that the store refuses is rejected with the store's code, if the ledger still holds what the batch holds; else
// the batch met its own rows, and it is late.
func TestRejectedRow(t *testing.T) {
	for offset, late := range map[int]bool{5: false, 8: true} {
		y := ways[1]
		onScript(t, y.config, []script{func(b *backend) {
			y.meets(b)
			y.takes(b)
			e := refuses("23505", "duplicate key value violates unique constraint")
			e.ConstraintName = "flights_n_key"
			y.fails(b, e)
			y.unchanged(b)
			b.ledgerHolds(offset, 7)
			b.listens()
		}}, func(t *testing.T, w *worker, s *scripted) {
			err := w.commit(t.Context(), w.batch(0, 3))
			rejected, refused := new(sink.Rejected), new(ledger.Refused)
			switch {
			case late && !errors.As(err, &refused):
				t.Errorf("the ledger is ahead, and the error is %v", err)
			case !late && (!errors.As(err, &rejected) || rejected.Code != "23505" || !strings.Contains(rejected.Reason, "flights_n_key")):
				t.Errorf("got %v, want the row rejected by 23505 and its constraint", err)
			}
		})
	}
}

// What the server rolls back by itself may be tried again as it is: no doubt, no bad row, and the same connection takes
// the same flush.
func TestSerializationFailureIsTriedAgainAsItIs(t *testing.T) {
	for _, code := range []string{"40001", "40P01"} {
		for _, y := range ways {
			t.Run(code+" "+y.name, func(t *testing.T) {
				onScript(t, y.config, []script{func(b *backend) {
					y.meets(b)
					y.takes(b)
					y.fails(b, refuses(code, "try again"))
					y.commits(b)
				}}, func(t *testing.T, w *worker, s *scripted) {
					batch := w.batch(0, 3)
					err := w.commit(t.Context(), batch)
					rejected, refused, ended, fault := new(sink.Rejected), new(ledger.Refused), new(sink.Ended), new(fencepost.UserError)
					if err == nil || errors.Is(err, ledger.ErrUnknown) || errors.As(err, &rejected) || errors.As(err, &refused) ||
						errors.As(err, &ended) || errors.As(err, &fault) || !strings.Contains(err.Error(), code) {
						t.Fatalf("got %v, want an error that says no more than %s", err, code)
					}
					if err := w.commit(t.Context(), batch); err != nil {
						t.Fatal(err)
					}
					var flushes []string
					for _, q := range s.heard() {
						if strings.HasPrefix(q, begin) {
							flushes = append(flushes, q)
						}
					}
					if len(flushes) != 2 || flushes[0] != flushes[1] {
						t.Errorf("the flushes differ, or are not two: %q", flushes)
					}
				})
			})
		}
	}
}

// Where the connection was cut decides what is known. Before the end of the rows was sent the server cannot have reached
// the COMMIT; after it the outcome is unknown until the next compare-and-set, whatever the last answer was.
func TestCutConnection(t *testing.T) {
	y := ways[0]
	shutdown := &pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "57P01", Message: "terminating connection"}
	waited := &pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "25P03", Message: "terminating connection due to idle-in-transaction timeout"}
	for _, test := range []struct {
		name   string
		script script // until it is cut, behind the meeting
		code   string // of a passing error, either: reading or writing may fail first; empty: it is unknown
	}{
		{"before the flush", func(b *backend) {}, "database-silent"},
		{"in the rows", func(b *backend) { b.hears(begin) }, "database-silent"},
		{"told in the rows", func(b *backend) { b.hears(begin); b.says(shutdown) }, "either"},
		{"behind the rows", func(b *backend) { y.takes(b) }, ""},
		{"told behind the rows", func(b *backend) { y.takes(b); b.says(shutdown) }, ""},
		{"told that it was never read", func(b *backend) { y.takes(b); b.says(waited) }, "connection-terminated"},
		{"before COMMIT was answered", func(b *backend) { y.takes(b); b.says(y.ran()) }, ""},
		{"behind COMMIT", func(b *backend) { y.takes(b); b.says(y.ran(), tags("COMMIT")) }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			onScript(t, y.config, []script{
				func(b *backend) { y.meets(b); test.script(b) },
				func(b *backend) { y.meets(b); y.commits(b) },
			}, func(t *testing.T, w *worker, s *scripted) {
				batch := w.batch(0, 3)
				err := w.commit(t.Context(), batch)
				fault := new(fencepost.UserError)
				switch {
				case errors.Is(err, ledger.ErrUnknown) != (test.code == ""):
					t.Errorf("got %v, want it unknown: %t", err, test.code == "")
				case test.code != "" && (!errors.As(err, &fault) || fault.Code != test.code && test.code != "either" || !fault.Passing):
					t.Errorf("got %v, want the passing fault %s", err, test.code)
				}
				if err := w.commit(t.Context(), batch); err != nil {
					t.Errorf("on the next connection: %v", err)
				}
			})
		})
	}
}

// The same of a flush without rows, which is known to have failed only where nothing of it was sent.
func TestCutConnectionWithoutRows(t *testing.T) {
	for name, cut := range map[string]struct {
		script  script
		unknown bool
		cause   string
	}{
		"before the flush": {func(*backend) {}, false, "closed pipe"},
		"behind the flush": {func(b *backend) { b.hears(compareBegins) }, true, "conn closed"},
		"in a result":      {func(b *backend) { b.hears(compareBegins); b.says(tags("BEGIN"), answer(row("0"))[0]) }, true, "the connection was closed"},
		"behind COMMIT":    {func(b *backend) { b.hears(compareBegins); b.says(tags("BEGIN"), answer(row("0")), tags("COMMIT")) }, true, "conn closed"},
	} {
		t.Run(name, func(t *testing.T) {
			onScript(t, ways[0].config, []script{cut.script}, func(t *testing.T, w *worker, s *scripted) {
				if err := w.commit(t.Context(), w.markers()); err == nil || errors.Is(err, ledger.ErrUnknown) != cut.unknown || !strings.Contains(err.Error(), cut.cause) {
					t.Errorf("got %v, want it unknown: %t, and the cause: %s", err, cut.unknown, cut.cause)
				}
			})
		})
	}
}

// A lost answer is resolved by the next compare-and-set: a batch that was committed all the same is refused, not applied twice.
func TestLostAnswerIsSettledByTheNextFlush(t *testing.T) {
	y := ways[0]
	onScript(t, y.config, []script{
		func(b *backend) { y.meets(b); y.takes(b); b.says(y.ran(), tags("COMMIT")) },
		func(b *backend) {
			y.meets(b)
			y.fails(b, refuses("22P02", `invalid input syntax for type integer: "fenced:`+secretOf(y.takes(b))+`:0"`))
			b.ledgerHolds(8, 7)
		},
	}, func(t *testing.T, w *worker, s *scripted) {
		batch := w.batch(0, 3)
		if err := w.commit(t.Context(), batch); !errors.Is(err, ledger.ErrUnknown) {
			t.Fatalf("got %v, want it unknown", err)
		}
		refused := new(ledger.Refused)
		err := w.commit(t.Context(), batch)
		if !errors.As(err, &refused) {
			t.Fatalf("got %v, want it refused", err)
		}
		want := map[fencepost.TopicPartition]ledger.Position{at(0): batch.Moves[0].Next}
		if d := cmp.Diff(want, refused.Held); d != "" {
			t.Errorf("the ledger holds what the batch moves to (-want +got):\n%s", d)
		}
	})
}

// A server that hangs is waited for as long as the context lasts, and no longer. What is known then is what was sent.
func TestHangingServer(t *testing.T) {
	y := ways[0]
	for _, test := range []struct {
		name    string
		script  script
		unknown bool
	}{
		{"asked about the table", func(b *backend) { b.hears("from pg_attribute"); b.hangs() }, false},
		{"in the rows", func(b *backend) { y.meets(b); b.hears(begin); b.holds() }, false},
		{"behind the rows", func(b *backend) { y.meets(b); y.takes(b); b.hangs() }, true},
		{"asked what the ledger holds", func(b *backend) {
			y.meets(b)
			y.fails(b, refuses("22P02", `invalid input syntax for type integer: "fenced:`+secretOf(y.takes(b))+`:0"`))
			b.hears("from x.ledger")
			b.hangs()
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			onScript(t, y.config, []script{test.script}, func(t *testing.T, w *worker, s *scripted) {
				began := time.Now()
				err := w.commit(s.patience, w.batch(0, 3))
				if took := time.Since(began); took > time.Second {
					t.Errorf("answered %s after the context had ended, want at most a second to close", took)
				}
				if err == nil || errors.Is(err, ledger.ErrUnknown) != test.unknown || !test.unknown && !errors.Is(err, errHung) {
					t.Errorf("got %v, want it unknown: %t, else why the context ended", err, test.unknown)
				}
			})
		})
	}
}

// A read of the ledger that hangs ends with its context, and says why; its connection is not used again.
func TestHangingRead(t *testing.T) {
	onScript(t, ways[0].config, []script{
		func(b *backend) { b.listens() }, // the lane's
		func(b *backend) { b.hears("to_regclass('fencepost_groups')"); b.hangs() },
		func(b *backend) {
			b.hears("to_regclass('fencepost_groups')")
			b.says(answer(row("fencepost_groups", "x.fencepost_groups"), row("fencepost_ledger", "x.fencepost_ledger"), row("fencepost_moves", "x.fencepost_moves")), ready('I'))
			b.hears("select version, ledger_id from x.fencepost_groups")
			b.says(answer(row("1", "00000000-0000-0000-0000-000000000001")), ready('I'))
			b.place()
			b.hears("begin isolation level repeatable read read only;")
			b.says(tags("BEGIN"), answer(row("1", "00000000-0000-0000-0000-000000000001")), answer(), answer([]any{"flights", 0, 8, -1, 7, nil}), tags("COMMIT"), ready('I'))
			b.listens()
		},
	}, func(t *testing.T, w *worker, s *scripted) {
		began := time.Now()
		if _, err := w.sink.Ledger().Read(s.patience, "g"); !errors.Is(err, errHung) {
			t.Errorf("got %v, want why the context ended", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("answered %s after the context had ended", took)
		}
		got, err := w.sink.Ledger().Read(t.Context(), "g")
		if err != nil || got.Positions[at(0)].Offset != 8 {
			t.Errorf("on the next connection: %+v, %v; want flights:0 at 8", got, err)
		}
	})
}

// endings are failures of user SQL: the server's answers, and what they show of the transaction.
var endings = []struct {
	name          string
	ran           []string // statements that were done
	code, message string   // of the one that failed; @ is our savepoint
	inside        bool     // it failed in a transaction
	holds         int      // what the ledger holds, where it is asked
	ended         string   // the text for an ended transaction; empty: it was not ended
}{
	{"savepoint gone", []string{"SAVEPOINT", "COMMIT", "BEGIN"}, "3B001", `savepoint "@" does not exist`, true, 0, "it holds a COMMIT"},
	{"no transaction at RELEASE", []string{"SAVEPOINT", "COMMIT"}, "25P01", "RELEASE SAVEPOINT can only be used in transaction blocks", false, 0, "it holds a COMMIT"},
	{"failed outside", []string{"SAVEPOINT", "COMMIT"}, "22012", "division by zero", false, 0, "no transaction was left when it failed: division by zero (22012)"},
	{"failed inside", []string{"SAVEPOINT"}, "22012", "division by zero", true, 5, ""},
	{"another savepoint", []string{"SAVEPOINT"}, "3B001", `savepoint "mine" does not exist`, true, 5, ""},
	{"failed at COMMIT", []string{"SAVEPOINT", "DELETE 1", "RELEASE", "SET CONSTRAINTS", "SELECT 1"}, "40001", "could not serialize access", false, 0, ""},
}

// An ended transaction is recognised by the savepoint that is gone with it, and by nothing else.
func TestSavepointTellsTheEnd(t *testing.T) {
	y := ways[3]
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			onScript(t, y.config, []script{func(b *backend) {
				y.meets(b)
				message := strings.Replace(e.message, "@", "fencepost_"+secretOf(y.takes(b)), 1)
				b.says(tags("BEGIN", "COPY 3"), tags(e.ran...), refuses(e.code, message), ready(map[bool]byte{true: 'E', false: 'I'}[e.inside]))
				if e.inside {
					b.hears("rollback")
					b.says(tags("ROLLBACK"), ready('I'))
				}
				if e.holds > 0 {
					b.ledgerHolds(e.holds, 7)
				}
				b.listens()
			}}, func(t *testing.T, w *worker, s *scripted) {
				err := w.commit(t.Context(), w.batch(0, 3))
				ended := new(sink.Ended)
				if err == nil || errors.As(err, &ended) != (e.ended != "") || !strings.HasPrefix(ended.Reason, e.ended) {
					t.Errorf("got %v; want *sink.Ended: %q", err, e.ended)
				}
			})
		})
	}
}

// The line of a COPY stands in the context alone, behind that of a function that read the value.
func TestCopiedLine(t *testing.T) {
	for where, want := range map[string]int{"COPY flights, line 3, column origin": 3, "COPY flights, line 12": 12, "COPY flights, line 7: \"x\"": 7,
		"JSON data, line 1: {\nCOPY flights, line 4, column j: \"{\"": 4, "PL/pgSQL function f() line 2 at RAISE\nCOPY flights, line 9, column a": 9,
		"PL/pgSQL function f() line 2 at RAISE": 0, "": 0, "COPY flights, line x": 0} {
		if got := copiedLine(where); got != want {
			t.Errorf("%q: got line %d, want %d", where, got, want)
		}
	}
}
