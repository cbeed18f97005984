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
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// What the driver says becomes what the contracts of Lane and Ledger say here, and nowhere else.

const ddlHelp = `fencepost ddl FILE | mysql DATABASE`

// newer is the refusal of a ledger that a newer program wrote.
func newer(v int) error {
	return &fencepost.Fault{Code: "ledger-newer", Exit: 4,
		Err:  fmt.Errorf("%w: it is version %d, this program knows %d: untouched", ledger.ErrNewer, v, version),
		Help: "run the newer program; there is no way back"}
}

// silent is a server that does not serve now. Waiting may mend it.
func (s *session) silent(reason string, err error) error {
	return &fencepost.Fault{Code: "database-silent", Passing: true,
		Err:  fmt.Errorf("mysql %s: %w", s.config.Addr, reasoned{reason, err}),
		Help: "start it, or mend the dsn; a running pipeline waits by itself"}
}

// reasoned is an error with another text.
type reasoned struct {
	reason string
	err    error
}

func (r reasoned) Error() string { return r.reason }
func (r reasoned) Unwrap() error { return r.err }

// edge makes an error of the driver ours, where nothing happened. What is ours already passes as it is.
func (s *session) edge(ctx context.Context, err error) error {
	var fault *fencepost.Fault
	my, no, timeout := new(mysql.MySQLError), syscall.Errno(0), net.Error(nil)
	switch {
	case err == nil, errors.As(err, &fault):
		return err
	case errors.As(err, &my):
		return s.said(my)
	case ctx.Err() != nil:
		return fmt.Errorf("mysql %s: %w", s.config.Addr, errors.Join(context.Cause(ctx), ctx.Err()))
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

// said makes an error that the server raised ours.
func (s *session) said(my *mysql.MySQLError) error {
	text := reasoned{fmt.Sprintf("%s (%d)", my.Message, my.Number), my}
	fault := func(code, help string) error { return &fencepost.Fault{Code: code, Err: text, Help: help} }
	switch my.Number {
	case 1146, 1051:
		return fault("table-not-found", ddlHelp)
	case 1054:
		return fault("column-missing", "add the column to the table, or mend the schema or the SQL")
	case 1044, 1142, 1143, 1227, 1370, 1410:
		return fault("database-denied", "the GRANT of: "+ddlHelp)
	case 1045, 1130, 1698, 1524, 1862, 4151:
		return fault("database-denied", "mend user and password in the dsn, or the user's account on the server")
	case 1049:
		return fault("database-not-found", "create it, or mend the dsn")
	case 1021, 1114, 3675:
		return &fencepost.Fault{Code: "disk-full", Err: text, Passing: true,
			Help: "free space on the database's disk; the batch was rolled back, nothing is lost"}
	case 1040, 1203, 1226, 1053, 1079, 1290, 1792, 1836, 1047, 1129, 1927, 4031, 1152, 1158, 1159, 1160, 1161:
		return s.silent(text.Error(), my)
	case 1213, 1205, 1317, 1969, 3024, 1020, 1305:
		return fmt.Errorf("mysql: %w", text) // the same batch may be tried again
	}
	if refusesRows(my) {
		return rejected(my)
	}
	if class := string(my.SQLState[:2]); class == "42" || class == "0A" || class == "2F" || class == "25" {
		return fault("sql-refused", "mend the SQL or the table; fencepost check FILE tries it on an empty batch")
	}
	return fmt.Errorf("mysql: %w", text)
}

// refusesRows reports whether an error is about the rows: classes 22, 23 and 45 (SIGNAL in a trigger), and those that
// the server gives the general class.
func refusesRows(my *mysql.MySQLError) bool {
	switch my.Number {
	case 1062, 1048, 1264, 1265, 1292, 1364, 1366, 1406, 1690, 3819, 4025, 1451, 1452, 1242, 1365, 1411, 3140, 3141, 1118, 1301:
		return true
	}
	class := string(my.SQLState[:2])
	return class == "22" || class == "23" || class == "45"
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

// lost reports whether err tells nothing about what the server did with a flush that was sent. Nothing was sent where
// the driver says so itself (ErrBadConn). A session or statement that was killed may have been so behind its COMMIT.
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

// refusal makes the error of a flush that held a compare-and-set ours: *Refused, ErrNewer, ErrOtherCluster,
// ErrUnknown, or what edge makes of it. It leaves the session ready for the next flush.
func (s *session) refusal(ctx context.Context, t tables, w ledger.Writer, moves []ledger.Move, err error) error {
	if lost(err) {
		s.drop()
		return fmt.Errorf("%w: %w", ledger.ErrUnknown, err)
	}
	s.rollback(ctx, err)
	what := s.verdict(err)
	if what == "" {
		return s.edge(ctx, err)
	}
	if _, err := s.open(ctx); err != nil {
		return err
	}
	said, err := s.standing(ctx, t, w, moves, what)
	if err != nil {
		s.rollback(ctx, err)
		return s.edge(ctx, err)
	}
	return said
}

// standing asks why a compare-and-set did not hold: the refusal itself has room for a word only.
func (s *session) standing(ctx context.Context, t tables, w ledger.Writer, moves []ledger.Move, what string) (said, err error) {
	switch what {
	case "newer":
		res, err := s.exec(ctx, "select version from "+t.groups+" where group_name = '' and topic = ''")
		if err != nil {
			return nil, err
		}
		if len(res[0]) == 0 {
			return &fencepost.Fault{Code: "table-not-found", Err: errors.New("the ledger has no identity row"), Help: ddlHelp}, nil
		}
		v, _ := strconv.Atoi(string(res[0][0][0]))
		return newer(v), nil
	case "cluster":
		res, err := s.exec(ctx, "select cluster_id from "+t.groups+" where topic = '' and group_name = "+quote(string(w.Group)))
		if err != nil {
			return nil, err
		}
		id := ""
		if len(res[0]) > 0 {
			id = string(res[0][0][0])
		}
		return fmt.Errorf("%w: %s", ledger.ErrOtherCluster, id), nil
	case "roster":
		return errors.New("a start under another topic ID must cover every partition of the Roster, all with one ID"), nil
	}
	held, err := s.held(ctx, t, w.Group, moves)
	if err != nil {
		return nil, err
	}
	if err := ledger.Check(held, moves); err != nil {
		return err, nil
	}
	return errors.New("the ledger refused, and a moment later agreed: try again"), nil
}

// verdict reads the refusal out of an error that our own statements raised. The secret proves that they did.
func (s *session) verdict(err error) string {
	my := new(mysql.MySQLError)
	if !errors.As(err, &my) || my.Number != 1105 {
		return ""
	}
	for _, what := range []string{"newer", "cluster", "roster", "fenced"} {
		if strings.Contains(my.Message, what+":"+s.secret) {
			return what
		}
	}
	return ""
}
