package pipeline

import (
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/zookeeper"
)

// ZooKeeper is an ensemble and a node in it: the same keys below ledger and mirror.
type ZooKeeper struct {
	Servers  []string
	User     string
	Password Secret
	Root     string
	Group    string // of a mirror; empty: the file's
}

// zookeeperKeys are those of an ensemble and a node, below a path.
func zookeeperKeys(at string, root key) []key {
	root.path, root.kind = at+".root", kindText
	return []key{
		{path: at, kind: kindMap},
		{path: at + ".servers", kind: kindTexts, must: true, live: "[localhost:2181]", doc: "HOST:PORT of the ensemble"},
		{path: at + ".user", kind: kindText, def: `""`, doc: "of the scheme digest; empty: nobody signs in"},
		{path: at + ".password", kind: kindSecret, def: `""`, doc: "write ${NAME} or ${file:PATH}"},
		root,
	}
}

// zookeeper takes the keys below a path.
func (r *reader) zookeeper(at string) ZooKeeper {
	z := ZooKeeper{Servers: get[[]string](r, at+".servers"), User: get[string](r, at+".user"), Password: get[Secret](r, at+".password"),
		Root: get[string](r, at+".root")}
	if keyOf(at+".group") != nil {
		z.Group = get[string](r, at+".group")
	}
	return z
}

// zookeeperRules are about an ensemble; at is its path.
func (r *reader) zookeeperRules(at string, z ZooKeeper) {
	if path := at + ".servers"; r.has(path) {
		for i, s := range z.Servers {
			r.hostPort("servers", r.items[path][i], s, "2181")
		}
		if len(z.Servers) == 0 && len(r.items[path]) < 2 {
			r.find("key-missing", r.at[path], "[localhost:2181]", "servers: the list is empty")
		}
	}
	if path := at + ".password"; z.User == "" && r.isWritten(path) {
		r.missing(path, "user: NAME", "%s is set, and user is not", path)
	}
	if path := at + ".user"; strings.Contains(z.User, ":") {
		r.find("bad-value", r.at[path], "a name without a colon", "user: %s has a colon, at which the server would end it", shown(z.User))
	}
	if path := at + ".root"; r.has(path) && (!strings.HasPrefix(z.Root, "/") || strings.Trim(z.Root, "/") == "" || strings.Contains(z.Root, "//")) {
		r.find("bad-value", r.at[path], keyOf(path).def, "root: %s is no path of a node", shown(z.Root))
	}
	if strings.Contains(z.Group, "/") {
		r.find("bad-value", r.at[at+".group"], "a name without a slash", "group: %s is no name of a node", shown(z.Group))
	}
}

// config is the ensemble in its room's words.
func (z ZooKeeper) config(keep fencepost.KeepCommits) (zookeeper.Config, error) {
	password, err := z.Password.Reveal()
	return zookeeper.Config{Servers: z.full(), User: z.User, Password: password, Root: z.Root, KeepCommits: keep}, err
}

// full is the servers with their ports.
func (z ZooKeeper) full() []string {
	all := make([]string, len(z.Servers))
	for i, s := range z.Servers {
		all[i], _ = withPort(s, "2181")
	}
	return all
}

// url names the ensemble and the node, without a password.
func (z ZooKeeper) url() string {
	return "zk://" + login(z.User, z.Password) + strings.Join(z.full(), ",") + z.Root
}

// meets reports whether one node lies in the other's tree.
func (z ZooKeeper) meets(o ZooKeeper) bool {
	a, b := strings.TrimRight(z.Root, "/")+"/", strings.TrimRight(o.Root, "/")+"/"
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}
