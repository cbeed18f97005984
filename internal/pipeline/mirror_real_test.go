//go:build realservers

package pipeline

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	goredis "github.com/redis/go-redis/v9"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
)

// readers are tools that read pattern A's hash and pattern B's nodes, as old jobs do.
type readers struct {
	t          *testing.T
	redis      *goredis.Client
	zookeeper  *zk.Conn
	key, nodes string
}

// split reads a field of the hash the way old jobs do: both cut at |, the value's parts 0 and 1.
func (r readers) split() map[string]string {
	fields, err := r.redis.HGetAll(r.t.Context(), r.key).Result()
	if err != nil {
		return nil
	}
	out := map[string]string{}
	for field, value := range fields {
		name, part := strings.Split(field, "|"), strings.Split(value, "|")
		if len(name) != 2 || len(part) < 2 {
			r.t.Fatalf("field %q, value %q: no reader of pattern A can split them", field, value)
		}
		from, err1 := strconv.Atoi(part[0])
		until, err2 := strconv.Atoi(part[1])
		if err1 != nil || err2 != nil || from > until {
			r.t.Fatalf("value %q is not from|until", value)
		}
		out[name[0]+":"+name[1]] = part[1]
	}
	return out
}

// decimals reads the nodes.
func (r readers) decimals(topic string) map[string]string {
	out := map[string]string{}
	for p := range 3 {
		data, _, err := r.zookeeper.Get(fmt.Sprintf("%s/%s/%d", r.nodes, topic, p))
		if err == nil {
			out[fmt.Sprintf("%s:%d", topic, p)] = string(data)
		}
	}
	return out
}

// all reports whether each partition of a topic is at an offset.
func all(got map[string]string, topic string, want int) bool {
	for p := range 3 {
		if got[fmt.Sprintf("%s:%d", topic, p)] != strconv.Itoa(want) {
			return false
		}
	}
	return true
}

// quietly is a logger that drops everything.
type quietly struct{}

func (quietly) Printf(string, ...any) {}

// A running pipeline keeps pattern A's hash and pattern B's nodes up to date, and leaves what is not its own alone. Both
// servers are killed: commits go on, each mirror's failure is reported once, and both catch up when the servers are back.
func TestMirrors(t *testing.T) {
	redis, keeper := servers.OwnRedis(t), servers.OwnZooKeeper(t)
	topic := newTopic(t)
	topic.produce(200)
	dsn := servers.Postgres(t).Database(t)
	f := fileOf(t, topic, fmt.Sprintf("sink: {postgres: {dsn: %q, table: flights}}\nmirror:\n  redis: {addr: %q, password: '${PW}', key: 'spark offsets', timeout: 1m}\n"+
		"  zookeeper: {servers: [%q], group: old-job}\nbatch: {records: 50}\n", dsn, redis.Addr(), keeper.Addr()))
	db := newTable(t, dsn)
	r := readers{t: t, redis: goredis.NewClient(&goredis.Options{Addr: redis.Addr(), Password: servers.RedisPassword, MaxRetries: -1}),
		key: "spark offsets", nodes: "/consumers/old-job/offsets"}
	defer r.redis.Close()
	if err := r.redis.HSet(t.Context(), r.key, "other|0", "5|9").Err(); err != nil {
		t.Fatal(err)
	}
	if got := mirrorLines(t, f); !strings.Contains(got, "the hash spark offsets gets topic|partition -> from|until; 1 offset there now") ||
		!strings.Contains(got, "each node /old-job/offsets/TOPIC/PARTITION gets the next offset; 0 offsets there now") || strings.Contains(got, servers.RedisPassword) {
		t.Errorf("check says\n%s", got)
	}
	if n, err := r.redis.HLen(t.Context(), r.key).Result(); n != 1 || err != nil {
		t.Errorf("after a check the hash has %d fields, %v; want the other tool's one", n, err)
	}
	var err error
	if r.zookeeper, _, err = zk.Connect([]string{keeper.Addr()}, 10*time.Second, zk.WithLogger(quietly{})); err != nil {
		t.Fatal(err)
	}
	defer r.zookeeper.Close()

	w := start(t, f)
	w.until(func() bool { return all(r.split(), topic.name, 200) && all(r.decimals(topic.name), topic.name, 200) })

	w.seen = nil // a server that was slow for long may have been reported
	redis.Kill()
	keeper.Kill()
	topic.produce(100)
	w.until(func() bool { return db.count() == 900 && len(w.seen) >= 2 })
	topic.produce(100)
	w.until(func() bool { return db.count() == 1200 })
	if len(w.seen) != 2 || w.seen[0].Mirror == w.seen[1].Mirror {
		t.Errorf("told: %+v, want each mirror's failure once", w.seen)
	}
	redis.Start()
	keeper.Start()
	w.until(func() bool { return all(r.split(), topic.name, 400) && all(r.decimals(topic.name), topic.name, 400) })
	w.end()
	if got := r.split()["other:0"]; got != "9" {
		t.Errorf("the other tool's field says %q, want 9: untouched stays untouched", got)
	}
	if got := db.count(); got != 1200 {
		t.Errorf("%d rows, want 1,200", got)
	}
}

