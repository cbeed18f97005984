package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// Handle is a sink that hands the rows of each batch to f inside the batch's transaction, as values of T: nil commits
// what f did together with the offsets, an error neither (Config.Handle says what each error means). What is wrong with
// the DSN or with T is the error of the engine that takes the sink.
func Handle[T any](dsn string, f func(context.Context, pgx.Tx, fencepost.Rows[T]) error) sink.Sink {
	return sink.ForRows[T](Open(context.Background(), Config{DSN: dsn, Handle: sink.OfRows(f)}))
}
