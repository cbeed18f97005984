//go:build realservers

package scenarios

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	zsqlite "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost/internal/servers"
)

// changed is a table whose changes are sent: how it is made at the source, what its pipeline says of it, and one line a row of it, as
// each store is asked for it.
type changed struct {
	name, ddl, schema, key            string
	atPostgres, atMariaDB, atSQLite   string // SQL of the line
	madeMariaDB, madeSQLite           string // columns
	insert, update, remove, changeKey string // SQL at the source; $1 is a number. No changeKey: keys stay
}

var changedTables = []changed{
	{
		name: "people", key: "[id]",
		ddl: `create table people (id bigint primary key, name text not null, paid numeric(12,2) not null, born date, made timestamp not null, at timestamptz not null,
			ok boolean not null, x double precision not null, info jsonb, pic bytea, tags text[])`,
		schema: `{id: int, name: text, paid: {type: decimal, scale: 2}, born: {type: date, unit: days}, made: {type: timestamp, unit: us}, at: timestamp,
  ok: bool, x: float, info: json, pic: bytes, tags: json}`,
		atPostgres: `concat_ws('|', id, name, paid, coalesce(born::text, '-'), to_char(made, 'YYYY-MM-DD HH24:MI:SS.MS'), extract(epoch from at)::bigint, ok::int, (x*4)::bigint,
			coalesce(info::text, '-'), coalesce(encode(pic, 'hex'), '-'), coalesce(replace(to_json(tags)::text, ' ', ''), '-'))`,
		atMariaDB: `concat_ws('|', id, name, paid, coalesce(born, '-'), concat(date_format(made, '%Y-%m-%d %H:%i:%s.'), left(date_format(made, '%f'), 3)),
			timestampdiff(second, '1970-01-01', at), ok, cast(x*4 as signed), coalesce(info, '-'), coalesce(lower(hex(pic)), '-'), coalesce(replace(tags, ' ', ''), '-'))`,
		atSQLite: `id||'|'||name||'|'||paid||'|'||coalesce(born, '-')||'|'||strftime('%Y-%m-%d %H:%M:%f', made)||'|'||strftime('%s', at)||'|'||ok||'|'||CAST(x*4 AS INTEGER)
			||'|'||coalesce(info, '-')||'|'||CASE WHEN pic IS NULL THEN '-' ELSE lower(hex(pic)) END||'|'||coalesce(replace(tags, ' ', ''), '-')`,
		madeMariaDB: `id bigint primary key, name text not null, paid decimal(12,2) not null, born date, made datetime(6) not null, at datetime(6) not null, ok boolean not null,
			x double not null, info longtext, pic longblob, tags longtext`,
		madeSQLite: `id INTEGER PRIMARY KEY, name TEXT NOT NULL, paid TEXT NOT NULL, born TEXT, made TEXT NOT NULL, at TEXT NOT NULL, ok INTEGER NOT NULL, x REAL NOT NULL, info TEXT, pic BLOB, tags TEXT`,
		insert: `insert into people select $1::bigint * 100 + i, 'p' || i, i::numeric / 100 - 1, case when i % 3 > 0 then date '1970-01-01' + i * 37 end, timestamp '2001-02-03 04:05:06.789' + i * interval '1 hour',
			timestamptz '1999-12-31 23:59:59Z' - i * interval '1 day', i % 2 = 0, i / 4.0, case when i % 5 > 0 then jsonb_build_object('a', i, 'b', jsonb_build_array(null, 'ü"\')) end,
			case when i % 4 > 0 then decode(lpad(to_hex(i), 8, '0'), 'hex') end, case when i % 6 > 0 then array['x' || i, null, ''] end from generate_series(1, 60) i`,
		update:    `update people set name = name || '.', paid = -paid, info = jsonb_build_object('at', $1::bigint), ok = not ok where id % 7 = $1 % 7`,
		remove:    `delete from people where id % 11 = $1 % 11 and id < $1::bigint * 100`,
		changeKey: `update people set id = id + 1000000000 where id % 41 = $1 % 41 and id < 1000000000`,
	},
	{
		name: "orders", key: "[id]",
		ddl:         `create table orders (id uuid primary key, no bigint not null, note text)`,
		schema:      `{id: uuid, no: int, note: text}`,
		atPostgres:  `concat_ws('|', id, no, coalesce(note, '-'))`,
		atMariaDB:   `concat_ws('|', lower(id), no, coalesce(note, '-'))`,
		atSQLite:    `id||'|'||no||'|'||coalesce(note, '-')`,
		madeMariaDB: `id varchar(36) primary key, no bigint not null, note text`,
		madeSQLite:  `id TEXT PRIMARY KEY, no INTEGER NOT NULL, note TEXT`,
		insert:      `insert into orders select md5($1::bigint || ' ' || i)::uuid, $1::bigint * 100 + i, case when i % 2 > 0 then 'n' || i end from generate_series(1, 50) i`,
		update:      `update orders set note = coalesce(note || '!', 'first') where no % 5 = $1 % 5`,
		remove:      `delete from orders where no % 9 = $1 % 9 and no < $1::bigint * 100`,
		changeKey:   `update orders set id = md5(id::text)::uuid where no % 31 = $1 % 31`,
	},
	{
		name: "items", key: "[ref, n]",
		ddl:         `create table items (ref int, n smallint, qty int, primary key (ref, n))`,
		schema:      `{ref: int, n: int, qty: int}`,
		atPostgres:  `concat_ws('|', ref, n, coalesce(qty::text, '-'))`,
		atMariaDB:   `concat_ws('|', ref, n, coalesce(qty, '-'))`,
		atSQLite:    `ref||'|'||n||'|'||coalesce(qty, '-')`,
		madeMariaDB: `ref int, n int, qty int, primary key (ref, n)`,
		madeSQLite:  `ref INTEGER, n INTEGER, qty INTEGER, PRIMARY KEY (ref, n)`,
		insert:      `insert into items select $1::int, i, case when i % 8 > 0 then i end from generate_series(1, 40) i`,
		update:      `update items set qty = case when qty is null then 1 when qty % 13 = 0 then null else qty + 1 end where n % 6 = $1 % 6`,
		remove:      `delete from items where (ref + n) % 10 = $1 % 10 and ref < $1::int`,
		changeKey:   `update items set n = n + 100 where n % 17 = $1 % 17 and n < 100`,
	},
}

