//go:build realservers

package scenarios

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/redis"
	"github.com/fencepost/fencepost/internal/flights"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// redisStore is a Redis server as a scene sees it: its ledger, and a client apart from the connector's.
type redisStore struct {
	store  // what scenes with rows ask for: nothing here
	at     servers.RedisServer
	client *goredis.Client
	own    *redis.Ledger
}

func newRedisStore(t *testing.T, at servers.RedisServer) *redisStore {
	t.Helper()
	own, err := redis.OpenLedger(redis.Config{Addr: at.Addr(), Password: servers.RedisPassword})
	if err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(&goredis.Options{Addr: at.Addr(), Password: servers.RedisPassword})
	t.Cleanup(func() { own.Close(); client.Close() })
	return &redisStore{at: at, client: client, own: own}
}

func (s *redisStore) ledger() ledger.Ledger { return s.own }

// tap is the wire between one worker and Redis. It sees the script of each commit go, and the first byte of its answer
// come, and kills the worker at one of the two when it is armed.
type tap struct {
	addr   string
	digest string // of the script

	mu struct {
		sync.Mutex
		when string // sent, answered, or nothing
		kill func() // ends the worker, and returns when it is dead
		done chan struct{}
	}
}

func newTap(t *testing.T, upstream string) *tap {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(servers.Address(t), "6379"))
	if err != nil {
		t.Fatal(err)
	}
	tp := &tap{addr: listener.Addr().String(), digest: scriptDigest(t)}
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); listener.Close(); all.Wait() })
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { tp.serve(ctx, client, upstream) })
		}
	})
	return tp
}

// scriptDigest is how the server knows the script of a commit.
func scriptDigest(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile("../../connector/redis/commit.lua")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum(script)
	return hex.EncodeToString(sum[:])
}

// aim has the next commit of the worker kill it. The channel is closed when it is dead.
func (tp *tap) aim(when string, kill func()) <-chan struct{} {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.mu.when, tp.mu.kill, tp.mu.done = when, kill, make(chan struct{})
	return tp.mu.done
}

// met kills the worker if this is the moment. It reports whether it did.
func (tp *tap) met(when string) bool {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if tp.mu.when != when {
		return false
	}
	tp.mu.when = ""
	tp.mu.kill()
	close(tp.mu.done)
	return true
}

// serve passes the bytes of one connection on, both ways.
func (tp *tap) serve(ctx context.Context, client net.Conn, upstream string) {
	server, err := new(net.Dialer).DialContext(ctx, "tcp", upstream)
	if err != nil {
		client.Close()
		return
	}
	over := context.AfterFunc(ctx, func() { client.Close(); server.Close() })
	defer over()
	var out atomic.Bool // a commit's script is out on this connection
	var both sync.WaitGroup
	both.Go(func() {
		pass(client, server, func(b []byte) bool {
			if bytes.Contains(b, []byte(tp.digest)) {
				out.Store(true)
			}
			return true
		}, func() bool { return !out.Load() || !tp.met("sent") })
	})
	both.Go(func() {
		pass(server, client, func([]byte) bool { return !out.Swap(false) || !tp.met("answered") }, func() bool { return true })
	})
	both.Wait()
}

