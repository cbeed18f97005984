package zookeeper

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/go-zookeeper/zk"
)

// Every text has a name of its own that ZooKeeper takes, and the connector's own nodes have none of them.
func TestNames(t *testing.T) {
	seen := map[string]string{}
	for _, s := range []string{"", ".", "..", "...", "a/b", "a%2Fb", "a%b", "%", "%25", "%moves-1", "a b", "größe", "日本", "\x00", "a.b", "A.B", "tab\there",
		"a:b", "@~+", "\xff", "\ufffd", "../up", "/", "zookeeper", strings.Repeat("x", 249)} {
		name := escape(s)
		if back, err := unescape(name); back != s || err != nil {
			t.Errorf("%q is %q, which reads as %q, %v", s, name, back, err)
		}
		if was, ok := seen[name]; ok {
			t.Errorf("%q and %q are both %q", s, was, name)
		}
		seen[name] = s
		if err := validPath("/r/" + name); err != nil || strings.Contains(name, "/") {
			t.Errorf("%q is %q: %v", s, name, err)
		}
		if strings.HasPrefix(name, movesPrefix) {
			t.Errorf("%q is %q, as the connector's own", s, name)
		}
	}
	for _, name := range []string{"%2", "%zz", "a%"} {
		if s, err := unescape(name); err == nil {
			t.Errorf("%q reads as %q", name, s)
		}
	}
}

// What a partition's node says comes back as it was.
func TestHolds(t *testing.T) {
	topic := topicNode{ids: []fencepost.TopicID{{1}}}
	for _, h := range []hold{
		{Position: ledger.Position{Offset: 0, LeaderEpoch: -1, Fence: 1}},
		{Position: ledger.Position{Offset: math.MaxInt64, LeaderEpoch: math.MaxInt32, Fence: math.MaxInt64, TopicID: fencepost.TopicID{2}}},
		{Position: ledger.Position{Offset: 160, LeaderEpoch: 7, Fence: 1 << 60, TopicID: fencepost.TopicID{1}}, run: &run{100, 6, 3, "a|b%7C\n"}},
	} {
		back, err := parse(h.data(&topic), &topic)
		if err != nil || back.Position != h.Position || (back.run == nil) != (h.run == nil) || h.run != nil && *back.run != *h.run {
			t.Errorf("%s: got %+v %+v, %v", h.data(&topic), back.Position, back.run, err)
		}
	}
	for _, bad := range []string{"x", "-1", "1|2", "1|AAAAAAAAAAA|0|0", "1|q83vEjRWeJA|0|0", "1|AAAAAAAAAAE|0|9", "-1|AAAAAAAAAAE|0|0", "1|AAAAAAAAAAE|0|0|1", "1|AAAAAAAAAAE|x|-"} {
		if h, err := parse([]byte(bad), &topic); err == nil {
			t.Errorf("%q reads as %+v", bad, h)
		}
	}
	if h, err := parse([]byte(" 50\n"), &topic); err != nil || h.Offset != 50 || h.Fence != 0 || h.Absent() {
		t.Errorf("another program's 50 reads as %+v, %v", h, err)
	}
}

// Recorded moves come back as they were, packed or not.
func TestRecords(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123).UTC()
	p := ledger.Position{Offset: 5, LeaderEpoch: -1, Fence: 9, TopicID: fencepost.TopicID{1}}
	want := []ledger.Recorded{
		{Move: ledger.Move{TopicPartition: fencepost.TopicPartition{Topic: "t%", Partition: math.MaxInt32 - 1}, Cause: ledger.CauseStart, Next: p, Partitions: math.MaxInt32, Why: "a|b\n%"}, At: at, Who: "x|y"},
		{Move: ledger.Move{TopicPartition: fencepost.TopicPartition{Topic: "f"}, Cause: ledger.CauseRewind, Held: ledger.Position{Offset: 7, LeaderEpoch: -1}, Next: p, AtMost: -1}, At: at.Add(time.Hour)},
	}
	for _, n := range []int{1, 100} {
		var lines []byte
		for range n {
			own := want[0]
			own.At = time.Time{} // the node's
			lines = line(line(lines, own), want[1])
		}
		data, err := pack(lines)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseMoves(data, at)
		if err != nil || len(got) != 2*n {
			t.Fatalf("%d lines of %d: %v", len(got), 2*n, err)
		}
		for i, r := range got {
			if r != want[i%2] {
				t.Errorf("got  %+v\nwant %+v", r, want[i%2])
			}
		}
	}
}

// E8: a partition's number that does not fit into 32 bits is not taken for another one: the node is damaged.
func TestE8DamagedNumbersOfRecords(t *testing.T) {
	good := string(line(nil, ledger.Recorded{Move: ledger.Move{TopicPartition: fencepost.TopicPartition{Topic: "t", Partition: 77},
		Cause: ledger.CauseStart, Next: ledger.Position{Offset: 5, LeaderEpoch: -1, Fence: 9}, Partitions: 78}}))
	if _, err := parseMoves([]byte(good), time.Time{}); err != nil {
		t.Fatalf("a record as it is written: %v", err)
	}
	for _, field := range []string{"|77|", "|78|"} {
		data := strings.Replace(good, field, "|4294967297|", 1)
		if got, err := parseMoves([]byte(data), time.Time{}); err == nil || data == good {
			t.Errorf("%s: got %+v, want an error", strings.TrimSpace(data), got)
		}
	}
}

// A version goes round at 32 bits, and never stays at the one that compares with nothing.
func TestVersionNeverComparesWithNothing(t *testing.T) {
	for version, sets := range map[int32]int{0: 1, math.MaxInt32: 1, math.MinInt32: 1, -3: 1, -2: 2} {
		m := &multi{}
		m.set("/n", nil, version, nil)
		if len(m.ops) != sets || m.ops[0].(*zk.SetDataRequest).Version != version {
			t.Errorf("version %d: %d operations, want %d", version, len(m.ops), sets)
		}
	}
}

func TestConfigFaults(t *testing.T) {
	for want, c := range map[string]Config{
		"Servers is empty":         {},
		"Servers[0] is empty":      {Servers: []string{""}},
		"Password without User":    {Servers: []string{"z"}, Password: "p"},
		"has a colon":              {Servers: []string{"z"}, User: "a:b"},
		"does not begin with /":    {Servers: []string{"z"}, Root: "fencepost"},
		"is no path of a node":     {Servers: []string{"z"}, Root: "/a//b"},
		"belongs to the server":    {Servers: []string{"z"}, Root: "/zookeeper/x"},
		"none may be negative":     {Servers: []string{"z"}, Timeout: -1},
		"MaxPacket is -1: none ma": {Servers: []string{"z"}, MaxPacket: -1},
	} {
		if _, err := OpenLedger(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	c, err := Config{Servers: []string{"z", "127.0.0.1:1"}}.validate()
	if err != nil || c.Servers[0] != "z:2181" || c.Servers[1] != "127.0.0.1:1" || c.Root != "/fencepost" {
		t.Errorf("defaults: %+v, %v", c, err)
	}
}
