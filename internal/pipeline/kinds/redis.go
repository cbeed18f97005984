package kinds

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/redis"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

var redisKind = Kind{
	Name: "redis",
	Sink: Section[Sink]{
		Keys: func(at string) []keys.Row {
			return append(redisKeys(at, "7.0 or later; noeviction or volatile-*", ledgerHash),
				keys.Row{Path: at + ".commands", Form: keys.FormOwn, Own: &commandsOwn, Like: "[" + commandForms[0].form + "]", Must: true, Live: "COMMANDS", Doc: "{EXPR} is its value for the record"},
				keys.Row{Path: at + ".deletes", Form: keys.FormOwn, Own: &deletesOwn, Def: "[]", Doc: "the same of a record that deletes: HDEL DEL SREM ZREM"},
				keys.Row{Path: at + ".max_commands", Form: keys.FormCount, Def: "5000", Doc: "most changes in one script: others wait for it"},
				keys.Row{Path: at + ".lanes", Form: keys.FormLanes, Def: "auto", Doc: "commits side by side"})
		},
		Read: func(r *keys.Reader, at string) Sink {
			return redisSink{redisStore: readRedis(r, at), Commands: keys.Value[[]command](r, at+".commands"),
				Deletes: keys.Value[[]command](r, at+".deletes"), MaxCommands: keys.Get[int](r, at+".max_commands"), Lanes: keys.Get[int](r, at+".lanes")}
		},
	},
	Ledger: Section[Ledger]{
		Keys: func(at string) []keys.Row { return redisKeys(at, "", ledgerHash) },
		Read: func(r *keys.Reader, at string) Ledger { return redisLedger{readRedis(r, at)} },
		Like: "{addr: A, db: 0}",
	},
	Mirror: Section[Mirror]{
		Keys: func(at string) []keys.Row {
			return redisKeys(at, "pattern A: field topic|partition, value from|until", keys.Row{Must: true, Live: "KEY", Doc: "the hash that the other tools read"})
		},
		Read: func(r *keys.Reader, at string) Mirror { return redisMirror{readRedis(r, at)} },
	},
	Next: func(file, _ string) []string {
		return []string{"fencepost check " + file, "look at commands: in it first; a user of the least rights: fencepost ddl " + file}
	},
}

// ledgerHash is the key of a ledger's hash.
var ledgerHash = keys.Row{Def: "fencepost:{group}", Doc: "the ledger's hash; {group} is the group's hash tag"}

// redisKeys are those of a server and a hash, below a path with that comment.
func redisKeys(at, doc string, hash keys.Row) []keys.Row {
	hash.Path, hash.Form = at+".key", keys.FormText
	return []keys.Row{
		{Path: at, Form: keys.FormMap, Doc: doc},
		{Path: at + ".addr", Form: keys.FormText, Must: true, Live: "localhost:6379", Doc: "HOST:PORT of the primary"},
		{Path: at + ".db", Form: keys.FormCount, Def: "0"},
		{Path: at + ".user", Form: keys.FormText, Def: `""`, Doc: "of an ACL; empty: default"},
		{Path: at + ".password", Form: keys.FormSecret, Def: `""`, Doc: "write ${NAME} or ${file:PATH}, which is re-read"},
		{Path: at + ".tls", Form: keys.FormMap},
		{Path: at + ".tls.enabled", Form: keys.FormBool, Def: "false", Doc: "speak TLS with the server"},
		{Path: at + ".tls.ca", Form: keys.FormText, Def: `""`, Doc: "file of the authority to trust; empty: the system's"},
		{Path: at + ".tls.cert", Form: keys.FormText, Def: `""`, Doc: "file of our own certificate (mutual TLS)"},
		{Path: at + ".tls.key", Form: keys.FormText, Def: `""`, Doc: "file of its key"},
		{Path: at + ".tls.server_name", Form: keys.FormText, Def: `""`, Doc: "the name to expect in the server's certificate"},
		{Path: at + ".timeout", Form: keys.FormDuration, Def: "10s", Doc: "for connecting, and for each answer"},
		hash,
	}
}

