package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// What the driver says becomes what the contracts of Lane and Ledger say here, and nowhere else.

const ddlHelp = `fencepost ddl FILE | psql "$DATABASE_URL"`

// ownerHelp is for a user that may not do it itself.
const ownerHelp = `as the owner of the tables: fencepost ddl FILE | psql OWNER_URL   (its GRANT lines are for the user of dsn)`

// newer is the refusal of a ledger that a newer program wrote.
func newer(v int) error {
	return &fencepost.Fault{Code: "ledger-newer", Exit: 4,
		Err:  fmt.Errorf("%w: it is version %d, this program knows %d: untouched", ledger.ErrNewer, v, version),
		Help: "run the newer program; there is no way back"}
}

// silent is a server that does not serve now. Waiting may mend it.
func (s *session) silent(reason string, err error) error {
	return &fencepost.Fault{Code: "database-silent", Passing: true,
		Err:  fmt.Errorf("postgres %s: %w", place(s.config), reasoned{reason, err}),
		Help: "start it, or mend the dsn; a running pipeline waits by itself"}
}

// reasoned is an error with another text.
type reasoned struct {
	reason string
	err    error
}

func (r reasoned) Error() string { return r.reason }
func (r reasoned) Unwrap() error { return r.err }

// edge makes an error of the driver ours, where nothing happened.
func (s *session) edge(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if pg := new(pgconn.PgError); errors.As(err, &pg) {
		return s.server(pg)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("postgres %s: %w", place(s.config), errors.Join(context.Cause(ctx), ctx.Err()))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return s.silent("the connection was closed", err)
	}
	if no := syscall.Errno(0); errors.As(err, &no) {
		return s.silent(no.Error(), err)
	}
	if pgconn.Timeout(err) {
		return s.silent("no answer in time", err)
	}
	if c := new(pgconn.ConnectError); errors.As(err, &c) {
		return s.silent(c.Unwrap().Error(), err)
	}
	if s.conn == nil || s.conn.IsClosed() {
		return s.silent("the connection was lost: "+err.Error(), err)
	}
	return err
}

// server makes an error that the server raised ours.
func (s *session) server(pg *pgconn.PgError) error {
	said := reasoned{fmt.Sprintf("%s (%s)", pg.Message, pg.Code), pg}
	fault := func(code, help string) error { return &fencepost.Fault{Code: code, Err: said, Help: help} }
	switch pg.Code {
	case "42P01":
		return fault("table-not-found", ddlHelp+"   (the ledger and sink.table; tables that your SQL names are yours to create)")
	case "42703":
		return fault("column-missing", "add the column to the table, or mend the schema or the SQL")
	case "42501":
		return fault("database-denied", ownerHelp)
	case "3D000":
		return fault("database-not-found", "create it, or mend the dsn")
	case "53100":
		return &fencepost.Fault{Code: "disk-full", Err: said, Passing: true,
			Help: "free space on the database's disk; the batch was rolled back, nothing is lost"}
	case "25006", "57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "53200", "53300", "53400":
		return s.silent(said.Error(), pg)
	case "40001", "40P01", "55P03", "57014", "40003", "25P02":
		return fmt.Errorf("postgres: %w", said)
	case "21000", "44000":
		return rejected(pg)
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "22", "23", "P0":
		return rejected(pg)
	case "28":
		return fault("database-denied", "mend user and password in the dsn, or the server's pg_hba.conf")
	case "08":
		return s.silent(said.Error(), pg)
	case "42", "0A", "2D", "3F":
		return fault("sql-refused", "mend the SQL or the table; fencepost check FILE tries it on an empty batch")
	}
	return fmt.Errorf("postgres: %w", said)
}

// rejected is an error about the rows themselves.
func rejected(pg *pgconn.PgError) *sink.Rejected {
	r := &sink.Rejected{Code: pg.Code, Reason: pg.Message, Hint: pg.Hint}
	switch {
	case pg.Code == "23502" && pg.ColumnName != "":
		r.Reason = "null in column " + pg.ColumnName + " violates not-null"
	case pg.ConstraintName != "" && !strings.Contains(pg.Message, pg.ConstraintName):
		r.Reason += " (constraint " + pg.ConstraintName + ")"
	case pg.ConstraintName == "":
		// COPY names the column in its context only: COPY flights, line 3, column origin
		if _, column, ok := strings.Cut(firstLine(pg.Where), ", column "); ok {
			column, _, _ = strings.Cut(column, ":")
			r.Reason += " in column " + column
		}
	}
	return r
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// lost reports whether err tells nothing about what the server did with a flush that was sent. The driver's "conn
// closed" passes for safe to retry, and is not: it answers so too for what was sent and broke while it was answered.
func (s *session) lost(err error) bool {
	if pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed) {
		return false
	}
	if pg := new(pgconn.PgError); errors.As(err, &pg) && pg.Code == "25P03" {
		return false // it had waited for us too long: our flush was never read
	}
	return s.conn == nil || s.conn.IsClosed()
}

// refusal makes the error of a flush that held a compare-and-set ours: *Refused, ErrNewer, ErrOtherCluster,
// ErrUnknown, or what edge makes of it. It leaves the session ready for the next flush.
func (s *session) refusal(ctx context.Context, t tables, g fencepost.Group, moves []ledger.Move, err error) error {
	if s.lost(err) {
		s.drop()
		return unknown(err)
	}
	s.rollback(ctx)
	what, detail := s.verdict(err)
	switch what {
	case "newer":
		var v int
		_, _ = fmt.Sscan(detail, &v) // 0 if the identity row is gone
		if v == 0 {
			return &fencepost.Fault{Code: "table-not-found", Err: errors.New("the ledger has no identity row"), Help: ddlHelp}
		}
		return newer(v)
	case "cluster":
		return fmt.Errorf("%w: %s", ledger.ErrOtherCluster, detail)
	case "roster":
		return errors.New("a start under another topic ID must cover every partition of the Roster, all with one ID")
	case "fenced":
	default:
		return s.edge(ctx, err)
	}
	if _, err := s.open(ctx); err != nil {
		return err
	}
	held, err := s.held(ctx, t, g, moves)
	if err != nil {
		s.rollback(ctx)
		return s.edge(ctx, err)
	}
	if err := ledger.Check(held, moves); err != nil {
		return err
	}
	return errors.New("the ledger refused, and a moment later agreed: try again")
}

// verdict reads the refusal out of an error that our own statements raised. The secret proves that they did.
func (s *session) verdict(err error) (what, detail string) {
	pg := new(pgconn.PgError)
	if !errors.As(err, &pg) || pg.Code != "22P02" {
		return "", ""
	}
	for _, what := range []string{"newer", "cluster", "roster", "fenced"} {
		if _, detail, ok := strings.Cut(pg.Message, what+":"+s.secret+":"); ok {
			return what, strings.TrimSuffix(detail, `"`)
		}
	}
	return "", ""
}

// unknown is a lost answer.
func unknown(err error) error { return fmt.Errorf("%w: %w", ledger.ErrUnknown, err) }
