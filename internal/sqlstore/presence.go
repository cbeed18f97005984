package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// PresenceSQL is how a database holds signs of life: by locks of sessions, which end with their sessions. Its functions return the
// driver's errors. REQUIRES: an open session.
type PresenceSQL[S Session] struct {
	// Hold takes the lock of a sign for the session, which does nothing else from then on. Its error may be
	// ledger.ErrNoPresence, wrapped.
	Hold func(s S, ctx context.Context, g fencepost.Group, sign string) error
	// Hear waits on a session that holds a sign, until another worker has told of one that ended, or with the error by which the
	// session, and with it the own sign, has ended. doubt has a value when another session of this worker broke: whether this one
	// lives is asked at once then, where nothing else would tell.
	Hear func(s S, ctx context.Context, doubt <-chan struct{}) (sign string, err error)
	// Await waits some seconds for the end of another's sign. fresh: nothing was asked on this connection yet.
	Await func(s S, ctx context.Context, fresh bool, sign string) (ended bool, err error)
	// Tell tells everybody who Hears of a sign that has ended. nil: the database has no such call, and Hear hears of none.
	Tell func(s S, ctx context.Context, g fencepost.Group, sign string) error
	// Alive is a statement whose rows are those of the signs that are held. reports is the table of leases; empty: there is none.
	Alive func(signs []string, reports string, g fencepost.Group) string
	// Notice is how soon the end of a session that holds a sign is known, and Connections how many a worker takes for that, at least.
	Notice      ledger.Notice
	Connections int
	// Lease holds signs where Hold cannot; nil: it always can.
	Lease *LeaseSQL[S]
}

// mostWatched bounds how many signs a worker watches where none tells another: each takes a connection.
const mostWatched = 8

// Appear takes a sign, on a connection of its own.
func (l *Ledger[S]) Appear(ctx context.Context, g fencepost.Group, name string) (ledger.Sign, error) {
	own := l.dialect.Another(l.session)
	if _, err := own.Open(ctx); err != nil {
		return nil, fmt.Errorf("take a sign of life: %w", err)
	}
	if p := l.dialect.Presence; p.Lease != nil && p.Lease.Needed(own) {
		return l.takeLease(ctx, g, name, own)
	}
	if err := l.dialect.Presence.Hold(own, ctx, g, name); err != nil {
		own.Drop()
		if errors.Is(err, ledger.ErrNoPresence) {
			return nil, err
		}
		return nil, fmt.Errorf("take a sign of life: %w", l.dialect.Errors.Edge(own, ctx, err))
	}
	h := &sign[S]{ledger: l, group: g, name: name, told: make(chan string, 64), doubt: make(chan struct{}, 1), lost: make(chan struct{}), heard: make(chan struct{})}
	ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
	go h.hear(ctx, own)
	return h, nil
}

// Alive returns those of the signs that are held now.
func (l *Ledger[S]) Alive(ctx context.Context, g fencepost.Group, signs []string) (alive []string, err error) {
	if len(signs) == 0 {
		return nil, nil
	}
	if err := l.turn.take(ctx); err != nil {
		return nil, err
	}
	defer l.turn.give()
	err = l.dialect.attempt(l.session, ctx, func(ctx context.Context) error {
		reports, err := l.leases(ctx)
		if err != nil {
			return err
		}
		res, err := l.session.Exec(ctx, l.dialect.Presence.Alive(signs, reports, g))
		if err != nil {
			return l.forget(l.dialect.Blameless(l.dialect.failed(ctx, l.session, err)))
		}
		alive = signsIn(res[0])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for signs of life: %w", err)
	}
	return alive, nil
}

// Notice says how soon the end of a worker is known.
func (l *Ledger[S]) Notice(ctx context.Context) (n ledger.Notice, err error) {
	if err := l.turn.take(ctx); err != nil {
		return n, err
	}
	defer l.turn.give()
	if _, err := l.session.Open(ctx); err != nil {
		return n, fmt.Errorf("look for signs of life: %w", err)
	}
	if p := l.dialect.Presence; p.Lease == nil || !p.Lease.Needed(l.session) {
		return p.Notice, nil
	}
	return ledger.Notice{Within: LeaseFor + leaseBeat, Why: fmt.Sprintf("by a lease of %s, which each worker renews once a second: a pooler is between, whose sessions outlive their clients", LeaseFor)}, nil
}

// connections is how many connections a worker takes for its sign of life, at least: one that holds it, one that watches another's. REQUIRES:
// an open session.
func (p PresenceSQL[S]) connections(s S) int {
	if p.Lease != nil && p.Lease.Needed(s) {
		return 1
	}
	return p.Connections
}

// leases opens the session and returns the table of leases; empty: the database has none, or there is no table yet. REQUIRES: the
// caller's turn.
func (l *Ledger[S]) leases(ctx context.Context) (string, error) {
	if l.dialect.Presence.Lease == nil {
		_, err := l.session.Open(ctx)
		return "", err
	}
	table, err := l.findReports(ctx)
	if errors.Is(err, ledger.ErrNoReports) {
		return "", nil
	}
	return table, err
}

// sign is a held sign of life.
type sign[S Session] struct {
	ledger *Ledger[S]
	group  fencepost.Group
	name   string
	stop   context.CancelFunc
	told   chan string   // signs that have ended, as others tell
	doubt  chan struct{} // a session that watches broke; capacity 1
	lost   chan struct{} // closed when the session has ended by itself
	heard  chan struct{} // closed when hear has returned
	watch  struct {
		sync.Mutex     // held by Watch
		sessions   []S // that watch, one a sign
	}
}

// hear owns the session that holds the sign.
func (h *sign[S]) hear(ctx context.Context, own S) {
	defer close(h.heard)
	defer own.Drop()
	for {
		name, err := h.ledger.dialect.Presence.Hear(own, ctx, h.doubt)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			close(h.lost)
			return
		}
		select {
		case h.told <- name:
		default: // nobody watches: who is to be watched is asked before it is
		}
	}
}

