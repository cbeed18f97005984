package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Dialect is one database as the core sees it: how its SQL is written, and what its answers mean. A connector makes one.
// Most of its functions are methods of the connector's session, which therefore is their first argument.
type Dialect[S Session] struct {
	System
	Spelling
	Syntax   Syntax
	Errors   Errors[S]
	Tables   TableSQL[S]
	Ledger   LedgerSQL[S]
	Target   TargetSQL[S]
	Presence PresenceSQL[S]

	// Another returns a session to the same database. It has a connection of its own, which is not open yet.
	Another func(S) S
	// Each sends statements as one request and calls f with each row of their results. It stops where f returns false or an
	// error. A row is valid until f returns. Each returns f's error or the driver's. REQUIRES: the caller then drops the
	// session.
	Each func(s S, ctx context.Context, statements string, f func(row [][]byte) (more bool, err error)) error
	// Place returns which server the session is on, as far as the server says. It returns the driver's errors. nil: none says.
	// REQUIRES: an open session.
	Place func(s S, ctx context.Context) (fencepost.Place, error)
	// ReadOnly returns why the session's transactions may not write; nil: they may, as far as the server says. It returns the
	// driver's errors. nil: a session that may not is never open. REQUIRES: an open session.
	ReadOnly func(s S, ctx context.Context) (why, err error)
	// Server returns the name and version of the server: Postgres 15.18. REQUIRES: an open session.
	Server func(S) string
	// Process returns the server's number of the session's connection; 0: it is not known. Any goroutine may call it.
	Process func(S) uint64
	// Waits says what the connection of that number waits for. It returns the driver's errors. REQUIRES: an open session,
	// which is another one.
	Waits func(s S, ctx context.Context, process uint64) (sink.Wait, error)
}

// System names a database, and holds the remedies that differ from one to the other.
type System struct {
	Name  string // in errors: postgres
	Title string // in what people read: Postgres
	// DDL is the command that makes the tables, and Owner the remedy for a user that may not make or use them.
	DDL, Owner string
	// NoTable, NoRight and NoLogin are the remedies for a table that does not exist, a right that is missing, and a user that
	// the server does not let in. NotFound is that for tables that were made and are not found.
	NoTable, NoRight, NoLogin, NotFound string
}

// Spelling is how a database writes names and texts.
type Spelling struct {
	Ident   func(string) string // quotes a name
	Literal func(string) string // makes a text a literal
	// Text makes an expression a text whose equality is that of its bytes, whatever the collation of a column.
	Text func(string) string
	// Plain writes a name as a person would type it. It may be nil where only layouts are read.
	Plain func(string) string
	// TooLong returns why the database does not take a name; empty: it does.
	TooLong func(name string) string
}

// Errors knows what the errors of a driver mean.
type Errors[S Session] struct {
	// Edge turns an error of the driver into one of those of ledger.Ledger and sink.Lane. REQUIRES: nothing happened.
	Edge func(s S, ctx context.Context, err error) error
	// Outcome classifies the error of a flush that held a compare-and-set. detail is what the server found instead; empty: the
	// error does not say.
	Outcome func(S, error) (o Outcome, detail string)
	// Sendable refuses a text that cannot be part of a statement. nil: every text can.
	Sendable func(what, text string) error
	// Attempt runs a call of the ledger. It may run the call once more if nothing of it was sent. nil: a call runs once.
	Attempt func(s S, ctx context.Context, call func(context.Context) error) error
}

// LedgerSQL holds the statements of a ledger.
type LedgerSQL[S Session] struct {
	// Begin begins the transaction of moves. Snapshot begins one that reads as of one moment. Both end with a semicolon.
	Begin, Snapshot string
	// Micros turns a column that holds a time into microseconds since 1970.
	Micros func(column string) string
	// Last selects the last move of each partition and cause. Indexed selects a row if the index exists that Last needs;
	// empty: it needs none.
	Last, Indexed string
	// Compare writes the compare-and-set of commits, which fails by itself if one of them does not hold (law 11: COMMIT
	// travels behind it). Move writes that of all other moves. Both end with a semicolon. REQUIRES: the moves are valid and
	// distinct.
	Compare func(S, Tables, Commits) string
	Move    func(S, Tables, ledger.Actor, []ledger.Move) string
	// Held selects topic, partition and position of those of the moves' partitions that have a row.
	Held func(S, Tables, fencepost.Group, []ledger.Move) string
	// Letters writes what differs of the statements on letters.
	Letters LetterSQL[S]
	// TopicID is Parser.TopicID.
	TopicID func([]byte) (fencepost.TopicID, error)
}

// Commits are the commit moves of one batch.
type Commits struct {
	Writer ledger.Actor
	Moves  []ledger.Move
	Keep   ledger.KeepCommits
	// Recorded is the group whose cluster is known to be in the ledger.
	Recorded fencepost.Group
}

// Sorted returns the moves in the order in which every worker locks rows, so that two workers cannot deadlock.
func Sorted(moves []ledger.Move) []ledger.Move {
	before := func(a, b ledger.Move) int { return a.TopicPartition.Compare(b.TopicPartition) }
	if slices.IsSortedFunc(moves, before) {
		return moves
	}
	return slices.SortedStableFunc(slices.Values(moves), before)
}

// Fill replaces the @words of a statement by values, in one pass: values that came from outside are not replaced again.
func Fill(statement string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(statement)
}

// place is Place, if there is one.
func (d *Dialect[S]) place(ctx context.Context, s S) (fencepost.Place, error) {
	if d.Place == nil {
		return fencepost.Place{}, nil
	}
	return d.Place(s, ctx)
}

// sendable refuses a text that cannot be part of a statement.
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

// failed rolls back and returns what err means.
func (d *Dialect[S]) failed(ctx context.Context, s S, err error) error {
	s.Rollback(ctx, err)
	return d.Errors.Edge(s, ctx, err)
}

// checkMoves refuses a writer or moves that a ledger does not take.
func (d *Dialect[S]) checkMoves(w ledger.Actor, moves []ledger.Move) error {
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

// checkTexts refuses texts that cannot be part of a statement.
func (d *Dialect[S]) checkTexts(w ledger.Actor, moves []ledger.Move) error {
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
