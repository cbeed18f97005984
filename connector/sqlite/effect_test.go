package sqlite

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// one is a batch of one row per partition 0.. of these values of text column v and int column n; a nil v is null.
func one(held map[fencepost.TopicPartition]ledger.Position, values ...any) sink.Commit {
	tp := topic(1)[0]
	b := &fencepost.Batch{Columns: []fencepost.Column{{Name: "v", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}}}
	at := held[tp].Offset
	for i := 0; i < len(values); i += 2 {
		b.Offsets, b.Times = append(b.Offsets, at), append(b.Times, 978_307_260_000)
		if v, ok := values[i].(string); ok {
			b.Columns[0].AppendText(v)
		} else {
			b.Columns[0].AppendNull()
		}
		b.Columns[1].AppendInt(int64(values[i+1].(int)))
		at++
	}
	return sinktest.One(b, tp, held[tp], at)
}

// wantRejected fails unless err is a *Rejected whose reason holds these words.
func wantRejected(t *testing.T, err error, words ...string) {
	t.Helper()
	r, ok := errors.AsType[*sink.Rejected](err)
	if !ok {
		t.Fatalf("got %v, want *sink.Rejected", err)
	}
	for _, w := range words {
		if !strings.Contains(r.Reason, w) {
			t.Errorf("reason %q does not say %q", r.Reason, w)
		}
	}
	if r.Code == "" {
		t.Errorf("rejected without a code: %s", r.Reason)
	}
}

func TestConstraintsNameTableAndColumn(t *testing.T) {
	for name, c := range map[string]struct {
		ddl    string
		values []any
		words  []string
	}{
		"not null":    {"CREATE TABLE things (v TEXT NOT NULL, n INTEGER)", []any{"a", 1, nil, 2}, []string{"null in column v of table things", "NOT NULL"}},
		"unique":      {"CREATE TABLE things (v TEXT, n INTEGER, UNIQUE (v, n))", []any{"a", 1, "a", 1}, []string{"table things", "v, n", "UNIQUE"}},
		"primary key": {"CREATE TABLE things (v TEXT PRIMARY KEY, n INTEGER)", []any{"a", 1, "a", 1}, []string{"table things", "same v"}},
		"check":       {"CREATE TABLE things (v TEXT, n INTEGER CHECK (n < 10))", []any{"a", 10}, []string{"n < 10", "table things"}},
		"trigger": {"CREATE TABLE things (v TEXT, n INTEGER); CREATE TRIGGER no BEFORE INSERT ON things WHEN new.n = 7 BEGIN SELECT RAISE(ABORT, 'n is 7'); END",
			[]any{"a", 7}, []string{"n is 7"}},
	} {
		t.Run(name, func(t *testing.T) {
			first, second, two := strings.Cut(c.ddl, "; CREATE TRIGGER")
			ddl := []string{first}
			if two {
				ddl = append(ddl, "CREATE TRIGGER"+second)
			}
			s, l := fresh(t, Config{Table: "things"}, ddl...)
			held := begin(t, s, topic(1)...)
			wantRejected(t, l.Commit(t.Context(), writer, one(held, c.values...)), c.words...)
			if err := l.Commit(t.Context(), writer, one(held, "1", 1)); err != nil {
				t.Errorf("good rows after the bad ones: %v", err)
			}
			if got := answer(t, s.cfg.Path, "SELECT * FROM things"); got != "1|1" {
				t.Errorf("rows: got %q, want the good one alone", got)
			}
		})
	}
}

func TestUnstorableValuesAreRejected(t *testing.T) {
	tp := topic(1)[0]
	for name, column := range map[string]func(c *fencepost.Column){
		"NaN":  func(c *fencepost.Column) { c.Type = fencepost.Float; c.AppendFloat(math.NaN()) },
		"9999": func(c *fencepost.Column) { c.Type = fencepost.Timestamp; c.AppendInt(math.MaxInt64) },
	} {
		s, l := fresh(t, Config{Table: "things"}, "CREATE TABLE things (v)")
		held := begin(t, s, tp)
		b := one(held, "", 0)
		c := fencepost.Column{Name: "v"}
		column(&c)
		b.Columns = []fencepost.Column{c}
		r, ok := errors.AsType[*sink.Rejected](l.Commit(t.Context(), writer, b))
		if !ok || !strings.Contains(r.Reason, name) || !strings.Contains(r.Reason, "column v") {
			t.Errorf("%s: got %v, want it rejected by name", name, r)
		}
	}
}

