//go:build realservers

package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/servers"
	"zombiezen.com/go/sqlite/sqlitex"
)

// width is how many lines the record at an offset has: none up to 12, and the one at 100 many more than a batch takes.
func width(at int) int {
	if at == 100 {
		return 40_000
	}
	return at * 31 % 13
}

// produceLines writes n records with lines into each partition, and returns how many lines there are and what their numbers add up to.
func produceLines(o *topic, n int) (lines, sum int64) {
	cl := o.client()
	defer cl.Close()
	var all []*kgo.Record
	for at := range n {
		value := fmt.Appendf(nil, `{"id":%d,"lines":[`, at)
		for i := range width(at) {
			value = fmt.Appendf(value, `{"n":%d},`, at+i)
			lines, sum = lines+3, sum+3*int64(at+i)
		}
		value = append([]byte(strings.TrimSuffix(string(value), ",")), "]}"...)
		for p := range int32(3) {
			all = append(all, &kgo.Record{Topic: o.name, Partition: p, Value: value})
		}
	}
	if err := cl.ProduceSync(o.t.Context(), all...).FirstErr(); err != nil {
		o.t.Fatal(err)
	}
	return lines, sum
}

// Workers are killed with SIGKILL wherever they are, while records of many rows are written: in the end each line of each record is one
// row, and the audit says so.
func TestExplodedRowsKilled(t *testing.T) {
	const records, kills = 1200, 3
	for name, open := range map[string]func(*testing.T) (sink string, number func(query string) int64){
		"postgres": explodesIntoPostgres, "sqlite": explodesIntoSQLite,
	} {
		t.Run(name, func(t *testing.T) {
			topic := newTopic(t)
			lines, sum := produceLines(topic, records)
			sink, number := open(t)
			text := fmt.Sprintf("group: g-%s\nsource: {brokers: [%q], topics: [%s], instance_id: w1}\nexplode: lines\nschema: {id: int, n: {type: int, from: \"lines[].n\"}}\n"+
				"batch: {records: 200}\nkeep_commits: all\n%s", topic.name, topic.brokers, topic.name, sink)
			file := filepath.Join(t.TempDir(), "f.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			killed := 0
			for i := range kills {
				killed += killBehind(t, file, func() int64 { return number("SELECT count(*) FROM lines") }, lines*int64(i+1)/(kills+1))
			}
			f, err := Parse("f.yaml", []byte(text), testEnvironment())
			if err != nil {
				t.Fatal(err)
			}
			run(t, f)
			rows, places := number("SELECT count(*) FROM lines"), number("SELECT count(*) FROM (SELECT DISTINCT _partition, _offset, _index FROM lines) AS d")
			wrong := number("SELECT count(*) FROM lines WHERE id <> _offset OR n <> _offset + _index")
			if got := number("SELECT sum(n) FROM lines"); rows != lines || places != lines || wrong != 0 || got != sum || killed == 0 {
				t.Errorf("after %d kills %d rows of %d places, %d of them wrong, sum %d; want %d, none wrong, sum %d", killed, rows, places, wrong, got, lines, sum)
			}
			o := opened(t, f)
			resources, err := o.Resources()
			if err != nil {
				t.Fatal(err)
			}
			stands(t, resources, topic.name, records)
			audited(t, resources, o.NoRow(), lines, 3*int64(records-93)) // every 13th record has no line
		})
	}
}

// audited fails unless an audit finds nothing wrong, and so many rows of so many records.
func audited(t *testing.T, resources admin.Resources, noRow func(*fencepost.Record) bool, rows, records int64) {
	t.Helper()
	a, err := admin.Prove(t.Context(), resources, admin.AuditOptions{KeepsCommits: true, NoRow: noRow})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range a.Findings {
		if !one.OK {
			t.Errorf("audit: %s of %s: %s", one.Kind, one.TopicPartition, one.Text)
		}
	}
	if a.Rows.Found != rows || a.Rows.Expected != records {
		t.Errorf("the audit has %d rows of %d records, want %d of %d", a.Rows.Found, a.Rows.Expected, rows, records)
	}
}

func explodesIntoPostgres(t *testing.T) (string, func(string) int64) {
	dsn := servers.Postgres(t).Database(t)
	o := newTable(t, dsn)
	if _, err := o.conn.Exec(t.Context(), "CREATE TABLE lines (id bigint, n bigint, _index bigint, _topic text, _partition int, _offset bigint)"); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("sink: {postgres: {dsn: %q, table: lines, lanes: 2}}\n", dsn), func(query string) (n int64) {
		t.Helper()
		if err := o.conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
}

func explodesIntoSQLite(t *testing.T) (string, func(string) int64) {
	r := newRows(t)
	if err := sqlitex.ExecuteScript(r.db, "CREATE TABLE lines (id INT, n INT, _index INT, _topic TEXT, _partition INT, _offset INT)", nil); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("sink: {sqlite: {path: %q, table: lines}}\n", r.path), r.number
}
