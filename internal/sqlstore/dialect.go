package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Dialect is one database as the core sees it: how its SQL is written, and what its answers mean. A connector makes one,
// of functions that are methods of its session.
type Dialect[S Session] struct {
	System
	Spelling
	Syntax Syntax
	Errors Errors[S]
	Tables TableSQL[S]
	Ledger LedgerSQL[S]
	Target TargetSQL[S]

	// Another is a session to the same database, with a connection of its own that is not open yet.
	Another func(S) S
	// Each sends statements as one request and calls f with each row of their results, until f says that it wants no more.
	// A row is valid until f returns. After it the session is dropped. Its errors are the driver's own, and f's.
	Each func(s S, ctx context.Context, statements string, f func(row [][]byte) (more bool, err error)) error
	// Server is the name and version of the server: Postgres 15.18. REQUIRES: an open session.
	Server func(S) string
}

// System names a database, and has the remedies that differ from one to the other.
type System struct {
	Name  string // in errors: postgres
	Title string // in what people read: Postgres
	// DDL is the command that makes the tables, Owner the one for a user that may not. NoTable, NoRight and NoLogin are
	// what to do about a table that does not exist, a right that is missing, and a user that is not let in; NotFound about
	// tables that were made and are not found.
	DDL, Owner, NoTable, NoRight, NoLogin, NotFound string
}

// Spelling is how a database writes names and texts.
type Spelling struct {
	Ident   func(string) string // quotes a name
	Literal func(string) string // makes a text a literal
	// Text makes an expression a text whose equality is that of its bytes, whatever the collation of a column.
	Text func(string) string
	// Plain is a name as a person would type it; may be nil where only layouts are read.
	Plain func(string) string
}

// Errors is what the errors of a driver mean.
type Errors[S Session] struct {
	// Edge makes an error of the driver one of the contracts' own, where nothing happened.
	Edge func(s S, ctx context.Context, err error) error
	// Outcome reads what an error tells of a flush that held a compare-and-set, and what the server found instead, if the
	// error says so.
	Outcome func(S, error) (o Outcome, detail string)
	// Sendable refuses a text that can not stand in a statement; nil: every text can.
	Sendable func(what, text string) error
	// Attempt runs a call of the ledger, and may run it once more where nothing of it was sent; nil: it is run once.
	Attempt func(s S, ctx context.Context, call func(context.Context) error) error
}

// LedgerSQL is the statements of a ledger.
type LedgerSQL[S Session] struct {
	// Begin begins the transaction of moves, Snapshot one that reads as of one moment. Each ends with a semicolon.
	Begin, Snapshot string
	// Micros makes a column that holds a time the microseconds since 1970.
	Micros func(column string) string
	// Last chooses the last move of each partition and cause. Indexed has a row if there is the index that it needs;
	// empty: it needs none.
	Last, Indexed string
	// Compare is the compare-and-set of commits, which fails by itself if one of them does not hold. Move is that of all
	// other moves. Each ends with a semicolon. REQUIRES: the moves are valid and distinct.
	Compare func(S, Tables, Commits) string
	Move    func(S, Tables, ledger.Writer, []ledger.Move) string
	// Held reads topic, partition and position of the moves' partitions that have a row.
	Held func(S, Tables, fencepost.Group, []ledger.Move) string
	// TopicID reads a topic ID as the ledger stores it; nil is null.
	TopicID func([]byte) (fencepost.TopicID, error)
}

// Commits is commit moves of one group.
type Commits struct {
	Writer ledger.Writer
	Moves  []ledger.Move
	Keep   ledger.KeepCommits
	// Recorded is the group whose cluster is known to stand in the ledger.
	Recorded fencepost.Group
}

// Fill puts values for the @words of a statement, in one pass: what came from outside is not looked at again.
func Fill(statement string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(statement)
}

// sendable refuses a text that can not stand in a statement.
func (d *Dialect[S]) sendable(what, text string) error {
	if d.Errors.Sendable == nil {
		return nil
	}
	return d.Errors.Sendable(what, text)
}

// attempt runs a call of the ledger.
func (d *Dialect[S]) attempt(s S, ctx context.Context, call func(context.Context) error) error {
	if d.Errors.Attempt == nil {
		return call(ctx)
	}
	return d.Errors.Attempt(s, ctx, call)
}

// failed makes a driver's error ours, and has the session ready again.
func (d *Dialect[S]) failed(ctx context.Context, s S, err error) error {
	s.Rollback(ctx, err)
	return d.Errors.Edge(s, ctx, err)
}

// checkMoves refuses a writer or moves that no ledger takes.
func (d *Dialect[S]) checkMoves(w ledger.Writer, moves []ledger.Move) error {
	if w.Group == "" {
		return errors.New("the writer has no group")
	}
	if err := d.checkTexts(w, moves); err != nil {
		return err
	}
	seen := make(map[fencepost.TopicPartition]struct{}, len(moves))
	for _, m := range moves {
		if err := m.Validate(); err != nil {
			return err
		}
		if _, twice := seen[m.TopicPartition]; twice {
			return fmt.Errorf("move %s: twice in one call", m.TopicPartition)
		}
		seen[m.TopicPartition] = struct{}{}
	}
	return nil
}

// checkTexts refuses what can not stand in a statement.
func (d *Dialect[S]) checkTexts(w ledger.Writer, moves []ledger.Move) error {
	if d.Errors.Sendable == nil {
		return nil
	}
	for _, text := range [...][2]string{{"group", string(w.Group)}, {"cluster ID", w.ClusterID}, {"who", w.Who}} {
		if err := d.Errors.Sendable(text[0], text[1]); err != nil {
			return err
		}
	}
	for _, m := range moves {
		if err := errors.Join(d.Errors.Sendable("topic", m.Topic), d.Errors.Sendable("why", m.Reason())); err != nil {
			return fmt.Errorf("move %s: %w", m.TopicPartition, err)
		}
	}
	return nil
}
