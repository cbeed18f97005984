//go:build realservers

package postgres

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// trips are, for each pair, values and the text that the server shows for them.
var trips = []struct {
	from   fencepost.Type
	to     string // as DDL writes it
	pair   string // as pairs names it
	values []any
	want   []string
}{
	{fencepost.Text, "text", "text", []any{"", "größe", "a'b\\\"\n", strings.Repeat("x", 100_000)}, []string{"", "größe", "a'b\\\"\n", strings.Repeat("x", 100_000)}},
	{fencepost.Text, "varchar(3)", "varchar", []any{"", "ATL", "größ"[:4]}, []string{"", "ATL", "grö"}},
	{fencepost.Text, "char(3)", "bpchar", []any{"a"}, []string{"a"}},
	{fencepost.Text, "name", "name", []any{"a"}, []string{"a"}},
	{fencepost.Text, "citext", "citext", []any{"ATL"}, []string{"ATL"}},
	{fencepost.Text, "mood", "enum", []any{"glad", "sad"}, []string{"glad", "sad"}},
	{fencepost.Text, "uuid", "uuid", []any{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "{6BA7B8109DAD11D180B400C04FD430C8}"},
		[]string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}},
	{fencepost.Int, "smallint", "int2", []any{0, -32768, 32767}, []string{"0", "-32768", "32767"}},
	{fencepost.Int, "integer", "int4", []any{-1, math.MinInt32, math.MaxInt32}, []string{"-1", "-2147483648", "2147483647"}},
	{fencepost.Int, "bigint", "int8", []any{math.MinInt64, math.MaxInt64, 1<<53 + 1}, []string{"-9223372036854775808", "9223372036854775807", "9007199254740993"}},
	{fencepost.Int, "positive", "int8", []any{7}, []string{"7"}}, // a domain
	{fencepost.Int, "numeric", "numeric", []any{0, math.MinInt64, math.MaxInt64, 10_000, -1}, []string{"0", "-9223372036854775808", "9223372036854775807", "10000", "-1"}},
	{fencepost.Int, "double precision", "float8", []any{1 << 53, -1 << 53}, []string{"9.007199254740992e+15", "-9.007199254740992e+15"}},
	{fencepost.Float, "double precision", "float8", []any{0.1, math.MaxFloat64, 5e-324, math.Inf(1), math.Inf(-1), math.NaN(), math.Copysign(0, -1)},
		[]string{"0.1", "1.7976931348623157e+308", "5e-324", "Infinity", "-Infinity", "NaN", "-0"}},
	{fencepost.Float, "real", "float4", []any{0.1, math.MaxFloat32, math.Inf(-1)}, []string{"0.1", "3.4028235e+38", "-Infinity"}},
	{fencepost.Float, "numeric", "numeric", []any{0.1, -1e21, 1.5e-7, math.NaN(), math.Inf(1), math.Inf(-1)}, []string{"0.1", "-1000000000000000000000", "0.00000015", "NaN", "Infinity", "-Infinity"}},
	{fencepost.Bool, "boolean", "bool", []any{true, false}, []string{"true", "false"}},
	{fencepost.Timestamp, "timestamptz", "timestamptz", []any{0, -1, 978307260_000001, minTimestamp, math.MaxInt64},
		[]string{"1970-01-01 00:00:00+00", "1969-12-31 23:59:59.999999+00", "2001-01-01 00:01:00.000001+00", "4714-11-24 00:00:00+00 BC", "294247-01-10 04:00:54.775807+00"}},
	{fencepost.Timestamp, "timestamp", "timestamp", []any{978307260_000001}, []string{"2001-01-01 00:01:00.000001"}},
	{fencepost.Timestamp, "date", "date", []any{0, -1, 86_399_999_999, epoch2000 - 1, minTimestamp}, []string{"1970-01-01", "1969-12-31", "1970-01-01", "1999-12-31", "4714-11-24 BC"}},
	{fencepost.Decimal, "numeric", "numeric", []any{"-12.50", "0.00", "1e3", "00012.3400", "1E-5", "-0"}, []string{"-12.50", "0.00", "1000", "12.3400", "0.00001", "0"}},
	{fencepost.Decimal, "numeric(6,2)", "numeric", []any{"1234.565", "-0.005"}, []string{"1234.57", "-0.01"}},
	{fencepost.Decimal, "text", "text", []any{"1.50"}, []string{"1.50"}},
	{fencepost.Decimal, "varchar", "varchar", []any{"1.50"}, []string{"1.50"}},
	{fencepost.JSON, "jsonb", "jsonb", []any{`{"b":1,"a":[true,null]}`, `"x"`}, []string{`{"a": [true, null], "b": 1}`, `"x"`}},
	{fencepost.JSON, "json", "json", []any{`{"b":1}`}, []string{`{"b":1}`}},
	{fencepost.JSON, "text", "text", []any{`{"b":1}`}, []string{`{"b":1}`}},
	{fencepost.JSON, "text[]", "text[]", []any{`["a","b,\"c"]`, `[]`, `["",null,"NULL"]`}, []string{`{a,"b,\"c"}`, `{}`, `{"",NULL,"NULL"}`}},
	{fencepost.JSON, "varchar(3)[]", "character varying[]", []any{`["abc"]`}, []string{`{abc}`}},
	{fencepost.JSON, "uuid[]", "uuid[]", []any{`["6BA7B8109DAD11D180B400C04FD430C8",null]`}, []string{`{6ba7b810-9dad-11d1-80b4-00c04fd430c8,NULL}`}},
	{fencepost.JSON, "smallint[]", "smallint[]", []any{`[-32768, 32767]`}, []string{`{-32768,32767}`}},
	{fencepost.JSON, "integer[]", "integer[]", []any{`[2147483647]`}, []string{`{2147483647}`}},
	{fencepost.JSON, "bigint[]", "bigint[]", []any{`[9223372036854775807,-9223372036854775808]`}, []string{`{9223372036854775807,-9223372036854775808}`}},
	{fencepost.JSON, "numeric[]", "numeric[]", []any{`[12345678901234567890.12, 1e3]`}, []string{`{12345678901234567890.12,1000}`}},
	{fencepost.JSON, "double precision[]", "double precision[]", []any{`[0.1, 1e300]`}, []string{`{0.1,1e+300}`}},
	{fencepost.JSON, "boolean[]", "boolean[]", []any{`[true,false,null]`}, []string{`{t,f,NULL}`}},
	{fencepost.Date, "date", "date", []any{"2024-02-29", "0001-01-01"}, []string{"2024-02-29", "0001-01-01"}},
	{fencepost.Date, "text", "text", []any{"2024-02-29"}, []string{"2024-02-29"}},
	{fencepost.Date, "varchar", "varchar", []any{"2024-02-29"}, []string{"2024-02-29"}},
	{fencepost.Time, "time", "time", []any{"12:34:56.789", "24:00:00"}, []string{"12:34:56.789", "24:00:00"}},
	{fencepost.Time, "text", "text", []any{"12:34:56"}, []string{"12:34:56"}},
	{fencepost.Time, "varchar", "varchar", []any{"12:34:56"}, []string{"12:34:56"}},
	{fencepost.UUID, "uuid", "uuid", []any{"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, []string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}},
	{fencepost.UUID, "text", "text", []any{"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, []string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}},
	{fencepost.UUID, "varchar", "varchar", []any{"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, []string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}},
	{fencepost.Bytes, "bytea", "bytea", []any{[]byte{}, []byte{0, 255}}, []string{`\x`, `\x00ff`}},
	{fencepost.Bytes, "text", "text", []any{[]byte("größe")}, []string{"größe"}},
	{fencepost.Bytes, "varchar", "varchar", []any{[]byte("x")}, []string{"x"}},
}

const typesDDL = `create extension citext; create type mood as enum ('glad', 'sad'); create domain positive as bigint check (value > 0); set timezone to 'UTC';`

func TestEveryPairKeepsItsValue(t *testing.T) {
	s := newStore(t)
	s.exec(t, typesDDL)
	s.exec(t, "alter database "+ident(one[string](t, s, "select current_database()"))+" set timezone to 'UTC'")
	w := s.worker(t, Config{Table: "flights"}).start(1)
	tried := map[string]bool{}
	for i, c := range trips {
		t.Run(fmt.Sprint(c.from, " to ", c.to), func(t *testing.T) {
			tried[fmt.Sprint(c.from, c.pair)] = true
			table := fmt.Sprint("t", i)
			s.exec(t, "create table "+table+" (v "+c.to+", _offset bigint, _timestamp timestamptz)")
			k := s.worker(t, Config{Table: table})
			k.held = w.held
			values := append(c.values, nil)
			spec := []fencepost.ColumnSpec{{Name: "v", Type: c.from}}
			if _, err := k.sink.Columns(t.Context(), spec); err != nil {
				t.Fatal(err)
			}
			k.must(k.table(column("v", c.from, values...)))
			for j, want := range append(c.want, "null") {
				got := one[string](t, s, "select coalesce(v::text, 'null') from "+table+" order by _offset offset $1 limit 1", j)
				if got != want {
					t.Errorf("%v: got %s, want %s", values[j], got, want)
				}
			}
		})
	}
	for _, p := range pairs {
		if !tried[fmt.Sprint(p.From, p.To)] {
			t.Errorf("pair %s to %s is not tried", p.From, p.To)
		}
	}
}

func TestMetadataIsFilled(t *testing.T) {
	s := newStore(t)
	s.exec(t, `create table m (v text, _topic varchar(20), _partition smallint, _offset numeric, _timestamp timestamp, _key bytea, _headers jsonb)`)
	w := s.worker(t, Config{Table: "m"}).start(1)
	needs, err := w.sink.Columns(t.Context(), []fencepost.ColumnSpec{{Name: "v", Type: fencepost.Text}})
	if err != nil || fmt.Sprint(needs) != "[_key _headers]" {
		t.Fatalf("needs: got %v, %v; want _key and _headers", needs, err)
	}
	w.must(w.table(column("v", fencepost.Text, "a", "b"), column("_key", fencepost.Bytes, []byte{1}, nil), column("_headers", fencepost.JSON, `[["k","YQ=="]]`, `[]`)))
	got := one[string](t, s, "select string_agg(m::text, ' ' order by _offset) from m")
	if want := `(a,flights,0,0,"1970-01-01 00:00:00","\\x01","[[""k"", ""YQ==""]]") (b,flights,0,1,"1970-01-01 00:00:01",,[])`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The binary form of any decimal is what the server makes of its text.
func TestNumericAgainstTheServer(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table d (v numeric, _offset bigint)")
	w := s.worker(t, Config{Table: "d"}).start(1)
	c := s.connect(t)
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(decimals(), 50, 200).Draw(t, "texts")
		var values []any
		for _, v := range texts {
			values = append(values, v)
		}
		from := w.held[at(0)].Offset
		if err := w.commit(w.t.Context(), w.table(column("v", fencepost.Decimal, values...))); err != nil {
			t.Fatal(err)
		}
		rows, err := c.Query(w.t.Context(), `select x, x::numeric::text, v::text from unnest($1::text[]) with ordinality u(x, n)
			left join d on _offset = $2 + n - 1 where v::text is distinct from x::numeric::text`, texts, int64(from))
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var text, want, got string
			if err := rows.Scan(&text, &want, &got); err != nil {
				t.Fatal(err)
			}
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		if rows.Err() != nil {
			t.Fatal(rows.Err())
		}
	})
}

func TestBadRowsAreRejected(t *testing.T) {
	s := newStore(t)
	s.exec(t, typesDDL)
	w := s.worker(t, Config{Table: "flights"}).start(1)
	for i, c := range []struct {
		to     string
		from   fencepost.Type
		value  any
		code   string
		reason string
	}{
		{"integer", fencepost.Int, math.MaxInt32 + 1, "22003", `"2147483648" in column v is out of range for integer`},
		{"integer", fencepost.Int, math.MinInt32 - 1, "22003", "out of range"},
		{"smallint", fencepost.Int, 1 << 16, "22003", "out of range for smallint"},
		{"double precision", fencepost.Int, 1<<53 + 1, "22003", "out of range"},
		{"real", fencepost.Float, 1e39, "22003", "out of range"},
		{"timestamptz", fencepost.Timestamp, minTimestamp - 1, "22008", "out of range"},
		{"date", fencepost.Timestamp, math.MinInt64, "22008", "out of range"},
		{"numeric", fencepost.Decimal, "1,5", "22P02", "is no decimal number"},
		{"numeric(4,2)", fencepost.Decimal, "100", "22003", "numeric field overflow"},
		{"numeric(4,2)", fencepost.Int, 100, "22003", "numeric field overflow"},
		{"uuid", fencepost.Text, "6ba7b810-9dad-11d1-80b4-00c04fd430c", "22P02", "is no UUID"},
		{"uuid", fencepost.Text, "6ba7b810-9dad-11d1-80b4-00c04fd430c8f", "22P02", "is no UUID"},
		{"uuid", fencepost.Text, "zba7b810-9dad-11d1-80b4-00c04fd430c8", "22P02", "is no UUID"},
		{"text", fencepost.Text, "a\x00b", "22021", "in column v"},
		{"text", fencepost.Bytes, []byte{0xff}, "22021", "in column v"},
		{"jsonb", fencepost.JSON, `"\u0000"`, "22P05", ""},
		{"jsonb", fencepost.JSON, `{`, "22P02", ""},
		{"json", fencepost.JSON, "", "22P02", ""},
		{"varchar(2)", fencepost.Text, "abc", "22001", "too long"},
		{"mood", fencepost.Text, "angry", "22P02", "angry"},
		{"positive", fencepost.Int, -1, "23514", "positive"},
		{"text not null", fencepost.Text, nil, "23502", "null in column v violates not-null"},
		{"int check (v <> 5)", fencepost.Int, 5, "23514", "v_check"},
		{"int primary key", fencepost.Int, 1, "23505", "pkey"},
		{"int references one", fencepost.Int, 2, "23503", "fkey"},
	} {
		t.Run(fmt.Sprint(c.to, c.value), func(t *testing.T) {
			table := fmt.Sprint("b", i)
			if i == 0 {
				s.exec(t, "create table one (v int primary key); insert into one values (1)")
			}
			s.exec(t, "create table "+table+" (v "+c.to+")")
			k := s.worker(t, Config{Table: table})
			k.held = w.held
			if c.code == "23505" {
				k.must(k.table(column("v", c.from, 1)))
			}
			before := one[int](t, s, "select count(*) from "+table)
			err := k.commit(t.Context(), k.table(column("v", c.from, c.value)))
			r := new(sink.Rejected)
			if !errors.As(err, &r) || r.Code != c.code || !strings.Contains(r.Reason, c.reason) {
				t.Fatalf("got %v, want a *Rejected with %s and %q", err, c.code, c.reason)
			}
			if got := one[int](t, s, "select count(*) from "+table); got != before {
				t.Errorf("%d rows stand after the refusal, want %d", got, before)
			}
			if got, want := k.offset(0), k.held[at(0)].Offset; got != want {
				t.Errorf("the ledger moved to %d, want %d", got, want)
			}
			if f := new(fencepost.UserError); errors.As(err, &f) {
				t.Errorf("a bad row is a fault too: %v", f.Code)
			}
		})
	}
}

// Whichever value is in the middle of a large batch, nothing of it is applied, and the lane goes on.
func TestABadRowInTheMiddle(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table i (v int)")
	w := s.worker(t, Config{Table: "i"}).start(1)
	c := column("v", fencepost.Int)
	for i := range 50_000 {
		c.AppendInt(int64(i))
	}
	c.AppendInt(1 << 40)
	for i := range 50_000 {
		c.AppendInt(int64(i))
	}
	r := new(sink.Rejected)
	if err := w.commit(t.Context(), w.table(c)); !errors.As(err, &r) {
		t.Fatalf("got %v, want *Rejected", err)
	}
	if n := one[int](t, s, "select count(*) from i"); n != 0 {
		t.Errorf("%d rows stand", n)
	}
	w.must(w.table(column("v", fencepost.Int, 1)))
}

// V16: days, times of day and UUIDs by type, arrays of scalars from JSON, and for the rest a line of SQL that works.
func TestV16TypesThatTablesHave(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table v16 (id int, tags text[], ip inet, dur interval, tm time, d date, u uuid)")
	specs := []fencepost.ColumnSpec{{Name: "id", Type: fencepost.Int}, {Name: "tags", Type: fencepost.JSON}, {Name: "tm", Type: fencepost.Time},
		{Name: "d", Type: fencepost.Date}, {Name: "u", Type: fencepost.UUID}}
	w := s.worker(t, Config{Table: "v16"}).start(1)
	if f := w.sink.Check(t.Context(), specs)[0]; !f.OK {
		t.Errorf("check: %+v", f)
	}
	row := func(tags string) []fencepost.Column {
		return []fencepost.Column{column("id", fencepost.Int, 1), column("tags", fencepost.JSON, tags), column("tm", fencepost.Time, "12:34:56.5"),
			column("d", fencepost.Date, "2024-02-29"), column("u", fencepost.UUID, "6ba7b810-9dad-11d1-80b4-00c04fd430c8")}
	}
	w.must(w.table(row(`["a", null]`)...))
	if got := one[string](t, s, "select v16::text from v16"); got != `(1,"{a,NULL}",,,12:34:56.5,2024-02-29,6ba7b810-9dad-11d1-80b4-00c04fd430c8)` {
		t.Errorf("got %s", got)
	}
	for _, bad := range []string{`["a", 1]`, `[["a"]]`, `{"a": 1}`, `"a"`} {
		r, refused := errors.AsType[*sink.Rejected](w.commit(t.Context(), w.table(row(bad)...)))
		if !refused || !strings.Contains(r.Reason, "in column tags") {
			t.Errorf("%s: got %v, want it refused with its column", bad, r)
		}
	}
	both := append(specs, fencepost.ColumnSpec{Name: "ip", Type: fencepost.Text})
	f := w.sink.Check(t.Context(), both)[0]
	_, line, _ := strings.Cut(f.Help, "or let SQL convert it: sql: ")
	if f.Code != "column-type" || line == "" {
		t.Fatalf("check of a text into inet: %+v", f)
	}
	byHelp := s.worker(t, Config{SQL: line})
	byHelp.held = w.held
	byHelp.must(byHelp.table(column("ip", fencepost.Text, "10.0.0.1")))
	if got := one[string](t, s, "select host(ip) from v16 where ip is not null"); got != "10.0.0.1" {
		t.Errorf("by the line of the help: got %s", got)
	}
}
