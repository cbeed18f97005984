//go:build realservers

package zookeeper

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/go-zookeeper/zk"
)

// BenchmarkLedger is one commit of so many partitions: a Move, beside one set a partition without a version, which keeps
// no promise, and beside a bare multi of sets with versions, which is the limit.
func BenchmarkLedger(b *testing.B) {
	for _, n := range []int32{12, 1_000, 10_000} {
		b.Run(fmt.Sprintf("move/%d", n), func(b *testing.B) {
			w := newWorker(b, storeAt(servers.OwnZooKeeper(b).Addr()), n)
			moves := make([]ledger.Move, n)
			for b.Loop() {
				w.commit(moves)
			}
		})
		b.Run(fmt.Sprintf("bare-multi/%d", n), func(b *testing.B) {
			c := storeAt(servers.OwnZooKeeper(b).Addr()).beside(b)
			paths := bareNodes(b, c, n)
			for i := int32(0); b.Loop(); i++ {
				ops := make([]any, n)
				for p := range ops {
					ops[p] = &zk.SetDataRequest{Path: paths[p], Data: []byte("1000000|AAAAAAAAAAA|7|0"), Version: i}
				}
				if _, err := c.Multi(ops...); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("set-each/%d", n), func(b *testing.B) {
			c := storeAt(servers.OwnZooKeeper(b).Addr()).beside(b)
			paths := bareNodes(b, c, n)
			for i := 0; b.Loop(); i++ {
				for _, path := range paths {
					if _, err := c.Set(path, []byte(strconv.Itoa(i)), -1); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkRead is the whole group read.
func BenchmarkRead(b *testing.B) {
	for _, n := range []int32{12, 1_000, 10_000} {
		b.Run(strconv.Itoa(int(n)), func(b *testing.B) {
			w := newWorker(b, storeAt(servers.OwnZooKeeper(b).Addr()), n)
			for b.Loop() {
				if got := len(w.read().Positions); got != int(n) {
					b.Fatalf("%d positions, want %d", got, n)
				}
			}
		})
	}
}

// bareNodes makes n nodes.
func bareNodes(b *testing.B, c *zk.Conn, n int32) []string {
	b.Helper()
	parent := "/fencepost-g-flights"
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	_, err := c.Create(parent, nil, 0, zk.WorldACL(zk.PermAll))
	must(err)
	paths := make([]string, n)
	var ops []any
	for p := range n {
		paths[p] = fmt.Sprintf("%s/%d", parent, p)
		ops = append(ops, &zk.CreateRequest{Path: paths[p], Acl: zk.WorldACL(zk.PermAll)})
		if len(ops) == 1000 || p == n-1 {
			_, err := c.Multi(ops...)
			must(err)
			ops = nil
		}
	}
	return paths
}
