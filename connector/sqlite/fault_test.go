package sqlite

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
)

// wantFault fails unless err is a UserError of this code, with a remedy.
func wantFault(t *testing.T, err error, code string, passing bool) {
	t.Helper()
	f, ok := errors.AsType[*fencepost.UserError](err)
	if !ok {
		t.Fatalf("got %v, want the fault %s", err, code)
	}
	if f.Code != code || f.Passing != passing || f.Help == "" {
		t.Errorf("got %s (passing: %t, help: %q): %v, want %s (passing: %t) with a help", f.Code, f.Passing, f.Help, f, code, passing)
	}
}

func TestFullDiskLeavesNothingHalfDone(t *testing.T) {
	s, l := fresh(t, Config{Table: "flights"}, flightsDDL)
	held := begin(t, s, topic(2)...)
	b := flights(10_000, held, topic(2)...)
	if err := l.(*lane).conn.run("PRAGMA max_page_count = 40"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		wantFault(t, l.Commit(t.Context(), writer, b), "disk-full", true)
		if got := answer(t, s.cfg.Path, "SELECT (SELECT count(*) FROM flights), max(until) FROM fencepost_ledger"); got != "0|0" {
			t.Errorf("rows and position on a full disk are %s, want 0|0", got)
		}
	}
	if err := l.(*lane).conn.run("PRAGMA max_page_count = 100000"); err != nil {
		t.Fatal(err)
	}
	if err := l.Commit(t.Context(), writer, b); err != nil {
		t.Errorf("the same batch once there is space: %v", err)
	}
	if got := answer(t, s.cfg.Path, "SELECT (SELECT count(*) FROM flights), max(until) FROM fencepost_ledger"); got != "10000|5000" {
		t.Errorf("rows and position: got %s, want 10000|5000", got)
	}
}

func TestPathsThatAreNoDatabase(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, bytes.Repeat([]byte("not a database\n"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, code := range map[string]string{
		filepath.Join(dir, "missing", "x.db"): "database-missing",
		dir:                                   "database-directory",
		text:                                  "not-a-database",
	} {
		s, err := Open(t.Context(), Config{Path: path, Table: "flights"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Ledger().Read(t.Context(), "g")
		wantFault(t, err, code, false)
		_, err = s.Lane(t.Context(), 0)
		wantFault(t, err, code, false)
		found := s.Check(t.Context(), flightColumns())
		if len(found) == 0 || found[0].OK || found[0].Code != code || found[0].Help == "" {
			t.Errorf("check of %s: got %+v, want %s with a help", path, found, code)
		}
	}
}

// asNobody runs f as a user who owns nothing, on a thread that ends with it: as root every file can be written.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread is thrown away
		if os.Geteuid() == 0 {
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0); errno != 0 {
				t.Errorf("setfsuid: %v", errno)
				return
			}
		}
		f()
	}()
	<-done
}

func TestReadOnlyFileIsDenied(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "flights.db")
	execute(t, path, flightsDDL)
	for what, modes := range map[string][2]os.FileMode{"file": {0o444, 0o777}, "directory": {0o666, 0o555}, "unreadable file": {0, 0o777}} {
		if err := errors.Join(os.Chmod(path, modes[0]), os.Chmod(dir, modes[1]), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
			t.Fatal(err)
		}
		asNobody(t, func() {
			s, err := Open(context.Background(), Config{Path: path, Table: "flights"})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			_, err = s.Ledger().Read(context.Background(), "g")
			if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Code != "database-denied" || f.Help == "" {
				t.Errorf("read-only %s: got %v, want database-denied with a help", what, err)
			}
		})
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func TestBusyIsToldAfterItsPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "flights.db")
		s, l := fresh(t, Config{Path: path, Table: "flights"}, flightsDDL)
		b := flights(10, begin(t, s, topic(1)...), topic(1)...)
		other := plain(t, path)
		run := func(query string) {
			st, _, err := other.PrepareTransient(query)
			if err != nil {
				t.Fatal(err)
			}
			if err := exhaust(st); err != nil {
				t.Fatal(err)
			}
			st.Finalize()
		}
		run("BEGIN IMMEDIATE")
		at := time.Now()
		wantFault(t, l.Commit(t.Context(), writer, b), "database-busy", true)
		if took := time.Since(at); took < patience || took > patience+time.Second {
			t.Errorf("a busy file was told after %s, want %s", took, patience)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		at = time.Now()
		if err := l.Commit(ctx, writer, b); !errors.Is(err, context.DeadlineExceeded) || time.Since(at) != time.Second {
			t.Errorf("a commit that may wait a second: got %v after %s", err, time.Since(at))
		}
		if _, err := s.Ledger().Read(t.Context(), writer.Group); err != nil {
			t.Errorf("read while another holds the lock: %v", err)
		}
		run("ROLLBACK")
		if err := l.Commit(t.Context(), writer, b); err != nil {
			t.Errorf("the same batch once the lock is free: %v", err)
		}
	})
}

