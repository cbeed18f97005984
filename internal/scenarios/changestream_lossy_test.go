//go:build realservers

package scenarios

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/fencepost/fencepost/internal/servers"
)

// lossy is a table of MySQL at the edges of what Debezium's settings lose, and its stream in one pipeline after another.
type lossy struct {
	*testing.T
	origin  origin
	broker  servers.Broker
	worker  servers.ConnectServer
	adm     *kadm.Client
	binary  string
	targets []target
	n       int
}

// topic is where Debezium with these settings has sent a snapshot of a table, of so many records.
func (l *lossy) topic(table string, records int64, settings ...string) string {
	l.Helper()
	l.n++
	name := l.worker.Debezium(l.T, l.origin.URL(), append([]string{fmt.Sprint("database.server.id=", 184100+l.n)}, settings...)...)
	topic := l.origin.Topic(name, table)
	l.awaitRecords(topic, records)
	return topic
}

func (l *lossy) awaitRecords(topic string, records int64) {
	l.Helper()
	eventually(l.T, "debezium has sent the changes of "+topic, func() error {
		ends, err := l.adm.ListEndOffsets(l.Context(), topic)
		sent := int64(0)
		ends.Each(func(e kadm.ListedOffset) { sent += e.Offset })
		if err = errors.Join(err, ends.Error()); err == nil && sent != records {
			err = fmt.Errorf("it has sent %d records, of %d", sent, records)
		}
		return err
	})
}

// pipeline is a file for a topic and a table, which it makes.
func (l *lossy) pipeline(at target, topic, file string, c changed) (path string) {
	l.Helper()
	l.n++
	c.name = fmt.Sprintf("%s_%d", c.name, l.n)
	at.made(c)
	path = filepath.Join(l.TempDir(), "p.yaml")
	text := fmt.Sprintf("group: %s-%d\nsource: {brokers: [%s], topics: [%s]}\n%sschema: %s\nsink: %s\n", topic, l.n, l.broker.Plaintext, topic, file, c.schema, at.sink(c))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() {
		if l.Failed() {
			l.Logf("%s: %s", path, text)
		}
	})
	return path
}

// says runs a command, which ends with this status, and wants parts of what it prints, whose lines may be broken.
func (l *lossy) says(status int, command, file string, parts ...string) {
	l.Helper()
	args := []string{command, file}
	if command == "run" {
		args = append(args, "--until", "end", "-q")
	}
	out, err := exec.Command(l.binary, args...).CombinedOutput()
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got, err = exit.ExitCode(), nil
	}
	if err != nil {
		l.Fatal(err)
	}
	said := strings.Join(strings.Fields(string(out)), " ")
	for _, part := range parts {
		if !strings.Contains(said, part) {
			l.Errorf("%s does not say %q:\n%s", command, part, out)
		}
	}
	if got != status {
		l.Errorf("%s ended with %d, not %d:\n%s", command, got, status, out)
	}
}

// holds wants rows in the table of the last pipeline.
func (l *lossy) holds(at target, c changed, want ...string) {
	l.Helper()
	c.name = fmt.Sprintf("%s_%d", c.name, l.n)
	got := sorted(at.rows(l.T, c))
	if d := cmp.Diff(want, got); d != "" && len(want)+len(got) > 0 {
		l.Errorf("%s at %s (-want +got):\n%s", c.name, at.name, d)
	}
}

const withSchema = "envelope: debezium_with_schema\n"

// bigs are the three stores' columns that hold a bigint unsigned, and what is read of them.
func bigs(name, key, more, u string) changed {
	return changed{name: name, key: "[" + key + "]", schema: "{" + more + ": int, u: " + u + "}",
		madePostgres: fmt.Sprintf("%s bigint, u numeric(20) not null, primary key (%s)", more, key), atPostgres: "u::text",
		madeMariaDB: fmt.Sprintf("%s bigint, u bigint unsigned not null, primary key (%s)", more, key), atMariaDB: "cast(u as char)",
		madeSQLite: fmt.Sprintf("%s INTEGER, u TEXT NOT NULL, PRIMARY KEY (%s)", more, key), atSQLite: "u"}
}