// toasted is a table whose large values are stored out of line: an update that does not change them does not send them. A change of the
// key would not either, so that the row behind it could not be told.
var toasted = changed{
	name: "notes", key: "[id]",
	ddl:         `create table notes (id bigint primary key, n int, body text, info jsonb, pic bytea, tags text[], nums int[])`,
	schema:      `{id: int, n: int, body: text, info: json, pic: bytes, tags: json, nums: json}`,
	atPostgres:  `concat_ws('|', id, n, left(body, 9), length(body), left(info::text, 9), length(info::text), length(pic), length(to_json(tags)::text), (nums is not null)::int)`,
	atMariaDB:   `concat_ws('|', id, n, left(body, 9), length(body), left(info, 9), length(info), length(pic), length(tags), nums is not null)`,
	atSQLite:    `concat_ws('|', id, n, substr(body, 1, 9), length(body), substr(info, 1, 9), length(info), length(pic), length(tags), nums IS NOT NULL)`,
	madeMariaDB: `id bigint primary key, n int, body longtext, info longtext, pic longblob, tags longtext, nums longtext`,
	madeSQLite:  `id INTEGER PRIMARY KEY, n INTEGER, body TEXT, info TEXT, pic BLOB, tags TEXT, nums TEXT`,
	insert: `insert into notes select $1::bigint * 100 + i, i, repeat(chr(97 + i), 2500 + i), to_jsonb(repeat(chr(97 + i), 2600)), decode(repeat('0a', 2700 + i), 'hex'),
		array[repeat('t', 2800 + i)], array(select d from generate_series(1, 900) d) from generate_series(1, 20) i`,
	update: `update notes set n = n + 1, body = case when id % 3 = 0 then repeat(chr(65 + n % 20), 2400 + n) else body end, tags = case when id % 4 = 0 then null else tags end
		where id % 2 = $1 % 2`,
	remove: `delete from notes where id % 13 = $1 % 13 and id < $1::bigint * 100`,
}

