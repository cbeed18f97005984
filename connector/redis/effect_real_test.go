//go:build realservers

package redis

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"
)

// Every operation, with a sum where it commutes and the last row where it does not.
func TestOperations(t *testing.T) {
	s := newStore(t)
	key := func(name string) Value { return Text(s.out + ":" + name) }
	w := s.worker(t, s.sum(),
		Effect{Op: HSet, Key: key("last"), Name: Column("key"), Value: Column("n")},
		Effect{Op: Set, Key: Join(key("at:"), Column("key")), Value: Column("_offset")},
		Effect{Op: SAdd, Key: key("seen"), Value: Column("key")},
		Effect{Op: ZAdd, Key: key("newest"), Name: Column("key"), Value: Column("_offset")},
		Effect{Op: ZIncrBy, Key: key("top"), Name: Column("key"), Value: Column("n")},
		Effect{Op: XAdd, Key: key("late"), Pairs: []Field{{"who", Column("key")}, {"by", Column("n")}},
			Where: func(b *fencepost.Batch, row int) bool { return b.Column("n").Int(row) > 10 }}).start(1)
	w.must(w.counts("ATL", 5, "ORD", 11, "ATL", 20))
	w.must(w.counts("ORD", -1, "SEA", 12))
	c, ctx := s.beside(t), t.Context()
	for what, diff := range map[string]string{
		"HINCRBY": cmp.Diff(map[string]string{"ATL": "25", "ORD": "10", "SEA": "12"}, s.sums(t)),
		"HSET":    cmp.Diff(map[string]string{"ATL": "20", "ORD": "-1", "SEA": "12"}, c.HGetAll(ctx, s.out+":last").Val()),
		"SET":     cmp.Diff([]any{"2", "3", "4"}, c.MGet(ctx, s.out+":at:ATL", s.out+":at:ORD", s.out+":at:SEA").Val()),
		"SADD":    cmp.Diff(int64(3), c.SCard(ctx, s.out+":seen").Val()),
		"ZADD":    cmp.Diff([]string{"ATL", "ORD", "SEA"}, c.ZRange(ctx, s.out+":newest", 0, -1).Val()),
		"ZINCRBY": cmp.Diff([]goredis.Z{{Score: 10, Member: "ORD"}, {Score: 12, Member: "SEA"}, {Score: 25, Member: "ATL"}}, c.ZRangeWithScores(ctx, s.out+":top", 0, -1).Val()),
	} {
		if diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	var late []string
	for _, m := range c.XRange(ctx, s.out+":late", "-", "+").Val() {
		late = append(late, fmt.Sprint(m.Values["who"], m.Values["by"]))
	}
	if diff := cmp.Diff([]string{"ORD11", "ATL20", "SEA12"}, late); diff != "" {
		t.Errorf("XADD (-want +got):\n%s", diff)
	}
}

// Counters are exact over all 64 bits, below and above what a Lua number counts; a sum that does not fit is refused
// before anything is added.
func TestCountersAreExact(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, s.sum()).start(1)
	want := map[string]string{}
	for i, n := range []int64{1<<53 + 1, -(1<<53 + 1), 1<<53 - 1, 999_999_999_999_999, 1_000_000_000_000_000, math.MaxInt64 - 1, math.MinInt64 + 1, 0} {
		name := "f" + strconv.Itoa(i)
		w.must(w.counts(name, n))
		w.must(w.counts(name, 1, name, -2))
		want[name] = strconv.FormatInt(n-1, 10)
	}
	if diff := cmp.Diff(want, s.sums(t)); diff != "" {
		t.Errorf("sums differ (-want +got):\n%s", diff)
	}
	c := s.beside(t)
	sums := s.out + ":{g}:sum"
	s.must(t, c.HSet(t.Context(), sums, "full", strconv.Itoa(math.MaxInt64)))
	want["full"] = strconv.Itoa(math.MaxInt64)
	before := w.read()
	wantRejected(t, "a sum past 64 bits", w.commit(t.Context(), w.counts("fresh", int64(1<<60), "f0", int64(1<<60), "f3", 1, "full", 1)), "overflow")
	if diff := cmp.Diff(want, s.sums(t)); diff != "" {
		t.Errorf("the refused batch left (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, w.read()); diff != "" {
		t.Errorf("the refused batch moved the ledger:\n%s", diff)
	}
}

// Sums around the ends of 64 bits are what they are, or refused as one that does not fit.
func TestSumsAtTheEnds(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, s.sum()).start(1)
	c, sums := s.beside(t), s.out+":{g}:sum"
	ends := []int64{math.MinInt64, math.MinInt64 + 1, -1_000_000_000_000_000_001, -1_000_000_000, -1, 0, 1, 999_999_999, 1_000_000_000, 854_775_807, 9_223_372_036_000_000_000,
		math.MaxInt64 - 1, math.MaxInt64}
	for _, was := range ends {
		for _, by := range ends {
			s.must(t, c.HSet(t.Context(), sums, "f", strconv.FormatInt(was, 10)))
			err := w.commit(t.Context(), w.counts("f", by))
			sum := new(big.Int).Add(big.NewInt(was), big.NewInt(by))
			if r := new(sink.Rejected); sum.IsInt64() != (err == nil) || err != nil && (!errors.As(err, &r) || r.Code != "overflow") {
				t.Errorf("%d + %d: got %v", was, by, err)
			}
			if got := s.sums(t)["f"]; err == nil && got != sum.String() {
				t.Errorf("%d + %d: got %s", was, by, got)
			}
		}
	}
}