// TestWhatDebeziumLoses holds a real Debezium by settings that change values to it: what the schema says is right in each store, what it does not say is
// refused by check or parks, and what nothing says is in check's line.
func TestWhatDebeziumLoses(t *testing.T) {
	t.Parallel()
	l := &lossy{T: t, origin: newMySQLOrigin(t), broker: servers.Kafka(t), worker: servers.Connect(t), binary: build(t), targets: changeTargets(t)}
	l.adm = newScene(t, l.broker, nil).adm
	run := func(statement string) { l.origin.Run(t, statement, 0) }
	run(`create table wide (id bigint primary key, u bigint unsigned not null, price decimal(20,2), made datetime(6), clock time(6), bin varbinary(9), zero date, day date not null, at datetime not null, y year)`)
	run(`insert into wide values (1, 5, 1.5, '2001-02-03 04:05:06', '01:02:03', 'x', '2020-02-29', '2020-02-29', '2020-02-29', 2020)`)
	run(`insert into wide values (2, 18446744073709551615, 123456789012345678.99, '2001-02-03 04:05:06.789123', '-01:02:03.000004', unhex('00ff0a5c27'), '0000-00-00', '0000-00-00', '2026-00-00', '0000')`)
	run(`create table keyed (u bigint unsigned primary key, n bigint)`)
	run(`insert into keyed values (18446744073709551615, 1), (9223372036854775808, 2), (3, 3)`)

	t.Run("a bigint unsigned that the schema says", func(t *testing.T) {
		l := l.in(t)
		topic := l.topic("wide", 2, `column.propagate.source.type=.*[.]wide[.](u|id)`)
		for _, at := range l.targets {
			c := bigs("told", "id", "id", "{type: decimal, scale: 0}")
			file := l.pipeline(at, topic, withSchema, c)
			l.says(0, "check", file)
			l.says(0, "run", file)
			l.holds(at, c, "18446744073709551615", "5")
		}
	})
	t.Run("as a key, in JSON and in Avro", func(t *testing.T) {
		l := l.in(t)
		registry := servers.Registry(t)
		settings := map[string][]string{withSchema: {`column.propagate.source.type=.*[.]keyed[.](u|n)`}}
		inAvro := fmt.Sprintf("decode: avro\nenvelope: debezium\nregistry: {url: %s, form: apicurio}\n", registry.URL())
		settings[inAvro] = settings[withSchema]
		for _, of := range []string{"key.converter", "value.converter"} {
			settings[inAvro] = append(settings[inAvro], of+"=io.apicurio.registry.utils.converter.AvroConverter", of+".apicurio.registry.url="+registry.OwnURL(), of+".apicurio.registry.auto-register=true")
		}
		topics := map[string]string{}
		for form, list := range settings {
			topics[form] = l.topic("keyed", 3, list...)
		}
		run(`update keyed set n = 7 where u = 9223372036854775808`)
		run(`delete from keyed where u = 18446744073709551615`)
		for form, topic := range topics {
			l.awaitRecords(topic, 6) // with the tombstone behind the delete
			for _, at := range l.targets {
				c := bigs("keyed", "u", "n", "{type: decimal, scale: 0}")
				c.madePostgres = "n bigint, u numeric primary key" // one with a scale would round keys
				c.atPostgres, c.atMariaDB, c.atSQLite = "concat_ws(' ', u, n)", "concat_ws(' ', u, n)", "u || ' ' || n"
				file := l.pipeline(at, topic, form, c)
				l.says(0, "check", file)
				l.says(0, "run", file)
				l.holds(at, c, "3 3", "9223372036854775808 7")
			}
		}
	})
	t.Run("what the schema does not say", func(t *testing.T) {
		l := l.in(t)
		topic := l.topic("wide", 2)
		postgres, maria := l.targets[0], l.targets[1]
		c := bigs("wide", "id", "id", "int")
		const wraps = "unsigned_bigints: where id, u is a bigint unsigned, what is 2^63 or more arrives below zero"
		for _, at := range l.targets[:2] { // it is refused, and no row is written
			file := l.pipeline(at, topic, withSchema, c)
			l.says(3, "check", file, wraps, "accepts: [unsigned_bigints]")
			l.says(3, "run", file, "parked", "accepts: [unsigned_bigints]")
			l.holds(at, c)
		}
		taken := withSchema + "accepts: [unsigned_bigints]\n"
		file := l.pipeline(maria, topic, taken, c)
		l.says(3, "run", file, "parked")
		l.holds(maria, c, "5") // neither wrapped nor cut to an edge
		l.says(3, "check", l.pipeline(l.targets[2], topic, withSchema, bigs("wide", "id", "id", "{type: decimal, scale: 0}")), wraps)
		c.madePostgres = "id bigint primary key, u bigint not null"
		file = l.pipeline(postgres, topic, taken, c)
		l.says(0, "check", file, "where id, u is a bigint unsigned, what is 2^63 or more arrives below zero")
		l.says(0, "run", file)
		l.holds(postgres, c, "-1", "5") // which was accepted

		// Of dates of zeros and the year 0000 check says what arrives: it is so.
		zeros := changed{name: "zeros", key: "[id]", schema: "{id: int, zero: {type: date, unit: days}, day: {type: date, unit: days}, at: {type: timestamp, unit: ms}, y: int}",
			madePostgres: "id bigint primary key, zero date, day date, at timestamp(0), y int", atPostgres: "concat_ws(' ', id, coalesce(zero::text, '-'), day, at, y)",
			madeMariaDB: "id bigint primary key, zero date, day date, at datetime, y int", atMariaDB: "concat_ws(' ', id, coalesce(zero, '-'), day, at, y)",
			madeSQLite: "id INTEGER PRIMARY KEY, zero TEXT, day TEXT, at TEXT, y INTEGER", atSQLite: "concat_ws(' ', id, coalesce(zero, '-'), day, at, y)"}
		var files []string
		for _, at := range l.targets {
			l.says(3, "check", l.pipeline(at, topic, taken, zeros), "sql_mode=NO_ZERO_DATE,NO_ZERO_IN_DATE", "accepts: [unsigned_bigints, zero_dates, early_years, year_zero]")
			file := l.pipeline(at, topic, withSchema+"accepts: [unsigned_bigints, zero_dates, early_years, year_zero]\n", zeros)
			l.says(0, "check", file, "a date of zeros in zero, day, at arrives as null, or where the column is NOT NULL as its default or 1970-01-01",
				"the year 0000 in y arrives as 2000 in a snapshot, and parks behind it", "a year before 100 in zero, day, at arrives as one from 1970 to 2069")
			l.says(0, "run", file)
			l.holds(at, zeros, "1 2020-02-29 2020-02-29 2020-02-29 00:00:00 2020", "2 - 1970-01-01 1970-01-01 00:00:00 2000")
			files = append(files, file)
		}
		run(`update wide set y = '0000' where id = 1`)
		l.awaitRecords(topic, 3)
		for _, file := range files {
			l.says(3, "run", file, "field y: 1900 is no year of MySQL: the year 0000 is sent so")
		}
		run(`update wide set y = 2020 where id = 1`)
	})
	t.Run("settings that lose digits", func(t *testing.T) {
		l := l.in(t)
		topic := l.topic("wide", 2, "decimal.handling.mode=double", "time.precision.mode=connect", "binary.handling.mode=hex")
		c := changed{name: "digits", key: "[id]", schema: "{id: int, price: {type: decimal, scale: 2}, made: {type: timestamp, unit: ms}, clock: {type: time, unit: ms}, bin: {type: bytes, mismatch: null}}",
			madePostgres: "id bigint primary key, price numeric(20,2), made timestamp, clock time, bin bytea",
			madeMariaDB:  "id bigint primary key, price decimal(20,2), made datetime(6), clock time(6), bin varbinary(9)",
			madeSQLite:   "id INTEGER PRIMARY KEY, price TEXT, made TEXT, clock TEXT, bin BLOB"}
		doubts := []string{"double_decimals: price is sent as a double, in which a decimal loses digits", "cut_times: made, clock is sent in milliseconds",
			"encoded_bytes: bin is sent as text, which may be base64 or hexadecimal digits", "accepts: [unsigned_bigints, zero_dates, early_years, double_decimals, cut_times, encoded_bytes]"}
		for _, at := range l.targets {
			l.says(3, "check", l.pipeline(at, topic, withSchema, c), doubts...)
		}
		c.schema = "{id: int, price: float, made: {type: timestamp, unit: ms}}"
		taken := withSchema + "accepts: [unsigned_bigints, zero_dates, early_years]\n"
		c.madePostgres = "id bigint primary key, price double precision, made timestamp(3)"
		l.says(0, "check", l.pipeline(l.targets[0], topic, taken, c))
		c.madePostgres = "id bigint primary key, price numeric, made timestamp(3)"
		l.says(3, "check", l.pipeline(l.targets[0], topic, taken, c), doubts[0])
	})
}

// in is the same in a test of its own.
func (l *lossy) in(t *testing.T) *lossy {
	in := *l
	in.T = t
	return &in
}
