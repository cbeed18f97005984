package sqlite

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
)

func TestV9CheckFindsAKeyThatMerges(t *testing.T) {
	columns := []fencepost.ColumnSpec{{Name: "v", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}}
	for ddl, collation := range map[string]string{
		"CREATE TABLE things (v TEXT COLLATE NOCASE PRIMARY KEY, n INTEGER)":                                          "NOCASE",
		"CREATE TABLE things (v TEXT COLLATE RTRIM, n INTEGER, UNIQUE (v))":                                           "RTRIM",
		"CREATE TABLE things (V TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, n INTEGER) WITHOUT ROWID":                   "NOCASE",
		"CREATE TABLE things (v TEXT COLLATE NOCASE NOT NULL, n INTEGER, UNIQUE (v COLLATE BINARY))":                  "",
		"CREATE TABLE things (v TEXT NOT NULL PRIMARY KEY, n INTEGER UNIQUE, other TEXT COLLATE NOCASE UNIQUE)":       "",
		"CREATE TABLE things (v TEXT NOT NULL, n INTEGER, PRIMARY KEY (v, n), UNIQUE (n), UNIQUE (v COLLATE BINARY))": "",
	} {
		s, l := fresh(t, Config{Table: "things", Key: []string{"v"}}, ddl)
		f := s.Check(t.Context(), columns)[0]
		if merges := f.Code == "key-merges" && f.Key == "key" && strings.Contains(f.Text, "compares by "+collation+":"); merges != (collation != "") || f.OK == merges {
			t.Errorf("%s: got %+v, want a finding about %q", ddl, f, collation)
		}
		if err := l.Commit(t.Context(), writer, one(begin(t, s, topic(1)...), "a", 1, "A", 2, "a ", 3)); err != nil {
			t.Fatal(err)
		}
		if n := answer(t, s.cfg.Path, "SELECT count(*) FROM things"); (n != "3") != (collation != "") {
			t.Errorf("%s: SQLite holds %s rows of 3 keys, check found %q", ddl, n, collation)
		}
	}
}

func TestV10CheckSaysWhatNullInAKeyDoes(t *testing.T) {
	columns := []fencepost.ColumnSpec{{Name: "v", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}}
	for ddl, rows := range map[string]string{
		"CREATE TABLE things (v TEXT, n INTEGER, UNIQUE (v))":               "2",
		"CREATE TABLE things (v TEXT PRIMARY KEY, n INTEGER)":               "2", // SQLite lets null in
		"CREATE TABLE things (v TEXT NOT NULL PRIMARY KEY, n INTEGER)":      "0",
		"CREATE TABLE things (v TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID": "0",
		"CREATE TABLE things (v INTEGER PRIMARY KEY, n INTEGER)":            "2", // a new rowid each
	} {
		columns[0].Type = fencepost.Text
		if strings.Contains(ddl, "v INTEGER") {
			columns[0].Type = fencepost.Int
		}
		s, l := fresh(t, Config{Table: "things", Key: []string{"v"}}, ddl)
		f := s.Check(t.Context(), columns)[0]
		if told := strings.Contains(f.Text, "; rows with null in v are appended"); !f.OK || told != (rows == "2") {
			t.Errorf("%s: got %+v, want it to say what null does: %v", ddl, f, rows == "2")
		}
		c := one(begin(t, s, topic(1)...), nil, 2, nil, 3)
		c.Batch.Columns[0].Type = columns[0].Type
		err := l.Commit(t.Context(), writer, c)
		if got := answer(t, s.cfg.Path, "SELECT count(*) FROM things"); got != rows || (err == nil) != (rows == "2") {
			t.Errorf("%s: %s rows and %v, check told %s", ddl, got, err, rows)
		}
	}
}
