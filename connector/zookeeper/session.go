package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
)

// session is the client of one Ledger or Layout. The library's calls know no context, so each runs in a goroutine of its
// own, which Close ends and waits for.
type session struct {
	cfg     Config
	calls   sync.WaitGroup
	granted atomic.Int64 // the session timeout, in milliseconds; 0: not known yet
	sign    struct {     // the digest is sent once; the library sends it again when it reconnects
		sync.Mutex
		done bool
	}
	mu struct {
		sync.Mutex
		conn   *zk.Conn
		events <-chan zk.Event // closed when the library's own goroutines have ended
		wire   net.Conn
		closed bool
	}
}

// Errors of the session itself.
var (
	errClosed = errors.New("it was closed")
	errSilent = errors.New("no answer in time")
)

// listener is the library's logger, which else goes to standard error. It drops everything but one line, which alone tells what session
// timeout the server has granted: it bounds the one that was asked for by its tickTime (2 to 20 of them).
type listener struct{ granted *atomic.Int64 }

func (l listener) Printf(format string, args ...any) {
	if !strings.HasPrefix(format, "authenticated:") || len(args) != 2 {
		return
	}
	if ms, is := args[1].(int32); is {
		l.granted.Store(int64(ms))
	}
}

// timeout is the session timeout that the server has granted; the one that is asked for before it has granted any.
func (s *session) timeout() time.Duration {
	if ms := s.granted.Load(); ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return s.cfg.SessionTimeout
}

// begin returns the connection, which is made at the first call, and counts the call.
func (s *session) begin() (*zk.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return nil, errClosed
	}
	if s.mu.conn == nil {
		conn, events, err := zk.Connect(s.cfg.Servers, s.cfg.SessionTimeout, zk.WithLogger(listener{&s.granted}), zk.WithLogInfo(true),
			zk.WithHostProvider(&ring{}), zk.WithDialer(s.dial), zk.WithMaxConnBufferSize(max(1536<<10, s.cfg.MaxPacket+4096)))
		if err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
		s.mu.conn, s.mu.events = conn, events
	}
	s.calls.Add(1)
	return s.mu.conn, nil
}

// dial connects, and closes what the library forgot to close.
func (s *session) dial(network, address string, timeout time.Duration) (net.Conn, error) {
	dial := s.cfg.dial
	if dial == nil {
		dial = net.DialTimeout
	}
	wire, err := dial(network, address, timeout)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.wire != nil {
		_ = s.mu.wire.Close() // it has ended, or it is stuck
	}
	if s.mu.closed {
		_ = wire.Close()
		return nil, errClosed
	}
	s.mu.wire = wire
	return wire, nil
}

// Close ends the session and everything that runs in it.
func (s *session) Close() error {
	s.mu.Lock()
	if s.mu.closed {
		s.mu.Unlock()
		return nil
	}
	s.mu.closed = true
	conn, events := s.mu.conn, s.mu.events
	s.mu.Unlock()
	if conn == nil {
		return nil
	}
	conn.Close() // it asks the server to forget the session, for a second at most
	s.mu.Lock()
	if s.mu.wire != nil {
		_ = s.mu.wire.Close() // a silent server's; else it is closed by now
	}
	s.mu.Unlock()
	for range events { // until the channel is closed
	}
	s.calls.Wait()
	return nil
}

// signIn sends user and password, if there are any.
func (s *session) signIn(conn *zk.Conn) error {
	if s.cfg.User == "" {
		return nil
	}
	s.sign.Lock()
	defer s.sign.Unlock()
	if s.sign.done {
		return nil
	}
	if err := conn.AddAuth("digest", []byte(s.cfg.User+":"+s.cfg.Password)); err != nil {
		return err
	}
	s.sign.done = true
	return nil
}

// write makes one call that must not be made twice. Its error includes whether it may have been sent: see Config.fault.
func write[T any](ctx context.Context, s *session, f func(*zk.Conn) (T, error)) (none T, err error) {
	return within(ctx, s, s.cfg.Timeout, f)
}

// readTries is how often a question is asked again whose connection ended.
const readTries = 3

// read makes a call that may be made twice.
func read[T any](ctx context.Context, s *session, f func(*zk.Conn) (T, error)) (answer T, err error) {
	for range readTries {
		answer, err = within(ctx, s, s.cfg.Timeout, f)
		if !errors.Is(err, zk.ErrConnectionClosed) && !errors.Is(err, zk.ErrSessionExpired) {
			return answer, err
		}
	}
	return answer, err
}

