//go:build realservers

package target_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/target"
	"github.com/fencepost/fencepost/ledger"
)

func TestMain(m *testing.M) { servers.Main(m) }

// with adds parameters to a URL that may have some.
func with(url, params string) string {
	if strings.Contains(url, "?") {
		return url + "&" + params
	}
	return url + "?" + params
}

// On each real store: a look makes no ledger, a move by URL makes one, and it is read back by URL.
func TestLookingMakesNoLedgerOnRealStores(t *testing.T) {
	redis := servers.Redis(t)
	env := &pipeline.Environment{Names: func() []string { return nil }, Lookup: func(name string) (string, bool) {
		return servers.RedisPassword, name == "PW"
	}}
	for name, url := range map[string]string{
		"postgres": with(servers.Postgres(t).Database(t), "group=g"),
		"mysql":    with(servers.MariaDB(t).Database(t), "group=g"),
		"redis":    "redis://:${PW}@" + redis.Addr() + "/0?group=g&key=" + servers.Name(t) + ":{group}",
		"rediss":   "rediss://:${PW}@" + redis.Host + ":" + redis.SecurePort + "/0?group=g&key=" + servers.Name(t) + "s:{group}&ca=" + redis.TLS.CA,
	} {
		t.Run(name, func(t *testing.T) {
			o, err := target.Open(t.Context(), url, target.Options{Env: env})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := o.Close(t.Context(), time.Minute); err != nil {
					t.Error(err)
				}
			}()
			exists := func() bool {
				t.Helper()
				there, err := o.Ledger.(ledger.Finder).Exists(t.Context(), o.Group)
				if err != nil {
					t.Fatal(err)
				}
				return there
			}
			if exists() || exists() {
				t.Error("there is a ledger before anything was moved, or the look made it")
			}
			move := ledger.Move{TopicPartition: fencepost.TopicPartition{Topic: "flights", Partition: 1}, Cause: ledger.CauseImport, Partitions: 2,
				Next: ledger.Position{Offset: 7, LeaderEpoch: fencepost.NoEpoch, Fence: 9}}
			if err := o.Ledger.Move(t.Context(), ledger.Actor{Group: o.Group, ClusterID: "c"}, []ledger.Move{move}); err != nil {
				t.Fatal(err)
			}
			snap, err := o.Ledger.Read(t.Context(), o.Group)
			if err != nil || !exists() || snap.Positions[move.TopicPartition] != move.Next || snap.Topics["flights"].Partitions != 2 {
				t.Errorf("after a move: %+v, %v; want the position, and a roster of 2 partitions", snap, err)
			}
		})
	}
}
