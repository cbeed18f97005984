package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/fencepost/fencepost"
)

// Check looks at the server and changes nothing.
func (s *Sink) Check(ctx context.Context, columns []fencepost.ColumnSpec) (found []fencepost.Finding) {
	if _, err := s.Needs(ctx, columns); err != nil {
		return append(found, finding("mapping", err))
	}
	found = append(found, fencepost.Finding{Subject: "mapping", OK: true, Text: fmt.Sprintf("%d effects, at most %d records a batch", len(s.cfg.Effects), s.Traits().Records)})
	conn := s.ledger.client.Conn()
	defer conn.Close()
	policy, err := evictionPolicy(ctx, conn)
	if err != nil {
		return append(found, finding("server", s.cfg.fault(err, false)))
	}
	return append(found, fencepost.Finding{Subject: "server", OK: true, Text: fmt.Sprintf("redis at %s, maxmemory-policy %s", s.cfg.Addr, policy)})
}

// finding is an error as a line of check.
func finding(subject string, err error) fencepost.Finding {
	f := fencepost.Finding{Subject: subject, Text: err.Error(), Code: "redis-error"}
	if r, ok := errors.AsType[*fencepost.Rejected](err); ok {
		f.Code, f.Help = r.Code, r.Hint
	}
	if e, ok := errors.AsType[*fencepost.Fault](err); ok {
		f.Code, f.Help, f.Silent = e.Code, e.Help, e.Passing
	}
	return f
}
