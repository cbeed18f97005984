package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ZooKeeperServer is where a ZooKeeper server listens: one node, every write on disk before it is acknowledged.
type ZooKeeperServer struct{ Host, Port string }

// OwnZooKeeperServer is a ZooKeeper server of the test's own.
type OwnZooKeeperServer struct {
	ZooKeeperServer
	*Own
}

const (
	portZooKeeper = "2181"
	zooKeeperPom  = "files/zookeeper.xml"
)

// OwnZooKeeper starts a ZooKeeper server for this test alone. Settings are lines of zoo.cfg that win over the usual ones:
// "tickTime=100"; those that begin with -D are system properties: "-Djute.maxbuffer=4194304".
func OwnZooKeeper(t testing.TB, settings ...string) *OwnZooKeeperServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	host := Address(t)
	server, err := k.newZooKeeper(host, settings)
	if err != nil {
		t.Fatal(err)
	}
	return &OwnZooKeeperServer{ZooKeeperServer: zooKeeperAt(host), Own: own(t, server)}
}

// OwnZooKeeperEnsemble starts an ensemble for this test alone, of an odd number of servers: most of them have to live.
func OwnZooKeeperEnsemble(t testing.TB, nodes int, settings ...string) []*OwnZooKeeperServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	var hosts []string
	lines := append([]string{"initLimit=20", "syncLimit=4"}, settings...)
	for n := range nodes {
		hosts = append(hosts, Address(t))
		lines = append(lines, fmt.Sprintf("server.%d=%s:2888:3888", n+1, hosts[n]))
	}
	ensemble := make([]*OwnZooKeeperServer, nodes)
	for n, host := range hosts {
		server, err := k.newZooKeeper(host, lines)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(server.folder.data(), "myid"), []byte(strconv.Itoa(n+1)), 0o644); err != nil {
			t.Fatal(err)
		}
		ensemble[n] = &OwnZooKeeperServer{ZooKeeperServer: zooKeeperAt(host), Own: owned(t, server)}
	}
	errs := make([]error, nodes)
	var all sync.WaitGroup
	for n, z := range ensemble { // each answers once most of them live
		all.Go(func() { errs[n] = z.server.start(context.Background()) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return ensemble
}

// Leads reports whether the server leads its ensemble now.
func (z ZooKeeperServer) Leads(ctx context.Context) bool {
	answer, err := z.word(ctx)
	return err == nil && strings.Contains(answer, "\nMode: leader")
}

func zooKeeperAt(host string) ZooKeeperServer {
	return ZooKeeperServer{Host: host, Port: portZooKeeper}
}

// Addr is the address that clients connect to.
func (z ZooKeeperServer) Addr() string { return net.JoinHostPort(z.Host, z.Port) }

// newZooKeeper writes the folder of a server. A session may be as short as two ticks, a second.
func (k kit) newZooKeeper(host string, settings []string) (*instance, error) {
	classPath, err := k.jars("zookeeper")
	if err != nil {
		return nil, err
	}
	folder, err := newFolder("zookeeper")
	if err != nil {
		return nil, err
	}
	conf := folder.join("zoo.cfg")
	lines := []string{
		"dataDir=" + folder.data(),
		"clientPortAddress=" + host,
		"clientPort=" + portZooKeeper,
		"tickTime=500",
		"admin.enableServer=false",
		"4lw.commands.whitelist=*",
		"maxClientCnxns=0",
	}
	properties := []string{"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"}
	for _, s := range settings {
		if strings.HasPrefix(s, "-D") {
			properties = append(properties, s)
			continue
		}
		lines = append(lines, s) // the last line of a key wins
	}
	if err := errors.Join(os.Mkdir(folder.data(), 0o755), os.WriteFile(conf, []byte(strings.Join(lines, "\n")+"\n"), 0o644)); err != nil {
		return nil, fmt.Errorf("prepare zookeeper: %w", errors.Join(err, folder.remove()))
	}
	args := append([]string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"}, properties...)
	main := "org.apache.zookeeper.server.ZooKeeperServerMain"
	if slices.ContainsFunc(settings, func(s string) bool { return strings.HasPrefix(s, "server.") }) {
		main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
	}
	args = append(args, "-cp", classPath, main, conf)
	return &instance{
		name:   "zookeeper",
		folder: folder,
		polite: syscall.SIGTERM,
		command: func() *exec.Cmd {
			cmd := exec.Command("java", args...)
			cmd.Dir = folder.path
			return cmd
		},
		ask:     zooKeeperAt(host).serves,
		passing: func([]byte) bool { return false },
	}, nil
}

// serves asks by one of ZooKeeper's four-letter words whether it takes sessions. The answer to "ruok" comes a little
// earlier, while sessions are still closed again. A connection made earlier still may never be answered.
func (z ZooKeeperServer) serves(ctx context.Context) error {
	answer, err := z.word(ctx)
	if err == nil && !strings.Contains(answer, "\nMode: ") {
		err = fmt.Errorf("zookeeper answered %q, want its mode", answer)
	}
	return err
}

// word is the server's answer to "srvr".
func (z ZooKeeperServer) word(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", z.Addr())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// fetchZooKeeper lets Maven copy ZooKeeper and what it needs.
func (k kit) fetchZooKeeper(ctx context.Context) error {
	pom, err := embedded.ReadFile(zooKeeperPom)
	if err != nil {
		return err
	}
	return copyJars(ctx, k.path("zookeeper"), pom)
}