// pass passes bytes on until one side ends, or before or after says no.
func pass(from, to net.Conn, before func([]byte) bool, after func() bool) {
	defer from.Close()
	defer to.Close()
	for buf := make([]byte, 64<<10); ; {
		n, err := from.Read(buf)
		if err != nil || !before(buf[:n]) {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil || !after() {
			return
		}
	}
}

const countersFile = `group: %s
source: {brokers: [%s], topics: [%s], start: earliest}
schema: {date: timestamp, delay: int, distance: int, origin: text, destination: text}
sink:
  redis:
    addr: ${REDIS}
    password: ${REDIS_PASSWORD}
    commands:
      - HINCRBY delays:{group}:{origin} flights 1
      - HINCRBY delays:{group}:{origin} minutes {delay}
      - HINCRBY delays:{group}:{origin} distance {distance}
keep_commits: all
rate: %d
log_format: json
`

// TestFlightsIntoRedisTenKills counts 3,000,000 flights per origin in Redis by two workers. Ten SIGKILLs: four when the
// script had just been sent, four when the server had answered and the worker did not know it, two anywhere. Each flight
// counts exactly once.
func TestFlightsIntoRedisTenKills(t *testing.T) {
	binary, table, b := build(t), flightTable(t), newBarrage(t, 10)
	db := newRedisStore(t, servers.Redis(t))
	f := feedFleet(t, db, b.all(table))
	f.progress = func() (n int64) {
		for tp, p := range f.snapshot().Positions {
			if tp.Topic == f.topic {
				n += int64(p.Offset)
			}
		}
		return n
	}
	file := filepath.Join(t.TempDir(), "flights.yaml")
	must(t, os.WriteFile(file, fmt.Appendf(nil, countersFile, f.group, f.broker.Plaintext, f.topic, b.rate(100_000)), 0o600))
	taps := [2]*tap{newTap(t, db.at.Addr()), newTap(t, db.at.Addr())}
	f.begin = func(i int, _ string) *exec.Cmd {
		cmd := exec.Command(binary, "run", file)
		cmd.Env = append(os.Environ(), "REDIS="+taps[i].addr, "REDIS_PASSWORD="+servers.RedisPassword)
		return cmd
	}
	f.count(taps, b.total, b.kills, 7)
	f.land()
	truth := flights.TruthOf(b.all(table))
	b.wantTruth(t, truth)
	for _, fault := range f.countFaults(db, truth) {
		t.Error(fault)
	}
	sinktest.Chain(t, f.moves(), f.snapshot())
}

// count runs the fleet to the end of the topic, with kills at seeded points of progress.
func (f *fleet) count(taps [2]*tap, total int64, kills int, seed uint64) {
	f.t.Helper()
	rng := rand.New(rand.NewPCG(seed, 3))
	points := make([]int64, kills)
	for i := range points {
		points[i] = total/50 + rng.Int64N(total*8/10)
	}
	slices.Sort(points)
	began, told := time.Now(), map[string]int{}
	f.start(0)
	f.start(1)
	f.joined(0)
	f.joined(1)
	for i, point := range points {
		victim := rng.IntN(2)
		f.await(fmt.Sprintf("kill %d", i+1), point)
		l := f.joined(victim)
		when := []string{"sent", "answered", "anywhere", "sent", "answered"}[i%5]
		if when != "anywhere" {
			select {
			case <-taps[victim].aim(when, l.kill):
			case <-time.After(patience):
				f.t.Fatalf("worker %s sent no script within %s\n%s", l.name, patience, l.log)
			}
		}
		told[when]++
		f.end(victim)
	}
	f.await("the end", total)
	f.t.Logf("%d records in %s; kills %v", total, time.Since(began).Round(time.Millisecond), told)
}

// countFaults is everything in which the counters and the ledger differ from the truth.
func (f *fleet) countFaults(db *redisStore, truth flights.Truth) (faults []string) {
	f.t.Helper()
	prefix := fmt.Sprintf("delays:{%s}:", f.group)
	keys, err := db.client.Keys(f.t.Context(), strings.NewReplacer("[", `\[`, "]", `\]`, "*", `\*`, "?", `\?`).Replace(prefix)+"*").Result()
	if err != nil {
		f.t.Fatal(err)
	}
	var sum flights.Total
	for _, key := range keys {
		fields, err := db.client.HGetAll(f.t.Context(), key).Result()
		if err != nil {
			f.t.Fatal(err)
		}
		got := flights.Total{Rows: number(f.t, fields["flights"]), Delay: number(f.t, fields["minutes"]), Distance: number(f.t, fields["distance"])}
		origin := strings.TrimPrefix(key, prefix)
		if want := truth.Origins[origin]; got != want || len(fields) != 3 {
			faults = append(faults, fmt.Sprintf("of %s Redis holds %+v, the truth is %+v", origin, got, want))
		}
		sum = flights.Total{Rows: sum.Rows + got.Rows, Delay: sum.Delay + got.Delay, Distance: sum.Distance + got.Distance}
	}
	if sum != truth.Total {
		faults = append(faults, fmt.Sprintf("Redis holds %+v, the truth is %+v", sum, truth.Total))
	}
	if len(keys) != len(truth.Origins) {
		faults = append(faults, fmt.Sprintf("%d origins, the truth is %d", len(keys), len(truth.Origins)))
	}
	for p, end := range f.ends {
		if at := f.position(at(f.topic, p)).Offset; at != fencepost.Offset(end) {
			faults = append(faults, fmt.Sprintf("partition %d is at %d, its log ends at %d", p, at, end))
		}
	}
	return faults
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