func TestTurn(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	ms := time.Millisecond
	for what, c := range map[string]struct {
		turn turn
		want time.Duration
	}{
		"alone, not yet time to find out": {turn{taken: ago(9 * ms), freed: now, probed: ago(40 * ms), every: 50 * ms}, 0},
		"alone, time to find out":         {turn{taken: ago(9 * ms), freed: now, probed: ago(60 * ms), every: 50 * ms}, look},
		"met, after a long hold":          {turn{met: ago(ms), taken: ago(20 * ms), freed: now, probed: now, every: rarest}, look},
		"met, after a short hold":         {turn{met: ago(ms), taken: ago(2 * ms), freed: now, probed: now, every: rarest}, 2 * ms},
		"met, and away since":             {turn{met: ago(ms), taken: ago(30 * ms), freed: ago(20 * ms), probed: now, every: rarest}, 0},
		"met long ago":                    {turn{met: ago(2 * lately), taken: ago(20 * ms), freed: now, probed: now, every: rarest}, 0},
	} {
		if got := max(0, c.turn.away(now)); got != c.want {
			t.Errorf("%s: stays away for %s, want %s", what, got, c.want)
		}
	}
}

// TestFileIsReplaced: an older copy that is moved into place is what the next commit finds, and a commit that went to
// the file that was there before is unknown, never done.
func TestFileIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "flights.db")
	backup := filepath.Join(dir, "backup.db")
	s, l := fresh(t, Config{Path: path, Table: "flights"}, flightsDDL)
	held := begin(t, s, topic(1)...)
	commit := func() error { return l.Commit(t.Context(), writer, flights(10, held, topic(1)...)) }
	if err := commit(); err != nil {
		t.Fatal(err)
	}
	execute(t, path, "VACUUM INTO ?", backup)
	if err := commit(); err != nil {
		t.Fatal(err)
	}
	replace := func(with string) {
		for _, suffix := range []string{"-wal", "-shm"} {
			os.Remove(path + suffix)
		}
		if err := os.Rename(with, path); err != nil {
			t.Fatal(err)
		}
	}
	execute(t, path, "VACUUM INTO ?", backup+"2")
	replace(backup)

	late := flights(10, held, topic(1)...)
	refused, ok := errors.AsType[*ledger.Refused](l.Commit(t.Context(), writer, late))
	if !ok {
		t.Fatalf("a commit onto an older copy: got %v, want it refused", refused)
	}
	tp := topic(1)[0]
	if got := ledger.Relate(refused.Held[tp], late.Moves[0]); got != ledger.RelationBehind {
		t.Errorf("after an older copy was moved into place the ledger stands %s, want behind", got)
	}

	snap, err := s.Ledger().Read(t.Context(), writer.Group)
	if err != nil {
		t.Fatal(err)
	}
	held = snap.Positions
	l.(*lane).conn.tamper = func(p point) error {
		if p == beforeCommit {
			replace(backup + "2")
		}
		return nil
	}
	if err := commit(); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("a commit that went to a file no longer there: got %v, want ErrUnknown", err)
	}
	if got := answer(t, path, "SELECT (SELECT count(*) FROM flights), until FROM fencepost_ledger"); got != "20|20" {
		t.Errorf("rows and position of the file in place: got %s, want its own 20|20", got)
	}
}

