package servers

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Ports of every broker, on an address of its own.
const (
	portPlaintext  = "9092"
	portController = "9093"
	portSASL       = "9094"
	portProxied    = "9095"
	portProxy      = "9096"
	portMTLS       = "9097"
)

// Broker is where a Kafka broker listens and which users it has. It is one node of
// Apache Kafka 4.3.1, its own controller, with short waits (see
// files/server.properties).
//
// Topics, groups and transactional ids are shared with other tests: take names
// from [Name].
type Broker struct {
	Plaintext string // no authentication: User:ANONYMOUS, a super user
	SASL      string // TLS and SCRAM-SHA-512 or PLAIN, see the users below
	MTLS      string // TLS, client certificate required: User:CN=client, a super user

	// Proxied is a plaintext listener that advertises ProxyAt, where nothing
	// listens: Proxy(t, b.ProxyAt, b.Proxied) puts a proxy there, and a client
	// that bootstraps from ProxyAt has all its connections in the test's hand.
	// There is one such address per broker: tests that use it on the shared
	// broker do not run in parallel.
	Proxied, ProxyAt string

	TLS TLS
}

// The users of a broker's SASL listener. More can be added with
// AlterUserSCRAMs over Plaintext.
const (
	SCRAMUser     = "admin" // SCRAM-SHA-512, a super user
	SCRAMPassword = "admin-pw"
	PlainUser     = "pl" // PLAIN, may do nothing until an ACL allows it
	PlainPassword = "pl-pw"
)

// OwnBroker is a broker of the test's own.
type OwnBroker struct {
	Broker
	*Own
}

// OwnKafka starts a broker for this test alone, with a cluster id of its own.
// Properties are lines of server.properties that win over the usual ones:
// "log.retention.ms=1000".
func OwnKafka(t testing.TB, properties ...string) *OwnBroker {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	host := Address(t)
	server, err := k.newKafka(host, properties)
	if err != nil {
		t.Fatal(err)
	}
	return &OwnBroker{Broker: brokerAt(host, k.tls()), Own: own(t, server)}
}

func brokerAt(host string, files TLS) Broker {
	at := func(port string) string { return net.JoinHostPort(host, port) }
	return Broker{
		Plaintext: at(portPlaintext),
		SASL:      at(portSASL),
		MTLS:      at(portMTLS),
		Proxied:   at(portProxied),
		ProxyAt:   at(portProxy),
		TLS:       files,
	}
}

// newKafka writes the folder of a broker: configuration, certificate, and data
// formatted by copy, which spares the 0.9 s of a virtual machine.
func (k kit) newKafka(host string, properties []string) (*instance, error) {
	folder, err := newFolder("kafka")
	if err != nil {
		return nil, err
	}
	data := folder.data()
	if err := errors.Join(
		os.Mkdir(data, 0o755),
		k.writeKafkaConfiguration(folder.path, host, properties),
		os.WriteFile(filepath.Join(data, "meta.properties"), newMetaProperties(), 0o644),
		copyFile(k.path("kafka", "format", "bootstrap.checkpoint"), filepath.Join(data, "bootstrap.checkpoint")),
	); err != nil {
		return nil, fmt.Errorf("prepare a broker: %w", errors.Join(err, folder.remove()))
	}
	classPath, err := k.classPath()
	if err != nil {
		return nil, errors.Join(err, folder.remove())
	}
	return &instance{
		name:   "kafka",
		folder: folder,
		polite: syscall.SIGTERM,
		command: func() *exec.Cmd {
			return k.kafkaCommand(folder.path, classPath, "-XX:SharedArchiveFile="+k.path("kafka", "k.jsa"))
		},
		ask:     newKafkaQuestion(net.JoinHostPort(host, portPlaintext)),
		passing: func([]byte) bool { return false },
	}, nil
}

// kafkaCommand runs the broker whose configuration is in dir.
func (k kit) kafkaCommand(dir, classPath, archive string) *exec.Cmd {
	cmd := exec.Command("java",
		"-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", archive,
		"-Dlog4j2.configurationFile="+filepath.Join(dir, "log4j2.properties"),
		"-cp", classPath, "kafka.Kafka", filepath.Join(dir, "server.properties"))
	cmd.Dir = dir
	return cmd
}

// keepsAnyDay are lines of server.properties by which a broker takes and keeps records of any day. Tests write some of
// days that are fixed, and by its own rules a broker deletes them a week later, and takes none of tomorrow. A test of
// retention gives its topic a setting.
func keepsAnyDay() []string {
	return []string{
		"log.retention.ms=-1",
		fmt.Sprintf("log.message.timestamp.before.max.ms=%d", math.MaxInt64),
		fmt.Sprintf("log.message.timestamp.after.max.ms=%d", math.MaxInt64),
	}
}

