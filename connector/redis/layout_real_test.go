//go:build realservers

package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"
)

// shelf is a database of one test's own server, where other programs left offsets.
type shelf struct {
	t   *testing.T
	cfg Config
	c   *goredis.Client
}

func newShelf(t *testing.T, settings ...string) *shelf {
	server := servers.OwnRedis(t, settings...)
	s := &shelf{t: t, cfg: Config{Addr: server.Addr(), Password: servers.RedisPassword}}
	s.c = goredis.NewClient(&goredis.Options{Addr: s.cfg.Addr, Password: servers.RedisPassword})
	t.Cleanup(func() { s.c.Close() })
	return s
}

// clear empties the database.
func (s *shelf) clear() {
	s.t.Helper()
	if err := s.c.FlushAll(s.t.Context()).Err(); err != nil {
		s.t.Fatal(err)
	}
}

// hash writes fields and values.
func (s *shelf) hash(key string, pairs ...any) {
	s.t.Helper()
	if err := s.c.HSet(s.t.Context(), key, pairs...).Err(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) string(key, value string) {
	s.t.Helper()
	if err := s.c.Set(s.t.Context(), key, value, 0).Err(); err != nil {
		s.t.Fatal(err)
	}
}

// foreign reads a layout.
func (s *shelf) foreign(as LayoutConfig) (foreign.Offsets, error) {
	s.t.Helper()
	l, err := OpenLayout(s.cfg, as)
	if err != nil {
		s.t.Fatal(err)
	}
	defer l.Close()
	return l.Foreign(s.t.Context())
}

// wants reads a layout and compares it with lines: orders:0 [30000] 31007.
func (s *shelf) wants(what string, as LayoutConfig, want ...string) (f foreign.Offsets) {
	s.t.Helper()
	f, err := s.foreign(as)
	if err != nil {
		s.t.Errorf("%s: %s", what, describe(err))
		return f
	}
	var got []string
	for _, e := range f.Entries {
		line := fmt.Sprintf("%s %d", e.TopicPartition, e.Until)
		if e.From != foreign.NoFrom {
			line = fmt.Sprintf("%s %d..%d", e.TopicPartition, e.From, e.Until)
		}
		got = append(got, line)
		if e.Raw == "" || !strings.HasPrefix(e.Where, "key ") {
			s.t.Errorf("%s: %s was stored as %q, at %q", what, e.TopicPartition, e.Raw, e.Where)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s (want -, got +):\n%s", what, diff)
	}
	return f
}

// refused reads a layout that must be refused with a code, naming all of these.
func (s *shelf) refused(what string, as LayoutConfig, code string, names ...string) {
	s.t.Helper()
	f, err := s.foreign(as)
	wantFault(s.t, what, err, code, false)
	for _, name := range names {
		if err != nil && !strings.Contains(err.Error(), name) {
			s.t.Errorf("%s: %v does not name %s", what, err, name)
		}
	}
	if len(f.Entries) > 0 {
		s.t.Errorf("%s: refused, and %d entries all the same", what, len(f.Entries))
	}
}

// A fixture of each layout, with the odd ones: separators in the names of topics, colons in those of groups, white space,
// large numbers, neighbours of another group.
func TestLayouts(t *testing.T) {
	s := newShelf(t)
	big := strconv.Itoa(1 << 40)

	s.hash("spark:offsets", "orders|0", "30000|31007", " a-b_c.d|11 ", " 5 | "+big+" ", "orders|1", "0|0")
	f := s.wants("pattern-a", LayoutConfig{Name: "pattern-a", Key: "spark:offsets"}, "a-b_c.d:11 5..1099511627776", "orders:0 30000..31007", "orders:1 0..0")
	if want := "key spark:offsets, field orders|0"; len(f.Entries) == 3 && (f.Entries[1].Where != want || f.Entries[1].Raw != "30000|31007") {
		t.Errorf("pattern-a: %q at %q, want it at %q", f.Entries[1].Raw, f.Entries[1].Where, want)
	}
	s.wants("pattern-a, one topic", LayoutConfig{Name: "pattern-a", Key: "spark:offsets", Topic: "orders"}, "orders:0 30000..31007", "orders:1 0..0")
	s.hash("jobs/delta", "t|0", "1|2")
	s.wants("pattern-a, a key by group", LayoutConfig{Name: "pattern-a", Key: "jobs/<group>", Group: "delta"}, "t:0 1..2")

	s.clear()
	s.hash("offset:de:lta:orders", "0", " 183\n", "10", big)
	s.hash("offset:de:lta:a-b_c.d", " 3 ", "7")
	s.hash("offset:de:other", "0", "1")
	s.hash("offset:de:lta:x:y", "0", "1")
	f = s.wants("group-topic", LayoutConfig{Name: "group-topic", Group: "de:lta"}, "a-b_c.d:3 7", "orders:0 183", "orders:10 1099511627776")
	if len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "offset:de:lta:x:y") {
		t.Errorf("a key of a longer group's name is passed over with the notes %q", f.Notes)
	}
	s.wants("group-topic, one topic", LayoutConfig{Name: "group-topic", Group: "de:lta", Topic: "orders"}, "orders:0 183", "orders:10 1099511627776")
	s.wants("group-topic, another key", LayoutConfig{Name: "group-topic", Group: "de", Key: "offset:<group>:lta:<topic>"}, "a-b_c.d:3 7", "orders:0 183", "orders:10 1099511627776")

	s.clear()
	s.hash("offset:a-b_c.d:de:lta", "0", "5")
	s.hash("offset:orders:de:lta", "2", big)
	s.hash("offset:orders:lta", "2", "1")
	s.wants("topic-group", LayoutConfig{Name: "topic-group", Group: "de:lta"}, "a-b_c.d:0 5", "orders:2 1099511627776")
	// Group lta could be topic orders:de of it, if a topic's name could hold a colon.
	s.wants("topic-group, shorter", LayoutConfig{Name: "topic-group", Group: "lta"}, "orders:2 1")

	s.clear()
	s.hash("de:lta", "a-1-2", "5", "a-b_c.d-0", big, "a--3", "8")
	s.wants("group-dash", LayoutConfig{Name: "group-dash", Group: "de:lta"}, "a-:3 8", "a-1:2 5", "a-b_c.d:0 1099511627776")
	s.hash("bs:offset:g", "a-1-2", "5")
	s.wants("group-dash, its other key", LayoutConfig{Name: "group-dash", Group: "g"}, "a-1:2 5")
	s.hash("g", "a-1-2", "6")
	s.refused("group-dash, both keys", LayoutConfig{Name: "group-dash", Group: "g"}, "layout-ambiguous", "g and bs:offset:g")
	s.wants("group-dash, the key named", LayoutConfig{Name: "group-dash", Key: "g"}, "a-1:2 6")

	s.clear()
	s.hash("de:lta", "a_1_2", "5", "__a-b.c_0", big)
	s.wants("group-underscore", LayoutConfig{Name: "group-underscore", Group: "de:lta"}, "__a-b.c:0 1099511627776", "a_1:2 5")
	s.hash("fixed", "a_1", "5")
	s.wants("group-underscore, a fixed key", LayoutConfig{Name: "group-underscore", Key: "fixed"}, "a:1 5")

	s.clear()
	s.hash("de:lta#a-b_c.d", "0", "5", "1", big)
	s.hash("de:lta#orders", "0", "6")
	s.wants("group#topic", LayoutConfig{Name: "group#topic", Group: "de:lta"}, "a-b_c.d:0 5", "a-b_c.d:1 1099511627776", "orders:0 6")

	s.clear()
	s.string("a_1_2", "5")
	s.string("a-b.c_0", " "+big+" ")
	s.string("lock_of_something", "x")
	f = s.wants("topic-string", LayoutConfig{Name: "topic-string"}, "a-b.c:0 1099511627776", "a_1:2 5")
	if len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "lock_of_something") {
		t.Errorf("a key that is no topic's is passed over with the notes %q", f.Notes)
	}
	s.hash("user_7", "name", "x")
	s.refused("topic-string, a hash among them", LayoutConfig{Name: "topic-string"}, "redis-wrong-type", "user_7")
	s.wants("topic-string, one topic", LayoutConfig{Name: "topic-string", Topic: "a_1"}, "a_1:2 5")

	s.clear()
	s.string("de:lta:a-b_c.d:0", `{"state":{"sum":1},"offset":5}`)
	s.string("de:lta:orders:12", `{"state":null,"offset":`+big+`}`)
	s.string("de:orders:1", `{"state":null,"offset":1}`)
	s.wants("quarkus", LayoutConfig{Name: "quarkus", Group: "de:lta"}, "a-b_c.d:0 5", "orders:12 1099511627776")

	s.clear()
	for _, name := range LayoutNames() {
		s.wants(name+" of nothing", LayoutConfig{Name: name, Group: "g", Key: map[bool]string{true: "k"}[name == "pattern-a"]})
	}
}

