package kinds

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// table is what a sink with tables does with the rows of a batch.
type table struct {
	Table string
	Key   []string
	SQL   string
	Audit string // with SQL: the table that gets a row a record
	Lanes int    // 0: auto
}

// tableKeys are the keys of a table, below a path.
func tableKeys(at string) []keys.Row {
	return []keys.Row{
		{Path: at + ".table", Form: keys.FormText, Def: `""`, Live: "TABLE",
			Doc: "columns by name; _topic _partition _offset too, if it has them"},
		{Path: at + ".key", Form: keys.FormTexts, Def: "[]", Doc: "columns to upsert by; none: append"},
		{Path: at + ".sql", Form: keys.FormSQL, Def: `""`,
			Doc: "instead of table: statements over the temporary table batch"},
		{Path: at + ".audit", Form: keys.FormText, Def: `""`,
			Doc: "with sql: its table of a row a record, with _topic _partition _offset"},
	}
}

func readTable(r *keys.Reader, at string) table {
	return table{Table: keys.Get[string](r, at+".table"), Key: keys.Get[[]string](r, at+".key"), SQL: keys.Get[string](r, at+".sql"), Audit: keys.Get[string](r, at+".audit")}
}

// rules are about table, sql and key, which exclude or need each other. at is the sink's path.
func (t table) rules(r *keys.Reader, at string, p Pipeline) {
	named, sql := r.Has(at+".table") && t.Table != "", r.Has(at+".sql") && strings.TrimSpace(t.SQL) != ""
	tableThere, sqlThere := r.Named(at+".table"), r.Named(at+".sql")
	switch {
	case named && sql:
		both := []string{at + ".table", at + ".sql"}
		r.InOrder(both)
		_, first := keys.Split(both[0])
		_, second := keys.Split(both[1])
		help := "keep one; sql may hold several statements, one of them for " + t.Table
		r.Find("sink-ambiguous", r.KeyAt(both[1]), help, "%s has both %s (line %d) and %s", at, first, r.KeyAt(both[0]).Line, second)
	case !named && !sql && (!tableThere && !sqlThere || r.Has(at+".table") || r.Has(at+".sql")):
		r.Missing(at, "table: TABLE", "%s has neither table nor sql", at)
	}
	if len(t.Key) > 0 && !named {
		r.Find("bad-value", r.KeyAt(at+".key"), "leave it out; an upsert in sql says the same", "key is for table, and there is none")
		return
	}
	if t.Audit != "" && !sql {
		r.Find("bad-value", r.KeyAt(at+".audit"), "leave it out: the table is known", "audit is for sql, and there is none")
	}
	if len(p.Schema) == 0 {
		return
	}
	for i, k := range t.Key {
		if !p.hasColumn(k) {
			help := cmp.Or(text.Nearest(k, p.Schema), "columns: "+strings.Join(p.Schema, " "))
			r.Find("unknown-column", r.ItemAt(at+".key", i), help, "key: %s is not a column of schema", keys.Shown(k))
		}
	}
}

// about is what there is to say of a sink with tables; kind is its technology.
func (t table) about(kind string) About {
	a := About{Into: kind + " " + t.Table, Again: "its rows stand twice", Table: t.Table, Audited: t.Table, Key: t.Key, Deletes: len(t.Key) > 0, Partial: len(t.Key) > 0, Unordered: len(t.Key) > 0, Lanes: t.Lanes,
		Repeat: func(n text.Amount) string {
			return fmt.Sprintf("table %s has no key: %s will stand there twice unless you delete them first", t.Table, n.Of("row"))
		}}
	a.Does = []ledger.Part{{Name: "sink", Text: kind, Place: true}}
	if t.SQL == "" {
		a.Does = append(a.Does, ledger.Part{Name: "table", Text: t.Table, Place: true})
	} else {
		a.Does = append(a.Does, ledger.Part{Name: "statement", Text: strings.TrimSpace(t.SQL)})
	}
	if len(t.Key) > 0 {
		a.Does = append(a.Does, ledger.Part{Name: "key", Text: strings.Join(t.Key, ", ")})
	}
	switch {
	case t.SQL != "":
		a.Audited = t.Audit
		a.Into, a.Again, a.Lanes = kind+" by sql", "your SQL runs over it twice", cmp.Or(t.Lanes, 1) // statements may depend on each other
		a.Repeat = func(n text.Amount) string {
			return fmt.Sprintf("the statements of sink.%s.sql are applied again to %s", kind, n.Of("record"))
		}
	case len(t.Key) > 0:
		a.Again = "its rows are written again, by their key"
		a.Repeat = func(text.Amount) string {
			return fmt.Sprintf("table %s has a key: rows are written again, and stand there once", t.Table)
		}
	}
	return a
}

// server is a database that a connection string names: what such technologies differ in.
type server struct {
	name    string
	sinkDoc string // behind sink.NAME
	promise []string
	address func(dsn string) (string, error)                                       // without its password
	names   func(table string, columns []fencepost.ColumnSpec) []fencepost.Finding // that it does not take
	open    func(ctx context.Context, dsn string, t table, p Pipeline) (sink.Sink, error)
	ledger  func(dsn string, keep ledger.KeepCommits) (OpenLedger, error)
	ddl     func(dsn string, t table, p Pipeline) string
	next    func(file string) []string
}

