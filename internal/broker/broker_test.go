package broker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestFolderKeepsItsClusterID(t *testing.T) {
	dir := t.TempDir()
	first := start(t, Config{Dir: dir})
	id, addr := first.ClusterID(), first.Addr()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, Config{Dir: dir, Listen: addr})
	if again.ClusterID() != id || len(id) != 22 {
		t.Errorf("got cluster ID %q after a restart, want %q of 22 characters", again.ClusterID(), id)
	}
	if again.Addr() != addr {
		t.Errorf("got address %s, want %s", again.Addr(), addr)
	}
	meta, err := kadm.NewClient(client(t, addr)).BrokerMetadata(t.Context())
	if err != nil || meta.Cluster != id {
		t.Errorf("got cluster ID %q from the broker (%v), want %q", meta.Cluster, err, id)
	}
	if other := start(t, Config{Dir: t.TempDir()}); other.ClusterID() == id {
		t.Error("two folders have one cluster ID")
	}
}

func TestNewFolderHasTheFormatThatWeKnow(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Config{Dir: dir})
	m, err := b.folder.meta()
	if err != nil || m.Version != metaVersion {
		t.Errorf("got version %d (%v), want %d: kfake's format has changed, read its migration guide", m.Version, err, metaVersion)
	}
}

func TestStartRefuses(t *testing.T) {
	busy := start(t, Config{Dir: t.TempDir()})
	write := func(name, content string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	full := write(lockName, "")
	if err := os.Symlink("/dev/full", filepath.Join(full, metaName+".tmp")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		cfg  Config
		code Code
		why  string
	}{
		{"port in use", Config{Dir: t.TempDir(), Listen: busy.Addr()}, PortInUse, "another program listens there"},
		{"two brokers on one folder", Config{Dir: busy.folder.dir}, FolderInUse, fmt.Sprintf("(pid %d)", os.Getpid())},
		{"somebody's folder", Config{Dir: write("letter.txt", "dear")}, FolderForeign, "letter.txt"},
		{"a file, no folder", Config{Dir: filepath.Join(write("file", ""), "file")}, FolderNotWritable, "cannot be written"},
		{"a folder below a file", Config{Dir: filepath.Join(write("file", ""), "file", "data")}, FolderNotWritable, "cannot be written"},
		{"a newer format", Config{Dir: write(metaName, `{"version":7}`)}, FolderNewer, "version 7, this program knows 1"},
		{"a damaged meta.json", Config{Dir: write(metaName, `{"vers`)}, FolderDamaged, "parse meta.json"},
		{"a full disk", Config{Dir: full}, DiskFull, "no space left"},
		{"any interface", Config{Dir: t.TempDir(), Listen: ":0"}, NotLoopback, "this machine only"},
		{"all interfaces", Config{Dir: t.TempDir(), Listen: "0.0.0.0:0"}, NotLoopback, "this machine only"},
		{"another network", Config{Dir: t.TempDir(), Listen: "128.0.0.1:0"}, NotLoopback, "this machine only"},
		{"no port", Config{Dir: t.TempDir(), Listen: "127.0.0.1"}, NotLoopback, "missing port"},
		{"a port too high", Config{Dir: t.TempDir(), Listen: "127.0.0.1:65536"}, NotLoopback, "out of range"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Start(c.cfg)
			var fault *Fault
			if !errors.As(err, &fault) {
				t.Fatalf("got broker %v and error %v, want a *Fault", b, err)
			}
			if fault.Code != c.code || !strings.Contains(fault.Error(), c.why) || fault.Help == "" {
				t.Errorf("got %s: %v; help: %q; want %s with %q and a help", fault.Code, fault, fault.Help, c.code, c.why)
			}
		})
	}
}

func TestRefusedStartLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	busy := start(t, Config{Dir: t.TempDir()})
	if _, err := Start(Config{Dir: dir, Listen: busy.Addr()}); err == nil {
		t.Fatal("two brokers on one port")
	}
	start(t, Config{Dir: dir}) // not locked

	free := freePort(t)
	if _, err := Start(Config{Dir: busy.folder.dir, Listen: free}); err == nil {
		t.Fatal("two brokers on one folder")
	}
	listener, err := net.Listen("tcp4", free) // not listening
	if err != nil {
		t.Error(err)
	} else {
		listener.Close()
	}
}

