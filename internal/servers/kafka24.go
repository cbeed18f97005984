package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// OldBroker is a Kafka 2.4.1 broker, which keeps its metadata in a ZooKeeper of
// its own: no topic IDs, no KIP-848, OffsetForLeaderEpoch and transactions as
// they were in 2020.
type OldBroker struct {
	Plaintext string // no authentication
	*Own             // the broker; its ZooKeeper lives as long as the test
}

// OwnKafka24 starts one for this test alone. Properties are lines of its
// server.properties that win over the usual ones.
func OwnKafka24(t testing.TB, properties ...string) *OldBroker {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	host := Address(t)
	keeper, err := k.newKafka24Keeper(host)
	if err != nil {
		t.Fatal(err)
	}
	own(t, keeper)
	server, err := k.newKafka24(host, properties)
	if err != nil {
		t.Fatal(err)
	}
	return &OldBroker{Plaintext: net.JoinHostPort(host, portPlaintext), Own: own(t, server)}
}

const kafka24Keeper = "2181"

// newKafka24Keeper is the ZooKeeper that the broker at the same host keeps its
// metadata in.
func (k kit) newKafka24Keeper(host string) (*instance, error) {
	folder, err := newFolder("zookeeper")
	if err != nil {
		return nil, err
	}
	lines := []string{
		"tickTime=500", "dataDir=" + folder.data(), "clientPortAddress=" + host, "clientPort=" + kafka24Keeper,
		"admin.enableServer=false", "4lw.commands.whitelist=*", "maxClientCnxns=0",
	}
	return k.java24(folder, "zookeeper of kafka 2.4", "org.apache.zookeeper.server.ZooKeeperServerMain", 64, lines,
		func(ctx context.Context) error { return askRuok(ctx, net.JoinHostPort(host, kafka24Keeper)) })
}

func (k kit) newKafka24(host string, properties []string) (*instance, error) {
	folder, err := newFolder("kafka24")
	if err != nil {
		return nil, err
	}
	broker := net.JoinHostPort(host, portPlaintext)
	lines := append([]string{
		"broker.id=1", "zookeeper.connect=" + net.JoinHostPort(host, kafka24Keeper), "listeners=PLAINTEXT://" + broker,
		"log.dirs=" + folder.data(), "auto.create.topics.enable=false", "group.initial.rebalance.delay.ms=0",
		"group.min.session.timeout.ms=1000", "zookeeper.session.timeout.ms=10000",
		"offsets.topic.replication.factor=1", "offsets.topic.num.partitions=4", "transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1", "transaction.state.log.num.partitions=4", "log.segment.delete.delay.ms=500",
	}, append(keepsAnyDay(), properties...)...)
	return k.java24(folder, "kafka 2.4", "kafka.Kafka", 256, lines, newKafkaQuestion(broker))
}

// java24 is a program of the old broker's jars with its configuration in
// folder.
func (k kit) java24(folder *folder, name, class string, megabytes int, lines []string, ask func(context.Context) error) (*instance, error) {
	config := folder.join("server.properties")
	classPath, err := k.classPath24()
	if err := errors.Join(err, os.Mkdir(folder.data(), 0o755), os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o644)); err != nil {
		return nil, errors.Join(err, folder.remove())
	}
	return &instance{
		name:   name,
		folder: folder,
		polite: syscall.SIGTERM,
		command: func() *exec.Cmd {
			cmd := exec.Command("java", fmt.Sprintf("-Xmx%dm", megabytes), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
				"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classPath, class, config)
			cmd.Dir = folder.path
			return cmd
		},
		ask: ask,
		// A killed broker's name is taken until its session with ZooKeeper ends.
		passing: func(log []byte) bool { return bytes.Contains(log, []byte("NodeExists")) },
	}, nil
}

// askRuok asks a ZooKeeper whether it serves.
func askRuok(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := conn.Write([]byte("ruok")); err != nil {
		return err
	}
	answer := make([]byte, 4)
	if n, err := conn.Read(answer); string(answer[:n]) != "imok" {
		return fmt.Errorf("asked ruok, it answered %q: %w", answer[:n], err)
	}
	return nil
}

func (k kit) classPath24() (string, error) {
	jars, err := filepath.Glob(k.path("kafka24", "libs", "*.jar"))
	if err != nil || len(jars) == 0 {
		return "", fmt.Errorf("list jars of kafka 2.4: %w", errors.Join(err, errNotInstalled))
	}
	slices.Sort(jars)
	return strings.Join(jars, ":"), nil
}

// fetchJars24 lets Maven copy Kafka 2.4.1 and the ZooKeeper that it needs.
func (k kit) fetchJars24(ctx context.Context) error {
	pom, err := embedded.ReadFile("files/pom-kafka-2.4.xml")
	if err != nil {
		return err
	}
	dir := k.path("kafka24")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), pom, 0o644); err != nil {
		return err
	}
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs")
	mvn.Dir = dir
	return runQuietly(mvn)
}
