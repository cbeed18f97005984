package redis

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost"
)

var _ fencepost.Checker = (*Ledger)(nil)

// Check looks at the server and for the ledger's identity, and changes nothing.
func (l *Ledger) Check(ctx context.Context, _ []fencepost.ColumnSpec) []fencepost.Finding {
	conn := l.client.Conn()
	defer conn.Close()
	policy, err := evictionPolicy(ctx, conn)
	if err != nil {
		return []fencepost.Finding{finding("ledger", l.cfg.fault(err, false))}
	}
	f := fencepost.Finding{Subject: "ledger", OK: true, Text: fmt.Sprintf("key %s, maxmemory-policy %s", l.cfg.Key, policy)}
	id, err := conn.HMGet(ctx, identityKey(l.cfg.Key), "version", "id").Result()
	if err != nil {
		return []fencepost.Finding{finding("ledger", l.cfg.fault(err, false))}
	}
	if id[0] == nil { // a Read would make it
		f.Text = "none yet; the first start makes it: " + f.Text
		return []fencepost.Finding{f}
	}
	if err := checkVersion(fmt.Sprint(id[0])); err != nil {
		return []fencepost.Finding{{Subject: "ledger", Code: "ledger-newer", Text: err.Error()}}
	}
	f.Text = fmt.Sprintf("identity %.8s, %s", id[1], f.Text)
	return []fencepost.Finding{f}
}
