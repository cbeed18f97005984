package pipeline

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/redis"
)

// Redis is the part of a file under sink.redis.
type Redis struct {
	Addr        string
	DB          int
	User        string
	Password    Secret
	TLS         TLS
	Timeout     time.Duration
	Key         string
	Commands    []Command
	MaxCommands int
}

// redis reads the keys of sink.redis.
func (r *reader) redis() *Redis {
	commands, _ := r.values["sink.redis.commands"].([]Command)
	return &Redis{
		Addr:     get[string](r, "sink.redis.addr"),
		DB:       get[int](r, "sink.redis.db"),
		User:     get[string](r, "sink.redis.user"),
		Password: get[Secret](r, "sink.redis.password"),
		TLS: TLS{
			Enabled:    get[bool](r, "sink.redis.tls.enabled"),
			CA:         get[string](r, "sink.redis.tls.ca"),
			Cert:       get[string](r, "sink.redis.tls.cert"),
			Key:        get[string](r, "sink.redis.tls.key"),
			ServerName: get[string](r, "sink.redis.tls.server_name"),
		},
		Timeout:     get[time.Duration](r, "sink.redis.timeout"),
		Key:         get[string](r, "sink.redis.key"),
		Commands:    commands,
		MaxCommands: get[int](r, "sink.redis.max_commands"),
	}
}

// redis is what the file says of Redis, nothing for another sink.
func (s Sink) redis() Redis {
	if s.Redis == nil {
		return Redis{}
	}
	return *s.Redis
}

// String is the part of the file on one line, for tests and logs.
func (s *Redis) String() string {
	if s == nil {
		return "none"
	}
	return fmt.Sprintf("{Addr:%s DB:%d User:%s Password:%s TLS:%+v Timeout:%s Key:%s Commands:%q MaxCommands:%d}",
		s.Addr, s.DB, s.User, s.Password, s.TLS, s.Timeout, s.Key, s.Commands, s.MaxCommands)
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
	if r.has("sink.redis.addr") {
		host, port, err := net.SplitHostPort(s.Addr)
		if err != nil { // a host alone has the usual port
			host, port = strings.Trim(s.Addr, "[]"), "6379"
		}
		if n, bad := strconv.Atoi(port); host == "" || strings.ContainsAny(host, "/@ ") || bad != nil || n < 1 || n > 65535 {
			r.find("bad-value", r.at["sink.redis.addr"], "HOST:PORT, as in localhost:6379", "addr: %s is not HOST:PORT", shown(Redact(s.Addr)))
		}
	}
	r.tlsRules("sink.redis.tls", s.TLS)
	if r.has("sink.redis.key") && (s.Key == "" || strings.Count(s.Key, "{group}") > 1 || braces.MatchString(strings.Replace(s.Key, "{group}", "", 1))) {
		r.find("bad-value", r.at["sink.redis.key"], "fencepost:{group}", "key: %s is not a name with {group} in it, or without any brace", shown(s.Key))
	}
	r.commandRules(f)
}

var braces = regexp.MustCompile(`[{}]`)

// redisConfig is the sink in its room's words, without its password and certificates.
func (f *File) redisConfig() redis.Config {
	s := f.Sink.Redis
	c := redis.Config{Addr: s.Addr, DB: s.DB, User: s.User, Timeout: s.Timeout, Key: s.Key, MaxCommands: s.MaxCommands, KeepCommits: f.KeepCommits}
	for _, command := range s.Commands {
		c.Effects = append(c.Effects, command.effects()...)
	}
	return c
}

func (f *File) openRedis() (*redis.Sink, error) {
	redis.Silence()
	c, s := f.redisConfig(), f.Sink.Redis
	if !s.Password.Empty() {
		c.PasswordFunc = func(context.Context) (string, error) { return s.Password.Reveal() }
	}
	if s.TLS.Enabled {
		config, err := f.tlsConfig("sink.redis.tls", s.TLS)
		if err != nil {
			return nil, err
		}
		c.TLS = config
	}
	return redis.Open(c)
}

// tlsConfig reads the certificates that the file names. Our own is read again for each connection. at is its path.
func (f *File) tlsConfig(at string, t TLS) (*tls.Config, error) {
	fault := func(name, path, format string, args ...any) error {
		return &fencepost.Fault{Code: "bad-value", Exit: 2, Err: fmt.Errorf("%s: %s: %w", f.At(join(at, name)), path, fmt.Errorf(format, args...)),
			Help: "mend " + join(at, name)}
	}
	c := &tls.Config{ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fault("ca", t.CA, "%s", strings.TrimPrefix(plainPathError(t.CA, err), t.CA+": "))
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault("ca", t.CA, "no certificate in PEM")
		}
	}
	if t.Cert == "" {
		return c, nil
	}
	read := func() (*tls.Certificate, error) {
		cert, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		return &cert, err
	}
	if _, err := read(); err != nil {
		return nil, fault("cert", t.Cert, "%w", err)
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return read() }
	return c, nil
}

// redisACL is what ddl prints for Redis.
func (f *File) redisACL() string {
	var keys []string
	for _, c := range f.Sink.Redis.Commands {
		keys = append(keys, c.words[1].pattern())
	}
	user := cmp.Or(f.Sink.Redis.User, "fencepost")
	return "# Redis needs no tables. A user of the least rights, for the server's owner to make in redis-cli:\n" +
		redis.ACL(f.redisConfig(), f.Group, user, "PASSWORD", keys) + "\n"
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

// url names the ledger's server, without a password.
func (s *Redis) url() string {
	login := ""
	if s.User != "" || !s.Password.Empty() {
		login = s.User
		if !s.Password.Empty() {
			login += ":***"
		}
		login += "@"
	}
	scheme := "redis"
	if s.TLS.Enabled {
		scheme = "rediss"
	}
	addr := s.Addr
	if _, _, err := net.SplitHostPort(addr); err != nil {
		addr = net.JoinHostPort(strings.Trim(addr, "[]"), "6379")
	}
	return fmt.Sprintf("%s://%s%s/%d", scheme, login, addr, s.DB)
}
