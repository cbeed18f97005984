package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"zombiezen.com/go/sqlite"
)

// patience is how long a busy file is tried again before that is reported as an error.
const patience = 30 * time.Second

// conn is one connection with its statements. It is used by one goroutine at a time.
//
// It keeps all of its statements itself: a statement in the driver's cache could be taken out and run by a Handle,
// past the guard, which sees a statement when it is compiled.
type conn struct {
	db    *sqlite.Conn
	path  string
	file  os.FileInfo // what path named when it was opened
	guard *guard
	stmts map[string]*sqlite.Stmt // :: SQL -> prepared
	turn  turn
	// tamper is for tests: it is called around COMMIT, and its error is as one of COMMIT at that point. nil: nothing.
	tamper func(point) error
}

// point is a place in a transaction at which a test may step in.
type point uint8

const (
	beforeCommit point = iota
	afterCommit
)

// open opens the Config's file, creates it if there is none, and makes sure of WAL and the ledger's tables.
func open(ctx context.Context, cfg Config, tamper func(point) error) (*conn, error) {
	path := cfg.Path
	c, err := dial(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return nil, err
	}
	if c.file, err = os.Stat(path); err == nil {
		err = c.retryApart(ctx, c.prepareFile)
	}
	if err == nil && !cfg.NoLedger {
		err = c.retry(ctx, func() error { return c.ensureLedger(ctx) })
	}
	if err != nil {
		c.close()
		return nil, fault(path, err)
	}
	c.tamper = tamper
	return c, nil
}

// opening is held while a connection is opened or closed. The driver (zombiezen.com/go/sqlite 1.4.2) keeps what belongs to a connection by its
// address, and forgets it only after SQLite has given the connection's memory back: one that was opened at that address meanwhile would
// be without its authorizer, and its next statement would panic.
var opening sync.Mutex

func openFile(path string, flags sqlite.OpenFlags) (*sqlite.Conn, error) {
	opening.Lock()
	defer opening.Unlock()
	return sqlite.OpenConn(path, flags)
}

func shut(db *sqlite.Conn) error {
	opening.Lock()
	defer opening.Unlock()
	return db.Close()
}

// dial opens the file as it is, with no more than the connection's own settings.
func dial(path string, flags sqlite.OpenFlags) (*conn, error) {
	db, err := openFile(path, flags)
	if err != nil {
		return nil, fault(path, err)
	}
	c := &conn{db: db, path: path, guard: &guard{}, stmts: map[string]*sqlite.Stmt{},
		turn: turn{probed: time.Now(), every: oftenest}}
	// The driver's own waiting grows to 100 ms a time, and a worker that waits so long is served last.
	db.SetBusyTimeout(0)
	if err = db.SetAuthorizer(c.guard); err == nil {
		err = c.run("PRAGMA temp_store = MEMORY")
	}
	if err != nil {
		c.close()
		return nil, fault(path, err)
	}
	return c, nil
}

// prepareFile looks at the ledger's version first, so that a newer one stays untouched, and only then sets WAL, which
// writes to the file.
func (c *conn) prepareFile() error {
	_, err := c.header()
	if err != nil && !errors.Is(err, errNoLedger) {
		return err
	}
	mode, err := c.text("PRAGMA journal_mode = WAL")
	if err != nil {
		return fmt.Errorf("set WAL: %w", err)
	}
	if mode != "wal" {
		return &fencepost.UserError{Code: "database-no-wal", Err: fmt.Errorf("%s: SQLite can not use WAL here, its journal stays %s", c.path, mode),
			Help: "put the file on a local disk: WAL needs memory that its processes share"}
	}
	if err := c.run("PRAGMA synchronous = FULL"); err != nil {
		return fmt.Errorf("set synchronous: %w", err)
	}
	return nil
}

// close closes the connection; what is open in it is rolled back.
func (c *conn) close() error {
	for _, st := range c.stmts {
		st.Finalize()
	}
	c.stmts = nil
	if err := shut(c.db); err != nil {
		return fmt.Errorf("close %s: %w", c.path, err)
	}
	return nil
}

// moved reports whether the path names another file by now, or none: what is written to the open one would be lost.
func (c *conn) moved() bool {
	now, err := os.Stat(c.path)
	return err != nil || !os.SameFile(c.file, now)
}

