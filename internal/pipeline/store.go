package pipeline

import (
	"fmt"
	"slices"
	"time"
)

// Store is a store beside the sink, as ledger and mirror name one: the keys of one technology.
type Store struct {
	Kind      string // postgres, mysql, sqlite, redis, zookeeper; empty: the file names none
	at        string // ledger.redis
	DSN       Secret // postgres, mysql
	Path      string // sqlite
	Redis     RedisServer
	ZooKeeper ZooKeeper
}

// String is the store on one line, for tests and logs.
func (s Store) String() string {
	switch s.Kind {
	case "redis":
		return fmt.Sprintf("{%s %+v}", s.at, s.Redis)
	case "zookeeper":
		return fmt.Sprintf("{%s %+v}", s.at, s.ZooKeeper)
	case "":
		return "none"
	}
	return fmt.Sprintf("{%s DSN:%s Path:%s}", s.at, s.DSN, s.Path)
}

// storeKeys are the keys of the stores below ledger and mirror. A technology that joins has its row of keys here, and
// is opened in ledger.go or mirror.go.
func storeKeys() (all []key) {
	for _, kind := range []string{"postgres", "mysql"} {
		all = append(all, key{path: "ledger." + kind, kind: kindMap},
			key{path: "ledger." + kind + ".dsn", kind: kindSecret, must: true, live: "${LEDGER_URL}"})
	}
	all = append(all, key{path: "ledger.sqlite", kind: kindMap},
		key{path: "ledger.sqlite.path", kind: kindText, must: true, live: "PATH"},
		key{path: "ledger.redis", kind: kindMap})
	all = append(all, redisKeys("ledger.redis", hashKey)...)
	all = append(all, zookeeperKeys("ledger.zookeeper", key{def: "/fencepost", doc: "the node that holds the ledger, chroot included"})...)
	all = append(all, key{path: "mirror.redis", kind: kindMap, doc: "pattern A: field topic|partition, value from|until"})
	all = append(all, redisKeys("mirror.redis", key{kind: kindText, must: true, live: "KEY", doc: "the hash that the other tools read"})...)
	all = append(all, zookeeperKeys("mirror.zookeeper", key{def: "/consumers", doc: "the node of all groups, chroot included"})...)
	return append(all, key{path: "mirror.zookeeper.group", kind: kindText, def: `""`, doc: "as the other tools call it; empty: the pipeline's group"})
}

// someStore is an example of a store, for remedies.
const someStore = "{redis: {addr: localhost:6379}}"

// storeOr reads a key that is a mapping of technologies, or its default as a word.
func (r *reader) storeOr(k *key, e *entry) {
	n := e.value
	switch {
	case n.shape != mapping:
		if text, ok := r.text(n, k.path, kindText); ok && text != k.def {
			r.find("bad-value", n.at, k.def+", or "+someStore, "%s: %s names no technology", k.path, shown(text))
		}
	case len(n.entries) == 0 && k.def != "{}":
		r.find("key-missing", n.at, k.def+", or "+someStore, "%s names no technology", k.path)
	default:
		r.mapping(n, k.path, e.at)
	}
}

// stores takes the technologies that stand under a path, in the order of the table.
func (r *reader) stores(path string) (all []Store) {
	for _, k := range under(path) {
		if _, named := r.places[k.path]; named {
			all = append(all, r.store(k.path))
		}
	}
	return all
}

// store takes the keys of one technology.
func (r *reader) store(at string) Store {
	_, kind := split(at)
	s := Store{Kind: kind, at: at}
	switch kind {
	case "postgres", "mysql":
		s.DSN = get[Secret](r, at+".dsn")
	case "sqlite":
		s.Path = get[string](r, at+".path")
	case "redis":
		s.Redis = r.redisServer(at)
	case "zookeeper":
		s.ZooKeeper = r.zookeeper(at)
	}
	return s
}

// storeRules are about the keys of one store.
func (r *reader) storeRules(s Store) {
	switch s.Kind {
	case "postgres", "mysql":
		if r.has(s.at+".dsn") && s.DSN.Empty() {
			r.find("bad-value", r.places[s.at+".dsn"], "dsn: ${LEDGER_URL}", "dsn is empty")
		}
	case "sqlite":
		if s.Path == ":memory:" {
			r.find("bad-value", r.at[s.at+".path"], "a path: ledger.db", "path: :memory: is gone when the program ends")
		}
	case "redis":
		r.redisServerRules(s.at, s.Redis)
	case "zookeeper":
		r.zookeeperRules(s.at, s.ZooKeeper)
	}
}

// where is the store as people name it, without a password.
func (s Store) where() string {
	switch s.Kind {
	case "sqlite":
		return "sqlite:" + s.Path
	case "redis":
		return s.Redis.url()
	case "zookeeper":
		return s.ZooKeeper.url()
	}
	return address(s.Kind, s.DSN)
}

// same reports whether two stores are one.
func (s Store) same(o Store) bool {
	if s.Kind != o.Kind {
		return false
	}
	switch s.Kind {
	case "sqlite":
		return s.Path == o.Path
	case "redis":
		return s.Redis.same(o.Redis)
	case "zookeeper":
		return slices.ContainsFunc(s.ZooKeeper.full(), func(one string) bool { return slices.Contains(o.ZooKeeper.full(), one) })
	}
	return s.DSN.written == o.DSN.written && !s.DSN.Empty()
}

// timeouts are the durations of the stores, with their paths.
func (f *File) timeouts() map[string]time.Duration {
	all := map[string]time.Duration{"sink.redis": f.Sink.redis().Timeout}
	for _, s := range append(f.Mirrors, f.Ledger) {
		if s.Kind == "redis" {
			all[s.at] = s.Redis.Timeout
		}
	}
	return all
}

// one tells of several technologies under a key that takes one.
func (r *reader) one(path string, all []Store) {
	if len(all) < 2 {
		return
	}
	first, second := all[0], all[1]
	if p, q := r.places[first.at], r.places[second.at]; q.Line < p.Line || q.Line == p.Line && q.Column < p.Column {
		first, second = second, first
	}
	r.find("sink-ambiguous", r.places[second.at], "keep one", "%s has both %s (line %d) and %s", path, first.Kind, r.places[first.at].Line, second.Kind)
}
