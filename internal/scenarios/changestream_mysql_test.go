//go:build realservers

package scenarios

import (
	"database/sql"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/fencepost/fencepost/internal/servers"
)

// mysqlTables have a column of every type of MySQL that can be told from a change stream. Of what cannot, there is a date of zeros, which
// arrives as a null. Fractions of seconds have six digits or none, so that each store writes them alike.
var mysqlTables = []changed{
	{
		name: "kinds", key: "[id]",
		made: `id bigint primary key, big bigint unsigned not null, u int unsigned not null, m mediumint unsigned, s smallint unsigned, b tinyint unsigned, flag tinyint(1) not null,
			price decimal(12,2) not null, huge decimal(65,30), f float, d double,
			born date, made datetime(6) not null, short datetime(3), sec datetime, at timestamp(6) not null, clock time(6), span time not null, y year,
			e enum('a','b ü','c') not null, st set('x','y','z') not null, bits bit(9), one bit(1) not null, doc json,
			bin binary(5) not null, vb varbinary(20), pic blob, name varchar(100) not null, old varchar(50) character set latin1, note text, zero date, n int default 42, ok tinyint(1) not null, far date not null`,
		at: `concat_ws('|', id, big, u, coalesce(m, '-'), coalesce(s, '-'), coalesce(b, '-'), flag,
			price, coalesce(huge, '-'), coalesce(cast(f*4 as signed), '-'), coalesce(cast(d*4 as signed), '-'),
			coalesce(born, '-'), date_format(made, '%Y-%m-%d %H:%i:%s.%f'), coalesce(left(date_format(short, '%Y-%m-%d %H:%i:%s.%f'), 23), '-'), coalesce(sec, '-'),
			date_format(at, '%Y-%m-%d %H:%i:%s.%f'), coalesce(clock, '-'), time_to_sec(span), coalesce(y, '-'),
			e, st, coalesce(concat(lpad(hex(bits & 255), 2, '0'), lpad(hex(bits >> 8), 2, '0')), '-'), cast(one as unsigned), coalesce(replace(doc, ' ', ''), '-'),
			hex(bin), coalesce(hex(vb), '-'), coalesce(hex(pic), '-'), name, coalesce(old, '-'), coalesce(note, '-'), coalesce(nullif(cast(zero as char), '0000-00-00'), '-'), coalesce(n, '-'), ok, far)`,
		schema: `{id: int, big: {type: decimal, scale: 0}, u: int, m: int, s: int, b: int, flag: int,
  price: {type: decimal, scale: 2}, huge: {type: decimal, scale: 30}, f: float, d: float,
  born: {type: date, unit: days}, made: {type: timestamp, unit: us}, short: {type: timestamp, unit: ms}, sec: {type: timestamp, unit: ms}, at: timestamp,
  clock: {type: time, unit: us}, span: int, y: int, e: text, st: text, bits: bytes, one: bool, doc: json,
  bin: bytes, vb: bytes, pic: bytes, name: text, old: text, note: text, zero: {type: date, unit: days}, n: int, ok: bool, far: {type: date, unit: days}}`,
		madePostgres: `id bigint primary key, big numeric(20) not null, u bigint not null, m int, s int, b smallint, flag smallint not null,
			price numeric(12,2) not null, huge numeric(65,30), f real, d double precision,
			born date, made timestamp not null, short timestamp(3), sec timestamp(0), at timestamptz not null, clock time, span bigint not null, y smallint,
			e text not null, st text not null, bits bytea, one boolean not null, doc jsonb,
			bin bytea not null, vb bytea, pic bytea, name text not null, old text, note text, zero date, n int default 42, ok boolean not null, far date not null`,
		atPostgres: `concat_ws('|', id, big, u, coalesce(m::text, '-'), coalesce(s::text, '-'), coalesce(b::text, '-'), flag,
			price, coalesce(huge::text, '-'), coalesce((f*4)::bigint::text, '-'), coalesce((d*4)::bigint::text, '-'),
			coalesce(born::text, '-'), to_char(made, 'YYYY-MM-DD HH24:MI:SS.US'), coalesce(to_char(short, 'YYYY-MM-DD HH24:MI:SS.MS'), '-'), coalesce(sec::text, '-'),
			to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), coalesce(clock::text, '-'), span / 1000000, coalesce(y::text, '-'),
			e, st, coalesce(upper(encode(bits, 'hex')), '-'), one::int, coalesce(replace(doc::text, ' ', ''), '-'),
			upper(encode(bin, 'hex')), coalesce(upper(encode(vb, 'hex')), '-'), coalesce(upper(encode(pic, 'hex')), '-'), name, coalesce(old, '-'), coalesce(note, '-'), coalesce(zero::text, '-'), coalesce(n::text, '-'), ok::int, far)`,
		madeMariaDB: `id bigint primary key, big bigint unsigned not null, u int unsigned not null, m mediumint unsigned, s smallint unsigned, b tinyint unsigned, flag tinyint(1) not null,
			price decimal(12,2) not null, huge decimal(65,30), f float, d double,
			born date, made datetime(6) not null, short datetime(3), sec datetime, at datetime(6) not null, clock time(6), span bigint not null, y smallint,
			e enum('a','b ü','c') not null, st set('x','y','z') not null, bits varbinary(2), one boolean not null, doc longtext,
			bin varbinary(5) not null, vb varbinary(20), pic longblob, name varchar(100) not null, old varchar(50), note longtext, zero date, n int default 42, ok boolean not null, far date not null`,
		atMariaDB: `concat_ws('|', id, big, u, coalesce(m, '-'), coalesce(s, '-'), coalesce(b, '-'), flag,
			price, coalesce(huge, '-'), coalesce(cast(f*4 as signed), '-'), coalesce(cast(d*4 as signed), '-'),
			coalesce(born, '-'), date_format(made, '%Y-%m-%d %H:%i:%s.%f'), coalesce(left(date_format(short, '%Y-%m-%d %H:%i:%s.%f'), 23), '-'), coalesce(sec, '-'),
			date_format(at, '%Y-%m-%d %H:%i:%s.%f'), coalesce(clock, '-'), span div 1000000, coalesce(y, '-'),
			e, st, coalesce(hex(bits), '-'), one, coalesce(replace(doc, ' ', ''), '-'),
			hex(bin), coalesce(hex(vb), '-'), coalesce(hex(pic), '-'), name, coalesce(old, '-'), coalesce(note, '-'), coalesce(zero, '-'), coalesce(n, '-'), ok, far)`,
		madeSQLite: `id INTEGER PRIMARY KEY, big TEXT NOT NULL, u INTEGER NOT NULL, m INTEGER, s INTEGER, b INTEGER, flag INTEGER NOT NULL,
			price TEXT NOT NULL, huge TEXT, f REAL, d REAL,
			born TEXT, made TEXT NOT NULL, short TEXT, sec TEXT, at TEXT NOT NULL, clock TEXT, span INTEGER NOT NULL, y INTEGER,
			e TEXT NOT NULL, st TEXT NOT NULL, bits BLOB, one INTEGER NOT NULL, doc TEXT,
			bin BLOB NOT NULL, vb BLOB, pic BLOB, name TEXT NOT NULL, old TEXT, note TEXT, zero TEXT, n INTEGER DEFAULT 42, ok INTEGER NOT NULL, far TEXT NOT NULL`,
		atSQLite: `concat_ws('|', id, big, u, coalesce(m, '-'), coalesce(s, '-'), coalesce(b, '-'), flag,
			price, coalesce(huge, '-'), coalesce(CAST(f*4 AS INTEGER), '-'), coalesce(CAST(d*4 AS INTEGER), '-'),
			coalesce(born, '-'), made, coalesce(short, '-'), coalesce(sec, '-'), at, coalesce(clock, '-'), span / 1000000, coalesce(y, '-'),
			e, st, iif(bits IS NULL, '-', hex(bits)), one, coalesce(replace(doc, ' ', ''), '-'),
			hex(bin), iif(vb IS NULL, '-', hex(vb)), iif(pic IS NULL, '-', hex(pic)), name, coalesce(old, '-'), coalesce(note, '-'), coalesce(zero, '-'), coalesce(n, '-'), ok, far)`,
		insert: `insert into kinds with recursive g as (select 1 as i union all select i + 1 from g where i < 60)
			select $1 * 100 + i, 18446744073709551615 - i, 4294967295 - i, nullif(16777215 - i, 16777212), nullif(65535 - i, 65531), nullif(255 - i, 250), i % 2,
				i / 100 - 1, if(i % 3 > 0, cast('12345678901234567890123456789012345.000000000000000000000000000001' as decimal(65,30)) - i, null), if(i % 4 > 0, i / 4, null), if(i % 5 > 0, -i / 4, null),
				if(i % 3 > 0, date '1970-01-01' + interval i * 37 - 500 day, null), timestamp '2001-02-03 04:05:06.789011' + interval i hour, if(i % 4 > 0, timestamp '1969-12-31 23:59:59.001' + interval i minute, null),
				if(i % 5 > 0, timestamp '9999-12-31 23:59:59' - interval i day, null), timestamp '1999-12-31 23:59:59.000001' - interval i day, if(i % 6 > 0, addtime('10:00:00.000001', sec_to_time(i * 60)), null),
				if(i % 2 > 0, '838:59:59', '-838:59:59'), nullif(1900 + i, 1907), elt(1 + i % 3, 'a', 'b ü', 'c'), i % 8, if(i % 7 > 0, i * 8, null), i % 2,
				if(i % 5 > 0, json_object('a', 9007199254740993 + i, 'b', json_array(null, 'ü"\\', true)), null),
				char(97 + i % 20, 98), if(i % 3 > 0, unhex(lpad(hex(i), 8, '0')), null), if(i % 4 > 0, unhex('00ff0a5c27'), null), concat('n', i, char(10), '''', '🛫'), if(i % 6 > 0, 'größe', null), if(i % 2 > 0, '', null),
				if(i % 2 > 0, '0000-00-00', '2020-02-29'), if(i % 3 > 0, i, null), i % 2, date '0033-03-03' + interval i day from g`,
		update: `update kinds set name = concat(left(name, 50), '.'), price = -price, huge = -huge, doc = json_object('at', $1), flag = 1 - flag, big = big - 1, st = (st + 1) % 8, e = elt(1 + $1 % 3, 'a', 'b ü', 'c'),
			at = at + interval 1 second, n = if(n is null, 42, null), one = 1 - one, ok = 1 - ok where id % 7 = $1 % 7`,
		remove:    `delete from kinds where id % 11 = $1 % 11 and id < $1 * 100`,
		changeKey: `update kinds set id = id + 1000000000 where id % 41 = $1 % 41 and id < 1000000000`,
	},
	{
		name: "parts", key: "[code, n]",
		made:         `code varchar(20) collate utf8mb4_bin, n smallint unsigned, qty int, primary key (code, n)`,
		at:           `concat_ws('|', code, n, coalesce(qty, '-'))`,
		schema:       `{code: text, n: int, qty: int}`,
		madePostgres: `code text, n int, qty int, primary key (code, n)`,
		atPostgres:   `concat_ws('|', code, n, coalesce(qty::text, '-'))`,
		madeMariaDB:  `code varchar(20) collate utf8mb4_bin, n smallint unsigned, qty int, primary key (code, n)`,
		atMariaDB:    `concat_ws('|', code, n, coalesce(qty, '-'))`,
		madeSQLite:   `code TEXT, n INTEGER, qty INTEGER, PRIMARY KEY (code, n)`,
		atSQLite:     `code||'|'||n||'|'||coalesce(qty, '-')`,
		insert:       `insert into parts with recursive g as (select 1 as i union all select i + 1 from g where i < 40) select concat(if(i % 2 > 0, 'p', 'P'), $1), i, if(i % 8 > 0, i, null) from g`,
		update:       `update parts set qty = case when qty is null then 1 when qty % 13 = 0 then null else qty + 1 end where n % 6 = $1 % 6`,
		remove:       `delete from parts where n % 10 = $1 % 10 and code not in (concat('p', $1), concat('P', $1))`,
		changeKey:    `update parts set n = n + 100 where n % 17 = $1 % 17 and n < 100`,
	},
	{
		name: "ids", key: "[id]",
		made:         `id binary(16) primary key, no bigint not null, note text`,
		at:           `concat_ws('|', hex(id), no, coalesce(note, '-'))`,
		schema:       `{id: bytes, no: int, note: text}`,
		madePostgres: `id bytea primary key, no bigint not null, note text`,
		atPostgres:   `concat_ws('|', upper(encode(id, 'hex')), no, coalesce(note, '-'))`,
		madeMariaDB:  `id varbinary(16) primary key, no bigint not null, note text`,
		atMariaDB:    `concat_ws('|', hex(id), no, coalesce(note, '-'))`,
		madeSQLite:   `id BLOB PRIMARY KEY, no INTEGER NOT NULL, note TEXT`,
		atSQLite:     `hex(id)||'|'||no||'|'||coalesce(note, '-')`,
		insert:       `insert into ids with recursive g as (select 1 as i union all select i + 1 from g where i < 50) select unhex(left(sha2(concat($1, ' ', i), 256), 32)), $1 * 100 + i, if(i % 2 > 0, concat('n', i), null) from g`,
		update:       `update ids set note = coalesce(concat(note, '!'), 'first') where no % 5 = $1 % 5`,
		remove:       `delete from ids where no % 9 = $1 % 9 and no < $1 * 100`,
		changeKey:    `update ids set id = unhex(left(sha2(id, 256), 32)) where no % 31 = $1 % 31`,
	},
}

