//go:build realservers

package scenarios

import (
	"context"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/chaos"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// chaosStore is where the ring's rows and ledger are, as its driver sees them.
type chaosStore interface {
	sink() string                                                                                 // of the pipeline file; its address is ${STORE}
	upstream() string                                                                             // where it listens, HOST:PORT; empty: nowhere
	address(hostPort string) string                                                               // what ${STORE} is for a worker that reaches it there
	ledger() ledger.Ledger                                                                        // not through any wire
	server() *servers.Own                                                                         // nil: it is shared, or a file
	kinds() []chaos.Kind                                                                          // what can be done to it
	strike(chaos.Step)                                                                            // does one of them
	rows(ctx context.Context, partitions int) (map[fencepost.TopicPartition][]chaos.Entry, error) // in the order in which they were written
}

// chaosStores are the stores of `make chaos STORE=...`. A campaign that has brokers of its own has a store of its own too.
var chaosStores = map[string]func(*testing.T, *ring) chaosStore{
	"postgres":  newChaosPostgres,
	"mariadb":   newChaosMariaDB,
	"redis":     newChaosRedis,
	"sqlite":    newChaosSQLite,
	"zookeeper": newChaosZooKeeper, // a ledger alone: the rows are in a file
}

// serverKinds is what can be done to a store that is a server of the ring's own.
var serverKinds = []chaos.Kind{chaos.StopStore, chaos.KillStore, chaos.FreezeStore}
