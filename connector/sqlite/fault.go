package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"zombiezen.com/go/sqlite"
)

// lostConn is an error after which the connection cannot be used: its transaction could not be ended.
type lostConn struct{ err error }

func (e *lostConn) Error() string { return e.err.Error() }
func (e *lostConn) Unwrap() error { return e.err }

// busy reports whether another connection is in the way: the write lock, a checkpoint, a recovery after a kill.
func busy(err error) bool {
	code := sqlite.ErrCode(err).ToPrimary()
	return code == sqlite.ResultBusy || code == sqlite.ResultProtocol
}

// doubtful reports whether a connection should not be used again after err: everything but answers that leave it as it
// was.
func doubtful(err error) bool {
	var (
		refused  *ledger.Refused
		rejected *sink.Rejected
		lost     *lostConn
		f        *fencepost.UserError
	)
	switch {
	case err == nil:
		return false
	case errors.As(err, &lost), errors.Is(err, ledger.ErrUnknown):
		return true
	case errors.As(err, &refused), errors.As(err, &rejected), errors.Is(err, ledger.ErrOtherCluster),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &f):
		return f.Code != "database-busy" && f.Code != "disk-full"
	}
	return true
}

// ours reports whether err is one of the words of the root package already.
func ours(err error) bool {
	var (
		f        *fencepost.UserError
		refused  *ledger.Refused
		rejected *sink.Rejected
		ended    *sink.Ended
	)
	return errors.As(err, &f) || errors.As(err, &refused) || errors.As(err, &rejected) || errors.As(err, &ended) ||
		errors.Is(err, ledger.ErrUnknown) || errors.Is(err, ledger.ErrNewer) || errors.Is(err, ledger.ErrOtherCluster)
}

// fault turns a driver's error into a UserError with a remedy, where the file is the cause and nothing happened to it.
// Errors that are ours already, or do not concern the file, pass unchanged.
func fault(path string, err error) error {
	if err == nil || ours(err) {
		return err
	}
	name := filepath.Base(path)
	f := &fencepost.UserError{Err: fmt.Errorf("%s: %w", name, err), Exit: 1}
	switch code := sqlite.ErrCode(err); code.ToPrimary() {
	case sqlite.ResultBusy, sqlite.ResultProtocol:
		f.Code, f.Passing = "database-busy", true
		f.Err = fmt.Errorf("%s: another process has held its lock for %s; nothing happened", name, patience)
		if errors.Is(err, context.DeadlineExceeded) {
			f.Err = fmt.Errorf("%s: another process holds its lock; nothing happened: %w", name, context.DeadlineExceeded)
		}
		f.Help = "find it and let it go on or kill it: fuser -v " + path
	case sqlite.ResultFull:
		return full(path, nil)
	case sqlite.ResultReadOnly, sqlite.ResultPerm:
		f.Code = "database-denied"
		f.Err = fmt.Errorf("%s: this user may not write it: %s", name, message(err))
		f.Help = fmt.Sprintf("chmod u+rw %s*   and write permission on its directory, where SQLite keeps its WAL", path)
	case sqlite.ResultNotADB:
		f.Code, f.Err = "not-a-database", fmt.Errorf("%s: the file is not a SQLite database", name)
		f.Help = "mend path, or move that file away: fencepost makes a new one"
	case sqlite.ResultCorrupt:
		f.Code = "database-damaged"
		f.Help = fmt.Sprintf("sqlite3 %s 'PRAGMA integrity_check'; then restore a backup: rows and positions go back together", path)
	case sqlite.ResultIOErr:
		if noRoom(path) {
			return full(path, nil)
		}
		f.Code, f.Passing = "database-io", true
		f.Err = fmt.Errorf("%s: %s; the batch was rolled back, nothing is lost", name, message(err))
		f.Help = "look at the disk and the file system: dmesg; run tries again by itself"
	case sqlite.ResultCantOpen:
		return cannotOpen(path, f)
	default:
		return err
	}
	return f
}

// cannotOpen returns why a file cannot be opened, as far as the file system shows it.
func cannotOpen(path string, f *fencepost.UserError) error {
	name, dir := filepath.Base(path), filepath.Dir(path)
	info, err := os.Stat(path)
	_, dirErr := os.Stat(dir)
	switch {
	case err == nil && info.IsDir():
		f.Code, f.Err = "database-directory", fmt.Errorf("%s is a directory, not a file", path)
		f.Help = "name a file in it: " + filepath.Join(path, "fencepost.db")
	case errors.Is(dirErr, os.ErrNotExist):
		f.Code, f.Err = "database-missing", fmt.Errorf("%s: its directory does not exist", text.Absolute(path))
		f.Help = "mkdir -p " + dir
	default:
		f.Code, f.Err = "database-denied", fmt.Errorf("%s: this user may not open it, or not write in %s", name, dir)
		f.Help = fmt.Sprintf("chmod u+rw %s*   and write permission on its directory, where SQLite keeps its WAL", path)
	}
	return f
}

