//go:build realservers

package scenarios

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"testing"

	"github.com/fencepost/fencepost/internal/servers"
)

// A request in ZooKeeper's format begins with its number and its operation.
func zooID(request []byte) uint32 { return binary.BigEndian.Uint32(request) }

func zooOp(request []byte) uint32 {
	if len(request) < 8 {
		return 0
	}
	return binary.BigEndian.Uint32(request[4:])
}

const (
	zooRead, zooMulti = 4, 14
	zooCreate         = 1
)

// zooMove is the multi that moves positions: it sets the clock of the group. Another one makes nodes.
func zooMove(request []byte) bool {
	return zooOp(request) == zooMulti && bytes.Contains(request, []byte("%moves-")) && binary.BigEndian.Uint32(request[8:]) != zooCreate
}

// zooPrepare is a multi that makes nodes.
func zooPrepare(request []byte) bool { return zooOp(request) == zooMulti && !zooMove(request) }

// zooReadBack is the first question after the move.
func zooReadBack() func([]byte) bool {
	moved := false
	return func(request []byte) bool {
		if zooMove(request) {
			moved = true
			return false
		}
		return moved && zooOp(request) == zooRead
	}
}

// nth is the nth request that hits.
func nth(n int, hit func([]byte) bool) func([]byte) bool {
	return func(request []byte) bool {
		if hit(request) {
			n--
		}
		return n == 0
	}
}

// badGroup is an old program's offsets, below the log, in it and above it, and a ledger of the same partitions that is as
// bad: 10 of [60 .. 100), 40 of [0 .. 100), 300 of [0 .. 100).
type badGroup struct {
	*scene
	do        func(int, ...string) string
	topic     string
	from      string // the old nodes' path: /consumers/G
	root      string // of the ledger that repair is about
	fresh     string // of the one that copy makes
	zoo       servers.ZooKeeperServer
	z         *znodes
	moves     int // that the ledger holds before
	brokersAt string
}

func newBadGroup(t *testing.T, s *scene, do func(int, ...string) string) *badGroup {
	t.Helper()
	b := &badGroup{scene: s, do: do, topic: s.topic(3), root: "/" + servers.Name(t), fresh: "/" + servers.Name(t), zoo: servers.ZooKeeper(t), brokersAt: s.broker.Plaintext}
	b.z = newZnodes(t, b.zoo.Addr())
	for p := range int32(3) {
		s.fill(at(b.topic, p), 100)
	}
	good, bad := servers.Name(t), servers.Name(t)
	for p, o := range []int64{10, 40, 90} {
		b.z.offset(good, at(b.topic, int32(p)), o)
	}
	for p, o := range []int64{10, 40, 300} {
		b.z.offset(bad, at(b.topic, int32(p)), o)
	}
	b.from = "/consumers/" + bad
	// What the ledger held was good once; its partition 2 was of a longer log: it is refused when it is moved past the end.
	do(0, "offsets", "copy", b.url(b.zoo.Addr(), "/consumers/"+good, "layout=consumers"), b.ledger(b.zoo.Addr(), b.root), "--meaning", "next",
		"--brokers", s.broker.Plaintext, "--execute")
	s.deleteBefore(at(b.topic, 0), 60)
	b.moves = 3
	return b
}

func (b *badGroup) url(address, path, query string) string {
	return fmt.Sprintf("zk://%s%s?%s", address, path, query)
}

func (b *badGroup) ledger(address, root string) string {
	return b.url(address, root, "group="+string(b.group))
}

// args are a verb's, by way of an address of ZooKeeper.
func (b *badGroup) args(verb, address string) []string {
	brokers := []string{"--brokers", b.brokersAt, "--timeout", "1s"}
	switch verb {
	case "show":
		return append([]string{"offsets", "show", b.ledger(address, b.root)}, brokers...)
	case "copy":
		return append([]string{"offsets", "copy", b.url(address, b.from, "layout=consumers"), b.ledger(address, b.fresh), "--meaning", "next",
			"--policy", "earliest", "--why", "INC-3", "--execute"}, brokers...)
	}
	return append([]string{"offsets", "repair", b.ledger(address, b.root), "--policy", "earliest", "--why", "INC-3", "--execute"}, brokers...)
}

