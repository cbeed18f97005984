package pipeline

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/redis"
)

// RedisServer is a server and a hash in it: the same keys below sink, ledger and mirror.
type RedisServer struct {
	Addr     string
	DB       int
	User     string
	Password Secret
	TLS      TLS
	Timeout  time.Duration
	Key      string
}

// hashKey is the key of a ledger's hash.
var hashKey = key{kind: kindText, def: "fencepost:{group}", doc: "the ledger's hash; {group} is the group's hash tag"}

// redisKeys are those of a server and a hash, below a path.
func redisKeys(at string, hash key) []key {
	hash.path = at + ".key"
	return []key{
		{path: at + ".addr", kind: kindText, must: true, live: "localhost:6379", doc: "HOST:PORT of the primary"},
		{path: at + ".db", kind: kindCount, def: "0"},
		{path: at + ".user", kind: kindText, def: `""`, doc: "of an ACL; empty: default"},
		{path: at + ".password", kind: kindSecret, def: `""`, doc: "write ${NAME} or ${file:PATH}, which is re-read"},
		{path: at + ".tls", kind: kindMap},
		{path: at + ".tls.enabled", kind: kindBool, def: "false", doc: "speak TLS with the server"},
		{path: at + ".tls.ca", kind: kindText, def: `""`, doc: "file of the authority to trust; empty: the system's"},
		{path: at + ".tls.cert", kind: kindText, def: `""`, doc: "file of our own certificate (mutual TLS)"},
		{path: at + ".tls.key", kind: kindText, def: `""`, doc: "file of its key"},
		{path: at + ".tls.server_name", kind: kindText, def: `""`, doc: "the name to expect in the server's certificate"},
		{path: at + ".timeout", kind: kindDuration, def: "10s", doc: "for connecting, and for each answer"},
		hash,
	}
}

// redisServer takes the keys below a path.
func (r *reader) redisServer(at string) RedisServer {
	return RedisServer{
		Addr:     get[string](r, at+".addr"),
		DB:       get[int](r, at+".db"),
		User:     get[string](r, at+".user"),
		Password: get[Secret](r, at+".password"),
		TLS: TLS{
			Enabled:    get[bool](r, at+".tls.enabled"),
			CA:         get[string](r, at+".tls.ca"),
			Cert:       get[string](r, at+".tls.cert"),
			Key:        get[string](r, at+".tls.key"),
			ServerName: get[string](r, at+".tls.server_name"),
		},
		Timeout: get[time.Duration](r, at+".timeout"),
		Key:     get[string](r, at+".key"),
	}
}

// redisServerRules are about a server; at is its path.
func (r *reader) redisServerRules(at string, s RedisServer) {
	if r.has(at + ".addr") {
		r.hostPort("addr", r.at[at+".addr"], s.Addr, "6379")
	}
	r.tlsRules(at+".tls", s.TLS)
}

// hostPort is about an address whose port may be left out, since the technology has one.
func (r *reader) hostPort(name string, at Place, addr, port string) {
	if host, ok := withPort(addr, port); !ok || strings.ContainsAny(host, "/@ ") {
		r.find("bad-value", at, "HOST:PORT, as in localhost:"+port, "%s: %s is not HOST:PORT", name, shown(Redact(addr)))
	}
}

// withPort is an address with its port, which may be left out.
func withPort(addr, usual string) (full string, ok bool) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil { // a host alone
		host, port = strings.Trim(addr, "[]"), usual
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return net.JoinHostPort(host, port), host != "" && err == nil && n >= 1
}

// hashRule is about the key of a ledger's hash.
func (r *reader) hashRule(path, key string) {
	if r.has(path) && (key == "" || strings.Count(key, "{group}") > 1 || braces.MatchString(strings.Replace(key, "{group}", "", 1))) {
		r.find("bad-value", r.at[path], "fencepost:{group}", "key: %s is not a name with {group} in it, or without any brace", shown(key))
	}
}

var braces = regexp.MustCompile(`[{}]`)

// config is the server in its room's words, without its password and certificates.
func (s RedisServer) config(keep fencepost.KeepCommits) redis.Config {
	return redis.Config{Addr: s.Addr, DB: s.DB, User: s.User, Timeout: s.Timeout, Key: s.Key, KeepCommits: keep}
}

// secureRedis adds password and certificates. at is the server's path.
func (f *File) secureRedis(at string, s RedisServer, c *redis.Config) (err error) {
	redis.Silence()
	if !s.Password.Empty() {
		c.PasswordFunc = func(context.Context) (string, error) { return s.Password.Reveal() }
	}
	if s.TLS.Enabled {
		c.TLS, err = f.tlsConfig(at+".tls", s.TLS)
	}
	return err
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

// same reports whether two are one database of one server.
func (s RedisServer) same(o RedisServer) bool {
	a, _ := withPort(s.Addr, "6379")
	b, _ := withPort(o.Addr, "6379")
	return strings.EqualFold(a, b) && s.DB == o.DB
}

// url names the server, without a password.
func (s RedisServer) url() string {
	scheme := "redis"
	if s.TLS.Enabled {
		scheme = "rediss"
	}
	addr, _ := withPort(s.Addr, "6379")
	return fmt.Sprintf("%s://%s%s/%d", scheme, login(s.User, s.Password), addr, s.DB)
}

// login is user and password in a URL, the password as ***.
func login(user string, password Secret) string {
	switch {
	case !password.Empty():
		return user + ":***@"
	case user != "":
		return user + "@"
	}
	return ""
}
