//go:build realservers

package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	goredis "github.com/redis/go-redis/v9"
)

// shell is a folder in which commands of the program run.
type shell struct {
	t           *testing.T
	binary, dir string
	env         []string
}

// run runs the program and wants its exit code; it returns what it printed, both streams.
func (s *shell) run(exit int, args ...string) string {
	s.t.Helper()
	cmd := exec.Command(s.binary, args...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	got := 0
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		got, err = failed.ExitCode(), nil
	}
	if err != nil || got != exit {
		s.t.Fatalf("fencepost %s: exit %d, %v, want %d\n%s", strings.Join(args, " "), got, err, exit, out.String())
	}
	return out.String()
}

// write writes a file of the folder.
func (s *shell) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// wants checks that a text holds each of the others, however its lines are broken.
func (s *shell) wants(text string, words ...string) {
	s.t.Helper()
	flat := strings.Join(strings.Fields(text), " ")
	for _, w := range words {
		if !strings.Contains(flat, w) {
			s.t.Errorf("want %q in:\n%s", w, text)
		}
	}
}

const ordersFile = `group: %s
source: {brokers: [%s], topics: [%s], start: earliest}
schema:
  shop: text
  cents: int
  note: {type: text, missing: null}
  at: timestamp
sink:
  redis:
    addr: %s
    user: ${REDIS_USER}
    password: ${file:password}
    key: %[5]s:{group}
    tls: {enabled: %[6]t, ca: %[7]q}
    commands:
      - HINCRBY %[5]s:{group}:{shop} orders 1
      - HINCRBY %[5]s:{group}:{shop} euros {cents / 100 | int()}
      - HSET %[5]s:{group}:last {shop} {_partition}/{_offset} "at {shop}" {at.Format("15:04")}
      - command: SADD %[5]s:{group}:days {at.Format("2006-01-02")}
        where: note != nil
      - command: XADD %[5]s:{group}:log * shop {shop} note {note}
        where: cents > 250
      - ZINCRBY %[5]s:{group}:top {cents} {upper(shop)}
      - ZADD %[5]s:{group}:size {len(note ?? "none")} {shop}
      - SET %[5]s:{group}:topic {_topic}
`

