package broker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestMain is also the broker process that the tests here kill: the test binary starts itself with this variable.
func TestMain(m *testing.M) {
	if dir := os.Getenv("FENCEPOST_TEST_BROKER_DIR"); dir != "" {
		os.Exit(child(dir, os.Getenv("FENCEPOST_TEST_BROKER_LISTEN")))
	}
	os.Exit(m.Run())
}

// child runs a broker until its standard input ends, which the death of the test does too.
func child(dir, listen string) int {
	b, err := Start(Config{Dir: dir, Listen: listen})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("ready", b.Addr())
	io.Copy(io.Discard, os.Stdin)
	if err := b.Close(); err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

// process is a broker in a process of its own.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.Closer
}

func spawn(t testing.TB, dir, listen string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FENCEPOST_TEST_BROKER_DIR="+dir, "FENCEPOST_TEST_BROKER_LISTEN="+listen)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd, stdin: stdin}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if line != "ready "+listen+"\n" {
		t.Fatalf("broker process said %q (%v), want ready %s", line, err, listen)
	}
	return p
}

// kill is SIGKILL to this one process, and the wait for its end.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

func (p *process) stop() {
	p.t.Helper()
	p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("broker process stopped with %v", err)
	}
}

// acked is what the broker has acknowledged: :: partition -> offset -> number.
type acked struct {
	sync.Mutex
	at    [2]map[int64]int
	count int
	grown chan struct{} // notified, never blocked on, when count has grown
}

func (a *acked) note(r *kgo.Record, number int) {
	a.Lock()
	defer a.Unlock()
	a.at[r.Partition][r.Offset] = number
	a.count++
	select {
	case a.grown <- struct{}{}:
	default:
	}
}

// await blocks until n more records are acknowledged than now.
func (a *acked) await(n int) {
	a.Lock()
	until := a.count + n
	a.Unlock()
	for range a.grown {
		a.Lock()
		enough := a.count >= until
		a.Unlock()
		if enough {
			return
		}
	}
}

func TestKillKeepsWhatWasAcknowledged(t *testing.T) {
	const kills, between = 3, 5_000
	dir, listen := t.TempDir(), freePort(t)
	broker := spawn(t, dir, listen)
	cl := client(t, listen, kgo.DefaultProduceTopic("t"), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(2_000), kgo.ProducerBatchMaxBytes(8<<10))
	topic(t, cl, "t", 2)

	acks := acked{at: [2]map[int64]int{{}, {}}, grown: make(chan struct{}, 1)}
	stop := make(chan struct{})
	produced := make(chan error, 1)
	go func() { produced <- produceNumbers(t.Context(), cl, &acks, stop) }()
	for range kills {
		acks.await(between)
		broker.kill()
		broker = spawn(t, dir, listen)
	}
	acks.await(between)
	close(stop)
	if err := <-produced; err != nil {
		t.Fatal(err)
	}

	doubled, overtaken := 0, 0
	for p := range acks.at {
		log := readPartition(t, listen, int32(p))
		for offset, number := range acks.at[p] {
			if offset >= int64(len(log)) || log[offset] != number {
				t.Fatalf("partition %d, offset %d: record %d was acknowledged there and is not", p, offset, number)
			}
		}
		d, o := checkWhole(t, p, log)
		doubled, overtaken = doubled+d, overtaken+o
	}
	t.Logf("%d records acknowledged over %d kills; %d stored twice, %d behind a later one", acks.count, kills, doubled, overtaken)
}

// produceNumbers sends 0, 1, 2 .. to the two partitions in turn until stop, waits for all and returns the first error.
func produceNumbers(ctx context.Context, cl *kgo.Client, acks *acked, stop <-chan struct{}) error {
	var once sync.Once
	var failed error
	for number := 0; ; number++ {
		select {
		case <-stop:
			if err := cl.Flush(ctx); err != nil {
				return err
			}
			return failed
		default:
		}
		r := &kgo.Record{Partition: int32(number % 2), Value: strconv.AppendInt(nil, int64(number), 10)}
		cl.Produce(ctx, r, func(r *kgo.Record, err error) {
			if err != nil {
				once.Do(func() { failed = fmt.Errorf("produce %d: %w", number, err) })
				return
			}
			acks.note(r, number)
		})
	}
}

// checkWhole wants each number of a partition at least once. It returns how many are there more than once, and how many
// behind a later one: a producer that had several requests on their way to a broker that was killed may overtake itself.
func checkWhole(t *testing.T, partition int, log []int) (doubled, overtaken int) {
	t.Helper()
	seen, last := map[int]bool{}, -1
	for offset, number := range log {
		switch {
		case number%2 != partition:
			t.Fatalf("partition %d, offset %d: record %d is the other partition's", partition, offset, number)
		case seen[number]:
			doubled++
		case number < last:
			overtaken++
		}
		seen[number], last = true, max(last, number)
	}
	for number := partition; number <= last; number += 2 {
		if !seen[number] {
			t.Fatalf("partition %d: record %d is not there, and %d is", partition, number, last)
		}
	}
	return doubled, overtaken
}

