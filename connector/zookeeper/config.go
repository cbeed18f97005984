package zookeeper

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/go-zookeeper/zk"
)

const (
	defaultPort           = "2181"
	defaultRoot           = "/fencepost"
	defaultSessionTimeout = 10 * time.Second
	defaultTimeout        = 10 * time.Second
	defaultMaxPacket      = 0xfffff // jute.maxbuffer as servers have it
)

// Config is which servers, as which user, and where the ledger is.
type Config struct {
	// Servers are host:port of the ensemble; a host alone gets port 2181.
	Servers []string
	// User and Password are those of the scheme digest. With a User, every node that the connector creates is for that user alone;
	// without, every node is open to all users.
	User, Password string
	// SessionTimeout is how long a silent connection is waited for before another server is asked; servers clamp it to 2
	// to 20 of their ticks. 0: 10 s.
	SessionTimeout time.Duration
	// Timeout bounds each question. 0: 10 s.
	Timeout time.Duration

	// Root is the node that holds the ledger of all groups; a chroot is a part of it. Empty: /fencepost.
	Root string
	// MaxPacket is the servers' jute.maxbuffer, in bytes: one Move is one request, and must fit. 0: 1,048,575.
	MaxPacket int
	// KeepCommits says what is kept of the commit moves. Zero: merged.
	KeepCommits ledger.KeepCommits

	dial zk.Dialer // for tests: what connects. nil: net.DialTimeout
}

// validate joins all errors of a Config and fills what was left out.
func (c Config) validate() (Config, error) {
	var errs []error
	if len(c.Servers) == 0 {
		errs = append(errs, errors.New("Servers is empty: want host:port"))
	}
	servers := make([]string, len(c.Servers))
	for i, s := range c.Servers {
		servers[i] = s
		if s == "" {
			errs = append(errs, fmt.Errorf("Servers[%d] is empty", i))
		} else if _, _, err := net.SplitHostPort(s); err != nil {
			servers[i] = net.JoinHostPort(strings.Trim(s, "[]"), defaultPort)
		}
	}
	c.Servers = servers
	if strings.Contains(c.User, ":") {
		errs = append(errs, fmt.Errorf("User %q has a colon, at which the server would end it", c.User))
	}
	if c.User == "" && c.Password != "" {
		errs = append(errs, errors.New("Password without User"))
	}
	if c.SessionTimeout < 0 || c.Timeout < 0 || c.MaxPacket < 0 {
		errs = append(errs, fmt.Errorf("SessionTimeout is %s, Timeout is %s, MaxPacket is %d: none may be negative", c.SessionTimeout, c.Timeout, c.MaxPacket))
	}
	if c.Root == "" {
		c.Root = defaultRoot
	}
	c.Root = strings.TrimRight(c.Root, "/")
	if err := validPath(c.Root); err != nil {
		errs = append(errs, fmt.Errorf("Root: %w", err))
	}
	if err := errors.Join(errs...); err != nil {
		return c, &fencepost.UserError{Code: "zookeeper-config", Err: fmt.Errorf("open zookeeper: %w", err), Exit: 2}
	}
	if c.SessionTimeout == 0 {
		c.SessionTimeout = defaultSessionTimeout
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.MaxPacket == 0 {
		c.MaxPacket = defaultMaxPacket
	}
	return c, nil
}

// validPath refuses what no znode can be called, and the server's own nodes.
func validPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("%q does not begin with /", path)
	}
	for i, part := range strings.Split(path, "/") {
		if i > 0 && (part == "" || part == "." || part == "..") || strings.ContainsFunc(part, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("%q is no path of a node", path)
		}
	}
	if path == "/zookeeper" || strings.HasPrefix(path, "/zookeeper/") {
		return fmt.Errorf("%q belongs to the server itself", path)
	}
	return nil
}

// acl is who may do what to the nodes that the connector creates.
func (c Config) acl() []zk.ACL {
	if c.User != "" {
		return zk.AuthACL(zk.PermAll) // the server puts the user's digest there
	}
	return zk.WorldACL(zk.PermAll)
}