// within makes a call and waits for its answer. A late call goes on alone, and its answer is dropped.
func within[T any](ctx context.Context, s *session, limit time.Duration, f func(*zk.Conn) (T, error)) (none T, err error) {
	if err := ctx.Err(); err != nil {
		return none, err
	}
	conn, err := s.begin()
	if err != nil {
		return none, err
	}
	type result struct {
		answer T
		err    error
	}
	answered := make(chan result, 1)
	go func() {
		defer s.calls.Done()
		var r result
		if r.err = s.signIn(conn); r.err != nil {
			r.err = &errUnsent{r.err}
		} else {
			r.answer, r.err = f(conn)
		}
		answered <- r
	}()
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case r := <-answered:
		return r.answer, r.err
	case <-late.C:
		return none, errSilent
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// errUnsent is an error before the call itself was made.
type errUnsent struct{ err error }

func (e *errUnsent) Error() string { return e.err.Error() }
func (e *errUnsent) Unwrap() error { return e.err }

// readers is how many questions are under way at once: the server answers them in order, so only the way there and back
// is saved.
const readers = 32

// each reads f(0), f(1), ... f(n-1), several at once. Where one fails, the first error is returned.
func each(ctx context.Context, s *session, n int, f func(conn *zk.Conn, i int) error) error {
	limit := s.cfg.Timeout * time.Duration(1+n/10_000)
	all := func(conn *zk.Conn) (struct{}, error) {
		var (
			next  atomic.Int64
			first error
			once  sync.Once
			group sync.WaitGroup
		)
		for range min(n, readers) {
			group.Go(func() {
				for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
					if err := f(conn, int(i)); err != nil {
						once.Do(func() { first = err })
						next.Store(int64(n))
						return
					}
				}
			})
		}
		group.Wait()
		return struct{}{}, first
	}
	for try := range readTries {
		_, err := within(ctx, s, limit, all)
		if try == readTries-1 || !errors.Is(err, zk.ErrConnectionClosed) && !errors.Is(err, zk.ErrSessionExpired) {
			return err
		}
	}
	return nil
}

// node is a znode, as it was read.
type node struct {
	path string
	data []byte
	stat zk.Stat
	here bool
}

// get reads a node, which need not be there.
func get(conn *zk.Conn, path string) (node, error) {
	data, stat, err := conn.Get(path)
	if errors.Is(err, zk.ErrNoNode) {
		return node{path: path}, nil
	}
	if err != nil {
		return node{}, fmt.Errorf("read %s: %w", path, err)
	}
	return node{path: path, data: data, stat: *stat, here: true}, nil
}

// children lists a node's children; none where it is not there.
func children(conn *zk.Conn, path string) ([]string, error) {
	names, _, err := conn.Children(path)
	if errors.Is(err, zk.ErrNoNode) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", path, err)
	}
	return names, nil
}

// gets reads many nodes.
func (s *session) gets(ctx context.Context, paths []string) ([]node, error) {
	nodes := make([]node, len(paths))
	err := each(ctx, s, len(paths), func(conn *zk.Conn, i int) (err error) {
		nodes[i], err = get(conn, paths[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return nodes, nil
}

// lists lists the children of many nodes.
func (s *session) lists(ctx context.Context, paths []string) ([][]string, error) {
	names := make([][]string, len(paths))
	err := each(ctx, s, len(paths), func(conn *zk.Conn, i int) (err error) {
		names[i], err = children(conn, paths[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

// sync waits until the connected server has seen every write that was acknowledged before: a server that follows may lag.
func (s *session) sync(ctx context.Context, path string) error {
	_, err := read(ctx, s, func(conn *zk.Conn) (string, error) { return conn.Sync(path) })
	return err
}

// ring is the servers in turn. The library's own waits a second after every lost connection of a single server, and fails the
// calls that wait then as if there were no server; and it asks the name service once only.
type ring struct {
	sync.Mutex
	servers     []string
	next, tried int
}

// Init is called first.
func (r *ring) Init(servers []string) error { r.servers = servers; return nil }

// Len is how many there are.
func (r *ring) Len() int { return len(r.servers) }

// Next is the server to try; round says that all were tried since one answered.
func (r *ring) Next() (server string, round bool) {
	r.Lock()
	defer r.Unlock()
	if round = r.tried >= len(r.servers); round {
		r.tried = 0
	}
	server = r.servers[r.next%len(r.servers)]
	r.next, r.tried = r.next+1, r.tried+1
	return server, round
}

// Connected says that the last one answered.
func (r *ring) Connected() {
	r.Lock()
	defer r.Unlock()
	r.tried = 0
	r.next-- // the next connection goes to the same server, while it is there
}
