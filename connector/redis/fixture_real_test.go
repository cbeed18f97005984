//go:build realservers

package redis

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
	goredis "github.com/redis/go-redis/v9"
)

func TestMain(m *testing.M) { servers.Main(m) }

// store is a set of keys of one server, as the conformance suite reaches it.
type store struct {
	cfg  Config // without effects
	out  string // the stream that rows are appended to
	addr string // without TLS, for clients apart from the connector's
	wire *wire
}

var (
	_ sinktest.Typed       = (*store)(nil)
	_ sinktest.Keyed       = (*store)(nil)
	_ sinktest.AnswerLoser = (*store)(nil)
)

func newStore(t *testing.T) *store { return storeOn(t, servers.Redis(t)) }

// storeOn is a store of a name of its own.
func storeOn(t *testing.T, at servers.RedisServer) *store {
	name := servers.Name(t)
	s := &store{out: name + ":rows", addr: at.Addr(), wire: &wire{}}
	s.cfg = Config{Addr: at.Addr(), Password: servers.RedisPassword, Key: name + ":{group}", MaxCommands: 50_000, dial: s.wire.dial}
	t.Cleanup(func() {
		c := s.beside(t)
		keys, _ := c.Keys(context.Background(), name+":*").Result()
		if len(keys) > 0 {
			c.Del(context.Background(), keys...)
		}
	})
	return s
}

// beside is a client apart from the connector's.
func (s *store) beside(t *testing.T) *goredis.Client {
	c := goredis.NewClient(&goredis.Options{Addr: s.addr, Password: servers.RedisPassword, DB: s.cfg.DB})
	t.Cleanup(func() { c.Close() })
	return c
}

// rows is the effect that appends every row, and refuses a negative n.
func (s *store) rows() Effect {
	positive := Func(func(dst []byte, b *fencepost.Batch, row int) ([]byte, error) {
		n := b.Column("n").Int(row)
		if n < 0 {
			return dst, fmt.Errorf("n is %d, and the table wants it positive", n)
		}
		return strconv.AppendInt(dst, n, 10), nil
	}, "n")
	return Effect{Op: XAdd, Key: Text(s.out), Pairs: []Field{{"topic", Column("_topic")}, {"partition", Column("_partition")},
		{"offset", Column("_offset")}, {"value", Column("value")}, {"n", positive}}}
}

func (s *store) Open(_ context.Context, keep ledger.KeepCommits) (sink.Sink, error) {
	return s.open(keep, s.rows())
}

func (s *store) open(keep ledger.KeepCommits, effects ...Effect) (*Sink, error) {
	c := s.cfg
	c.KeepCommits, c.Effects = keep, effects
	return Open(c)
}

func (s *store) OpenKeyed(_ context.Context, keep ledger.KeepCommits) (sink.Sink, error) {
	c := s.cfg
	c.KeepCommits, c.Effects = keep, []Effect{{Op: HSet, Key: Text(s.out), Name: Column("k"), Value: Column("v")}}
	c.Deletes = []Effect{{Op: HDel, Key: Text(s.out), Name: Column("k")}}
	return Open(c)
}

