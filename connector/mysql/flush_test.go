package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// way is a form of the sink: how it meets its server, and what its flush is made of.
type way struct {
	name   string
	config Config
	flush  []string // in this order, each once, with the secret of its answer behind the last
}

// compareWords are those of a compare-and-set.
var compareWords = []string{"; set @fencepost_m = ", "select count(*) into @fencepost_n ", "for update /*!80001 of l */;", "(select case when coalesce(", "insert into x.ledger ", "commit; select '"}

var ways = []way{
	{"append", Config{Table: "flights"}, []string{begin + "insert into `shop`.`flights` (", ") values ('flights:0@", "'~changed:"}},
	{"upsert", Config{Table: "flights", Key: []string{"n"}}, []string{begin + "insert into `shop`.`flights` (", ") values ('flights:0@", ") on duplicate key update `", "'~changed:"}},
	{"sql", Config{SQL: "delete from old"}, []string{preamble + "truncate table `shop`.batch; set @fencepost_at = null; insert into `shop`.batch (", ") values ('flights:0@", begin + "savepoint fencepost_",
		"set @fencepost_at = '", "; delete from old\n; release savepoint fencepost_", "'~namesake:"}},
}

// meets is the server's part of a lane's first commit, before its flush.
func (y way) meets(b *backend) {
	if y.config.Table == "" {
		b.leadsNowhere()
		b.stages()
		return
	}
	b.hears("from information_schema.columns")
	unique := answer()
	if len(y.config.Key) > 0 {
		unique = answer(row("PRIMARY", "n", 0))
	}
	b.says(answer(row("InnoDB", "YES", "YES", "", 0)), answer(column9("_topic", "varchar"), column9("_partition", "int"), column9("_offset", "bigint"),
		column9("value", "text"), column9("n", "bigint")), unique)
}

// leadsNowhere is the answer about the names in SQL: they are no tables.
func (b *backend) leadsNowhere() {
	b.hears("from information_schema.routines")
	b.says(answer(), answer(), answer())
}

// stages makes the temporary table.
func (b *backend) stages() {
	b.hears("create temporary table `shop`.batch")
	b.says(done, done)
}

// column9 is a row of targetSQL: a column that may be null, without a default.
func column9(name, typ string) []any { return row(name, typ, typ, 0, 0, 0, 0, nil, nil, nil, 0) }

// takes reads a flush.
func takes(b *backend) (flush string) { return b.hears("commit; select '") }

// committed is the answer to a flush that was done: some statements, and the secret behind its COMMIT.
func committed(flush string) []said { return []said{done, done, done, answer(row(secretOf(flush)))} }

// commits takes a flush and commits it.
func commits(b *backend) { b.says(committed(takes(b))...) }

// fails is the answer of a flush that was refused behind its first statements, and of the rollback that follows.
func fails(b *backend, e said) {
	b.says(done, done, e)
	b.hears("rollback")
	b.says(done)
}

// deadlock is how a flush ends that lost one.
var deadlock = refuses(1213, "40001", "Deadlock found when trying to get lock; try restarting transaction")

// ledgerHolds answers the question what the ledger holds.
func (b *backend) ledgerHolds(offset, fence int) {
	b.hears("select m.topic, m.`partition`, l.until, l.leader_epoch, l.fence, l.topic_id")
	b.says(done, answer(row("flights", 0, offset, -1, fence, nil)))
}

// markers is a batch of a range without rows.
func (w *worker) markers() sink.Commit {
	held := w.held[at(0)]
	return sinktest.Commit(sinktest.Span{TopicPartition: at(0), Held: held, Until: held.Offset + 3, Rows: []fencepost.Offset{}})
}

// inOrder wants each of the words once, in their order, and behind the last one a secret.
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
	if want := secretOf(text) + "'"; text[from:] != want {
		t.Fatalf("behind %q stands %q, want %q", words[len(words)-1], text[from:], want)
	}
}

