package ledgers

// zookeeperScheme: the room is not here yet.
var zookeeperScheme = scheme{layouts: map[string]layout{
	"consumers": {}, "topic-partition": {}, "single-znode": {}, "single-znode-topic": {}, "storm": {}, "trident": {},
}}
