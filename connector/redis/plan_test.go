package redis

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// some is a batch of one partition with these keys and numbers.
func some(keys []string, ns []int64) *fencepost.Batch {
	key, n := fencepost.Column{Name: "key", Type: fencepost.Text}, fencepost.Column{Name: "n", Type: fencepost.Int}
	b := &fencepost.Batch{}
	for i := range keys {
		key.AppendText(keys[i])
		n.AppendInt(ns[i])
		b.Offsets, b.Times = append(b.Offsets, fencepost.Offset(i)), append(b.Times, 0)
	}
	b.Columns = []fencepost.Column{key, n}
	b.Segments = []fencepost.Segment{{Hi: len(keys), TopicPartition: fencepost.TopicPartition{Topic: "t"}}}
	return b
}

// The plan of summed increments is what adding them one by one gives, and so are its arguments.
func TestPlanSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c", ""})).Draw(t, "keys")
		ns := make([]int64, len(keys))
		want := map[string]int64{}
		for i, k := range keys {
			ns[i] = rapid.Int64Range(-1<<40, 1<<40).Draw(t, "n")
			want[k] += ns[i]
		}
		cfg, err := Config{Addr: "h", Effects: []Effect{{Op: HIncrBy, Key: Text("out:{group}"), Name: Column("key"), Value: Column("n")}}}.validate()
		if err != nil {
			t.Fatal(err)
		}
		p, err := planned(cfg, "g", some(keys, ns))
		if err != nil {
			t.Fatal(err)
		}
		var l list
		l.reset()
		p.append(&l, 4)
		args := items(t, l.bytes())
		if len(keys) == 0 {
			if len(args) != 0 {
				t.Fatalf("a batch without rows makes %v", args)
			}
			return
		}
		if p.keys[0] != "out:{g}" || args[0] != "HINCRBY" || args[1] != "4" || args[2] != strconv.Itoa(len(args)-3) {
			t.Fatalf("keys %v, arguments %v", p.keys, args)
		}
		got, list := map[string]int64{}, args[3:]
		for i := range len(list) / 2 {
			n, err := strconv.ParseInt(list[len(list)/2+i], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			got[list[i]] = n
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A record's timestamp goes out in microseconds as it is, or its row is refused.
func TestV14TimestampsAreWholeOrRefused(t *testing.T) {
	for ms, want := range map[int64]string{253_402_300_800_000: "253402300800000000", 1_709_208_000_000_000: "1709208000000000000",
		1_709_208_000_000_000_000: "", math.MaxInt64: "", math.MinInt64: ""} {
		b := some([]string{"a"}, []int64{1})
		b.Times[0] = ms
		value, err := columnAppender(b, fencepost.MetaTimestamp)
		if err != nil {
			t.Fatal(err)
		}
		got, err := value(nil, 0, fencepost.TopicPartition{})
		if string(got) != want || (err != nil) != (want == "") {
			t.Errorf("%d ms: got %q, %v; want %q", ms, got, err, want)
		}
	}
}

// E15 (h): a batch's own sum is exact, or its row is refused: a sum of 64 bits that wraps would be a count that is wrong.
func TestE15SumsPast64Bits(t *testing.T) {
	edges := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64}))
	for name, e := range map[string]Effect{
		"columns": {Op: HIncrBy, Key: Text("out:{group}"), Name: Column("key"), Value: Column("n")},
		"text":    {Op: HIncrBy, Key: Text("out:{group}"), Name: Text("a"), Value: Column("n")},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := Config{Addr: "h", Effects: []Effect{e}}.validate()
			if err != nil {
				t.Fatal(err)
			}
			rapid.Check(t, func(t *rapid.T) {
				ns := rapid.SliceOfN(edges, 1, 5).Draw(t, "n")
				sum, past := big.NewInt(0), -1 // the first row at which the sum does not fit
				for i, n := range ns {
					if sum.Add(sum, big.NewInt(n)); past < 0 && !sum.IsInt64() {
						past = i
					}
				}
				p, err := planned(cfg, "g", some(slices.Repeat([]string{"a"}, len(ns)), ns))
				if past >= 0 {
					if r, ok := errors.AsType[*sink.Rejected](err); !ok || r.Code != "bad-value" || !strings.Contains(r.Reason, fmt.Sprintf("t:0@%d", past)) {
						t.Fatalf("sum of %v: got %v, want row %d refused", ns, err, past)
					}
					return
				}
				if err != nil {
					t.Fatalf("sum of %v: %v", ns, err)
				}
				var l list
				l.reset()
				p.append(&l, 4)
				if args := items(t, l.bytes()); args[len(args)-1] != sum.String() {
					t.Fatalf("sum of %v: got %s, want %s", ns, args[len(args)-1], sum)
				}
			})
		})
	}
}

