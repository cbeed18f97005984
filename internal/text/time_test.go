package text

import (
	"errors"
	"testing"
	"time"
	_ "time/tzdata" // the tests name zones, and a machine may have none

	"pgregory.net/rapid"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestO14TimesWithAZone: each way to write one instant is read as that instant, wherever it is read.
func TestO14TimesWithAZone(t *testing.T) {
	want := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC)
	for _, s := range []string{"2026-10-25T02:30+02:00", "2026-10-25T00:30Z", "2026-10-25T02:30+0200", "2026-10-25T00:30:00.000+0000", "2026-10-25T02:30+02",
		"2026-10-25T02:30:00+02:00", "2026-10-25 02:30:00 +02:00", "2026-10-25 02:30 +0200", "2026-10-24T20:00:00,0-0430", "2026-10-25T00:30:00.000000000Z"} {
		for _, in := range []string{"UTC", "Europe/Berlin", "Asia/Kolkata"} {
			if got, err := ParseTime(s, zone(t, in)); err != nil || !got.Equal(want) {
				t.Errorf("%s read in %s: got %s, %v, want %s", s, in, got, err, want)
			}
		}
	}
	if got, err := ParseTime("2026-10-25T00:30:00.123456789Z", time.UTC); err != nil || got.Nanosecond() != 123456789 {
		t.Errorf("a fraction: got %s, %v", got, err)
	}
	for _, bad := range []string{"2026-10-25T02:30+24:00", "2026-10-25T02:30+02:60", "2026-10-25T02:30+2", "2026-10-25T02:30 CET", "2026-02-30T02:30Z", "2026-10-25Z",
		"2026-10-25T24:00", "2026-10-25T02", "2026-10-25T02:30:00.", "2026-10-25T02:30:60Z", " 2026-10-25", "1792888200", "2026-10-25T02:30z"} {
		if got, err := ParseTime(bad, time.UTC); !errors.Is(err, ErrNoTime) {
			t.Errorf("%q: got %s, %v, want no time", bad, got, err)
		}
	}
}

