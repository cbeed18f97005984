package kinds

import (
	"context"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// all is every technology, in the order in which the file's keys, its messages and init name them.
var all = []Kind{postgresKind, mysqlKind, sqliteKind, redisKind, zookeeperKind}

// Kind is one technology: what it may be in a file. Where it cannot be, its section is zero.
type Kind struct {
	Name   string // as the file writes it
	Sink   Section[Sink]
	Ledger Section[Ledger]
	Mirror Section[Mirror]
	Next   func(file, table string) []string // of a Sink: what to type after init wrote the file; table is what init proposed
}

// Section is a technology in one place of the file.
type Section[T any] struct {
	Keys func(at string) []keys.Row // its rows of the table, that of at itself first
	Read func(r *keys.Reader, at string) T
	Like string // its keys as an example, for the comment behind the place's key in init's file; empty: none
}

// Sink is what a file says of its sink.
type Sink interface {
	Rules(r *keys.Reader, p Pipeline)                        // adds a finding for each thing wrong that one key alone does not show
	Open(ctx context.Context, p Pipeline) (sink.Sink, error) // connects to nothing; the caller closes the sink
	DDL(p Pipeline) (string, error)                          // what its owner has to make beforehand; connects to nothing
	Store() Store                                            // where it is
	About() About                                            // REQUIRES: the file was found good
}

// Ledger is what a file says of a ledger that it keeps apart from the sink.
type Ledger interface {
	Store
	Rules(r *keys.Reader, p Pipeline)
	Open(p Pipeline) (OpenLedger, error) // connects to nothing
	DDL(p Pipeline) (string, error)
}

// Mirror is what a file says of a copy of the committed offsets, for other programs.
type Mirror interface {
	Where() string                                                // as people name it, without a password
	Rules(r *keys.Reader, p Pipeline, ledger Store)               // ledger is where the pipeline's own is, nil where the file does not say
	Open(p Pipeline) (foreign.LiveLayout, error)                  // connects to nothing; the caller closes the layout
	Describe(p Pipeline, there foreign.Offsets) fencepost.Finding // what will be written, or why that is no place for it; there is what it holds now
	Unreachable() string                                          // the code of an error that has none of its own
}

// Store is a place where rows, a ledger or offsets are.
type Store interface {
	Where() string         // as people name it, without a password
	Same(other Store) bool // the two are one; other may be nil, and of another technology
}

// Absentee is a Store that knows without making it that it is not there: to look must not make one.
//
// Errors: *fencepost.UserError ledger-missing.
type Absentee interface{ Missing() error }

// OpenLedger is a ledger that is open, and how it is closed.
type OpenLedger struct {
	Ledger interface {
		ledger.Ledger
		ledger.History
	}
	Close func() error
}

// Pipeline is what a technology may know of the file around its own keys.
type Pipeline struct {
	Group       fencepost.Group
	Of          fencepost.Group // of a backfill: the group that it runs beside; else empty
	KeepCommits ledger.KeepCommits
	Apart       string                 // the key under which the file keeps its ledger: ledger.redis; empty: the sink keeps it
	Schema      []string               // the names of the schema's columns, as far as they are good
	Columns     []fencepost.ColumnSpec // what a record is decoded to; nil: schema has findings of its own
	Source      Source
	At          func(path string) string // FILE:LINE:COLUMN of a key, for errors
}

// About is what there is to say of a sink, for people, the engine and an operator's verbs.
type About struct {
	Into      string                   // where rows go: postgres flights
	Home      string                   // what holds rows and ledger together: database, file, Redis
	Promise   []string                 // why it is exactly once, in sentences
	Again     string                   // what becomes of a batch that is applied again: "its rows stand twice"
	Repeat    func(text.Amount) string // what repeating so many records does, for a plan
	Does      []ledger.Part            // where it writes, and what it makes of a batch; two files with the same do the same
	Table     string                   // empty: none, or named by statements
	Audited   string                   // the table whose rows name their records, for an audit; empty: none is known
	Key       []string                 // the columns of Table by which a row is written over; empty: rows are appended
	Deletes   bool                     // a record that deletes is no row
	Partial   bool                     // columns that a record does not hold are left alone in the row of its key
	Unordered bool                     // records of one key in different partitions overwrite each other in no order
	Lanes     int                      // commits side by side; 0: as many as the machine is good for
	Path      string                   // of a file that is the sink, as it was written; empty: it is none
}

// Place is a place of the file for technologies.
type Place[T any] struct {
	key     string
	section func(Kind) Section[T]
}

// The places of a file.
var (
	Sinks   = Place[Sink]{"sink", func(k Kind) Section[Sink] { return k.Sink }}
	Ledgers = Place[Ledger]{"ledger", func(k Kind) Section[Ledger] { return k.Ledger }}
	Mirrors = Place[Mirror]{"mirror", func(k Kind) Section[Mirror] { return k.Mirror }}
)

// Keys are the rows of the table of keys below the place.
func (p Place[T]) Keys() (rows []keys.Row) {
	for _, k := range all {
		if s := p.section(k); s.Keys != nil {
			rows = append(rows, s.Keys(keys.Join(p.key, k.Name))...)
		}
	}
	return rows
}

// Names are the technologies that can be there.
func (p Place[T]) Names() (names []string) {
	for _, k := range all {
		if p.section(k).Keys != nil {
			names = append(names, k.Name)
		}
	}
	return names
}

// Examples are those for the comment behind the place's key in init's file.
func (p Place[T]) Examples() (examples []string) {
	for _, k := range all {
		if like := p.section(k).Like; like != "" {
			examples = append(examples, "{"+k.Name+": "+like+"}")
		}
	}
	return examples
}

// Named is a technology that a file names in a place.
type Named[T any] struct {
	Kind string // its name
	At   string // its key: ledger.redis
	Is   T
}

// Read takes what a file names there, in the order of the technologies and not of the file.
func (p Place[T]) Read(r *keys.Reader) (named []Named[T]) {
	for _, k := range all {
		at := keys.Join(p.key, k.Name)
		if s := p.section(k); s.Keys != nil && r.Named(at) {
			named = append(named, Named[T]{Kind: k.Name, At: at, Is: s.Read(r, at)})
		}
	}
	return named
}

// Next is what to type after init wrote a file with that sink; nothing for a name that is no sink.
func Next(sink, file, table string) []string {
	for _, k := range all {
		if k.Name == sink && k.Next != nil {
			return k.Next(file, table)
		}
	}
	return nil
}
