package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost/internal/sqlstore"
)

// What a batch writes must share the fate of its moves. A table whose engine has no transactions keeps what a batch wrote that
// was rolled back. SQL may come to one through a view, a trigger or a routine, so their texts are read before anything
// runs. What no text shows (a statement that is put together while it runs) is seen afterwards, by the server's warning that
// it could not roll back everything: the run ends then, and the rows stay.

const notTransactional = "table-not-transactional"

// wrote fails by itself, as compareSQL does, if the transaction has written a table that cannot be rolled back: going back to
// a savepoint behind everything undoes nothing, and yet warns of it. A temporary table that was made or dropped causes the
// same warning.
func wrote(secret string) string {
	return sqlstore.Fill("savepoint @here; set @fencepost_w = @@warning_count; rollback to savepoint @here; "+refuse, "@here", "fencepost_here",
		"@cases", "when @@warning_count > @fencepost_w then '~parted:"+secret+"'")
}

// parted is sqlstore.TargetSQL.Parted. The refusal of a flush has no space for a detail; that of a ledger's table has its name and its engine.
func parted(detail string) sqlstore.Misfit {
	if table, engine, ok := strings.Cut(detail, " "); ok {
		m, _ := engineFault(table, engine, "NO", "")
		return m
	}
	return sqlstore.Misfit{Code: notTransactional, Stands: true,
		Text: "a table without transactions was written, by a text that is put together while it runs or that this user may not read: what was written there stands, without the moves",
		Help: "ALTER TABLE that table ENGINE=InnoDB, and look at its rows of the last batch before the next run; where it is a temporary one that a routine makes, GRANT SHOW CREATE ROUTINE (MySQL: SHOW_ROUTINE) to this user"}
}

// engineFault is why rows of a table would part from the moves; ok: they do not. Tables of two engines are committed together only
// if both take part in the server's own two-phase commit.
func engineFault(table, engine, transactions, xa string) (m sqlstore.Misfit, ok bool) {
	how := "commits apart from the ledger"
	switch {
	case transactions != "YES":
		how = "has no transactions"
	case xa == "YES":
		return m, true
	}
	return sqlstore.Misfit{Code: notTransactional, Text: fmt.Sprintf("table %s is of engine %s, which %s: rows and moves would part", table, engine, how),
		Help: fmt.Sprintf("ALTER TABLE %s ENGINE=InnoDB;", table)}, false
}

// reach is what the texts of a job lead to.
type reach struct {
	misfits   []sqlstore.Misfit
	temporary bool // a text mentions temporary tables, so that wrote cannot distinguish them
}

const reachSQL = `select t.table_schema, t.table_name, coalesce(t.engine, ''), coalesce(e.transactions, ''), coalesce(e.xa, ''), coalesce(v.view_definition, ''), t.table_type like '%VIEW'
  from information_schema.tables t left join information_schema.engines e on e.engine = t.engine
  left join information_schema.views v on v.table_schema = t.table_schema and v.table_name = t.table_name where (t.table_schema, t.table_name) in (@tables);
select event_object_schema, action_statement from information_schema.triggers where (event_object_schema, event_object_table) in (@tables);
select routine_schema, coalesce(routine_definition, '') from information_schema.routines where (routine_schema, routine_name) in (@routines)`

// reaches follows the job's SQL, or what hangs at its table, through views, triggers and routines.
func (s *session) reaches(ctx context.Context, j sqlstore.Job, t *sqlstore.Target) (r reach, err error) {
	seen := map[[2]string]bool{}
	var tables, routines [][2]string
	follow := func(schema string, text wording) {
		r.temporary = r.temporary || text.temporary
		tables = append(tables, unseen(seen, schema, "", text.written)...)
		routines = append(routines, unseen(seen, schema, "()", text.called)...)
	}
	if t != nil {
		schema, name := s.tableName(j)
		follow(schema, wording{written: [][2]string{{schema, name}}})
	}
	follow(s.config.DBName, read(j.SQL))
	for len(tables)+len(routines) > 0 {
		res, err := s.Exec(ctx, sqlstore.Fill(reachSQL, "@tables", pairList(tables), "@routines", pairList(routines)))
		if err != nil {
			return r, err
		}
		tables, routines = nil, nil
		for _, row := range res[0] {
			schema, name := string(row[0]), string(row[1])
			if isTrue(row[6]) {
				follow(schema, wording{written: sources(string(row[5]))})
			} else if m, ok := engineFault(plain(schema)+"."+plain(name), string(row[2]), string(row[3]), string(row[4])); !ok {
				r.misfits = append(r.misfits, m)
			}
		}
		for _, row := range slices.Concat(res[1], res[2]) {
			follow(string(row[0]), read(string(row[1])))
		}
	}
	return r, nil
}

