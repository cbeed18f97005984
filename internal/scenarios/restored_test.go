//go:build realservers

package scenarios

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/fencepost/fencepost/connector/redis"
	"github.com/fencepost/fencepost/internal/chaos"
	"github.com/fencepost/fencepost/internal/servers"
)

// looksAway ends the look at the positions: a store that went back shows them going back.
func (r *ring) looksAway() {
	r.t.Helper()
	r.eyes.close()
	for _, v := range r.eyes.found() {
		r.t.Error(v)
	}
	r.eyes.watch, r.eyes.mu.found = chaos.Watch{}, nil
}

// A Redis whose replica has not all of it fails over: rows and position went back together, so what was lost is applied again, and reported.
func TestRedisFailsOverToAReplicaThatLostItsTail(t *testing.T) {
	t.Parallel()
	r := newCalmRing(t, campaign{seed: 1, store: "redis", own: true}, build(t))
	a, b := r.kit.(*chaosRedis), servers.OwnRedis(t)
	replica := goredis.NewClient(&goredis.Options{Addr: b.Addr(), Password: servers.RedisPassword})
	t.Cleanup(func() { _ = replica.Close() })
	must(t, replica.ConfigSet(t.Context(), "masterauth", servers.RedisPassword).Err())
	must(t, replica.Do(t.Context(), "REPLICAOF", a.at.Host, a.at.Port).Err())
	r.some(5)
	eventually(t, "the replica has everything", func() error {
		n, err := a.client.Do(t.Context(), "WAIT", 1, 1000).Int()
		if err == nil && n != 1 {
			err = fmt.Errorf("%d replicas have it", n)
		}
		return err
	})
	must(t, replica.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err())
	r.some(5) // which it will never have
	r.looksAway()
	a.own.Kill()
	book, err := redis.OpenLedger(redis.Config{Addr: b.Addr(), Password: servers.RedisPassword})
	must(t, err)
	t.Cleanup(func() { _ = book.Close() })
	a.book, a.client = book, replica
	r.wires[0].Lead(b.Addr())
	r.said("sink went back")
	r.some(2)
	r.wantRight()
}

// FLUSHALL under a running worker leaves an empty ledger, which is no beginning: nothing is written into it.
func TestRedisIsEmptiedUnderAWorker(t *testing.T) {
	t.Parallel()
	r := newCalmRing(t, campaign{seed: 1, store: "redis", own: true}, build(t))
	r.some(3)
	r.looksAway()
	s := r.kit.(*chaosRedis)
	must(t, s.client.FlushAll(t.Context()).Err())
	r.produced(2)
	r.said(`"code":"other-ledger"`)
	<-r.crew[0].done
	if rows, err := s.rows(t.Context(), parts); err != nil || count(rows) > 0 {
		t.Errorf("the emptied server has %d rows, %v", count(rows), err)
	}
}

// A database that was restored from an older backup went back with its ledger. What the brokers hold still is applied again; where they
// deleted some of it, the partition parks.
func TestPostgresIsRestoredUnderAWorker(t *testing.T) {
	t.Parallel()
	built := build(t)
	for name, kept := range map[string]bool{"with the records": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newCalmRing(t, campaign{seed: 1, store: "postgres", own: true}, built)
			r.some(3)
			server := r.kit.(*chaosPostgres).own
			backup := server.DataDir + ".backup"
			server.Stop()
			copyFolder(t, server.DataDir, backup)
			server.Start()
			r.some(4)
			r.looksAway()
			server.Stop()
			must(t, os.RemoveAll(server.DataDir))
			copyFolder(t, backup, server.DataDir)
			if !kept {
				r.deleteBefore(at(r.topic, 0), 6)
			}
			server.Start()
			if kept {
				r.said("sink went back")
				r.some(2)
				r.wantRight()
				return
			}
			r.produced(1)
			r.said("aged-out")
			if rows, err := r.kit.rows(t.Context(), parts); err != nil || len(rows[at(r.topic, 0)]) != 3 {
				t.Errorf("the restored database has %v, %v, want the 3 rows of the backup", rows, err)
			}
		})
	}
}

// copyFolder copies a folder with its owners.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copy %s: %v: %s", from, err, out)
	}
}
