package redis

import (
	"strings"

	"github.com/gomodule/redigo/redis"
)

// durable is the name of the fact of a finding that says what a crash costs the server.
const durable = "durable"

// durability says what the server keeps of what it has acknowledged, and what a crash costs. A user that may ask
// neither INFO nor CONFIG GET gets a finding instead.
func durability(conn redis.Conn) string {
	const unsaid = "this user may not ask what it keeps through a crash"
	info, err := redis.String(conn.Do("INFO", "persistence"))
	if err != nil {
		return unsaid
	}
	config, err := redis.StringMap(conn.Do("CONFIG", "GET", "save"))
	saves := err != nil || config["save"] != ""
	config, err = redis.StringMap(conn.Do("CONFIG", "GET", "appendfsync"))
	sync := config["appendfsync"]
	switch {
	case strings.Contains(info, "aof_enabled:0") && saves:
		return "appendonly no: a crash loses all behind its last snapshot"
	case strings.Contains(info, "aof_enabled:0"):
		return "appendonly no, and no snapshots: an end of the server loses everything"
	case err != nil:
		return "appendonly yes, appendfsync is not told to this user"
	case sync == "everysec":
		return "appendonly yes, appendfsync everysec: a crash of its host loses the last two seconds"
	case sync == "no":
		return "appendonly yes, appendfsync no: a crash of its host loses the last half minute"
	}
	return "appendonly yes, appendfsync " + sync
}
