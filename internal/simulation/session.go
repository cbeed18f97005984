package simulation

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// session is the store as one worker sees it: over connections that are cut, to a server that is away or slow, and that does
// with a request whose client is gone what a database does with it: one of the two.
type session struct {
	*memory.Store
	db     *database
	host   *host
	worker *worker
}

var (
	_ sink.Sink      = (*session)(nil)
	_ ledger.Letters = (*session)(nil)
	_ ledger.Recent  = (*session)(nil)
	_ ledger.Reports = (*session)(nil)
)

// Ledger is the session.
func (s *session) Ledger() ledger.Ledger { return s }

// Lane opens a lane.
func (s *session) Lane(ctx context.Context, n int) (sink.Lane, error) {
	if err := s.ask(ctx); err != nil {
		return nil, err
	}
	inner, err := s.Store.Lane(ctx, n)
	return &lane{Lane: inner, session: s}, err
}

// ask is the way of a question to the server, which has no effect there. Its error is that there is no answer.
func (s *session) ask(ctx context.Context) error {
	if err := s.host.pass(ctx); err != nil {
		return err
	}
	wait, away := s.db.question()
	if away {
		return errAway
	}
	select {
	case <-time.After(wait):
		return s.host.pass(ctx)
	case <-s.host.died:
		return errCut
	case <-ctx.Done():
		return ctx.Err()
	}
}

var (
	errAway = &fencepost.UserError{Code: "store-down", Err: errors.New("the database does not answer"), Passing: true, Soon: true}
	errCut  = errors.New("the connection was cut")
)

// Read reads the ledger.
func (s *session) Read(ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
	if err := s.ask(ctx); err != nil {
		return ledger.Snapshot{}, err
	}
	return s.Store.Read(ctx, g)
}

// Reports reads the texts beside the positions.
func (s *session) Reports(ctx context.Context, g fencepost.Group) (map[string]string, error) {
	if err := s.ask(ctx); err != nil {
		return nil, err
	}
	return s.Store.Reports(ctx, g)
}

// PutReports replaces texts.
func (s *session) PutReports(ctx context.Context, g fencepost.Group, texts map[string]string) error {
	if err := s.ask(ctx); err != nil {
		return err
	}
	return s.Store.PutReports(ctx, g, texts)
}

// LettersFrom names letters.
func (s *session) LettersFrom(ctx context.Context, g fencepost.Group, from map[fencepost.TopicPartition]fencepost.Offset) ([]ledger.LetterID, error) {
	if err := s.ask(ctx); err != nil {
		return nil, err
	}
	return s.Store.LettersFrom(ctx, g, from)
}

// LastMoves reads the end of the history.
func (s *session) LastMoves(ctx context.Context, g fencepost.Group) (map[fencepost.TopicPartition]ledger.LastMoves, error) {
	if err := s.ask(ctx); err != nil {
		return nil, err
	}
	return s.Store.LastMoves(ctx, g)
}

// Moves reads the history.
func (s *session) Moves(ctx context.Context, g fencepost.Group) iter.Seq2[ledger.Recorded, error] {
	return func(yield func(ledger.Recorded, error) bool) {
		if err := s.ask(ctx); err != nil {
			yield(ledger.Recorded{}, err)
			return
		}
		s.Store.Moves(ctx, g)(yield)
	}
}

// Appear takes a sign of life, which ends with the host.
func (s *session) Appear(ctx context.Context, g fencepost.Group, name string) (ledger.Sign, error) {
	if s.db.plan.Silent {
		return nil, ledger.ErrNoPresence
	}
	if err := s.ask(ctx); err != nil {
		return nil, err
	}
	sign, err := s.Store.Appear(ctx, g, name)
	if err == nil {
		s.worker.sign.Store(&name)
		context.AfterFunc(dying(s.host), func() { s.EndSigns(name) })
	}
	return sign, err
}

// dying is a context that ends with a host, or with the simulation.
func dying(h *host) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-h.died
		cancel()
	}()
	return ctx
}