// What the store would refuse in the middle is refused before the first write.
func TestRejectedBeforeTheFirstWrite(t *testing.T) {
	s := newStore(t)
	s.cfg.MaxCommands = 10
	c := s.beside(t)
	str, sums := s.out+":string", s.out+":{g}:sum"
	s.must(t, c.Set(t.Context(), str, "x", 0))
	s.must(t, c.HSet(t.Context(), sums, "word", "abc", "zero", "007", "float", "1.5"))
	key := func(k string) Value { return Text(k) }
	for _, e := range []struct {
		name, code string
		effect     Effect
		pairs      []any
	}{
		{"HINCRBY of a word", "not-an-integer", s.sum(), []any{"a", 1, "word", 1}},
		{"HINCRBY of 007", "not-an-integer", s.sum(), []any{"a", 1, "zero", 1}},
		{"HINCRBY of 1.5", "not-an-integer", s.sum(), []any{"a", 1, "float", 1}},
		{"HINCRBY of a string", "WRONGTYPE", Effect{Op: HIncrBy, Key: key(str), Name: Column("key"), Value: Column("n")}, []any{"a", 1}},
		{"HSET of a string", "WRONGTYPE", Effect{Op: HSet, Key: key(str), Name: Column("key"), Value: Column("n")}, []any{"a", 1}},
		{"SADD to a string", "WRONGTYPE", Effect{Op: SAdd, Key: key(str), Value: Column("key")}, []any{"a", 1}},
		{"ZADD to a string", "WRONGTYPE", Effect{Op: ZAdd, Key: key(str), Name: Column("key"), Value: Column("n")}, []any{"a", 1}},
		{"XADD to a string", "WRONGTYPE", Effect{Op: XAdd, Key: key(str), Pairs: []Field{{"n", Column("n")}}}, []any{"a", 1}},
		{"SET of a hash", "WRONGTYPE", Effect{Op: Set, Key: key(sums), Value: Column("n")}, []any{"a", 1}},
		{"a null field", "null", s.sum(), []any{"a", 1, nil, 1}},
		{"an increment that is no number", "bad-value", Effect{Op: HIncrBy, Key: key(s.out + ":k"), Name: Column("key"), Value: Column("key")}, []any{"a", 1}},
		{"a batch's own sum past 64 bits", "bad-value", s.sum(), []any{"a", int64(math.MaxInt64), "a", 1}},
		{"a column that is not there", "unknown-column", Effect{Op: SAdd, Key: key(s.out + ":k"), Value: Column("nobody")}, []any{"a", 1}},
		{"the ledger's own key", "ledger-key", Effect{Op: HSet, Key: key(s.cfg.Key), Name: Column("key"), Value: Column("n")}, []any{"a", 1}},
		{"more commands than a script takes", "too-many-commands", s.sum(), []any{"a", 1, "b", 1, "c", 1, "d", 1, "e", 1, "f", 1, "g", 1, "h", 1, "i", 1, "j", 1, "k", 1}},
	} {
		t.Run(e.name, func(t *testing.T) {
			first := Effect{Op: SAdd, Key: key(s.out + ":first"), Value: Text("stands")} // would be written before the bad one
			w := s.worker(t, first, e.effect)
			w.as.Group = fencepost.Group("g")
			if w.read().Empty() {
				w.start(1)
			}
			w.held = w.read().Positions
			wantRejected(t, e.name, w.commit(t.Context(), w.counts(e.pairs...)), e.code)
			if n := c.Exists(t.Context(), s.out+":first", s.out+":k").Val(); n > 0 {
				t.Error("a part of the refused batch stands")
			}
			if got := w.read().Positions[at(0)]; got != w.held[at(0)] {
				t.Errorf("the refused batch moved the ledger to %+v", got)
			}
			if diff := cmp.Diff(map[string]string{"word": "abc", "zero": "007", "float": "1.5"}, s.sums(t)); diff != "" {
				t.Errorf("the refused batch left:\n%s", diff)
			}
		})
	}
}