// A record's timestamp is written as it is, or its batch is refused: never as what is left of it in 64 bits of microseconds.
func TestV14TimestampsAreWholeOrRefused(t *testing.T) {
	for _, ms := range []int64{253_402_300_800_000, 1_709_208_000_000_000, 1_709_208_000_000_000_000, math.MaxInt64, math.MinInt64} {
		s, l := fresh(t, Config{Table: "things"}, "CREATE TABLE things (v, n, _timestamp TEXT)")
		held := begin(t, s, topic(1)...)
		c := one(held, "a", 1)
		c.Batch.Times[0] = ms
		r, ok := errors.AsType[*sink.Rejected](l.Commit(t.Context(), writer, c))
		if !ok || !strings.Contains(r.Reason, strconv.FormatInt(ms, 10)) {
			t.Errorf("%d ms: got %v, want the batch refused with the timestamp", ms, r)
		}
	}
}

func TestUpsertKeepsTheLastRowOfAKey(t *testing.T) {
	s, l := fresh(t, Config{Table: "things", Key: []string{"V"}}, "CREATE TABLE things (v TEXT PRIMARY KEY, n INTEGER, _offset INTEGER, extra TEXT DEFAULT 'kept')")
	held := begin(t, s, topic(1)...)
	b := one(held, "a", 1, "b", 2, "a", 3)
	if err := l.Commit(t.Context(), writer, b); err != nil {
		t.Fatal(err)
	}
	held[topic(1)[0]] = b.Moves[0].Next
	if err := l.Commit(t.Context(), writer, one(held, "b", 5)); err != nil {
		t.Fatal(err)
	}
	if got, want := answer(t, s.cfg.Path, "SELECT * FROM things ORDER BY v"), "a|3|2|kept\nb|5|3|kept"; got != want {
		t.Errorf("rows: got %q, want %q", got, want)
	}
}

func TestMetadataOnlyWhereTheTableHasIt(t *testing.T) {
	s, l := fresh(t, Config{Table: "things"}, "CREATE TABLE things (_timestamp TEXT, _KEY BLOB, v TEXT, _partition INTEGER, n INTEGER)")
	needs, err := s.Columns(t.Context(), []fencepost.ColumnSpec{{Name: "v", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}})
	if err != nil || len(needs) != 1 || needs[0] != fencepost.MetaKey {
		t.Errorf("needs: got %v, %v, want _key alone", needs, err)
	}
	b := one(begin(t, s, topic(1)...), "a", 1)
	key := fencepost.Column{Name: fencepost.MetaKey, Type: fencepost.Bytes}
	key.AppendBytes([]byte("k"))
	b.Columns = append(b.Columns, key)
	if err := l.Commit(t.Context(), writer, b); err != nil {
		t.Fatal(err)
	}
	got := answer(t, s.cfg.Path, "SELECT _timestamp, unixepoch(_timestamp), typeof(_key), _key, v, _partition, n FROM things")
	if want := "2001-01-01 00:01:00|978307260|blob|k|a|0|1"; got != want {
		t.Errorf("row: got %q, want %q", got, want)
	}
}

