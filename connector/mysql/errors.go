package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

// What the driver says becomes what the contracts of Lane and Ledger say here, and nowhere else.

// silent is a server that does not serve now.
func (s *session) silent(reason string, err error) error {
	return system.Silent(s.config.Addr, reason, err)
}

// edge converts an error of the driver into one of ours, where nothing happened. An error that is ours already passes unchanged.
func (s *session) edge(ctx context.Context, err error) error {
	var fault *fencepost.UserError
	my, no, timeout := new(mysql.MySQLError), syscall.Errno(0), net.Error(nil)
	switch {
	case err == nil, errors.As(err, &fault):
		return err
	case errors.As(err, &my):
		return s.said(my)
	case errors.Is(err, errShort):
		return &fencepost.UserError{Code: "sql-refused", Err: err, Help: "close what the SQL leaves open at its end: a comment, a quote"}
	case ctx.Err() != nil:
		return system.Canceled(ctx, s.config.Addr)
	case errors.As(err, &no):
		return s.silent(no.Error(), err)
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return s.silent("the connection was lost", err)
	case errors.As(err, &timeout):
		return s.silent(timeout.Error(), err)
	}
	return fmt.Errorf("mysql %s: %w", s.config.Addr, err)
}

// rollsBack reports whether an error ends the whole transaction, where most end their statement only: SQLSTATE 40, and those
// to which the server gives a general one. The transaction may be tried again as it is, from its beginning.
func rollsBack(my *mysql.MySQLError) bool {
	switch my.Number {
	case 1020, // a row that was waited for had changed meanwhile, with innodb_snapshot_isolation
		1205, // a lock was waited for too long, with innodb_rollback_on_timeout
		1180, // at COMMIT
		1206: // too many locks
		return true
	}
	return string(my.SQLState[:2]) == "40"
}

// lostRace reports whether the server rolled a flush back because another transaction was faster: a deadlock, a
// row that had changed, a cluster's certification. Nothing prevents another try.
func lostRace(err error) bool {
	my := new(mysql.MySQLError)
	return errors.As(err, &my) && (my.Number == 1020 || string(my.SQLState[:2]) == "40")
}

// classOf returns the class of a server's error. The number decides where the SQLSTATE is the general one. Any other may belong
// to a row: what a trigger signals (1644), a partition that is missing.
func classOf(my *mysql.MySQLError) sqlstore.Class {
	switch my.Number {
	case 1146, 1051:
		return sqlstore.NoTable
	case 1054:
		return sqlstore.NoColumn
	case 1044, 1142, 1143, 1227, 1370, 1410:
		return sqlstore.NoRight
	case 1045, 1130, 1698, 1524, 1862, 4151:
		return sqlstore.NoLogin
	case 1049:
		return sqlstore.NoDatabase
	case 1021, 1114, 3675:
		return sqlstore.DiskFull
	case 1040, 1203, 1226:
		return sqlstore.Crowded
	case 1290, 1792, 1836:
		return sqlstore.ReadOnly
	case 1053, 1079, 1927, 4031:
		return sqlstore.Terminated
	case 1047, 1129, 1152, 1158, 1159, 1160, 1161:
		return sqlstore.NotServing
	case 1785: // a table without transactions, where the server enforces that its transactions have GTIDs
		return sqlstore.BadSQL
	case 1020:
		return sqlstore.Race
	case 1305: // what does not exist
		if strings.HasPrefix(my.Message, "SAVEPOINT") {
			return sqlstore.Race
		}
		return sqlstore.BadSQL
	case 1317, 1969, 3024, 1153, 1206, 1037, 1038, 1041:
		return sqlstore.Size
	case 1205:
		return sqlstore.Locks
	case 1062, 1048, 1264, 1265, 1292, 1364, 1366, 1406, 1690, 3819, 4025, 1451, 1452, 1242, 1365, 1411, 3140, 3141, 1118, 1301:
		return sqlstore.BadRows
	case 1128, 1137, 1356, 3568, 3569: // HY000, which most errors that pass by themselves have too
		return sqlstore.BadSQL
	}
	switch string(my.SQLState[:2]) {
	case "40":
		return sqlstore.Race
	case "22", "23", "45": // the last is SIGNAL in a trigger
		return sqlstore.BadRows
	case "42", "0A", "2F", "25":
		return sqlstore.BadSQL
	}
	return sqlstore.Perhaps
}

// said converts an error that the server raised into one of ours.
func (s *session) said(my *mysql.MySQLError) error {
	class := classOf(my)
	if blame, ok := class.Blame(); ok {
		r := rejected(my)
		r.Blame = blame
		return r
	}
	return system.Fault(class, s.config.Addr, sqlstore.Reasoned{Reason: fmt.Sprintf("%s (%d)", my.Message, my.Number), Err: my})
}

// rejected is an error about the rows themselves.
func rejected(my *mysql.MySQLError) *sink.Rejected {
	r := &sink.Rejected{Code: strconv.Itoa(int(my.Number)), Reason: my.Message}
	switch my.Number {
	case 1048:
		if _, column, ok := strings.Cut(my.Message, "'"); ok {
			column, _, _ = strings.Cut(column, "'")
			r.Reason = "null in column " + column + " violates not-null"
		}
	case 1062:
		r.Hint = "if a later row should replace an earlier one, name those columns in key"
	}
	return r
}

// lost reports whether the outcome of a flush that was sent is unknown after err. Nothing was sent where
// the driver returns ErrBadConn. A session or statement that was killed may have been so behind its COMMIT.
func lost(err error) bool {
	my := new(mysql.MySQLError)
	if errors.As(err, &my) {
		switch my.Number {
		case 1317, 1927, 1053, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1180, 1969, 3024, 4031:
			return true
		}
		return false
	}
	return !errors.Is(err, driver.ErrBadConn) && !errors.Is(err, sql.ErrConnDone) && !errors.Is(err, errShort)
}

// outcome is sqlstore.Errors.Outcome. The refusal has space for a word only.
func (s *session) outcome(err error) (o sqlstore.Outcome, detail string) {
	if lost(err) {
		return sqlstore.Lost, ""
	}
	my := new(mysql.MySQLError)
	switch {
	case !errors.As(err, &my):
	case my.Number == 1105:
		return sqlstore.ReadRefusal(my.Message, s.secret)
	case my.Number == 1178 && strings.Contains(my.Message, "SAVEPOINT"): // of MariaDB, where Aria takes part in the transaction
		return sqlstore.Parted, ""
	}
	return sqlstore.Failed, ""
}