// TestRedisPipelineFile is a pipeline file from its first check to its last audit, as a user of the rights that ddl
// prints, with and without TLS, with a password that changes.
func TestRedisPipelineFile(t *testing.T) {
	t.Parallel()
	db := newRedisStore(t, servers.Redis(t))
	s := newScene(t, servers.Kafka(t), db)
	topic, prefix := s.topic(2), strings.ToLower(servers.Name(t))
	s.produce(at(topic, 0), `{"shop": "ams", "cents": 250, "at": "2026-01-02T10:00:00Z"}`, `{"shop": "ber", "cents": 399, "note": "gift", "at": "2026-01-03T11:30:00Z"}`)
	s.produce(at(topic, 1), `{"shop": "cph", "cents": 1000, "at": "2026-01-02T12:00:00Z"}`)

	sh := &shell{t: t, binary: build(t), dir: t.TempDir(), env: []string{"REDIS_USER=" + prefix, "FENCEPOST_WHO=oncall@bastion", "TZ=UTC"}}
	file := func(name, addr string, secure bool) {
		sh.write(name, fmt.Sprintf(ordersFile, s.group, s.broker.Plaintext, topic, addr, prefix, secure, map[bool]string{true: db.at.TLS.CA}[secure]))
	}
	file("orders.yaml", db.at.Addr(), false)
	file("secure.yaml", db.at.SecureAddr(), true)
	sh.write("password", "first\n")

	// The user does not exist yet.
	sh.wants(sh.run(3, "check", "orders.yaml"), "error[redis-denied]", "user or password is wrong")

	// What ddl prints makes a user that may do just what is needed.
	acl := func(password string) {
		lines := strings.Split(strings.TrimSpace(sh.run(0, "ddl", "orders.yaml")), "\n")
		var words []any
		for _, w := range strings.Fields(strings.Replace(lines[1], ">PASSWORD", ">"+password, 1)) {
			words = append(words, w)
		}
		if err := db.client.Do(t.Context(), words...).Err(); err != nil {
			t.Fatalf("%s: %v", lines[1], err)
		}
	}
	acl("first")
	t.Cleanup(func() { db.client.Do(t.Context(), "ACL", "DELUSER", prefix) })
	sh.wants(sh.run(0, "check", "orders.yaml"), "redis 7.0", "user "+prefix, "none yet", "the user may write "+prefix+":{"+string(s.group)+"}:shop", "exactly once",
		"3 offsets")
	if n := db.client.Exists(t.Context(), prefix+":{"+string(s.group)+"}", prefix+"::ledger").Val(); n != 0 {
		t.Error("check made a ledger")
	}

	sh.run(0, "run", "orders.yaml", "--until", "end")
	key := prefix + ":{" + string(s.group) + "}"
	first := map[string]string{
		"HGETALL " + key + ":ams":          "map[euros:2 orders:1]",
		"HGETALL " + key + ":ber":          "map[euros:3 orders:1]",
		"HGETALL " + key + ":cph":          "map[euros:10 orders:1]",
		"HGETALL " + key + ":last":         "map[ams:0/0 at ams:10:00 at ber:11:30 at cph:12:00 ber:0/1 cph:1/0]",
		"SMEMBERS " + key + ":days":        "[2026-01-03]",
		"XLEN " + key + ":log":             "2",
		"ZSCORE " + key + ":top BER":       "399",
		"ZRANGE " + key + ":size 0 -1":     "[ams ber cph]",
		"GET " + key + ":topic":            topic,
		"HLEN " + key:                      "2",
		"HEXISTS " + key + ":head version": "1",
	}
	holds := func(when string, want map[string]string) {
		t.Helper()
		for command, want := range want {
			var words []any
			for _, w := range strings.Fields(command) {
				words = append(words, w)
			}
			got, err := db.client.Do(t.Context(), words...).Result()
			if fmt.Sprint(got) != want || err != nil {
				t.Errorf("%s: %s is %v, %v, want %s", when, command, got, err, want)
			}
		}
	}
	holds("after the first run", first)
	sh.wants(sh.run(0, "check", "orders.yaml"), "version 1, in the hash "+prefix+":{group}", "0 unread")

	// By TLS, once more: what counted, counted once.
	sh.wants(sh.run(0, "check", "secure.yaml"), "by TLS", db.at.SecureAddr())
	sh.run(0, "run", "secure.yaml", "--until", "end")
	holds("after a second run", first)

	// The password changes: the file behind it is read again.
	acl("second")
	sh.wants(sh.run(3, "check", "orders.yaml"), "error[redis-denied]")
	sh.write("password", "second\n")
	sh.wants(sh.run(0, "check", "orders.yaml"), "exactly once")

	// An operator looks, rewinds, reads what happened, and proves it.
	sh.wants(sh.run(0, "offsets", "show", "orders.yaml"), "redis://"+prefix+":***@"+db.at.Addr()+"/0")
	sh.wants(sh.run(0, "offsets", "set", "orders.yaml", "--to", "earliest", "--execute", "--why", "count again"), "verified")
	sh.run(0, "run", "orders.yaml", "--until", "end")
	holds("after a rewind", map[string]string{"HGETALL " + key + ":ams": "map[euros:4 orders:2]", "XLEN " + key + ":log": "4", "SMEMBERS " + key + ":days": "[2026-01-03]"})
	sh.wants(sh.run(0, "moves", "orders.yaml"), "rewind", "oncall@bastion", "count again")
	sh.wants(sh.run(3, "audit", "orders.yaml"), "chain ok 2 partitions", "2 rewinds", "rows -- not checked", "NOT PROVEN: the rows were not checked")
	sh.wants(sh.run(0, "offsets", "repair", "orders.yaml"), "nothing to choose")

	// A right is taken away: check names it before a run does.
	if err := db.client.Do(t.Context(), "ACL", "SETUSER", prefix, "-xadd").Err(); err != nil {
		t.Fatal(err)
	}
	sh.wants(sh.run(3, "check", "orders.yaml"), "error[redis-denied]", "XADD "+key+":log", "fencepost ddl orders.yaml")
}

