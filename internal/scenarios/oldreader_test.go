//go:build realservers

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost/internal/servers"
)

const oldReaderFile = `group: %s
source: {brokers: [%s], topics: [%s], start: earliest}
decode: raw
batch: {records: 20}
sink:
  redis:
    addr: %s
    password: ${PW}
    key: %s:spark:{group}
    commands: ['HINCRBY %[5]s:seen {_partition}/{_offset} 1']
`

// oldReader is a job that was written for pattern A: it splits field and value at |, and takes the first two parts.
type oldReader struct {
	client    *goredis.Client
	key, seen string // of the offsets, and of one field for each record that was applied
}

// read is each partition's range, and how many records were applied at that moment.
func (r oldReader) read(ctx context.Context) (ranges map[int32][2]int64, applied int64, err error) {
	var hash *goredis.MapStringStringCmd
	var seen *goredis.IntCmd
	if _, err := r.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		hash, seen = p.HGetAll(ctx, r.key), p.HLen(ctx, r.seen)
		return nil
	}); err != nil {
		return nil, 0, err
	}
	ranges = map[int32][2]int64{}
	for field, value := range hash.Val() {
		f, v := strings.Split(field, "|"), strings.Split(value, "|")
		if len(f) != 2 || len(v) < 2 {
			return nil, 0, fmt.Errorf("%s = %s is not of its form", field, value)
		}
		p, err1 := strconv.ParseInt(f[1], 10, 32)
		from, err2 := strconv.ParseInt(v[0], 10, 64)
		until, err3 := strconv.ParseInt(v[1], 10, 64)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, 0, fmt.Errorf("%s = %s: %w", field, value, err)
		}
		ranges[int32(p)] = [2]int64{from, until}
	}
	return ranges, seen.Val(), nil
}

// follow reads again and again until stop: ranges hold, nothing goes back, and what was applied is what they say.
func (r oldReader) follow(ctx context.Context, stop <-chan struct{}) (reads int, err error) {
	last := map[int32]int64{}
	pace := time.NewTicker(2 * time.Millisecond) // a reader beside others
	defer pace.Stop()
	for {
		select {
		case <-stop:
			return reads, nil
		case <-pace.C:
		}
		ranges, applied, err := r.read(ctx)
		if err != nil {
			return reads, err
		}
		sum := int64(0)
		for p, at := range ranges {
			if at[0] > at[1] || at[1] < last[p] {
				return reads, fmt.Errorf("partition %d reads [%d .. %d) after %d", p, at[0], at[1], last[p])
			}
			last[p] = at[1]
			sum += at[1]
		}
		if sum != applied {
			return reads, fmt.Errorf("the ranges end at %v, and %d records were applied", last, applied)
		}
		reads++
	}
}

// TestOldReadersOfOurHash is pattern A the other way: while a pipeline runs, is killed and runs again, its hash is read
// by a job that knows the old form alone. Then the pipeline goes, the job goes on at each until, and every record was
// counted once.
func TestOldReadersOfOurHash(t *testing.T) {
	t.Parallel()
	db := newRedisStore(t, servers.Redis(t))
	s := newScene(t, servers.Kafka(t), db)
	topic, prefix := s.topic(2), strings.ToLower(servers.Name(t))
	sh := &shell{t: t, binary: build(t), dir: t.TempDir(), env: []string{"PW=" + servers.RedisPassword}}
	sh.write("a.yaml", fmt.Sprintf(oldReaderFile, s.group, s.broker.Plaintext, topic, db.at.Addr(), prefix))
	reader := oldReader{client: db.client, key: prefix + ":spark:{" + string(s.group) + "}", seen: prefix + ":seen"}

	type followed struct {
		reads int
		err   error
	}
	stop, done := make(chan struct{}), make(chan followed, 1)
	go func() {
		reads, err := reader.follow(context.WithoutCancel(t.Context()), stop)
		done <- followed{reads, err}
	}()
	reached := func(until int64) {
		t.Helper()
		eventually(t, fmt.Sprintf("the hash is at %d", until), func() error {
			ranges, _, err := reader.read(t.Context())
			if err == nil && (ranges[0][1] != until || ranges[1][1] != until) {
				err = fmt.Errorf("it reads %v", ranges)
			}
			return err
		})
	}
	for round, how := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		wait := sh.start("run", "a.yaml", "-q")
		for range 10 {
			s.fill(at(topic, 0), 50)
			s.fill(at(topic, 1), 50)
		}
		reached(int64(round+1) * 500)
		wait(how)
	}
	close(stop)
	if f := <-done; f.err != nil || f.reads == 0 {
		t.Errorf("a reader of the old form, after %d reads: %v", f.reads, f.err)
	}

	s.fill(at(topic, 0), 30)
	s.oldJob(reader, topic, 1030)
	fields := db.client.HGetAll(t.Context(), reader.seen).Val()
	if len(fields) != 2030 {
		t.Errorf("%d records were counted, want 2030", len(fields))
	}
	for record, n := range fields {
		if n != "1" {
			t.Errorf("record %s was counted %s times", record, n)
		}
	}
}

// oldJob goes on at each until of the hash, and counts partition 0 to its end.
func (s *scene) oldJob(r oldReader, topic string, end int64) {
	s.t.Helper()
	ranges, _, err := r.read(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	from := map[int32]kgo.Offset{}
	for p, at := range ranges {
		from[p] = kgo.NewOffset().At(at[1])
	}
	cl := s.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for next := ranges[0][1]; next < end; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			s.t.Fatal(err)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			if err := r.client.HIncrBy(ctx, r.seen, fmt.Sprintf("%d/%d", rec.Partition, rec.Offset), 1).Err(); err != nil {
				s.t.Fatal(err)
			}
			if rec.Partition == 0 {
				next = rec.Offset + 1
			}
		})
	}
}

// start starts the program. The function that it returns sends it a signal and waits; one that was asked to end has to
// end well.
func (s *shell) start(args ...string) func(syscall.Signal) {
	s.t.Helper()
	cmd := exec.Command(s.binary, args...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env...)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := false
	s.t.Cleanup(func() {
		if !ended {
			_ = cmd.Process.Kill() // a test that failed in between
			_ = cmd.Wait()
		}
	})
	return func(how syscall.Signal) {
		s.t.Helper()
		ended = true
		if err := errors.Join(cmd.Process.Signal(how), cmd.Wait()); err != nil && how != syscall.SIGKILL {
			s.t.Errorf("fencepost %s: %v\n%s", strings.Join(args, " "), err, said.String())
		}
	}
}
