package pipeline

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/redis"
)

// Store is a store beside the sink, as ledger and mirror name one: the keys of one technology.
type Store struct {
	Kind     string // postgres, mysql, sqlite, redis; empty: the file names none
	at       string // ledger.redis
	DSN      Secret // postgres, mysql
	Path     string // sqlite
	Addr     string // redis, and what follows
	DB       int
	User     string
	Password Secret
	Key      string
	TLS      TLS
}

// storeKeys are the keys of the stores below ledger and mirror. A technology that joins has its row of keys here, and
// is opened in ledger.go or mirror.go.
func storeKeys() (all []key) {
	for _, kind := range []string{"postgres", "mysql"} {
		all = append(all, key{path: "ledger." + kind, kind: kindMap},
			key{path: "ledger." + kind + ".dsn", kind: kindSecret, must: true, live: "${LEDGER_URL}"})
	}
	all = append(all, key{path: "ledger.sqlite", kind: kindMap},
		key{path: "ledger.sqlite.path", kind: kindText, must: true, live: "PATH"})
	all = append(all, redisKeys("ledger.redis", key{kind: kindText, def: `""`,
		doc: "the hash; {group} stands for the group; empty: fencepost:{group}"})...)
	return append(all, redisKeys("mirror.redis", key{kind: kindText, must: true, live: "KEY", doc: "the hash that the other tools read"})...)
}

// redisKeys are those of a connection to Redis, and a hash.
func redisKeys(at string, hash key) []key {
	hash.path = at + ".key"
	return []key{
		{path: at, kind: kindMap},
		{path: at + ".addr", kind: kindText, must: true, live: "localhost:6379", doc: "HOST:PORT of a primary"},
		{path: at + ".db", kind: kindCount, def: "0", doc: "the number of the database"},
		{path: at + ".user", kind: kindText, def: `""`, doc: "ACL user; empty: default"},
		{path: at + ".password", kind: kindSecret, def: `""`, doc: "write ${NAME} or ${file:PATH}"},
		hash,
		{path: at + ".tls", kind: kindMap},
		{path: at + ".tls.enabled", kind: kindBool, def: "false", doc: "speak TLS with the server"},
		{path: at + ".tls.ca", kind: kindText, def: `""`, doc: "file of the authority to trust; empty: the system's"},
		{path: at + ".tls.cert", kind: kindText, def: `""`, doc: "file of our own certificate (mutual TLS)"},
		{path: at + ".tls.key", kind: kindText, def: `""`, doc: "file of its key"},
		{path: at + ".tls.server_name", kind: kindText, def: `""`, doc: "the name to expect in the server's certificate"},
	}
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
		s.Addr, s.DB, s.User = get[string](r, at+".addr"), get[int](r, at+".db"), get[string](r, at+".user")
		s.Password, s.Key = get[Secret](r, at+".password"), get[string](r, at+".key")
		s.TLS = TLS{Enabled: get[bool](r, at+".tls.enabled"), CA: get[string](r, at+".tls.ca"), Cert: get[string](r, at+".tls.cert"),
			Key: get[string](r, at+".tls.key"), ServerName: get[string](r, at+".tls.server_name")}
	}
	return s
}

// storeRules are about the keys of one store.
func (r *reader) storeRules(s Store) {
	for _, path := range []string{s.at + ".tls.ca", s.at + ".tls.cert", s.at + ".tls.key", s.at + ".tls.server_name"} {
		if r.has(path) && get[string](r, path) != "" && !s.TLS.Enabled {
			r.find("bad-value", r.places[path], s.at+".tls.enabled: true", "%s is set, and TLS is not enabled", path)
			break
		}
	}
	switch {
	case (s.Kind == "postgres" || s.Kind == "mysql") && r.has(s.at+".dsn") && s.DSN.Empty():
		r.find("bad-value", r.places[s.at+".dsn"], "dsn: ${LEDGER_URL}", "dsn is empty")
	case s.Path == ":memory:":
		r.find("bad-value", r.at[s.at+".path"], "a path: ledger.db", "path: :memory: is gone when the program ends")
	case s.Kind == "redis" && r.has(s.at+".addr") && s.Addr == "":
		r.find("bad-value", r.places[s.at+".addr"], "addr: localhost:6379", "addr is empty")
	}
}

// redis is the connection in its room's words.
func (s Store) redis(keep fencepost.KeepCommits) (redis.Config, error) {
	c := redis.Config{Addr: s.Addr, DB: s.DB, User: s.User, Key: s.Key, KeepCommits: keep}
	if !s.Password.Empty() {
		c.PasswordFunc = func(context.Context) (string, error) { return s.Password.Reveal() }
	}
	var err error
	c.TLS, err = s.TLS.config()
	return c, err
}

// config reads the files that a TLS names. nil: TLS is not enabled.
func (t TLS) config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("read authorities: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read authorities: %s holds no PEM certificate", t.CA)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, errors.New("mutual TLS needs both tls.cert and tls.key")
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("read client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// where is the store as people name it, without a password.
func (s Store) where() string {
	switch s.Kind {
	case "sqlite":
		return "sqlite:" + s.Path
	case "redis":
		return (&Redis{Addr: s.Addr, DB: s.DB, User: s.User, Password: s.Password, TLS: s.TLS}).url()
	}
	return address(s.Kind, s.DSN)
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
