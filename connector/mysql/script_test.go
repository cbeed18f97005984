package mysql

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

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
	packet  int // max_allowed_packet
	// patience is a context that ends, for errHung, when a script hangs.
	patience context.Context
	hung     context.CancelCauseFunc
	mu       struct {
		sync.Mutex
		opened int
		heard  []string // what clients sent, since the last connection was accepted
	}
}

// onScript runs a worker of one partition against the scripts, in a bubble of virtual time.
func onScript(t *testing.T, c Config, scripts []script, body func(*testing.T, *worker, *scripted)) {
	t.Helper()
	onScriptOf(t, 1<<20, c, scripts, body)
}

// onScriptOf is onScript with a server of that max_allowed_packet. The ledger's tables are known to the worker's lane, so
// that a script begins with what the lane's first commit asks.
func onScriptOf(t *testing.T, packet int, c Config, scripts []script, body func(*testing.T, *worker, *scripted)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{t: t, scripts: scripts, packet: packet}
		s.patience, s.hung = context.WithCancelCause(t.Context())
		c.DSN = "mysql://app@127.0.0.1/shop"
		sink, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		sink.look.config.DialFunc = func(context.Context, string, string) (net.Conn, error) { return s.dial(), nil }
		l, err := sink.Lane(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		l.(*lane).Tables = sqlstore.Tables{Groups: "x.groups", Ledger: "x.ledger", Moves: "x.moves"}
		w := &worker{t: t, sink: sink, lane: l, as: ledger.Actor{Group: "g", ClusterID: "c", Who: "w"},
			held: map[fencepost.TopicPartition]ledger.Position{at(0): {Offset: 5, LeaderEpoch: fencepost.NoEpoch, Fence: 7}}}
		defer func() { // also of a body that gave up
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
		s.serve(&backend{s: s, in: bufio.NewReader(server), out: server})
	}()
	return client
}

// serve lets a client in and follows the next script. A connection beyond the last script is cut at once.
func (s *scripted) serve(b *backend) {
	s.mu.Lock()
	n := s.mu.opened
	s.mu.opened++
	s.mu.Unlock()
	if n >= len(s.scripts) {
		return
	}
	b.greets()
	b.hears(serverSQL)
	b.says(done, done, answer(row("10.11.19-MariaDB", strconv.Itoa(s.packet), "28800", "utf8mb4_general_ci", "0", "7")))
	s.mu.Lock()
	s.mu.heard = nil
	s.mu.Unlock()
	s.scripts[n](b)
}

// heard is what clients sent since the last connection was accepted.
func (s *scripted) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.heard
}

// backend is the server's end of one connection.
type backend struct {
	s        *scripted
	in       *bufio.Reader
	out      io.Writer
	sequence byte
}

// fail ends the script.
func (b *backend) fail(format string, args ...any) {
	b.s.t.Errorf("the server "+format, args...)
	runtime.Goexit()
}

// read is the next packet.
func (b *backend) read() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(b.in, head[:]); err != nil {
		return nil, err
	}
	b.sequence = head[3] + 1
	body := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
	_, err := io.ReadFull(b.in, body)
	return body, err
}

// write sends a packet. A client that is gone ends the script.
func (b *backend) write(body []byte) {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(body)))
	head[3] = b.sequence
	b.sequence++
	if _, err := b.out.Write(append(head, body...)); err != nil {
		runtime.Goexit()
	}
}

// capabilities are those of protocol 4.1 with several statements a packet, and with the old ends of results.
const capabilities = 1 | 2 | 4 | 8 | 1<<9 | 1<<13 | 1<<15 | 1<<16 | 1<<17 | 1<<19

// greets accepts any client.
func (b *backend) greets() {
	hello := append([]byte{10}, "5.5.5-10.11.19-MariaDB\x00\x01\x00\x00\x0012345678\x00"...)
	hello = binary.LittleEndian.AppendUint16(hello, capabilities&0xffff)
	hello = append(hello, 45, 2, 0)
	hello = binary.LittleEndian.AppendUint16(hello, capabilities>>16)
	hello = append(append(hello, 21), make([]byte, 10)...)
	b.write(append(hello, "123456789012\x00mysql_native_password\x00"...))
	if _, err := b.read(); err != nil {
		runtime.Goexit()
	}
	b.write(done(false)[0])
}