// items are those of a list, read by MessagePack's rules.
func items(t *rapid.T, b []byte) (items []string) {
	if b[0] != 0xdd {
		t.Fatalf("a list begins with %x", b[0])
	}
	n := binary.BigEndian.Uint32(b[1:])
	for b = b[5:]; len(b) > 0; {
		size, head := 0, 3
		switch b[0] {
		case 0xda:
			size = int(binary.BigEndian.Uint16(b[1:]))
		case 0xdb:
			size, head = int(binary.BigEndian.Uint32(b[1:])), 5
		default:
			t.Fatalf("an item begins with %x", b[0])
		}
		items = append(items, string(b[head:head+size]))
		b = b[head+size:]
	}
	if int(n) != len(items) {
		t.Fatalf("a list of %d items says %d", len(items), n)
	}
	return items
}

// A list gives back what was put in, long texts and numbers of 64 bits included.
func TestList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l list
		l.reset()
		var want []string
		for _, n := range rapid.SliceOf(rapid.IntRange(0, 70_000)).Draw(t, "sizes") {
			want = append(want, strings.Repeat("x", n))
			l.text(want[len(want)-1])
		}
		n := rapid.Int64().Draw(t, "number")
		l.number(n)
		l.field(fencepost.TopicPartition{Topic: "a-b", Partition: 7})
		want = append(want, strconv.FormatInt(n, 10), "a-b|7")
		if diff := cmp.Diff(want, items(t, l.bytes())); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A position's value comes back as it went in, begins as pattern A's, and does not confuse texts with fields.
func TestPositionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := ledger.Position{Offset: fencepost.Offset(rapid.Int64Min(0).Draw(t, "offset")), LeaderEpoch: fencepost.LeaderEpoch(rapid.Int32Min(-1).Draw(t, "epoch")),
			Fence: ledger.NewFence(rapid.Uint64().Draw(t, "fence"))}
		copy(p.TopicID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		tp := fencepost.TopicPartition{Topic: "t.-_", Partition: rapid.Int32Min(0).Draw(t, "partition")}
		from := strconv.FormatInt(rapid.Int64Min(0).Draw(t, "from"), 10)
		who := rapid.String().Draw(t, "who")
		plain, err := parse(tp, from+"|"+tail(p))
		if err != nil || plain.Position != p || plain.run != nil {
			t.Fatalf("%+v came back as %+v, %v", p, plain, err)
		}
		run, err := parse(tp, from+"|"+tail(p)+"|"+from+"|-1|3|1700000000000001|"+escaped(who))
		if err != nil || run.Position != p || run.run == nil || run.run.Who != who || run.run.Commits != 3 || run.run.Next != p {
			t.Fatalf("%+v with a run by %q came back as %+v, %v", p, who, run, err)
		}
		back, err := parseField(field(tp))
		if err != nil || back != tp {
			t.Fatalf("%s came back as %s, %v", tp, back, err)
		}
		m := ledger.Move{TopicPartition: tp, Held: p, Next: p, Cause: ledger.CauseRewind, AtMost: -1, Why: who, Partitions: 7}
		r, err := parseMove("1700000000000001|" + record(m, who))
		if err != nil || r.Move != m || r.Who != who {
			t.Fatalf("move %+v came back as %+v, %v", m, r, err)
		}
	})
}

