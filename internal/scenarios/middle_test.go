//go:build realservers

package scenarios

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
)

// middle is a connection's middle that sees whole requests. ZooKeeper's and Kafka's are alike: a length of four bytes and
// a body; an answer begins with the number that its request has.
type middle struct {
	t              *testing.T
	addr, upstream string
	id             func(request []byte) uint32
	all            sync.WaitGroup
	ctx            context.Context
	mu             struct {
		sync.Mutex
		listener net.Listener
		aim      *aimed
	}
}

// aimed is a fault at the first request that hits.
type aimed struct {
	hit  func(request []byte) bool
	how  string // before: it never arrives; after: its answer is lost; silent: it arrives, and no more answers come
	away bool   // the server is not reached any more from then on
	met  bool
	mute chan struct{} // closed when no more answers come
}

func newMiddle(t *testing.T, addr, upstream string, id func([]byte) uint32) *middle {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	m := &middle{t: t, addr: addr, upstream: upstream, id: id, ctx: ctx}
	m.listen()
	t.Cleanup(func() { cancel(); m.leave(); m.all.Wait() })
	return m
}

// aim arms a fault, and accepts clients again.
func (m *middle) aim(how string, away bool, hit func([]byte) bool) *aimed {
	m.t.Helper()
	a := &aimed{hit: hit, how: how, away: away, mute: make(chan struct{})}
	m.leave()
	m.mu.Lock()
	m.mu.aim = a
	m.mu.Unlock()
	m.listen()
	return a
}

// wantMet checks that the fault happened.
func (m *middle) wantMet(a *aimed) {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !a.met {
		m.t.Error("the fault never happened")
	}
}

func (m *middle) listen() {
	m.t.Helper()
	var l net.Listener
	eventually(m.t, "listening at "+m.addr, func() (err error) { // the address was refused once, for a moment
		l, err = net.Listen("tcp", m.addr)
		return err
	})
	m.mu.Lock()
	m.mu.listener = l
	m.mu.Unlock()
	m.all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			m.all.Go(func() { m.serve(client) })
		}
	})
}

// leave refuses new connections.
func (m *middle) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.mu.listener.Close()
}

// strikes reports whether the fault is to happen at this request, and lets it happen once.
func (m *middle) strikes(request []byte) (a *aimed, yes bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a = m.mu.aim
	if a == nil || a.met || !a.hit(request) {
		return a, false
	}
	a.met = true
	if a.away {
		_ = m.mu.listener.Close()
	}
	if a.how == "silent" {
		close(a.mute)
	}
	return a, true
}

// serve passes one connection on, request by request and answer by answer.
func (m *middle) serve(client net.Conn) {
	server, err := new(net.Dialer).DialContext(m.ctx, "tcp", m.upstream)
	if err != nil {
		_ = client.Close()
		return
	}
	over := func() { _ = client.Close(); _ = server.Close() }
	defer context.AfterFunc(m.ctx, over)()
	m.mu.Lock()
	a := m.mu.aim
	m.mu.Unlock()
	lost := make(chan uint32, 1) // the request whose answer is lost
	var both sync.WaitGroup
	both.Go(func() {
		defer over()
		for {
			request, err := frame(client)
			if err != nil {
				return
			}
			hit, yes := m.strikes(request)
			switch {
			case yes && hit.how == "before":
				return
			case yes && hit.how == "after":
				lost <- m.id(request)
			}
			if !pushed(server, request) {
				return
			}
		}
	})
	both.Go(func() {
		defer over()
		gone, waiting := uint32(0), false
		for {
			answer, err := frame(server)
			if err != nil {
				return
			}
			select {
			case gone = <-lost:
				waiting = true
			default:
			}
			if waiting && len(answer) >= 4 && binary.BigEndian.Uint32(answer) == gone {
				return
			}
			if a != nil {
				select {
				case <-a.mute:
					continue
				default:
				}
			}
			if !pushed(client, answer) {
				return
			}
		}
	})
	both.Wait()
}

// frame reads a length and a body.
func frame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err := io.ReadFull(r, body)
	return body, err
}

func pushed(w io.Writer, body []byte) bool {
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	return err == nil
}