// What no program of the layout wrote is refused, with its place: nothing is guessed.
func TestLayoutsRefuse(t *testing.T) {
	s := newShelf(t)
	for what, c := range map[string]struct {
		as         LayoutConfig
		key        string
		field, raw string // of a hash; field empty: a string
		code       string
		names      []string
	}{
		"a negative offset":        {LayoutConfig{Name: "group-topic", Group: "g"}, "offset:g:t", "3", "-1", "layout-damaged", []string{"offset:g:t", "field 3", "-1"}},
		"a fraction":               {LayoutConfig{Name: "topic-group", Group: "g"}, "offset:t:g", "3", "1.5", "layout-damaged", []string{"offset:t:g", "field 3"}},
		"more than 64 bits":        {LayoutConfig{Name: "group-dash", Group: "g"}, "g", "t-1", "9223372036854775808", "layout-damaged", []string{"key g", "field t-1", "64 bits"}},
		"a field of another form":  {LayoutConfig{Name: "group-underscore", Group: "g"}, "g", "t-1", "1", "layout-damaged", []string{"key g", "t-1", "<topic>_<partition>"}},
		"a partition that is none": {LayoutConfig{Name: "group#topic", Group: "g"}, "g#t", "x", "1", "layout-damaged", []string{"g#t", "field x"}},
		"an empty string":          {LayoutConfig{Name: "topic-string"}, "t_1", "", "", "layout-damaged", []string{"key t_1"}},
		"no JSON":                  {LayoutConfig{Name: "quarkus", Group: "g"}, "g:t:1", "", "17", "layout-damaged", []string{"g:t:1"}},
		"one number":               {LayoutConfig{Name: "pattern-a", Key: "k"}, "k", "t|0", "5", "layout-damaged", []string{"key k", "field t|0"}},
		"a range backwards":        {LayoutConfig{Name: "pattern-a", Key: "k"}, "k", "t|0", "6|5", "layout-damaged", []string{"key k", "field t|0"}},
		"a string for a hash":      {LayoutConfig{Name: "pattern-a", Key: "k"}, "k", "", "5", "redis-wrong-type", []string{"key k", "hash"}},
		"a hash for a string":      {LayoutConfig{Name: "quarkus", Group: "g"}, "g:t:1", "f", "5", "redis-wrong-type", []string{"g:t:1", "string"}},
	} {
		s.clear()
		if c.field == "" {
			s.string(c.key, c.raw)
		} else {
			s.hash(c.key, c.field, c.raw)
		}
		s.refused(what, c.as, c.code, c.names...)
	}
	s.clear()
	s.hash("k", "t|0", "1|2", " t|0", "3|4")
	s.refused("a partition twice", LayoutConfig{Name: "pattern-a", Key: "k"}, "layout-damaged", "t:0")
}

