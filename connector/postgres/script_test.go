package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// script is what a server does with one connection that was accepted. It runs in a goroutine of its own; when it returns
// the connection is cut.
type script func(*backend)

// scripted is a server that follows scripts, one a connection, in the order in which connections are opened. There is
// no network: a write ends when the other side has read it, and a wait for what never comes is a deadlock that the
// bubble reports.
type scripted struct {
	t       *testing.T
	scripts []script
	release chan struct{} // closed at the end of a test: releases whatever is held
	// patience is a context that ends, for errHung, when a script hangs.
	patience context.Context
	hung     context.CancelCauseFunc
	mu       struct {
		sync.Mutex
		opened  int
		cancels int
		heard   []string // what clients sent, of all connections: the SQL of a Query, else the message's name
	}
}

// onScript runs a worker of one partition against the scripts, in a bubble of virtual time. The ledger's tables are
// known to its lane, so that a script begins with what the lane's first commit asks.
func onScript(t *testing.T, c Config, scripts []script, body func(*testing.T, *worker, *scripted)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{t: t, scripts: scripts, release: make(chan struct{})}
		s.patience, s.hung = context.WithCancelCause(t.Context())
		c.DSN = "postgres://app@127.0.0.1/shop?sslmode=disable"
		sink, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		sink.look.config.DialFunc = func(context.Context, string, string) (net.Conn, error) { return s.dial(), nil }
		sink.look.config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
		l, err := sink.Lane(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		l.(*lane).Tables = sqlstore.Tables{Groups: "x.groups", Ledger: "x.ledger", Moves: "x.moves"}
		w := &worker{t: t, sink: sink, lane: l, as: ledger.Actor{Group: "g", ClusterID: "c", Who: "w"},
			held: map[fencepost.TopicPartition]ledger.Position{at(0): {Offset: 5, LeaderEpoch: fencepost.NoEpoch, Fence: 7}}}
		defer func() { // also of a body that gave up
			close(s.release)
			_ = l.Close()
			_ = sink.Close()
			synctest.Wait()
		}()
		body(t, w, s)
		if s.mu.opened < len(scripts) {
			t.Errorf("%d connections were opened, want %d", s.mu.opened, len(scripts))
		}
	})
}

func (s *scripted) dial() net.Conn {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		s.serve(&backend{pgproto3.NewBackend(server, server), s})
	}()
	return client
}

// serve lets a client in and follows the next script. A connection beyond the last script is cut at once.
func (s *scripted) serve(b *backend) {
	first, err := b.ReceiveStartupMessage()
	if err != nil {
		return
	}
	if _, cancels := first.(*pgproto3.CancelRequest); cancels {
		s.mu.Lock()
		s.mu.cancels++
		s.mu.Unlock()
		return
	}
	s.mu.Lock()
	n := s.mu.opened
	s.mu.opened++
	s.mu.Unlock()
	if n >= len(s.scripts) {
		return
	}
	b.says(&pgproto3.AuthenticationOk{}, &pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}}, ready('I'))
	b.hears(greeting)
	b.says(answer(row("f", "off", "1")), ready('I'))
	b.place()
	s.mu.Lock()
	s.mu.heard = nil
	s.mu.Unlock()
	s.scripts[n](b)
}

// place answers which server this is.
func (b *backend) place() {
	b.hears(placeSQL)
	b.says(answer(row("7572312875143250001", "000000010000000000000003")), ready('I'))
}

// heard is what clients sent since the last connection was accepted.
func (s *scripted) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.heard
}

// backend is the server's end of one connection.
type backend struct {
	*pgproto3.Backend
	s *scripted
}

// fail ends the script.
func (b *backend) fail(format string, args ...any) {
	b.s.t.Errorf("the server "+format, args...)
	runtime.Goexit()
}

// hear waits for a message and records it.
func (b *backend) hear() (pgproto3.FrontendMessage, error) {
	m, err := b.Receive()
	if err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
	if q, ok := m.(*pgproto3.Query); ok {
		name = q.String
	}
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.s.mu.heard = append(b.s.mu.heard, name)
	return m, nil
}

