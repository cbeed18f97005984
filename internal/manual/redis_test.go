//go:build realservers

package manual

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fencepost/fencepost/internal/servers"
)

// redisCommand gives the script the shared Redis, sets $REDIS, $REDIS_PASSWORD and what redis-cli takes of it, and removes
// the keys that the script names: redis KEY...
func redisCommand(ts *testscript.TestScript, _ bool, args []string) {
	server := servers.Redis(ts.Value(testKey{}).(testing.TB))
	ts.Setenv("REDIS", server.Addr())
	ts.Setenv("REDIS_PASSWORD", servers.RedisPassword)
	ts.Setenv("REDISCLI_AUTH", servers.RedisPassword)
	if len(args) > 0 {
		ts.Check(ts.Exec("redis-cli", append([]string{"-h", server.Host, "DEL"}, args...)...))
	}
}