// No two groups share a key, and all keys of a group share a hash tag.
func TestKeysOfGroups(t *testing.T) {
	seen := map[string]fencepost.Group{identityKey(defaultKey): "the identity"}
	for _, g := range []fencepost.Group{"a", "{a}", "%7Ba%7D", "a}", "}", "{", "%", "a}:head", "a:head", "ledger", "group", "{group}"} {
		k := keysOf(defaultKey, g)
		for _, key := range []string{k.positions, k.head, k.moves} {
			if other, ok := seen[key]; ok {
				t.Errorf("key %s belongs to groups %q and %q", key, g, other)
			}
			seen[key] = g
			if hashTag(key) != hashTag(k.positions) {
				t.Errorf("group %q: %s and %s are in two slots", g, key, k.positions)
			}
		}
	}
	for _, fixed := range []string{"spark:orders", "a{b}c", "{b}"} {
		k := keysOf(fixed, "g")
		if k.positions != fixed || hashTag(k.head) != hashTag(fixed) || hashTag(k.moves) != hashTag(fixed) {
			t.Errorf("fixed key %s: %+v", fixed, k)
		}
	}
}

// hashTag is Redis's rule, written as its manual does.
func hashTag(key string) string {
	for s := range len(key) {
		if key[s] != '{' {
			continue
		}
		for e := s + 1; e < len(key); e++ {
			if key[e] == '}' {
				if e == s+1 {
					return key
				}
				return key[s+1 : e]
			}
		}
		return key
	}
	return key
}

// What cannot work is reported when the sink is opened, by field.
func TestConfigFaults(t *testing.T) {
	good := Effect{Op: SAdd, Key: Text("k"), Value: Text("v")}
	for name, c := range map[string]Config{
		"no address":        {Effects: []Effect{good}},
		"no effects":        {Addr: "h"},
		"negative database": {Addr: "h", DB: -1, Effects: []Effect{good}},
		"no operation":      {Addr: "h", Effects: []Effect{{Key: Text("k")}}},
		"no key":            {Addr: "h", Effects: []Effect{{Op: SAdd, Value: Text("v")}}},
		"a name too many":   {Addr: "h", Effects: []Effect{{Op: SAdd, Key: Text("k"), Name: Text("n"), Value: Text("v")}}},
		"no name":           {Addr: "h", Effects: []Effect{{Op: HIncrBy, Key: Text("k"), Value: Text("1")}}},
		"no pairs":          {Addr: "h", Effects: []Effect{{Op: XAdd, Key: Text("k")}}},
		"braces, no tag":    {Addr: "h", Key: "{}x", Effects: []Effect{good}},
		"group twice":       {Addr: "h", Key: "{group}{group}", Effects: []Effect{good}},
	} {
		if _, err := Open(c); err == nil {
			t.Errorf("%s: opened", name)
		} else if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Exit != 2 {
			t.Errorf("%s: got %v, want a Fault with exit 2", name, err)
		}
	}
	s, err := Open(Config{Addr: "h", MaxCommands: 100, Effects: []Effect{good, good, good}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := s.Capabilities().Records; got != 33 {
		t.Errorf("three effects in 100 commands: %d records, want 33", got)
	}
	if s.cfg.Addr != "h:6379" {
		t.Errorf("address without a port: %s", s.cfg.Addr)
	}
}

// A script that failed behind its first write ends the engine: it is no Passing error, and no plain error, which would
// be tried again.
func TestTornIsNeverTriedAgain(t *testing.T) {
	err := Config{Addr: "h:1"}.answer([]any{"torn", "ERR x"}, keys{})
	f, ok := errors.AsType[*fencepost.UserError](err)
	if !ok || f.Passing || f.Exit != 4 {
		t.Errorf("got %v", fmt.Sprintf("%#v", err))
	}
}