// More entries than one step of a scan gives, in keys and in fields.
func TestLayoutsOfManyEntries(t *testing.T) {
	s := newShelf(t)
	const n = 5_000
	pipe := s.c.Pipeline()
	for i := range n {
		pipe.HSet(t.Context(), "k", "t|"+strconv.Itoa(i), fmt.Sprintf("%d|%d", i, 2*i))
		pipe.Set(t.Context(), "t_"+strconv.Itoa(i), 2*i, 0)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, as := range []LayoutConfig{{Name: "pattern-a", Key: "k"}, {Name: "topic-string", Topic: "t"}} {
		f, err := s.foreign(as)
		if err != nil || len(f.Entries) != n {
			t.Fatalf("%s: %d entries, %v; want %d", as.Name, len(f.Entries), err, n)
		}
		for i, e := range f.Entries {
			if e.TopicPartition != (fencepost.TopicPartition{Topic: "t", Partition: int32(i)}) || e.Until != fencepost.Offset(2*i) {
				t.Fatalf("%s: entry %d is %s at %d", as.Name, i, e.TopicPartition, e.Until)
			}
		}
	}
}

// The layouts need few rights, take TLS, and say what is missing. An evicting server may be read: it keeps no ledger.
func TestLayoutConnections(t *testing.T) {
	server := servers.OwnRedis(t, "user reader on >pw ~spark* &* +exists +get +hscan +scan", "maxmemory-policy allkeys-lru")
	s := &shelf{t: t, cfg: Config{Addr: server.Addr(), Password: servers.RedisPassword}}
	s.c = goredis.NewClient(&goredis.Options{Addr: s.cfg.Addr, Password: servers.RedisPassword})
	t.Cleanup(func() { s.c.Close() })
	s.hash("spark", "t|0", "1|2")
	s.hash("other", "t|0", "1|2")
	var err error
	if s.cfg.TLS, err = server.TLS.Config(); err != nil {
		t.Fatal(err)
	}
	s.cfg.Addr, s.cfg.User, s.cfg.Password = server.SecureAddr(), "reader", "pw"
	s.wants("an ACL user over TLS", LayoutConfig{Name: "pattern-a", Key: "spark"}, "t:0 1..2")
	s.refused("a key outside of the user's", LayoutConfig{Name: "pattern-a", Key: "other"}, "redis-denied", "other")
	l, err := OpenLayout(s.cfg, LayoutConfig{Name: "pattern-a", Key: "spark"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = l.(foreign.LiveLayout).Put(t.Context(), map[fencepost.TopicPartition]fencepost.OffsetRange{{Topic: "t"}: {From: 2, Until: 3}})
	wantFault(t, "a mirror without the right to write", err, "redis-denied", false)
	s.cfg.Password = "other"
	s.refused("a wrong password", LayoutConfig{Name: "pattern-a", Key: "spark"}, "redis-denied")
	s.cfg.TLS, s.cfg.Addr, s.cfg.Timeout = nil, servers.Address(t)+":6379", 0
	_, err = s.foreign(LayoutConfig{Name: "pattern-a", Key: "spark"})
	wantFault(t, "nobody there", err, "redis-unreachable", true)
}

// The live layout: each Put is one command, sets the partitions it names, and leaves all else as it is.
func TestPut(t *testing.T) {
	s := newShelf(t)
	l, err := OpenLayout(s.cfg, LayoutConfig{Name: "pattern-a", Key: "spark:<group>", Group: "g"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	put := func(ranges map[fencepost.TopicPartition]fencepost.OffsetRange) error {
		return l.(foreign.LiveLayout).Put(t.Context(), ranges)
	}
	type ranges = map[fencepost.TopicPartition]fencepost.OffsetRange
	if err := put(nil); err != nil {
		t.Errorf("put nothing: %v", err)
	}
	if n := s.c.Exists(t.Context(), "spark:g").Val(); n != 0 {
		t.Error("an empty Put made the key")
	}
	s.hash("spark:g", "orders|0", "1|2", "note", "by hand")
	before := s.commands()
	if err := put(ranges{{Topic: "orders", Partition: 1}: {From: 5, Until: 9}, {Topic: "a-b_c.d", Partition: 7}: {From: 0, Until: 1 << 40}}); err != nil {
		t.Fatal(describe(err))
	}
	after := s.commands()
	if diff := cmp.Diff(map[string]int{"hset": 1}, changed(before, after)); diff != "" {
		t.Errorf("a Put took these commands (want -, got +):\n%s", diff)
	}
	if err := put(ranges{{Topic: "orders", Partition: 1}: {From: 9, Until: 9}}); err != nil {
		t.Fatal(describe(err))
	}
	want := map[string]string{"orders|0": "1|2", "note": "by hand", "orders|1": "9|9", "a-b_c.d|7": "0|1099511627776"}
	if diff := cmp.Diff(want, s.c.HGetAll(t.Context(), "spark:g").Val()); diff != "" {
		t.Errorf("the hash (want -, got +):\n%s", diff)
	}
	for _, bad := range []fencepost.OffsetRange{{From: 2, Until: 1}, {From: -1, Until: 1}} {
		if err := put(ranges{{Topic: "orders"}: bad}); err == nil {
			t.Errorf("put %s: accepted", bad)
		}
	}
	s.clear()
	s.string("spark:g", "5")
	wantFault(t, "put into a string", put(ranges{{Topic: "t"}: {From: 1, Until: 2}}), "redis-wrong-type", false)
	s.clear()
	many := ranges{}
	for i := range int32(10_000) {
		many[fencepost.TopicPartition{Topic: "t", Partition: i}] = fencepost.OffsetRange{From: 1, Until: 2}
	}
	if err := put(many); err != nil || s.c.HLen(t.Context(), "spark:g").Val() != 10_000 {
		t.Errorf("put 10,000: %v, and %d are there", err, s.c.HLen(t.Context(), "spark:g").Val())
	}
}

// commands counts what the server was asked for, but INFO itself.
func (s *shelf) commands() map[string]int {
	s.t.Helper()
	info, err := s.c.Info(context.Background(), "commandstats").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	counts := map[string]int{}
	for line := range strings.Lines(info) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if !ok || name == "info" || name == "hello" || name == "auth" || strings.HasPrefix(name, "client") {
			continue
		}
		n, _, _ := strings.Cut(rest, ",")
		if counts[name], err = strconv.Atoi(n); err != nil {
			s.t.Fatal(err)
		}
	}
	return counts
}

// changed are the counts that grew, by how much.
func changed(before, after map[string]int) map[string]int {
	grew := maps.Clone(after)
	maps.DeleteFunc(grew, func(name string, n int) bool { return n == before[name] })
	for name := range grew {
		grew[name] -= before[name]
	}
	return grew
}

// Our own ledger's hash, while it works, as pattern A's readers see it: one that splits field and value at | and takes the
// first two, and the layout of that name. A rewind, a gap and merged commits included.
func TestOurLedgerReadAsPatternA(t *testing.T) {
	store := newStore(t)
	w := store.worker(t, store.rows()).start(3)
	w.must(w.batch(0, 7))
	w.must(w.batch(0, 5))
	move := func(p int32, to fencepost.Offset, cause ledger.Cause) {
		t.Helper()
		held := w.held[at(p)]
		next := ledger.Position{Offset: to, LeaderEpoch: fencepost.NoEpoch, Fence: fence(), TopicID: topicID}
		m := ledger.Move{TopicPartition: at(p), Held: held, Next: next, Cause: cause, AtMost: max(0, int64(to-held.Offset)), Why: "a test"}
		if err := w.sink.Ledger().Move(t.Context(), w.as, []ledger.Move{m}); err != nil {
			t.Fatal(err)
		}
		w.held[at(p)] = next
	}
	w.must(w.batch(1, 9))
	move(1, 4, ledger.CauseRewind)
	move(2, 1<<40, ledger.CauseGap)

	want := map[string][2]string{"flights:0": {"7", "12"}, "flights:1": {"4", "4"}, "flights:2": {"1099511627776", "1099511627776"}}
	key := keysOf(store.cfg.Key, "g").positions
	got := map[string][2]string{}
	for field, value := range store.beside(t).HGetAll(t.Context(), key).Val() {
		f, v := strings.Split(field, "|"), strings.Split(value, "|")
		got[f[0]+":"+f[1]] = [2]string{v[0], v[1]}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a reader that splits at | (want -, got +):\n%s", diff)
	}
	l, err := OpenLayout(store.cfg, LayoutConfig{Name: "pattern-a", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.Foreign(t.Context())
	if err != nil {
		t.Fatal(describe(err))
	}
	got = map[string][2]string{}
	for _, e := range f.Entries {
		got[e.TopicPartition.String()] = [2]string{strconv.Itoa(int(e.From)), strconv.Itoa(int(e.Until))}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(f.Notes) != 1 {
		t.Errorf("the layout pattern-a, with the notes %q (want -, got +):\n%s", f.Notes, diff)
	}
}

// A layout that is asked after its time is no answer, and no damage.
func TestLayoutGivesUp(t *testing.T) {
	s := newShelf(t)
	l, err := OpenLayout(s.cfg, LayoutConfig{Name: "pattern-a", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f, err := l.Foreign(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v; want that it was cancelled", f, describe(err))
	}
}
