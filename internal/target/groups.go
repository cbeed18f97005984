package target

import (
	"context"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/codes"
)

// Listing is the groups of a ledger or a cluster.
type Listing struct {
	Groups []admin.Group
	Where  string // without secrets
	User   string // whom the brokers know by a name, whose rights may hide groups; empty: nobody
}

// Groups lists the groups of the ledger or cluster that an operand names. A group that the operand names besides is passed over.
func Groups(ctx context.Context, operand string, o Options) (out Listing, err error) {
	if l, err := parse(operand, o.Env); IsURL(operand) && err == nil && l.scheme == "kafka" {
		return clusterGroups(ctx, l, o)
	}
	o.anyGroup, o.Access = true, Stored
	err = Use(ctx, operand, o, func(ctx context.Context, t *Target) error {
		if t.Layout != nil {
			return codes.Usage("fencepost offsets show FILE", "%s is another program's layout, and not a ledger or a cluster", t.Location())
		}
		out.Where = t.Where
		out.Groups, err = admin.Groups(ctx, t.Resources)
		return err
	})
	return out, err
}

// clusterGroups lists the groups of a cluster.
func clusterGroups(ctx context.Context, l *location, o Options) (out Listing, err error) {
	if err := l.takes(kafkaParams, false); err != nil {
		return out, err
	}
	c, err := l.kafka()
	if err != nil {
		return out, err
	}
	t := &Target{Operand: l.shown}
	if err := t.attach(c, nil); err != nil {
		return out, err
	}
	defer t.Close(ctx, o.Timeout)
	if err := t.ping(ctx, o.Timeout); err != nil {
		return out, err
	}
	out.Where, out.User = l.shown, t.source.User()
	out.Groups, err = t.source.Groups(ctx)
	return out, t.Pointed(err)
}