// redisStore is a server and a hash in it: the same keys below sink, ledger and mirror.
type redisStore struct {
	At       string
	Addr     string
	DB       int
	User     string
	Password keys.Secret
	TLS      TLS
	Timeout  time.Duration
	Key      string
}

func readRedis(r *keys.Reader, at string) redisStore {
	return redisStore{
		At:       at,
		Addr:     keys.Get[string](r, at+".addr"),
		DB:       keys.Get[int](r, at+".db"),
		User:     keys.Get[string](r, at+".user"),
		Password: keys.Get[keys.Secret](r, at+".password"),
		TLS:      ReadTLS(r, at+".tls"),
		Timeout:  keys.Get[time.Duration](r, at+".timeout"),
		Key:      keys.Get[string](r, at+".key"),
	}
}

// String is the store on one line, for tests and logs.
func (s redisStore) String() string { return fmt.Sprintf("{%s {%s}}", s.At, s.fields()) }

func (s redisStore) fields() string {
	return fmt.Sprintf("Addr:%s DB:%d User:%s Password:%s TLS:%+v Timeout:%s Key:%s", s.Addr, s.DB, s.User, s.Password, s.TLS, s.Timeout, s.Key)
}

// Where names the server.
func (s redisStore) Where() string {
	scheme := "redis"
	if s.TLS.Enabled {
		scheme = "rediss"
	}
	return fmt.Sprintf("%s://%s%s/%d", scheme, login(s.User, s.Password), s.addr(), s.DB)
}

// Same reports whether two are one database of one server.
func (s redisStore) Same(other Store) bool {
	o, ok := other.(interface{ hash() redisStore })
	return ok && strings.EqualFold(s.addr(), o.hash().addr()) && s.DB == o.hash().DB
}

func (s redisStore) hash() redisStore { return s }

// addr is the address with its port.
func (s redisStore) addr() string { return withPorts([]string{s.Addr}, "6379")[0] }

// serverRules are about the server.
func (s redisStore) serverRules(r *keys.Reader) {
	if r.Has(s.At + ".addr") {
		r.HostPort("addr", r.ValueAt(s.At+".addr"), s.Addr, "6379")
	}
	s.TLS.Rules(r, s.At+".tls")
	if path := s.At + ".timeout"; r.Has(path) && (s.Timeout < 10*time.Millisecond || s.Timeout > 10*time.Minute) {
		r.Find("bad-range", r.ValueAt(path), "10ms to 10m", "%s: %s is out of range", path, text.Exact(s.Timeout))
	}
}

// hashRule is about the key of a ledger's hash.
func hashRule(r *keys.Reader, path, key string) {
	if r.Has(path) && (key == "" || strings.Count(key, "{group}") > 1 || braces.MatchString(strings.Replace(key, "{group}", "", 1))) {
		r.Find("bad-value", r.ValueAt(path), "fencepost:{group}", "key: %s is not a name with {group} in it, or without any brace", keys.Shown(key))
	}
}

var braces = regexp.MustCompile(`[{}]`)

// config is the server in the connector's words, without its password and certificates.
func (s redisStore) config(keep ledger.KeepCommits) redis.Config {
	return redis.Config{Addr: s.Addr, DB: s.DB, User: s.User, Timeout: s.Timeout, Key: s.Key, KeepCommits: keep}
}

// secure adds password and certificates.
func (s redisStore) secure(c *redis.Config, p Pipeline) (err error) {
	if !s.Password.Empty() {
		c.PasswordFunc = func(context.Context) (string, error) { return s.Password.Reveal() }
	}
	if s.TLS.Enabled {
		c.TLS, err = s.TLS.config(s.At+".tls", p)
	}
	return err
}

// redisLedger is a ledger in Redis.
type redisLedger struct{ redisStore }

// Rules are about the server.
func (l redisLedger) Rules(r *keys.Reader, _ Pipeline) { l.serverRules(r) }