func TestNewerLedgerIsNotEvenOpenedForWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "newer.db")
	for _, query := range ledgerDDL {
		execute(t, path, query)
	}
	execute(t, path, "UPDATE fencepost_groups SET version = 2")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{Path: path, SQL: "SELECT 1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ledger().Read(t.Context(), "g"); !errors.Is(err, ledger.ErrNewer) {
		t.Errorf("read of a newer ledger: got %v, want ErrNewer", err)
	}
	if _, err := s.Lane(t.Context(), 0); !errors.Is(err, ledger.ErrNewer) {
		t.Errorf("lane on a newer ledger: got %v, want ErrNewer", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file of a newer version changed (%v)", err)
	}
}

func TestConfigThatContradictsItself(t *testing.T) {
	for want, cfg := range map[string]Config{
		"Path is empty":                     {Table: "t"},
		"Path is :memory:":                  {Path: ":memory:", Table: "t"},
		"have 0":                            {Path: "x.db"},
		"have 2: Table, SQL":                {Path: "x.db", Table: "t", SQL: "SELECT 1"},
		"Key without Table":                 {Path: "x.db", SQL: "SELECT 1", Key: []string{"a"}},
		"Metadata without Handle":           {Path: "x.db", SQL: "SELECT 1", Metadata: []string{"_key"}},
		"Path is empty\nwant one of Table,": {},
	} {
		_, err := Open(t.Context(), cfg)
		if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Exit != 2 || !strings.Contains(f.Error(), want) {
			t.Errorf("got %v, want a usage fault that says %q", err, want)
		}
	}
}

// checked is the findings of a check in the form of its screen.
func checked(t *testing.T, s *Sink, columns ...fencepost.ColumnSpec) string {
	t.Helper()
	var b strings.Builder
	for _, f := range s.Check(t.Context(), columns) {
		b.WriteString(f.Subject)
		if f.OK {
			b.WriteString(" ok " + f.Text + "\n")
			continue
		}
		b.WriteString(" -- " + f.Key + " error[" + f.Code + "]: " + f.Text + "; help: " + strings.ReplaceAll(f.Help, filepath.Dir(s.cfg.Path), "DIR") + "\n")
	}
	return strings.ReplaceAll(b.String(), sqlite.Version, "VERSION")
}