// TestO13LocalTimesOfTheSwitch: a local time that clocks show twice, or never, is refused with both instants; the others of
// these days are taken.
func TestO13LocalTimesOfTheSwitch(t *testing.T) {
	for _, c := range []struct{ zone, text, first, second string }{
		{"Europe/Berlin", "2026-10-25T02:30", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"},
		{"Europe/Berlin", "2026-10-25 02:59:59.5", "2026-10-25T02:59:59.5+02:00", "2026-10-25T02:59:59.5+01:00"},
		{"Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"},
		{"Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"America/New_York", "2026-11-01T01:00", "2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00"},
		{"Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-04T01:45:00+10:30", "2026-10-04T02:45:00+11:00"},
		{"America/Havana", "2026-03-08", "2026-03-07T23:00:00-05:00", "2026-03-08T01:00:00-04:00"},
		{"Pacific/Apia", "2011-12-30T12:00", "2011-12-29T12:00:00-10:00", "2011-12-31T12:00:00+14:00"},
	} {
		at, err := ParseTime(c.text, zone(t, c.zone))
		fault, ok := errors.AsType[*LocalTimeError](err)
		if !ok {
			t.Errorf("%s in %s: got %s, %v, want it refused", c.text, c.zone, at, err)
			continue
		}
		first, second := fault.Written()
		if first != c.first || second != c.second {
			t.Errorf("%s in %s: got %s and %s, want %s and %s", c.text, c.zone, first, second, c.first, c.second)
		}
		for i, written := range []string{first, second} {
			if back, err := ParseTime(written, time.UTC); err != nil || !back.Equal(fault.Instants[i]) {
				t.Errorf("%s reads back as %s, %v", written, back, err)
			}
		}
	}
	for text, want := range map[string]string{
		"2026-10-25T01:59:59": "2026-10-24T23:59:59Z", "2026-10-25T03:00": "2026-10-25T02:00:00Z", "2026-03-29T01:59": "2026-03-29T00:59:00Z",
		"2026-03-29T03:00": "2026-03-29T01:00:00Z", "2026-10-25": "2026-10-24T22:00:00Z", "1969-12-31T23:59:59": "1969-12-31T22:59:59Z", "2100-07-01T12:00": "2100-07-01T10:00:00Z",
	} {
		if got, err := ParseTime(text, zone(t, "Europe/Berlin")); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s in Berlin: got %s, %v, want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"2026-10-25T02:30": "2026-10-25T02:30 is shown twice here, where clocks go back: it may be 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00",
		"2026-03-29T02:30": "2026-03-29T02:30 is skipped here, where clocks go from +01:00 to +02:00: it may be 2026-03-29T01:30:00+01:00 or 2026-03-29T03:30:00+02:00",
	} {
		if _, err := ParseTime(text, zone(t, "Europe/Berlin")); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// A local time is taken just where one instant is shown so: looked for among all seconds of three days.
func TestParseTimeAgainstTheClock(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Havana", "Africa/Casablanca"}
	rapid.Check(t, func(r *rapid.T) {
		in := zone(t, rapid.SampledFrom(zones).Draw(r, "zone"))
		around := time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(r, "second"), 0)
		if _, end := around.In(in).ZoneBounds(); !end.IsZero() && rapid.Bool().Draw(r, "at a switch") {
			around = end.Add(time.Duration(rapid.IntRange(-180, 180).Draw(r, "minutes")) * time.Minute)
		}
		shown := around.In(in).Format("2006-01-02T15:04")
		if rapid.Bool().Draw(r, "of another offset") {
			shown = around.UTC().Format("2006-01-02T15:04")
		}
		wall, err := time.Parse("2006-01-02T15:04", shown)
		if err != nil {
			r.Fatal(err)
		}
		var all []time.Time
		for at := wall.Add(-27 * time.Hour); at.Sub(wall) < 27*time.Hour; at = at.Add(time.Minute) {
			if at.In(in).Format("2006-01-02T15:04") == shown {
				all = append(all, at)
			}
		}
		got, err := ParseTime(shown, in)
		if len(all) == 1 && (err != nil || !got.Equal(all[0])) || len(all) != 1 && err == nil {
			r.Fatalf("%s in %s: got %s, %v; clocks show it at %v", shown, in, got, err, all)
		}
	})
}

// A day whose zone Go does not find the end of: a walk along Time.ZoneBounds does not leave it.
func TestTheLastDayOfALeapYear(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"} {
		in := zone(t, name)
		for _, year := range []int{2040, 2044, 2096} {
			want := time.Date(year, 12, 31, 10, 0, 0, 0, in)
			if got, err := ParseTime(want.Format("2006-01-02T15:04"), in); err != nil || !got.Equal(want) {
				t.Errorf("%s: got %s, %v, want %s", name, got, err, want)
			}
		}
	}
}

// TestO12ClockOfOneOffset: all times are in the offset that the clock names, also those of the other half of the year, and two
// instants never read alike.
func TestO12ClockOfOneOffset(t *testing.T) {
	c := ClockAt(time.Date(2026, 11, 21, 3, 0, 0, 0, zone(t, "Europe/Berlin")))
	if got := c.String(); got != "+01:00" {
		t.Errorf("got %s, want +01:00", got)
	}
	for utc, want := range map[string]string{"2026-10-25T00:00:00Z": "2026-10-25 01:00:00", "2026-10-25T00:30:00Z": "2026-10-25 01:30:00",
		"2026-10-25T01:30:00Z": "2026-10-25 02:30:00", "2026-07-01T00:00:00Z": "2026-07-01 01:00:00"} {
		at, err := ParseTime(utc, time.UTC)
		if got := c.Time(at); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", utc, got, err, want)
		}
		if back, err := ParseTime(c.Time(at)+" "+c.String(), time.UTC); err != nil || !back.Equal(at) {
			t.Errorf("%s reads back as %s, %v", utc, back, err)
		}
	}
	if got := c.Time(time.Time{}); got != "-" {
		t.Errorf("no time: got %s, want -", got)
	}
}
