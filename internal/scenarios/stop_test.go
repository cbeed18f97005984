//go:build realservers

package scenarios

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost/internal/servers"
)

// TestE3AStopEndsWhateverHangs: `fencepost run` ends at a SIGTERM though its database, or its broker, or both have stopped to
// answer; with 0 where all was committed, else with 1, naming the lane whose commit it left. Nothing is lost or doubled:
// the next run goes on behind it.
func TestE3AStopEndsWhateverHangs(t *testing.T) {
	built, broker, db := program(t), servers.OwnKafka(t), servers.OwnPostgres(t)
	for _, c := range []struct {
		name             string
		database, broker bool // hangs
		status           int
	}{
		{"nothing", false, false, 0},
		{"the database", true, false, 1},
		{"the broker", false, true, 0},
		{"both", true, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, broker.Broker, nil)
			topic := s.topic(1)
			dsn := db.Database(t)
			conn, err := pgx.Connect(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			if _, err := conn.Exec(t.Context(), "create table seen (n bigint)"); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "stop.yaml")
			if err := os.WriteFile(file, fmt.Appendf(nil, "group: %s\nsource: {brokers: ['%s'], topics: [%s], start: earliest}\n"+
				"decode: json\nschema: {n: int}\nsink: {postgres: {dsn: '%s', table: seen}}\ndrain: 2s\nlog_format: json\n", s.group, broker.Plaintext, topic, dsn), 0o600); err != nil {
				t.Fatal(err)
			}
			rows := func() (n int) {
				t.Helper()
				if err := conn.QueryRow(t.Context(), "select count(*) + count(distinct n) from seen").Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n / 2 // no number is there twice
			}
			reach := func(want int) {
				t.Helper()
				eventually(t, fmt.Sprintf("%d rows stand", want), func() error {
					if n := rows(); n != want {
						return fmt.Errorf("%d rows", n)
					}
					return nil
				})
			}
			run := launch(t, exec.Command(built, "run", file))
			s.produce(at(topic, 0), `{"n":1}`)
			reach(1)
			if c.database {
				hangInCommit(t, conn, func() { s.produce(at(topic, 0), `{"n":2}`) })
				db.Freeze()
			}
			if c.broker {
				broker.Freeze()
			}
			began := time.Now()
			run.signal(syscall.SIGTERM)
			select {
			case <-run.done:
			case <-time.After(patience):
				t.Fatalf("it still runs:\n%s", run.log)
			}
			t.Logf("it ended after %s", time.Since(began).Round(time.Millisecond))
			status := 0
			if exit, ok := errors.AsType[*exec.ExitError](run.err); ok {
				status = exit.ExitCode()
			}
			if status != c.status {
				t.Errorf("exit %d, want %d\n%s", status, c.status, run.log)
			}
			if c.status == 1 && !strings.Contains(run.log.String(), "lane 0") {
				t.Errorf("nothing names the lane:\n%s", run.log)
			}
			if c.database {
				db.Thaw()
				if _, err := conn.Exec(t.Context(), "rollback"); err != nil {
					t.Fatal(err)
				}
			}
			if c.broker {
				broker.Thaw()
			}
			launch(t, exec.Command(built, "run", file, "-q"))
			s.write(s.client(kgo.ClientID("after")), records(at(topic, 0), `{"n":3}`)...)
			reach(map[bool]int{false: 2, true: 3}[c.database])
		})
	}
}

// hangInCommit locks the table that a worker writes into, and returns when the worker waits for it with the record that
// produce makes.
func hangInCommit(t *testing.T, conn *pgx.Conn, produce func()) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), "begin; lock table seen in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	produce()
	eventually(t, "a commit waits for the table", func() error {
		var n int
		err := conn.QueryRow(t.Context(), "select count(*) from pg_stat_activity where wait_event_type = 'Lock'").Scan(&n)
		if err == nil && n == 0 {
			err = errors.New("none waits")
		}
		return err
	})
}
