//go:build realservers

package scenarios

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fencepost/fencepost/internal/servers"
)

// TestBootOrderDoesNotMatter: a worker that is started before its database, or before its brokers, says what it waits for, and begins by
// itself once they are there.
func TestBootOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	binary := build(t)
	const pipeline = "group: %s\nsource: {brokers: [%q], topics: [%s]}\nschema: {n: int}\nsink: {postgres: {dsn: %q, table: hits}}\nlog_format: json\n"
	boot := func(t *testing.T, s *scene, dsn, code string, late *servers.Own) {
		store := openPostgresStore(t, dsn, "create table hits (n bigint)")
		topic := s.topic(1)
		s.produce(at(topic, 0), `{"n":1}`, `{"n":2}`, `{"n":3}`)
		file := filepath.Join(t.TempDir(), "pipeline.yaml")
		must(t, os.WriteFile(file, fmt.Appendf(nil, pipeline, s.group, s.broker.Plaintext, topic, dsn), 0o600))
		late.Stop()
		p := launch(t, exec.Command(binary, "run", file))
		eventually(t, "the worker says that it waits", func() error {
			if said := p.log.String(); !strings.Contains(said, `"what":"open"`) || !strings.Contains(said, `"code":"`+code+`"`) {
				return fmt.Errorf("it says\n%s", said)
			}
			return nil
		})
		late.Start()
		again := connect(t, dsn)
		eventually(t, "the worker applies what was there", func() (err error) {
			n := 0
			if err = again.QueryRow(t.Context(), "select count(*) from hits").Scan(&n); err == nil && n != 3 {
				err = fmt.Errorf("%d rows", n)
			}
			return err
		})
		store.own.Close()
		p.signal(syscall.SIGTERM)
		<-p.done
		if p.err != nil {
			t.Errorf("stopped: %v", p.err)
		}
	}
	t.Run("database", func(t *testing.T) {
		t.Parallel()
		late := servers.OwnPostgres(t)
		boot(t, newScene(t, servers.Kafka(t), nil), late.Database(t), "database-silent", late.Own)
	})
	t.Run("brokers", func(t *testing.T) {
		t.Parallel()
		late := servers.OwnKafka(t)
		boot(t, newScene(t, late.Broker, nil), servers.Postgres(t).Database(t), "broker-silent", late.Own)
	})
}
