//go:build realservers

package zookeeper

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/ledger/ledgertest"
	"github.com/fencepost/fencepost/sink/sinktest"
	"github.com/go-zookeeper/zk"
)

func TestMain(m *testing.M) { servers.Main(m) }

// store is a root of one server, as the conformance suite reaches it.
type store struct {
	cfg  Config
	wire *wire
}

var _ sinktest.AnswerLoser = (*store)(nil)

// newStore is a root of its own on the shared server, as long as the usual one.
func newStore(t testing.TB) *store {
	s := storeAt(servers.ZooKeeper(t).Addr())
	s.cfg.Root = "/" + strconv.FormatUint(uint64(time.Now().UnixNano())%(36*36*36*36*36*36), 36)
	c := s.beside(t)
	t.Cleanup(func() { deleteAll(t, c, s.cfg.Root) })
	return s
}

func storeAt(address string) *store {
	s := &store{wire: &wire{}}
	s.cfg = Config{Servers: []string{address}, Root: defaultRoot, dial: s.wire.dial}
	return s
}

// quiet is a logger that drops everything: the library's own goes to standard error.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// beside is a client apart from the connector's.
func (s *store) beside(t testing.TB) *zk.Conn {
	t.Helper()
	c, _, err := zk.Connect(s.cfg.Servers, 10*time.Second, zk.WithLogger(quiet{}), zk.WithHostProvider(&ring{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// deleteAll deletes a node and all below it.
func deleteAll(t testing.TB, c *zk.Conn, path string) {
	var found []any
	var find func(string)
	find = func(path string) {
		names, _, err := c.Children(path)
		if errors.Is(err, zk.ErrNoNode) {
			return
		}
		must(t, err)
		for _, n := range names {
			if len(names) > 100 { // partitions, or nodes of moves: nothing is below them
				found = append(found, &zk.DeleteRequest{Path: path + "/" + n, Version: -1})
				continue
			}
			find(path + "/" + n)
		}
		found = append(found, &zk.DeleteRequest{Path: path, Version: -1})
	}
	find(path)
	for some := range slices.Chunk(found, 1000) {
		_, err := c.Multi(some...)
		must(t, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func (s *store) Open(_ context.Context, keep ledger.KeepCommits) (ledger.Ledger, func() error, error) {
	c := s.cfg
	c.KeepCommits = keep
	l, err := OpenLedger(c)
	if err != nil {
		return nil, nil, err
	}
	return l, l.Close, nil
}

// ledger is a ledger for the length of the test.
func (s *store) ledger(t testing.TB, keep ledger.KeepCommits) *Ledger {
	t.Helper()
	l, closed, err := s.Open(t.Context(), keep)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, closed()) })
	return l.(*Ledger)
}

func (s *store) DeleteRow(t *testing.T, g fencepost.Group, tp fencepost.TopicPartition) {
	must(t, s.beside(t).Delete(pathsOf(s.cfg.Root, g).partition(tp), -1))
}

func (s *store) ForeignWrite(t *testing.T, g fencepost.Group, tp fencepost.TopicPartition, at fencepost.Offset) {
	// Pattern B's own write: a number, nothing else.
	_, err := s.beside(t).Set(pathsOf(s.cfg.Root, g).partition(tp), []byte(strconv.FormatInt(int64(at), 10)), -1)
	must(t, err)
}

func (s *store) MakeNewer(t *testing.T) {
	c := s.beside(t)
	names, _, err := c.Children(s.cfg.Root)
	must(t, err)
	for _, path := range append(names, "") {
		path = strings.TrimSuffix(s.cfg.Root+"/"+path, "/")
		data, _, err := c.Get(path)
		must(t, err)
		_, rest, _ := strings.Cut(string(data), "|")
		_, err = c.Set(path, []byte("2|"+rest), -1)
		must(t, err)
	}
}

func (s *store) LoseAnswer(_ *testing.T, applied bool) {
	if applied {
		s.wire.arm(cutAnswer)
		return
	}
	s.wire.arm(cutRequest)
}

func TestConformance(t *testing.T) {
	ledgertest.Run(t, ledgertest.Fixture{New: func(t *testing.T) ledgertest.Store { return newStore(t) }})
}

// cut says where a wire breaks.
type cut int

const (
	cutNothing cut = iota
	cutRequest     // before the next multi arrives; the client takes it for sent
	cutAnswer      // after the server made it, before its answer
)

// wire is the network of a store's ledgers: it inspects what is sent, and breaks once, at the chosen place.
type wire struct {
	mu struct {
		sync.Mutex
		next cut
	}
}

func (w *wire) arm(c cut) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.next = c
}

// take is what is armed, once.
func (w *wire) take() cut {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.mu.next
	w.mu.next = cutNothing
	return c
}

func (w *wire) dial(network, address string, timeout time.Duration) (net.Conn, error) {
	c, err := net.DialTimeout(network, address, timeout)
	if err != nil {
		return nil, err
	}
	return &wireConn{Conn: c, wire: w}, nil
}

// wireConn is one connection. The client writes a request in one piece, and reads an answer in two: its length, and the
// rest.
type wireConn struct {
	net.Conn
	wire *wire
	mu   struct {
		sync.Mutex
		deaf bool // the next answer but a ping's ends the connection
	}
}

var errCut = errors.New("the wire was cut")

const (
	opMulti = 14
	xidPing = 0xfffffffe
)

func (c *wireConn) Write(p []byte) (int, error) {
	if len(p) < 12 || binary.BigEndian.Uint32(p[8:]) != opMulti {
		return c.Conn.Write(p)
	}
	switch c.wire.take() {
	case cutRequest:
		_ = c.Conn.Close()
		return len(p), nil
	case cutAnswer:
		c.mu.Lock()
		c.mu.deaf = true
		c.mu.Unlock()
	case cutNothing:
	}
	return c.Conn.Write(p)
}

func (c *wireConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		c.mu.Lock()
		deaf := c.mu.deaf
		c.mu.Unlock()
		if !deaf || err != nil || n != 4 || len(p) != 4 {
			return n, err
		}
		answer := make([]byte, binary.BigEndian.Uint32(p))
		if _, err := io.ReadFull(c.Conn, answer); err != nil {
			return 0, err
		}
		if binary.BigEndian.Uint32(answer) != xidPing {
			return 0, errors.Join(errCut, c.Conn.Close())
		}
	}
}