// check reports a mirror that would write into a ledger, and servers that do not answer.
func TestCheckOfMirrors(t *testing.T) {
	redis, name := servers.Redis(t), servers.Name(t)
	topic := newTopic(t)
	topic.produce(1)
	ledger := fmt.Sprintf("{redis: {addr: %q, password: '${PW}', key: '%s'}}", redis.Addr(), name)
	run(t, fileOf(t, topic, newRows(t).sink()+"ledger: "+ledger+"\n"))
	for what, c := range map[string]struct{ mirror, code, at string }{
		"a ledger of another file":   {fmt.Sprintf("{redis: {addr: %q, password: '${PW}', key: %s}}", redis.Addr(), name), "redis-key-taken", "f.yaml:6:"},
		"a server that is not there": {fmt.Sprintf("{zookeeper: {servers: ['%s:1']}}", servers.Address(t)), "zookeeper-silent", ""},
		"a wrong password":           {fmt.Sprintf("{redis: {addr: %q, password: wrong, key: a}}", redis.Addr()), "redis-denied", "f.yaml:6:"},
	} {
		t.Run(what, func(t *testing.T) {
			f := fileOf(t, topic, newRows(t).sink()+"watch: 5s\nmirror: "+c.mirror+"\n")
			rep, err := Check(t.Context(), f, 3*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			var found fencepost.Finding
			for _, one := range rep.Findings {
				if one.Subject == "mirror" {
					found = one
				}
			}
			if found.OK || found.Code != c.code || found.Help == "" || !strings.HasPrefix(rep.At(found), c.at) {
				t.Errorf("check says %+v at %q; want %s at %s", found, rep.At(found), c.code, c.at)
			}
		})
	}
}

// A sink in Redis with its ledger elsewhere: commands run under a user who has no rights but for them, {group} in their
// keys is the group, and the sink's server has no ledger.
func TestRedisSinkWithItsLedgerElsewhere(t *testing.T) {
	redis, name := servers.Redis(t), servers.Name(t)
	topic := newTopic(t)
	topic.produce(500)
	f := fileOf(t, topic, fmt.Sprintf("sink: {redis: {addr: %q, user: %s, password: PASSWORD, commands: ['HINCRBY %s:{group} rows 1', 'HINCRBY %s:{group} sum {n}']}}\nledger: {postgres: {dsn: %q}}\n",
		redis.Addr(), name, name, name, servers.Postgres(t).Database(t)))
	client := goredis.NewClient(&goredis.Options{Addr: redis.Addr(), Password: servers.RedisPassword})
	defer client.Close()
	leastRights(t, client, f, name)
	if line := ledgerLine(t, f); !strings.HasPrefix(line.Text, "none yet") || !strings.Contains(line.Text, "postgres://") {
		t.Errorf("before the first run: %q, want none yet, in postgres", line.Text)
	}
	run(t, f)
	got, err := client.HGetAll(t.Context(), fmt.Sprintf("%s:{%s}", name, f.Group)).Result()
	if err != nil || got["rows"] != "1500" || got["sum"] != strconv.Itoa(3*499*500/2) {
		t.Errorf("counters %v, %v; want 1500 rows", got, err)
	}
	if n, err := client.Exists(t.Context(), fmt.Sprintf("fencepost:{%s}", f.Group), fmt.Sprintf("fencepost:{%s}:head", f.Group)).Result(); n != 0 || err != nil {
		t.Errorf("%d keys of a ledger in the sink's server, %v; want none", n, err)
	}
	resources, err := opened(t, f).Resources()
	if err != nil {
		t.Fatal(err)
	}
	stands(t, resources, topic.name, 500)
	ledgerLine(t, f)
}

// leastRights makes the user that ddl prints.
func leastRights(t *testing.T, client *goredis.Client, f *File, user string) {
	t.Helper()
	ddl, err := f.DDL()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(ddl) {
		if !strings.HasPrefix(line, "ACL SETUSER "+user+" ") {
			continue
		}
		if strings.Contains(line, "fencepost") || strings.Contains(line, "rpush") {
			t.Errorf("ddl grants a ledger that is elsewhere: %s", line)
		}
		var words []any
		for _, w := range strings.Fields(line) {
			words = append(words, w)
		}
		if err := client.Do(t.Context(), words...).Err(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Do(context.WithoutCancel(t.Context()), "ACL", "DELUSER", user) })
		return
	}
	t.Fatalf("ddl prints no user %s:\n%s", user, ddl)
}

// mirrorLines is what a check says of the mirrors.
func mirrorLines(t *testing.T, f *File) string {
	t.Helper()
	r, err := Check(t.Context(), f, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, one := range r.Findings {
		if !one.OK {
			t.Errorf("check: %+v", one)
		}
		if one.Subject == "mirror" {
			lines = append(lines, one.Text)
		}
	}
	return strings.Join(lines, "\n")
}
