//go:build realservers

package manual

import (
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fencepost/fencepost/internal/servers"
)

// useZooKeeper gives the script a ZooKeeper server of its own, and sets $ZOOKEEPER.
func useZooKeeper(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Setenv("ZOOKEEPER", servers.OwnZooKeeper(ts.Value(testKey{}).(testing.TB)).Addr())
}

// znodes writes the nodes of a block of the page, as an old program would: znodes NAME N. Each line is a path and a number.
func znodes(ts *testscript.TestScript, _ bool, args []string) {
	nodes := block(ts, "znodes", args)
	c, _, err := zk.Connect([]string{ts.Getenv("ZOOKEEPER")}, patience, zk.WithLogger(silent{}))
	ts.Check(err)
	defer c.Close()
	for line := range strings.Lines(nodes) {
		at, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			ts.Fatalf("%q is no path with a value", line)
		}
		plant(ts, c, at, strings.ReplaceAll(strings.TrimSpace(value), ",", ""))
	}
}

type silent struct{}

func (silent) Printf(string, ...any) {}

// plant makes a node, and those above it.
func plant(ts *testscript.TestScript, c *zk.Conn, at, value string) {
	_, err := c.Create(at, []byte(value), 0, zk.WorldACL(zk.PermAll))
	if errors.Is(err, zk.ErrNoNode) {
		plant(ts, c, path.Dir(at), "")
		_, err = c.Create(at, []byte(value), 0, zk.WorldACL(zk.PermAll))
	}
	ts.Check(err)
}