func TestConfigNamesEachFault(t *testing.T) {
	_, err := Start(Config{AutoTopics: -1, Heartbeat: -1, Session: -1})
	for _, field := range []string{"Dir: ", "AutoTopics: ", "Heartbeat: ", "Session: "} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("got error %v, want one that names %s", err, field)
		}
	}
}

func TestAutoTopics(t *testing.T) {
	record := func() *kgo.Record { return kgo.StringRecord("x") }
	b := start(t, Config{Dir: t.TempDir(), AutoTopics: 3})
	cl := client(t, b.Addr(), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("made"))
	if err := cl.ProduceSync(t.Context(), record()).FirstErr(); err != nil {
		t.Fatal(err)
	}
	topics, err := kadm.NewClient(cl).ListTopics(t.Context(), "made")
	if err != nil || len(topics["made"].Partitions) != 3 {
		t.Errorf("got %v (%v), want 3 partitions", topics["made"], err)
	}
	without := start(t, Config{Dir: t.TempDir()})
	cl = client(t, without.Addr(), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("made"), kgo.UnknownTopicRetries(0))
	if err := cl.ProduceSync(t.Context(), record()).FirstErr(); !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("got error %v without AutoTopics, want UNKNOWN_TOPIC_OR_PARTITION", err)
	}
}

func TestFullDiskIsTold(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Config{Dir: dir})
	cl := client(t, b.Addr())
	topic(t, cl, "t", 1)
	segment := filepath.Join(dir, "partitions", "t-0", "0.dat")
	if err := os.MkdirAll(filepath.Dir(segment), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", segment); err != nil {
		t.Fatal(err)
	}
	record := &kgo.Record{Topic: "t", Value: []byte("x")}
	if err := cl.ProduceSync(t.Context(), record).FirstErr(); !errors.Is(err, kerr.UnknownServerError) {
		t.Errorf("got error %v for a record that was not stored, want UNKNOWN_SERVER_ERROR", err)
	}
	fault := <-b.Faults()
	if fault.Code != DiskFull || !errors.Is(fault, syscall.ENOSPC) {
		t.Errorf("got %s: %v, want %s", fault.Code, fault, DiskFull)
	}
}

// This is kfake's, and why the owner of a broker ends it after a failed write: the sequence number is taken before the write fails.
func TestFullDiskThenASecondTryIsAcknowledgedWithoutBeingStored(t *testing.T) {
	dir := t.TempDir()
	cl := client(t, start(t, Config{Dir: dir}).Addr())
	topic(t, cl, "whole", 1)
	topic(t, cl, "full", 1)
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "whole", Value: []byte("x")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	batch, err := os.ReadFile(filepath.Join(dir, "partitions", "whole-0", "0.dat"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "partitions", "full-0"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", filepath.Join(dir, "partitions", "full-0", "0.dat")); err != nil {
		t.Fatal(err)
	}
	if _, err := sendRaw(t, cl, "full", batch); !errors.Is(err, kerr.UnknownServerError) {
		t.Errorf("got error %v for a batch that was not stored, want UNKNOWN_SERVER_ERROR", err)
	}
	if _, err := sendRaw(t, cl, "full", batch); err != nil {
		t.Errorf("got error %v for the second try, want none: kfake takes the number back now, so mend doc.go", err)
	}
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), "full")
	if end, _ := ends.Lookup("full", 0); err != nil || end.Offset != 0 {
		t.Errorf("got end %d (%v), want 0", end.Offset, err)
	}
}

func TestCloseTwice(t *testing.T) {
	b := start(t, Config{Dir: t.TempDir()})
	for range 2 {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestCloseTellsThatSavingFailed(t *testing.T) {
	dir := t.TempDir()
	b, err := Start(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", filepath.Join(dir, "topics.json.tmp")); err != nil {
		t.Fatal(err)
	}
	var fault *Fault
	if err := b.Close(); !errors.As(err, &fault) || fault.Code != DiskFull {
		t.Errorf("got error %v, want a *Fault with %s", err, DiskFull)
	}
}

func start(t testing.TB, cfg Config) *Broker {
	t.Helper()
	b, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func client(t testing.TB, addr string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func topic(t testing.TB, cl *kgo.Client, name string, partitions int32) {
	t.Helper()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), partitions, 1, nil, name); err != nil {
		t.Fatal(err)
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
