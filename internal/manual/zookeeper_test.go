//go:build realservers

package manual

import (
	"errors"
	"path"
	"path/filepath"
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
	blocks, err := blocksOf(filepath.Join(guides, args[0]+".md"))
	ts.Check(err)
	n := int(number(ts, args[1]))
	if n < 1 || n > len(blocks["znodes"]) {
		ts.Fatalf("%s has %d blocks of znodes", args[0], len(blocks["znodes"]))
	}
	c, _, err := zk.Connect([]string{ts.Getenv("ZOOKEEPER")}, patience, zk.WithLogger(silent{}))
	ts.Check(err)
	defer c.Close()
	for line := range strings.Lines(blocks["znodes"][n-1]) {
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
