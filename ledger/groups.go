package ledger

import (
	"context"

	"github.com/fencepost/fencepost"
)

// Groups is an optional ability of a Ledger: to list the groups that it holds.
type Groups interface {
	// Groups lists the groups that the ledger knows something of, in the order of their names. It makes no ledger: one that is
	// not there holds none. Errors: ErrNewer; any other error: no answer.
	Groups(context.Context) ([]fencepost.Group, error)
}
