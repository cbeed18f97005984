package mysql

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
// nothing: what it tries, it rolls back. SQL that ends its transaction is not tried, for what it does would stand.
func (s *Sink) Check(ctx context.Context, columns []fencepost.ColumnSpec) []fencepost.Finding {
	if err := s.turn.take(ctx); err != nil {
		return []fencepost.Finding{finding("database", err)}
	}
	defer s.turn.give()
	s.look.drop() // an idle one may be dead
	if _, err := s.look.open(ctx); err != nil {
		return []fencepost.Finding{finding("database", err)}
	}
	list := s.checkTable(ctx, columns)
	if !s.config.NoLedger {
		list = append(list, s.checkLedger(ctx))
	}
	if slices.ContainsFunc(list, func(f fencepost.Finding) bool { return f.Subject == "database" && !f.OK }) {
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

// checkTable compares the columns with the table, or the text of the SQL with what must not be in it.
func (s *Sink) checkTable(ctx context.Context, columns []fencepost.ColumnSpec) []fencepost.Finding {
	ok := func(format string, args ...any) []fencepost.Finding {
		return []fencepost.Finding{{Subject: "database", OK: true, Text: s.look.server.name + ": " + fmt.Sprintf(format, args...)}}
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
		case c.counts:
			names = append(names, c.name+" (auto_increment)")
		case c.notNull:
			names = append(names, c.name+" (default)")
		default:
			names = append(names, c.name+" (null or default)")
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; not filled: " + strings.Join(names, ", ")
}

// mayCreateSQL counts the grants by which the user may create tables in the database. Roles are not looked into: who
// has one may.
const mayCreateSQL = `select (select count(*) from information_schema.user_privileges where privilege_type = 'CREATE' and grantee = @me)
  + (select count(*) from information_schema.schema_privileges where privilege_type = 'CREATE' and grantee = @me and @db like table_schema)
  + (coalesce(current_role(), 'NONE') <> 'NONE')`

// checkLedger looks for the ledger, and whether this user may use or make it.
func (s *Sink) checkLedger(ctx context.Context) fencepost.Finding {
	f, err := findTables(ctx, &s.look)
	if err != nil {
		s.look.rollback(ctx, err)
		return finding("ledger", err)
	}
	ok := func(text string) fencepost.Finding { return fencepost.Finding{Subject: "ledger", OK: true, Text: text} }
	if len(f.missing) > 0 {
		res, err := s.look.exec(ctx, fill(mayCreateSQL, "@me", "concat('''', replace(current_user(), '@', '''@'''), '''')", "@db", quote(s.look.config.DBName)))
		if err != nil {
			s.look.rollback(ctx, err)
			return finding("ledger", s.look.edge(ctx, err))
		}
		made := strings.Join(f.missing, ", ")
		if string(res[0][0][0]) == "0" {
			return fencepost.Finding{Subject: "ledger", Code: "database-denied", Help: ddlHelp,
				Text: "this user may not create " + made + " in " + s.look.config.DBName + ", or sees no right on them"}
		}
		if len(f.missing) == len(tableNames) {
			return ok("none yet; this user may create fencepost_ledger, fencepost_moves, fencepost_groups")
		}
		return ok("incomplete; this user may create " + made)
	}
	if err := s.lacking(ctx, f); err != nil {
		return finding("ledger", err)
	}
	if f.version == 0 {
		return ok("empty; the first start gives it its identity")
	}
	return ok(fmt.Sprintf("version %d, identity %.8s, in database %s", f.version, f.id, s.look.config.DBName))
}

// lacking tries what a commit and a move do to the ledger's tables, for no row, and rolls back.
func (s *Sink) lacking(ctx context.Context, f found) error {
	text := begin
	for _, t := range []string{f.groups, f.ledger, f.moves} {
		text += "insert into " + t + " (group_name) select group_name from " + t + " where 1 = 0; "
		if t != f.moves {
			text += "select 1 from " + t + " where 1 = 0 for update; update " + t + " set topic = topic where 1 = 0; "
		}
	}
	_, err := s.look.exec(ctx, strings.ReplaceAll(text, "(group_name) select group_name", "(group_name, topic) select group_name, topic")+"rollback")
	if err != nil && !strings.Contains(err.Error(), "1364") { // no default: only of interest where there are rows
		s.look.rollback(ctx, err)
		return s.look.edge(ctx, err)
	}
	s.look.rollback(ctx, errShort)
	return nil
}

// checkTrial sends an empty batch through everything but the compare-and-set, and rolls back.
func (s *Sink) checkTrial(ctx context.Context, columns []fencepost.ColumnSpec) fencepost.Finding {
	if s.config.form() == formHandle {
		return fencepost.Finding{Subject: "trial", OK: true, Text: "a handler is not tried"}
	}
	p, err := makePlan(ctx, &s.look, s.config, slices.Concat(columns, s.heldMeta(ctx, columns)))
	if err != nil {
		s.look.rollback(ctx, err)
		return finding("trial", err)
	}
	l := &lane{sink: s, form: s.config.form(), session: s.look}
	after := fill(p.after, "@savepoint", l.savepoint(), "@secret", s.look.secret)
	err = s.look.flush(ctx, s.look.conn, p.create+"; "+p.clear+begin+after+"rollback")
	if err == nil {
		return fencepost.Finding{Subject: "trial", OK: true, Text: "an empty batch was applied and rolled back"}
	}
	ended := s.config.form() == formSQL && !lost(err) && l.ended(ctx, err) != ""
	s.look.rollback(ctx, err)
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
