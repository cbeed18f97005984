//go:build realservers

package scenarios

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost/internal/servers"
)

// kindsOfPostgres has a column of every type of Postgres that a change stream can tell, besides those of TestChangeStream.
var kindsOfPostgres = changed{
	name: "kinds", key: "[id]",
	made: `id int primary key, si smallint, oi oid, re real, dp double precision, nu numeric, m money, b1 bit(1), bn bit(9), vb bit varying(12), da date, t3 time(3), t6 time, tz timetz,
		ts3 timestamp(3), ts6 timestamp, tstz timestamptz, iv interval, ine inet, ci cidr, mac macaddr, xm xml, hs hstore, js json, en mood, ch char(5), arr int[], txt text[], p point, r int4range, tsv tsvector`,
	at: `concat_ws('|', id, si, oi, re, dp, trim_scale(nu), m::numeric, b1::int, bn, vb, da, t3, t6, tz at time zone 'UTC', ts3, ts6, tstz at time zone 'UTC', extract(epoch from iv)::bigint, ine, ci, mac, xm, hs->'a', js, en, ch, to_json(arr), to_json(txt), p[0], r, tsv)`,
	schema: `{id: int, si: int, oi: int, re: float, dp: float, nu: {type: decimal, scale: 0}, m: {type: decimal, scale: 2}, b1: bool, bn: bytes, vb: bytes, da: {type: date, unit: days},
  t3: {type: time, unit: ms}, t6: {type: time, unit: us}, tz: text, ts3: {type: timestamp, unit: ms}, ts6: {type: timestamp, unit: us}, tstz: timestamp, iv: text, ine: text, ci: text, mac: text, xm: text, hs: json, js: json,
  en: text, ch: text, arr: json, txt: json, p: json, r: text, tsv: text}`,
	madePostgres: `id int primary key, si smallint, oi bigint, re real, dp double precision, nu numeric, m numeric(20,2), b1 boolean, bn bytea, vb bytea, da date, t3 time, t6 time, tz text,
		ts3 timestamp, ts6 timestamp, tstz timestamptz, iv text, ine text, ci text, mac text, xm text, hs jsonb, js json, en text, ch text, arr jsonb, txt jsonb, p jsonb, r text, tsv text`,
	// Bits come lowest byte first, without the bytes of zeros at their end; an interval as the text of its parts.
	atPostgres: `concat_ws('|', id, si, oi, re, dp, trim_scale(nu), m, b1::int, right((get_byte(bn || '\x0000', 1)::bit(8) || get_byte(bn || '\x0000', 0)::bit(8))::text, 9),
		right((get_byte(vb || '\x0000', 1)::bit(8) || get_byte(vb || '\x0000', 0)::bit(8))::text, id + 2), da, t3, t6, tz::timetz at time zone 'UTC', ts3, ts6, tstz at time zone 'UTC', extract(epoch from iv::interval)::bigint,
		ine, ci, mac, xm, hs->>'a', js, en, ch, replace(arr::text, ' ', ''), replace(txt::text, ' ', ''), (p->>'x')::float8, r, tsv)`,
}

// oddOfPostgres are values that no column here has, by the id of their row. Each is a letter.
var oddOfPostgres = []string{"dp = 'NaN'", "re = '-Infinity'", "da = 'infinity'", "ts6 = '-infinity'", "ts3 = 'infinity'", "tstz = 'infinity'", "tstz = '10000-01-01Z'", "tstz = '0044-03-15 BC'",
	"txt = '{{a,b},{c,d}}'", "da = '0044-03-15 BC'", "nu = 'NaN'", "arr = '{{1,2},{3,4}}'"}