// Alive asks for signs.
func (s *session) Alive(ctx context.Context, g fencepost.Group, signs []string) ([]string, error) {
	if err := s.ask(ctx); err != nil {
		return nil, err
	}
	return s.Store.Alive(ctx, g, signs)
}

// Move moves positions.
func (s *session) Move(ctx context.Context, a ledger.Actor, moves []ledger.Move) error {
	moves = slices.Clone(moves)
	return s.request(ctx, moves, func() (*entry, error) {
		return s.db.apply(a, sink.Commit{Moves: moves}, func() error { return s.Store.Move(context.Background(), a, moves) })
	})
}

// request carries a change to the server and its answer back. The server carries it out by itself: what becomes of it once the
// client is gone is decided there.
func (s *session) request(ctx context.Context, moves []ledger.Move, change func() (*entry, error)) error {
	if err := s.host.pass(ctx); err != nil {
		return fmt.Errorf("nothing was sent: %w", err)
	}
	fate := s.db.fate()
	switch {
	case fate.away:
		return errAway
	case fate.lost:
		return fmt.Errorf("%w: the connection was cut before the server had it", ledger.ErrUnknown)
	}
	type outcome struct {
		made *entry // nil: nothing was
		err  error
	}
	answer := make(chan outcome, 1)
	over, began := s.db.reaches(moves), s.db.dice.now()
	var gone atomic.Bool
	go func() {
		defer over()
		time.Sleep(fate.takes)
		if gone.Load() && fate.rollsBack {
			return
		}
		made, err := change()
		if made != nil {
			s.db.sent(made, began)
		}
		answer <- outcome{made, err}
	}()
	var out outcome
	select {
	case out = <-answer:
	case <-ctx.Done():
		gone.Store(true)
		return fmt.Errorf("%w: %w", ledger.ErrUnknown, ctx.Err())
	case <-s.host.died:
		gone.Store(true)
		return fmt.Errorf("%w: %w", ledger.ErrUnknown, errCut)
	}
	if stopped := s.host.pass(ctx); stopped != nil || fate.unheard {
		return fmt.Errorf("%w: the answer is lost", ledger.ErrUnknown)
	}
	s.db.hears(out.made)
	return out.err
}

// lane commits over the session.
type lane struct {
	sink.Lane
	session *session
}

// Commit commits. The batch is copied: the client may go, and the server go on.
func (l *lane) Commit(ctx context.Context, a ledger.Actor, c sink.Commit) error {
	c = copied(c)
	if ctx.Err() == nil {
		l.session.worker.commits(c.Moves)
	}
	return l.session.request(ctx, c.Moves, func() (*entry, error) {
		return l.session.db.apply(a, c, func() error {
			inner, err := l.session.Store.Lane(context.Background(), 0)
			if err != nil {
				return err
			}
			return inner.Commit(context.Background(), a, c)
		})
	})
}

// Try tries a batch.
func (l *lane) Try(ctx context.Context, b *fencepost.Batch) error {
	if err := l.session.ask(ctx); err != nil {
		return err
	}
	return l.Lane.(sink.Trier).Try(ctx, b)
}

// copied shares nothing with c that is used again.
func copied(c sink.Commit) sink.Commit {
	b := &fencepost.Batch{Segments: slices.Clone(c.Segments), Offsets: slices.Clone(c.Offsets), Times: slices.Clone(c.Times)}
	for i := range c.Columns {
		column := c.Columns[i].Spec().Column()
		for row := range c.Columns[i].Len() {
			column.AppendFrom(&c.Columns[i], row)
		}
		b.Columns = append(b.Columns, column)
	}
	dead := slices.Clone(c.Dead)
	for i := range dead {
		dead[i].Key, dead[i].Value = slices.Clone(dead[i].Key), slices.Clone(dead[i].Value)
	}
	return sink.Commit{Batch: b, Moves: slices.Clone(c.Moves), Dead: dead, Removed: slices.Clone(c.Removed)}
}