// TestRedisBadRow: a null argument parks the record's partition, naming the column; the others go on.
func TestRedisBadRow(t *testing.T) {
	t.Parallel()
	db := newRedisStore(t, servers.Redis(t))
	s := newScene(t, servers.Kafka(t), db)
	topic := s.topic(2)
	s.produce(at(topic, 0), `{"shop": "ams", "cents": 1}`, `{"shop": "ams", "cents": null}`, `{"shop": "ams", "cents": 1}`)
	s.produce(at(topic, 1), `{"shop": "ber", "cents": 7}`)
	sh := &shell{t: t, binary: build(t), dir: t.TempDir(), env: []string{"REDIS_PASSWORD=" + servers.RedisPassword}}
	sh.write("a.yaml", fmt.Sprintf(`group: %s
source: {brokers: [%s], topics: [%s], start: earliest}
schema: {shop: text, cents: {type: int, mismatch: null}}
sink:
  redis:
    addr: %s
    password: ${REDIS_PASSWORD}
    commands:
      - HINCRBY %[1]s:{group} {shop} {cents}
      - HINCRBY %[1]s:{group} twice {cents * 2}
`, s.group, s.broker.Plaintext, topic, db.at.Addr()))
	out := sh.run(3, "run", "a.yaml", "--until", "end")
	sh.wants(out, "record-refused", "column cents is null")
	got, err := db.client.HGetAll(t.Context(), fmt.Sprintf("%s:{%[1]s}", s.group)).Result()
	if want := "map[ams:1 ber:7 twice:16]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("Redis holds %v, %v, want %s", got, err, want)
	}
}

// TestRedisThatEvicts: a server that may drop the ledger is refused, by check and by run.
func TestRedisThatEvicts(t *testing.T) {
	t.Parallel()
	at := servers.OwnRedis(t, "maxmemory-policy allkeys-lru")
	s := newScene(t, servers.Kafka(t), nil)
	sh := &shell{t: t, binary: build(t), dir: t.TempDir(), env: []string{"REDIS_PASSWORD=" + servers.RedisPassword}}
	sh.write("a.yaml", fmt.Sprintf("group: %s\nsource: {brokers: [%s], topics: [%s]}\nschema: {shop: text}\nsink:\n  redis:\n    addr: %s\n"+
		"    password: ${REDIS_PASSWORD}\n    commands:\n      - SADD shops {shop}\n", s.group, s.broker.Plaintext, s.topic(1), at.Addr()))
	sh.wants(sh.run(3, "check", "a.yaml"), "error[redis-evicts]", "allkeys-lru", "a.yaml:6")
	sh.wants(sh.run(4, "run", "a.yaml", "--until", "end"), "redis-evicts", "CONFIG SET maxmemory-policy noeviction")
}

// S19: a server that was emptied is no beginning: show and check report what the group's mirror knows, as run does. And check
// reports what the server keeps through a crash, as a part of the promise.
func TestS19RedisThatWasEmptied(t *testing.T) {
	t.Parallel()
	at := servers.OwnRedis(t, "appendfsync everysec")
	s := newScene(t, servers.Kafka(t), nil)
	topic := s.topic(1)
	s.produce(fencepost.TopicPartition{Topic: topic}, `{"shop":"ams"}`)
	sh := &shell{t: t, binary: build(t), dir: t.TempDir(), env: []string{"REDIS_PASSWORD=" + servers.RedisPassword}}
	sh.write("a.yaml", fmt.Sprintf("group: %s\nsource: {brokers: [%s], topics: [%s], start: earliest}\nschema: {shop: text}\nsink:\n  redis:\n    addr: %s\n"+
		"    password: ${REDIS_PASSWORD}\n    commands:\n      - SADD shops {shop}\n", s.group, s.broker.Plaintext, topic, at.Addr()))
	sh.wants(sh.run(0, "check", "a.yaml"), "appendonly yes, appendfsync everysec: a crash of its host loses the last two seconds",
		"This server: appendonly yes, appendfsync everysec")
	sh.run(0, "run", "a.yaml", "--until", "end")
	client := goredis.NewClient(&goredis.Options{Addr: at.Addr(), Password: servers.RedisPassword})
	defer client.Close()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	kept := fmt.Sprintf("error[other-ledger]: group %s is kept by ledger", s.group)
	sh.wants(sh.run(4, "offsets", "show", "a.yaml"), kept, "here is none yet")
	sh.wants(sh.run(4, "moves", "a.yaml"), kept)
	sh.wants(sh.run(3, "check", "a.yaml"), "error[other-ledger]")
	sh.wants(sh.run(4, "run", "a.yaml", "--until", "end"), "other-ledger")
}
