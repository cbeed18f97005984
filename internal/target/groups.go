package target

import (
	"context"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/codes"
)

// Groups lists the groups of the ledger or cluster that an operand names, and where they are. A group that the operand names
// besides is passed over.
func Groups(ctx context.Context, operand string, o Options) (groups []admin.Group, where string, err error) {
	if l, err := parse(operand, o.Env); IsURL(operand) && err == nil && l.scheme == "kafka" {
		groups, err = clusterGroups(ctx, l, o)
		return groups, l.shown, err
	}
	o.anyGroup, o.Access = true, Stored
	err = Use(ctx, operand, o, func(ctx context.Context, t *Target) error {
		if t.Layout != nil {
			return codes.Usage("fencepost offsets show FILE", "%s is another program's layout, and not a ledger or a cluster", t.Location())
		}
		where = t.Where
		groups, err = admin.Groups(ctx, t.Resources)
		return err
	})
	return groups, where, err
}

// clusterGroups lists the groups of a cluster.
func clusterGroups(ctx context.Context, l *location, o Options) ([]admin.Group, error) {
	if err := l.takes(kafkaParams, false); err != nil {
		return nil, err
	}
	c, err := l.kafka()
	if err != nil {
		return nil, err
	}
	t := &Target{Operand: l.shown}
	if err := t.attach(c, nil); err != nil {
		return nil, err
	}
	defer t.Close(ctx, o.Timeout)
	if err := t.ping(ctx, o.Timeout); err != nil {
		return nil, err
	}
	groups, err := t.source.Groups(ctx)
	return groups, t.Pointed(err)
}