// Lost waits until the session has ended by itself.
func (h *sign[S]) Lost(ctx context.Context) error { return awaitLoss(ctx, h.lost, h.heard) }

// awaitLoss waits until a sign is lost. Errors: ledger.ErrSignEnded, its owner has ended it; ctx's.
//
// REQUIRES: lost is closed in front of ended.
func awaitLoss(ctx context.Context, lost, ended <-chan struct{}) error {
	select {
	case <-lost:
		return nil
	case <-ended:
		select {
		case <-lost:
			return nil
		default:
			return ledger.ErrSignEnded
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// End ends the sessions.
func (h *sign[S]) End(ctx context.Context) error {
	h.stop()
	h.watch.Lock()
	for _, s := range h.watch.sessions {
		s.Drop()
	}
	h.watch.Unlock()
	select {
	case <-h.heard:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// targets are the signs that this worker watches: where one tells the others, the next of a ring; else all, or the next ones.
func (h *sign[S]) targets(others []string) []string {
	ring := slices.Sorted(slices.Values(others))
	from, _ := slices.BinarySearch(ring, h.name)
	ring = slices.Concat(ring[from:], ring[:from])
	if h.ledger.dialect.Presence.Tell != nil {
		return ring[:min(1, len(ring))]
	}
	return ring[:min(mostWatched, len(ring))]
}

// saw is what one watch of a sign came to.
type saw struct {
	sign string
	err  error // nil: it has ended
}

// Watch waits for the end of the signs that are this worker's to watch, or for what others tell.
func (h *sign[S]) Watch(ctx context.Context, others []string) ([]string, error) {
	h.watch.Lock()
	defer h.watch.Unlock()
	watching, stop := context.WithCancel(ctx)
	targets := h.targets(others)
	found := make(chan saw, len(targets))
	for len(h.watch.sessions) < len(targets) {
		h.watch.sessions = append(h.watch.sessions, h.ledger.dialect.Another(h.ledger.session))
	}
	var all sync.WaitGroup
	for i, name := range targets {
		all.Go(func() { found <- saw{name, h.await(watching, h.watch.sessions[i], name)} })
	}
	defer all.Wait()
	defer stop()
	for {
		select {
		case s := <-found:
			if s.err != nil {
				return nil, s.err
			}
			return []string{s.sign}, nil
		case name := <-h.told:
			if slices.Contains(others, name) {
				return []string{name}, nil
			}
		case <-h.heard:
			return nil, ledger.ErrSignEnded
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// await waits until a sign has ended, and tells the others.
func (h *sign[S]) await(ctx context.Context, s S, name string) error {
	p := h.ledger.dialect.Presence
	for {
		fresh, err := s.Open(ctx)
		if err != nil {
			h.doubts(ctx)
			return err
		}
		ended, err := p.Await(s, ctx, fresh, name)
		if err == nil && ended && p.Lease != nil {
			ended, err = h.leaseEnded(ctx, name)
		}
		if err == nil && !ended {
			continue
		}
		if err == nil && p.Tell != nil {
			err = p.Tell(s, ctx, h.group, name)
		}
		if err != nil {
			s.Drop()
			h.doubts(ctx)
		}
		if ended {
			return nil // whoever was not told finds out when the session ends
		}
		return err
	}
}

// doubts has the own session looked at: a server that has restarted has ended it too.
func (h *sign[S]) doubts(watching context.Context) {
	if watching.Err() != nil {
		return // nothing broke
	}
	select {
	case h.doubt <- struct{}{}:
	default:
	}
}

// leaseEnded reports whether a sign without a lock is no lease either. It waits a beat behind one that is.
func (h *sign[S]) leaseEnded(ctx context.Context, name string) (bool, error) {
	held, err := h.ledger.Alive(ctx, h.group, []string{name})
	if err != nil || len(held) == 0 {
		return err == nil, err
	}
	select {
	case <-time.After(leaseBeat):
		return false, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}
