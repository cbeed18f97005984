package kinds

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/sqlite"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/sink"
)

var sqliteKind = Kind{
	Name: "sqlite",
	Sink: Section[Sink]{
		Keys: func(at string) []keys.Row {
			return append([]keys.Row{{Path: at, Form: keys.FormMap, Doc: "postgres, mysql (dsn for path): the same keys"},
				{Path: at + ".path", Form: keys.FormText, Must: true, Live: "TABLE.db", Like: "PATH"}}, tableKeys(at)...)
		},
		Read: func(r *keys.Reader, at string) Sink { return sqliteSink{readSQLite(r, at), readTable(r, at)} },
	},
	Ledger: Section[Ledger]{
		Keys: func(at string) []keys.Row {
			return []keys.Row{{Path: at, Form: keys.FormMap}, {Path: at + ".path", Form: keys.FormText, Must: true, Live: "PATH"}}
		},
		Read: func(r *keys.Reader, at string) Ledger { return sqliteLedger{readSQLite(r, at)} },
		Like: "{path: P}",
	},
	Next: func(file, table string) []string {
		return []string{fmt.Sprintf("fencepost ddl %s | sqlite3 %s.db && fencepost check %s", file, table, file)}
	},
}

// sqliteStore is a file of SQLite.
type sqliteStore struct{ At, Path string }

func readSQLite(r *keys.Reader, at string) sqliteStore {
	return sqliteStore{At: at, Path: keys.Get[string](r, at+".path")}
}

// String is the store on one line, for tests and logs.
func (s sqliteStore) String() string { return fmt.Sprintf("{%s Path:%s}", s.At, s.Path) }

// Where is the path as it was written.
func (s sqliteStore) Where() string { return "sqlite:" + s.Path }

// Same compares the paths as they were written.
func (s sqliteStore) Same(other Store) bool {
	o, ok := other.(interface{ file() sqliteStore })
	return ok && o.file().Path == s.Path
}

func (s sqliteStore) file() sqliteStore { return s }

// Missing reports a file that is not there: opening one would make it.
func (s sqliteStore) Missing() error {
	if _, err := os.Stat(s.Path); errors.Is(err, fs.ErrNotExist) {
		return &fencepost.UserError{Code: "ledger-missing", Err: fmt.Errorf("%s does not exist: the pipeline has not run yet, or in another folder", text.Absolute(s.Path)),
			Help: "fencepost run FILE; or mend " + s.At + ".path"}
	}
	return nil
}

// pathRule refuses a database in memory; like is an example of a path.
func (s sqliteStore) pathRule(r *keys.Reader, like string) {
	if s.Path == ":memory:" {
		r.Find("bad-value", r.ValueAt(s.At+".path"), "a path: "+like, "path: :memory: is gone when the program ends")
	}
}

// sqliteLedger is a ledger in a file of SQLite.
type sqliteLedger struct{ sqliteStore }

// Rules are about the path.
func (l sqliteLedger) Rules(r *keys.Reader, _ Pipeline) { l.pathRule(r, "ledger.db") }

// Open opens the ledger.
func (l sqliteLedger) Open(p Pipeline) (OpenLedger, error) {
	opened, err := sqlite.OpenLedger(l.Path, p.KeepCommits)
	if err != nil {
		return OpenLedger{}, err
	}
	return OpenLedger{opened, opened.Close}, nil
}

// DDL makes the ledger's tables alone.
func (l sqliteLedger) DDL(Pipeline) (string, error) {
	return sqlite.DDL(sqlite.Config{Path: l.Path}, nil), nil
}

// sqliteSink is a sink in a file of SQLite.
type sqliteSink struct {
	sqliteStore
	table
}

// String is the sink on one line, for tests and logs.
func (s sqliteSink) String() string {
	return fmt.Sprintf("{Path:%s Table:%s Key:%s SQL:%s}", s.Path, s.Table, s.Key, s.SQL)
}

// Rules are about the table and the path.
func (s sqliteSink) Rules(r *keys.Reader, p Pipeline) {
	s.rules(r, s.At, p)
	s.pathRule(r, "flights.db")
}

func (s sqliteSink) config(p Pipeline) sqlite.Config {
	return sqlite.Config{Path: s.Path, Table: s.Table, Key: s.Key, SQL: s.SQL, Audit: s.Audit, KeepCommits: p.KeepCommits, NoLedger: p.Apart != ""}
}

// Open opens the sink.
func (s sqliteSink) Open(ctx context.Context, p Pipeline) (sink.Sink, error) {
	opened, err := sqlite.Open(ctx, s.config(p))
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// DDL makes the tables.
func (s sqliteSink) DDL(p Pipeline) (string, error) { return sqlite.DDL(s.config(p), p.Columns), nil }

// Store is the file.
func (s sqliteSink) Store() Store { return s.sqliteStore }

// About is what there is to say of the sink. It has one lane, since the file has one lock.
func (s sqliteSink) About() About {
	a := s.about("sqlite")
	a.Home, a.Lanes, a.Path = "file", 1, s.Path
	a.Promise = []string{"rows and moves are one SQLite transaction, and each move is compared and set in it.",
		"Holds through kill -9, late workers, a restored backup.",
		"SQLite has one lock for the whole file: a process that is stopped inside a commit holds it, and the others wait until it goes on or is killed."}
	return a
}