// unseen completes names by a schema, and returns the new ones. kind distinguishes tables from routines.
func unseen(seen map[[2]string]bool, schema, kind string, names [][2]string) (list [][2]string) {
	for _, n := range names {
		if n[0] == "" {
			n[0] = schema
		}
		if key := [2]string{n[0], n[1] + kind}; !seen[key] {
			seen[key] = true
			list = append(list, n)
		}
	}
	return list
}

// pairList writes pairs of texts as rows, one that nothing equals if there are none.
func pairList(pairs [][2]string) string {
	list := make([]string, 0, len(pairs)+1)
	for _, p := range append(pairs, [2]string{}) {
		list = append(list, "("+quote(p[0])+", "+quote(p[1])+")")
	}
	return strings.Join(list, ", ")
}

// wording is what a text of SQL says of itself, without its being understood: a name is schema and table, the schema empty
// where it has none.
type wording struct {
	written   [][2]string // tables behind INSERT, REPLACE, UPDATE, DELETE, LOAD; of several in one statement, the first
	called    [][2]string // whatever may be a routine
	temporary bool
}

// read reads a text.
func read(sql string) (w wording) {
	list := words(sql)
	for i := range list {
		before, at := list.keyword(i-1), i+1
		switch list.keyword(i) {
		case "INSERT", "REPLACE":
			w.written = list.name(w.written, list.pass(at, "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"))
		case "TABLE":
			if before == "INTO" {
				w.written = list.name(w.written, at)
			}
		case "UPDATE":
			if before != "KEY" && before != "FOR" && before != "ON" {
				w.written = list.name(w.written, list.pass(at, "LOW_PRIORITY", "IGNORE"))
			}
		case "DELETE":
			w.written = list.name(w.written, list.pass(at, "LOW_PRIORITY", "QUICK", "IGNORE", "FROM"))
		case "CALL":
			w.called = list.name(w.called, at)
		case "TEMPORARY":
			w.temporary = true
		default:
			if list.keyword(at) == "(" {
				w.called = list.name(w.called, list.begins(i))
			}
		}
	}
	return w
}

// sources are the tables that the text of a view reads.
func sources(sql string) (names [][2]string) {
	list := words(sql)
	for i := range list {
		if k := list.keyword(i); k == "FROM" || k == "JOIN" || k == "," {
			at := i + 1
			for list.keyword(at) == "(" {
				at++
			}
			names = list.name(names, at)
		}
	}
	return names
}

// word is a word of SQL, or a sign.
type word struct {
	text   string
	quoted bool // a name in backticks
}

type wordList []word

// words splits a text. It passes strings and comments.
func words(sql string) (list wordList) {
	for at := 0; at < len(sql); {
		end := skipQuoted(sql, at)
		switch {
		case end > at && sql[at] == '`':
			list = append(list, word{strings.ReplaceAll(sql[at+1:max(at+1, end-1)], "``", "`"), true})
		case end > at: // a string or a comment
		case sqlstore.WordByte(sql[at]):
			for end = at; end < len(sql) && sqlstore.WordByte(sql[end]); end++ {
			}
			list = append(list, word{text: sql[at:end]})
		case sql[at] > ' ':
			end = at + 1
			list = append(list, word{text: sql[at:end]})
		default:
			end = at + 1
		}
		at = end
	}
	return list
}

// keyword is the word at a place in capitals; empty: a name in backticks, or nothing.
func (l wordList) keyword(at int) string {
	if at < 0 || at >= len(l) || l[at].quoted {
		return ""
	}
	return strings.ToUpper(l[at].text)
}

// pass passes these words.
func (l wordList) pass(at int, passed ...string) int {
	for slices.Contains(passed, l.keyword(at)) {
		at++
	}
	return at
}

// begins is where the name begins that ends at a place.
func (l wordList) begins(at int) int {
	if l.keyword(at-1) == "." {
		return at - 2
	}
	return at
}

// name appends the name that begins at a place, if one does.
func (l wordList) name(names [][2]string, at int) [][2]string {
	is := func(at int) bool { return at >= 0 && at < len(l) && (l[at].quoted || sqlstore.WordByte(l[at].text[0])) }
	switch {
	case !is(at):
		return names
	case l.keyword(at+1) == "." && is(at+2):
		return append(names, [2]string{l[at].text, l[at+2].text})
	}
	return append(names, [2]string{"", l[at].text})
}
