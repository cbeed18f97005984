package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

// What the driver says becomes what the contracts of Lane and Ledger say here, and nowhere else.

// silent is a server that does not serve now.
func (s *session) silent(reason string, err error) error {
	return system.Silent(place(s.config), reason, err)
}

// edge converts an error of the driver into one of ours, where nothing happened.
func (s *session) edge(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if pg := new(pgconn.PgError); errors.As(err, &pg) {
		return s.said(pg)
	}
	if errors.Is(err, errOldPrimary) {
		return &fencepost.UserError{Code: "old-primary", Err: fmt.Errorf("%s: %w", place(s.config), err), Passing: true, Facts: map[string]string{"met": "true"}}
	}
	if ctx.Err() != nil {
		return system.Canceled(ctx, place(s.config))
	}
	if errors.Is(err, pgconn.ErrStandbyConnection) || errors.Is(err, pgconn.ErrReadOnlyConnection) {
		return system.Fault(sqlstore.ReadOnly, place(s.config), sqlstore.Reasoned{Reason: "it is a replica, or its transactions may not write", Err: err})
	}
	if fault := unsecured(place(s.config), err); fault != nil {
		return fault
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

// unsecured returns the error of a server that answers, and whose connection cannot be secured as the dsn asks; nil: it is not
// about that.
func unsecured(address string, err error) error {
	var (
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
	)
	fault := &fencepost.UserError{Mendable: true}
	switch {
	case errors.As(err, &host):
		fault.Code, fault.Help = "tls-mismatch", "name the host in the dsn as the certificate does; or sslmode=verify-ca, which compares no name"
		fault.Err = fmt.Errorf("postgres %s: its certificate is for another name: %w", address, host)
	case errors.As(err, &authority):
		fault.Code, fault.Help = "tls-unknown-authority", "add sslrootcert=PATH of that authority's certificate to the dsn"
		fault.Err = fmt.Errorf("postgres %s: its certificate is signed by an authority unknown here: %w", address, authority)
	case errors.As(err, &verify):
		fault.Code, fault.Help = "tls-mismatch", "mend the server's certificate"
		fault.Err = fmt.Errorf("postgres %s: %w", address, verify)
	case strings.HasSuffix(err.Error(), "server refused TLS connection"):
		fault.Code, fault.Help = "tls-mismatch", "let the server speak TLS (ssl = on); or sslmode=prefer in the dsn, which goes on in plain"
		fault.Err = fmt.Errorf("postgres %s speaks no TLS, and the dsn asks for it", address)
	default:
		return nil
	}
	return fault
}

// classes is what the codes of errors are about, and those of whole classes of errors. Any other may belong to a row.
var classes = map[string]sqlstore.Class{
	"42P01": sqlstore.NoTable, "42703": sqlstore.NoColumn, "42501": sqlstore.NoRight, "28": sqlstore.NoLogin, "3D000": sqlstore.NoDatabase,
	"40": sqlstore.Race, "25": sqlstore.Race,
	"57014": sqlstore.Size, "25P04": sqlstore.Size, "53200": sqlstore.Size, "53400": sqlstore.Size, "55P03": sqlstore.Locks,
	"53100": sqlstore.DiskFull, "53300": sqlstore.Crowded, "25006": sqlstore.ReadOnly, "57P03": sqlstore.Starting,
	"57P01": sqlstore.Terminated, "57P02": sqlstore.Terminated, "57P05": sqlstore.Terminated, "25P03": sqlstore.Terminated,
	"08": sqlstore.NotServing, "53": sqlstore.NotServing, "57": sqlstore.NotServing, "58": sqlstore.NotServing,
	"21000": sqlstore.BadRows, "44000": sqlstore.BadRows, "22": sqlstore.BadRows, "23": sqlstore.BadRows, "P0": sqlstore.BadRows,
	"42622": sqlstore.BadRows, // a value too long for the type name
	"42":    sqlstore.BadSQL, "0A": sqlstore.BadSQL, "2D": sqlstore.BadSQL, "3F": sqlstore.BadSQL,
}

// classOf returns the class of a server's error. A code counts only if the server itself has raised it: a trigger may
// raise any, and row security refuses a row by the code of a right that is missing. The name of the server's function says
// which it was.
func classOf(pg *pgconn.PgError) sqlstore.Class {
	class, ok := classes[pg.Code]
	if !ok {
		class = classes[pg.Code[:min(2, len(pg.Code))]]
	}
	switch {
	case pg.Routine == "exec_stmt_raise" && class != sqlstore.BadRows:
		return sqlstore.Perhaps
	case pg.Routine == "ExecWithCheckOptions":
		return sqlstore.BadRows
	case pg.Code == "08P01" && pg.SeverityUnlocalized == "ERROR": // binary data for another type than the column has by now
		return sqlstore.BadRows
	}
	return class
}

// said converts an error that the server raised into one of ours.
func (s *session) said(pg *pgconn.PgError) error {
	if err := s.poolerRefused(pg); err != nil {
		return err
	}
	class := classOf(pg)
	if blame, ok := class.Blame(); ok {
		r := rejected(pg)
		r.Blame = blame
		return r
	}
	return system.Fault(class, place(s.config), reasoned(pg))
}

// reasoned is the server's error with its code.
func reasoned(pg *pgconn.PgError) sqlstore.Reasoned {
	return sqlstore.Reasoned{Reason: fmt.Sprintf("%s (%s)", pg.Message, pg.Code), Err: pg}
}

// unprepared reports whether a statement was not executed because of what is prepared on its connection: a table got
// another shape since (0A000 of this function of the server), or a pooler gave the connection to another client in between.
func unprepared(pg *pgconn.PgError) bool {
	return pg.Code == "26000" || pg.Code == "42P05" || pg.Code == "0A000" && pg.Routine == "RevalidateCachedQuery"
}

// rejected is an error about the rows themselves, with what the server says besides: the constraint or the column, and its
// detail, which names the key.
func rejected(pg *pgconn.PgError) *sink.Rejected {
	r := &sink.Rejected{Code: pg.Code, Reason: pg.Message, Hint: pg.Hint}
	column := pg.ColumnName
	if column == "" {
		column = copied(pg.Where)
	}
	switch {
	case pg.Code == "23502" && pg.ColumnName != "":
		r.Reason = "null in column " + pg.ColumnName + " violates not-null"
	case pg.ConstraintName != "" && !strings.Contains(pg.Message, pg.ConstraintName):
		r.Reason += " (constraint " + pg.ConstraintName + ")"
	case pg.ConstraintName == "" && column != "":
		r.Reason += " in column " + column
	}
	if d := strings.TrimSuffix(pg.Detail, "."); d != "" && !strings.HasPrefix(d, "Failing row contains") { // the record's offset says which
		r.Reason += ": " + d
	}
	return r
}

// copied is the column that a COPY was at, which the server names in the context only: COPY flights, line 3, column origin.
// The context of the function that read the value (jsonb) may come before that.
func copied(where string) string {
	for line := range strings.Lines(where) {
		if _, column, ok := strings.Cut(line, ", column "); ok && strings.HasPrefix(line, "COPY ") {
			column, _, _ = strings.Cut(strings.TrimSuffix(column, "\n"), ":")
			return column
		}
	}
	return ""
}

// lost reports whether the outcome of a flush that was sent is unknown after err. pgx reports "conn
// closed" as safe to retry, but also returns it when the request was sent and the response was lost.
func (s *session) lost(err error) bool {
	if pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed) {
		return false
	}
	if pg := new(pgconn.PgError); errors.As(err, &pg) && pg.Code == "25P03" {
		return false // it had waited for us too long: our flush was never read
	}
	return s.conn == nil || s.conn.IsClosed()
}

// outcome is sqlstore.Errors.Outcome.
func (s *session) outcome(err error) (o sqlstore.Outcome, detail string) {
	if s.lost(err) {
		return sqlstore.Lost, ""
	}
	pg := new(pgconn.PgError)
	switch {
	case !errors.As(err, &pg):
		return sqlstore.Failed, ""
	case pg.Code == "22P02":
		return sqlstore.ReadRefusal(pg.Message, s.secret)
	case s.sparse.refused(pg) || s.dense.refused(pg):
		return sqlstore.Again, ""
	}
	return sqlstore.Failed, ""
}
