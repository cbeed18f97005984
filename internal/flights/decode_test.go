package flights

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawFlights(t)
		data, err := encode(slices.Values(want))
		if err != nil {
			t.Fatal(err)
		}
		table, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Collect(table.All()); !slices.Equal(got, want) || table.rows != len(want) {
			t.Fatalf("got %d flights %v, want %v", table.rows, got, want)
		}
	})
}

func drawFlights(t *rapid.T) []Flight {
	code := rapid.SampledFrom([]string{"ATL", "ORD", "LAX", "AAA", "ZZZ"})
	distances := make(map[string]int64)
	date := epoch
	var all []Flight
	for range rapid.IntRange(0, 40).Draw(t, "rows") {
		f := Flight{Delay: int64(rapid.Int32().Draw(t, "delay")), Origin: code.Draw(t, "origin"), Destination: code.Draw(t, "destination")}
		key := f.Origin + f.Destination
		if _, ok := distances[key]; !ok {
			distances[key] = int64(rapid.Uint16().Draw(t, "distance"))
		}
		f.Distance = distances[key]
		date = date.Add(time.Duration(rapid.IntRange(0, 100_000).Draw(t, "minutes")) * time.Minute)
		f.Date = date
		all = append(all, f)
	}
	return all
}

func TestEncodeRefusesWhatTheLayoutCannotHold(t *testing.T) {
	good := Flight{Date: epoch, Delay: 1, Distance: 2, Origin: "ATL", Destination: "ORD"}
	with := func(change func(*Flight)) []Flight {
		f := good
		change(&f)
		return []Flight{good, f}
	}
	for want, all := range map[string][]Flight{
		"before":                              with(func(f *Flight) { f.Date = epoch.Add(-time.Minute) }),
		"not a whole minute":                  with(func(f *Flight) { f.Date = epoch.Add(time.Second) }),
		"beyond the year 2200":                with(func(f *Flight) { f.Date = epoch.AddDate(200, 0, 0) }),
		"delay of 2147483648 minutes":         with(func(f *Flight) { f.Delay = 1 << 31 }),
		"ATL to ORD is 3 miles, and 2 before": with(func(f *Flight) { f.Distance = 3 }),
		"distance of 65536 miles":             with(func(f *Flight) { f.Origin, f.Distance = "LAX", 1<<16 }),
		`"at" to "ORD": not codes`:            with(func(f *Flight) { f.Origin = "at" }),
	} {
		_, err := encode(slices.Values(all))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "encode row 1: ") {
			t.Errorf("got error %v, want one of row 1 with %q", err, want)
		}
	}
}

func TestDecodeRefusesEveryCutAndEveryFlippedByte(t *testing.T) {
	whole := sample(t)
	for n := range whole {
		if _, err := Decode(whole[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d of %d bytes: got error %v, want ErrDamaged", n, len(whole), err)
		}
		flipped := bytes.Clone(whole)
		flipped[n] ^= 0x41
		got, err := Decode(flipped)
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("byte %d flipped: got error %v, want ErrDamaged", n, err)
		}
		// A flag of the zstd frame may mean nothing; then the flights must be the same.
		if err == nil && !slices.Equal(slices.Collect(got.All()), slices.Collect(mustDecode(t, whole).All())) {
			t.Errorf("byte %d flipped: other flights without an error", n)
		}
	}
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	routes := []byte("ATLORD\x01\x00")
	for _, c := range []struct {
		want string
		h    header
		body string
	}{
		{"row 0 has route 1 of 1", header{rows: 1, routes: 1, dateBytes: 1, delayBytes: 1}, string(routes) + "\x00\x00\x01\x00"},
		{"the dates end or break at row 1 of 2", header{rows: 2, routes: 1, dateBytes: 1, delayBytes: 2}, string(routes) + "\x00\x00\x00\x00\x00\x00\x00"},
		{"1 bytes of dates are left over", header{rows: 1, routes: 1, dateBytes: 2, delayBytes: 1}, string(routes) + "\x00\x00\x00\x00\x00"},
		{"the delays end or break at row 0 of 1", header{rows: 1, routes: 1, dateBytes: 1, delayBytes: 1}, string(routes) + "\x00\x80\x00\x00"},
		{"1 bytes of delays are left over", header{rows: 1, routes: 1, dateBytes: 1, delayBytes: 2}, string(routes) + "\x00\x00\x00\x00\x00"},
		{"not two codes", header{routes: 1}, "ATLord\x01\x00"},
	} {
		data, err := seal(c.h, []byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(data); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got error %v, want ErrDamaged with %q", err, c.want)
		}
	}
	newer := sample(t)
	newer[len(magic)] = 2
	if _, err := Decode(newer); err == nil || !strings.Contains(err.Error(), "version 2, this program knows 1") {
		t.Errorf("got error %v, want one of version 2", err)
	}
}

func TestDecodeRefusesAFrameThatGrowsBeyondItsHeader(t *testing.T) {
	data, err := seal(header{}, make([]byte, 4*MaxBody))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(data); !errors.Is(err, ErrDamaged) {
		t.Errorf("got error %v, want ErrDamaged", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(sample(f))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := Decode(data)
		walk(t, table, err)
	})
}

// FuzzParse goes past the checksum and zstd, which stop nearly all that FuzzDecode tries.
func FuzzParse(f *testing.F) {
	f.Add(uint32(1), uint32(1), uint32(1), []byte("ATLORD\x01\x00\x05\x06\x00\x00"))
	f.Add(uint32(2), uint32(1), uint32(2), []byte("ATLORD\x01\x00\x05\x06\x06\x06\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, rows, routes, dateBytes uint32, body []byte) {
		h := header{rows: int(rows % 64), routes: int(routes % 64), dateBytes: int(dateBytes % 1024)}
		h.delayBytes = len(body) - h.bodyBytes()
		if h.delayBytes < 0 {
			return
		}
		table, err := parseBody(h, body)
		walk(t, table, err)
	})
}

// walk holds every table that was let through to its promise: a walk of all its rows that can be encoded again.
func walk(t *testing.T, table *Table, err error) {
	if err != nil {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("got error %v, want ErrDamaged", err)
		}
		return
	}
	rows := slices.Collect(table.All())
	if len(rows) != table.rows {
		t.Errorf("walked %d flights, the table has %d", len(rows), table.rows)
	}
	for _, f := range rows {
		if line := f.AppendJSON(nil); !bytes.HasPrefix(line, []byte(`{"date":"2`)) {
			t.Errorf("got %s, want a year from 2001 to 2199", line)
		}
	}
}

func sample(t testing.TB) []byte {
	t.Helper()
	rows := slices.Collect(First200k().All())[:100]
	data, err := encode(slices.Values(rows))
	if err != nil {
		t.Fatal(err)
	}
	if binary.LittleEndian.Uint32(data[12:]) != 100 {
		t.Fatal("the row count is not at byte 12")
	}
	return data
}

func mustDecode(t testing.TB, data []byte) *Table {
	t.Helper()
	table, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return table
}
