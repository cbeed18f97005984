//go:build realservers

package servers_test

import (
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/fencepost/fencepost/internal/servers"
)

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func zooKeeper(t *testing.T, server servers.ZooKeeperServer) *zk.Conn {
	t.Helper()
	c, _, err := zk.Connect([]string{server.Addr()}, 10*time.Second, zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// What was acknowledged before SIGKILL is there in the next life.
func TestZooKeeperKeepsItsDataThroughKill(t *testing.T) {
	server := servers.OwnZooKeeper(t)
	if _, err := zooKeeper(t, server.ZooKeeperServer).Create("/x", []byte("42"), 0, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if _, _, err := zooKeeper(t, server.ZooKeeperServer).Get("/x"); err == nil {
		t.Error("the server answers after SIGKILL")
	}
	server.Start()
	data, _, err := zooKeeper(t, server.ZooKeeperServer).Get("/x")
	if err != nil || string(data) != "42" {
		t.Errorf("after the kill: got %q, %v, want 42", data, err)
	}
}

// A line of a test's own wins over the usual one, and a -D reaches the virtual machine.
func TestZooKeeperTakesSettings(t *testing.T) {
	server := servers.OwnZooKeeper(t, "tickTime=100", "-Djute.maxbuffer=2097152")
	c := zooKeeper(t, server.ZooKeeperServer)
	if _, err := c.Create("/large", make([]byte, 1<<20+1<<10), 0, zk.WorldACL(zk.PermAll)); err != nil {
		t.Errorf("a node of a little more than 1 MiB, with jute.maxbuffer of 2 MiB: %v", err)
	}
}

func TestZooKeeperIsShared(t *testing.T) {
	one, two := servers.ZooKeeper(t), servers.ZooKeeper(t)
	if one != two {
		t.Errorf("two wishes gave %s and %s, want one server", one.Addr(), two.Addr())
	}
	if _, _, err := zooKeeper(t, one).Children("/"); err != nil {
		t.Error(err)
	}
}
