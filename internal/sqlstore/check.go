package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// Check looks at the database: can it take the columns, is there a ledger, does an empty batch go through. It writes
// nothing: what it tries, it rolls back.
func (s *Sink[S]) Check(ctx context.Context, columns []fencepost.ColumnSpec) []fencepost.Finding {
	if err := s.turn.take(ctx); err != nil {
		return []fencepost.Finding{finding("database", err)}
	}
	defer s.turn.give()
	s.look.Drop() // an idle one may be dead
	if _, err := s.look.Open(ctx); err != nil {
		return []fencepost.Finding{finding("database", err)}
	}
	// Each part opens the session again: what failed before may have dropped it.
	list := s.checkTable(ctx, columns)
	if !s.job.NoLedger {
		list = append(list, s.dialect.checkLedger(ctx, s.look))
	}
	if slices.ContainsFunc(list, func(f fencepost.Finding) bool { return f.Subject == "database" && !f.OK }) {
		return list // a trial would only say the same again
	}
	return append(append(list, s.checkTrial(ctx, columns)), s.checkConnections(ctx)...)
}

// checkConnections opens as many connections as a worker takes at least, all at once: the ledger's, one for questions, one a lane, and
// those of its sign of life. It finds nothing if they can be had.
func (s *Sink[S]) checkConnections(ctx context.Context) []fencepost.Finding {
	most := max(1, s.job.lanes()) + 1
	for n := 0; n < most; n++ {
		own := s.dialect.Another(s.look)
		if _, err := own.Open(ctx); err != nil {
			return []fencepost.Finding{finding("connections", err)}
		}
		defer own.Drop()
		if n == 0 {
			most += s.dialect.Presence.connections(own)
		}
	}
	return nil
}

// finding turns an error into a finding.
func finding(subject string, err error) fencepost.Finding {
	f := fencepost.Finding{Subject: subject, Text: err.Error(), Code: "database-silent"}
	if fault := new(fencepost.UserError); errors.As(err, &fault) {
		f.Text, f.Code, f.Help, f.Silent = fault.Error(), fault.Code, fault.Help, fault.Passing
		return f
	}
	if r := new(sink.Rejected); errors.As(err, &r) {
		f.Code, f.Help = "record-refused", r.Hint
		return f
	}
	f.Silent = true
	return f
}

// checkTable compares the columns with the table, or the text of the SQL with what must not be in it.
func (s *Sink[S]) checkTable(ctx context.Context, columns []fencepost.ColumnSpec) []fencepost.Finding {
	ok := func(format string, args ...any) []fencepost.Finding {
		return []fencepost.Finding{{Subject: "database", OK: true, Text: s.dialect.Server(s.look) + ": " + fmt.Sprintf(format, args...)}}
	}
	switch s.job.Form() {
	case Handle:
		return ok("your handler gets %s", count(len(columns), "column"))
	case SQL:
		if end := s.dialect.Syntax.FindEnd(s.job.SQL); end != nil {
			return []fencepost.Finding{{Subject: "database", Text: end.Text(), Code: "sql-ended-transaction", Help: end.Help(), Key: "sql"}}
		}
		if err := s.dialect.namesake(ctx, s.look); err != nil {
			f := finding("database", err)
			f.Key = "sql"
			return []fencepost.Finding{f}
		}
		if err := s.job.unmentioned(columns); err != nil {
			f := finding("database", err)
			f.Key = "sql"
			return []fencepost.Finding{f}
		}
		return ok("%s in the temporary table batch%s", count(len(columns), "column"), s.dialect.batchNotes(s.look, columns))
	case Append, Upsert:
	}
	if list := findings(s.dialect.tooLong(s.job, columns)); len(list) > 0 {
		return list
	}
	t, err := s.dialect.Target.Read(s.look, ctx, s.job)
	if err != nil {
		f := finding("database", err)
		f.Key = "table"
		return []fencepost.Finding{f}
	}
	list := findings(s.dialect.misfits(t, s.job, columns))
	if len(list) == 0 {
		for _, m := range s.dialect.merges(s.look, t, s.job, columns) {
			list = append(list, fencepost.Finding{Subject: "database", Text: m.Text, Code: m.Code, Help: m.Help, Key: "key"})
		}
	}
	if len(list) > 0 {
		return list
	}
	n, deletes := t.taken(s.job, columns)
	list = ok("table %s has all %s%s%s%s", s.job.Table, count(n, "column"), t.unfilled(columns), deletes, s.dialect.notes(s.look, t, s.job, columns))
	list[0].Facts = t.facts()
	return list
}

