package target

import (
	"context"

	"github.com/fencepost/fencepost/connector/mysql"
	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/connector/sqlite"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

var postgresScheme = scheme{drivers: true, layouts: tables(func(ctx context.Context, l *location, t sqlstore.TableLayout) (foreign.Layout, error) {
	return postgres.OpenLayout(ctx, l.dsn("postgres"), t)
}), native: func(_ context.Context, l *location) (*Target, error) {
	g, err := l.group()
	if err != nil {
		return nil, err
	}
	dsn := l.dsn("postgres")
	ledger, err := postgres.OpenLedger(dsn, ledger.KeepMerged)
	if err != nil {
		return nil, err
	}
	address, err := postgres.Address(dsn)
	t := ofLedger(g, ledger, func() error { ledger.Close(); return nil })
	t.address = address
	return t, err
}}

var mysqlScheme = scheme{drivers: true, layouts: tables(func(ctx context.Context, l *location, t sqlstore.TableLayout) (foreign.Layout, error) {
	return mysql.OpenLayout(ctx, l.dsn("mysql"), t)
}), native: func(_ context.Context, l *location) (*Target, error) {
	g, err := l.group()
	if err != nil {
		return nil, err
	}
	ledger, err := mysql.OpenLedger(l.dsn("mysql"), ledger.KeepMerged)
	if err != nil {
		return nil, err
	}
	return ofLedger(g, ledger, func() error { ledger.Close(); return nil }), nil
}}

var sqliteScheme = scheme{layouts: tables(func(ctx context.Context, l *location, t sqlstore.TableLayout) (foreign.Layout, error) {
	return sqlite.OpenLayout(ctx, l.path, t)
}), native: func(_ context.Context, l *location) (*Target, error) {
	g, err := l.group()
	if err != nil {
		return nil, err
	}
	ledger, err := sqlite.OpenLedger(l.path, ledger.KeepMerged)
	if err != nil {
		return nil, err
	}
	return ofLedger(g, ledger, ledger.Close), nil
}}

// anyTable is the layout of a URL that names a table's columns and no layout.
const anyTable = "table"

// tables are the layouts of a database: a table by the name that its program gave it, or by its columns.
func tables(open func(context.Context, *location, sqlstore.TableLayout) (foreign.Layout, error)) map[string]layout {
	all := map[string]layout{}
	for _, name := range append(sqlstore.Presets(), anyTable) {
		all[name] = layout{params: sqlstore.TableKeys(), open: func(ctx context.Context, l *location) (*Target, error) {
			t, _ := sqlstore.Preset(name)
			for _, key := range sqlstore.TableKeys() {
				if v := l.params.Get(key); v != "" {
					t.Set(key, v)
				}
			}
			lay, err := open(ctx, l, t)
			if err != nil {
				return nil, err
			}
			at := ofLayout(lay, "table "+t.Table)
			at.detail = tableDetail(t)
			return at, nil
		}}
	}
	return all
}

func tableDetail(t sqlstore.TableLayout) string {
	if t.Group == "" {
		return "table " + t.Table
	}
	return "table " + t.Table + " group " + string(t.Group)
}
