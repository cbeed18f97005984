package atleastonce

import (
	"context"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Handle is Func for a function that takes the rows of a batch as values of T. What is wrong with T is the error of the
// engine that takes the sink.
func Handle[T any](l ledger.Ledger, f func(context.Context, fencepost.Rows[T]) error) sink.Sink {
	return sink.ForRows[T](Func(l, func(ctx context.Context, b *fencepost.Batch) error {
		rows, err := sink.ReadRows[T](b)
		if err != nil {
			return err
		}
		return f(ctx, rows)
	}), nil)
}