// stmt returns the prepared statement of a query.
func (c *conn) stmt(query string) (*sqlite.Stmt, error) {
	if st := c.stmts[query]; st != nil {
		return st, nil
	}
	st, _, err := c.db.PrepareTransient(query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = st
	return st, nil
}

// run runs a statement without parameters to its end.
func (c *conn) run(query string) error {
	st, err := c.stmt(query)
	if err != nil {
		return err
	}
	return exhaust(st)
}

// transient runs statements whose text differs from one time to the next, and keeps none of them.
func (c *conn) transient(queries ...string) error {
	for _, query := range queries {
		st, _, err := c.db.PrepareTransient(query)
		if err != nil {
			return err
		}
		err = exhaust(st)
		st.Finalize()
		if err != nil {
			return err
		}
	}
	return nil
}

// text is the first column of a statement's first row, empty if it has none.
func (c *conn) text(query string) (string, error) {
	st, err := c.stmt(query)
	if err != nil {
		return "", err
	}
	defer st.Reset()
	if has, err := st.Step(); err != nil || !has {
		return "", err
	}
	return st.ColumnText(0), nil
}

// exhaust steps a statement to its end and resets it.
func exhaust(st *sqlite.Stmt) error {
	for {
		has, err := st.Step()
		if err != nil {
			return err // Step has reset it
		}
		if !has {
			return st.Reset()
		}
	}
}

// retry runs f again while the file is busy, every 1 to 5 ms, until ctx ends or patience does. REQUIRES: f has left
// nothing behind when it answers busy.
func (c *conn) retry(ctx context.Context, f func() error) error {
	return c.retryWithin(ctx, 4*time.Millisecond, f)
}

// retryApart is retry for what needs the file for itself, as the change to WAL does: each of several that try it every
// few milliseconds has a lock in hand while another one looks, and none of them gets there. So they look ever less often.
func (c *conn) retryApart(ctx context.Context, f func() error) error {
	return c.retryWithin(ctx, time.Second, f)
}

// retryWithin is retry with pauses that double, up to most.
func (c *conn) retryWithin(ctx context.Context, most time.Duration, f func() error) error {
	var deadline time.Time
	for within := 4 * time.Millisecond; ; within = min(2*within, most) {
		err := f()
		if !busy(err) {
			return err
		}
		now := time.Now()
		if deadline.IsZero() {
			deadline = now.Add(patience)
		}
		if now.After(deadline) {
			return err
		}
		c.turn.met = now
		switch ended := pause(ctx, time.Millisecond+rand.N(within)); {
		case errors.Is(ended, context.DeadlineExceeded):
			return fmt.Errorf("%w: %w", err, ended) // still busy: others hold the lock, and no batch is too large
		case ended != nil:
			return ended
		}
	}
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// turn is how a connection shares the lock. SQLite has no queue: the first to ask after a release gets it. A worker under
// load asks again at once, while the others look every few milliseconds, so they would starve (40 commits of one to 3
// of another, tried). Therefore a worker that met another one lately stays away after its own release, for as long as
// it had the lock, and at most for as long as the others take to try. A worker that always wins never meets another: so
// it also stays away once in a while to find out, ever less often while no other comes.
type turn struct {
	met    time.Time     // when the lock was last found taken
	taken  time.Time     // when this connection last took it
	freed  time.Time     // and let it go
	probed time.Time     // when it last stayed away to find out; at first, when it was opened
	every  time.Duration // how long until it does so again
}

// The turn's measures.
const (
	lately   = time.Second          // how long a meeting counts
	look     = 6 * time.Millisecond // more than the longest time between two looks of a waiting worker
	oftenest = 50 * time.Millisecond
	rarest   = 2 * time.Second // costs a worker alone 0.3 %
)

// away is how long after its last release a worker stays away, at this moment.
func (t *turn) away(now time.Time) time.Duration {
	switch {
	case !t.met.IsZero() && now.Sub(t.met) <= lately:
		t.every, t.probed = oftenest, now
		return min(look, t.freed.Sub(t.taken)) - now.Sub(t.freed)
	case now.Sub(t.probed) > t.every:
		t.every, t.probed = min(2*t.every, rarest), now
		return look - now.Sub(t.freed)
	}
	return 0
}

// wait lets the others have their turn.
func (t *turn) wait(ctx context.Context) error {
	if left := t.away(time.Now()); left > 0 {
		return pause(ctx, left)
	}
	return nil
}

// lock begins a transaction with the file's write lock in hand.
func (c *conn) lock(ctx context.Context) error {
	if err := c.turn.wait(ctx); err != nil {
		return err
	}
	if err := c.retry(ctx, func() error { return c.run("BEGIN IMMEDIATE") }); err != nil {
		return err
	}
	c.turn.taken = time.Now()
	return nil
}

// commit ends the transaction. After an error it is rolled back, or its outcome is unknown: see commitFault.
func (c *conn) commit(ctx context.Context) error {
	err := c.at(beforeCommit)
	if err == nil {
		err = c.retry(context.WithoutCancel(ctx), func() error { return c.run("COMMIT") })
	}
	if err == nil {
		err = c.at(afterCommit)
	}
	if err != nil {
		return errors.Join(commitFault(c.path, err), c.rollback())
	}
	c.turn.freed = time.Now()
	if c.moved() {
		return fmt.Errorf("commit: %s was replaced or removed meanwhile: %w", c.path, ledger.ErrUnknown)
	}
	return nil
}

// at lets a test step in.
func (c *conn) at(p point) error {
	if c.tamper == nil {
		return nil
	}
	return c.tamper(p)
}

// rollback ends a transaction that is still open: some errors have ended it already.
func (c *conn) rollback() error {
	defer func() { c.turn.freed = time.Now() }()
	if c.db.AutocommitEnabled() {
		return nil
	}
	if err := c.run("ROLLBACK"); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// write runs f in a transaction that holds the write lock, and commits it. ctx interrupts f, and the wait for the lock,
// but not the COMMIT.
func (c *conn) write(ctx context.Context, f func() error) error {
	if err := c.lock(ctx); err != nil {
		return fault(c.path, err)
	}
	if err := c.interruptible(ctx, f); err != nil {
		if rerr := c.rollback(); rerr != nil {
			return &lostConn{errors.Join(fault(c.path, err), rerr)}
		}
		return fault(c.path, err)
	}
	return c.commit(ctx)
}

// read runs f in a transaction that sees one moment of the file.
func (c *conn) read(ctx context.Context, f func() error) error {
	err := c.retry(ctx, func() error {
		if err := c.run("BEGIN"); err != nil {
			return err
		}
		err := f()
		return errors.Join(err, c.rollback())
	})
	return fault(c.path, err)
}

// interruptible runs f, and lets the end of ctx interrupt the statement that is running then.
func (c *conn) interruptible(ctx context.Context, f func() error) error {
	if ctx.Done() == nil {
		return f()
	}
	c.db.SetInterrupt(ctx.Done())
	err := f()
	c.db.SetInterrupt(nil)
	if sqlite.ErrCode(err) == sqlite.ResultInterrupt && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
