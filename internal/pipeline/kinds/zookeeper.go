package kinds

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/zookeeper"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/ledger"
)

var zookeeperKind = Kind{
	Name: "zookeeper",
	Ledger: Section[Ledger]{
		Keys: func(at string) []keys.Row {
			return zookeeperKeys(at, keys.Row{Def: "/fencepost", Doc: "the node that holds the ledger, chroot included"})
		},
		Read: func(r *keys.Reader, at string) Ledger { return zookeeperLedger{readZooKeeper(r, at)} },
	},
	Mirror: Section[Mirror]{
		Keys: func(at string) []keys.Row {
			return append(zookeeperKeys(at, keys.Row{Def: "/consumers", Doc: "the node of all groups, chroot included"}),
				keys.Row{Path: at + ".group", Form: keys.FormText, Def: `""`, Doc: "as the other tools call it; empty: the pipeline's group"})
		},
		Read: func(r *keys.Reader, at string) Mirror {
			m := zookeeperMirror{readZooKeeper(r, at)}
			m.Group = keys.Get[string](r, at+".group")
			return m
		},
	},
}

// zookeeperKeys are those of an ensemble and a node, below a path.
func zookeeperKeys(at string, root keys.Row) []keys.Row {
	root.Path, root.Form = at+".root", keys.FormText
	return []keys.Row{
		{Path: at, Form: keys.FormMap},
		{Path: at + ".servers", Form: keys.FormTexts, Must: true, Live: "[localhost:2181]", Doc: "HOST:PORT of the ensemble"},
		{Path: at + ".user", Form: keys.FormText, Def: `""`, Doc: "of the scheme digest; empty: nobody signs in"},
		{Path: at + ".password", Form: keys.FormSecret, Def: `""`, Doc: "write ${NAME} or ${file:PATH}"},
		root,
	}
}

// zookeeperStore is an ensemble and a node in it: the same keys below ledger and mirror.
type zookeeperStore struct {
	At       string
	Servers  []string
	User     string
	Password keys.Secret
	Root     string
	Group    string // of a mirror; empty: the file's
}

func readZooKeeper(r *keys.Reader, at string) zookeeperStore {
	return zookeeperStore{At: at, Servers: keys.Get[[]string](r, at+".servers"), User: keys.Get[string](r, at+".user"),
		Password: keys.Get[keys.Secret](r, at+".password"), Root: keys.Get[string](r, at+".root")}
}

// String is the store on one line, for tests and logs.
func (z zookeeperStore) String() string {
	return fmt.Sprintf("{%s {Servers:%s User:%s Password:%s Root:%s Group:%s}}", z.At, z.Servers, z.User, z.Password, z.Root, z.Group)
}

// Where names the ensemble and the node.
func (z zookeeperStore) Where() string {
	return "zk://" + login(z.User, z.Password) + strings.Join(z.full(), ",") + z.Root
}

// Same reports whether two have a server in common.
func (z zookeeperStore) Same(other Store) bool {
	o, ok := other.(interface{ ensemble() zookeeperStore })
	return ok && slices.ContainsFunc(z.full(), func(one string) bool { return slices.Contains(o.ensemble().full(), one) })
}

func (z zookeeperStore) ensemble() zookeeperStore { return z }

// full is the servers with their ports.
func (z zookeeperStore) full() []string { return withPorts(z.Servers, "2181") }

