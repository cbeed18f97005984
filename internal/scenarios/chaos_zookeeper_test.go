//go:build realservers

package scenarios

import (
	"fmt"
	"testing"

	"github.com/fencepost/fencepost/connector/zookeeper"
	"github.com/fencepost/fencepost/internal/chaos"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// chaosZooKeeper is a ledger in ZooKeeper, and rows in a file: at least once.
type chaosZooKeeper struct {
	*chaosSQLite
	at   servers.ZooKeeperServer
	own  *servers.OwnZooKeeperServer
	root string
	book *zookeeper.Ledger
}

func newChaosZooKeeper(t *testing.T, r *ring) chaosStore {
	s := &chaosZooKeeper{chaosSQLite: newChaosSQLite(t, r).(*chaosSQLite), root: "/" + servers.Name(t)}
	if r.ownStore() {
		s.own = servers.OwnZooKeeper(t)
		s.at = s.own.ZooKeeperServer
	} else {
		s.at = servers.ZooKeeper(t)
	}
	book, err := zookeeper.OpenLedger(zookeeper.Config{Servers: []string{s.at.Addr()}, Root: s.root, KeepCommits: ledger.KeepAll})
	must(t, err)
	t.Cleanup(func() { _ = book.Close() })
	s.book = book
	return s
}

func (s *chaosZooKeeper) sink() string {
	return fmt.Sprintf("{sqlite: {path: %q, table: seen}}\nledger: {zookeeper: {servers: [\"${STORE}\"], root: %s}}", s.path, s.root)
}

func (s *chaosZooKeeper) upstream() string               { return s.at.Addr() }
func (s *chaosZooKeeper) address(hostPort string) string { return hostPort }
func (s *chaosZooKeeper) ledger() ledger.Ledger          { return s.book }

func (s *chaosZooKeeper) server() *servers.Own {
	if s.own == nil {
		return nil
	}
	return s.own.Own
}

func (s *chaosZooKeeper) kinds() []chaos.Kind {
	kinds := s.chaosSQLite.kinds()
	if s.own != nil {
		kinds = append(kinds, serverKinds...)
	}
	return kinds
}

func (s *chaosZooKeeper) strike(step chaos.Step) {
	if step.Kind == chaos.LockStore {
		s.chaosSQLite.strike(step)
		return
	}
	strikeServer(s.own.Own, step)
}