// wantMoved checks what a verb did to its ledger, directly: all of it, once, or nothing.
func (b *badGroup) wantMoved(verb string, moved bool) {
	b.t.Helper()
	direct := b.zoo.Addr()
	if verb == "copy" {
		if !moved {
			wantLines(b.t, b.do(1, "offsets", "show", b.ledger(direct, b.fresh), "--brokers", b.broker.Plaintext), "error[ledger-missing]")
			return
		}
		wantList(b.t, "moves of the copy", recordedMoves(b.t, b.do(0, "moves", b.ledger(direct, b.fresh), "-o", "json")),
			[]string{"import " + b.topic + ":0 ->60 50", "import " + b.topic + ":1 ->40 0", "import " + b.topic + ":2 ->0 0"})
		return
	}
	var want []string
	if moved {
		want = []string{"gap " + b.topic + ":0 10>60 50"}
	}
	wantList(b.t, "moves of the repair", recordedMoves(b.t, b.do(0, "moves", b.ledger(direct, b.root), "-o", "json"))[b.moves:], want)
}

// A connection to ZooKeeper that ends or falls silent before, while or after positions are moved: all of them are moved
// once, or none; an unknown outcome is reported, and the same command resolves it when the server answers again.
func TestFaultsOfZooKeeper(t *testing.T) {
	built := program(t)
	for _, c := range []struct {
		name, verb, how string
		away            bool
		hit             func() func([]byte) bool
		exit            int
		moved           bool
		want            []string
	}{
		{"read, back", "show", "after", false, func() func([]byte) bool { return nth(3, func(r []byte) bool { return zooOp(r) == zooRead }) }, 3, false, []string{"aged out"}},
		{"read, away", "show", "before", true, func() func([]byte) bool { return nth(3, func(r []byte) bool { return zooOp(r) == zooRead }) }, 1, false, []string{"error[zookeeper-silent]"}},
		{"read, silent", "show", "silent", false, func() func([]byte) bool { return nth(3, func(r []byte) bool { return zooOp(r) == zooRead }) }, 1, false, []string{"error[zookeeper-silent]"}},
		{"read, away", "repair", "before", true, func() func([]byte) bool { return nth(3, func(r []byte) bool { return zooOp(r) == zooRead }) }, 1, false, []string{"error[zookeeper-silent]"}},
		{"prepare, away", "copy", "before", true, func() func([]byte) bool { return zooPrepare }, 1, false, []string{"error[zookeeper-silent]", "; nothing was changed"}},
		{"prepare, lost", "copy", "after", true, func() func([]byte) bool { return nth(2, zooPrepare) }, 1, false, []string{"error[zookeeper-silent]", "; nothing was changed"}},
		{"move, not sent, back", "copy", "before", false, func() func([]byte) bool { return zooMove }, 0, true, []string{"verified 3 of 3"}},
		{"move, not sent, back", "repair", "before", false, func() func([]byte) bool { return zooMove }, 0, true, []string{"verified 1 of 1"}},
		{"move, lost, back", "copy", "after", false, func() func([]byte) bool { return zooMove }, 0, true, []string{"verified 3 of 3"}},
		{"move, lost, back", "repair", "after", false, func() func([]byte) bool { return zooMove }, 0, true, []string{"verified 1 of 1"}},
		{"move, not sent, away", "copy", "before", true, func() func([]byte) bool { return zooMove }, 1, false, []string{"error[outcome-unknown]", "all of them were, or none"}},
		{"move, not sent, away", "repair", "before", true, func() func([]byte) bool { return zooMove }, 1, false, []string{"error[outcome-unknown]"}},
		{"move, lost, away", "copy", "after", true, func() func([]byte) bool { return zooMove }, 1, true, []string{"error[outcome-unknown]"}},
		{"move, lost, away", "repair", "after", true, func() func([]byte) bool { return zooMove }, 1, true, []string{"error[outcome-unknown]"}},
		{"move, silent", "copy", "silent", false, func() func([]byte) bool { return zooMove }, 1, true, []string{"error[outcome-unknown]"}},
		{"move, silent", "repair", "silent", false, func() func([]byte) bool { return zooMove }, 1, true, []string{"error[outcome-unknown]"}},
		{"read back, away", "repair", "before", true, zooReadBack, 1, true, []string{"error[not-verified]", "the positions were moved"}},
		{"read back, away", "copy", "before", true, zooReadBack, 1, true, []string{"error[not-verified]", "the positions were moved"}},
	} {
		t.Run(c.verb+" "+c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, servers.Kafka(t), nil)
			b := newBadGroup(t, s, commandOf(t, built))
			do := b.do
			m := newMiddle(t, net.JoinHostPort(servers.Address(t), b.zoo.Port), b.zoo.Addr(), zooID)
			fault := m.aim(c.how, c.away, c.hit())
			out := do(c.exit, b.args(c.verb, m.addr)...)
			m.wantMet(fault)
			wantLines(t, out, c.want...)
			if c.verb == "show" {
				return
			}
			b.wantMoved(c.verb, c.moved)
			if c.exit == 0 {
				return
			}
			again := 0 // the same command, when the server answers again
			if c.verb == "copy" && c.moved {
				again = 4
			}
			do(again, b.args(c.verb, b.zoo.Addr())...)
			b.wantMoved(c.verb, true)
		})
	}
}

