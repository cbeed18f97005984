package wire

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Wire passes the bytes of its clients on to a server, and back. Its methods may be called from several goroutines.
type Wire struct {
	listener net.Listener
	ctx      context.Context
	end      context.CancelFunc
	all      sync.WaitGroup

	mu struct {
		sync.Mutex
		upstream string
		rng      *rand.Rand
		fault    Fault
		changed  chan struct{} // closed and replaced by Set
		links    map[*link]struct{}
		cuts     int
		counted  int // most bytes that a connection carried since its cut began to count
	}
}

// Listen begins to pass connections to addr on to upstream; both are HOST:PORT, and port 0 is a free one. seed decides what a
// fault leaves open.
func Listen(addr, upstream string, seed uint64) (*Wire, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for clients of %s: %w", upstream, err)
	}
	w := &Wire{listener: l}
	w.mu.upstream = upstream
	w.ctx, w.end = context.WithCancel(context.Background())
	w.mu.rng = rand.New(rand.NewPCG(seed, 1))
	w.mu.changed = make(chan struct{})
	w.mu.links = map[*link]struct{}{}
	w.all.Go(w.accept)
	return w, nil
}

// Addr is where clients connect, HOST:PORT.
func (w *Wire) Addr() string { return w.listener.Addr().String() }

// Set puts a fault in the place of the one before. Bytes that waited for it are decided anew, and counts begin at zero.
func (w *Wire) Set(f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.fault, w.mu.cuts, w.mu.counted = f, 0, 0
	close(w.mu.changed)
	w.mu.changed = make(chan struct{})
	for l := range w.mu.links {
		l.counted = -1
		if f.Cut.Since == nil {
			l.counted = 0
		}
		l.spared = f.spares(l.client)
		if f.Refuse && !l.spared || l.lost && f.Mute == 0 {
			l.close()
		}
	}
}

// Mend ends every fault. Connections that lost bytes are closed: nobody could make sense of what comes next.
func (w *Wire) Mend() { w.Set(Fault{}) }

// Lead has connections lead to another server from now on, as a name does that moves at a failover. Those that are open end.
func (w *Wire) Lead(upstream string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.upstream = upstream
	for l := range w.mu.links {
		l.close()
	}
}

// Cuts is how many connections were cut since the last Set.
func (w *Wire) Cuts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.cuts
}

// Waiting is on how many connections a piece of a request for which is reports true waits to be passed on. is must not keep the piece.
func (w *Wire) Waiting(is func(request []byte) bool) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.mu.links {
		if l.waiting != nil && is(l.waiting) {
			n++
		}
	}
	return n
}

// Counted is how many bytes passed in the direction of the cut on the connection that carried most of them, since its cut began to count.
func (w *Wire) Counted() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.counted
}

// Close ends every connection, and returns when nothing of the wire is left.
func (w *Wire) Close() {
	w.end()
	_ = w.listener.Close()
	w.all.Wait()
}

func (w *Wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.all.Go(func() { w.serve(client) })
	}
}

// serve is one connection from its beginning to its end.
func (w *Wire) serve(client net.Conn) {
	defer client.Close()
	upstream, refused := w.way(client)
	if refused {
		return
	}
	server, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(w.ctx, "tcp", upstream)
	if err != nil {
		return
	}
	l := w.join(client, server)
	defer context.AfterFunc(w.ctx, l.close)()
	var both sync.WaitGroup
	both.Go(func() { l.pass(Requests, client, server) })
	both.Go(func() { l.pass(Answers, server, client) })
	both.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.mu.links, l)
}

// way is where a new connection leads to, if it is not refused.
func (w *Wire) way(client net.Conn) (upstream string, refused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.upstream, w.mu.fault.Refuse && !w.mu.fault.spares(client)
}

// spares reports whether the fault is not about a client's connection.
func (f Fault) spares(client net.Conn) bool { return f.Only != nil && !f.Only(client.RemoteAddr()) }

func (w *Wire) join(client, server net.Conn) *link {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &link{wire: w, client: client, server: server, done: make(chan struct{}), counted: -1, spared: w.mu.fault.spares(client)}
	if w.mu.fault.Cut.Since == nil {
		l.counted = 0
	}
	w.mu.links[l] = struct{}{}
	return l
}

// link is one client's connection.
type link struct {
	wire           *Wire
	client, server net.Conn
	done           chan struct{} // closed when it ends
	once           sync.Once

	// Guarded by the wire's mutex.
	counted int    // bytes since the cut began to count; -1: it does not count
	lost    bool   // some bytes were swallowed
	spared  bool   // the fault is not about this one
	waiting []byte // of a request; nil: none waits
}

func (l *link) close() {
	l.once.Do(func() {
		close(l.done)
		_ = l.client.Close()
		_ = l.server.Close()
	})
}

// pass carries the bytes of one direction until one of the two sides ends.
func (l *link) pass(way Way, from, to net.Conn) {
	defer l.close()
	for buf := make([]byte, 32<<10); ; {
		n, err := from.Read(buf)
		for piece := buf[:n]; len(piece) > 0; {
			sent, ok := l.send(way, to, piece)
			if !ok {
				return
			}
			piece = piece[sent:]
		}
		if err != nil {
			return
		}
	}
}

// send does what is decided about the first bytes of a piece, and returns how many those were; ok is false where the connection ends.
func (l *link) send(way Way, to net.Conn, piece []byte) (sent int, ok bool) {
	s, changed := l.wire.decide(l, way, piece)
	if s.hold || s.pause > 0 {
		again := l.wait(s, changed)
		if way == Requests {
			l.passOn()
		}
		if again {
			return 0, l.open()
		}
	}
	if s.swallow {
		return s.bytes, true
	}
	if _, err := to.Write(piece[:s.bytes]); err != nil || s.cut {
		return s.bytes, false
	}
	return s.bytes, l.open()
}

// decide asks the fault of now what becomes of a piece, and counts its bytes. changed is closed when another fault is set.
func (w *Wire) decide(l *link, way Way, piece []byte) (s step, changed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := &w.mu.fault
	if l.spared {
		return step{bytes: len(piece)}, w.mu.changed
	}
	if l.counted < 0 && way == Requests && f.Cut.Since != nil && f.Cut.Since(piece) {
		l.counted = 0
	}
	s = f.decide(way, len(piece), l.counted, w.mu.rng)
	if l.counted >= 0 && f.Cut.Way&way != 0 {
		l.counted += s.bytes
		w.mu.counted = max(w.mu.counted, l.counted)
	}
	l.lost = l.lost || s.swallow
	if way == Requests && (s.hold || s.pause > 0) {
		l.waiting = piece
	}
	if s.cut && !f.Refuse {
		w.mu.cuts++
		if f.Cut.Once {
			f.Cut = Cut{}
		}
	}
	return s, w.mu.changed
}

// passOn notes that no request waits any more.
func (l *link) passOn() {
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	l.waiting = nil
}

// wait passes a step's pause, or waits for the next fault where nothing passes before. It reports whether the step is to be decided
// again: another fault was set, or the connection has ended.
func (l *link) wait(s step, changed <-chan struct{}) (again bool) {
	var over <-chan time.Time // never, where it holds
	if !s.hold {
		timer := time.NewTimer(s.pause)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
		return false
	case <-changed:
	case <-l.done:
	}
	return true
}

// open reports whether the connection goes on.
func (l *link) open() bool {
	select {
	case <-l.done:
		return false
	default:
		return true
	}
}