func TestSQLThatEndsTheTransactionIsRefusedBeforeItRuns(t *testing.T) {
	for _, end := range []string{"COMMIT", "END", "ROLLBACK", "BEGIN", "RELEASE fencepost_effects", "ROLLBACK TO fencepost_effects"} {
		s, l := fresh(t, Config{SQL: "INSERT INTO things SELECT v, n FROM batch; " + end + "; INSERT INTO things SELECT v, n FROM batch"},
			"CREATE TABLE things (v TEXT, n INTEGER)")
		columns := []fencepost.ColumnSpec{{Name: "v", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}}
		_, err := s.Columns(t.Context(), columns)
		if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Code != "sql-ended-transaction" || f.Exit != 2 {
			t.Errorf("Needs of SQL with %s: got %v, want the fault sql-ended-transaction", end, err)
		}
		held := begin(t, s, topic(1)...)
		err = l.Commit(t.Context(), writer, one(held, "a", 1))
		if _, ok := errors.AsType[*sink.Ended](err); !ok {
			t.Errorf("SQL with %s: got %v, want *sink.Ended", end, err)
		}
		if got := answer(t, s.cfg.Path, "SELECT (SELECT count(*) FROM things), until FROM fencepost_ledger"); got != "0|0" {
			t.Errorf("SQL with %s: rows and position are %s, want 0|0", end, got)
		}
	}
}

func TestRollbackInsideIsTold(t *testing.T) {
	// A conflict clause ends the transaction past the guard; the function swallows the error and writes on.
	s, l := fresh(t, Config{Handle: func(_ context.Context, db *sqlite.Conn, _ *fencepost.Batch) error {
		_ = sqlitex.ExecuteTransient(db, "INSERT OR ROLLBACK INTO things VALUES (1), (1)", nil)
		return sqlitex.ExecuteTransient(db, "INSERT INTO things VALUES (2)", nil)
	}}, "CREATE TABLE things (v INTEGER UNIQUE)")
	held := begin(t, s, topic(1)...)
	err := l.Commit(t.Context(), writer, one(held, "a", 1))
	ended, ok := errors.AsType[*sink.Ended](err)
	if !ok || !strings.Contains(ended.Reason, "no such savepoint") {
		t.Errorf("a function that lost its transaction: got %v, want *sink.Ended", err)
	}
	if got := answer(t, s.cfg.Path, "SELECT until FROM fencepost_ledger"); got != "0" {
		t.Errorf("position: got %s, want 0: its move was rolled back", got)
	}
}

func TestLedgerIsOutOfReachOfSQL(t *testing.T) {
	for _, query := range []string{"UPDATE fencepost_ledger SET until = 0", "DELETE FROM Fencepost_Moves", "DROP TABLE fencepost_groups",
		"ALTER TABLE fencepost_moves RENAME TO gone", "ATTACH ':memory:' AS other", "DROP TABLE batch"} {
		s, l := fresh(t, Config{SQL: query})
		held := begin(t, s, topic(1)...)
		f, ok := errors.AsType[*fencepost.UserError](l.Commit(t.Context(), writer, one(held, "a", 1)))
		if !ok || f.Code != "sql-refused" {
			t.Errorf("%s: got %v, want the fault sql-refused", query, f)
		}
	}
}

// V7: SQL that writes a table of the user's own named batch does not write the temporary one instead.
func TestV7TheUsersOwnTableIsNamedBatch(t *testing.T) {
	for _, ddl := range []string{"CREATE TABLE Batch (v TEXT)", "CREATE VIEW batch AS SELECT 1 AS v"} {
		s, l := fresh(t, Config{SQL: "INSERT INTO things SELECT v FROM batch"}, "CREATE TABLE things (v TEXT)")
		held := begin(t, s, topic(1)...)
		execute(t, s.cfg.Path, ddl)
		f, ok := errors.AsType[*fencepost.UserError](l.Commit(t.Context(), writer, one(held, "a", 1)))
		if !ok || f.Code != "sql-refused" || !strings.Contains(strings.ToLower(f.Error()), "main.batch") {
			t.Errorf("%s: got %v, want sql-refused that names main.batch", ddl, f)
		}
		if got := checked(t, s, fencepost.ColumnSpec{Name: "v", Type: fencepost.Text}); !strings.Contains(got, "trial -- sql error[sql-refused]") {
			t.Errorf("%s: check says\n%s\nwant a finding", ddl, got)
		}
		if got := answer(t, s.cfg.Path, "SELECT (SELECT count(*) FROM things), until FROM fencepost_ledger"); got != "0|0" {
			t.Errorf("%s: rows and position are %s, want 0|0", ddl, got)
		}
	}
}

