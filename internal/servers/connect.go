package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ConnectServer is where a worker of Kafka Connect listens. It has Debezium's connectors of Postgres and MySQL, Debezium's JDBC sink, and
// the converters to JSON and, by Apicurio, to Avro.
type ConnectServer struct{ Host, Port string }

// OwnConnectServer is a worker of Kafka Connect of the test's own.
type OwnConnectServer struct {
	ConnectServer
	*Own
}

const (
	portConnect = "8083"
	connectPom  = "files/connect.xml"
)

// Connect is a worker of Kafka Connect on the shared broker, which the tests of one package share: few packages need one, so that [Run]
// starts none. A test adds connectors of its own ([ConnectServer.Add], [ConnectServer.Debezium]).
func Connect(t testing.TB) ConnectServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	broker := Kafka(t).Plaintext
	return connectAt(shared.connect.start(t, func(host string, settings []string) (*instance, error) {
		return k.newConnect(host, broker, settings)
	}))
}

// OwnConnect starts a worker of Kafka Connect for this test alone, on a broker (its plaintext address). Settings are lines of the worker's
// configuration that win over the usual ones; those that begin with "-" are options of the virtual machine: "-Xmx2g".
func OwnConnect(t testing.TB, broker string, settings ...string) *OwnConnectServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	host := Address(t)
	server, err := k.newConnect(host, broker, settings)
	if err != nil {
		t.Fatal(err)
	}
	return &OwnConnectServer{ConnectServer: connectAt(host), Own: own(t, server)}
}

func connectAt(host string) ConnectServer { return ConnectServer{Host: host, Port: portConnect} }

// newConnect writes the folder of a worker. Where its connectors have come to survives Kill, as far as it has flushed that.
func (k kit) newConnect(host, broker string, settings []string) (*instance, error) {
	classPath, err := k.jars("connect")
	if err != nil {
		return nil, err
	}
	folder, err := newFolder("connect")
	if err != nil {
		return nil, err
	}
	at := connectAt(host)
	options := []string{"-Xmx640m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"}
	worker := []string{
		"bootstrap.servers=" + broker,
		"listeners=" + at.url(),
		"offset.storage.file.filename=" + folder.join("data", "offsets"),
		"offset.flush.interval.ms=200",
		"plugin.discovery=service_load",
		"key.converter=org.apache.kafka.connect.json.JsonConverter",
		"value.converter=org.apache.kafka.connect.json.JsonConverter",
	}
	for _, s := range settings {
		if strings.HasPrefix(s, "-") {
			options = append(options, s)
			continue
		}
		worker = append(worker, s) // the last line of a key wins
	}
	properties := folder.join("worker.properties")
	if err := errors.Join(os.Mkdir(folder.data(), 0o755), os.WriteFile(properties, []byte(strings.Join(worker, "\n")+"\n"), 0o644)); err != nil {
		return nil, fmt.Errorf("prepare connect: %w", errors.Join(err, folder.remove()))
	}
	args := append(options, "-cp", classPath, "org.apache.kafka.connect.cli.ConnectStandalone", properties)
	return &instance{
		name:   "connect",
		folder: folder,
		polite: syscall.SIGTERM,
		command: func() *exec.Cmd {
			cmd := exec.Command("java", args...)
			cmd.Dir = folder.path
			return cmd
		},
		ask:     func(ctx context.Context) error { return at.ask(ctx, http.MethodGet, "/connectors", nil, &[]string{}) },
		passing: func([]byte) bool { return false },
	}, nil
}

func (c ConnectServer) url() string { return "http://" + net.JoinHostPort(c.Host, c.Port) }

// Add starts a connector for t, which ends with it, and returns its name when its tasks run. Settings are lines of its configuration,
// "connector.class=io.debezium.connector.jdbc.JdbcSinkConnector"; the last line of a key wins. A connector or task that fails ends the
// test, with what it says of itself.
func (c ConnectServer) Add(t testing.TB, settings ...string) (name string) {
	t.Helper()
	config := map[string]string{"name": Name(t), "tasks.max": "1"}
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		config[key] = value
	}
	name = config["name"]
	if err := c.ask(t.Context(), http.MethodPut, "/connectors/"+name+"/config", config, nil); err != nil {
		t.Fatalf("add a connector: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("connector %s: %v", name, c.Running(context.Background(), name))
		}
		c.Remove(t, name)
	})
	for deadline := time.Now().Add(startDeadline); ; time.Sleep(20 * time.Millisecond) {
		err := c.Running(t.Context(), name)
		if err == nil {
			return name
		}
		if _, failed := errors.AsType[*connectorFailed](err); failed || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// Remove ends a connector before its test ends. One that is gone is no error.
func (c ConnectServer) Remove(t testing.TB, name string) {
	t.Helper()
	ctx, names := context.Background(), []string{}
	err := c.ask(ctx, http.MethodGet, "/connectors", nil, &names)
	if err == nil && slices.Contains(names, name) {
		err = c.ask(ctx, http.MethodDelete, "/connectors/"+name, nil, nil)
	}
	if err != nil {
		t.Errorf("remove connector %s: %v", name, err)
	}
}

// connectorFailed is what a connector, or one of its tasks, says of its end.
type connectorFailed struct{ name, trace string }

func (f *connectorFailed) Error() string {
	return fmt.Sprintf("connector %s failed: %s", f.name, f.trace)
}

// Running is nil where a connector and its tasks run; else it says what they do, with the trace of what failed.
func (c ConnectServer) Running(ctx context.Context, name string) error {
	type state struct{ State, Trace string }
	var status struct {
		Connector state
		Tasks     []state
	}
	if err := c.ask(ctx, http.MethodGet, "/connectors/"+name+"/status", nil, &status); err != nil {
		return err
	}
	if len(status.Tasks) == 0 && status.Connector.State == "RUNNING" {
		return fmt.Errorf("connector %s has no task yet", name)
	}
	for _, s := range append(status.Tasks, status.Connector) {
		switch s.State {
		case "RUNNING":
		case "FAILED":
			return &connectorFailed{name, s.Trace}
		default:
			return fmt.Errorf("connector %s is %s", name, s.State)
		}
	}
	return nil
}

// ask sends a request with a body of JSON, if there is one, and reads the answer into out, if that is not nil.
func (c ConnectServer) ask(ctx context.Context, method, path string, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	ask, err := http.NewRequestWithContext(ctx, method, c.url()+path, sent)
	if err != nil {
		return err
	}
	ask.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("connect answered %s: %s", answer.Status, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// fetchConnect lets Maven copy Connect, its connectors and converters, and what they need.
func (k kit) fetchConnect(ctx context.Context) error {
	pom, err := embedded.ReadFile(connectPom)
	if err != nil {
		return err
	}
	return copyJars(ctx, k.path("connect"), pom)
}