// numberOf is a number of the environment: the size of the scene where it is run once, and not by every change of the code.
func numberOf(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// target is a store that takes the tables' changes.
type target struct {
	name string
	sink func(changed) string               // of the pipeline file
	made func(changed)                      // the table
	rows func(*testing.T, changed) []string // one line a row, in no order
}

// TestChangeStream is a database's changes in three other stores: a real Debezium sends the inserts, updates, deletes and changes of
// keys of four tables, and a worker for each table and store, killed now and then, makes the same table of them.
// FENCEPOST_CHANGES and FENCEPOST_KILLS make it larger.
func TestChangeStream(t *testing.T) {
	t.Parallel()
	stream{
		changes: numberOf(t, "FENCEPOST_CHANGES", 10_000), kills: numberOf(t, "FENCEPOST_KILLS", 9),
		file: "envelope: debezium_with_schema\n", targets: changeTargets(t),
	}.run(t)
}

// TestChangeStreamOfAvro is the same in Avro, with the schemas of keys and values in a registry.
func TestChangeStreamOfAvro(t *testing.T) {
	t.Parallel()
	registry := servers.Registry(t)
	s := stream{
		changes: numberOf(t, "FENCEPOST_CHANGES", 1500), kills: numberOf(t, "FENCEPOST_KILLS", 3), targets: changeTargets(t)[:1],
		file: fmt.Sprintf("decode: avro\nenvelope: debezium\nregistry: {url: %s, form: apicurio}\n", registry.URL()),
	}
	for _, of := range []string{"worker.key.converter", "worker.value.converter"} {
		s.debezium = append(s.debezium, of+"=io.apicurio.registry.utils.converter.AvroConverter", of+".apicurio.registry.url="+registry.OwnURL(), of+".apicurio.registry.auto-register=true")
	}
	s.run(t)
}

// stream is a run of the scene.
type stream struct {
	changes, kills int
	debezium       []string // settings
	file           string   // lines of each pipeline file
	targets        []target
}

func (s stream) run(t *testing.T) {
	tables := append(slices.Clip(changedTables), toasted)
	broker := servers.Kafka(t)
	source := servers.OwnPostgres(t, "wal_level=logical")
	dsn := source.Database(t)
	db := connect(t, dsn)
	run := func(sql string, args ...any) int {
		t.Helper()
		tag, err := db.Exec(t.Context(), sql, args...)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return int(tag.RowsAffected())
	}
	for _, c := range tables {
		run(c.ddl)
		run(c.insert, 0) // a snapshot sends these
	}
	prefix := servers.Name(t)
	servers.OwnDebezium(t, broker.Plaintext, dsn, append(s.debezium, "topic.prefix="+prefix, "topic.creation.default.partitions=3", "topic.creation.default.replication.factor=1")...)

	binary, dir := build(t), t.TempDir()
	type pipeline struct {
		target
		changed
		file string
		*process
	}
	var all []*pipeline
	for _, at := range s.targets {
		for _, c := range tables {
			at.made(c)
			p := &pipeline{target: at, changed: c, file: filepath.Join(dir, at.name+"-"+c.name+".yaml")}
			text := fmt.Sprintf("group: %s-%s-%s\nsource: {brokers: [%s], topics: [%s.public.%s]}\n%sschema: %s\nsink: %s\nbatch: {records: 500}\nlog_format: json\n",
				prefix, at.name, c.name, broker.Plaintext, prefix, c.name, s.file, c.schema, at.sink(c))
			if err := os.WriteFile(p.file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			all = append(all, p)
		}
	}
	adm := newScene(t, broker, nil).adm
	for _, c := range tables {
		eventually(t, "debezium has made the topic of "+c.name, func() error {
			l, err := adm.ListEndOffsets(t.Context(), prefix+".public."+c.name)
			return errors.Join(err, l.Error())
		})
	}
	start := func(p *pipeline) { p.process = launch(t, exec.Command(binary, "run", p.file, "--wait", "1m")) }
	for _, p := range all {
		start(p)
	}

	random := rand.New(rand.NewPCG(1, uint64(s.changes)))
	sent, killed := 0, 0
	for round := 1; sent < s.changes; round++ {
		for _, c := range tables {
			for _, sql := range []string{c.insert, c.update, c.remove, c.changeKey} {
				if sql != "" {
					sent += run(sql, round)
				}
			}
		}
		for ; killed < s.kills && killed*s.changes < sent*s.kills; killed++ {
			p := all[random.IntN(len(all))]
			p.kill()
			start(p)
		}
	}
	t.Logf("%d changes, %d kills", sent, killed)
	for _, c := range tables {
		want := lines(t, db, c)
		if len(want) < 20 {
			t.Fatalf("table %s has %d rows left: the test tests little", c.name, len(want))
		}
		for _, p := range all {
			if p.changed.name != c.name {
				continue
			}
			var diff string
			within(t, 5*time.Minute+time.Duration(s.changes)*2*time.Millisecond, func() bool {
				select {
				case <-p.done:
					t.Fatalf("the worker of %s at %s ended: %v", c.name, p.target.name, p.err)
				default:
				}
				diff = cmp.Diff(want, sorted(p.rows(t, c)))
				return diff == ""
			})
			if diff != "" {
				t.Errorf("table %s at %s (-source +target):\n%.4000s", c.name, p.target.name, diff)
			}
		}
	}
}

// within waits until holds does, or the time is over.
func within(t *testing.T, d time.Duration, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(d); !holds() && time.Now().Before(deadline); {
		time.Sleep(200 * time.Millisecond)
	}
}

// lines are the rows of a table at the source.
func lines(t *testing.T, db *pgx.Conn, c changed) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), "select "+c.atPostgres+" from "+c.name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return sorted(all)
}

