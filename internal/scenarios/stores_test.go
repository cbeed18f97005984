//go:build realservers

package scenarios

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// breakage is something that happens to a store under a running worker.
type breakage struct {
	name string
	said string // what the worker's log says of it; empty: it may be over before anything is said
	do   func(*ring)
	// undo ends it; nil: it was over at once. A record is on its way in between.
	undo func(*ring)
}

// TestStoresBreakUnderAWorker breaks the server of a worker's store in every way that passes, with a record on its way each time: the worker
// says what it waits for, and goes on by itself. Each invariant holds afterwards (internal/chaos).
func TestStoresBreakUnderAWorker(t *testing.T) {
	t.Parallel()
	built := build(t)
	for store, list := range map[string][]breakage{"postgres": postgresBreaks(), "mariadb": mariaDBBreaks(), "redis": redisBreaks()} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			r := newCalmRing(t, campaign{seed: 1, store: store, own: true}, built)
			r.some(1)
			for _, b := range list {
				b.do(r)
				r.produced(1)
				if b.said != "" {
					r.said(b.said)
				}
				if b.undo != nil {
					b.undo(r)
				}
				began := time.Now()
				r.some(2)
				t.Logf("%s: applied %s after its end", b.name, time.Since(began).Round(time.Millisecond))
			}
			r.wantRight()
		})
	}
}

// said waits until the worker has said a word since the last time, and forgets what it said.
func (r *ring) said(word string) {
	r.t.Helper()
	said := r.crew[0].log
	eventually(r.t, "the worker says "+word, func() error {
		if text := said.String(); !strings.Contains(text, word) {
			return fmt.Errorf("it says\n%s", text)
		}
		return nil
	})
	said.forget()
}

func stopStore(r *ring)  { r.kit.server().Stop() }
func killStore(r *ring)  { r.kit.server().Kill() }
func startStore(r *ring) { r.kit.server().Start() }

func postgresBreaks() []breakage {
	on := func(sql string) func(*ring) {
		return func(r *ring) {
			if r.kit.(*chaosPostgres).do(sql) == nil {
				r.t.Fatalf("%s was not done", sql)
			}
		}
	}
	const end = "; select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
	var crowd []*pgx.Conn
	return []breakage{
		{"a fast restart", "database-", stopStore, startStore},
		{"an immediate restart", "database-", func(r *ring) { r.kit.(*chaosPostgres).own.Quit() }, startStore},
		{"kill -9", "database-", killStore, startStore},
		{"its sessions are ended", "", on("select 1" + end), nil},
		{"it becomes read-only", "database-read-only", on(readOnly("on") + end), on(readOnly("off") + end)},
		{"too many connections", "too-many-connections", func(r *ring) { crowd = crowded(r) }, func(r *ring) {
			for _, c := range crowd {
				_ = c.Close(context.Background())
			}
		}},
		{"its disk is full", "disk-full", func(r *ring) { r.kit.(*chaosPostgres).fill(); r.produced(1000) }, func(r *ring) { r.kit.(*chaosPostgres).empty() }},
	}
}

// readOnly says whether new sessions of the database write.
func readOnly(is string) string {
	return "begin read write; do $$ begin execute format('alter database %I set default_transaction_read_only = " + is + "', current_database()); end $$; commit"
}

// crowded takes every connection that the server has, those of the worker too.
func crowded(r *ring) (all []*pgx.Conn) {
	r.t.Helper()
	s := r.kit.(*chaosPostgres)
	full := func() bool {
		c, err := pgx.Connect(r.t.Context(), s.dsn.String())
		if err == nil {
			all = append(all, c)
		}
		return err != nil
	}
	eventually(r.t, "the worker's places are taken", func() error {
		for !full() { // each session that ended has left a place
		}
		ended := 0
		err := all[0].QueryRow(r.t.Context(), "select count(pg_terminate_backend(pid)) from pg_stat_activity where backend_type = 'client backend' and application_name like 'fencepost%'").Scan(&ended)
		if err == nil && ended > 0 {
			err = fmt.Errorf("%d of its sessions lived", ended)
		}
		return err
	})
	return all
}

func mariaDBBreaks() []breakage {
	return []breakage{
		{"a restart", "database-", stopStore, startStore},
		{"kill -9", "database-", killStore, startStore},
		{"its sessions are ended", "", func(r *ring) { must(r.t, r.kit.(*chaosMariaDB).terminate(r.t.Context())) }, nil},
	}
}

func redisBreaks() []breakage {
	do := func(words ...any) func(*ring) {
		return func(r *ring) { must(r.t, r.kit.(*chaosRedis).client.Do(r.t.Context(), words...).Err()) }
	}
	return []breakage{
		{"a restart", "redis-unreachable", stopStore, startStore},
		{"kill -9", "redis-unreachable", killStore, startStore},
		{"it forgets its scripts", "", do("SCRIPT", "FLUSH"), nil},
		{"its sessions are ended", "", do("CLIENT", "KILL", "TYPE", "normal"), nil},
		{"it takes no writes", "", do("CLIENT", "PAUSE", "3000", "WRITE"), do("CLIENT", "UNPAUSE")},
		{"its memory is full", "redis-full", do("CONFIG", "SET", "maxmemory", "1"), do("CONFIG", "SET", "maxmemory", "0")},
	}
}