// Open opens the ledger.
func (l redisLedger) Open(p Pipeline) (OpenLedger, error) {
	c := l.config(p.KeepCommits)
	if err := l.secure(&c, p); err != nil {
		return OpenLedger{}, err
	}
	opened, err := redis.OpenLedger(c)
	if err != nil {
		return OpenLedger{}, err
	}
	return OpenLedger{opened, opened.Close}, nil
}

// DDL is its user.
func (l redisLedger) DDL(p Pipeline) (string, error) {
	return "-- The ledger is in Redis, which needs no tables. A user of the least rights, for the server's owner to make in redis-cli:\n-- " +
		redis.ACL(l.config(p.KeepCommits), p.Group, cmp.Or(l.User, "fencepost"), "PASSWORD", nil) + "\n", nil
}

// redisSink is a sink in Redis.
type redisSink struct {
	redisStore
	Commands    []command
	Deletes     []command
	MaxCommands int
	Lanes       int // 0: auto
}

// String is the sink on one line, for tests and logs.
func (s redisSink) String() string {
	deletes := ""
	if len(s.Deletes) > 0 {
		deletes = fmt.Sprintf(" Deletes:%q", s.Deletes)
	}
	return fmt.Sprintf("{%s Commands:%q%s MaxCommands:%d Lanes:%d}", s.fields(), s.Commands, deletes, s.MaxCommands, s.Lanes)
}

// Rules are about server, hash and commands.
func (s redisSink) Rules(r *keys.Reader, p Pipeline) {
	s.serverRules(r)
	hashRule(r, s.At+".key", s.Key)
	if path := s.At + ".key"; p.Apart != "" && r.Has(path) {
		r.Find("bad-value", r.KeyAt(path), "leave it out: "+p.Apart+" says where the ledger is", "key: the ledger is not in this Redis")
	}
	if path := s.At + ".max_commands"; r.Has(path) && (s.MaxCommands < 1 || s.MaxCommands > 1_000_000) {
		r.Find("bad-range", r.ValueAt(path), "1 to 1000000", "%s: out of range", path)
	}
	commandRules(r, s.Commands, p.Columns)
	commandRules(r, s.Deletes, p.Columns)
	if p.Columns != nil && len(s.Deletes) > 0 && !sink.Deletes(p.Columns) {
		r.Find("bad-value", r.KeyAt(s.At+".deletes"), "tombstone: delete", "deletes: no record of this file deletes")
	}
}

// Config is the sink in the connector's words, without its password and certificates.
func (s redisSink) Config(p Pipeline) redis.Config {
	c := s.config(p.KeepCommits)
	c.MaxCommands, c.Group, c.NoLedger = s.MaxCommands, cmp.Or(p.Of, p.Group), p.Apart != ""
	for _, command := range s.Commands {
		c.Effects = append(c.Effects, command.effects()...)
	}
	for _, command := range s.Deletes {
		c.Deletes = append(c.Deletes, command.effects()...)
	}
	return c
}