// hears waits for a Query that contains the words.
func (b *backend) hears(words string) string {
	m, err := b.hear()
	q, ok := m.(*pgproto3.Query)
	if !ok || !strings.Contains(q.String, words) {
		b.fail("heard %#v, %v; want a Query with %q", m, err, words)
	}
	return q.String
}

// rows waits for the rows of a COPY and its end.
func (b *backend) rows() {
	for {
		m, err := b.hear()
		switch m.(type) {
		case *pgproto3.CopyData:
		case *pgproto3.CopyDone:
			return
		default:
			b.fail("heard %#v, %v; want the rows of a COPY", m, err)
		}
	}
}

var errHung = errors.New("the server hangs")

// hangs ends the patience, reads whatever arrives and answers nothing.
func (b *backend) hangs() {
	b.s.hung(errHung)
	b.listens()
}

// holds ends the patience and does nothing until the test is over: what the client writes is not even read.
func (b *backend) holds() {
	b.s.hung(errHung)
	<-b.s.release
}

// listens reads whatever arrives, and answers nothing, until the client is gone.
func (b *backend) listens() {
	for {
		m, err := b.hear()
		if _, bye := m.(*pgproto3.Terminate); bye || err != nil {
			return
		}
	}
}

// says sends messages. A client that is gone ends the script.
func (b *backend) says(messages ...pgproto3.BackendMessage) {
	for _, m := range messages {
		if list, ok := m.(several); ok {
			b.says(list...)
			continue
		}
		b.Send(m)
	}
	if err := b.Flush(); err != nil {
		runtime.Goexit()
	}
}

// several messages that belong together.
type several []pgproto3.BackendMessage

func (several) Decode([]byte) error           { panic("only sent") }
func (several) Encode([]byte) ([]byte, error) { panic("sent one by one") }
func (several) Backend()                      {}

// ready is the end of an answer: I outside of a transaction, T inside, E inside a failed one.
func ready(status byte) pgproto3.BackendMessage { return &pgproto3.ReadyForQuery{TxStatus: status} }

// tags are statements without rows that were done.
func tags(list ...string) (all several) {
	for _, tag := range list {
		all = append(all, &pgproto3.CommandComplete{CommandTag: []byte(tag)})
	}
	return all
}

func row(values ...string) (r []any) {
	for _, v := range values {
		r = append(r, v)
	}
	return r
}

// answer is the rows of a SELECT; nil is null.
func answer(rows ...[]any) several {
	var all several
	description := &pgproto3.RowDescription{}
	for i := range max(len(rows), 1) {
		var values [][]byte
		for n := 0; i < len(rows) && n < len(rows[i]); n++ {
			if i == 0 {
				description.Fields = append(description.Fields, pgproto3.FieldDescription{Name: []byte("c"), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1})
			}
			var v []byte
			if rows[i][n] != nil {
				v = []byte(fmt.Sprint(rows[i][n]))
			}
			values = append(values, v)
		}
		if i < len(rows) {
			all = append(all, &pgproto3.DataRow{Values: values})
		}
	}
	all = append(several{description}, all...)
	return append(all, tags(fmt.Sprintf("SELECT %d", len(rows)))...)
}

// refuses is an error of the server.
func refuses(code, message string) *pgproto3.ErrorResponse {
	return &pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code, Message: message}
}

var secretOfRefusal = regexp.MustCompile(`'fenced:([0-9a-f]{16}):'`)

// changedSecret is the secret with which a flush says that its table was changed.
func changedSecret(sql string) string {
	_, rest, _ := strings.Cut(sql, "'changed:")
	secret, _, _ := strings.Cut(rest, ":")
	return secret
}

// secretOf is the secret with which a flush says that it is refused.
func secretOf(sql string) string {
	if m := secretOfRefusal.FindStringSubmatch(sql); m != nil {
		return m[1]
	}
	return "no secret in the flush"
}