// Law 11: rows, effects, compare-and-set and COMMIT are one packet. A lane that has met its server sends nothing else.
func TestFlushIsOnePacket(t *testing.T) {
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			onScript(t, y.config, []script{func(b *backend) { y.meets(b); commits(b); commits(b); b.listens() }}, func(t *testing.T, w *worker, s *scripted) {
				for i := range 2 {
					at := len(s.heard())
					if err := w.commit(t.Context(), w.batch(0, 3)); err != nil {
						t.Fatal(err)
					}
					if n := len(s.heard()) - at; i > 0 && n != 1 {
						t.Fatalf("sent %d packets, want one: %q", n, s.heard()[at:])
					}
					flush := s.heard()[len(s.heard())-1]
					inOrder(t, flush, append(y.flush, compareWords...)...)
					if n := strings.Count(flush, "'flights:0@"); n != 3 {
						t.Errorf("%d rows travel in it, want 3", n)
					}
					if records := strings.Contains(flush, "update x.groups set cluster_id"); records != (i == 0) {
						t.Errorf("flush %d records the cluster: %t; want it of the first alone", i+1, records)
					}
				}
				if at := w.held[at(0)].Offset; at != 11 {
					t.Errorf("the worker holds %d, want 11", at)
				}
			})
		})
	}
}

// A batch without rows is one packet too. What is behind a handler leaves in one, before the driver's own COMMIT.
func TestFlushWithoutRows(t *testing.T) {
	onScript(t, ways[0].config, []script{commits}, func(t *testing.T, w *worker, s *scripted) {
		if err := w.commit(t.Context(), w.markers()); err != nil {
			t.Fatal(err)
		}
		if len(s.heard()) != 1 {
			t.Fatalf("sent %q, want one packet", s.heard())
		}
		words := append([]string{begin + "set @fencepost_m = "}, compareWords[1:]...)
		inOrder(t, s.heard()[0], words...)
	})
	handler := Config{Handle: func(ctx context.Context, tx *sql.Tx, _ *fencepost.Batch) error {
		_, err := tx.ExecContext(ctx, "delete from old")
		return err
	}}
	onScript(t, handler, []script{func(b *backend) {
		b.hears("innodb_lock_wait_timeout = ")
		b.says(done, done, done)
		for _, words := range []string{"START TRANSACTION", "savepoint fencepost_", "delete from old"} {
			b.hears(words)
			b.says(done)
		}
		b.says(committed(b.hears("release savepoint"))...)
		b.hears("COMMIT")
		b.says(done)
		b.listens()
	}}, func(t *testing.T, w *worker, s *scripted) {
		if err := w.commit(t.Context(), w.batch(0, 3)); err != nil {
			t.Fatal(err)
		}
		words := append([]string{"release savepoint fencepost_"}, compareWords[:5]...)
		inOrder(t, s.heard()[4], append(words, "commit; set session wait_timeout = 28800; select '")...)
	})
}

// A commit is done when the server reached the secret behind it. User SQL that swallows the end of the flush reaches
// none of it, and nothing happened.
func TestOnlyTheSecretIsSuccess(t *testing.T) {
	y := ways[2]
	for name, last := range map[string]func(secret string) []said{
		"nothing":       func(string) []said { return []said{done, answer(row("of the SQL's own")), done} },
		"no row":        func(string) []said { return []said{done, answer()} },
		"another value": func(string) []said { return []said{done, answer(row("0123456789abcdef"))} },
		"too much":      func(secret string) []said { return []said{done, answer(row(secret), row(secret))} },
	} {
		t.Run(name, func(t *testing.T) {
			onScript(t, y.config, []script{func(b *backend) {
				y.meets(b)
				b.says(last(secretOf(takes(b)))...)
				b.hears("rollback") // and no question about the savepoint: it was no error of the server
				b.says(done)
				commits(b)
			}}, func(t *testing.T, w *worker, s *scripted) {
				batch := w.batch(0, 3)
				if err := w.commit(t.Context(), batch); err == nil || errors.Is(err, ledger.ErrUnknown) {
					t.Errorf("got %v, want an error without a doubt", err)
				}
				if err := w.commit(t.Context(), batch); err != nil {
					t.Errorf("again: %v", err)
				}
			})
		})
	}
}

