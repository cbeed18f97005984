package pipeline

import (
	"cmp"
	"slices"

	"github.com/fencepost/fencepost/redis"
)

// Redis is the part of a file under sink.redis.
type Redis struct {
	RedisServer
	Commands    []Command
	MaxCommands int
}

// redis reads the keys of sink.redis.
func (r *reader) redis() *Redis {
	commands, _ := r.values["sink.redis.commands"].([]Command)
	return &Redis{RedisServer: r.redisServer("sink.redis"), Commands: commands, MaxCommands: get[int](r, "sink.redis.max_commands")}
}

// redis is what the file says of Redis, nothing for another sink.
func (s Sink) redis() Redis {
	if s.Redis == nil {
		return Redis{}
	}
	return *s.Redis
}

// setting reports whether a command sets a value that another partition's record may set too.
func (s *Redis) setting() bool {
	return slices.ContainsFunc(s.Commands, func(c Command) bool {
		name, _ := c.words[0].plain()
		return slices.Contains([]redis.Op{redis.HSet, redis.Set, redis.ZAdd}, formOf(name).op)
	})
}

func (r *reader) redisRules(f *File) {
	s := f.Sink.Redis
	r.redisServerRules("sink.redis", s.RedisServer)
	r.hashRule("sink.redis.key", s.Key)
	if f.Apart() && r.has("sink.redis.key") {
		r.find("bad-value", r.places["sink.redis.key"], "leave it out: "+f.Ledger.at+" says where the ledger is", "key: the ledger is not in this Redis")
	}
	r.commandRules(f)
}

// redisConfig is the sink in its room's words, without its password and certificates.
func (f *File) redisConfig() redis.Config {
	s := f.Sink.Redis
	c := s.config(f.KeepCommits)
	c.MaxCommands, c.Group, c.NoLedger = s.MaxCommands, cmp.Or(f.of, f.Group), f.Apart()
	for _, command := range s.Commands {
		c.Effects = append(c.Effects, command.effects()...)
	}
	return c
}

func (f *File) openRedis() (*redis.Sink, error) {
	c := f.redisConfig()
	if err := f.secureRedis("sink.redis", f.Sink.Redis.RedisServer, &c); err != nil {
		return nil, err
	}
	return redis.Open(c)
}

// redisACL is what ddl prints for Redis.
func (f *File) redisACL() string {
	var keys []string
	for _, c := range f.Sink.Redis.Commands {
		keys = append(keys, c.words[1].pattern())
	}
	c := f.redisConfig()
	return "# Redis needs no tables. A user of the least rights, for the server's owner to make in redis-cli:\n" +
		redis.ACL(c, f.Group, cmp.Or(c.User, "fencepost"), "PASSWORD", keys) + "\n"
}

// pattern is what all keys that a word makes look like.
func (w word) pattern() (text string) {
	for _, p := range w.pieces {
		switch {
		case p.tag:
			text += "{group}"
		case p.expression:
			text += "*"
		default:
			text += redis.Glob(p.text)
		}
	}
	return text
}
