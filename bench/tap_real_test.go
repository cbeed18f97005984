//go:build realservers

package bench

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// tap is a way to a server that counts requests by their kind.
type tap struct {
	addr string
	mu   sync.Mutex
	n    map[string]int // :: kind -> requests
}

// protocol reads the requests of one connection, which go on to the server as they are read, and calls count for each.
type protocol func(r *bufio.Reader, count func(kind string)) error

// newTap listens at an address, HOST:PORT, until the benchmark ends.
func newTap(b *testing.B, addr, upstream string, p protocol) *tap {
	b.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	t := &tap{addr: l.Addr().String(), n: map[string]int{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { t.serve(client, upstream, p) })
		}
	})
	b.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return t
}

func (t *tap) serve(client net.Conn, upstream string, p protocol) {
	defer client.Close()
	server, err := net.Dial("tcp", upstream)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	if err := p(bufio.NewReaderSize(io.TeeReader(client, server), 64<<10), t.count); err != nil {
		_, _ = io.Copy(server, client) // what is not understood is not counted
	}
}

func (t *tap) count(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n[kind]++
}

// now is what was counted until now.
func (t *tap) now() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.n)
}

// since is what was counted since, of the kinds for which is holds; nil: of all.
func (t *tap) since(before map[string]int, is func(kind string) bool) (n int) {
	for kind, now := range t.now() {
		if is == nil || is(kind) {
			n += now - before[kind]
		}
	}
	return n
}

// kafkaRequests is the protocol of brokers: a kind is the name of a request.
func kafkaRequests(r *bufio.Reader, count func(string)) error {
	for {
		head := make([]byte, 6)
		if _, err := io.ReadFull(r, head); err != nil {
			return err
		}
		count(kmsg.NameForKey(int16(binary.BigEndian.Uint16(head[4:]))))
		if _, err := r.Discard(int(binary.BigEndian.Uint32(head)) - 2); err != nil {
			return err
		}
	}
}

// postgresRequests is the protocol of Postgres: a request is what the server answers as one, a query or what a Sync ends.
func postgresRequests(r *bufio.Reader, count func(string)) error {
	read := func(n uint32) ([]byte, error) {
		body := make([]byte, n)
		_, err := io.ReadFull(r, body)
		return body, err
	}
	length, err := read(4)
	if err == nil {
		_, err = read(binary.BigEndian.Uint32(length) - 4)
	}
	if err != nil {
		return err
	}
	last := ""
	for {
		head, err := read(5)
		if err != nil {
			return err
		}
		body, err := read(binary.BigEndian.Uint32(head[1:]) - 4)
		if err != nil {
			return err
		}
		switch head[0] {
		case 'Q':
			count(statement(body))
		case 'P':
			last = statement(body)
		case 'S':
			count(last)
		}
	}
}

// mysqlRequests is the protocol of MySQL: packets that begin a command.
func mysqlRequests(r *bufio.Reader, count func(string)) error {
	for {
		head := make([]byte, 4)
		if _, err := io.ReadFull(r, head); err != nil {
			return err
		}
		body := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
		if _, err := io.ReadFull(r, body); err != nil {
			return err
		}
		switch {
		case head[3] > 0 || len(body) == 0: // the answer to the server's greeting, or more of a command
		case body[0] == 0x0e:
			count("sign: ping")
		default:
			count(statement(body[1:]))
		}
	}
}

// redisRequests is the protocol of Redis: a kind is a command.
func redisRequests(r *bufio.Reader, count func(string)) error {
	number := func() (int, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	for {
		words, err := number()
		if err != nil {
			return err
		}
		for i := range words {
			n, err := number()
			if err != nil {
				return err
			}
			word := make([]byte, n+2)
			if _, err := io.ReadFull(r, word); err != nil {
				return err
			}
			if kind := strings.ToUpper(string(word[:n])); i == 0 && (kind == "PUBSUB" || kind == "SUBSCRIBE") {
				count("sign: " + kind)
			} else if i == 0 {
				count(kind)
			}
		}
	}
}

// statement is the kind of a statement of SQL: what it is about.
func statement(text []byte) string {
	text = bytes.ToLower(text)
	for _, k := range []struct{ word, kind string }{{"advisory", "sign: lock"}, {"get_lock", "sign: lock"}, {"is_used_lock", "sign: look"}, {"pg_notify", "sign: tell"},
		{"fencepost_reports", "reports and entries"}, {"fencepost_", "positions"}} {
		if bytes.Contains(text, []byte(k.word)) {
			return k.kind
		}
	}
	if string(text) == "do 1" {
		return "sign: beat"
	}
	return fmt.Sprintf("other: %.40q", text)
}

// isSign reports whether a request is about signs of life alone.
func isSign(kind string) bool { return strings.HasPrefix(kind, "sign: ") }

// isGroup reports whether a request is one to the coordinator of a group.
func isGroup(kind string) bool {
	switch kind {
	case "JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup", "ConsumerGroupHeartbeat", "OffsetCommit", "OffsetFetch", "DescribeGroups", "ConsumerGroupDescribe", "FindCoordinator":
		return true
	}
	return false
}