func TestCheck(t *testing.T) {
	placed := `CREATE TABLE flights (id INTEGER PRIMARY KEY, date TEXT, delay INTEGER, distance INTEGER, origin TEXT, destination TEXT,
  loaded_at TEXT DEFAULT 'now', note TEXT, _offset INTEGER)`
	for name, c := range map[string]struct {
		ddl  []string
		cfg  Config
		want string
	}{
		"all is well": {[]string{placed}, Config{Table: "flights"}, `database ok SQLite VERSION: table flights has all 5 columns; not filled: id (rowid), loaded_at (default), note (null)
ledger ok none yet; fencepost_ledger, fencepost_moves, fencepost_groups will be created
trial ok an empty batch was applied and rolled back
`},
		"quickstart": {[]string{placedDDL, delaysDDL}, Config{SQL: quickstartSQL}, `database ok SQLite VERSION: flights.db
ledger ok none yet; fencepost_ledger, fencepost_moves, fencepost_groups will be created
trial ok an empty batch was applied and rolled back
`},
		"no file, table": {nil, Config{Table: "flights"}, `database ok SQLite VERSION: flights.db does not exist yet; it will be created
database -- table error[table-not-found]: database flights.db has no table flights; help: fencepost ddl FILE | sqlite3 DIR/flights.db
ledger ok none yet; it will be created with the file
`},
		"no file, sql": {nil, Config{SQL: quickstartSQL}, `database ok SQLite VERSION: flights.db does not exist yet; it will be created
trial -- sql error[table-not-found]: the sql was not tried: the tables that it writes do not exist yet; help: create them first: sqlite3 DIR/flights.db
ledger ok none yet; it will be created with the file
`},
		"no table": {[]string{delaysDDL}, Config{Table: "flights"}, `database -- table error[table-not-found]: database flights.db has no table flights; help: fencepost ddl FILE | sqlite3 DIR/flights.db
ledger ok none yet; fencepost_ledger, fencepost_moves, fencepost_groups will be created
`},
		"columns": {[]string{"CREATE TABLE flights (date TEXT, delay INTEGER, origin TEXT, destination TEXT, who TEXT NOT NULL)"}, Config{Table: "flights"},
			`database -- schema.distance error[column-missing]: table flights has no column distance; help: ALTER TABLE flights ADD COLUMN distance INTEGER;   or drop it from schema
database -- table error[column-not-filled]: column who of table flights is NOT NULL without default, and the schema does not have it; help: add who to schema, or give the column a default
ledger ok none yet; fencepost_ledger, fencepost_moves, fencepost_groups will be created
`},
		"key": {[]string{flightsDDL}, Config{Table: "flights", Key: []string{"origin"}}, `database ok SQLite VERSION: table flights has all 5 columns
ledger ok none yet; fencepost_ledger, fencepost_moves, fencepost_groups will be created
trial -- key error[key-not-unique]: table flights has no PRIMARY KEY or UNIQUE over (origin); help: CREATE UNIQUE INDEX flights_key ON flights (origin)
`},
		"commit": {[]string{flightsDDL}, Config{SQL: "DELETE FROM flights; COMMIT"}, `database ok SQLite VERSION: flights.db
ledger ok none yet; fencepost_ledger, fencepost_moves, fencepost_groups will be created
trial -- sql error[sql-ended-transaction]: the SQL ended its transaction: COMMIT in it; it was refused before it ran, so that nothing stands; help: take that statement out
`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c.cfg.Path = filepath.Join(dir, "flights.db")
			for _, query := range c.ddl {
				execute(t, c.cfg.Path, query)
			}
			before := tree(t, dir)
			s, err := Open(t.Context(), c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, checked(t, s, flightColumns()...)); diff != "" {
				t.Errorf("check differs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
				t.Errorf("check changed the folder (-before +after):\n%s", diff)
			}
		})
	}
}

// tree is the content of a folder's files.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(b)
	}
	return files
}

func TestNeedsTellsWhatTheTableCanNotTake(t *testing.T) {
	s, _ := fresh(t, Config{Table: "flights"}, "CREATE TABLE flights (date TEXT)")
	r, ok := errors.AsType[*sink.Rejected](func() error { _, err := s.Columns(t.Context(), flightColumns()); return err }())
	if !ok || !strings.Contains(r.Reason, "table flights has no column delay") || !strings.Contains(r.Hint, "ALTER TABLE flights ADD COLUMN delay INTEGER") {
		t.Errorf("needs of a missing column: got %v, want it rejected with a remedy", r)
	}
	gone, _ := fresh(t, Config{Table: "nowhere"})
	_, err := gone.Columns(t.Context(), flightColumns())
	wantFault(t, err, "table-not-found", false)
}

func TestColumnAddedLaterIsTaken(t *testing.T) {
	s, l := fresh(t, Config{Table: "flights"}, "CREATE TABLE flights (date TEXT, delay INTEGER, distance INTEGER, origin TEXT)")
	b := flights(10, begin(t, s, topic(1)...), topic(1)...)
	wantFault(t, l.Commit(t.Context(), writer, b), "column-missing", false)
	execute(t, s.cfg.Path, "ALTER TABLE flights ADD COLUMN destination TEXT")
	if err := l.Commit(t.Context(), writer, b); err != nil {
		t.Errorf("the same batch once the column is there: %v", err)
	}
}