func (k kit) writeKafkaConfiguration(dir, host string, properties []string) error {
	fixed, err := embedded.ReadFile("files/server.properties")
	if err != nil {
		return err
	}
	logging, err := embedded.ReadFile("files/log4j2.properties")
	if err != nil {
		return err
	}
	cert, key := filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
	if err := k.serverCertificate(host, cert, key); err != nil {
		return err
	}
	pair, err := concat(key, cert) // Kafka takes both in one file, the key first
	if err != nil {
		return err
	}

	listener := func(name, port string) string { return name + "://" + net.JoinHostPort(host, port) }
	public := []string{listener("PLAINTEXT", portPlaintext), listener("SASL_SSL", portSASL), listener("MTLS", portMTLS)}
	lines := append([]string{
		"controller.quorum.voters=1@" + net.JoinHostPort(host, portController),
		"listeners=" + strings.Join(append(public[:3:3], listener("PROXIED", portProxied), listener("CONTROLLER", portController)), ","),
		"advertised.listeners=" + strings.Join(append(public[:3:3], listener("PROXIED", portProxy)), ","),
		"ssl.keystore.location=" + filepath.Join(dir, "server.pem"),
		"ssl.truststore.location=" + k.tls().CA,
		"log.dirs=" + filepath.Join(dir, "data"),
		string(fixed),
	}, append(keepsAnyDay(), properties...)...)
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "server.pem"), pair, 0o600),
		os.WriteFile(filepath.Join(dir, "log4j2.properties"), logging, 0o644),
		os.WriteFile(filepath.Join(dir, "server.properties"), []byte(strings.Join(lines, "\n")+"\n"), 0o644),
	)
}

// newMetaProperties gives a broker its cluster id, so that two instances are
// two clusters.
func newMetaProperties() []byte {
	return fmt.Appendf(nil, "version=1\ncluster.id=%s\nnode.id=1\ndirectory.id=%s\n", newUUID(), newUUID())
}

// newUUID is a random id as Kafka writes it: never with a dash in front, which
// its tools would read as an option.
func newUUID() string {
	for {
		var id [16]byte
		rand.Read(id[:])
		if text := base64.RawURLEncoding.EncodeToString(id[:]); text[0] != '-' {
			return text
		}
	}
}

// formatKafka has Kafka's own tool write bootstrap.checkpoint: the features of
// this version and the SCRAM user.
func (k kit) formatKafka(ctx context.Context) error {
	folder, err := newFolder("format")
	if err != nil {
		return err
	}
	defer folder.remove()
	dir := folder.path
	if err := k.writeKafkaConfiguration(dir, "127.0.0.1", nil); err != nil {
		return err
	}
	classPath, err := k.classPath()
	if err != nil {
		return err
	}
	format := exec.CommandContext(ctx, "java", "-XX:TieredStopAtLevel=1",
		"-Dlog4j2.configurationFile="+filepath.Join(dir, "log4j2.properties"), "-cp", classPath,
		"kafka.tools.StorageTool", "format", "-t", newUUID(), "-c", filepath.Join(dir, "server.properties"),
		"--add-scram", fmt.Sprintf("SCRAM-SHA-512=[name=%s,password=%s]", SCRAMUser, SCRAMPassword))
	if err := runQuietly(format); err != nil {
		return err
	}
	to := k.path("kafka", "format")
	return errors.Join(
		os.MkdirAll(to, 0o755),
		copyFile(filepath.Join(dir, "data", "bootstrap.checkpoint"), filepath.Join(to, "bootstrap.checkpoint")),
	)
}

// archiveKafka runs a broker through its first answers and has the virtual
// machine write down the classes it loaded.
func (k kit) archiveKafka(ctx context.Context) error {
	host, err := nextAddress()
	if err != nil {
		return err
	}
	server, err := k.newKafka(host, nil)
	if err != nil {
		return err
	}
	classPath, err := k.classPath()
	if err != nil {
		return err
	}
	archive := k.path("kafka", "k.jsa")
	server.command = func() *exec.Cmd {
		return k.kafkaCommand(server.folder.path, classPath, "-XX:ArchiveClassesAtExit="+archive)
	}
	err = server.start(ctx)
	if err == nil {
		err = server.stop()
	}
	if err == nil {
		_, err = os.Stat(archive)
	}
	return errors.Join(err, server.discard())
}