func TestSQLFaultsAndRejections(t *testing.T) {
	for _, c := range []struct{ sql, code, word string }{
		{"INSERT INTO nowhere SELECT v FROM batch", "sql-failed", "no such table: nowhere"},
		{"INSERT INTO things SELECT v, nope FROM batch", "sql-failed", "no such column: nope"},
		{"SELEKT", "sql-failed", "syntax error"},
		{"INSERT INTO things SELECT v, n FROM batch; INSERT INTO things SELECT json(v), n FROM batch", "", "statement 2 of sql: malformed JSON"},
		{"INSERT INTO things SELECT v, n - 2 FROM batch", "", "CHECK n > 0"},
	} {
		s, l := fresh(t, Config{SQL: c.sql}, "CREATE TABLE things (v TEXT, n INTEGER CHECK (n > 0))")
		held := begin(t, s, topic(1)...)
		err := l.Commit(t.Context(), writer, one(held, "{", 1))
		if c.code == "" {
			wantRejected(t, err, c.word)
		} else if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Code != c.code || !strings.Contains(f.Error(), c.word) {
			t.Errorf("%s: got %v, want %s with %q", c.sql, err, c.code, c.word)
		}
		if got := answer(t, s.cfg.Path, "SELECT (SELECT count(*) FROM things), until FROM fencepost_ledger"); got != "0|0" {
			t.Errorf("%s: rows and position are %s, want 0|0", c.sql, got)
		}
	}
}

func TestSQLThatWritesTheWrongTypeIsRejected(t *testing.T) {
	for ddl, words := range map[string][]string{
		"CREATE TABLE things (v INTEGER, n INTEGER) STRICT":      {"TEXT", "INTEGER column things.v"},
		"CREATE TABLE things (v INTEGER PRIMARY KEY, n INTEGER)": {"datatype mismatch"},
	} {
		s, l := fresh(t, Config{SQL: "INSERT INTO things SELECT v, n FROM batch"}, ddl)
		held := begin(t, s, topic(1)...)
		wantRejected(t, l.Commit(t.Context(), writer, one(held, "word", 1)), words...)
	}
}

func TestHandleWorksInTheTransaction(t *testing.T) {
	boom := errors.New("boom")
	fail := true
	s, l := fresh(t, Config{Metadata: []string{fencepost.MetaKey}, Handle: func(_ context.Context, db *sqlite.Conn, b *fencepost.Batch) (err error) {
		defer sqlitex.Save(db)(&err)
		for i := range b.Rows() {
			err := sqlitex.Execute(db, "INSERT INTO things VALUES (?)", &sqlitex.ExecOptions{Args: []any{b.Column("v").Text(i)}})
			if err != nil {
				return err
			}
		}
		if fail {
			return boom
		}
		return nil
	}}, "CREATE TABLE things (v TEXT NOT NULL UNIQUE)")
	held := begin(t, s, topic(1)...)
	b := one(held, "a", 1)
	if err := l.Commit(t.Context(), writer, b); !errors.Is(err, boom) {
		t.Errorf("a failing function: got %v, want its error", err)
	}
	fail = false
	if err := l.Commit(t.Context(), writer, b); err != nil {
		t.Errorf("the same batch, with a function that works now: %v", err)
	}
	if got := answer(t, s.cfg.Path, "SELECT (SELECT group_concat(v) FROM things), until FROM fencepost_ledger"); got != "a|1" {
		t.Errorf("rows and position are %s, want a|1", got)
	}
	held[topic(1)[0]] = b.Moves[0].Next
	wantRejected(t, l.Commit(t.Context(), writer, one(held, "a", 1)), "table things", "same v")
	if needs, err := s.Columns(t.Context(), nil); err != nil || len(needs) != 1 || needs[0] != fencepost.MetaKey {
		t.Errorf("needs: got %v, %v, want _key", needs, err)
	}
}

