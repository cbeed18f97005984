package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
)

// Version is that of the ledger's tables.
const Version = 1

// TableNames lists the tables without which there is no ledger.
var TableNames = []string{"fencepost_groups", "fencepost_ledger", "fencepost_moves"}

// ReportsName is the table of ledger.Reports. A ledger of an earlier release has none, and is complete without it.
const ReportsName = "fencepost_reports"

// Tables are the ledger's tables as SQL names with their schema. Without the schema, a user's SQL could change which table
// a name means.
type Tables struct {
	Groups, Ledger, Moves string
	Reports, Letters      string // empty: there is none
}

// Found is what there is of a ledger.
type Found struct {
	Tables
	Missing []string
	Version int    // 0: no identity row
	ID      string // hexadecimal
}

// Complete reports whether nothing has to be made.
func (f Found) Complete() bool { return len(f.Missing) == 0 && f.Version != 0 }

// TableSQL finds and makes the ledger's tables. Its functions return the driver's errors, Make those of Errors.Edge.
type TableSQL[S Session] struct {
	// Locate selects the name, and the SQL name with its schema, of those of the ledger's tables that exist. A third column
	// that is not null says why the table keeps no ledger, in the words of TargetSQL.Parted.
	Locate func(S) string
	// Make makes what is missing. Other processes may do the same at the same time.
	Make func(S, context.Context, Found) error
	// MakeLater makes the tables that came later than the others, of reports and of letters. Other processes may do the same at
	// the same time. It returns the driver's errors.
	MakeLater func(S, context.Context) error
	// PutReport is the end of an INSERT into the table of reports: it replaces the rows that are there.
	PutReport string
	// Refused returns where this user may not make tables: "public". empty: the user may.
	Refused func(S, context.Context) (place string, err error)
	// Lacks lists the rights on the tables that this user lacks.
	Lacks func(S, context.Context, Tables) ([]string, error)
	// Place returns where existing tables are: "schema public".
	Place func(S, Tables) string
}

// Find looks for the ledger's tables. It changes nothing.
func (d *Dialect[S]) Find(ctx context.Context, s S) (f Found, err error) {
	res, err := s.Exec(ctx, d.Tables.Locate(s))
	if err != nil {
		return f, d.Errors.Edge(s, ctx, err)
	}
	at := map[string]string{} // :: name -> SQL name
	for _, r := range res[0] {
		if len(r) > 2 && r[2] != nil {
			m := d.Target.Parted(string(r[2]))
			return f, &fencepost.UserError{Code: m.Code, Help: m.Help, Err: errors.New(m.Text)}
		}
		at[string(r[0])] = string(r[1])
	}
	for _, n := range TableNames {
		if at[n] == "" {
			f.Missing = append(f.Missing, n)
		}
	}
	f.Tables = Tables{Groups: at[TableNames[0]], Ledger: at[TableNames[1]], Moves: at[TableNames[2]], Reports: at[ReportsName], Letters: at[LettersName]}
	if f.Groups == "" {
		return f, nil
	}
	res, err = s.Exec(ctx, "select version, ledger_id from "+f.Groups+" where group_name = '' and topic = ''")
	if err != nil {
		return f, d.Errors.Edge(s, ctx, err)
	}
	if len(res[0]) == 1 {
		f.Version, _ = strconv.Atoi(string(res[0][0][0]))
		f.ID = strings.ReplaceAll(string(res[0][0][1]), "-", "")
	}
	if f.Version > Version {
		return f, newer(int64(f.Version))
	}
	return f, nil
}

// findOrMake finds the ledger's tables and makes what is missing. A user that may not create tables can use those that
// exist.
func (d *Dialect[S]) findOrMake(ctx context.Context, s S) (Tables, error) {
	f, err := d.Find(ctx, s)
	if err != nil || f.Complete() {
		return f.Tables, err
	}
	if err := d.Tables.Make(s, ctx, f); err != nil {
		return Tables{}, err
	}
	f, err = d.Find(ctx, s)
	if err == nil && !f.Complete() {
		err = &fencepost.UserError{Code: "table-not-found", Err: fmt.Errorf("the ledger's tables were made and are not found: %v", f.Missing), Help: d.NotFound}
	}
	return f.Tables, err
}
