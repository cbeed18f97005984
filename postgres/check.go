package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

// Check looks at the database: can it take the columns, is there a ledger, does an empty batch go through. It writes
// nothing: what it tries, it rolls back.
func (s *Sink) Check(ctx context.Context, columns []fencepost.ColumnSpec) []fencepost.Finding {
	if err := s.turn.take(ctx); err != nil {
		return []fencepost.Finding{finding("database", err)}
	}
	defer s.turn.give()
	if _, err := s.look.open(ctx); err != nil {
		return []fencepost.Finding{finding("database", err)}
	}
	list := s.checkTable(ctx, columns)
	if !s.config.NoLedger {
		list = append(list, s.checkLedger(ctx))
	}
	fits := !slices.ContainsFunc(list, func(f fencepost.Finding) bool { return f.Subject == "database" && !f.OK })
	if !fits {
		return list // a trial would only say the same again
	}
	return append(list, s.checkTrial(ctx, columns))
}

// finding makes a finding of an error.
func finding(subject string, err error) fencepost.Finding {
	f := fencepost.Finding{Subject: subject, Text: err.Error(), Code: "database-silent"}
	if fault := new(fencepost.Fault); errors.As(err, &fault) {
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

// server is the server's name and version: Postgres 15.18.
func (s *Sink) server() string {
	v, _, _ := strings.Cut(s.look.conn.PgConn().ParameterStatus("server_version"), " ")
	return "Postgres " + v
}

// checkTable compares the columns with the table, or the text of the SQL with what must not be in it.
func (s *Sink) checkTable(ctx context.Context, columns []fencepost.ColumnSpec) []fencepost.Finding {
	ok := func(format string, args ...any) []fencepost.Finding {
		return []fencepost.Finding{{Subject: "database", OK: true, Text: s.server() + ": " + fmt.Sprintf(format, args...)}}
	}
	switch s.config.form() {
	case formHandle:
		return ok("your handler gets %s", count(len(columns), "column"))
	case formSQL:
		if end := syntax.FindEnd(s.config.SQL); end != nil {
			return []fencepost.Finding{{Subject: "database", Text: end.Text(), Code: "sql-ended-transaction", Help: end.Help(), Key: "sql"}}
		}
		return ok("%s in the temporary table batch", count(len(columns), "column"))
	}
	t, err := readTarget(ctx, &s.look, s.config)
	if err != nil {
		f := finding("database", err)
		f.Key = "table"
		return []fencepost.Finding{f}
	}
	var list []fencepost.Finding
	for _, m := range t.faults(s.config, columns) {
		f := fencepost.Finding{Subject: "database", Text: m.text, Code: m.code, Help: m.help, Key: "table"}
		if m.column != "" {
			f.Key = "schema." + m.column
		} else if strings.HasPrefix(m.code, "key-") {
			f.Key = "key"
		}
		list = append(list, f)
	}
	if len(list) > 0 {
		return list
	}
	return ok("table %s has all %s%s", s.config.Table, count(len(columns), "column"), t.unfilled(columns))
}

// unfilled names the table's columns that nothing fills.
func (t *target) unfilled(columns []fencepost.ColumnSpec) string {
	var names []string
	for _, c := range t.columns {
		is := func(s fencepost.ColumnSpec) bool { return s.Name == c.name }
		switch {
		case slices.ContainsFunc(columns, is), slices.ContainsFunc(fencepost.MetaColumns(), is):
		case c.generated:
			names = append(names, c.name+" (generated)")
		case c.fallback:
			names = append(names, c.name+" (default)")
		default:
			names = append(names, c.name+" (null)")
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; not filled: " + strings.Join(names, ", ")
}

// checkLedger looks for the ledger, and whether this user may use or make it.
func (s *Sink) checkLedger(ctx context.Context) fencepost.Finding {
	f, err := findTables(ctx, &s.look)
	if err != nil {
		s.look.rollback(ctx)
		return finding("ledger", err)
	}
	denied := func(text string) fencepost.Finding {
		return fencepost.Finding{Subject: "ledger", Text: text, Code: "database-denied", Help: ownerHelp}
	}
	made := strings.Join(f.missing, ", ")
	switch {
	case len(f.missing) > 0 && !f.mayMake:
		return denied("this user may not create " + made + " in " + or(f.schema, "any schema of its search path"))
	case len(f.missing) == len(tableNames):
		return fencepost.Finding{Subject: "ledger", OK: true, Text: "none yet; this user may create fencepost_ledger, fencepost_moves, fencepost_groups"}
	case len(f.missing) > 0:
		return fencepost.Finding{Subject: "ledger", OK: true, Text: "incomplete; this user may create " + made}
	}
	lacks, err := s.lacking(ctx, f)
	if err != nil {
		return finding("ledger", err)
	}
	if len(lacks) > 0 {
		return denied("this user lacks " + strings.Join(lacks, "; "))
	}
	if f.version == 0 {
		return fencepost.Finding{Subject: "ledger", OK: true, Text: "empty; the first start gives it its identity"}
	}
	return fencepost.Finding{Subject: "ledger", OK: true, Text: fmt.Sprintf("version %d, identity %s, in schema %s", f.version, f.id[:8], strings.TrimSuffix(f.groups, "."+tableNames[0]))}
}

// lacking names the rights on the ledger's tables that this user lacks.
func (s *Sink) lacking(ctx context.Context, f found) (lacks []string, err error) {
	want := []struct{ table, right string }{
		{f.groups, "SELECT"}, {f.groups, "INSERT"}, {f.groups, "UPDATE"},
		{f.ledger, "SELECT"}, {f.ledger, "INSERT"}, {f.ledger, "UPDATE"},
		{f.moves, "SELECT"}, {f.moves, "INSERT"}}
	sql := "select "
	for i, w := range want {
		if i > 0 {
			sql += ", "
		}
		sql += "has_table_privilege(" + quote(w.table) + ", " + quote(w.right) + ")"
	}
	res, err := s.look.exec(ctx, sql)
	if err != nil {
		s.look.rollback(ctx)
		return nil, s.look.edge(ctx, err)
	}
	for i, w := range want {
		if string(res[0].Rows[0][i]) != "t" {
			lacks = append(lacks, w.right+" on "+w.table)
		}
	}
	return lacks, nil
}

// checkTrial sends an empty batch through everything but the compare-and-set, and rolls back.
func (s *Sink) checkTrial(ctx context.Context, columns []fencepost.ColumnSpec) fencepost.Finding {
	if s.config.form() == formHandle {
		return fencepost.Finding{Subject: "trial", OK: true, Text: "a handler is not tried"}
	}
	p, err := makePlan(ctx, &s.look, s.config, slices.Concat(columns, s.heldMeta(ctx, columns)))
	if err != nil {
		s.look.rollback(ctx)
		return finding("trial", err)
	}
	l := &lane{sink: s, form: s.config.form(), session: s.look}
	sql := begin + "set local lock_timeout = '5s'; "
	if p.create != "" {
		sql += p.create + "; "
	}
	sql += p.copy + "; " + strings.ReplaceAll(p.after, "@savepoint", l.savepoint()) + "rollback"
	e := newEncoder(p.fields, &fencepost.Batch{}, nil)
	tag, err := s.look.conn.PgConn().CopyFrom(ctx, e, sql)
	e.stop()
	if err == nil && tag.String() == "ROLLBACK" {
		return fencepost.Finding{Subject: "trial", OK: true, Text: "an empty batch was applied and rolled back"}
	}
	if err == nil {
		err = fmt.Errorf("the server answered %q to ROLLBACK", tag)
	}
	ended := s.config.form() == formSQL && !s.look.conn.IsClosed() && l.ended(tag, err) != ""
	s.look.rollback(ctx)
	if ended {
		return fencepost.Finding{Subject: "trial", Text: "the SQL ends its transaction: rows and moves would part",
			Code: "sql-ended-transaction", Help: "take the statement out that commits or rolls back", Key: "sql"}
	}
	f := finding("trial", s.look.edge(ctx, err))
	if s.config.form() == formSQL {
		f.Key = "sql"
	}
	return f
}

// heldMeta is the metadata columns that would be in a batch as Columns.
func (s *Sink) heldMeta(ctx context.Context, columns []fencepost.ColumnSpec) (specs []fencepost.ColumnSpec) {
	want := func(name string) bool { return sqlstore.NamesWord(s.config.SQL, name) }
	if s.config.form() != formSQL {
		t, err := readTarget(ctx, &s.look, s.config)
		if err != nil {
			return nil // makePlan asks the same and says so
		}
		want = func(name string) bool { return t.column(name) != nil }
	}
	for _, m := range fencepost.MetaColumns() {
		if meta(m.Name) == fromColumn && want(m.Name) {
			specs = append(specs, m)
		}
	}
	return specs
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// or is a, or b if a is empty.
func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