// TestChangeStreamOfPostgresTypes: every type of Postgres that a change stream can tell is in another Postgres as in the source; what cannot be told
// parks, but for the three that the file has to accept.
func TestChangeStreamOfPostgresTypes(t *testing.T) {
	t.Parallel()
	origin := newPostgresOrigin(t)
	l := &lossy{T: t, origin: origin, broker: servers.Kafka(t), worker: servers.Connect(t), binary: build(t), targets: changeTargets(t)[:1]}
	l.adm = newScene(t, l.broker, nil).adm
	run := func(statement string) { origin.Run(t, statement, 0) }
	run(`create extension hstore`)
	run(`create type mood as enum ('sad', 'größe')`)
	c := kindsOfPostgres
	run(`create table kinds (` + c.made + `)`)
	run(`insert into kinds values
		(1, -32768, 4294967295, 3.4028235e38, 1.7976931348623157e308, 12345678901234567890.123456789, -12345678.90, b'1', b'100000001', b'101', '0001-01-01', '24:00:00', '24:00:00', '12:34:56.123456+02',
		 '2001-02-03 04:05:06.789', '2001-02-03 04:05:06.789012', '2001-02-03 04:05:06.789012+05:30', '1 year 2 mons 3 days 04:05:06', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '<a>ü</a>', 'a=>"b\"ü"', '{"a": 1, "a": 2}', 'größe', 'ab', '{1,null,-2147483648}', '{"",null,"ü\"\\"}', '(1.5,-2)', '[1,5)', 'a:1 b:2'),
		(2, 32767, 0, 1e-45, 5e-324, -0.00000000000000000001, 0.01, b'0', b'000000000', b'1000', '9999-12-31', '23:59:59.999', '23:59:59.999999', '00:00:00+00',
		 '0001-01-01', '9999-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999Z', '-1 day', '::1', '::/0', 'ff:ff:ff:ff:ff:ff', '<a/>', 'a=>NULL', 'null', 'sad', '', '{}', '{}', '(0,0)', 'empty', ''),
		(10, 0, 5, 0.1, 0.1, 0, 0, b'0', b'010000000', b'100000000001', '2000-02-29', '00:00:00', '00:00:00.000001', '23:00:00-01', '2000-02-29', '2000-02-29', '2000-02-29Z', '0', '1.2.3.4', '1.2.3.4/32', '0:0:0:0:0:0', '', '', '[]', 'sad', 'abcde', '{5}', '{a}', '(1,1)', '(,)', 'x')`)
	want := origin.Lines(t, "kinds", c.at)
	for i, value := range oddOfPostgres {
		run(fmt.Sprintf(`insert into kinds select (r).* from (select k #= hstore(array['id', '%d']) r from kinds k where id = 10) x`, 100+i))
		run(fmt.Sprintf(`update kinds set %s where id = %d`, value, 100+i))
	}
	topic := l.topic("kinds", int64(3+len(oddOfPostgres)), "interval.handling.mode=string")
	const accepts = "accepts: [unsent_values, nan_nulls, nested_arrays, years_bc]"
	file := l.pipeline(l.targets[0], topic, withSchema, c)
	l.says(3, "check", file, "nan_nulls: NaN and the infinities of nu, m arrive as null", "nested_arrays: of an array with more than one dimension in arr, txt", "years_bc: in da a year before Christ", accepts)
	l.says(3, "run", file, accepts)
	l.holds(l.targets[0], c)
	file = l.pipeline(l.targets[0], topic, withSchema+accepts+"\non_error: {undecodable: dead_letter, max: none}\n", c)
	l.says(0, "run", file)
	sh := &shell{t: t, binary: l.binary, dir: filepath.Dir(file)}
	letters := sh.letters()
	if len(letters) != len(oddOfPostgres)-3 {
		t.Errorf("%d letters, want %d:\n%s", len(letters), len(oddOfPostgres)-3, sh.run(0, "dead-letters", "list", "p.yaml"))
	}
	c.name = fmt.Sprintf("kinds_%d", l.n)
	var got []string
	for _, line := range l.targets[0].rows(t, c) {
		if len(line) <= 3 || line[3] != '|' {
			got = append(got, line)
		}
	}
	if d := cmp.Diff(want, sorted(got)); d != "" {
		t.Errorf("(-source +target):\n%s", d)
	}
	c.atPostgres = "concat_ws('|', id, coalesce(nu::text, 'null'), arr, da)"
	var odd []string
	for _, line := range sorted(l.targets[0].rows(t, c)) {
		if len(line) > 3 && line[3] == '|' {
			odd = append(odd, line)
		}
	}
	if d := cmp.Diff([]string{"109|0|[5]|0044-03-15", "110|null|[5]|2000-02-29", "111|0|[null, null]|2000-02-29"}, odd); d != "" {
		t.Errorf("what check says of dates before Christ, NaN and arrays of arrays (-want +got):\n%s", d)
	}
}
