package postgres

import (
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost/internal/sqlstore"
)

// prepared is a compare-and-set that this connection's server keeps. To parse and plan its text at each commit takes longer
// than to run it for a few partitions.
//
// PREPARE travels in the flush that first needs it, and so does not cost a round trip; a server keeps what it prepared
// also where the transaction fails later. Behind a pooler that looks like a server the next transaction may be another one's,
// and a user's SQL may say DEALLOCATE ALL. The EXECUTE of what is not there fails, and the transaction with it: so nothing happened, and the same
// commits leave once more at once, as text.
//
//	unknown --flush--> sent --COMMIT--> kept --EXECUTE fails: it is not there--> never
//	                   sent --PREPARE fails: it is there already--> kept
//	                   sent --any other error--> unknown
type prepared struct {
	state  prepareState
	tables sqlstore.Tables // that the statement names
	name   string          // has a secret; empty: this connection prepared nothing
}

type prepareState uint8

const (
	prepareUnknown prepareState = iota // the next flush prepares it
	prepareSent                        // by the flush that is under way
	prepareKept                        // the server has it
	prepareNever                       // not on later connections either
)

// connected forgets what the last connection's server kept. Behind a pooler nothing is prepared: it would stay in a server
// process that another client has then.
func (p *prepared) connected(pooled bool) {
	p.name = ""
	switch {
	case pooled:
		p.state = prepareNever
	case p.state != prepareNever:
		p.state = prepareUnknown
	}
}

// write writes the compare-and-set, for a flush. It ends with a semicolon. sql is the same each time.
func (p *prepared) write(sql string, t sqlstore.Tables, secret string, values arguments) string {
	if p.state == prepareNever {
		return fillCommits(sql, t, secret, values)
	}
	if p.name == "" || p.tables != t {
		p.name, p.tables, p.state = "fencepost_compare_"+sqlstore.Secret(), t, prepareUnknown
	}
	execute := "execute " + p.name + " (" + strings.Join(values[:], ", ") + "); "
	if p.state == prepareKept {
		return execute
	}
	p.state = prepareSent
	var numbers arguments
	types := make([]string, len(parameters))
	for i, parameter := range parameters {
		numbers[i], types[i] = "$"+itoa(int64(i+1)), parameter.typ
	}
	return "prepare " + p.name + " (" + strings.Join(types, ", ") + ") as " + fillCommits(sql, t, secret, numbers) + execute
}

// committed notes that the flush that was written was committed.
func (p *prepared) committed() {
	if p.state == prepareSent {
		p.state = prepareKept
	}
}

// rolledBack notes that it was not, and that the error does not say what became of PREPARE.
func (p *prepared) rolledBack() {
	if p.state == prepareSent {
		p.state = prepareUnknown
	}
}

// refused reports whether the error of a flush says that the server has the statement already, or that it has not, and notes
// it. The name proves which statement is meant.
func (p *prepared) refused(e *pgconn.PgError) bool {
	if p.name == "" || !strings.Contains(e.Message, p.name) {
		return false
	}
	switch {
	case e.Code == "42P05" && p.state == prepareSent:
		p.state = prepareKept
	case e.Code == "26000" && p.state != prepareNever:
		p.state = prepareNever
	default:
		return false
	}
	return true
}
