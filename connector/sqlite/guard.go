package sqlite

import (
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"
)

// effects is the savepoint around what is not ours to write: your SQL, your function.
const effects = "fencepost_effects"

// guard is the connection's authorizer. SQLite asks it while it compiles a statement, so that SQL which would end the
// transaction, or write the ledger, is refused before it runs. While it is off, everything is allowed.
type guard struct {
	on      bool
	ended   string // what tried to end the transaction; empty: nothing
	refused string // what tried to write the ledger or attach a file; empty: nothing
}

// Authorize implements sqlite.Authorizer.
func (g *guard) Authorize(a sqlite.Action) sqlite.AuthResult {
	if !g.on {
		return sqlite.AuthResultOK
	}
	switch a.Type() {
	case sqlite.OpTransaction:
		g.ended = a.Operation()
		return sqlite.AuthResultDeny
	case sqlite.OpSavepoint:
		if a.Savepoint() == effects {
			g.ended = a.Operation() + " " + effects
			return sqlite.AuthResultDeny
		}
	case sqlite.OpAttach, sqlite.OpDetach:
		g.refused = "ATTACH and DETACH: a commit over two files is not atomic"
		return sqlite.AuthResultDeny
	case sqlite.OpDropTempTable:
		if strings.EqualFold(a.Table(), "batch") {
			g.refused = "dropping batch: it is filled again for the next one"
			return sqlite.AuthResultDeny
		}
	case sqlite.OpInsert, sqlite.OpUpdate, sqlite.OpDelete, sqlite.OpDropTable, sqlite.OpAlterTable:
		if t := strings.ToLower(a.Table()); isLedgerTable(t) {
			g.refused = fmt.Sprintf("writing %s: a ledger changes by moves only", t)
			return sqlite.AuthResultDeny
		}
	}
	return sqlite.AuthResultOK
}

// watch turns the guard on, and forgets what it refused before.
func (g *guard) watch() { *g = guard{on: true} }

// rest turns the guard off; what it refused can still be asked.
func (g *guard) rest() { g.on = false }
