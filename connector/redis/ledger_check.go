package redis

import (
	"context"
	"fmt"

	"github.com/gomodule/redigo/redis"

	"github.com/fencepost/fencepost"
)

var _ fencepost.Checker = (*Ledger)(nil)

// Check looks at the server and for the ledger's identity, and changes nothing.
func (l *Ledger) Check(ctx context.Context, _ []fencepost.ColumnSpec) []fencepost.Finding {
	var policy, kept string
	err := l.client.again(ctx, func(conn redis.Conn) (err error) {
		if policy, err = evictionPolicy(conn); err == nil {
			kept = durability(conn)
		}
		return err
	})
	if err != nil {
		return []fencepost.Finding{finding("ledger", l.cfg.fault(err, false))}
	}
	f := fencepost.Finding{Subject: "ledger", OK: true, Text: fmt.Sprintf("key %s, maxmemory-policy %s, %s", l.cfg.Key, policy, kept),
		Facts: map[string]string{durable: kept}}
	id, err := redis.Values(l.client.do(ctx, "HMGET", identityKey(l.cfg.Key), "version", "id"))
	if err != nil {
		return []fencepost.Finding{finding("ledger", l.cfg.fault(err, false))}
	}
	if id[0] == nil { // a Read would make it
		f.Text = "none yet; the first start makes it: " + f.Text
		return []fencepost.Finding{f}
	}
	if err := checkVersion(text(id[0])); err != nil {
		return []fencepost.Finding{{Subject: "ledger", Code: "ledger-newer", Text: err.Error()}}
	}
	f.Text = fmt.Sprintf("identity %.8s, %s", text(id[1]), f.Text)
	return []fencepost.Finding{f}
}
