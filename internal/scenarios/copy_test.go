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
	"github.com/fencepost/fencepost/connector/redis"
	"github.com/fencepost/fencepost/connector/zookeeper"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	goredis "github.com/redis/go-redis/v9"
)

// command builds the program once for a test.
func command(t *testing.T) func(status int, args ...string) string {
	t.Helper()
	return commandOf(t, program(t))
}

func program(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "fencepost")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/fencepost").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// commandOf runs the program, and wants an exit status.
func commandOf(t *testing.T, program string) func(status int, args ...string) string {
	return func(status int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Stdout, cmd.Stderr = &out, &out
		cmd.Env = append(os.Environ(), "PW="+servers.RedisPassword, "FENCEPOST_WHO=oncall@bastion")
		err := cmd.Run()
		got := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			got, err = exit.ExitCode(), nil
		}
		if err != nil || got != status {
			t.Fatalf("fencepost %s: exit %d (%v), want %d\n%s", strings.Join(args, " "), got, err, status, &out)
		}
		if strings.Contains(out.String(), servers.RedisPassword) {
			t.Errorf("fencepost %s shows the password:\n%s", strings.Join(args, " "), &out)
		}
		return out.String()
	}
}

// oldOffsets is where an old job kept its offsets: 30 of partition 0, 20 of partition 1, both next to read.
var oldOffsets = []struct {
	name    string
	meaning bool // it has to be given
	fill    func(t *testing.T, s *scene, topic string) (url string)
}{
	{"a Kafka group", true, func(_ *testing.T, s *scene, topic string) string {
		s.commitOffset(at(topic, 0), 30)
		s.commitOffset(at(topic, 1), 20)
		return fmt.Sprintf("kafka://%s?group=%s&layout=kafka", s.broker.Plaintext, s.group)
	}},
	{"pattern A's hash", true, func(t *testing.T, s *scene, topic string) string {
		server := servers.Redis(t)
		key := servers.Name(t) + ":spark:orders"
		c := goredis.NewClient(&goredis.Options{Addr: server.Addr(), Password: servers.RedisPassword})
		defer func() { _ = c.Close() }()
		if err := c.HSet(t.Context(), key, topic+"|0", "10|30", topic+"|1", "0|20").Err(); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("redis://:${PW}@%s/0?layout=pattern-a&key=%s", server.Addr(), key)
	}},
	{"pattern B's nodes", true, func(t *testing.T, s *scene, topic string) string {
		server := servers.ZooKeeper(t)
		group := servers.Name(t)
		lay, err := zookeeper.OpenLayout(zookeeper.Config{Servers: []string{server.Addr()}}, zookeeper.LayoutConfig{Form: zookeeper.FormConsumers, Group: fencepost.Group(group)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = lay.Close() }()
		old := map[fencepost.TopicPartition]fencepost.OffsetRange{at(topic, 0): {Until: 30}, at(topic, 1): {Until: 20}}
		if err := lay.(foreign.LiveLayout).Put(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("zk://%s/consumers/%s?layout=consumers", server.Addr(), group)
	}},
	{"a ledger in Redis", false, func(t *testing.T, s *scene, topic string) string {
		server := servers.Redis(t)
		key := servers.Name(t) + ":{group}"
		l, err := redis.OpenLedger(redis.Config{Addr: server.Addr(), Password: servers.RedisPassword, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		var moves []ledger.Move
		for p, offset := range []fencepost.Offset{30, 20} {
			moves = append(moves, ledger.Move{TopicPartition: at(topic, int32(p)), Cause: ledger.CauseStart, Partitions: 2,
				Next: ledger.Position{Offset: offset, LeaderEpoch: fencepost.NoEpoch, Fence: 7}})
		}
		if err := l.Move(t.Context(), ledger.Actor{Group: s.group}, moves); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("redis://:${PW}@%s/0?group=%s&key=%s", server.Addr(), s.group, key)
	}},
}

// What an old job left is shown, held against the brokers, and copied into Postgres as the beginning of a pipeline, which
// goes on exactly there; the old offsets are not changed.
func TestOldOffsetsBecomeAPipeline(t *testing.T) {
	fencepostCommand := command(t)
	for _, old := range oldOffsets {
		t.Run(old.name, func(t *testing.T) {
			s := onPostgres(t)
			topic := s.topic(2)
			s.fill(at(topic, 0), 40)
			s.fill(at(topic, 1), 20)
			url := old.fill(t, s, topic)
			meaning := []string{"--meaning", "next"}
			if !old.meaning {
				meaning = nil
			}
			with := func(args ...string) []string { return append(args, meaning...) }

			e := s.errand(topic)
			file := filepath.Join(t.TempDir(), "pipeline.yaml")
			text := fmt.Sprintf("group: %s-new\nsource: {brokers: ['%s'], topics: ['%s']}\ndecode: raw\nsink: {postgres: {dsn: '%s', table: seen}}\n",
				s.group, s.broker.Plaintext, topic, e.DSN)
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if old.meaning {
				if out := fencepostCommand(2, "offsets", "copy", url, file); !strings.Contains(out, "last-processed would resume past it") {
					t.Errorf("without a meaning:\n%s", out)
				}
			}
			if out := fencepostCommand(0, with("offsets", "show", url, "--brokers", s.broker.Plaintext)...); !strings.Contains(out, topic+":0") {
				t.Errorf("show:\n%s", out)
			}
			fencepostCommand(1, with("offsets", "diff", url, file)...) // the pipeline has no ledger, and looking makes none
			plan := fencepostCommand(0, with("offsets", "copy", url, file)...)
			if !strings.Contains(plan, "no ledger yet") || !strings.Contains(plan, "Nothing was changed.") {
				t.Errorf("plan:\n%s", plan)
			}
			done := fencepostCommand(0, with("offsets", "copy", url, file, "--why", "INC-1", "--execute")...)
			if !strings.Contains(done, "verified   2 of 2 partitions read back; A was not changed") {
				t.Errorf("executed:\n%s", done)
			}
			if out := fencepostCommand(0, with("offsets", "diff", url, file)...); !strings.Contains(out, "2 equal.") {
				t.Errorf("diff after the copy:\n%s", out)
			}
			fencepostCommand(0, "run", file, "--resume", "--until", "end", "-q")
			s.wantRows(at(topic, 0), span(30, 40)...)
			s.wantRows(at(topic, 1))
			if out := fencepostCommand(3, with("offsets", "diff", url, file)...); !strings.Contains(out, "-10") {
				t.Errorf("diff after the run: the old offsets were changed:\n%s", out)
			}
			if out := fencepostCommand(0, "moves", file); !strings.Contains(out, "import") || !strings.Contains(out, "INC-1; from ") {
				t.Errorf("moves:\n%s", out)
			}
		})
	}
}