// commitFault says what is known after a COMMIT that failed. A full disk or a busy lock: the commit's frame is not in
// the WAL, so it did not happen. A deferred constraint: the transaction is still open. An I/O error may come after the
// frame was written: the outcome is unknown.
func commitFault(path string, err error) error {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultBusy, sqlite.ResultFull, sqlite.ResultReadOnly, sqlite.ResultProtocol:
		return fault(path, err)
	case sqlite.ResultConstraint:
		return rejected("", err)
	}
	if noRoom(path) {
		return full(path, ledger.ErrUnknown)
	}
	return fmt.Errorf("commit to %s: %w: %w", filepath.Base(path), ledger.ErrUnknown, err)
}

// full is the error of a disk without space, or of a file that may not grow. Where outcome is ErrUnknown, the next
// compare-and-set decides whether the batch was committed.
func full(path string, outcome error) *fencepost.UserError {
	f := &fencepost.UserError{Code: "disk-full", Passing: true, Exit: 1,
		Help: "free space, or raise the limit (ulimit -f), and start it again; run waits by itself"}
	f.Err = fmt.Errorf("%s: no space left; the batch was rolled back, nothing is lost", filepath.Base(path))
	if outcome != nil {
		f.Err = fmt.Errorf("%s: no space left, nothing is lost: %w", filepath.Base(path), outcome)
	}
	return f
}

// message is what SQLite itself says, without the driver's prefixes.
func message(err error) string {
	text := err.Error()
	general := sqlite.ErrCode(err).Message()
	if _, after, ok := strings.Cut(text, general+": "); ok {
		return after
	}
	return strings.TrimPrefix(strings.TrimPrefix(text, "sqlite: "), "step: ")
}

// refusesRows reports whether an error of a running statement is about the rows: other rows may pass. An error of the
// general kind while a statement runs comes from its data too (integer overflow, malformed JSON), unless SQLite had to
// compile it again because the tables were changed.
func refusesRows(err error) bool {
	if ours(err) {
		return false
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultConstraint, sqlite.ResultMismatch, sqlite.ResultTooBig:
		return true
	case sqlite.ResultError:
		text := message(err)
		return !strings.Contains(text, "no such ") && !strings.Contains(text, "has no column named")
	}
	return false
}

// blamesRows reports whether an error is one of the rows, in the driver's words or in ours.
func blamesRows(err error) bool {
	_, ok := errors.AsType[*sink.Rejected](err)
	return ok || refusesRows(err)
}

// rejected says for people which table and column refuse a row. table is empty where only SQLite knows it.
func rejected(table string, err error) *sink.Rejected {
	code, text := sqlite.ErrCode(err), message(err)
	r := &sink.Rejected{Code: codeName(code), Reason: text}
	_, what, _ := strings.Cut(text, "constraint failed: ")
	switch code {
	case sqlite.ResultConstraintNotNull:
		t, col, _ := strings.Cut(what, ".")
		r.Reason = fmt.Sprintf("null in column %s of table %s violates NOT NULL", col, t)
	case sqlite.ResultConstraintUnique, sqlite.ResultConstraintPrimaryKey:
		t, _, _ := strings.Cut(what, ".")
		r.Reason = fmt.Sprintf("a row of table %s has the same %s already: %s", t, strings.ReplaceAll(what, t+".", ""), clause(code))
		r.Hint = "if a later row should replace an earlier one, name those columns in key"
	case sqlite.ResultConstraintCheck:
		r.Reason = fmt.Sprintf("a row violates CHECK %s", what)
		if table != "" {
			r.Reason = fmt.Sprintf("a row violates CHECK %s of table %s", what, table)
		}
	case sqlite.ResultConstraintForeignKey:
		r.Reason = "a row refers to another one that does not exist: FOREIGN KEY constraint failed"
		if table != "" {
			r.Reason = fmt.Sprintf("a row of table %s refers to another one that does not exist: FOREIGN KEY constraint failed", table)
		}
	}
	return r
}

// codeName is SQLite's name of a code, also of one that the driver does not know.
func codeName(code sqlite.ResultCode) string {
	const datatype = sqlite.ResultConstraint | 12<<8 // of a STRICT table
	if code == datatype {
		return "SQLITE_CONSTRAINT_DATATYPE"
	}
	return code.String()
}

// clause is the constraint's word in a CREATE TABLE.
func clause(code sqlite.ResultCode) string {
	if code == sqlite.ResultConstraintPrimaryKey {
		return "PRIMARY KEY"
	}
	return "UNIQUE"
}
