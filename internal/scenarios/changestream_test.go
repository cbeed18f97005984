//go:build realservers

package scenarios

import (
	"crypto/md5"
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

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/fencepost/fencepost/internal/servers"
)

// changed is a table whose changes are sent: how it is made at the source, what its pipeline says of it, and one line a row of it, as
// each store is asked for it.
type changed struct {
	name, schema, key                 string
	made, at                          string // at the source: its columns, and the SQL of the line
	madePostgres, atPostgres          string // empty: as at the source
	madeMariaDB, atMariaDB            string
	madeSQLite, atSQLite              string
	insert, update, remove, changeKey string // SQL at the source; $1 is a number. No changeKey: keys stay
}

// inPostgres is the table of a Postgres that takes the changes, and the SQL of its line.
func (c changed) inPostgres() (columns, line string) {
	if c.madePostgres == "" {
		return c.made, c.at
	}
	return c.madePostgres, c.atPostgres
}

var postgresTables = []changed{
	{
		name: "people", key: "[id]",
		made: `id bigint primary key, name text not null, paid numeric(12,2) not null, born date, made timestamp not null, at timestamptz not null,
			ok boolean not null, x double precision not null, info jsonb, pic bytea, tags text[]`,
		schema: `{id: int, name: text, paid: {type: decimal, scale: 2}, born: {type: date, unit: days}, made: {type: timestamp, unit: us}, at: timestamp,
  ok: bool, x: float, info: json, pic: bytes, tags: json}`,
		at: `concat_ws('|', id, name, paid, coalesce(born::text, '-'), to_char(made, 'YYYY-MM-DD HH24:MI:SS.MS'), extract(epoch from at)::bigint, ok::int, (x*4)::bigint,
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
		made:        `id uuid primary key, no bigint not null, note text`,
		schema:      `{id: uuid, no: int, note: text}`,
		at:          `concat_ws('|', id, no, coalesce(note, '-'))`,
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
		made:        `ref int, n smallint, qty int, primary key (ref, n)`,
		schema:      `{ref: int, n: int, qty: int}`,
		at:          `concat_ws('|', ref, n, coalesce(qty::text, '-'))`,
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

// postgresAccepts is what the tables' schemas admit, and no row of theirs has.
const postgresAccepts = "accepts: [nested_arrays, years_bc]\n"

// toasted is a table whose large values are stored out of line: an update that does not change them does not send them. A change of the
// key would not either, so that the row behind it could not be told.
var toasted = changed{
	name: "notes", key: "[id]",
	made:        `id bigint primary key, n int, body text, info jsonb, pic bytea, tags text[], nums int[]`,
	schema:      `{id: int, n: int, body: text, info: json, pic: bytes, tags: json, nums: json}`,
	at:          `concat_ws('|', id, n, left(body, 9), length(body), left(info::text, 9), length(info::text), length(pic), length(to_json(tags)::text), (nums is not null)::int)`,
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

// TestChangeStream is a database's changes in three other stores: a real Debezium sends the inserts, updates, deletes and changes of
// keys of four tables, and a worker for each table and store, killed now and then, makes the same table of them.
// FENCEPOST_CHANGES and FENCEPOST_KILLS make it larger: with a million changes, Debezium sends for most of an hour.
func TestChangeStream(t *testing.T) {
	t.Parallel()
	stream{
		source: newPostgresOrigin(t), tables: append(slices.Clip(postgresTables), toasted),
		changes: numberOf(t, "FENCEPOST_CHANGES", 10_000), kills: numberOf(t, "FENCEPOST_KILLS", 9),
		file: "envelope: debezium_with_schema\n" + postgresAccepts, targets: changeTargets(t),
	}.run(t)
}

// TestChangeStreamOfAvro is the same in Avro, with the schemas of keys and values in a registry.
func TestChangeStreamOfAvro(t *testing.T) {
	t.Parallel()
	registry := servers.Registry(t)
	s := stream{
		source: newPostgresOrigin(t), tables: append(slices.Clip(postgresTables), toasted),
		changes: numberOf(t, "FENCEPOST_CHANGES", 1500), kills: numberOf(t, "FENCEPOST_KILLS", 3), targets: changeTargets(t)[:1],
		file: fmt.Sprintf("decode: avro\nenvelope: debezium\nregistry: {url: %s, form: apicurio}\n", registry.URL()) + postgresAccepts,
	}
	for _, of := range []string{"key.converter", "value.converter"} {
		s.debezium = append(s.debezium, of+"=io.apicurio.registry.utils.converter.AvroConverter", of+".apicurio.registry.url="+registry.OwnURL(), of+".apicurio.registry.auto-register=true")
	}
	s.run(t)
}

// origin is a database whose changes are sent.
type origin interface {
	URL() string                                             // for Debezium
	Topic(prefix, table string) string                       // of a table's changes
	Run(t *testing.T, statement string, n int) (changed int) // with n as $1; returns how many rows changed
	Lines(t *testing.T, table, line string) []string         // one line a row, sorted
}

// postgresOrigin is a Postgres of the test's own.
type postgresOrigin struct {
	dsn string
	db  *pgx.Conn
}

func newPostgresOrigin(t *testing.T) postgresOrigin {
	t.Helper()
	dsn := servers.OwnPostgres(t, "wal_level=logical").Database(t)
	return postgresOrigin{dsn, connect(t, dsn)}
}

func (o postgresOrigin) URL() string { return o.dsn }

func (o postgresOrigin) Topic(prefix, table string) string { return prefix + ".public." + table }

func (o postgresOrigin) Run(t *testing.T, statement string, n int) int {
	t.Helper()
	var args []any
	if strings.Contains(statement, "$1") {
		args = append(args, n)
	}
	tag, err := o.db.Exec(t.Context(), statement, args...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return int(tag.RowsAffected())
}

func (o postgresOrigin) Lines(t *testing.T, table, line string) []string {
	return linesOf(t, o.db, table, line)
}

// stream is a run of the scene.
type stream struct {
	source         origin
	tables         []changed
	changes, kills int
	debezium       []string // settings
	file           string   // lines of each pipeline file
	targets        []target
	notes          []string // of `check`, for the first table in the first store
}

// copied is one table in one store, and the worker that makes it.
type copied struct {
	target
	changed
	file string
	*process
}

func (s stream) run(t *testing.T) {
	broker := servers.Kafka(t)
	for _, c := range s.tables {
		s.source.Run(t, "create table "+c.name+" ("+c.made+")", 0)
		s.source.Run(t, c.insert, 0) // a snapshot sends these
	}
	worker := servers.Connect(t)
	prefix := worker.Debezium(t, s.source.URL(), s.debezium...)
	adm := newScene(t, broker, nil).adm
	for _, c := range s.tables {
		eventually(t, "debezium has made the topic of "+c.name, func() error {
			l, err := adm.ListEndOffsets(t.Context(), s.source.Topic(prefix, c.name))
			return errors.Join(err, l.Error())
		})
	}
	all := s.copies(t, broker, prefix)
	binary := build(t)
	start := func(p *copied) { p.process = launch(t, exec.Command(binary, "run", p.file, "--wait", "1m")) }
	for _, p := range all {
		start(p)
	}
	kill := func(random *rand.Rand) {
		p := all[random.IntN(len(all))]
		p.kill()
		start(p)
	}
	s.change(t, kill, func(changes int) { s.awaitSent(t, adm, prefix, changes) })
	s.check(t, binary, all[0].file)
	for _, c := range s.tables {
		want := s.source.Lines(t, c.name, c.at)
		if len(want) < 20 {
			t.Fatalf("table %s has %d rows left: the test tests little", c.name, len(want))
		}
		for _, p := range all {
			if p.changed.name == c.name {
				p.awaits(t, want, 5*time.Minute+time.Duration(s.changes)*4*time.Millisecond, func() error { return worker.Running(t.Context(), prefix) })
			}
		}
	}
}

// check looks for the notes in what `fencepost check` says of a pipeline file, which has no fault.
func (s stream) check(t *testing.T, binary, file string) {
	t.Helper()
	if s.notes == nil {
		return
	}
	out, err := exec.Command(binary, "check", file).CombinedOutput()
	if err != nil {
		t.Errorf("check: %v", err)
	}
	said := strings.Join(strings.Fields(string(out)), " ")
	for _, note := range s.notes {
		if !strings.Contains(said, note) {
			t.Errorf("check does not say %q:\n%s", note, out)
		}
	}
}

// copies makes the tables that take the changes, and a pipeline file for each.
func (s stream) copies(t *testing.T, broker servers.Broker, prefix string) (all []*copied) {
	t.Helper()
	dir := t.TempDir()
	for _, at := range s.targets {
		for _, c := range s.tables {
			at.made(c)
			p := &copied{target: at, changed: c, file: filepath.Join(dir, at.name+"-"+c.name+".yaml")}
			text := fmt.Sprintf("group: %s-%s-%s\nsource: {brokers: [%s], topics: [%s]}\n%sschema: %s\nsink: %s\nbatch: {records: 500}\nlog_format: json\n",
				prefix, at.name, c.name, broker.Plaintext, s.source.Topic(prefix, c.name), s.file, c.schema, at.sink(c))
			if err := os.WriteFile(p.file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			all = append(all, p)
		}
	}
	return all
}

// ahead is how many changes the source may have made that Debezium has not sent: kills are to meet workers all the way.
const ahead = 20_000

// awaitSent waits until Debezium has sent so many changes, each of which is one record or more.
func (s stream) awaitSent(t *testing.T, adm *kadm.Client, prefix string, changes int) {
	t.Helper()
	var topics []string
	for _, c := range s.tables {
		topics = append(topics, s.source.Topic(prefix, c.name))
	}
	eventually(t, "debezium sends on", func() error {
		records := int64(0)
		ends, err := adm.ListEndOffsets(t.Context(), topics...)
		ends.Each(func(l kadm.ListedOffset) { records += l.Offset })
		if err = errors.Join(err, ends.Error()); err == nil && records < int64(changes) {
			err = fmt.Errorf("it has sent %d records, of %d changes", records, changes)
		}
		return err
	})
}

// change makes the changes at the source, round by round, not too far before those that were sent, and calls kill now and then.
func (s stream) change(t *testing.T, kill func(*rand.Rand), awaitSent func(changes int)) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, uint64(s.changes)))
	sent, killed := 0, 0
	for round := 1; sent < s.changes; round++ {
		for _, c := range s.tables {
			for _, statement := range []string{c.insert, c.update, c.remove, c.changeKey} {
				if statement != "" {
					sent += s.source.Run(t, statement, round)
				}
			}
		}
		for ; killed < s.kills && killed*s.changes < sent*s.kills; killed++ {
			kill(random)
		}
		if sent > ahead {
			awaitSent(sent - ahead)
		}
		if round%100 == 0 {
			t.Logf("round %d: %d changes, %d kills", round, sent, killed)
		}
	}
	t.Logf("%d changes, %d kills", sent, killed)
}

// awaits waits until the table is as at the source, while its worker and Debezium run.
func (p *copied) awaits(t *testing.T, want []string, patience time.Duration, debezium func() error) {
	t.Helper()
	var got []string
	within(t, patience, func() bool {
		select {
		case <-p.done:
			t.Fatalf("the worker of %s at %s ended: %v", p.changed.name, p.target.name, p.err)
		default:
		}
		if err := debezium(); err != nil {
			t.Fatal(err)
		}
		got = sorted(p.rows(t, p.changed))
		return slices.Equal(want, got)
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table %s at %s (-source +target):\n%.4000s", p.changed.name, p.target.name, diff)
	}
	t.Logf("table %s at %s: %d rows, %x", p.changed.name, p.target.name, len(got), md5.Sum([]byte(strings.Join(got, "\n"))))
}

// within waits until holds does, or the time is over. A question that takes long is asked less often, so that the answers come first.
func within(t *testing.T, d time.Duration, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(d); ; {
		asked := time.Now()
		if holds() || time.Now().After(deadline) {
			return
		}
		time.Sleep(200*time.Millisecond + 10*time.Since(asked))
	}
}