// meets reports whether one node lies in the other's tree.
func (z zookeeperStore) meets(o zookeeperStore) bool {
	a, b := strings.TrimRight(z.Root, "/")+"/", strings.TrimRight(o.Root, "/")+"/"
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// ensembleRules are about the ensemble.
func (z zookeeperStore) ensembleRules(r *keys.Reader) {
	if path := z.At + ".servers"; r.Has(path) {
		for i, s := range z.Servers {
			r.HostPort("servers", r.ItemAt(path, i), s, "2181")
		}
		if len(z.Servers) == 0 && r.Entries(path) < 2 {
			r.Find("key-missing", r.ValueAt(path), "[localhost:2181]", "servers: the list is empty")
		}
	}
	if path := z.At + ".password"; z.User == "" && r.IsWritten(path) {
		r.Missing(path, "user: NAME", "%s is set, and user is not", path)
	}
	if path := z.At + ".user"; strings.Contains(z.User, ":") {
		r.Find("bad-value", r.ValueAt(path), "a name without a colon", "user: %s has a colon, at which the server would end it", keys.Shown(z.User))
	}
	if path := z.At + ".root"; r.Has(path) && (!strings.HasPrefix(z.Root, "/") || strings.Trim(z.Root, "/") == "" || strings.Contains(z.Root, "//")) {
		r.Find("bad-value", r.ValueAt(path), r.Row(path).Def, "root: %s is no path of a node", keys.Shown(z.Root))
	}
	if strings.Contains(z.Group, "/") {
		r.Find("bad-value", r.ValueAt(z.At+".group"), "a name without a slash", "group: %s is no name of a node", keys.Shown(z.Group))
	}
}

// config is the ensemble in the connector's words.
func (z zookeeperStore) config(keep ledger.KeepCommits) (zookeeper.Config, error) {
	password, err := z.Password.Reveal()
	return zookeeper.Config{Servers: z.full(), User: z.User, Password: password, Root: z.Root, KeepCommits: keep}, err
}

// zookeeperLedger is a ledger in ZooKeeper.
type zookeeperLedger struct{ zookeeperStore }

// Rules are about the ensemble.
func (l zookeeperLedger) Rules(r *keys.Reader, _ Pipeline) { l.ensembleRules(r) }

// Open opens the ledger.
func (l zookeeperLedger) Open(p Pipeline) (OpenLedger, error) {
	c, err := l.config(p.KeepCommits)
	if err != nil {
		return OpenLedger{}, err
	}
	opened, err := zookeeper.OpenLedger(c)
	if err != nil {
		return OpenLedger{}, err
	}
	return OpenLedger{opened, opened.Close}, nil
}

// DDL makes nothing: the ledger makes its nodes.
func (l zookeeperLedger) DDL(Pipeline) (string, error) { return noTables(l), nil }

// zookeeperMirror is the nodes of consumers.
type zookeeperMirror struct{ zookeeperStore }

// Rules keep the mirror out of the ledger's tree.
func (m zookeeperMirror) Rules(r *keys.Reader, p Pipeline, ledger Store) {
	m.ensembleRules(r)
	l, _ := ledger.(interface{ ensemble() zookeeperStore })
	switch {
	case m.Group == "" && strings.Contains(string(p.Group), "/"):
		r.Missing(m.At, "group: NAME", "group: %s is no name of a node", keys.Shown(string(p.Group)))
	case l != nil && m.Same(ledger) && m.meets(l.ensemble()):
		r.Find("bad-value", r.KeyAt(m.At), "another root for one of them: ledger.zookeeper.root: /fencepost", "%s: the ledger is at %s of the same servers", m.At, l.ensemble().Root)
	}
}

// group is what the readers of the mirror call the group.
func (m zookeeperMirror) group(p Pipeline) fencepost.Group {
	return cmp.Or(fencepost.Group(m.Group), p.Group)
}

// Open opens the nodes.
func (m zookeeperMirror) Open(p Pipeline) (foreign.LiveLayout, error) {
	c, err := m.config(ledger.KeepMerged)
	if err != nil {
		return nil, err
	}
	layout, err := zookeeper.OpenLayout(c, zookeeper.LayoutConfig{Form: zookeeper.FormConsumers, Path: m.Root, Group: m.group(p)})
	if err != nil {
		return nil, err
	}
	return layout.(foreign.LiveLayout), nil
}

// Describe says what each node gets.
func (m zookeeperMirror) Describe(p Pipeline, there foreign.Offsets) fencepost.Finding {
	return fencepost.Finding{Subject: "mirror", OK: true,
		Text: fmt.Sprintf("%s: each node /%s/offsets/TOPIC/PARTITION gets the next offset; %s", m.Where(), m.group(p), heldNow(there))}
}

// Unreachable is what an error says that has no code.
func (m zookeeperMirror) Unreachable() string { return "zookeeper-silent" }