// Effects of two rows that no one order explains are refused.
func TestTwoEffectsOfOneField(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, s.sum(), Effect{Op: HSet, Key: s.sum().Key, Name: Text("ATL"), Value: Column("n")}).start(1)
	wantRejected(t, "a field that is set and added to", w.commit(t.Context(), w.counts("ATL", 1)), "two-effects")
	w.must(w.counts("ORD", 1)) // other fields of the same hash
	if diff := cmp.Diff(map[string]string{"ORD": "1", "ATL": "1"}, s.sums(t)); diff != "" {
		t.Error(diff)
	}
	k := s.worker(t, s.sum(), Effect{Op: SAdd, Key: s.sum().Key, Value: Column("key")})
	k.held = w.held
	wantRejected(t, "a key of two types", k.commit(t.Context(), k.counts("ORD", 1)), "WRONGTYPE")
}

// oldReader is how the pattern's own jobs read the hash: topic|partition -> from|until, whatever fields follow.
func oldReader(t *testing.T, s *store, key string) map[string][2]int64 {
	t.Helper()
	all, err := s.beside(t).HGetAll(context.Background(), key).Result()
	if err != nil {
		t.Fatal(err)
	}
	read := map[string][2]int64{}
	for f, v := range all {
		parts := strings.Split(v, "|")
		from, err1 := strconv.ParseInt(parts[0], 10, 64)
		until, err2 := strconv.ParseInt(parts[1], 10, 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("%s = %q: an old reader can not read it", f, v)
		}
		read[f] = [2]int64{from, until}
	}
	return read
}

// A hash that a job of the old pattern left is taken over under its own key, read by old readers while it lives, and an
// old job that writes into it again is refused.
func TestPatternAKeepsReading(t *testing.T) {
	s := newStore(t)
	key := s.out + ":spark:orders"
	s.cfg.Key = key
	c := s.beside(t)
	s.must(t, c.HSet(t.Context(), key, "flights|0", "90|100", "flights|1", " 7 | 007 "))
	w := s.worker(t, s.rows())
	for p, until := range map[int32]fencepost.Offset{0: 100, 1: 7} {
		if got, want := w.read().Positions[at(p)], (ledger.Position{Offset: until, LeaderEpoch: fencepost.NoEpoch}); got != want {
			t.Errorf("%s reads %+v, want %+v", at(p), got, want)
		}
	}
	var moves []ledger.Move
	for tp, p := range w.read().Positions {
		next := p
		next.Fence = fence()
		moves = append(moves, ledger.Move{TopicPartition: tp, Held: p, Next: next, Cause: ledger.CauseImport})
		w.held[tp] = next
	}
	if err := w.sink.Ledger().Move(t.Context(), w.as, moves); err != nil {
		t.Fatal(err)
	}
	w.as.Who = "a|b%7C" // is in the value, behind what old readers read
	w.must(w.batch(0, 5))
	w.must(w.batch(0, 3))
	if diff := cmp.Diff(map[string][2]int64{"flights|0": {105, 108}, "flights|1": {7, 7}}, oldReader(t, s, key)); diff != "" {
		t.Errorf("an old reader reads (-want +got):\n%s", diff)
	}
	for r, err := range w.sink.Ledger().(ledger.History).Moves(t.Context(), "g") {
		if err != nil || r.Cause == ledger.CauseCommit && (r.Who != w.as.Who || r.Commits != 2) {
			t.Errorf("recorded %+v, %v", r, err)
		}
	}

	s.must(t, c.HSet(t.Context(), key, "flights|0", "105|108")) // the old job, at our own offset
	b := w.batch(0, 1)
	if got := ledger.Relate(heldIn(t, w.commit(t.Context(), b), at(0)), b.Moves[0]); got != ledger.RelationForeign {
		t.Errorf("after a foreign write the worker stands %s, want foreign", got)
	}

	w.as.Group = "another"
	wantFault(t, "another group on the same key", w.commit(t.Context(), w.batch(1, 1)), "redis-key-taken", false)
	_, err := w.sink.Ledger().Read(t.Context(), "another")
	wantFault(t, "another group reads the same key", err, "redis-key-taken", false)

	s.must(t, c.HSet(t.Context(), key, "flights|0", "offset 5"))
	_, err = w.sink.Ledger().Read(t.Context(), "g")
	wantFault(t, "a value of no known form", err, "redis-damaged", false)
}

