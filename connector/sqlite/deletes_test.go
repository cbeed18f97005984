package sqlite

import (
	"errors"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// deleting adds what each row of a commit does.
func deleting(c sink.Commit, ops ...string) sink.Commit {
	op := fencepost.Column{Name: fencepost.MetaOp, Type: fencepost.Text}
	for _, o := range ops {
		op.AppendText(o)
	}
	c.Columns = append(c.Columns, op)
	return c
}

// A delete finds the row that an upsert would write over: by the collation of the index, which may be another one than the column's.
func TestDeletesCompareKeysAsTheIndexDoes(t *testing.T) {
	for ddl, want := range map[string]string{
		"CREATE TABLE things (v TEXT PRIMARY KEY, n INTEGER NOT NULL)":                                              "a1,b3",
		"CREATE TABLE things (v TEXT COLLATE NOCASE PRIMARY KEY, n INTEGER NOT NULL)":                               "b3",
		"CREATE TABLE things (v TEXT COLLATE NOCASE NOT NULL, n INTEGER NOT NULL, UNIQUE (v COLLATE BINARY))":       "a1,b3",
		"CREATE TABLE things (v TEXT NOT NULL, n INTEGER NOT NULL, UNIQUE (v COLLATE NOCASE))":                      "b3",
		"CREATE TABLE things (v TEXT NOT NULL PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID":                       "a1,b3",
		"CREATE TABLE things (v TEXT PRIMARY KEY, n INTEGER NOT NULL, _op TEXT NOT NULL CHECK (_op IN ('c', 'u')))": "a1,b3",
	} {
		s, l := fresh(t, Config{Table: "things", Key: []string{"v"}}, ddl)
		c := deleting(one(begin(t, s, topic(1)...), "a", 1, "b", 2, "A", 0, "b", 3), "c", "c", fencepost.OpDelete, "u")
		if err := l.Commit(t.Context(), writer, c); err != nil {
			t.Errorf("%s: %v", ddl, err)
		}
		if got := answer(t, s.cfg.Path, "SELECT group_concat(v || n, ',' ORDER BY v) FROM things"); got != want {
			t.Errorf("%s: got %s, want %s", ddl, got, want)
		}
	}
}

// No row's key has a null: a delete by one deletes nothing, also where the key is the rowid.
func TestDeletesOfNullKeys(t *testing.T) {
	for ddl, typ := range map[string]fencepost.Type{"CREATE TABLE things (v TEXT PRIMARY KEY, n INTEGER NOT NULL)": fencepost.Text, "CREATE TABLE things (v INTEGER PRIMARY KEY, n INTEGER NOT NULL)": fencepost.Int} {
		s, l := fresh(t, Config{Table: "things", Key: []string{"v"}}, ddl)
		c := one(begin(t, s, topic(1)...), nil, 1, nil, 2)
		c.Columns[0] = fencepost.Column{Name: "v", Type: typ}
		c.Columns[0].AppendNull()
		c.Columns[0].AppendNull()
		if err := l.Commit(t.Context(), writer, deleting(c, "u", fencepost.OpDelete)); err != nil {
			t.Fatal(err)
		}
		if got := answer(t, s.cfg.Path, "SELECT group_concat(n) FROM things"); got != "1" {
			t.Errorf("%s: n is %s, want the row of the null alone", ddl, got)
		}
	}
}

// A table or SQL that would make a row of a delete is refused before the first record, with the remedy.
func TestSinksThatTakeNoDeletes(t *testing.T) {
	columns := []fencepost.ColumnSpec{{Name: "v", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}, {Name: fencepost.MetaOp, Type: fencepost.Text}}
	const table, logged = "CREATE TABLE things (v TEXT PRIMARY KEY, n INTEGER NOT NULL)", "CREATE TABLE things (v TEXT, n INTEGER, _op TEXT)"
	for _, c := range []struct {
		config Config
		ddl    string
		taken  bool
	}{
		{Config{Table: "things"}, table, false},
		{Config{Table: "things"}, logged, true},
		{Config{Table: "things", Key: []string{"v"}}, table, true},
		{Config{SQL: "INSERT INTO things SELECT v, n FROM batch"}, table, false},
		{Config{SQL: "INSERT INTO things SELECT v, n FROM batch WHERE _op <> 'd'; DELETE FROM things WHERE v IN (SELECT v FROM batch WHERE _op = 'd')"}, table, true},
	} {
		s, l := fresh(t, c.config, c.ddl)
		_, err := s.Columns(t.Context(), columns)
		fault, refused := errors.AsType[*fencepost.UserError](err)
		if refused == c.taken || refused && (fault.Code != "deletes-not-taken" || fault.Help == "") {
			t.Errorf("%+v: got %v, want deletes taken: %t", c.config, err, c.taken)
		}
		ok := true
		for _, f := range s.Check(t.Context(), columns) {
			ok = ok && f.OK
			if !f.OK && (f.Code != "deletes-not-taken" || f.Help == "") {
				t.Errorf("%+v: check finds %+v", c.config, f)
			}
			if f.OK && len(c.config.Key) > 0 && f.Subject == "database" && !strings.HasSuffix(f.Text, "has all 2 columns; deletes by (v); rows with null in v are appended") {
				t.Errorf("check says %q", f.Text)
			}
		}
		if ok != c.taken {
			t.Errorf("%+v: check finds nothing: %t, want %t", c.config, ok, c.taken)
		}
		if !c.taken && c.config.SQL == "" {
			batch := deleting(one(begin(t, s, topic(1)...), "a", 1), fencepost.OpDelete)
			if err := l.Commit(t.Context(), writer, batch); err == nil {
				t.Errorf("%+v: a delete was committed as a row", c.config)
			}
		}
	}
	if ddl := DDL(Config{Path: "a.db", Table: "things", Key: []string{"v"}}, columns); strings.Contains(ddl, "_op") {
		t.Errorf("a table with a key gets a column _op:\n%s", ddl)
	}
	if ddl := DDL(Config{Path: "a.db", Table: "things"}, columns); !strings.Contains(ddl, `"_op" TEXT`) && !strings.Contains(ddl, "_op TEXT") {
		t.Errorf("a table without a key gets no column _op:\n%s", ddl)
	}
}