// hear waits for a statement and records it. Its error means that the client has gone.
func (b *backend) hear() (string, error) {
	const quit, query = 1, 3
	body, err := b.read()
	switch {
	case err != nil:
		return "", err
	case body[0] == quit:
		return "", io.EOF
	case body[0] != query:
		b.fail("heard command %d", body[0])
	}
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.s.mu.heard = append(b.s.mu.heard, string(body[1:]))
	return string(body[1:]), nil
}

// hears waits for statements that contain the words.
func (b *backend) hears(words string) string {
	text, err := b.hear()
	if err != nil || !strings.Contains(text, words) {
		b.fail("heard %q, %v; want %q", text, err, words)
	}
	return text
}

var errHung = errors.New("the server hangs")

// hangs ends the patience, reads whatever arrives and answers nothing.
func (b *backend) hangs() {
	b.s.hung(errHung)
	b.listens()
}

// listens reads whatever arrives, and answers nothing, until the client is gone.
func (b *backend) listens() {
	for {
		if _, err := b.hear(); err != nil {
			return
		}
	}
}

// said is the packets that answer one statement; more says that another one's follow.
type said func(more bool) [][]byte

// says answers the statements of a packet.
func (b *backend) says(answers ...said) {
	b.begins(answers[:len(answers)-1]...)
	for _, packet := range answers[len(answers)-1](false) {
		b.write(packet)
	}
}

// begins answers statements of a packet behind which others come.
func (b *backend) begins(answers ...said) {
	for _, a := range answers {
		for _, packet := range a(true) {
			b.write(packet)
		}
	}
}

// ends are the two bytes of a server's status: nothing follows, or another result.
func ends(more bool) []byte {
	if more {
		return []byte{2 | 8, 0}
	}
	return []byte{2, 0}
}

// done is the answer to a statement without rows.
func done(more bool) [][]byte {
	return [][]byte{append(append([]byte{0, 0, 0}, ends(more)...), 0, 0)}
}

func row(values ...any) []any { return values }

// answer is the rows of a SELECT, all as wide as the first; nil is null.
func answer(rows ...[]any) said {
	return func(more bool) [][]byte {
		width := 1
		if len(rows) > 0 {
			width = len(rows[0])
		}
		eof := append([]byte{0xfe, 0, 0}, ends(more)...)
		packets := [][]byte{{byte(width)}}
		for range width {
			text := lengthed("def", "", "", "", "c", "")
			packets = append(packets, append(text, 12, 45, 0, 255, 0, 0, 0, 253, 0, 0, 0, 0, 0)) // a VARCHAR
		}
		packets = append(packets, eof)
		for _, r := range rows {
			var p []byte
			for _, v := range r {
				if v == nil {
					p = append(p, 0xfb)
					continue
				}
				p = append(p, lengthed(fmt.Sprint(v))...)
			}
			packets = append(packets, p)
		}
		return append(packets, eof)
	}
}

// lengthed is texts of less than 251 bytes, each behind its length.
func lengthed(texts ...string) (p []byte) {
	for _, text := range texts {
		p = append(append(p, byte(len(text))), text...)
	}
	return p
}

// refuses is an error of the server. The statements behind the one that failed do not run.
func refuses(number uint16, state, message string) said {
	return func(bool) [][]byte {
		p := binary.LittleEndian.AppendUint16([]byte{0xff}, number)
		return [][]byte{append(append(append(p, '#'), state...), message...)}
	}
}

var secretOfRefusal = regexp.MustCompile(`'~fenced:([0-9a-f]{16})`)

// secretOf is the secret with which a flush reports that it is refused, and that it came to its end.
func secretOf(flush string) string {
	if m := secretOfRefusal.FindStringSubmatch(flush); m != nil {
		return m[1]
	}
	return "no secret in the flush"
}