// changeTargets are the stores.
func changeTargets(t *testing.T) []target {
	dir := t.TempDir()
	dsn := servers.Postgres(t).Database(t)
	pg := connect(t, dsn)
	maria := servers.MariaDB(t)
	mariaDSN := maria.Database(t)
	config := driver.NewConfig()
	config.User, config.Net, config.Addr = "root", "tcp", maria.Host+":"+maria.Port
	config.DBName = mariaDSN[strings.LastIndexByte(mariaDSN, '/')+1:]
	connector, err := driver.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	my := sql.OpenDB(connector)
	t.Cleanup(func() { _ = my.Close() })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	path := func(c changed) string { return filepath.Join(dir, c.name+".db") }
	return []target{
		{
			name: "postgres",
			sink: func(c changed) string {
				return fmt.Sprintf("{postgres: {dsn: %q, table: %s, key: %s}}", dsn, c.name, c.key)
			},
			made: func(c changed) { _, err := pg.Exec(context.Background(), c.ddl); must(err) },
			rows: func(t *testing.T, c changed) []string { return lines(t, pg, c) },
		},
		{
			name: "mariadb",
			sink: func(c changed) string {
				return fmt.Sprintf("{mysql: {dsn: %q, table: %s, key: %s}}", mariaDSN, c.name, c.key)
			},
			made: func(c changed) {
				_, err := my.Exec("create table " + c.name + " (" + c.madeMariaDB + ") character set utf8mb4 collate utf8mb4_bin")
				must(err)
			},
			rows: func(t *testing.T, c changed) (all []string) {
				rows, err := my.QueryContext(t.Context(), "select "+c.atMariaDB+" from "+c.name)
				must(err)
				defer rows.Close()
				for rows.Next() {
					var line string
					must(rows.Scan(&line))
					all = append(all, line)
				}
				must(rows.Err())
				return all
			},
		},
		{
			name: "sqlite",
			sink: func(c changed) string {
				return fmt.Sprintf("{sqlite: {path: %q, table: %s, key: %s}}", path(c), c.name, c.key)
			},
			made: func(c changed) { onSQLite(t, path(c), "CREATE TABLE "+c.name+" ("+c.madeSQLite+")") },
			rows: func(t *testing.T, c changed) []string {
				return onSQLite(t, path(c), "SELECT "+c.atSQLite+" FROM "+c.name)
			},
		},
	}
}

// onSQLite runs a statement, and returns the text of its first column.
func onSQLite(t *testing.T, path, statement string) (lines []string) {
	t.Helper()
	c, err := zsqlite.OpenConn(path, zsqlite.OpenReadWrite|zsqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetBlockOnBusy()
	err = sqlitex.ExecuteTransient(c, statement, &sqlitex.ExecOptions{ResultFunc: func(s *zsqlite.Stmt) error {
		lines = append(lines, s.ColumnText(0))
		return nil
	}})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return lines
}

// sorted sorts lines in place.
func sorted(lines []string) []string {
	slices.Sort(lines)
	return lines
}
