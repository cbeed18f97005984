package sqlite

import (
	"context"

	"github.com/fencepost/fencepost"
	"zombiezen.com/go/sqlite"
)

// Conn is the driver's connection, under this package's name: a program with a handler need not import two packages
// that are called sqlite.
type Conn = sqlite.Conn

// handler is the effect that a Go function makes.
type handler struct {
	handle func(context.Context, *Conn, *fencepost.Batch) error
}

func (h *handler) before(context.Context, *conn, *fencepost.Batch) error { return nil }

// apply runs the function. Its own *sink.Rejected and other errors pass; a constraint that it ran into is one.
func (h *handler) apply(ctx context.Context, c *conn, b *fencepost.Batch) error {
	err := c.guarded(func() error { return h.handle(ctx, c.db, b) })
	if err != nil && sqlite.ErrCode(err).ToPrimary() == sqlite.ResultConstraint && !ours(err) {
		return rejected("", err)
	}
	return err
}

func (h *handler) forget() {}
