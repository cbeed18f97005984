//go:build realservers

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost/internal/servers"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkShow looks at a group of 10,000 partitions beside Kafka's own tool, on the same broker, whole processes both: as json, as a
// table of all partitions, and as yaml, of which the memory counts.
func BenchmarkShow(b *testing.B) {
	b.Setenv("_JAVA_OPTIONS", "-Xmx1500m") // in a small heap half of the time is the collection of garbage
	own := servers.OwnKafka(b, "broker.session.timeout.ms=60000", "broker.heartbeat.interval.ms=5000")
	const group, topics, partitions = "many", 100, 100
	manyPartitions(b, own.Plaintext, group, topics, partitions)
	binary := filepath.Join(b.TempDir(), "fencepost")
	build := exec.Command("go", "build", "-o", binary, "../cmd/fencepost")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	url := "kafka://" + own.Plaintext + "?group=" + group
	for b.Loop() {
		var tool, json, all []sample
		var memory int64
		for round := range 4 { // the first is not counted
			began := time.Now()
			text := servers.KafkaTool(b, "consumer.group.ConsumerGroupCommand", "--bootstrap-server", own.Plaintext, "--describe", "--group", group)
			took := time.Since(began)
			if n := strings.Count(text, group+" "); n < topics*partitions {
				b.Fatalf("Kafka's tool shows %d partitions of %d", n, topics*partitions)
			}
			asJSON, _ := show(b, binary, `"partition": `, topics*partitions, url, "-o", "json")
			asTable, _ := show(b, binary, "  ok ", topics*partitions, url, "--all")
			_, used := show(b, binary, "  verdict: ok", topics*partitions, url, "-o", "yaml")
			if round == 0 {
				continue
			}
			tool, json, all, memory = append(tool, sample{wall: took}), append(json, sample{wall: asJSON}), append(all, sample{wall: asTable}), max(memory, used)
		}
		of := func(list []sample) float64 { return median(list, wall).Seconds() / median(tool, wall).Seconds() }
		b.ReportMetric(median(tool, wall).Seconds(), "s-of-kafka-consumer-groups")
		b.ReportMetric(of(json), "json-of-it(goal<=0.15)")
		b.ReportMetric(of(all), "all-of-it(goal<=0.25)")
		b.ReportMetric(float64(memory)/(1<<20), "yaml-MiB(goal<=60)")
	}
}

// show runs offsets show, checks that its answer has all partitions, and returns the time and memory that the process took.
func show(b *testing.B, binary, mark string, want int, args ...string) (time.Duration, int64) {
	b.Helper()
	cmd := exec.Command(binary, append([]string{"offsets", "show"}, args...)...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	err := cmd.Start()
	if err != nil {
		b.Fatal(err)
	}
	memory := make(chan int64)
	ended := make(chan struct{})
	go func() { memory <- mostMemory(cmd.Process.Pid, ended) }()
	err = cmd.Wait()
	took := time.Since(began)
	close(ended)
	used := <-memory
	if err != nil {
		b.Fatalf("offsets show %v: %v\n%s", args, err, errs.String())
	}
	if n := strings.Count(out.String(), mark); n < want {
		b.Fatalf("offsets show %v shows %d partitions of %d", args, n, want)
	}
	return took, used
}

// mostMemory is the most that a process has had resident, as of the last look before it ended. Its rusage would begin with what this
// process has, of which it is forked.
func mostMemory(pid int, ended <-chan struct{}) (most int64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, text, ok := strings.Cut(string(status), "VmHWM:"); err == nil && ok {
			var kib int64
			if _, err := fmt.Sscan(text, &kib); err == nil {
				most = max(most, kib<<10)
			}
		}
		select {
		case <-ended:
			return most
		case <-tick.C:
		}
	}
}

// manyPartitions makes topics, and a group that has read all of them to the end.
func manyPartitions(b *testing.B, broker, group string, topics, partitions int) {
	b.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	var offsets kadm.Offsets
	var names []string
	for n := range topics {
		names = append(names, fmt.Sprintf("many%03d", n))
		for p := range partitions {
			offsets.AddOffset(names[n], int32(p), 0, -1)
		}
	}
	for batch := range slices.Chunk(names, 10) { // the controller refuses 10,000 partitions in one request
		made, err := adm.CreateTopics(b.Context(), int32(partitions), 1, nil, batch...)
		if err := errors.Join(err, made.Error()); err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(b.Context(), 12*time.Minute)
	defer cancel()
	eventually(ctx, b, func() error { // until each partition is led
		ends, err := adm.ListEndOffsets(ctx, names...)
		return errors.Join(err, ends.Error())
	})
	eventually(ctx, b, func() error { return adm.CommitAllOffsets(ctx, group, offsets) })
}

// eventually tries again until it is well.
func eventually(ctx context.Context, b *testing.B, try func() error) {
	b.Helper()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			b.Fatal(err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
