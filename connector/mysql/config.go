package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// Config says where a Sink's database is and what the sink does with a batch. Exactly one of Table, SQL and Handle is
// set.
type Config struct {
	// DSN is a URL, mysql://USER:PASSWORD@HOST:3306/DATABASE, or the driver's own form,
	// USER:PASSWORD@tcp(HOST:3306)/DATABASE; both take the driver's parameters (?tls=true). It names the database that
	// holds the ledger, on the primary. Its password appears in no error.
	DSN string
	// Table takes the rows, columns by name: flights or database.flights; double quotes hold a name with dots. The metadata columns (_topic, _offset and
	// so on) are filled too where the table has them. Its engine must be transactional (InnoDB).
	Table string
	// Key, with Table: columns of a unique index to upsert by. The last row of a key in partition order wins. None:
	// append.
	Key []string
	// SQL is one or several statements that read the batch from the temporary table `batch`: all columns of the
	// schema, and those metadata columns whose names the text contains. It runs inside the batch's transaction and
	// must not end it, which every statement of DDL does. A batch without rows does not run it.
	SQL string
	// Audit, with SQL or Handle: the table into which they write one row for each record, with the record's _topic, _partition and
	// _offset. Applied counts its rows. Empty: no row is known to name its record.
	Audit string
	// Handle is your own work inside the batch's transaction: nil commits it together with the moves, an error rolls
	// both back. It must not end the transaction. A batch without rows does not call it. While it runs, the locks it
	// took are held and the server waits for this process: CommitTimeout bounds that.
	Handle func(ctx context.Context, tx *sql.Tx, b *fencepost.Batch) error
	// Lanes is how many commits run side by side at most. 0: 1 with SQL or Handle, whose statements may depend on
	// each other, else any number.
	Lanes int
	// NoLedger says that the ledger is kept elsewhere (package atleastonce): its tables are neither made nor looked for, and
	// are no part of Check and DDL. Lanes then Apply, and their Commit fails.
	NoLedger bool
	// KeepCommits says what fencepost_moves keeps of the commits.
	KeepCommits ledger.KeepCommits
	// CommitTimeout, with Handle: the server ends a session that has waited this long for this process, or for a lock,
	// rounded up to seconds. Set it below the group's session timeout. 0: 4s.
	CommitTimeout time.Duration
}

// defaultCommitTimeout is below the default session timeout of a group, 6s.
const defaultCommitTimeout = 4 * time.Second

// job is the part of a Config that the core of the SQL connectors knows.
func (c Config) job() sqlstore.Job {
	return sqlstore.Job{Table: c.Table, Key: c.Key, SQL: c.SQL, Audit: c.Audit, Handled: c.Handle != nil, Lanes: c.Lanes, NoLedger: c.NoLedger, Keep: c.KeepCommits}
}

// validate joins all errors of a Config.
func (c Config) validate() error {
	errs := c.job().Validate()
	if c.CommitTimeout < 0 {
		errs = append(errs, fmt.Errorf("CommitTimeout is %s", c.CommitTimeout))
	}
	return errors.Join(errs...)
}