// mysqlOrigin is a MySQL of the test's own, whose zone is none of ours.
type mysqlOrigin struct {
	dsn string
	db  *sql.DB
}

func newMySQLOrigin(t *testing.T) mysqlOrigin {
	t.Helper()
	dsn := servers.OwnMySQL(t, "default-time-zone=+05:30").Database(t)
	// Without a mode it takes dates of zeros.
	return mysqlOrigin{dsn, openMySQL(t, dsn, map[string]string{"sql_mode": "''", "time_zone": "'+00:00'"})}
}

func (o mysqlOrigin) URL() string { return o.dsn }

func (o mysqlOrigin) Topic(prefix, table string) string {
	at, _ := url.Parse(o.dsn) // which opened the database
	return prefix + "." + at.Path[1:] + "." + table
}

func (o mysqlOrigin) Run(t *testing.T, statement string, n int) int {
	t.Helper()
	done, err := o.db.ExecContext(t.Context(), strings.ReplaceAll(statement, "$1", strconv.Itoa(n)))
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	rows, err := done.RowsAffected()
	if err != nil {
		t.Fatal(err)
	}
	return int(rows)
}

func (o mysqlOrigin) Lines(t *testing.T, table, line string) []string {
	return linesOfMySQL(t, o.db, table, line)
}

// TestChangeStreamOfMySQL is the scene with MySQL as the source: its own types, in the three stores.
func TestChangeStreamOfMySQL(t *testing.T) {
	t.Parallel()
	stream{
		source: newMySQLOrigin(t), tables: mysqlTables,
		changes: numberOf(t, "FENCEPOST_CHANGES", 1500), kills: numberOf(t, "FENCEPOST_KILLS", 3),
		debezium: []string{"bigint.unsigned.handling.mode=precise", "enable.time.adjuster=false",
			"converters=bool", "bool.type=io.debezium.connector.binlog.converters.TinyIntOneToBooleanConverter", `bool.selector=.*\.kinds\.ok`,
			"value.converter=org.apache.kafka.connect.json.JsonConverter", "value.converter.replace.null.with.default=false"},
		file: "envelope: debezium_with_schema\naccepts: [default_nulls, unsigned_bigints, zero_dates, early_years, year_zero]\n", targets: changeTargets(t),
		notes: []string{"a NULL in n arrives as the column's default", "a date of zeros in born, made, short, sec, at, zero, far arrives as null",
			"the year 0000 in y arrives as 2000 in a snapshot, and parks behind it"},
	}.run(t)
}