// findings are misfits beside the keys that they are about.
func findings(misfits []Misfit) (list []fencepost.Finding) {
	for _, m := range misfits {
		f := fencepost.Finding{Subject: "database", Text: m.Text, Code: m.Code, Help: m.Help, Key: "table"}
		if m.Column != "" {
			f.Key = "schema." + m.Column
		} else if strings.HasPrefix(m.Code, "key-") {
			f.Key = "key"
		}
		list = append(list, f)
	}
	return list
}

// checkLedger looks for the ledger, and whether this user may use or make it.
func (d *Dialect[S]) checkLedger(ctx context.Context, s S) fencepost.Finding {
	if _, err := s.Open(ctx); err != nil {
		return finding("ledger", err)
	}
	text, denied, err := d.ledgerState(ctx, s)
	if err != nil {
		return finding("ledger", err)
	}
	if denied != "" {
		return fencepost.Finding{Subject: "ledger", Text: denied, Code: "database-denied", Help: d.Owner}
	}
	return fencepost.Finding{Subject: "ledger", OK: true, Text: text}
}

// ledgerState describes the ledger, or what this user is denied.
func (d *Dialect[S]) ledgerState(ctx context.Context, s S) (text, denied string, err error) {
	f, err := d.Find(ctx, s)
	if err != nil {
		s.Rollback(ctx, err)
		return "", "", err
	}
	if len(f.Missing) > 0 {
		missing := strings.Join(f.Missing, ", ")
		place, err := d.Tables.Refused(s, ctx)
		switch {
		case err != nil:
			return "", "", d.failed(ctx, s, err)
		case place != "":
			return "", "this user may not create " + missing + " in " + place, nil
		case len(f.Missing) == len(TableNames):
			return "none yet; this user may create fencepost_ledger, fencepost_moves, fencepost_groups", "", nil
		}
		return "incomplete; this user may create " + missing, "", nil
	}
	lacks, err := d.Tables.Lacks(s, ctx, f.Tables)
	switch {
	case err != nil:
		return "", "", d.failed(ctx, s, err)
	case len(lacks) > 0:
		return "", "this user lacks " + strings.Join(lacks, "; "), nil
	case f.Version == 0:
		return "empty; the first start gives it its identity", "", nil
	}
	if err := d.tryLedger(ctx, s, f.Tables); err != nil {
		return "", "", err
	}
	text = fmt.Sprintf("version %d, identity %.8s, in %s", f.Version, f.ID, d.Tables.Place(s, f.Tables))
	if f.Reports == "" {
		text += ", without " + ReportsName + ": what workers know is kept once there is one, which ddl makes"
	}
	return text, "", nil
}

const (
	endsText = "the SQL ends its transaction: rows and moves would part"
	endsHelp = "take the statement out that commits or rolls back"
)

// checkTrial sends an empty batch through everything but the compare-and-set, and rolls back.
func (s *Sink[S]) checkTrial(ctx context.Context, columns []fencepost.ColumnSpec) fencepost.Finding {
	form := s.job.Form()
	if form == Handle {
		return fencepost.Finding{Subject: "trial", OK: true, Text: "a handler is not tried"}
	}
	ended, err := s.try(ctx, columns)
	if err == nil {
		return fencepost.Finding{Subject: "trial", OK: true, Text: "an empty batch was applied and rolled back"}
	}
	if ended != "" {
		return fencepost.Finding{Subject: "trial", Text: endsText, Code: "sql-ended-transaction", Help: endsHelp, Key: "sql"}
	}
	f := finding("trial", s.dialect.Blameless(err))
	if form == SQL {
		f.Key = "sql"
	}
	return f
}

// try runs TargetSQL.Try on the table as it is now, and rolls back.
func (s *Sink[S]) try(ctx context.Context, columns []fencepost.ColumnSpec) (ended string, err error) {
	d := s.dialect
	if _, err := s.look.Open(ctx); err != nil {
		return "", err
	}
	t, err := d.target(ctx, s.look, s.job, columns)
	if err != nil {
		return "", err
	}
	ended, err = d.Target.Try(s.look, ctx, s.job, t, slices.Concat(columns, heldMeta(s.job, t)))
	if err != nil {
		switch o, detail := d.Errors.Outcome(s.look, err); {
		case o == Namesake && detail != "":
			s.look.Rollback(ctx, err)
			return "", ambiguous(detail)
		case o == Parted:
			s.look.Rollback(ctx, err)
			return "", d.Target.Parted(detail).Fault()
		}
		err = d.failed(ctx, s.look, err)
		s.look.Drop() // what is between may still count on it
	}
	return ended, err
}

// heldMeta returns the metadata columns that a batch would hold as Columns.
func heldMeta(j Job, t *Target) []fencepost.ColumnSpec {
	want := j.Mentions
	if t != nil {
		want = t.Has
	}
	return meta(func(m fencepost.ColumnSpec) bool { return SourceOf(m.Name) == FromColumn && want(m.Name) })
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