// kind is the technology of such a database.
func (s *server) kind() Kind {
	return Kind{Name: s.name, Sink: Section[Sink]{Keys: s.sinkKeys, Read: s.readSink}, Ledger: Section[Ledger]{Keys: s.ledgerKeys, Read: s.readLedger},
		Next: func(file, _ string) []string { return s.next(file) }}
}

func (s *server) sinkKeys(at string) []keys.Row {
	rows := []keys.Row{{Path: at, Form: keys.FormMap, Doc: s.sinkDoc}, {Path: at + ".dsn", Form: keys.FormSecret, Must: true, Live: "${DATABASE_URL}"}}
	return append(append(rows, tableKeys(at)...), keys.Row{Path: at + ".lanes", Form: keys.FormLanes, Def: "auto", Doc: "commits side by side; 1 with sql"})
}

func (s *server) ledgerKeys(at string) []keys.Row {
	return []keys.Row{{Path: at, Form: keys.FormMap}, {Path: at + ".dsn", Form: keys.FormSecret, Must: true, Live: "${LEDGER_URL}"}}
}

func (s *server) store(r *keys.Reader, at string) serverStore {
	return serverStore{server: s, At: at, DSN: keys.Get[keys.Secret](r, at+".dsn")}
}

func (s *server) readSink(r *keys.Reader, at string) Sink {
	t := readTable(r, at)
	t.Lanes = keys.Get[int](r, at+".lanes")
	return serverSink{serverStore: s.store(r, at), table: t}
}

func (s *server) readLedger(r *keys.Reader, at string) Ledger { return serverLedger{s.store(r, at)} }

// serverStore is such a database in a file.
type serverStore struct {
	server *server
	At     string
	DSN    keys.Secret
}

// String is the store on one line, for tests and logs.
func (s serverStore) String() string { return fmt.Sprintf("{%s DSN:%s}", s.At, s.DSN) }

// Where is the connection string without its password, or the technology's name where it cannot be read.
func (s serverStore) Where() string {
	dsn, err := s.DSN.Reveal()
	if err != nil {
		return s.server.name
	}
	where, err := s.server.address(dsn)
	if err != nil {
		return s.server.name
	}
	return where
}

// named is the connection string, for the names of user and database in it; empty where it can not be known yet.
func (s serverStore) named() string {
	dsn, err := s.DSN.Reveal()
	if err != nil {
		return ""
	}
	return dsn
}

// Same compares the connection strings as they were written.
func (s serverStore) Same(other Store) bool {
	o, ok := other.(interface{ database() serverStore })
	return ok && o.database().server == s.server && s.DSN.Same(o.database().DSN)
}

func (s serverStore) database() serverStore { return s }

// dsnRule refuses an empty connection string; like is an example.
func (s serverStore) dsnRule(r *keys.Reader, like string) {
	if path := s.At + ".dsn"; r.Has(path) && s.DSN.Empty() {
		r.Find("bad-value", r.KeyAt(path), "dsn: "+like, "dsn is empty")
	}
}

// serverLedger is a ledger in such a database.
type serverLedger struct{ serverStore }

// Rules are about the connection string.
func (l serverLedger) Rules(r *keys.Reader, _ Pipeline) { l.dsnRule(r, "${LEDGER_URL}") }

// Open opens the ledger.
func (l serverLedger) Open(p Pipeline) (OpenLedger, error) {
	dsn, err := l.DSN.Reveal()
	if err != nil {
		return OpenLedger{}, err
	}
	return l.server.ledger(dsn, p.KeepCommits)
}

// DDL makes the ledger's tables alone.
func (l serverLedger) DDL(Pipeline) (string, error) {
	return l.server.ddl(l.named(), table{}, Pipeline{}), nil
}

// serverSink is a sink in such a database.
type serverSink struct {
	serverStore
	table
}

// String is the sink on one line, for tests and logs.
func (s serverSink) String() string {
	return fmt.Sprintf("{DSN:%s Table:%s Key:%s SQL:%s Lanes:%d}", s.DSN, s.Table, s.Key, s.SQL, s.Lanes)
}

// Rules are about the table and the connection string.
func (s serverSink) Rules(r *keys.Reader, p Pipeline) {
	s.rules(r, s.At, p)
	s.dsnRule(r, "${DATABASE_URL}")
	s.nameRules(r, p)
}

// nameRules find names that the database would cut or refuse, before ddl prints them.
func (s serverSink) nameRules(r *keys.Reader, p Pipeline) {
	for _, f := range s.server.names(s.Table, p.Columns) {
		at := f.Key
		if at == "table" {
			at = s.At + ".table"
		}
		r.Find(f.Code, r.KeyAt(at), f.Help, "%s", f.Text)
	}
}

// Open opens the sink.
func (s serverSink) Open(ctx context.Context, p Pipeline) (sink.Sink, error) {
	dsn, err := s.DSN.Reveal()
	if err != nil {
		return nil, err
	}
	return s.server.open(ctx, dsn, s.table, p)
}

// DDL makes the tables.
func (s serverSink) DDL(p Pipeline) (string, error) { return s.server.ddl(s.named(), s.table, p), nil }

// Store is the database.
func (s serverSink) Store() Store { return s.serverStore }

// About is what there is to say of the sink.
func (s serverSink) About() About {
	a := s.about(s.server.name)
	a.Home, a.Promise = "database", s.server.promise
	return a
}