func (s *store) KeyedRows(t *testing.T) map[string]int64 {
	all, err := s.beside(t).HGetAll(context.Background(), s.out).Result()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int64{}
	for k, v := range all {
		if rows[k], err = strconv.ParseInt(v, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}

func (s *store) Rows(t *testing.T) (list []sinktest.Row) {
	all, err := s.beside(t).XRange(context.Background(), s.out, "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	number := func(v any) int64 {
		n, err := strconv.ParseInt(v.(string), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, m := range all {
		v := m.Values
		list = append(list, sinktest.Row{TopicPartition: fencepost.TopicPartition{Topic: v["topic"].(string), Partition: int32(number(v["partition"]))},
			Offset: fencepost.Offset(number(v["offset"])), Value: v["value"].(string), N: number(v["n"])})
	}
	return list
}

func (s *store) must(t *testing.T, c goredis.Cmder) {
	t.Helper()
	if err := c.Err(); err != nil {
		t.Fatal(err)
	}
}

func (s *store) DeleteRow(t *testing.T, g fencepost.Group, tp fencepost.TopicPartition) {
	s.must(t, s.beside(t).HDel(t.Context(), keysOf(s.cfg.Key, g).positions, field(tp)))
}

func (s *store) ForeignWrite(t *testing.T, g fencepost.Group, tp fencepost.TopicPartition, at fencepost.Offset) {
	// Pattern A's own write: from and until, nothing else.
	s.must(t, s.beside(t).HSet(t.Context(), keysOf(s.cfg.Key, g).positions, field(tp), fmt.Sprintf("%d|%d", at, at)))
}

func (s *store) MakeNewer(t *testing.T) {
	c := s.beside(t)
	heads, err := c.Keys(t.Context(), s.cfg.Key[:len(s.cfg.Key)-len(groupMark)]+"*:head").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range append(heads, identityKey(s.cfg.Key)) {
		s.must(t, c.HSet(t.Context(), key, "version", "2"))
	}
}

func (s *store) OpenTyped(_ context.Context, columns []fencepost.ColumnSpec) (sink.Sink, error) {
	e := Effect{Op: XAdd, Key: Text(s.out), Pairs: []Field{{"_offset", Column("_offset")}}}
	for _, c := range columns {
		e.Pairs = append(e.Pairs, Field{c.Name, Column(c.Name)})
	}
	return s.open(ledger.KeepMerged, e)
}

func (s *store) TypedRows(t *testing.T, columns []fencepost.ColumnSpec) (list [][]any) {
	all, err := s.beside(t).XRange(context.Background(), s.out, "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		row := make([]any, len(columns))
		for i, c := range columns {
			text, ok := m.Values[c.Name].(string)
			if !ok {
				continue
			}
			var err error
			switch c.Type {
			case fencepost.Int, fencepost.Timestamp:
				row[i], err = strconv.ParseInt(text, 10, 64)
			case fencepost.Float:
				row[i], err = strconv.ParseFloat(text, 64)
			case fencepost.Bool:
				row[i] = text == "1"
			case fencepost.Bytes:
				row[i] = []byte(text)
			default:
				row[i] = text
			}
			if err != nil {
				t.Fatalf("%s: %v", base64.StdEncoding.EncodeToString([]byte(text)), err)
			}
		}
		list = append(list, row)
	}
	return list
}

func (s *store) LoseAnswer(_ *testing.T, applied bool) {
	if applied {
		s.wire.arm(cutAnswer)
		return
	}
	s.wire.arm(cutRequest)
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Fixture{New: func(t *testing.T) sinktest.Store { return newStore(t) }})
}

// The same for a user with the rights that the error redis-denied names, on its own keys only, by TLS.
func TestConformanceOfAnACLUserOverTLS(t *testing.T) {
	at := servers.Redis(t)
	secure, err := at.TLS.Config()
	if err != nil {
		t.Fatal(err)
	}
	sinktest.Run(t, sinktest.Fixture{New: func(t *testing.T) sinktest.Store {
		s := storeOn(t, at)
		s.out, s.cfg.Key = servers.RedisAppUser+":"+s.out, servers.RedisAppUser+":"+s.cfg.Key
		s.cfg.Addr, s.cfg.TLS = at.SecureAddr(), secure
		s.cfg.User, s.cfg.Password = servers.RedisAppUser, servers.RedisAppPassword
		return struct {
			sinktest.Store
			sinktest.Typed
		}{s, s} // its answers cannot be lost one by one: TLS hides which is which
	}})
}

// cut says where a wire breaks.
type cut int

const (
	cutNothing cut = iota
	cutRequest     // before the script of the next commit or move arrives; the client takes it for sent
	cutAnswer      // after the server did everything, before its answer
)

// wire is the network of a store's sinks: it inspects what is sent, and breaks once, at the chosen place.
type wire struct {
	mu struct {
		sync.Mutex
		next cut
		sent chan struct{} // closed when the next script was written
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

// awaitSend returns a channel that is closed when the next script was written.
func (w *wire) awaitSend() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.sent = make(chan struct{})
	return w.mu.sent
}

func (w *wire) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.sent != nil {
		close(w.mu.sent)
		w.mu.sent = nil
	}
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &wireConn{Conn: c, wire: w}, nil
}

// wireConn is one connection.
type wireConn struct {
	net.Conn
	wire *wire
}

var errCut = errors.New("the wire was cut")

func (c *wireConn) Write(p []byte) (int, error) {
	if !bytes.Contains(p, []byte(commitScript.Hash())) {
		return c.Conn.Write(p)
	}
	defer c.wire.tell()
	switch c.wire.take() {
	case cutRequest:
		_ = c.Conn.Close()
		return len(p), nil
	case cutAnswer:
		if _, err := c.Conn.Write(p); err != nil {
			return 0, err
		}
		answer := make([]byte, 1)
		_, err := c.Conn.Read(answer)
		return len(p), errors.Join(errCut, err, c.Conn.Close())
	case cutNothing:
	}
	return c.Conn.Write(p)
}
