package postgres

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
)

// O1: a standby, and a server whose transactions may not write, answer: they are no silent servers that somebody has to start.
func TestO1AStandbyIsNotSilent(t *testing.T) {
	config, err := pgx.ParseConfig("postgres://h:5432/db")
	if err != nil {
		t.Fatal(err)
	}
	s := &session{config: config}
	for _, err := range []error{pgconn.ErrStandbyConnection, pgconn.ErrReadOnlyConnection} {
		got := s.edge(t.Context(), fmt.Errorf("ValidateConnect failed: %w", err))
		f, ok := errors.AsType[*fencepost.UserError](got)
		if !ok || f.Code != "database-read-only" || !f.Passing {
			t.Errorf("%v: got %v, want database-read-only, which passes", err, got)
		}
	}
}
