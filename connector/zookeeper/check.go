package zookeeper

import (
	"context"
	"errors"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var _ fencepost.Checker = (*Ledger)(nil)

// Check looks for the ledger's identity, and changes nothing.
func (l *Ledger) Check(ctx context.Context, _ []fencepost.ColumnSpec) []fencepost.Finding {
	there, err := l.Exists(ctx, "")
	if err == nil && !there {
		return []fencepost.Finding{{Subject: "ledger", OK: true, Text: "none yet; the first start makes it: node " + l.cfg.Root}}
	}
	var id fencepost.LedgerID
	if err == nil {
		id, err = l.identity(ctx)
		err = l.cfg.fault(err, false)
	}
	if err != nil {
		return []fencepost.Finding{finding(ctx, err)}
	}
	return []fencepost.Finding{{Subject: "ledger", OK: true, Text: fmt.Sprintf("identity %s, node %s", id.Short(), l.cfg.Root)}}
}

// finding is an error as a line of check.
func finding(ctx context.Context, err error) fencepost.Finding {
	f := fencepost.Finding{Subject: "ledger", Text: err.Error(), Code: "zookeeper-silent", Silent: ctx.Err() != nil}
	if e, ok := errors.AsType[*fencepost.UserError](err); ok {
		f.Code, f.Help, f.Facts, f.Silent = e.Code, e.Help, e.Facts, e.Passing
	}
	if errors.Is(err, ledger.ErrNewer) {
		f.Code, f.Help, f.Silent = "ledger-newer", "", false
	}
	return f
}