// 10,000 partitions in one commit, with their merged runs, in a chain that the history proves.
func TestTenThousandPartitionsInAChain(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Effect{Op: HIncrBy, Key: s.sum().Key, Name: Text("rows"), Value: Text("1")}).start(10_000)
	for range 3 {
		var spans []sinktest.Span
		for p := range int32(10_000) {
			spans = append(spans, sinktest.Span{TopicPartition: at(p), Held: w.held[at(p)], Until: w.held[at(p)].Offset + 1})
		}
		w.must(sinktest.Commit(spans...))
	}
	if got := s.sums(t)["rows"]; got != "30000" {
		t.Errorf("rows: %s, want 30000", got)
	}
	var recorded []ledger.Recorded
	for r, err := range w.sink.Ledger().(ledger.History).Moves(t.Context(), "g") {
		if err != nil {
			t.Fatal(err)
		}
		recorded = append(recorded, r)
	}
	if len(recorded) != 20_000 {
		t.Errorf("%d recorded moves, want a start and a run for each of 10,000", len(recorded))
	}
	sinktest.Chain(t, recorded, w.read())
}

// S18: a counter is HINCRBY to the server too, however long its number: a field keeps its time to live, and subscribers
// to keys receive an increment. A sum that does not fit leaves all of it as it was.
func TestS18CountersAreIncrements(t *testing.T) {
	server := servers.OwnRedis(t, "notify-keyspace-events KEA")
	s := storeOn(t, server.RedisServer)
	w := s.worker(t, s.sum()).start(1)
	c, ctx, key := s.beside(t), t.Context(), s.out+":{g}:sum"
	const long = "9223372036854775000"
	s.must(t, c.HSet(ctx, key, "a", 5, "long", long, "other", 1))
	live := func(when string) {
		t.Helper()
		ttl, err := c.HTTL(ctx, key, "a", "long").Result()
		if err != nil && strings.Contains(err.Error(), "unknown command") {
			return // Redis before 7.4: no field of a hash has a time to live
		}
		if err != nil || len(ttl) != 2 || ttl[0] <= 0 || ttl[1] <= 0 {
			t.Errorf("%s the fields live %v s, %v, want as long as before", when, ttl, err)
		}
	}
	if err := c.HExpire(ctx, key, 1000*time.Second, "a", "long").Err(); err != nil && !strings.Contains(err.Error(), "unknown command") {
		t.Fatal(err)
	}
	events := c.Subscribe(ctx, "__keyspace@0__:"+key)
	defer events.Close()
	if _, err := events.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	w.must(w.counts("a", 1, "long", 2, "new", 3))
	for range 3 {
		m, err := events.ReceiveMessage(ctx)
		if err != nil || m.Payload != "hincrby" {
			t.Errorf("the key's event is %v, %v, want hincrby", m, err)
			break
		}
	}
	live("after a sum")
	err := w.commit(ctx, w.counts("a", 1, "long", 1<<40, "other", 1))
	if r := new(sink.Rejected); !errors.As(err, &r) || r.Code != "overflow" {
		t.Errorf("a sum beyond 64 bits: got %v, want overflow", err)
	}
	live("after a sum that did not fit")
	if d := cmp.Diff(map[string]string{"a": "6", "long": "9223372036854775002", "new": "3", "other": "1"}, s.sums(t)); d != "" {
		t.Errorf("sums (-want +got):\n%s", d)
	}
}
