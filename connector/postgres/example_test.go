package postgres_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/postgres"
)

// Your own work and the offsets, in one transaction.
func ExampleOpen() {
	sink, err := postgres.Open(context.Background(), postgres.Config{
		DSN: "postgres://app@localhost/shop",
		Handle: func(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error {
			delay := b.Column("delay")
			for row := range b.All() {
				if _, err := tx.Exec(ctx, "insert into delays values ($1)", delay.Int(row)); err != nil {
					return err
				}
			}
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer sink.Close()
	fmt.Println(sink.Capabilities().Name, sink.Capabilities().Lanes)
	// Output: postgres 1
}

func ExampleDDL() {
	fmt.Println(postgres.DDL(postgres.Config{Table: "flights"}, []fencepost.ColumnSpec{{Name: "origin", Type: fencepost.Text}})[:95])
	// Output: -- Fencepost ledger version 1 for Postgres. Run by the database's owner; twice changes nothing.
}