// Open opens the sink.
func (s redisSink) Open(_ context.Context, p Pipeline) (sink.Sink, error) {
	c := s.Config(p)
	if err := s.secure(&c, p); err != nil {
		return nil, err
	}
	opened, err := redis.Open(c)
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// DDL is its user.
func (s redisSink) DDL(p Pipeline) (string, error) {
	var written []string
	for _, c := range slices.Concat(s.Commands, s.Deletes) {
		written = append(written, c.words[1].pattern())
	}
	c := s.Config(p)
	return "# Redis needs no tables. A user of the least rights, for the server's owner to make in redis-cli:\n" +
		redis.ACL(c, p.Group, cmp.Or(c.User, "fencepost"), "PASSWORD", written) + "\n", nil
}

// Store is the server.
func (s redisSink) Store() Store { return s.redisStore }

// About is what there is to say of the sink.
func (s redisSink) About() About {
	does := []ledger.Part{{Name: "sink", Text: "redis", Place: true}, {Name: "commands", Text: lines(s.Commands)}}
	if len(s.Deletes) > 0 {
		does = append(does, ledger.Part{Name: "deletes", Text: lines(s.Deletes)})
	}
	return About{Does: does, Deletes: len(s.Deletes) > 0,
		Into: "redis at " + s.Addr, Home: "Redis", Again: "its commands run over it twice", Lanes: s.Lanes, Unordered: s.setting(),
		Promise: []string{"commands and moves are one script, and each move is compared and set in it.",
			"Holds through kill -9, a lost answer, late workers, while Redis keeps what it acknowledged: appendonly yes, appendfsync always, no failover to a replica that lags.",
			"If it loses its tail it loses both, and we replay."},
		Repeat: func(n text.Amount) string {
			return fmt.Sprintf("the commands of sink.redis are applied again to %s: HINCRBY, ZINCRBY and XADD count them twice", n.Of("record"))
		}}
}

// lines is a list of commands, a line each.
func lines(commands []command) string {
	var list []string
	for _, c := range commands {
		list = append(list, c.String())
	}
	return strings.Join(list, "\n")
}

// setting reports whether a command sets or takes away a value that another partition's record may set too.
func (s redisSink) setting() bool {
	return len(s.Deletes) > 0 || slices.ContainsFunc(s.Commands, func(c command) bool {
		name, _ := c.words[0].plain()
		return slices.Contains([]redis.Op{redis.HSet, redis.Set, redis.ZAdd}, formOf(c.of, name).op)
	})
}

// redisMirror is a hash of pattern A.
type redisMirror struct{ redisStore }

// Rules keep the mirror off the ledger's own keys: it knows no Fence, and the ledger would refuse its own group.
func (m redisMirror) Rules(r *keys.Reader, p Pipeline, ledger Store) {
	m.serverRules(r)
	path := m.At + ".key"
	if !r.Has(path) {
		return
	}
	l, _ := ledger.(interface{ hash() redisStore })
	switch key := m.Key; {
	case key == "":
		r.Find("bad-value", r.KeyAt(path), "key: the name of the hash that the other tools read", "key is empty")
	case strings.Contains(key, "{group}"):
		r.Find("bad-value", r.ValueAt(path), strings.ReplaceAll(key, "{group}", string(p.Group)), "key: the tools that read a mirror know no {group}: write the key out")
	case strings.ContainsAny(key, "<>"):
		r.Find("bad-value", r.ValueAt(path), "a key without < and >", "key: %s is no fixed key", keys.Shown(key))
	case l != nil && m.Same(ledger) && slices.Contains(redis.Own(l.hash().Key, p.Group), key):
		r.Find("bad-value", r.ValueAt(path), "another key; or take mirror: out: those who split the ledger's values on | read them as from|until",
			"key: %s is the ledger's own (%s)", keys.Shown(key), l.hash().At)
	}
}

// Open opens the hash.
func (m redisMirror) Open(p Pipeline) (foreign.LiveLayout, error) {
	c := m.config(ledger.KeepMerged)
	if err := m.secure(&c, p); err != nil {
		return nil, err
	}
	layout, err := redis.OpenLayout(c, redis.LayoutConfig{Name: "pattern-a", Key: m.Key})
	if err != nil {
		return nil, err
	}
	return layout.(foreign.LiveLayout), nil
}

// Describe says what the hash gets, or that it is a ledger.
func (m redisMirror) Describe(_ Pipeline, there foreign.Offsets) fencepost.Finding {
	for _, e := range there.Entries {
		if strings.Count(e.Raw, "|") > 1 {
			return fencepost.Finding{Subject: "mirror", Key: m.At + ".key", Code: "redis-key-taken", Help: "take another key for the mirror",
				Text: fmt.Sprintf("%s: the hash %s is a ledger, and a mirror would write over its fences", m.Where(), m.Key)}
		}
	}
	return fencepost.Finding{Subject: "mirror", OK: true, Text: fmt.Sprintf("%s: the hash %s gets topic|partition -> from|until; %s", m.Where(), m.Key, heldNow(there))}
}

// Unreachable is what an error says that has no code.
func (m redisMirror) Unreachable() string { return "redis-unreachable" }