// TestTableChangesUnderTheLane: the rows are not to blame for a table that is changed for the worse while the lane runs.
func TestTableChangesUnderTheLane(t *testing.T) {
	for _, c := range []struct {
		cfg         Config
		query, code string
	}{
		{Config{Table: "flights"}, "ALTER TABLE flights DROP COLUMN delay", "column-missing"},
		{Config{Table: "flights"}, "DROP TABLE flights", "table-not-found"},
		{Config{SQL: "INSERT INTO flights SELECT * FROM batch"}, "DROP TABLE flights", "sql-failed"},
	} {
		s, l := fresh(t, c.cfg, flightsDDL)
		held := begin(t, s, topic(1)...)
		if err := l.Commit(t.Context(), writer, flights(10, held, topic(1)...)); err != nil {
			t.Fatal(err)
		}
		execute(t, s.cfg.Path, c.query)
		b := flights(10, held, topic(1)...)
		err := l.Commit(t.Context(), writer, b)
		if _, rejected := errors.AsType[*sink.Rejected](err); err == nil || rejected {
			t.Errorf("after %s: got %v, want an error that does not blame the rows", c.query, err)
		}
		wantFault(t, l.Commit(t.Context(), writer, b), c.code, false)
	}
}

func TestDDLTwiceChangesNothingAndIsWhatReadMakes(t *testing.T) {
	made := filepath.Join(t.TempDir(), "made.db")
	script := DDL(Config{Path: made, Table: "flights", Key: []string{"origin"}}, flightColumns())
	for range 2 {
		for query := range strings.SplitSeq(script, ";\n") {
			if trimSQL(query) != "" {
				execute(t, made, trimSQL(query))
			}
		}
	}
	s, _ := fresh(t, Config{Table: "flights"}, flightsDDL)
	schema := "SELECT name, sql FROM sqlite_schema WHERE name LIKE 'fencepost%' ORDER BY name"
	if diff := cmp.Diff(answer(t, s.cfg.Path, schema), answer(t, made, schema)); diff != "" {
		t.Errorf("tables of the first read and of DDL differ (-read +ddl):\n%s", diff)
	}
	if got := answer(t, made, "SELECT count(*), min(version), length(min(ledger_id)) FROM fencepost_groups"); got != "1|1|32" {
		t.Errorf("identity made by DDL: got %s, want 1|1|32", got)
	}
	if got := answer(t, made, "SELECT group_concat(name || ' ' || type) FROM pragma_table_info('flights')"); got != "date TEXT,delay INTEGER,distance INTEGER,origin TEXT,destination TEXT" {
		t.Errorf("table made by DDL: got %s", got)
	}
}

// S15: check makes a start and commits of an unused group, and leaves nothing of them.
func TestS15CheckTriesTheLedgersStatements(t *testing.T) {
	s, _ := fresh(t, Config{Table: "flights"}, flightsDDL)
	begin(t, s, topic(1)...)
	count := "SELECT (SELECT count(*) FROM fencepost_groups), (SELECT count(*) FROM fencepost_ledger), (SELECT count(*) FROM fencepost_moves)"
	before := answer(t, s.cfg.Path, count)
	if got := checked(t, s, flightColumns()...); !strings.Contains(got, "\nledger ok ") {
		t.Errorf("check of a ledger as it should be:\n%s", got)
	}
	if diff := cmp.Diff(before, answer(t, s.cfg.Path, count)); diff != "" {
		t.Errorf("check left rows (-before +after):\n%s", diff)
	}
	execute(t, s.cfg.Path, "ALTER TABLE fencepost_moves DROP COLUMN why")
	if got := checked(t, s, flightColumns()...); !strings.Contains(got, "\nledger --  error[") || !strings.Contains(got, "why") {
		t.Errorf("check of a ledger that lacks a column:\n%s", got)
	}
}
