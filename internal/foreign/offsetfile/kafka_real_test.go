//go:build realservers

package offsetfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

const groupTool = "consumer.group.ConsumerGroupCommand"

// world is a topic of two partitions with records, and groups with offsets in it.
type world struct {
	adm    *kadm.Client
	broker servers.Broker
	topic  string
	groups []string
}

// newWorld makes groups with the odd names that a CSV has to carry.
func newWorld(t *testing.T) *world {
	w := &world{broker: servers.Kafka(t), topic: servers.Name(t) + "_a-b.c"}
	client, err := kgo.NewClient(kgo.SeedBrokers(w.broker.Plaintext), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(100))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	w.adm = kadm.NewClient(client)
	if _, err := w.adm.CreateTopic(t.Context(), 2, 1, nil, w.topic); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: w.topic, Partition: int32(i % 2), Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"eu:", `a,"b" `, "it's "} {
		w.groups = append(w.groups, name+servers.Name(t))
	}
	for i, g := range w.groups {
		w.commit(t, g, int64(2*i+1), int64(2*i+2))
	}
	return w
}

// commit sets a group's offset.
func (w *world) commit(t *testing.T, group string, zero, one int64) {
	t.Helper()
	var os kadm.Offsets
	os.AddOffset(w.topic, 0, zero, -1)
	os.AddOffset(w.topic, 1, one, -1)
	if err := w.adm.CommitAllOffsets(t.Context(), group, os); err != nil {
		t.Fatal(err)
	}
}

// stands is a group's offset.
func (w *world) stands(t *testing.T, group string) string {
	t.Helper()
	all, err := w.adm.FetchOffsets(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	zero, _ := all.Lookup(w.topic, 0)
	one, _ := all.Lookup(w.topic, 1)
	return fmt.Sprintf("%s:0=%d %s:1=%d", w.topic, zero.At, w.topic, one.At)
}

// export is what the tool prints for groups: their positions as CSV.
func (w *world) export(t *testing.T, groups ...string) []byte {
	args := []string{"--bootstrap-server", w.broker.Plaintext, "--export", "--reset-offsets", "--to-current", "--dry-run", "--topic", w.topic}
	for _, g := range groups {
		args = append(args, "--group", g)
	}
	return []byte(servers.KafkaTool(t, groupTool, args...))
}

// What kafka-consumer-groups exports is read: of one group without its name, of several with it.
func TestKafkaExports(t *testing.T) {
	w := newWorld(t)
	alone := w.export(t, w.groups[0])
	f, err := Parse("kafka-csv", "F", alone, Options{})
	if err != nil || told(f) != w.stands(t, w.groups[0]) {
		t.Errorf("%s, %v; want %s, of\n%s", told(f), err, w.stands(t, w.groups[0]), alone)
	}
	all := w.export(t, w.groups...)
	for _, g := range w.groups {
		f, err := Parse("kafka-csv", "F", all, Options{Group: fencepost.Group(g)})
		if err != nil || told(f) != w.stands(t, g) {
			t.Errorf("%q: %s, %v; want %s, of\n%s", g, told(f), err, w.stands(t, g), all)
		}
	}
	_, err = Parse("kafka-csv", "F", all, Options{})
	wantFault(t, err, "choice-needed", "3 groups")
}

// kafka-consumer-groups sets groups to what is in our files: several with their names in it, one without.
func TestKafkaImports(t *testing.T) {
	w := newWorld(t)
	var named bytes.Buffer
	for i, g := range w.groups {
		if err := Write(&named, "kafka-csv", fencepost.Group(g), w.entries(i+4)...); err != nil {
			t.Fatal(err)
		}
	}
	w.load(t, named.Bytes(), w.groups...)
	for i, g := range w.groups {
		if got, want := w.stands(t, g), w.told(i+4); got != want {
			t.Errorf("group %q stands at %s, want %s, of\n%s", g, got, want, named.Bytes())
		}
	}
	var alone bytes.Buffer
	if err := Write(&alone, "kafka-csv", "", w.entries(8)...); err != nil {
		t.Fatal(err)
	}
	w.load(t, alone.Bytes(), w.groups[0])
	if got, want := w.stands(t, w.groups[0]), w.told(8); got != want {
		t.Errorf("a group that the file does not name stands at %s, want %s, of\n%s", got, want, alone.Bytes())
	}
}

// entries are at an offset, and one further.
func (w *world) entries(at int) (list []foreign.Entry) {
	for p := range 2 {
		list = append(list, foreign.Entry{Until: fencepost.Offset(at + p),
			TopicPartition: fencepost.TopicPartition{Topic: w.topic, Partition: int32(p)}})
	}
	return list
}

// told is the text of entries.
func (w *world) told(at int) string {
	return fmt.Sprintf("%s:0=%d %s:1=%d", w.topic, at, w.topic, at+1)
}

// load lets the tool set groups to what a file says.
func (w *world) load(t *testing.T, csv []byte, groups ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "offsets.csv")
	if err := os.WriteFile(file, csv, 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"--bootstrap-server", w.broker.Plaintext, "--reset-offsets", "--from-file", file, "--execute"}
	for _, g := range groups {
		args = append(args, "--group", g)
	}
	if out := servers.KafkaTool(t, groupTool, args...); strings.Contains(out, "Error") {
		t.Errorf("the tool says:\n%s", out)
	}
}
