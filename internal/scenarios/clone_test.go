//go:build realservers

package scenarios

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/servers"
)

// clonedDatabase makes a copy of a database, whose connections it ends, and returns its dsn.
func clonedDatabase(t *testing.T, server servers.PostgresServer, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	must(t, err)
	original := strings.TrimPrefix(u.Path, "/")
	clone := strings.ToLower(servers.Name(t))
	admin := connect(t, server.DSN("postgres"))
	exec := func(sql string) error { _, err := admin.Exec(context.WithoutCancel(t.Context()), sql); return err }
	eventually(t, "the database is cloned", func() error { // without a connection to it
		return errors.Join(exec("select pg_terminate_backend(pid) from pg_stat_activity where datname = '"+original+"'"),
			exec("create database "+clone+" template "+original))
	})
	t.Cleanup(func() {
		if err := exec("drop database " + clone + " with (force)"); err != nil {
			t.Error(err)
		}
	})
	return server.DSN(clone)
}

// copyable are stores that can be copied with their ledger: each opens a scene's own, and returns what makes the copy.
var copyable = map[string]func(*testing.T, *scene) (copied func() store){
	"postgres": func(t *testing.T, s *scene) func() store {
		server := servers.Postgres(t)
		dsn := server.Database(t)
		s.store = openPostgresStore(t, dsn, seenDDL)
		return func() store {
			clone := clonedDatabase(t, server, dsn)
			s.store = openPostgresStore(t, dsn, "")
			return openPostgresStore(t, clone, "")
		}
	},
	"sqlite": func(t *testing.T, s *scene) func() store {
		s.store = newSQLiteStore(t, seenDDL)
		return func() store {
			path := filepath.Join(t.TempDir(), "copy.db")
			s.store.exec(t, "vacuum into '"+path+"'")
			return &sqliteStore{path: path}
		}
	},
}

// Two copies of one ledger have one identity. A worker on the copy finds a live member that has entered itself elsewhere, in both protocols:
// it is refused before it joins, and names it; one of the same store joins. The worker that was there goes on, an idle one too.
func TestL11CopyBesideALiveWorker(t *testing.T) {
	t.Parallel()
	for name, open := range copyable {
		for _, protocol := range []kafka.Protocol{kafka.Cooperative, kafka.Consumer} {
			t.Run(name+"/"+protocol.String(), func(t *testing.T) {
				t.Parallel()
				s := newScene(t, servers.Kafka(t), nil)
				copied := open(t, s)
				topic := s.topic(1)
				s.fill(at(topic, 0), 3)
				as := func(who string) func(*setup) {
					return func(set *setup) { set.kafka.Protocol, set.engine.Who = protocol, who }
				}
				s.toEnd([]string{topic}, as("first"))
				clone := copied()
				one := s.run([]string{topic}, as("original")) // it commits nothing new
				s.signed(at(topic, 0), "original")

				f := s.run([]string{topic}, func(set *setup) {
					as("copy")(set)
					set.engine.Sink = clone.sink(t, "seen", "")
				}).fault("other-ledger")
				if codes.Exit(f) != 4 || !strings.Contains(f.Error(), "worker original works on another copy of this ledger") ||
					!strings.Contains(codes.Remedy(f), "point all workers of the group at one server") {
					t.Errorf("refused with exit %d: %s, help %q", codes.Exit(f), f, codes.Remedy(f))
				}

				other := s.run([]string{topic}, as("another"))
				s.fill(at(topic, 0), 2)
				s.eventuallyRows(at(topic, 0), span(0, 5)...)
				other.end()
				one.end()
			})
		}
	}
}
