package mysql

import (
	"github.com/go-sql-driver/mysql"

	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

type core = sqlstore.Ledger[*session]

// Ledger keeps positions in fencepost_ledger, on one connection of its own; callers take turns. It is a ledger.History,
// ledger.Recent, ledger.Finder and fencepost.Checker too.
type Ledger struct{ *core }

// OpenLedger is the ledger alone, without a sink. It connects to nothing yet.
//
// Errors: *fencepost.UserError dsn-invalid.
func OpenLedger(dsn string, keep ledger.KeepCommits) (*Ledger, error) {
	c, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	return newLedger(c, keep), nil
}

func newLedger(c *mysql.Config, keep ledger.KeepCommits) *Ledger {
	return &Ledger{sqlstore.NewLedger(dialect(), &session{config: c}, keep)}
}