// A request in Kafka's format begins with its API, version and number.
func kafkaID(request []byte) uint32 { return binary.BigEndian.Uint32(request[4:]) }

func kafkaAsks(request []byte) bool { return len(request) > 2 && binary.BigEndian.Uint16(request) == 2 } // ListOffsets

// A connection to Kafka that ends or falls silent while positions are looked at: no answer is no verdict, and nothing is
// moved without one. Where it comes back, all goes on as if nothing had happened.
func TestFaultsOfKafkaWhileLooking(t *testing.T) {
	t.Parallel()
	built := program(t)
	broker := servers.OwnKafka(t)
	m := newMiddle(t, broker.ProxyAt, broker.Proxied, kafkaID)
	look := map[string]struct {
		exit, back int
		bad, good  string
	}{"show": {3, 3, "unknown", "aged out"}, "copy": {4, 0, "error[copy-refused]", "verified 3 of 3"}, "repair": {3, 0, "unknown, waiting", "verified 1 of 1"}}
	for _, c := range []struct {
		at    int // the first look asks three things; then it asks again about what it finds bad
		how   string
		away  bool
		verbs []string
	}{
		{1, "before", false, []string{"show", "copy", "repair"}},
		{1, "after", false, []string{"show", "copy", "repair"}},
		{4, "before", false, []string{"show", "copy", "repair"}},
		{4, "after", false, []string{"show", "copy", "repair"}},
		{1, "before", true, []string{"copy"}},
		{1, "after", true, []string{"show"}},
		{4, "before", true, []string{"repair"}},
		{4, "after", true, []string{"copy"}},
		{1, "silent", false, []string{"show"}},
		{4, "silent", false, []string{"repair"}},
	} {
		t.Run(fmt.Sprintf("%s, request %d, away %t", c.how, c.at, c.away), func(t *testing.T) {
			b := newBadGroup(t, newScene(t, broker.Broker, nil), commandOf(t, built))
			b.brokersAt = m.addr
			moved := !c.away && c.how != "silent"
			for _, verb := range c.verbs {
				want := look[verb]
				exit, text := want.exit, want.bad
				if moved {
					exit, text = want.back, want.good
				}
				fault := m.aim(c.how, c.away, nth(c.at, kafkaAsks))
				wantLines(t, b.do(exit, b.args(verb, b.zoo.Addr())...), text)
				m.wantMet(fault)
				if verb != "show" {
					b.wantMoved(verb, moved)
				}
			}
		})
	}
	b := newBadGroup(t, newScene(t, broker.Broker, nil), commandOf(t, built))
	b.brokersAt = m.addr
	m.leave()
	for _, verb := range []string{"show", "copy", "repair"} {
		wantLines(t, b.do(1, b.args(verb, b.zoo.Addr())...), "error[broker-silent]")
	}
	b.wantMoved("copy", false)
	b.wantMoved("repair", false)
}
