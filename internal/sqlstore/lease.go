package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// LeaseSQL is how a database holds signs of sessions that a pooler gives to one client after the other: a lock of such a session outlives
// the client that took it. A lease is a row of the table of reports, whose text is when it ends, by the database's clock. Its functions
// write statements.
type LeaseSQL[S Session] struct {
	// Needed reports whether a pooler is between. REQUIRES: an open session.
	Needed func(S) bool
	// Take makes a lease, in the row of one that has ended where there is one, so that a crash loop fills nothing. Its lease ends
	// LeaseFor later.
	Take func(reports string, g fencepost.Group, sign string) string
	// Renew has a row if the lease had not ended, and then it ends LeaseFor later.
	Renew func(reports string, g fencepost.Group, sign string) string
	// Give ends a lease.
	Give func(reports string, g fencepost.Group, sign string) string
}

const (
	// LeaseFor is how long a lease lasts that is not renewed; leaseBeat is how often it is, in one request with the question which
	// of the others' signs are held.
	LeaseFor  = 3 * time.Second
	leaseBeat = time.Second
)

// lease is a sign of life that is renewed.
type lease[S Session] struct {
	ledger  *Ledger[S]
	group   fencepost.Group
	name    string
	reports string
	stop    context.CancelFunc
	lost    chan struct{} // closed when the lease has ended by itself
	beaten  chan struct{} // closed when beat has returned
	mu      struct {
		sync.Mutex
		others []string // that are watched
		last   beat
		next   chan struct{} // closed by the next beat
	}
}

// beat is what one renewal came to.
type beat struct {
	others, alive []string // who was asked about, and whose sign is held
	err           error    // there was no answer
}

// takeLease takes a sign by a lease. It owns the session, which is open.
func (l *Ledger[S]) takeLease(ctx context.Context, g fencepost.Group, name string, own S) (ledger.Sign, error) {
	h := &lease[S]{ledger: l, group: g, name: name, lost: make(chan struct{}), beaten: make(chan struct{})}
	h.mu.next = make(chan struct{})
	err := l.call(ctx, func(ctx context.Context) error {
		err := l.makeReports(ctx)
		h.reports = l.made.Reports
		return err
	})
	if err == nil {
		if _, err = own.Exec(ctx, l.dialect.Presence.Lease.Take(h.reports, g, name)); err != nil {
			err = l.dialect.failed(ctx, own, err)
		}
	}
	if err != nil {
		own.Drop()
		return nil, fmt.Errorf("take a sign of life: %w", err)
	}
	ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
	go h.beat(ctx, own)
	return h, nil
}

// beat owns the session, and renews the lease until ctx ends or the lease has.
func (h *lease[S]) beat(ctx context.Context, own S) {
	defer close(h.beaten)
	defer own.Drop()
	tick := time.NewTicker(leaseBeat)
	defer tick.Stop()
	for renewed := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		b, held := h.renew(ctx, own)
		if ctx.Err() != nil {
			return
		}
		if b.err == nil && held {
			renewed = time.Now()
		}
		h.publish(b)
		if b.err == nil && !held || time.Since(renewed) > LeaseFor {
			close(h.lost)
			return
		}
	}
}

// renew renews the lease, and asks which of the others' signs are held, in one request.
func (h *lease[S]) renew(ctx context.Context, own S) (b beat, held bool) {
	ctx, cancel := context.WithTimeout(ctx, LeaseFor)
	defer cancel()
	h.mu.Lock()
	b.others = h.mu.others
	h.mu.Unlock()
	if _, b.err = own.Open(ctx); b.err != nil {
		return b, false
	}
	p := h.ledger.dialect.Presence
	sql := p.Lease.Renew(h.reports, h.group, h.name)
	if len(b.others) > 0 {
		sql += "; " + p.Alive(b.others, h.reports, h.group)
	}
	res, err := own.Exec(ctx, sql)
	if err != nil {
		b.err = h.ledger.dialect.failed(ctx, own, err)
		return b, false
	}
	if len(b.others) > 0 {
		b.alive = signsIn(res[1])
	}
	return b, len(res[0]) > 0
}

// publish tells Watch of a beat.
func (h *lease[S]) publish(b beat) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.last = b
	close(h.mu.next)
	h.mu.next = make(chan struct{})
}

// Watch looks at each beat whether the others' signs are held.
func (h *lease[S]) Watch(ctx context.Context, others []string) ([]string, error) {
	h.mu.Lock()
	h.mu.others = others
	next := h.mu.next
	h.mu.Unlock()
	for {
		select {
		case <-next:
		case <-h.beaten:
			return nil, ledger.ErrSignEnded
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		h.mu.Lock()
		b := h.mu.last
		next = h.mu.next
		h.mu.Unlock()
		if b.err != nil {
			return nil, b.err
		}
		if !slices.Equal(b.others, others) {
			continue // it was asked before
		}
		if ended := slices.DeleteFunc(slices.Clone(others), func(name string) bool { return slices.Contains(b.alive, name) }); len(ended) > 0 {
			return ended, nil
		}
	}
}

// Lost waits until the lease has ended by itself: it was not renewed in time.
func (h *lease[S]) Lost(ctx context.Context) error { return awaitLoss(ctx, h.lost, h.beaten) }

// End ends the lease.
func (h *lease[S]) End(ctx context.Context) error {
	h.stop()
	select {
	case <-h.beaten:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	err := h.ledger.call(ctx, func(ctx context.Context) error {
		if _, err := h.ledger.session.Exec(ctx, h.ledger.dialect.Presence.Lease.Give(h.reports, h.group, h.name)); err != nil {
			return h.ledger.dialect.failed(ctx, h.ledger.session, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("end a sign of life: %w", err)
	}
	return nil
}

// signsIn are the signs that a statement of PresenceSQL.Alive found.
func signsIn(rows Rows) (signs []string) {
	for _, row := range rows {
		signs = append(signs, string(row[0]))
	}
	return signs
}
