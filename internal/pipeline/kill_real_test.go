//go:build realservers

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/servers"
)

// errand, in its environment, makes this test binary a worker: it runs the file of that name until it is killed.
const errand = "PIPELINE_TEST_RUNS"

func TestMain(m *testing.M) {
	if name := os.Getenv(errand); name != "" {
		if err := work(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	servers.Main(m)
}

func work(name string) error {
	f, err := Load(name, keys.Process())
	if err != nil {
		return err
	}
	ctx := context.Background()
	o, err := Open(ctx, f, Hooks{})
	if err != nil {
		return err
	}
	cfg := o.Config()
	cfg.Until, cfg.Events = engine.Until{End: true}, func(engine.Event) {}
	return errors.Join(engine.Run(ctx, cfg), o.Close())
}

// Workers are killed with SIGKILL, again and again, wherever they are: no record is lost, each kill repeats one batch at
// most, and position and chain are right.
func TestLedgerApartKilled(t *testing.T) {
	const records, most = 2000, 25
	for kind, said := range ledgersApart(t) {
		if kind == "redis by TLS" {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			topic := newTopic(t)
			topic.produce(records)
			rows := newRows(t)
			text := fileText(topic, rows.sink()+"ledger: {"+said+"}\nkeep_commits: all\nbatch: {records: 25}\n")
			name := filepath.Join(t.TempDir(), "f.yaml")
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			const kills = 3
			killed := 0
			for i := range kills {
				killed += killBehind(t, name, func() int64 { return rows.count("") }, int64(3*records*(i+1)/(kills+1)))
			}
			f := fileOf(t, topic, rows.sink()+"ledger: {"+said+"}\nkeep_commits: all\n")
			run(t, f)
			doubled := rows.count("") - 3*records
			t.Logf("%d killed, %d rows stand twice", killed, doubled)
			if got := rows.distinct(); got != 3*records || doubled > int64(killed*most) || killed == 0 {
				t.Errorf("%d records have rows, want %d; %d rows stand twice after %d kills in batches of %d", got, 3*records, doubled, killed, most)
			}
			resources, err := opened(t, f).Resources()
			if err != nil {
				t.Fatal(err)
			}
			stands(t, resources, topic.name, records)
			proven(t, resources)
		})
	}
}

// killBehind runs a worker and kills it when so many rows are there; 0: it was done before.
func killBehind(t *testing.T, name string, count func() int64, at int64) (killed int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), errand+"="+name, "PW="+servers.RedisPassword)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	limit := time.After(patience)
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("the worker ended by itself: %v", err)
			}
			return 0
		case <-limit:
			t.Fatalf("%d rows do not stand within %s", at, patience)
		default: // looked at without a pause, so that some kills fall between a batch's effects and its move
		}
		if count() >= at {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-done
			return 1
		}
	}
}
