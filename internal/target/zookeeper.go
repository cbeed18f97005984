package target

import (
	"cmp"
	"context"
	"path"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/zookeeper"
	"github.com/fencepost/fencepost/internal/codes"
)

// zookeeperScheme: the path of the URL is the ledger's root, or where the layout begins.
var zookeeperScheme = scheme{layouts: zookeeperLayouts, native: func(_ context.Context, l *location) (*Target, error) {
	g, err := l.group()
	if err != nil {
		return nil, err
	}
	c := l.zookeeper()
	c.Root = strings.TrimRight(l.url.Path, "/")
	ledger, err := zookeeper.OpenLedger(c)
	if err != nil {
		return nil, err
	}
	return ofLedger(g, ledger, ledger.Close), nil
}}

var zookeeperLayouts = func() map[string]layout {
	all := map[string]layout{}
	for form := zookeeper.FormConsumers; form <= zookeeper.FormTrident; form++ {
		all[form.String()] = layout{params: []string{"topic"}, open: func(_ context.Context, l *location) (*Target, error) {
			at := zookeeper.LayoutConfig{Form: form, Path: strings.TrimRight(l.url.Path, "/"), Topic: l.params.Get("topic"),
				Group: fencepost.Group(l.params.Get("group"))}
			if form == zookeeper.FormConsumers && at.Group == "" { // zk://HOST/consumers/G
				at.Path, at.Group = path.Dir(at.Path), fencepost.Group(path.Base(at.Path))
				if len(at.Path) < 2 { // / or .
					return nil, codes.Usage("zk://HOST/consumers/GROUP?layout=consumers, or group=GROUP besides", "the URL names no group, and %s may hold many", cmp.Or(l.url.Path, "/"))
				}
			}
			lay, err := zookeeper.OpenLayout(l.zookeeper(), at)
			if err != nil {
				return nil, err
			}
			t := ofLayout(lay, "node "+l.url.Path)
			if form == zookeeper.FormConsumers {
				t.Subject = "group " + string(at.Group)
			}
			return t, nil
		}}
	}
	return all
}()

// zookeeper is the servers that the URL leads to, and the user.
func (l *location) zookeeper() zookeeper.Config {
	c := zookeeper.Config{Servers: strings.Split(l.url.Host, ",")}
	if l.url.User != nil {
		c.User = l.url.User.Username()
		c.Password, _ = l.url.User.Password()
	}
	return c
}
