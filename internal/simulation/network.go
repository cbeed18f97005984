package simulation

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// network is what lies between the workers and the brokers.
type network struct {
	virtual kfake.VirtualNetwork
	mu      struct {
		sync.Mutex
		down  map[string]bool // :: address of a broker -> it is out of the workers' reach
		conns map[*conn]bool
	}
}

func newNetwork() *network {
	n := &network{}
	n.mu.down = map[string]bool{}
	n.mu.conns = map[*conn]bool{}
	return n
}

// setDown takes a broker out of the workers' reach, with the connections to it, or puts it back.
func (n *network) setDown(address string, down bool) {
	n.mu.Lock()
	n.mu.down[address] = down
	n.mu.Unlock()
	if down {
		n.cut(func(c *conn) bool { return c.address == address })
	}
}

// cut closes the connections for which f is true.
func (n *network) cut(f func(*conn) bool) {
	n.mu.Lock()
	var cut []*conn
	for c := range n.mu.conns {
		if f(c) {
			cut = append(cut, c)
		}
	}
	n.mu.Unlock()
	for _, c := range cut {
		_ = c.Close() // a pipe closes without an error
	}
}

// host is the machine that one worker runs on, as far as its connections are concerned.
type host struct {
	network *network
	mu      struct {
		sync.Mutex
		dead   bool
		thawed chan struct{} // closed when the process goes on; nil: it runs
	}
	died chan struct{}
}

func newHost(n *network) *host { return &host{network: n, died: make(chan struct{})} }

// kill ends the host: its connections are closed, and no call comes out of it any more.
func (h *host) kill() {
	h.thaw()
	h.mu.Lock()
	h.mu.dead = true
	h.mu.Unlock()
	close(h.died)
	h.network.cut(func(c *conn) bool { return c.host == h })
}

// freeze stops the process, as SIGSTOP does.
func (h *host) freeze() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.thawed == nil {
		h.mu.thawed = make(chan struct{})
	}
}

// thaw has it go on.
func (h *host) thaw() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.thawed != nil {
		close(h.mu.thawed)
		h.mu.thawed = nil
	}
}

// pass waits while the process is stopped. Its error is ctx's, or says that the host is dead.
func (h *host) pass(ctx context.Context) error {
	h.mu.Lock()
	dead, thawed := h.mu.dead, h.mu.thawed
	h.mu.Unlock()
	switch {
	case dead:
		return syscall.ECONNRESET
	case thawed == nil:
		return ctx.Err()
	}
	select {
	case <-thawed:
		return h.pass(ctx)
	case <-h.died:
		return syscall.ECONNRESET
	case <-ctx.Done():
		return ctx.Err()
	}
}

// dial opens a connection to a broker.
func (h *host) dial(ctx context.Context, network, address string) (net.Conn, error) {
	refused := &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	if err := h.pass(ctx); err != nil {
		return nil, refused
	}
	h.network.mu.Lock()
	down := h.network.mu.down[address]
	h.network.mu.Unlock()
	if down {
		time.Sleep(latency)
		return nil, refused
	}
	inner, err := h.network.virtual.DialContext(ctx, network, address)
	if err != nil {
		return nil, refused
	}
	c := &conn{Conn: inner, host: h, address: address, arrived: make(chan struct{}, 1), closed: make(chan struct{})}
	h.network.mu.Lock()
	h.network.mu.conns[c] = true
	h.network.mu.Unlock()
	go c.receive()
	return c, nil
}

// latency is how long a request is under way, and the refusal of a connection. Without it a client that asks at once again holds the clock: franz-go 1.22.3
// fetches without a pause while one partition has FENCED_LEADER_EPOCH, another NOT_LEADER, and the broker that it asks for metadata is away; and a
// KIP-848 member of it begins its session anew without a pause while the group's offsets cannot be fetched.
const latency = 200 * time.Microsecond

// conn is a worker's connection to a broker. What arrives is kept for a worker that does not read, so that a stopped one
// keeps no broker waiting, as the buffers of TCP do.
type conn struct {
	net.Conn
	host    *host
	address string
	arrived chan struct{} // capacity 1
	closed  chan struct{}
	once    sync.Once
	mu      struct {
		sync.Mutex
		bytes    []byte
		err      error
		deadline time.Time
	}
}

// receive keeps what arrives until the connection ends.
func (c *conn) receive() {
	chunk := make([]byte, 16<<10)
	for {
		n, err := c.Conn.Read(chunk)
		c.mu.Lock()
		c.mu.bytes = append(c.mu.bytes, chunk[:n]...)
		c.mu.err = err
		c.mu.Unlock()
		select {
		case c.arrived <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// Read takes what has arrived, while the process runs.
func (c *conn) Read(p []byte) (int, error) {
	for {
		if c.host.pass(context.Background()) != nil {
			return 0, syscall.ECONNRESET
		}
		c.mu.Lock()
		n, err, deadline := copy(p, c.mu.bytes), c.mu.err, c.mu.deadline
		c.mu.bytes = c.mu.bytes[n:]
		c.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		if err := c.await(deadline); err != nil {
			return 0, err
		}
	}
}

// await waits until something arrives.
func (c *conn) await(deadline time.Time) error {
	var over <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-c.arrived:
		return nil
	case <-c.closed:
		return net.ErrClosed
	case <-over:
		return os.ErrDeadlineExceeded
	}
}

// SetReadDeadline is for the next Read: the client sets it in front of each.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.deadline = t
	return nil
}

// Write sends, while the process runs.
func (c *conn) Write(p []byte) (int, error) {
	time.Sleep(latency)
	if c.host.pass(context.Background()) != nil {
		return 0, syscall.ECONNRESET
	}
	return c.Conn.Write(p)
}

// Close ends the connection at both sides.
func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.host.network.mu.Lock()
		delete(c.host.network.mu.conns, c)
		c.host.network.mu.Unlock()
	})
	return c.Conn.Close()
}