// The error of a refused compare-and-set: a word and the secret in the text of an invalid XPath. Without the secret it
// is a value of user SQL.
func TestRefusedCompareAndSet(t *testing.T) {
	refused, fault := new(ledger.Refused), new(fencepost.UserError)
	held := func(offset, fence int) func(*backend) { return func(b *backend) { b.ledgerHolds(offset, fence) } }
	told := func(words string, a said) func(*backend) { return func(b *backend) { b.hears(words); b.says(a) } }
	for _, test := range []struct {
		name, says string // @ is the secret
		asked      func(*backend)
		want       func(error) bool
	}{
		{"ahead", "~fenced:@", held(8, 7), func(err error) bool { return errors.As(err, &refused) && refused.Held[at(0)].Offset == 8 }},
		{"another fence", "~fenced:@", held(5, 9), func(err error) bool { return errors.As(err, &refused) && refused.Held[at(0)].Fence == 9 }},
		{"agrees again", "~fenced:@", held(5, 7), func(err error) bool { return err != nil && !errors.As(err, &refused) }},
		{"newer", "~newer:@", told("select version from x.groups", answer(row(3))), func(err error) bool { return errors.Is(err, ledger.ErrNewer) }},
		{"no identity", "~newer:@", told("select version from x.groups", answer()), func(err error) bool { return errors.As(err, &fault) && fault.Code == "table-not-found" }},
		{"cluster", "~cluster:@", told("select cluster_id from x.groups", answer(row("other"))), func(err error) bool {
			return errors.Is(err, ledger.ErrOtherCluster) && strings.HasSuffix(err.Error(), ": other")
		}},
		{"a value", "~fenced:0123456789abcdef", func(b *backend) {
			b.hears("information_schema.engines") // has the table changed?
			b.says(refuses(1205, "HY000", "Lock wait timeout exceeded"))
			b.hears("rollback")
			b.says(done)
			b.ledgerHolds(5, 7)
		}, func(err error) bool {
			return err != nil && !errors.As(err, &refused) && strings.Contains(err.Error(), "(1105)")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			y := ways[0]
			onScript(t, y.config, []script{func(b *backend) {
				y.meets(b)
				says := strings.Replace(test.says, "@", secretOf(takes(b)), 1)
				fails(b, refuses(1105, "HY000", "XPATH syntax error: '"+says+"'"))
				test.asked(b)
				b.listens()
			}}, func(t *testing.T, w *worker, s *scripted) {
				if err := w.commit(t.Context(), w.batch(0, 3)); !test.want(err) || errors.Is(err, ledger.ErrUnknown) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// A connection that is lost while a refusal is looked into takes its temporary table with it: the next one makes it again.
func TestTemporaryTableOfALostConnection(t *testing.T) {
	y := ways[2]
	onScript(t, y.config, []script{
		func(b *backend) {
			y.meets(b)
			commits(b)
			b.says(refuses(1105, "HY000", "XPATH syntax error: '~fenced:"+secretOf(takes(b))+"'"))
			b.hears("select coalesce(@fencepost_at")
		},
		func(b *backend) { b.ledgerHolds(8, 7); b.stages(); commits(b); b.listens() },
	}, func(t *testing.T, w *worker, s *scripted) {
		if err := w.commit(t.Context(), w.batch(0, 3)); err != nil {
			t.Fatal(err)
		}
		b := w.batch(0, 3)
		if err := w.commit(t.Context(), b); err == nil {
			t.Error("a refusal was taken for a commit")
		}
		if err := w.commit(t.Context(), b); err != nil {
			t.Errorf("the next try: %v", err)
		}
	})
}

// A table that is another one than the batch was planned for is looked at again, and the batch sent again at once.
func TestChangedTableIsPlannedAnew(t *testing.T) {
	for _, y := range ways[:2] {
		onScript(t, y.config, []script{func(b *backend) {
			y.meets(b)
			fails(b, refuses(1105, "HY000", "XPATH syntax error: '~changed:"+secretOf(takes(b))+"'"))
			y.meets(b)
			commits(b)
			b.listens()
		}}, func(t *testing.T, w *worker, s *scripted) {
			if err := w.commit(t.Context(), w.batch(0, 3)); err != nil {
				t.Errorf("%s: %v", y.name, err)
			}
		})
	}
}

// A row that the store refuses is rejected with the store's code, if the ledger still holds what the batch holds; else
// the batch met its own rows, and it is late.
func TestRejectedRow(t *testing.T) {
	for offset, late := range map[int]bool{5: false, 8: true} {
		y := ways[0]
		onScript(t, y.config, []script{func(b *backend) {
			y.meets(b)
			takes(b)
			b.says(done, done, refuses(1062, "23000", "Duplicate entry '5' for key 'flights_n'"))
			b.hears(rowNumberSQL)
			b.says(done, answer(row("1")))
			b.hears("rollback")
			b.says(done)
			y.meets(b) // the table is looked at again, and is the same
			b.ledgerHolds(offset, 7)
			b.listens()
		}}, func(t *testing.T, w *worker, s *scripted) {
			err := w.commit(t.Context(), w.batch(0, 1))
			rejected, refused := new(sink.Rejected), new(ledger.Refused)
			switch {
			case late && !errors.As(err, &refused):
				t.Errorf("the ledger is ahead, and the error is %v", err)
			case !late && (!errors.As(err, &rejected) || rejected.Code != "1062" || rejected.Row != 1 || !strings.Contains(rejected.Reason, "flights_n")):
				t.Errorf("got %v, want row 1 rejected by 1062 and its key", err)
			}
		})
	}
}

// One of several rows that the server names comes again alone: until then neither the table nor the ledger is asked.
func TestNamedRowOfSeveral(t *testing.T) {
	y := ways[0]
	onScript(t, y.config, []script{func(b *backend) {
		y.meets(b)
		takes(b)
		b.says(done, done, refuses(1062, "23000", "Duplicate entry '5' for key 'flights_n'"))
		b.hears(rowNumberSQL)
		b.says(done, answer(row("2")))
		b.hears("rollback")
		b.says(done)
		b.listens()
	}}, func(t *testing.T, w *worker, s *scripted) {
		r, ok := errors.AsType[*sink.Rejected](w.commit(t.Context(), w.batch(0, 3)))
		if !ok || r.Row != 2 {
			t.Errorf("got %+v, want row 2 rejected", r)
		}
		if n := len(s.heard()); n != 4 {
			t.Errorf("%d packets were sent, want the question about the table, the flush, the row's number and the rollback", n)
		}
	})
}

// A flush that lost a deadlock is sent again as it is, and counts once; one that always loses ends, without a doubt.
func TestDeadlockIsTriedAgainAsItIs(t *testing.T) {
	for _, y := range []way{ways[0], ways[2]} {
		for _, lost := range []int{1, 3, raceTries} {
			t.Run(fmt.Sprintf("%s %d", y.name, lost), func(t *testing.T) {
				onScript(t, y.config, []script{func(b *backend) {
					y.meets(b)
					for range lost {
						takes(b)
						fails(b, deadlock)
					}
					if lost == raceTries {
						b.hears("rollback")
						b.says(done)
					} else {
						commits(b)
					}
					b.listens()
				}}, func(t *testing.T, w *worker, s *scripted) {
					err := w.commit(t.Context(), w.batch(0, 3))
					if (err == nil) != (lost < raceTries) || errors.Is(err, ledger.ErrUnknown) {
						t.Fatalf("got %v", err)
					}
					var flushes []string
					for _, q := range s.heard() {
						if strings.Contains(q, "commit; select '") {
							flushes = append(flushes, q)
						}
					}
					if want := min(lost+1, raceTries); len(flushes) != want {
						t.Errorf("%d flushes, want %d", len(flushes), want)
					}
					for _, f := range flushes {
						if f != flushes[0] {
							t.Errorf("sent again it is another one:\n%s\n%s", flushes[0], f)
						}
					}
				})
			})
		}
	}
}

// An upsert that lost a deadlock goes in the order of its keys, out of the temporary table, which is made once; a sink
// that has lost some goes that way from the start. Each is counted.
func TestDeadlockOfUpserts(t *testing.T) {
	y := ways[1]
	staged := append([]string{preamble + "truncate table `shop`.fencepost_batch; insert into `shop`.fencepost_batch (", begin + "insert into `shop`.`flights` (", " order by `n`, fencepost_row"}, compareWords...)
	onScript(t, y.config, []script{func(b *backend) {
		y.meets(b)
		for n := range crowdedAt {
			takes(b)
			fails(b, deadlock)
			if n == 0 {
				b.hears("create temporary table `shop`.fencepost_batch")
				b.says(done, done)
			}
			commits(b)
		}
		commits(b)
		b.listens()
	}}, func(t *testing.T, w *worker, s *scripted) {
		for n := range crowdedAt {
			if err := w.commit(t.Context(), w.batch(0, 3)); err != nil {
				t.Fatal(err)
			}
			if got := int(w.sink.races.Load()); got != n+1 {
				t.Errorf("%d deadlocks are counted, want %d", got, n+1)
			}
			inOrder(t, s.heard()[len(s.heard())-1], staged...)
		}
		before := len(s.heard())
		if err := w.commit(t.Context(), w.batch(0, 3)); err != nil {
			t.Fatal(err)
		}
		if sent := s.heard()[before:]; len(sent) != 1 {
			t.Errorf("a crowded sink sent %d packets, want one", len(sent))
		} else {
			inOrder(t, sent[0], staged...)
		}
	})
}

// Where the connection was cut decides what is known. Of a flush that was not sent nothing happened; of one that was
// the outcome is unknown until the next compare-and-set, whatever part of its answer arrived before the secret.
func TestCutConnection(t *testing.T) {
	y := ways[0]
	killed := refuses(1317, "70100", "Query execution was interrupted")
	shutdown := refuses(1053, "08S01", "Server shutdown in progress")
	for _, test := range []struct {
		name    string
		script  script // until it is cut, behind the meeting
		unknown bool
	}{
		{"before the flush", func(b *backend) {}, false},
		{"behind the flush", func(b *backend) { takes(b) }, true},
		{"told that it was killed", func(b *backend) { takes(b); b.says(done, done, killed) }, true},
		{"told of a shutdown", func(b *backend) { takes(b); b.says(done, done, shutdown) }, true},
		{"before COMMIT was answered", func(b *backend) { takes(b); b.begins(done, done) }, true},
		{"behind COMMIT", func(b *backend) { takes(b); b.begins(done, done, done) }, true},
		{"in the secret", func(b *backend) { b.write(answer(row(secretOf(takes(b))))(false)[0]) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			onScript(t, y.config, []script{
				func(b *backend) { y.meets(b); test.script(b) },
				func(b *backend) { y.meets(b); commits(b) },
			}, func(t *testing.T, w *worker, s *scripted) {
				batch := w.batch(0, 3)
				err := w.commit(t.Context(), batch)
				fault := new(fencepost.UserError)
				switch {
				case err == nil || errors.Is(err, ledger.ErrUnknown) != test.unknown:
					t.Errorf("got %v, want it unknown: %t", err, test.unknown)
				case !test.unknown && (!errors.As(err, &fault) || fault.Code != "database-silent" || !fault.Passing):
					t.Errorf("got %v, want the passing fault database-silent", err)
				}
				if err := w.commit(t.Context(), batch); err != nil {
					t.Errorf("on the next connection: %v", err)
				}
			})
		})
	}
}

// A lost answer is resolved by the next compare-and-set: a batch that was committed all the same is refused, not applied twice.
func TestLostAnswerIsSettledByTheNextFlush(t *testing.T) {
	y := ways[0]
	onScript(t, y.config, []script{
		func(b *backend) { y.meets(b); takes(b); b.begins(done, done, done) },
		func(b *backend) {
			y.meets(b)
			fails(b, refuses(1105, "HY000", "XPATH syntax error: '~fenced:"+secretOf(takes(b))+"'"))
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
	y, many := ways[0], ways[2]
	for _, test := range []struct {
		name    string
		way     way
		script  script
		unknown bool
	}{
		{"asked about the table", y, func(b *backend) { b.hears("from information_schema.columns"); b.hangs() }, false},
		{"asked for the temporary table", many, func(b *backend) { b.leadsNowhere(); b.hears("create temporary table"); b.hangs() }, false},
		{"behind the flush", y, func(b *backend) { y.meets(b); takes(b); b.hangs() }, true},
		{"in its answer", y, func(b *backend) { y.meets(b); takes(b); b.begins(done, done, done); b.hangs() }, true},
		{"asked what the ledger holds", y, func(b *backend) {
			y.meets(b)
			fails(b, refuses(1105, "HY000", "XPATH syntax error: '~fenced:"+secretOf(takes(b))+"'"))
			b.hears("select m.topic")
			b.hangs()
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			onScript(t, test.way.config, []script{test.script}, func(t *testing.T, w *worker, s *scripted) {
				began := time.Now()
				err := w.commit(s.patience, w.batch(0, 3))
				if took := time.Since(began); took > time.Second {
					t.Errorf("answered %s after the context had ended", took)
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
		func(b *backend) { b.hears("fencepost_groups"); b.hangs() },
	}, func(t *testing.T, w *worker, s *scripted) {
		began := time.Now()
		if _, err := w.sink.Ledger().Read(s.patience, "g"); !errors.Is(err, errHung) {
			t.Errorf("got %v, want why the context ended", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("answered %s after the context had ended", took)
		}
		if _, err := w.sink.Ledger().Read(t.Context(), "g"); err == nil || errors.Is(err, errHung) {
			t.Errorf("on the next connection, which is cut at once: %v", err)
		}
	})
}

// endings are failures of user SQL: the server's answers to it, to the mark that our savepoint was set, and to the
// rollback to it; and what they show of the transaction.
var endings = []struct {
	name    string
	number  uint16
	message string // @ is our savepoint
	marked  string // @ is the secret; empty: the mark is not set
	back    said   // nil: it is not asked for
	holds   int    // what the ledger holds, where it is asked
	ended   string // the text for an ended transaction; empty: it was not ended
}{
	{"savepoint gone at RELEASE", 1305, "SAVEPOINT @ does not exist", "", nil, 0, "it holds a COMMIT"},
	{"no way back", 1365, "Division by 0", "@", refuses(1305, "42000", "SAVEPOINT does not exist"), 0, "no transaction was left when it failed: Division by 0 (1365)"},
	{"a way back", 1365, "Division by 0", "@", done, 5, ""},
	{"before it began", 1365, "Division by 0", "", nil, 5, ""},
	{"another savepoint", 1305, "SAVEPOINT mine does not exist", "@", done, 0, ""},
	{"lock wait", 1205, "Lock wait timeout exceeded", "", nil, 0, ""},
}

// An ended transaction is recognised by the savepoint that is gone with it, and by nothing else.
func TestSavepointTellsTheEnd(t *testing.T) {
	y := ways[2]
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			onScript(t, y.config, []script{func(b *backend) {
				y.meets(b)
				secret := secretOf(takes(b))
				message := strings.Replace(e.message, "@", "fencepost_"+secret, 1)
				b.says(done, done, refuses(e.number, "HY000", message))
				if e.number == 1365 { // of a refused row: which one it is
					b.hears("get diagnostics condition 1 @fencepost_row = row_number; select @fencepost_row")
					b.says(done, answer(row("0")))
				}
				if e.number != 1205 && !strings.Contains(message, secret) {
					b.hears("select coalesce(@fencepost_at, '')")
					b.says(answer(row(strings.Replace(e.marked, "@", secret, 1))))
				}
				if e.back != nil {
					b.hears("rollback to savepoint fencepost_" + secret)
					b.says(e.back)
				}
				b.hears("rollback")
				b.says(done)
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