func TestHandleCanNotEndTheTransaction(t *testing.T) {
	s, l := fresh(t, Config{Handle: func(_ context.Context, db *sqlite.Conn, _ *fencepost.Batch) error {
		_ = sqlitex.ExecuteTransient(db, "INSERT INTO things VALUES (1)", nil)
		_ = sqlitex.ExecuteTransient(db, "COMMIT", nil) // its refusal is swallowed
		return nil
	}}, "CREATE TABLE things (v INTEGER)")
	held := begin(t, s, topic(1)...)
	if _, ok := errors.AsType[*sink.Ended](l.Commit(t.Context(), writer, one(held, "a", 1))); !ok {
		t.Error("a function that tries COMMIT: want *sink.Ended")
	}
	if got := answer(t, s.cfg.Path, "SELECT (SELECT count(*) FROM things), until FROM fencepost_ledger"); got != "0|0" {
		t.Errorf("rows and position are %s, want 0|0", got)
	}
}

func TestDeferredForeignKeyAtCommitIsRejected(t *testing.T) {
	s, l := fresh(t, Config{Table: "things"}, "CREATE TABLE owners (n INTEGER PRIMARY KEY)",
		"CREATE TABLE things (v TEXT, n INTEGER REFERENCES owners (n) DEFERRABLE INITIALLY DEFERRED)")
	held := begin(t, s, topic(1)...)
	if err := l.(*lane).conn.run("PRAGMA foreign_keys = ON"); err != nil {
		t.Fatal(err)
	}
	wantRejected(t, l.Commit(t.Context(), writer, one(held, "a", 1)), "FOREIGN KEY")
	if got := answer(t, s.cfg.Path, "SELECT (SELECT count(*) FROM things), until FROM fencepost_ledger"); got != "0|0" {
		t.Errorf("rows and position are %s, want 0|0", got)
	}
	execute(t, s.cfg.Path, "INSERT INTO owners VALUES (1)")
	if err := l.Commit(t.Context(), writer, one(held, "a", 1)); err != nil {
		t.Errorf("the same batch once the owner exists: %v", err)
	}
}

func TestRowsOfEveryCountComeThrough(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 11, 99, 100, 101, 219} {
		s, l := fresh(t, Config{SQL: quickstartSQL}, placedDDL, delaysDDL)
		held := begin(t, s, topic(3)...)
		for range 2 {
			if err := l.Commit(t.Context(), writer, flights(3*n, held, topic(3)...)); err != nil {
				t.Fatal(err)
			}
		}
		if n > 0 {
			wantExact(t, s, s.cfg.Path, 2*n, 3)
		}
	}
}

func TestMentions(t *testing.T) {
	for sql, want := range map[string]bool{"SELECT _key FROM batch": true, `SELECT "_KEY" FROM batch`: true, "SELECT batch._key": true,
		"SELECT a_key, _keys FROM batch": false, "": false} {
		if got := mentions(sql, fencepost.MetaKey); got != want {
			t.Errorf("%q mentions _key: got %t, want %t", sql, got, want)
		}
	}
}

// S11: a STRICT table says which column does not take which value, under SQLite's own name of the code.
func TestS11StrictTablesNameTheColumn(t *testing.T) {
	s, l := fresh(t, Config{SQL: "INSERT INTO things (n) SELECT v FROM batch"}, "CREATE TABLE things (n INTEGER) STRICT")
	err := l.Commit(t.Context(), writer, one(begin(t, s, topic(1)...), "seven", 1))
	wantRejected(t, err, "cannot store TEXT value in INTEGER column things.n")
	if r, _ := errors.AsType[*sink.Rejected](err); r.Code != "SQLITE_CONSTRAINT_DATATYPE" {
		t.Errorf("the code is %s, want SQLITE_CONSTRAINT_DATATYPE", r.Code)
	}
}
