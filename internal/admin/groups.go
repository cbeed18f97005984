package admin

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// Group is one group of a ledger or of a cluster.
type Group = source.Group

// KindLedger is the kind of a group that a ledger holds.
const KindLedger = "ledger"

// Groups lists the groups of a ledger, with what each holds positions of. It makes no ledger.
//
// Errors: *fencepost.UserError ledger-missing; usage, for a ledger that cannot list them.
func Groups(ctx context.Context, r Resources) ([]Group, error) {
	lister, ok := ledger.As[ledger.Groups](r.Ledger)
	if !ok {
		return nil, &fencepost.UserError{Code: "usage", Err: fmt.Errorf("%s does not list its groups", r.Where), Help: "fencepost offsets show FILE"}
	}
	if err := r.exists(ctx); err != nil {
		return nil, err
	}
	names, err := lister.Groups(ctx)
	if err != nil {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	all := make([]Group, 0, len(names))
	for _, name := range names {
		snap, err := r.Ledger.Read(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("read ledger of group %s: %w", name, err)
		}
		topics := map[string]bool{}
		for tp := range snap.Positions {
			topics[tp.Topic] = true
		}
		all = append(all, Group{Name: name, Kind: KindLedger, Members: source.Unknown, Topics: len(topics), Partitions: len(snap.Positions)})
	}
	return all, nil
}

// misspelt is the fact that a remedy names: another group of the ledger whose name is nearly the same, or the group itself.
func (r Resources) misspelt(ctx context.Context) map[string]string {
	if lister, ok := ledger.As[ledger.Groups](r.Ledger); ok {
		names, _ := lister.Groups(ctx) // for the remedy only
		var others []string
		for _, g := range names {
			if g != r.Group {
				others = append(others, string(g))
			}
		}
		if near := text.Nearest(string(r.Group), others); near != "" {
			return map[string]string{"near": near}
		}
	}
	return map[string]string{"group": string(r.Group)}
}

// unknownGroup refuses a group that the ledger holds nothing of.
func (r Resources) unknownGroup(ctx context.Context) error {
	return &fencepost.UserError{Code: "ledger-missing", Err: fmt.Errorf("%s knows no group %s", r.Where, r.Group), Facts: r.misspelt(ctx)}
}
