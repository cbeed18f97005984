package ledgers

import (
	"context"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/mysql"
	"github.com/fencepost/fencepost/postgres"
	"github.com/fencepost/fencepost/sqlite"
)

var postgresScheme = scheme{drivers: true, native: func(_ context.Context, l *location) (*Opened, error) {
	g, err := l.group()
	if err != nil {
		return nil, err
	}
	dsn := l.dsn("postgres")
	ledger, err := postgres.OpenLedger(dsn, fencepost.KeepMerged)
	if err != nil {
		return nil, err
	}
	address, err := postgres.Address(dsn)
	return &Opened{Ledger: ledger, Group: g, address: address, close: func() error { ledger.Close(); return nil }}, err
}}

var mysqlScheme = scheme{drivers: true, native: func(_ context.Context, l *location) (*Opened, error) {
	g, err := l.group()
	if err != nil {
		return nil, err
	}
	ledger, err := mysql.OpenLedger(l.dsn("mysql"), fencepost.KeepMerged)
	if err != nil {
		return nil, err
	}
	return &Opened{Ledger: ledger, Group: g, close: func() error { ledger.Close(); return nil }}, nil
}}

var sqliteScheme = scheme{native: func(ctx context.Context, l *location) (*Opened, error) {
	g, err := l.group()
	if err != nil {
		return nil, err
	}
	// A sink that is given no batch is its ledger.
	sink, err := sqlite.Open(ctx, sqlite.Config{Path: l.path, Handle: func(context.Context, *sqlite.Conn, *fencepost.Batch) error { return nil }})
	if err != nil {
		return nil, err
	}
	return &Opened{Ledger: sink.Ledger(), Group: g, close: sink.Close}, nil
}}
