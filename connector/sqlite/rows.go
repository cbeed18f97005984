package sqlite

import (
	"context"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// Handle is a sink that hands the rows of each batch to f inside the batch's transaction, as values of T: nil commits
// what f did together with the offsets, an error neither (Config.Handle says what each error means). What is wrong with
// the path or with T is the error of the engine that takes the sink.
func Handle[T any](path string, f func(context.Context, *Conn, fencepost.Rows[T]) error) sink.Sink {
	return sink.ForRows[T](Open(context.Background(), Config{Path: path, Handle: sink.OfRows(f)}))
}