func readPartition(t *testing.T, addr string, partition int32) (log []int) {
	t.Helper()
	ends, err := kadm.NewClient(client(t, addr)).ListEndOffsets(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup("t", partition)
	cl := client(t, addr, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"t": {partition: kgo.NewOffset().At(0)}}))
	for int64(len(log)) < end.Offset {
		fetches := cl.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for r := range fetches.RecordsAll() {
			number, err := strconv.Atoi(string(r.Value))
			if err != nil || r.Offset != int64(len(log)) {
				t.Fatalf("partition %d: got offset %d with %q, want offset %d with a number", partition, r.Offset, r.Value, len(log))
			}
			log = append(log, number)
		}
	}
	return log
}

// A producer that lived through a clean stop must live through a kill later: see folder.forgetWindows.
func TestKillAfterACleanStop(t *testing.T) {
	dir, listen := t.TempDir(), freePort(t)
	broker := spawn(t, dir, listen)
	cl := client(t, listen, kgo.DefaultProduceTopic("t"))
	topic(t, cl, "t", 1)
	send := func(when string) {
		t.Helper()
		for range 3 {
			if err := cl.ProduceSync(t.Context(), kgo.StringRecord(when)).FirstErr(); err != nil {
				t.Fatalf("produce %s: %v", when, err)
			}
		}
	}
	send("at first")
	broker.stop()
	broker = spawn(t, dir, listen)
	send("after a stop")
	broker.kill()
	broker = spawn(t, dir, listen)
	send("after a kill")
	epochs := producers(t, dir)
	if len(epochs) != 1 {
		t.Errorf("got records of the producers and epochs %v, want one: the broker refused its sequence numbers", epochs)
	}
	broker.stop()
}

// producers lists the producer IDs and epochs of the batches of t-0, from their headers: bytes 43..52.
func producers(t *testing.T, dir string) map[string]int {
	t.Helper()
	log, err := os.ReadFile(dir + "/partitions/t-0/0.dat")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	for len(log) > 0 {
		size := 12 + int(log[8])<<24 + int(log[9])<<16 + int(log[10])<<8 + int(log[11])
		seen[fmt.Sprintf("%x", log[43:53])]++
		log = log[size:]
	}
	return seen
}

// This is kfake's, and worth knowing: the log's start is only written by Close.
func TestKillForgetsDeletedRecords(t *testing.T) {
	dir, listen := t.TempDir(), freePort(t)
	broker := spawn(t, dir, listen)
	cl := client(t, listen, kgo.DefaultProduceTopic("t"))
	topic(t, cl, "t", 1)
	for _, value := range strings.Fields("a b c d") {
		if err := cl.ProduceSync(t.Context(), kgo.StringRecord(value)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	admin := kadm.NewClient(cl)
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: "t", At: 3})
	if _, err := admin.DeleteRecords(t.Context(), offsets); err != nil {
		t.Fatal(err)
	}
	earliest := func() int64 {
		t.Helper()
		starts, err := admin.ListStartOffsets(t.Context(), "t")
		if err != nil {
			t.Fatal(err)
		}
		at, _ := starts.Lookup("t", 0)
		return at.Offset
	}
	if got := earliest(); got != 3 {
		t.Errorf("got earliest %d after DeleteRecords, want 3", got)
	}
	broker.kill()
	broker = spawn(t, dir, listen)
	if got := earliest(); got != 0 {
		t.Errorf("got earliest %d after a kill, want 0: kfake keeps it now, so mend doc.go", got)
	}
	broker.stop()
}

// This is kfake's too: what distinguishes a second try of a batch from a new one is only written by Close.
func TestKillForgetsSequenceNumbers(t *testing.T) {
	dir, listen := t.TempDir(), freePort(t)
	broker := spawn(t, dir, listen)
	cl := client(t, listen, kgo.DefaultProduceTopic("t"))
	topic(t, cl, "t", 1)
	if err := cl.ProduceSync(t.Context(), kgo.StringRecord("once")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	batch, err := os.ReadFile(dir + "/partitions/t-0/0.dat")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := sendRaw(t, cl, "t", batch); got != 0 || err != nil {
		t.Errorf("a second try before the kill: got offset %d (%v), want 0 as acknowledged", got, err)
	}
	broker.kill()
	broker = spawn(t, dir, listen)
	if got, err := sendRaw(t, cl, "t", batch); got != 1 || err != nil {
		t.Errorf("a second try after the kill: got offset %d (%v), want 1: kfake keeps sequence numbers now, so mend doc.go", got, err)
	}
	broker.stop()
}

// sendRaw sends a batch unchanged, producer ID and sequence number too, to partition 0, and returns the offset that is
// acknowledged or the broker's error.
func sendRaw(t *testing.T, cl *kgo.Client, topic string, batch []byte) (int64, error) {
	t.Helper()
	topics, err := kadm.NewClient(cl).ListTopics(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Records = batch
	part := kmsg.NewProduceRequestTopic()
	part.Topic, part.TopicID = topic, topics[topic].ID
	part.Partitions = append(part.Partitions, partition)
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis = -1, 5_000
	request.Topics = append(request.Topics, part)
	response, err := request.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	answer := response.Topics[0].Partitions[0]
	return answer.BaseOffset, kerr.ErrorForCode(answer.ErrorCode)
}
